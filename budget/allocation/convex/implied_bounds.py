"""What limits on several models leave to each of them: the ends that a solver's numbers are scaled by.

See docs/decisions/041-amounts-from-what-limits-leave.md.
"""

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.cheapest import own_scale_spend
from budget.allocation.convex.problem import Problem
from budget.allocation.spec.objectives import Goal
from budget.curves.planning_forms.posynomial import Posynomial

MAX_PROPAGATIONS = 20
"""Most rounds of the propagation; each limit that hangs on another takes one."""


def implied_ends(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest spends (V,) that the rows and the budget leave, each by the ends of the other models.

    In ``Σ_v a_v·x_v ≤ most`` what is left to one model is ``most`` less the least that the others add: every plan lies
    between the ends, though not every spend between them is a plan's (interval propagation).
    """
    low, high = problem.low.astype(float), problem.high.astype(float)
    rows = [(np.ones(len(low)), problem.budget), *((r.coefficient, r.upper) for r in problem.rows if not r.resource)]
    for _ in range(MAX_PROPAGATIONS):
        before = low.copy(), high.copy()
        for coefficient, most in rows:
            with np.errstate(invalid="ignore"):
                least = np.where(coefficient > 0, coefficient * low, np.where(coefficient < 0, coefficient * high, 0.0))
            for model in np.flatnonzero(coefficient):
                end = (most - np.delete(least, model).sum()) / coefficient[model]
                if coefficient[model] > 0 and end > 0:
                    high[model] = min(high[model], end)
                elif coefficient[model] < 0 and np.isfinite(end):
                    low[model] = max(low[model], end)
        if (low == before[0]).all() and (high == before[1]).all():
            break
    return low, np.maximum(high, low)


def equal_split(problem: Problem) -> np.ndarray:
    """Best log inputs (V, I) of models that are given as much each, within what the limits leave them."""
    models = len(problem.cost)
    total = problem.budget if np.isfinite(problem.budget) else float(np.maximum(problem.low, 1.0).sum())
    low, high = implied_ends(problem)
    equal = np.clip(np.full(models, total / models), low, high)
    return best_inputs(problem.by_model, problem.cost, equal)


def origin(problem: Problem, goal: Goal) -> np.ndarray:
    """Log inputs (V, I) that solvers count from: the best ones at an equal share of every budget."""
    if goal == "cheapest":
        spend = np.maximum(own_scale_spend(problem), problem.low)
        totals = [float(spend.sum())]
    else:
        totals = [problem.budget]
    totals += [each.budget for each in problem.further]
    costs = [problem.cost, *(each.cost for each in problem.further)]
    counted = [(cost, total) for cost, total in zip(costs, totals, strict=True) if np.isfinite(total)]
    if len(counted) == 1:
        return equal_split(problem) if goal != "cheapest" else best_inputs(problem.by_model, problem.cost, spend)
    # one unit alone may leave an input free, as money for data does the size: the parts of all budgets together do not
    shares = Posynomial(
        np.zeros(len(problem.cost)),
        np.concatenate([cost.log_coef - np.log(total) for cost, total in counted], axis=1),
        np.concatenate([cost.exponent for cost, _ in counted], axis=1),
        problem.cost.domain,
        problem.cost.ceiling,
    )
    return best_inputs(problem.by_model, shares, np.full(len(problem.cost), 1 / len(problem.cost)))
