"""A plan improved in the continuous spend, whatever the curves: the linear program over windows around it.

Each round lays a few points around every spend, takes the lower convex hull of each window and fills the budget along
the slopes. Where a task's returns diminish, its marginal return is brought to the common price; the windows shrink
until the spends are settled. No derivative is asked for, so steps and kinks need no other treatment.
"""

import numpy as np

from budget.allocation.nonconvex.lower_hull import fill_along_hull, lower_hull, tidy
from budget.allocation.nonconvex.responses import BUDGET_ROUNDING, Responses

FIRST_LOG_STEP = 0.2
"""Step of the first window's grid, in the logarithm of spend."""

STEPS_EACH_WAY = 4
"""Steps of the window on either side of a spend."""

SETTLED_LOG_STEP = 3e-5
"""Step at which a plan is settled: its objective is then within about the square of it of the local optimum."""


def reallocate(responses: Responses, spend: np.ndarray) -> tuple[np.ndarray, float]:
    """Improve a plan without serving other tasks.

    Args:
        responses: the tasks.
        spend: (V,) within limits and budget, 0 where a task is given nothing.

    Returns:
        Spends (V,) and their objective, not worse than what was received.
    """
    value = responses.objective(spend)
    limit = responses.budget * (1 + BUDGET_ROUNDING)
    served = np.flatnonzero(spend > 0)
    if len(served) == 0:
        return spend, value
    low, high = responses.low[served], np.maximum(responses.most[served], responses.low[served])
    offsets = np.arange(-STEPS_EACH_WAY, STEPS_EACH_WAY + 1)
    task = np.repeat(np.arange(len(served)), len(offsets))
    width = FIRST_LOG_STEP
    while width > SETTLED_LOG_STEP:
        window = np.clip(spend[served, None] * np.exp(width * offsets), low[:, None], high[:, None])
        # the plan itself must be among the choices, to the last digit, or a round could be worse than staying
        window[:, STEPS_EACH_WAY] = spend[served]
        values = responses(served[task], window.ravel())
        # a spend that pays for no model is no choice
        finite = np.isfinite(values)
        if len(np.unique(task[finite])) < len(served):
            return spend, value  # a task pays for nothing near its spend, so nothing near the plan is one
        filling = fill_along_hull(
            lower_hull(tidy(task[finite], window.ravel()[finite], values[finite])), responses.budget
        )
        improved = False
        # the blend spends all, but a step may lie between its two vertices; the vertices alone always are choices
        for candidate in (filling.blended, filling.spend):
            moved = np.zeros_like(spend)
            moved[served] = candidate
            new = responses.objective(moved) if moved.sum() <= limit else np.inf
            if new < value:
                # a window of step w can gain in the order of w²; much less says that the step is what hinders
                improved = new < value - 1e-3 * width**2 * abs(value)
                spend, value = moved, new
                break
        # slowly while it pays, so that a long way is walked in large steps
        width *= 0.7 if improved else 0.3
    return spend, value
