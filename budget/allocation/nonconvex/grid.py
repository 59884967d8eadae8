"""Grids over every task's spend, split only where the minimum of ``value + price·spend`` may lie.

See docs/decisions/065-gap-as-a-share-of-the-range.md.
"""

import time
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from budget.allocation.nonconvex.lower_hull import Choices, fill_along_hull, lower_hull, tidy
from budget.allocation.nonconvex.responses import BUDGET_ROUNDING, Responses
from budget.errors import AllocationError, InfeasibleError, SolverError
from budget.numerics.roots import bisect
from budget.numerics.words import apart

FIRST_GRID_POINTS = 33
"""Points of each task's first grid."""

CELL_PARTS = 4
"""Parts into which a cell is split."""

MAX_REFINEMENTS = 60
"""Rounds of splitting at most; quartered in each, a cell is down to rounding after some 30."""

MAX_GRID_POINTS = 6_000_000
"""Points of all tasks together at which splitting ends; the bound is then what it is."""

RISE_TOLERANCE = 1e-9
"""Share of a task's values by which noise, such as an inner solve's, may let them rise with spend; the bound is lowered
by what is seen."""


@dataclass(frozen=True)
class Grid:
    """Values on a grid, and what they prove between its points.

    Attributes:
        served: R points of the tasks that some spend can serve, of finite value.
        edge: (V,) where a task's first cell begins: the greatest spend known to pay for nothing (of infinite value),
            else its ``low``, or 0.
        unserved: (V,) value at spend 0, NaN where a task must be served.
        worst: (V,) the unserved value; else the value at ``low``; with neither, at an equal split
            of what the minima leave; where either pays for nothing, the value at the first grid point that pays.
    """

    served: Choices
    edge: np.ndarray
    unserved: np.ndarray
    worst: np.ndarray

    @cached_property
    def points(self) -> Choices:
        """What a plan can choose: every point, and nothing."""
        return self._with_nothing(self.served.spend)

    @cached_property
    def cells(self) -> Choices:
        """What no plan can beat: for each cell the value at its upper end for the spend at its lower end."""
        return self._with_nothing(self.begin)

    @cached_property
    def begin(self) -> np.ndarray:
        """(R,) lower ends of the cells that end at the points."""
        begin = np.empty_like(self.served.spend)
        begin[1:] = self.served.spend[:-1]
        first = self.served.first
        begin[first] = self.edge[self.served.task[first]]
        return begin

    def _with_nothing(self, spend: np.ndarray) -> Choices:
        """The served points at some spends, and for each optional task the choice to give it nothing."""
        optional = np.flatnonzero(~np.isnan(self.unserved))
        before = np.searchsorted(self.served.task, optional)
        return tidy(
            np.insert(self.served.task, before, optional),
            np.insert(spend, before, 0.0),
            np.insert(self.served.value, before, self.unserved[optional]),
        )

    @property
    def best(self) -> np.ndarray:
        """(V,) the smallest value."""
        return self.points.least(0.0)

    @property
    def range(self) -> float:
        """``Σ worst − best``: what the gap is a share of."""
        return float(np.maximum(self.worst - self.best, 0.0).sum())

    @property
    def magnitude(self) -> float:
        """``Σ |value|`` at the worst and the best, which rounding is a share of."""
        return float(np.abs(self.worst).sum() + np.abs(self.best).sum())

    @property
    def slack(self) -> float:
        """How far values were seen to rise with spend, over all tasks: noise, see ``RISE_TOLERANCE``."""
        rise = np.diff(self.served.value)
        return float(rise[(np.diff(self.served.task) == 0) & (rise > 0)].sum())

    def with_points(self, responses: Responses, task: np.ndarray, spend: np.ndarray, before: np.ndarray) -> "Grid":
        """The grid with more points, each put before a row of the present ones; sorted again only where need be."""
        value = responses(task, spend)
        keep = np.isfinite(value)
        # values fall, so what pays for nothing leaves nothing below it: the first cell begins there
        edge = self.edge.copy()
        np.maximum.at(edge, task[~keep], spend[~keep])
        served = tidy(
            np.insert(self.served.task, before[keep], task[keep]),
            np.insert(self.served.spend, before[keep], spend[keep]),
            np.insert(self.served.value, before[keep], value[keep]),
        )
        return replace(self, served=served, edge=edge)


def first_grid(responses: Responses) -> Grid:
    """A geometric grid over every task's range.

    Raises:
        SolverError: a task that must be served has no finite value.
        InfeasibleError: the tasks that must be served pay for nothing within the budget.
        AllocationError: a value rises with spend.
    """
    count, left = len(responses.low), responses.budget - responses.least.sum()
    first, last = responses.span
    fits = np.flatnonzero((first <= last) & (last > 0))
    # even in the logarithm, since returns span decades; the ends are set again, for exp(log(x)) is not x
    part = np.linspace(0.0, 1.0, FIRST_GRID_POINTS)
    spend = np.exp(np.log(first[fits])[:, None] * (1 - part) + np.log(last[fits])[:, None] * part)
    spend = np.clip(spend, first[fits, None], last[fits, None])
    spend[:, 0], spend[:, -1] = first[fits], last[fits]
    nothing = Choices(np.empty(0, dtype=int), np.empty(0), np.empty(0))
    grid = Grid(nothing, responses.low, responses.unserved, responses.unserved)
    grid = grid.with_points(
        responses, np.repeat(fits, FIRST_GRID_POINTS), spend.ravel(), np.zeros(spend.size, dtype=int)
    )
    must = np.flatnonzero(~responses.optional)
    for task in np.setdiff1d(must, grid.served.task):
        raise SolverError(f"Task {task} must be served and has no finite value at any spend; let it go unserved.")
    # a task that must be served has no worst value but that of a least spend; without one, of an equal split
    equal = np.where(responses.low > 0, first, np.clip(left / count, first, last))
    worst = responses.unserved.copy()
    worst[must] = responses(must, equal[must])
    # where that pays for nothing it is no value: the first point that pays for something stands for it
    unpaid = must[np.isposinf(worst[must])]
    start = grid.served.first
    worst[unpaid] = grid.served.value[start[np.searchsorted(grid.served.task[start], unpaid)]]
    grid = replace(grid, worst=worst)
    _check_falling(grid)
    return _least_paying(responses, grid, must)


def _least_paying(responses: Responses, grid: Grid, must: np.ndarray) -> Grid:
    """Add the least spends that pay for the tasks that must be served, where the grid's first points exceed the budget.

    Raises:
        InfeasibleError: these exceed it too.
    """
    limit = responses.budget * (1 + BUDGET_ROUNDING)
    cheapest = grid.points.spend[grid.points.first]
    if cheapest.sum() <= limit:
        return grid
    # only a grid's step above a threshold can be dearer than what was checked of the minima
    unpaid = must[(grid.edge[must] > 0) & (cheapest[must] > grid.edge[must])]
    _, paying = step(responses, unpaid, grid.edge[unpaid], cheapest[unpaid], np.full(len(unpaid), np.finfo(float).max))
    grid = grid.with_points(responses, unpaid, paying, np.zeros(len(unpaid), dtype=int))
    least = float(grid.points.spend[grid.points.first].sum())
    if least > limit:
        need, budget = apart(least, responses.budget)
        raise InfeasibleError(
            f"The tasks that must be served are paid for from {need} on, together, of a budget of {budget}; "
            "raise the budget, or let some go unserved."
        )
    return grid


def _check_falling(grid: Grid) -> None:
    """Refuse values that rise with spend by more than noise, for every bound here rests on their falling."""
    served = grid.served
    # every bound here rests on falling values: checked at each point that is looked at, since nobody can promise it
    start = served.first
    for row in start[served.spend[start] < grid.edge[served.task[start]]][:1]:
        task = served.task[row]
        raise AllocationError(
            f"The value of task {task} rises from {served.value[row]:g} to infinity as its spend goes from "
            f"{served.spend[row]:g} to {grid.edge[task]:g}; give a response that never rises."
        )
    rise = np.where(np.diff(served.task) == 0, np.diff(served.value), 0.0)
    first = served.first
    size = np.abs(served.value[first]) + np.abs(np.minimum.reduceat(served.value, first)) if len(first) else first
    of_task = np.zeros(len(grid.edge))
    of_task[served.task[first]] = size
    wrong = np.flatnonzero(rise > RISE_TOLERANCE * of_task[served.task[:-1]])
    if len(wrong):
        row = wrong[0]
        raise AllocationError(
            f"The value of task {served.task[row]} rises from {served.value[row]:g} to {served.value[row + 1]:g} as "
            f"its spend goes from {served.spend[row]:g} to {served.spend[row + 1]:g}; give a response that never rises."
        )


def refine(
    responses: Responses,
    grid: Grid,
    error: float,
    end: float,
    *,
    price: float | None = None,
    open_gap: float = 0.0,
    resolution: float = 0.0,
) -> Grid:
    """Split cells until the bound's own error is small.

    Args:
        responses: the tasks.
        grid: where to begin.
        error: how far all tasks' lower bounds together may lie below the best points, in the objective's unit.
        end: time (``time.monotonic``) at which splitting ends.
        price: of spend; by default the linear program's over the points, anew in every round.
        open_gap: cells whose reduced cost at the price is below it are split to the resolution too, since a plan
            better than the one at hand may lie in them.
        resolution: relative width.
    """
    for _ in range(MAX_REFINEMENTS):
        points, served, begin = grid.points, grid.served, grid.begin
        # the price moves as points are added, and cells that are tight at one price need not be at another
        at = fill_along_hull(lower_hull(points), responses.budget).price if price is None else price
        lower, incumbent, least = served.value + at * begin, points.least(at), grid.cells.least(at)
        # a task's lower bound may lie below its best point by its share of the error; where all together are within the
        # error, no cell is split for it
        share = error / len(incumbent) if (incumbent - least).sum() > error else np.inf
        # only cells in which the minimum of value + price·spend may still lie (branch and bound by Lagrangian cost,
        # Fisher 1981)
        chosen = lower < incumbent[served.task] - share
        if open_gap > 0:
            # a flat cell need not be split: its lower end already has the value of its upper one
            falls = np.append(True, served.value[:-1] > served.value[1:])
            coarse = (begin > 0) & (served.spend > begin * (1 + resolution)) & falls
            chosen |= coarse & (lower - least[served.task] < open_gap)
        # cells of a few doubles cannot be split into parts that differ
        chosen &= served.spend > begin * (1 + 4 * np.finfo(float).eps)
        rows = np.flatnonzero(chosen)
        # what was reached by then is still a bound, only a looser one
        if len(rows) == 0 or len(served.task) + CELL_PARTS * len(rows) > MAX_GRID_POINTS or time.monotonic() >= end:
            break
        grid = _split(responses, grid, rows, begin[rows])
        _check_falling(grid)
    return grid


def _split(responses: Responses, grid: Grid, rows: np.ndarray, begin: np.ndarray) -> Grid:
    """Split the cells that end at some rows into equal ratios; where the upper part is flat, at the very step."""
    task, last, value = grid.served.task[rows], grid.served.spend[rows], grid.served.value[rows]
    part = np.arange(1, CELL_PARTS) / CELL_PARTS
    # a cell that begins at 0 has no ratio: its parts are laid from 1/4096 of its end, and the rest is split later
    start = np.where(begin > 0, begin, last / 2.0**12)
    inner = start[:, None] * (last / start)[:, None] ** part
    inner = np.clip(inner, start[:, None], last[:, None])
    grid = grid.with_points(responses, np.repeat(task, CELL_PARTS - 1), inner.ravel(), np.repeat(rows, CELL_PARTS - 1))
    # a step (a menu's size, a target) would be halved for fifty rounds: where the upper part is flat it is found at
    # once
    flat = np.flatnonzero((begin > 0) & (responses(task, inner[:, -1]) <= value))
    if len(flat) == 0:
        return grid
    below, above = step(responses, task[flat], begin[flat], inner[flat, -1], value[flat])
    # both sides of the step are points, so that no cell with an error in it is left
    both = np.column_stack([below, above]).ravel()
    return grid.with_points(responses, np.repeat(task[flat], 2), both, np.zeros(len(both), dtype=int))


def step(
    responses: Responses, task: np.ndarray, below: np.ndarray, above: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The two neighbouring numbers between which each value falls to ``value``, by bisection."""
    reached, missed = bisect(lambda spend: responses(task, spend) <= value, above, below)
    return missed, reached
