"""Splitting a budget over tasks whose values fall with spend in any way: S-shaped scores, targets, menus, jumps.

Minimize ``Σ_v value_v(c_v)`` subject to ``Σ c ≤ budget`` and, for a task that is served, ``low_v ≤ c_v ≤ high_v``.

**Bound.** For any price ``λ ≥ 0`` no plan is better than ``Σ_v min_c [value_v(c) + λ·c] − λ·budget``. Values fall, so
``value(c) + λ·c ≥ value(b) + λ·a`` on a cell [a, b]: the inner minimum is bounded below over the continuous spend, and
cells in which that may still be the minimum are split until the error is small. The best price is that of a linear
program over the cells' convex hulls. Nothing is asked of the curves but that they fall, and no solver is trusted.

**Plan.** The same linear program over grid points leaves at most one task between two vertices of its hull; the gap it
leaves to the integer optimum is at most one task's departure from convexity (Shapley & Folkman; Aubin & Ekeland 1976;
for sums of sigmoids Udell & Boyd 2013). Plans rounded from it are improved in the spend itself (``local_improvement``).
Where the gap is still open, as it is with few tasks, the cells that a better plan could use are narrowed by a dynamic
programme that raises the bound (``tighten_bounds``), and HiGHS looks for a better plan in the rest
(``choice_knapsack``).

See docs/decisions/064-values-that-only-fall.md.
"""

import time
from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.certificate import proven_bound
from budget.allocation.nonconvex.bound_tightening import best_choices, cells_within, tighten_bounds
from budget.allocation.nonconvex.choice_knapsack import solve_choice_knapsack
from budget.allocation.nonconvex.grid import Grid, first_grid, refine
from budget.allocation.nonconvex.local_improvement import reallocate
from budget.allocation.nonconvex.lower_hull import fill_along_hull, lower_hull
from budget.allocation.nonconvex.responses import BUDGET_ROUNDING, Responses
from budget.allocation.nonconvex.smallest_efficient_spend import tangents

BOUND_ERROR_SHARE = 0.25
"""Share of the gap that the bound's own error, between grid points, may take."""

FIRST_CELL_WIDTH = 0.1
"""Relative width of the cells with which narrowing begins."""

MAX_INTEGER_PROGRAMS, MAX_TIGHTENING_ROUNDS = 5, 3
"""How often an integer program may look for a better plan, and the rounds of narrowing before each."""

STALLED_GAP_SHARE = 0.9
"""Where an attempt leaves more than this share of the gap, another would hardly do better."""

MAX_OFFERED_CHOICES = 600
"""Choices that the integer program is offered; reallocation does what they are too coarse for."""

INTEGER_TIME_SHARE = 0.2
"""Share of the time limit that one integer program may take, so that a hard one leaves time for others."""


@dataclass(frozen=True)
class NonconvexOptimum:
    """A plan and what is proven about it.

    Attributes:
        spend: (V,) spends, 0 where a task is given nothing.
        value: the plan's objective.
        bound: no plan has a smaller one.
        gap: ``(value − bound)/range``, the range from every task's worst to its best value (``Grid.worst``).
        price: fall of the bound per unit of budget.
        efficient: (V,) tangent point of each task's envelope, see ``tangent``.
        solver: what found the plan: ``envelope`` or ``envelope + highs``.
        status: ``proven`` where the gap asked for is reached, else ``gap`` or ``time limit``.
    """

    spend: np.ndarray
    value: float
    bound: float
    gap: float
    price: float
    efficient: np.ndarray
    solver: str
    status: str


def solve_nonconvex(responses: Responses, *, gap: float = 1e-4, time_limit: float = 60.0) -> NonconvexOptimum:
    """The best split found, with a proven bound.

    Args:
        responses: the V tasks.
        gap: the search ends at this share of the range between worst and best.
        time_limit: seconds after which the search ends with what it has.

    Raises:
        InfeasibleError: the tasks that must be served cost more than the budget.
        AllocationError: a response rises with spend.
        SolverError: a response is not a number.
    """
    end = time.monotonic() + time_limit
    grid = first_grid(responses)
    efficient = tangents(responses, grid)
    range_ = grid.range
    # below the noise of the values and of their sums no gap can be proven, so none is asked for
    tolerance = max(gap * range_, 4 * slack_of(grid, 0.0))
    # the price is only as good as the grid that it is read off, so the grid is refined first
    grid = refine(responses, grid, BOUND_ERROR_SHARE * tolerance, end)
    price, bound = best_price(grid, responses.budget)
    limit = responses.budget * (1 + BUDGET_ROUNDING)
    spend, value = envelope_plan(responses, grid, bound + tolerance)
    solver = "envelope"
    # with many tasks the duality gap is one task's share of the whole (Aubin & Ekeland 1976) and the search ends here;
    # with few it has to be closed by looking at plans, and not at prices
    if value - bound > tolerance:
        # no plan better than this one makes a choice whose reduced cost is above what is open
        grid = refine(
            responses,
            grid,
            BOUND_ERROR_SHARE * tolerance,
            end,
            price=price,
            open_gap=value - bound,
            resolution=FIRST_CELL_WIDTH,
        )
        # the slack is that of the finer grid, which may have shown more noise
        slack = slack_of(grid, price * limit)
        cells = cells_within(grid, price, value - bound)
        for _ in range(MAX_INTEGER_PROGRAMS):
            open_before = value - bound
            # the bound first: it drops cells, and what the integer program is offered is what they leave
            bound, cells = tighten_bounds(
                responses, cells, price, value, bound, slack, tolerance, MAX_TIGHTENING_ROUNDS, end
            )
            left = end - time.monotonic()
            if value - bound <= tolerance or left <= 0:
                break
            offered = best_choices(responses, cells, price, MAX_OFFERED_CHOICES)
            chosen = solve_choice_knapsack(
                offered, limit, value - bound, tolerance, min(left, INTEGER_TIME_SHARE * time_limit)
            )
            # choices are coarse, so what HiGHS finds is a set of tasks and about their spends; these are settled after
            # it
            better = (spend, value) if chosen is None else reallocate(responses, chosen)
            if better[1] < value:
                (spend, value), solver = better, "envelope + highs"
            # neither side moved: further rounds would use up the time limit for nothing
            if value - bound > STALLED_GAP_SHARE * open_before:
                break
    # a bound above the plan by more than rounding is a fault and raises; by rounding it is the plan's value
    bound = proven_bound(value, bound, slack_of(grid, price * limit))
    open_ = value - bound
    status = "proven" if open_ <= tolerance else "time limit" if time.monotonic() >= end else "gap"
    share = open_ / range_ if range_ > 0 else 0.0
    return NonconvexOptimum(spend, value, bound, share, price, efficient, solver, status)


def best_price(grid: Grid, budget: float) -> tuple[float, float]:
    """The price at which the cells bound best, and the bound; rounding is taken off it."""
    cells = grid.cells
    price = fill_along_hull(lower_hull(cells), budget).price
    # the bound is about every plan that is let pass, also one that exceeds the budget by rounding
    limit = budget * (1 + BUDGET_ROUNDING)
    return price, float(cells.least(price).sum() - price * limit - slack_of(grid, price * limit))


def slack_of(grid: Grid, money: float) -> float:
    """What a bound must give up: noise seen in the values, and rounding of sums of this size."""
    return grid.slack + 32 * np.finfo(float).eps * (grid.magnitude + money)


def envelope_plan(responses: Responses, grid: Grid, enough: float) -> tuple[np.ndarray, float]:
    """The best of the plans next to the linear program's: the split task below, between or above its vertices.

    The first one whose objective is at most ``enough`` ends the search.
    """
    hull = lower_hull(grid.points)
    filling = fill_along_hull(hull, responses.budget)
    starts = [filling.spend]
    if filling.split >= 0:
        # what is left may not pay for the least spend of a served task
        if filling.blended[filling.split] >= responses.low[filling.split]:
            starts.append(filling.blended)
        # the split task on its upper vertex, and the others filled again: the other side of rounding the fraction
        above = hull.take((hull.task != filling.split) | (hull.spend >= filling.upper))
        if above.spend[above.first].sum() <= responses.budget:
            starts.append(fill_along_hull(above, responses.budget).spend)
    plans: list[tuple[np.ndarray, float]] = []
    for start in starts:
        plans.append(reallocate(responses, start))
        if plans[-1][1] <= enough:
            break
    return min(plans, key=lambda plan: plan[1])
