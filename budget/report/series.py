"""What the charts of the curves show: measured runs, the fitted curve with its interval, and the plan's point."""

from dataclasses import dataclass

import numpy as np

from budget.allocation.problem import state
from budget.allocation.size import best_inputs, last_input
from budget.report.facts import is_shared
from budget.studies.plan import Study

GRID = 60


@dataclass(frozen=True)
class Series:
    """One task's chart.

    Attributes:
        scale: the scale column on the horizontal axis.
        x: (G,) scales of the curve.
        predicted: (G,) the curve, for the two-scale law at the division of compute that the plan would choose.
        low: (G,) lower end of its 80 % interval, NaN without draws.
        high: (G,) upper end.
        measured_x: (R,) scales of the runs.
        measured: (R,) their values.
        planned_x: the plan's scale.
        planned: the plan's predicted value.
    """

    scale: str
    x: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    measured_x: np.ndarray
    measured: np.ndarray
    planned_x: float
    planned: float


def curve_series(study: Study, task: int) -> Series:
    """The chart of a planned task, by its position in the plan."""
    curves, plan = study.planned, study.plan
    scale = "flops" if len(curves.inputs) == 2 else curves.inputs[0]
    mine = study.runs.task == study.runs.tasks.index(curves.tasks[task])
    measured_x = study.runs.scale[scale][mine]
    planned_x = _planned_scale(study, task)
    x = np.geomspace(min(measured_x.min(), planned_x), 1.5 * max(measured_x.max(), planned_x), GRID)
    predicted, low, high = curves.predict(np.full(GRID, task), _inputs_at(study, task, x))
    return Series(
        scale, x, predicted, low, high, measured_x, study.runs.value[mine], planned_x, float(plan.predicted[task])
    )


def _planned_scale(study: Study, task: int) -> float:
    plan, cost = study.plan, study.curves.cost
    if len(study.curves.inputs) == 1 or plan.question.unit == "flops":
        return float(plan.spend[task])
    assert cost is not None  # runs with params and tokens have a cost law
    return float(cost.flops(plan.params[task], plan.tokens[task]))


def _inputs_at(study: Study, task: int, x: np.ndarray) -> np.ndarray:
    """The law's log inputs (G, I) at scales: for two inputs, that compute divided as the plan would divide it."""
    curves, question = study.planned, study.plan.question
    if len(curves.inputs) == 1:
        return np.log(x[:, None])
    if question.params is not None:
        assert curves.cost is not None  # runs with params and tokens have a cost law
        size = np.full((len(x), 1), np.log(question.params[task]))
        return last_input(curves.cost.posynomial(len(x)), size, np.log(x))
    problem = state(curves, question)
    model = np.full(len(x), 0 if is_shared(study.plan) else task)
    return best_inputs(problem.by_model.take(model), problem.cost.take(model), x)
