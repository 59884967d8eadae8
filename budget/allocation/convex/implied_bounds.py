"""What limits on several models leave to each of them: the ends that a solver's numbers are scaled by."""

import numpy as np

from budget.allocation.convex.problem import Problem

ROUNDS = 20
"""Most rounds of the propagation; each limit that hangs on another takes one."""


def implied_ends(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest spends (V,) that the rows and the budget leave, each by the ends of the other models.

    In ``Σ_v a_v·x_v ≤ most`` what is left to one model is ``most`` less the least that the others add: every plan lies
    between the ends, though not every spend between them is a plan's (interval propagation).
    """
    low, high = problem.low.astype(float), problem.high.astype(float)
    rows = [(np.ones(len(low)), problem.budget), *((r.coefficient, r.upper) for r in problem.rows if not r.resource)]
    for _ in range(ROUNDS):
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
