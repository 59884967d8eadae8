"""What other sizes of a plan's only model would reach for the same spend."""

from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.best_size import last_input
from budget.allocation.convex.problem import planned_cost
from budget.allocation.plan.assembly import law_inputs_of, told_draws, told_measures, value_of_measures
from budget.allocation.plan.plan import Plan
from budget.curves.curves import Curves
from budget.numerics.interval import interval

NEAR_SHARE = 0.1
"""A size counts as near the best where it loses less than what this share of the spend is worth at the margin."""

LEAST_TRAINING = 1e-3
"""Share of the spend that a size must leave for its training, to be looked at."""

GRID_SIZES = 121
"""Points of the curve of sizes; odd, so that the plan's own size is one."""

SIZE_RANGE = 30.0
"""Sizes looked at are up to this many times smaller and larger than the plan's."""


@dataclass(frozen=True)
class SizeTradeoff:
    """The objective of one model, shared or of a single task, against its size, at one cost.

    Attributes:
        params: (G,) sizes.
        tokens: (G,) what the spend leaves for training each.
        objective: (G,) by the point fit, as the plan's.
        low: (G,) lower end of its 80 % interval over the draws.
        high: (G,) upper end.
        near: smallest and largest size that loses less than what ``NEAR_SHARE`` of the spend is worth.
        plan: position of the plan's own size.
    """

    params: np.ndarray
    tokens: np.ndarray
    objective: np.ndarray
    low: np.ndarray
    high: np.ndarray
    near: tuple[float, float]
    plan: int


def size_tradeoff(curves: Curves, plan: Plan) -> SizeTradeoff:
    """The objective of a plan's only model at the plan's cost, for sizes about its own.

    What a size costs is what the plan pays for: serving it, too. Sizes whose serving leaves nothing for training are
    not there.

    Args:
        curves: of T tasks, of params and tokens.
        plan: of one model whose size it chooses.
    """
    spec, tasks = plan.spec, np.arange(len(curves.tasks))
    log_params = np.log(plan.params[0]) + np.linspace(-np.log(SIZE_RANGE), np.log(SIZE_RANGE), GRID_SIZES)
    cost = planned_cost(curves, spec, spec.unit).take(np.zeros(GRID_SIZES, dtype=int))
    pays = np.flatnonzero(cost.fix_input(0, log_params).offset < (1 - LEAST_TRAINING) * plan.total)
    log_params, cost = log_params[pays], cost.take(pays)
    u = last_input(cost, log_params[:, None], np.full(len(pays), np.log(plan.total)))
    # every size serves every task: (G·T, I), task after task of one size
    task = np.tile(tasks, len(pays))
    inputs = law_inputs_of(curves, spec, np.repeat(u, len(tasks), axis=0), task)
    shape = (len(pays), len(tasks))
    objective = spec.sign * value_of_measures(curves, spec, told_measures(curves, spec, task, inputs).reshape(shape))
    drawn = told_draws(curves, spec, task, inputs).reshape(len(curves.draws), *shape)
    low, high = interval(spec.sign * value_of_measures(curves, spec, drawn))
    # at its reach more budget is worth nothing, and a spend still has its marginal return
    worth = NEAR_SHARE * float(np.fmax(plan.marginal[0], plan.shadow_price)) * plan.total
    lost = (objective - plan.objective) * spec.sign  # a size that is predicted better loses nothing
    near = np.exp(log_params[lost <= worth])
    return SizeTradeoff(
        params=np.exp(u[:, 0]),
        tokens=np.exp(u[:, 1]),
        objective=objective,
        low=low,
        high=high,
        near=(float(near.min()), float(near.max())),
        plan=int(np.abs(pays - GRID_SIZES // 2).argmin()),
    )
