"""Numbers that the report states and no study holds: derived from its curves and plans in NumPy."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from budget.allocation.convex.best_size import best_inputs, last_input
from budget.allocation.convex.problem import planned_cost, sized_values
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.plan.plan import Plan
from budget.curves.curves import Curves
from budget.numerics.interval import interval
from budget.report.numerals import UNIT_WORDS, factor
from budget.studies.budget_response import FACTORS
from budget.studies.plan import Study

NEAR = 0.1
"""A size counts as near the best where it loses less than this share of the budget is worth at the margin."""

PAYS = 1e-3
"""Share of the budget that a size must leave for its training, to be looked at."""

GRID = 121
"""Points of the curve of sizes; odd, so that the plan's own size is one."""


@dataclass(frozen=True)
class Sizes:
    """The objective of one shared model against its size, at one cost.

    Attributes:
        params: (G,) sizes.
        tokens: (G,) what the budget leaves for training each.
        objective: (G,) by the point fit.
        low: (G,) lower end of its 80 % interval.
        high: (G,) upper end.
        near: smallest and largest size that loses less than ``NEAR`` of the budget is worth.
        plan: position of the plan's own size.
    """

    params: np.ndarray
    tokens: np.ndarray
    objective: np.ndarray
    low: np.ndarray
    high: np.ndarray
    near: tuple[float, float]
    plan: int


@dataclass(frozen=True)
class Breadth:
    """What sharing a budget does to K tasks, in joining order.

    Attributes:
        alone: (K,) each task's value where the whole budget is its own.
        shared: (K, K) ``shared[k, i]`` is task i's value where the first k + 1 tasks share, NaN before it joins.
        spend: (K,) spend of each task where all share.
    """

    alone: np.ndarray
    shared: np.ndarray
    spend: np.ndarray


def is_shared(plan: Plan) -> bool:
    """Whether the plan trains one model for all tasks."""
    return plan.spec.strategy == "shared"


def trades_size(study: Study) -> bool:
    """Whether the plan chooses how compute is divided between parameters and tokens."""
    return len(study.curves.planned_inputs) == 2 and study.plan.spec.params is None


def farthest(plan: Plan) -> str:
    """The planned scale that lies farthest outside the measured range of its task, in words."""
    name, position = max(
        ((name, int(np.abs(np.log(factors)).argmax())) for name, factors in plan.extrapolation_factors.items()),
        key=lambda where: abs(np.log(plan.extrapolation_factors[where[0]][where[1]])),
    )
    times = plan.extrapolation_factors[name][position]
    which = "" if is_shared(plan) or len(plan.spend) == 1 else f" ({plan.spec.tasks.names[position]})"
    unit = UNIT_WORDS.get(name, name)
    if times >= 1:
        return f"{factor(times)} the largest measured {unit}{which}"
    return f"{factor(1 / times)} below the smallest measured {unit}{which}"


def shares(plan: Plan, spends: np.ndarray) -> np.ndarray:
    """What part of the budget each spend (T,) is."""
    return spends / plan.spec.budget


def heaviest(plan: Plan, most: int) -> np.ndarray:
    """Positions of the tasks with the largest spend (then weight), at most so many, in the plan's order."""
    order = np.lexsort((-plan.spec.weight, -plan.spend))
    return np.sort(order[:most])


def objective_interval(curves: Curves, plan: Plan) -> tuple[float, float]:
    """80 % interval of the plan's objective over the draws, NaN where there are none."""
    low, high = interval(_worlds(curves, plan.log_inputs[None]) @ plan.spec.weight)
    return float(np.minimum(low, plan.objective)[0]), float(np.maximum(high, plan.objective)[0])


def at_factor(study: Study, factor: float) -> float:
    """The best objective at a multiple of the budget, one of ``FACTORS``."""
    return float(study.response.objective[FACTORS.index(factor)])


def budget_for(study: Study, objective: float) -> float:
    """The budget at which the best plan has an objective, between the budgets looked at; NaN beyond them."""
    known = np.isfinite(study.response.objective)
    logs, values = np.log(study.response.budget[known]), study.response.objective[known]
    order = np.argsort(values)
    if known.sum() < 2 or not values.min() <= objective <= values.max() or (np.diff(values[order]) <= 0).any():
        return float("nan")
    unit = np.abs(values).max()  # so that slopes stay finite whatever the metric's unit
    return float(np.exp(PchipInterpolator(values[order] / unit, logs[order])(objective / unit)))


def size_tradeoff(study: Study) -> Sizes:
    """The objective of a shared model at the plan's cost, for sizes up to 30 times smaller and larger.

    What a size costs is what the plan pays for: serving it, too. Sizes whose serving leaves nothing for training are
    not there.
    """
    curves, plan = study.planned, study.plan
    log_params = np.log(plan.params[0]) + np.linspace(-np.log(30), np.log(30), GRID)
    cost = planned_cost(curves, plan.spec, plan.spec.unit).take(np.zeros(GRID, dtype=int))
    pays = np.flatnonzero(cost.fix_input(0, log_params).offset < (1 - PAYS) * plan.total)
    log_params, cost = log_params[pays], cost.take(pays)
    inputs = last_input(cost, log_params[:, None], np.full(len(pays), np.log(plan.total)))
    tasks = np.arange(len(curves.tasks))
    everywhere = np.array([law_inputs_of(curves, plan.spec, np.tile(at, (len(tasks), 1))) for at in inputs])
    values = np.array([curves.present(tasks, curves.distance(tasks, at)) for at in everywhere])
    objective = values @ plan.spec.weight
    low, high = interval(_worlds(curves, everywhere) @ plan.spec.weight)
    worth = NEAR * plan.shadow_price * plan.spec.budget
    near = np.exp(log_params[np.abs(objective - plan.objective) <= worth])
    return Sizes(
        params=np.exp(inputs[:, 0]),
        tokens=np.exp(inputs[:, 1]),
        objective=objective,
        low=low,
        high=high,
        near=(float(near.min()), float(near.max())),
        plan=int(np.abs(pays - GRID // 2).argmin()),
    )


def breadth(study: Study) -> Breadth:
    """Each task alone with the whole budget, and as 1, 2, …, K tasks share it."""
    growth = study.growth
    spec = growth.plans[-1].spec
    curves = study.planned.take(np.array([study.planned.tasks.index(name) for name in growth.names]))
    value, cost = sized_values(curves, spec).values, planned_cost(curves, spec, spec.unit)
    inputs = law_inputs_of(curves, spec, best_inputs(value, cost, np.full(len(growth.names), spec.budget)))
    alone, _, _ = curves.predict(np.arange(len(growth.names)), inputs)
    shared = np.full((len(growth.plans), len(growth.names)), np.nan)
    for position, plan in enumerate(growth.plans):
        shared[position, : position + 1] = plan.predicted
    return Breadth(alone, shared, growth.plans[-1].spend)


def worsening(study: Study, found: Breadth) -> np.ndarray:
    """(K,) how much worse each task is where all share than alone, in the metric's unit."""
    return (found.shared[-1] - found.alone) * (-1 if study.plan.higher_is_better else 1)


def saturated(study: Study) -> list[str]:
    """Used tasks whose last decade of scale no longer improved the best value by 3 standard errors."""
    used = set(study.planned.tasks)
    return [
        finding.task
        for finding in study.findings
        if finding.check == "last decade" and finding.verdict != "PASS" and finding.task in used
    ]


def _worlds(curves: Curves, inputs: np.ndarray) -> np.ndarray:
    """Values (B, G, T) under every draw at log inputs (G, T, I)."""
    points, tasks, _ = inputs.shape
    task = np.tile(np.arange(tasks), points)
    distance = curves.distance_draws(task, inputs.reshape(points * tasks, -1))
    return curves.present(task, distance).reshape(len(curves.draws), points, tasks)
