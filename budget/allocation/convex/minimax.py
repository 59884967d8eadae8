"""The spend at which a task reaches a value, and the split that makes the worst task as good as possible.

One training per task and one budget: the least spend ``s_i(t)`` at which task i reaches the level t falls with t, and
the best worst level is the one at which ``Σ_i s_i(t)``, each within its limits, is the budget.
"""

from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.best_size import best_inputs, rising_root
from budget.allocation.convex.certificate import marginal_return
from budget.allocation.convex.problem import Problem
from budget.allocation.plan.baselines import to_budget
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial

REACH = 80.0
"""How far from where it starts a spend is looked for, in its logarithm: 35 decades either way."""

ROUNDS = 60
"""Most Newton steps; a sum of falling powers takes 4 to 8."""

EXACT = 1e-12
"""Step in the logarithm of a spend after which, Newton's steps being quadratic, the next would be rounding."""

ROUNDING = 1e-13
"""Relative distance to the value at its maximum at which a task counts as there: repeats only ever get closer."""


def spend_to_level(value: PlanningForm, cost: Posynomial, level: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The least spend (V,) at which each value falls to a level; infinity where it never does.

    Newton's method on logarithms: the logarithm of what can still be reduced is convex in the logarithm of the spend
    (both are partial minima of geometric programs), so the iterates rise to the root once they are below it.

    Args:
        value: V functions, falling in each input.
        cost: V costs.
        level: (V,).
        near: (V,) spends from which to look.
    """
    reducible = level - value.offset
    some = (reducible > 0) & (level > value.least)
    wanted = np.log(np.where(some, reducible, 1.0))
    smallest = cost.at_domain
    with np.errstate(divide="ignore"):
        start = np.maximum(np.log(near), np.log(smallest))
        least = np.maximum(start - REACH, np.log(smallest))
    at = start.copy()
    for _ in range(ROUNDS):
        u = best_inputs(value, cost, np.exp(at))
        here = np.log(value.terms(u).sum(axis=1))
        elasticity = marginal_return(value, cost, u) * np.exp(at - here)
        step = np.where(some, (here - wanted) / np.maximum(elasticity, 1e-12), 0.0)
        at = np.clip(at + step, least, start + REACH)
        if (np.abs(step) <= EXACT * np.maximum(np.abs(at), 1.0)).all():
            break
    return np.where(some & (at < start + REACH), np.exp(at), np.inf)


@dataclass(frozen=True)
class MinimaxSplit:
    """A split for the worst task.

    Attributes:
        spend: (V,).
        weight: (V,) weights of the values, summing to 1, whose weighted mean no split makes smaller than this one's.
    """

    spend: np.ndarray
    weight: np.ndarray


def minimax_split(problem: Problem) -> MinimaxSplit:
    """The split that makes the largest value smallest, then the next largest, and so on.

    A task that is at its maximum and still the worst decides the objective; what is left goes to the others.

    Args:
        problem: V models of one task each, one budget, limits of their own.
    """
    value, cost = problem.value, problem.cost
    count = len(value)
    equal = np.full(count, problem.budget / count)
    near = equal.copy()
    spend, active = problem.high.copy(), np.ones(count, dtype=bool)
    at_high = value.value(best_inputs(value, cost, problem.high))
    decided = np.zeros(count)
    if problem.high.sum() <= problem.budget:
        decided[at_high.argmax()] = 1.0
        return MinimaxSplit(spend, decided)

    def at(floor: float, step: float) -> np.ndarray:
        """The spends at a level just above the floor; its distance alone keeps the digits that their sum loses."""
        above = value.scaled(np.ones(count), np.full(count, -floor))
        wanted = spend_to_level(above, cost, np.full(count, step), near)
        near[:] = np.clip(wanted, 1e-9 * equal, problem.budget)  # the next level is close to this one
        return np.where(active, np.clip(wanted, problem.low, problem.high), spend)

    # a level that some split reaches: of the even one, then the last at which something was left over
    within = float(value.value(best_inputs(value, cost, to_budget(np.ones(count), problem))).max())
    while True:
        floor = float(at_high[active].max())
        lowest = at(floor, ROUNDING * abs(floor))
        if lowest.sum() >= problem.budget:  # a task at its maximum must leave something for the others
            break
        worst = active & (at_high >= floor)
        if not decided.any():
            decided[np.flatnonzero(worst)[0]] = 1.0
        # what brings it to the value at its maximum: less than that where more data of its own are only repeats
        spend, active, within = lowest, active & ~worst, floor + ROUNDING * abs(floor)
        if not active.any():
            return MinimaxSplit(spend, decided)
    reach = max(within - floor, ROUNDING * abs(floor), 1e-300)

    def slack(log_step: np.ndarray) -> np.ndarray:
        return np.log(problem.budget) - np.log([at(floor, float(np.exp(step))).sum() for step in log_step])

    step = rising_root(slack, np.array([np.log(reach) - REACH / 2]), np.array([np.log(reach) + 1e-9]))
    spend = at(floor, float(np.exp(step[0])))
    # who is given nearly all is at no limit of its own, and must give what the others take
    free = active & (spend > problem.low) & ((spend < problem.high) | (problem.high >= problem.budget))
    if free.any():
        spend[free] *= (problem.budget - spend[~free].sum()) / spend[free].sum()
    if not decided.any() and free.any():
        decided = _weights(value, cost, spend, free)
    elif not decided.any():  # the least spends take all
        decided[value.value(best_inputs(value, cost, spend)).argmax()] = 1.0
    return MinimaxSplit(spend, decided)


def _weights(value: PlanningForm, cost: Posynomial, spend: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Weights that make every free task's marginal return the same."""
    marginal = marginal_return(value, cost, best_inputs(value, cost, spend))
    weight = np.where(free, 1 / np.where(free, np.maximum(marginal, 1e-300), 1.0), 0.0)
    return weight / weight.sum()
