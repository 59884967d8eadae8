"""What the charts of the curves show: measured runs, the fitted curve with its interval, and the plan's point.

See docs/decisions/100-drawn-curve-follows-the-plan.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs, last_input
from budget.allocation.convex.problem import planned_cost, sized_values
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.plan.plan import Plan
from budget.allocation.spec.measures import measure_of
from budget.curves.curves import Curves
from budget.report.sentences.facts import is_shared
from budget.report.shown_decision import ShownModel, shown_decision
from budget.studies.make_plan import Study

GRID = 60

SPENDS = 60.0
"""How far about the plan's spend the spend of a training is looked for, in its logarithm."""

HALVINGS = 50


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
        planned_x: the plan's scale, NaN where it gives the task nothing.
        planned: the plan's predicted value, likewise.
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
    scale = "flops" if len(curves.planned_inputs) == 2 else curves.scale_columns[0]
    mine = study.runs.task == study.runs.tasks.index(curves.tasks[task])
    measured_x = study.runs.scale[scale][mine]
    trained = _trained_on_a_mixture if curves.form.is_of_one_model else _trained
    served = bool(np.isfinite(plan.log_inputs[task]).all())
    planned_x = float(trained(study, plan.log_inputs[[task]], task)[0]) if served else np.nan
    wanted = np.geomspace(np.fmin(measured_x.min(), planned_x), 1.5 * np.fmax(measured_x.max(), planned_x), GRID)
    inputs = (_of_the_mixture if curves.form.is_of_one_model else _inputs_at)(study, task, wanted)
    predicted, low, high = curves.predict(np.full(GRID, task), inputs)
    measured = study.runs.value[mine]
    return Series(
        scale,
        trained(study, inputs, task),
        predicted,
        low,
        high,
        measured_x,
        measured,
        planned_x,
        _planned(curves, plan, task) if served else np.nan,
    )


@dataclass(frozen=True)
class DecidedCurve:
    """One task's chart in the model that a decision trains for it.

    Attributes:
        task: its position.
        shared: how the model serves it, where it serves others too; else "".
        series: the chart, over the model's compute.
    """

    task: int
    shared: str
    series: Series


def decided_series(study: Study) -> tuple[DecidedCurve, ...]:
    """The charts of a decision that shares, its largest models first; none where no tables of FLOPs are there.

    Each is read off the model's table: a shared model's own curve with the runs of that model, whoever serves alone by
    its specialist's, both with the point that the decision plans.
    """
    tables, found = study.tables, study.recommendation
    if tables is None or found is None or not found.shares or study.plan.spec.unit != "flops":
        return ()
    shown = shown_decision(study)
    by_tasks = {frozenset(each.tasks): each for each in tables.models}
    drawn = []
    for model in shown.models:
        table = by_tasks[frozenset(model.tasks)]
        for place, task in enumerate(table.tasks):
            runs = _runs_of(study, model, shown.names[task])
            if runs is None:
                continue
            x, measured = runs
            ends = min(float(x.min()), model.spend), 1.5 * max(float(x.max()), model.spend)
            inside = (table.log_spend >= np.log(ends[0])) & (table.log_spend <= np.log(ends[1]))
            series = Series(
                "flops",
                np.exp(table.log_spend[inside]),
                table.predicted[inside, place],
                table.low[inside, place],
                table.high[inside, place],
                x,
                measured,
                model.spend,
                float(shown.predicted[task]),
            )
            drawn.append(DecidedCurve(task, model.strategy if len(model.tasks) > 1 else "", series))
    return tuple(drawn)


def _runs_of(study: Study, model: ShownModel, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """FLOPs and values of a model's runs of one task; ``None`` where they are not there."""
    names = study.plan.spec.tasks.names
    if len(model.tasks) == 1:
        runs, mine = study.runs, study.runs.task == study.runs.tasks.index(name)
    elif study.every_run is None:
        return None
    else:
        runs, tasks = study.every_run, {names[task] for task in model.tasks}
        of = [
            number
            for number, each in enumerate(runs.strategy_runs)
            if each.strategy == model.strategy and set(each.tasks) == tasks
        ]
        mine = np.isin(runs.strategy_index, of) & (runs.task == runs.tasks.index(name))
    if "flops" not in runs.scale or not mine.any():
        return None
    return runs.scale["flops"][mine], runs.value[mine]


def _planned(curves: Curves, plan: Plan, task: int) -> float:
    """What the curve says of the plan; where that is told in scores, of their loss."""
    if plan.spec.measure.link is None:
        return float(plan.predicted[task])
    return float(curves.predict(np.array([task]), plan.log_inputs[[task]])[0][0])


def _trained(study: Study, inputs: np.ndarray, task: int) -> np.ndarray:
    """The training (G,) of models of log inputs (G, I), in the scale of the chart: serving is none of it."""
    curves = study.planned
    if len(curves.planned_inputs) == 1:
        return np.exp(inputs[:, 0])
    assert curves.cost is not None  # runs with params and tokens have a cost law
    return curves.cost.flops(np.exp(inputs[:, 0]), np.exp(inputs[:, 1]))


def _trained_on_a_mixture(study: Study, inputs: np.ndarray, task: int) -> np.ndarray:
    """The same for the planned model and its mixture, smaller or larger."""
    curves, plan = study.planned, study.plan
    assert curves.cost is not None  # laws of one model read params and tokens
    at = curves.scale_columns.index("params")
    size = np.exp(inputs[:, at])
    return curves.cost.flops(size, plan.tokens[task] * size / plan.params[task])


def _of_the_mixture(study: Study, task: int, x: np.ndarray) -> np.ndarray:
    """The law's log inputs (G, I) of the planned model with its mixture, its size and tokens by one factor other."""
    # a model serves as many tasks whatever its size
    grows = np.array([name != "n_tasks" for name in study.planned.scale_columns])
    here = study.plan.log_inputs[task]
    low, high = np.full(len(x), -SPENDS), np.full(len(x), SPENDS)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        less = _trained_on_a_mixture(study, here + middle[:, None] * grows, task) < x
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return here + high[:, None] * grows


def _inputs_at(study: Study, task: int, x: np.ndarray) -> np.ndarray:
    """The law's log inputs (G, I) of models trained for x (G,): for two inputs, divided as the plan would divide it."""
    curves, spec = study.planned, study.plan.spec
    if len(curves.planned_inputs) == 1:
        return np.log(x[:, None])
    assert curves.cost is not None  # runs with params and tokens have a cost law
    if spec.params is not None:
        size = np.full((len(x), 1), np.log(spec.params[task]))
        tokens = last_input(curves.cost.posynomial(len(x)), size, np.log(x))[:, 1:]
        return law_inputs_of(curves, spec, tokens, np.full(len(x), task))
    if spec.measure.link is not None:  # a score rises where its loss falls: the best size of the one is the other's
        spec = replace(spec, measure=measure_of(curves, spec.tasks, "value"))
    model = np.full(len(x), 0 if is_shared(study.plan) else task)
    value = sized_values(curves, spec).values.take(model)
    cost = planned_cost(curves, spec, spec.unit).take(model)
    if spec.unit == "flops" and not np.isfinite(spec.tasks.served_tokens).any():
        return law_inputs_of(curves, spec, best_inputs(value, cost, x), np.full(len(x), task))
    # what the plan would spend in all where it trains for x: serving, or prices, are in its spend
    mine = int(model[0])
    low, high = (
        np.full(len(x), np.log(study.plan.spend[mine]) - SPENDS),
        np.full(len(x), np.log(study.plan.spend[mine]) + SPENDS),
    )
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        less = _trained(study, best_inputs(value, cost, np.exp(middle)), task) < x
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return law_inputs_of(curves, spec, best_inputs(value, cost, np.exp(high)), np.full(len(x), task))
