"""Closing the gap that few tasks leave: cells that a better plan could use, narrowed until there are none.

The price's bound is loose by up to one task's departure from convexity, which is much where tasks are few. A dynamic
programme over the budget bounds all plans through each cell: for a cell [a, b] the value at b for the spend a. Cells
whose bound is above the plan at hand are dropped, the others split, and the bound of all rises with each round.
"""

import time
from dataclasses import dataclass

import numpy as np

from budget.allocation.nonconvex.choice_knapsack import dp_lower_bounds
from budget.allocation.nonconvex.grid import Grid, step
from budget.allocation.nonconvex.lower_hull import Choices, tidy
from budget.allocation.nonconvex.responses import BUDGET_ROUNDING, Responses

CELL_PARTS = 3
"""Parts into which a cell is split in a round; each part costs the dynamic programme a choice."""

MOST_CELLS = 400_000
"""Cells beyond which narrowing ends; the bound is then what it is."""

FINEST_LOG_STEP = 0.003
"""Least distance, in the logarithm of spend, of the choices that an integer program is offered."""

DP_ERROR_SHARE = 0.1
"""Share of the open gap that rounding spends to parts of the budget may take in a round."""


@dataclass(frozen=True)
class SpendCells:
    """R ranges of spend, ordered by task, then by their lower end.

    Attributes:
        task: (R,) position of the task.
        begin: (R,) lower ends.
        end: (R,) upper ends; equal to the lower one for giving nothing.
        value: (R,) least value within: that at the upper end.
    """

    task: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    value: np.ndarray

    def take(self, rows: np.ndarray) -> "SpendCells":
        """The cells at some rows."""
        return SpendCells(self.task[rows], self.begin[rows], self.end[rows], self.value[rows])


def cells_within(grid: Grid, price: float, reach: float) -> SpendCells:
    """The cells of a grid whose reduced cost at a price is within reach."""
    # giving nothing is a cell of no width, and is kept or dropped by the same rule
    nothing = np.flatnonzero(~np.isnan(grid.unserved))
    before = np.searchsorted(grid.served.task, nothing)
    cells = SpendCells(
        np.insert(grid.served.task, before, nothing),
        np.insert(grid.begin, before, 0.0),
        np.insert(grid.served.spend, before, 0.0),
        np.insert(grid.served.value, before, grid.unserved[nothing]),
    )
    # reduced cost: a plan with this cell is worse than the bound by at least as much, whatever else it does (variable
    # fixing by Lagrangian cost, Fisher 1981)
    cost = cells.value + price * cells.begin - grid.cells.least(price)[cells.task]
    return _useful(cells.take(cost <= reach))


def _useful(cells: SpendCells) -> SpendCells:
    """The cells without those that pay for nothing, or only cost more: the end of the one before brings as much."""
    cells = cells.take(np.isfinite(cells.value))
    falls = (np.diff(cells.task) > 0) | (np.diff(cells.value) < 0)
    return cells.take(np.append(True, falls))


def tighten_bounds(
    responses: Responses,
    cells: SpendCells,
    price: float,
    value: float,
    bound: float,
    slack: float,
    tolerance: float,
    rounds: int,
    end: float,
) -> tuple[float, SpendCells]:
    """Raise the bound of the plans that stay within some cells.

    Args:
        responses: the V tasks.
        cells: at least one for each task; a plan better than ``value`` uses no others.
        price: of spend.
        value: of the plan at hand.
        bound: what is proven so far.
        slack: what rounding takes off each bound.
        tolerance: narrowing ends when the bound is that close to the value.
        rounds: how often cells are split at most.
        end: time (``time.monotonic``) at which narrowing ends at the latest.

    Returns:
        The bound, at most the value, and the cells that are left.
    """
    limit = responses.budget * (1 + BUDGET_ROUNDING)
    for _ in range(rounds):
        choices = Choices(cells.task, cells.begin, cells.value)
        error = DP_ERROR_SHARE * max(value - bound, tolerance)
        # the cell's best value for its least spend: no plan within the cell beats the choice that it is replaced by
        through = dp_lower_bounds(choices, limit, price, error) - slack
        # above the plan at hand the least bound says that no better plan is left, which proves the plan itself
        bound = max(bound, min(value, float(through.min())))
        if value - bound <= tolerance:
            break
        # dropped cells hold no plan that is better than the one at hand, so the rest may be bounded without them
        cells = cells.take(through < value)
        if CELL_PARTS * len(cells.task) > MOST_CELLS or time.monotonic() >= end:
            break
        cells = _useful(_split(responses, cells))
    return bound, cells


def _split(responses: Responses, cells: SpendCells) -> SpendCells:
    """Every cell in parts of equal ratio, unless it is too narrow for that."""
    wide = np.flatnonzero(cells.end > cells.begin * (1 + 1e-12))
    begin, last = cells.begin[wide, None], cells.end[wide, None]
    # a cell that begins at 0 has no ratio: its parts are laid from 1/64 of its end
    start = np.where(begin > 0, begin, last / 64)
    inner = np.clip(start * (last / start) ** (np.arange(1, CELL_PARTS) / CELL_PARTS), begin, last)
    task = np.repeat(cells.task[wide], CELL_PARTS - 1)
    value = responses(task, inner.ravel())
    first_ends = np.column_stack([begin, inner])
    return SpendCells(
        np.insert(cells.task, np.repeat(wide, CELL_PARTS - 1), task),
        np.insert(
            _replaced(cells.begin, wide, first_ends[:, -1]), np.repeat(wide, CELL_PARTS - 1), first_ends[:, :-1].ravel()
        ),
        np.insert(cells.end, np.repeat(wide, CELL_PARTS - 1), inner.ravel()),
        np.insert(cells.value, np.repeat(wide, CELL_PARTS - 1), value),
    )


def _replaced(numbers: np.ndarray, rows: np.ndarray, by: np.ndarray) -> np.ndarray:
    """A copy with some rows replaced."""
    result = numbers.copy()
    result[rows] = by
    return result


def best_choices(responses: Responses, cells: SpendCells, price: float, most: int) -> Choices:
    """What an integer program is offered: the best choice of each task and step of the spend's logarithm.

    Args:
        responses: the tasks.
        cells: where better plans may lie; a cell offers its value at the least spend that reaches it.
        price: of spend, by which choices are compared.
        most: how many are offered at most, or two a task; the steps are made as small as that allows.
    """
    # choices are compared by what they would add to the Lagrangian, as the bound compares them
    cost = cells.value + price * cells.end
    with np.errstate(divide="ignore"):
        # giving nothing has no logarithm: a bin of its own, far below
        log_spend = np.maximum(np.log(cells.end), -1e6)
    size = FINEST_LOG_STEP
    while True:
        part = np.floor(log_spend / size)
        order = np.lexsort((cost, part, cells.task))
        new = np.append(True, (np.diff(cells.task[order]) > 0) | (np.diff(part[order]) > 0))
        if np.count_nonzero(new) <= max(most, 2 * len(responses.low)) or size > 10:
            break
        size *= 2
    offered = cells.take(np.sort(order[new]))
    served = np.flatnonzero(offered.end > 0)
    spend = offered.end.copy()
    # on a step the least spend of the same value is the better choice; an offered cell's end may lie past it
    begin = np.maximum(offered.begin, offered.end / 64)[served]
    _, spend[served] = step(responses, offered.task[served], begin, offered.end[served], offered.value[served])
    return tidy(offered.task, spend, offered.value)
