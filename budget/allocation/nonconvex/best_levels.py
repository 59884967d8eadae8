"""Spends whose worst value is best, then the next worst, and so on, for values that fall with the spend.

At a level every task takes the least spend that reaches it; one that never does takes the least that reaches its own
best. What that takes in all falls as the level rises, so that one level fills the budget (water-filling; the
lexicographic optimum of max-min fairness, Bertsekas & Gallager 1992, section 6.5.2). Spends are tabulated between the
ends within which each task's must lie, and again between the ends that the table leaves, several times closer. Where a
task's next better value takes more than is left, it is held where it is, and the others go on.

See docs/decisions/169-levels-are-decided-by-predictions.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from budget.errors import InfeasibleError, SolverError

FIRST = 48
"""Spends of each task in the first table."""

NEAR = np.concatenate([-(0.5 ** np.array([2, 5, 9, 15])), [0.0], 0.5 ** np.array([15, 9, 5, 2])])
"""Distances from a guess at which a later table looks, as shares of the logarithm of what is open."""

HALVINGS = 40
"""Of the levels between which a guess is made."""

TABLES = 60
"""Most tables for one level."""

EXACT = 1e-12
"""Distance of the logarithms of two spends between which a task's is known."""

ROUNDING = 1e-13
"""Share by which a sum of spends may pass the budget: what adding up doubles leaves."""

STEP = 1e-6
"""Share of the budget from which on what a better value takes is a step, and not what rounding leaves."""

Value = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(tasks (R,), spends (R,)) → values (R,), infinite where a spend pays for nothing."""


@dataclass(frozen=True)
class BestLevels:
    """The spends found.

    Attributes:
        spend: (T,).
        worst: the largest value at these spends.
        bound: no split has a smaller largest value.
    """

    spend: np.ndarray
    worst: float
    bound: float


@dataclass(frozen=True)
class _Table:
    """Values at G spends of each of T tasks.

    Attributes:
        task: (T,) their positions.
        spend: (T, G), rising.
        value: (T, G) the least value of any of them up to there.
        nothing: (T,) value of a task that is given nothing, infinite where it must be served.
        best: (T,) the least value that was seen, of nothing or of any spend.
    """

    task: np.ndarray
    spend: np.ndarray
    value: np.ndarray
    nothing: np.ndarray
    best: np.ndarray

    def take(self, rows: np.ndarray) -> "_Table":
        """Some tasks."""
        return _Table(*(each[rows] for each in (self.task, self.spend, self.value, self.nothing, self.best)))

    @property
    def levels(self) -> np.ndarray:
        """Every level at which what is taken changes, rising."""
        found = np.concatenate([self.value.ravel(), self.nothing, self.best])
        return np.unique(found[np.isfinite(found)])

    def ends(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """(T,) the largest spends known to miss a level, or the first; and the least known to reach it, or the best."""
        first = (self.value > np.maximum(level, self.best)[:, None]).sum(axis=1)
        row, last = np.arange(len(first)), self.spend.shape[1] - 1
        return self.spend[row, np.clip(first - 1, 0, last)], self.spend[row, np.minimum(first, last)]

    def unless_nothing(self, spend: np.ndarray, level: float) -> np.ndarray:
        """(T,) spends to a level, none where nothing does."""
        return np.where(np.isfinite(self.nothing) & (self.nothing <= np.maximum(level, self.best)), 0.0, spend)


def best_levels(
    value: Value, low: np.ndarray, high: np.ndarray, budget: float, nothing: np.ndarray, close: float = EXACT
) -> BestLevels:
    """The best levels of T tasks within a budget.

    Args:
        value: of a task at a spend; where it rises with the spend, the least up to there counts.
        low: (T,) positive least spends from which on values are looked at.
        high: (T,) greatest ones.
        budget: in all.
        nothing: (T,) value of a task that is given nothing, NaN where it must be served.
        close: distance of the logarithms of two spends between which a task's is known.

    Raises:
        InfeasibleError: no split within the limits keeps every value finite.
        SolverError: a value is not a number.
    """
    count = len(low)
    nothing = np.where(np.isnan(nothing), np.inf, nothing)
    part = np.linspace(0.0, 1.0, FIRST)
    spends = np.exp(np.log(low)[:, None] * (1 - part) + np.log(high)[:, None] * part)
    spends[:, 0], spends[:, -1] = low, high
    whole = _tabulated(value, np.arange(count), spends, nothing, np.full(count, np.inf))
    spend, bound, open_ = np.zeros(count), -np.inf, np.ones(count, dtype=bool)
    while open_.any():
        few = whole.take(np.flatnonzero(open_))
        spend[open_], better, refuted = _one_level(value, few, budget - float(spend[~open_].sum()), close)
        bound = bound if np.isfinite(bound) else max(refuted, float(whole.best.max()))
        steps = np.zeros(count)
        steps[open_] = better - spend[open_]
        if steps.max() <= STEP * budget:
            break
        open_[steps.argmax()] = False
    left = budget - spend.sum()
    room = np.where(open_ & (spend > 0), np.minimum(high - spend, STEP * spend), 0.0)
    if 0 < left <= STEP * budget and room.sum() > 0:  # what rounding leaves
        spend = spend + room * min(1.0, left / room.sum())
    reached, given = nothing.copy(), np.flatnonzero(spend > 0)
    reached[given] = value(given, spend[given])
    worst = float(reached.max())
    return BestLevels(spend, worst, min(bound, worst))


def _tabulated(value: Value, task: np.ndarray, spend: np.ndarray, nothing: np.ndarray, best: np.ndarray) -> _Table:
    """A table of tasks (T,) at spends (T, G)."""
    found = value(np.repeat(task, spend.shape[1]), spend.ravel()).reshape(spend.shape)
    if np.isnan(found).any():
        raise SolverError("A response is not a number; leave the task out or mend its curve.")
    found = np.minimum.accumulate(found, axis=1)
    return _Table(task, spend, found, nothing, np.minimum(np.minimum(best, nothing), found[:, -1]))


def _one_level(value: Value, table: _Table, budget: float, close: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Spends (T,) of the best level within a budget; spends (T,) to any better one; and a level that none passes.

    Raises:
        InfeasibleError: no split keeps every value finite.
    """
    for _ in range(TABLES):
        levels = table.levels
        over = _least_that_fits(table, levels, budget, 1)
        under = _least_that_fits(table, levels, budget, 0)
        if under == len(levels):
            break
        reaching = float(levels[over]) if over < len(levels) else np.inf
        better = float(levels[under - 1]) if under else -np.inf  # below ``levels[under]`` nothing fits
        (start, enough), (short, end) = table.ends(reaching), table.ends(better)
        spend = table.unless_nothing(enough, reaching)
        known = (spend == 0) | (np.log(enough / start) <= close)
        if over < len(levels) and known.all() and (over == under or (np.log(end / start) <= close).all()):
            return spend, table.unless_nothing(end, better), float(levels[under])
        edges = np.sort(np.column_stack([start, enough, *table.ends(float(levels[under])), short, end]), axis=1)
        fitting = _interpolated(table, float(levels[max(under - 1, 0)]), min(reaching, float(levels[-1])), budget)
        # near what the line between known spends says; and halfway where a value stays for long and then falls
        edges, width = np.log(edges), np.log(end / start)[:, None]
        near = np.log(fitting)[:, None] + width * NEAR
        spends = np.column_stack([edges, 0.5 * (edges[:, 1:] + edges[:, :-1]), near])
        spends = np.sort(np.exp(np.clip(spends, edges[:, :1], edges[:, -1:])), axis=1)
        spends[:, 0], spends[:, -1] = start, end
        table = _tabulated(value, table.task, np.maximum.accumulate(spends, axis=1), table.nothing, table.best)
    if under < len(levels) and over < len(levels):
        return spend, table.unless_nothing(table.ends(better)[1], better), float(levels[under])
    raise InfeasibleError("No split within the limits keeps every task at a finite value; raise the budget.")


def _interpolated(table: _Table, low: float, high: float, budget: float) -> np.ndarray:
    """(T,) spends that fill a budget at one level between two, on lines between those of a table."""
    row, last = np.arange(len(table.task)), table.spend.shape[1] - 1
    spend = table.ends(high)[1]
    for _ in range(HALVINGS):
        level = 0.5 * (low + high)
        wanted = np.maximum(level, table.best)
        at = np.clip((table.value > wanted[:, None]).sum(axis=1), 1, last)
        over, under = table.value[row, at - 1], table.value[row, at]
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.nan_to_num(np.clip((over - wanted) / (over - under), 0.0, 1.0), nan=0.5)
        spend = table.spend[row, at - 1] ** (1 - part) * table.spend[row, at] ** part
        fits = table.unless_nothing(spend, level).sum() <= budget
        low, high = (low, level) if fits else (level, high)
    return spend


def _least_that_fits(table: _Table, levels: np.ndarray, budget: float, end: int) -> int:
    """The position of the least level at which one of the ends (0 or 1) fits a budget; their number where none does."""
    low, high = 0, len(levels)
    while low < high:
        middle = (low + high) // 2
        level = float(levels[middle])
        takes = float(table.unless_nothing(table.ends(level)[end], level).sum())
        low, high = (low, middle) if takes <= budget * (1 + ROUNDING) else (middle + 1, high)
    return low
