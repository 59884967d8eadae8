"""The smallest efficient spend of a task: where focusing comes from."""

import numpy as np

from budget.allocation.nonconvex.grid import Grid
from budget.allocation.nonconvex.responses import Responses

TRIED_SPENDS, TANGENT_ROUNDS = 9, 12
"""Spends tried between the neighbours of the best one, and how often: each round leaves a quarter of the range."""

START_TOLERANCE = 1e-4
"""Relative distance from a grid's start at which a tangent point counts as the start itself."""


def tangents(responses: Responses, grid: Grid) -> np.ndarray:
    """Each task's smallest efficient spend: where the line from its cheapest choice touches its convex envelope.

    Below it no price makes the task choose anything but the cheapest choice (nothing, or ``low``).

    Returns:
        (V,) the tangent point; ``low`` (0 without one) where every spend is efficient, since returns diminish from
        the start; the least spend that pays for anything where they diminish from there; infinite where no spend within
        the limits brings anything.
    """
    first, served = grid.points.first, grid.served
    origin, worst = grid.points.spend[first], grid.points.value[first]
    begins = served.first
    # on the grid first: gain per spend may have several maxima (steps), and a search from one point would take the
    # nearest
    rate = _rate(served.spend - origin[served.task], worst[served.task] - served.value)
    result = np.full(len(first), np.inf)
    if len(begins) == 0:
        return result
    best = np.maximum.reduceat(rate, begins)
    present = served.task[begins]
    of_task = np.empty(len(first))
    of_task[present] = best
    # of equally efficient spends the smallest
    row = np.minimum.reduceat(np.where(rate == of_task[served.task], np.arange(len(rate)), len(rate)), begins)
    useful = best > 0
    row, task = row[useful], present[useful]
    inside = np.append(np.diff(served.task) == 0, False)
    # the maximum lies between the neighbours of the best point, which never cross into another task
    # the first point's is the greatest spend known to pay for nothing, where there is one
    start, edge = served.spend[begins][useful], grid.edge[task]
    unpaid = (edge > 0) & (start > edge)
    before = np.where(unpaid, edge, served.spend[row])
    left = np.where(np.isin(row, begins), before, served.spend[row - 1])
    right = np.where(inside[row], served.spend[np.minimum(row + 1, len(rate) - 1)], served.spend[row])
    part = np.linspace(0.0, 1.0, TRIED_SPENDS)
    lines = np.arange(len(task))
    for _ in range(TANGENT_ROUNDS):
        spend = left[:, None] * (right / left)[:, None] ** part
        spend[:, -1] = right  # exactly: the value may step down there
        value = responses(np.repeat(task, TRIED_SPENDS), spend.ravel()).reshape(spend.shape)
        best_column = _rate(spend - origin[task, None], worst[task, None] - value).argmax(axis=1)
        tangent = spend[lines, best_column]
        left, right = (
            spend[lines, np.maximum(best_column - 1, 0)],
            spend[lines, np.minimum(best_column + 1, TRIED_SPENDS - 1)],
        )
    # at the grid's start the true tangent lies at or below it: returns diminish from there, and every spend is
    # efficient
    is_start = ~unpaid & (tangent <= start * (1 + START_TOLERANCE))
    result[task] = np.where(is_start, edge, tangent)
    return result


def _rate(spend: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Gain per unit of spend, minus infinity where nothing is spent or the values are infinite."""
    rate = np.full(spend.shape, -np.inf)
    good = (spend > 0) & np.isfinite(gain)
    rate[good] = gain[good] / spend[good]
    return rate
