"""Thresholds for serving a task: values that must be reached, or the spends that reach them.

See docs/decisions/081-thresholds-as-shares-of-the-budget.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from budget.errors import AllocationError
from budget.numerics.roots import bisect
from budget.tables.target_met import target_met

Value = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``value(tasks (R,), spends (R,)) → (R,)``: smaller is better, and but far beyond the runs never rising with spend."""

SPEND_DECADES = 24.0
"""How many decades below the most that may be spent a required spend is looked for."""

SPEND_STEPS = 96
"""Steps of a quarter of a decade in which a spend is looked for of a task that the most does not serve."""

THRESHOLD_ROUNDING = 1e-12
"""Relative slack of spends and objectives, so that a share equal to the required spend but for rounding is enough: the
error of a few dozen operations (1.1e-16 each) with room for a hundred times more."""


@dataclass(frozen=True)
class Thresholds:
    """J levels of strictness for T tasks, as values and as spends.

    Attributes:
        stated: ``value`` or ``spend``, whichever was given.
        level: (J,) what was given; the mean over the tasks where each has its own.
        value: (J, T) a task is served by a value of at most this.
        spend: (J, T) the least spend that reaches it; infinite where none does.
    """

    stated: str
    level: np.ndarray
    value: np.ndarray
    spend: np.ndarray

    @property
    def required(self) -> np.ndarray:
        """(J,) median over the tasks of the required spend."""
        return np.median(self.spend, axis=1)

    def reached(self, value: np.ndarray, level: int) -> np.ndarray:
        """Whether values (…, T) serve their tasks at one of the levels; an infinite value serves nobody."""
        return np.isfinite(value) & target_met(value, self.value[level])


def at_spends(value: Value, spends: np.ndarray, count: int) -> Thresholds:
    """The thresholds that are reached by spending so much on a task: from lax (little) to strict (much).

    Args:
        value: of T tasks.
        spends: (J,) the same for every task, or (J, T); positive.
        count: T.

    Raises:
        AllocationError: there is none, or one is not a positive number.
    """
    spend = _levels(spends, count)
    if not (np.isfinite(spend) & (spend > 0)).all():
        raise AllocationError("A required spend is not a positive number; give positive ones.")
    task = np.tile(np.arange(count), len(spend))
    reached = np.asarray(value(task, spend.ravel()), dtype=float).reshape(spend.shape)
    return Thresholds("spend", spend.mean(axis=1), reached, spend)


def at_values(value: Value, values: np.ndarray, count: int, most: float) -> Thresholds:
    """Thresholds stated as values, with the spend that each requires.

    Args:
        value: of T tasks.
        values: (J,) the same for every task, or (J, T).
        count: T.
        most: the largest spend that is looked at; what it does not reach requires infinity.

    Raises:
        AllocationError: there is none, or one is not a number.
    """
    limit = _levels(values, count)
    if not np.isfinite(limit).all():
        raise AllocationError("A threshold is not a finite number; give the value that each task must reach.")
    task = np.tile(np.arange(count), len(limit))
    spend = least_spend(value, task, limit.ravel(), most).reshape(limit.shape)
    return Thresholds("value", limit.mean(axis=1), limit, spend)


def least_spend(value: Value, task: np.ndarray, limit: np.ndarray, most: float) -> np.ndarray:
    """The least spend (R,) at which tasks (R,) reach values (R,), by bisection; infinite where none to ``most`` does.

    What is told of a plan may turn far beyond the runs, by its law's own error: a task that is not served by the most
    is looked for at smaller spends too, since nobody has to spend the most.
    """

    def reaches(spend: np.ndarray) -> np.ndarray:
        # written so that NaN reaches nothing
        return value(task, spend) <= limit

    low, high = np.full(len(task), np.log(most) - SPEND_DECADES * np.log(10)), np.full(len(task), np.log(most))
    seen = reaches(np.exp(high))
    if not seen.all():
        steps = np.linspace(low[0], high[0], SPEND_STEPS + 1)
        for below, above in pairwise(steps):
            new = ~seen & reaches(np.full(len(task), np.exp(above)))
            low, high, seen = np.where(new, below, low), np.where(new, above, high), seen | new
    reached, _ = bisect(lambda log_spend: reaches(np.exp(log_spend)), high, low)
    return np.where(seen, np.exp(reached), np.inf)


def most_tasks(budget: np.ndarray | float, spend: np.ndarray, count: int) -> np.ndarray:
    """``k* = min(T, ⌊B/s⌋)``: how many alike tasks of required spend s a budget serves; elementwise."""
    return np.minimum(count, np.floor(budget / spend * (1 + THRESHOLD_ROUNDING))).astype(int)


def _levels(given: np.ndarray, count: int) -> np.ndarray:
    """(J, T) levels."""
    levels = np.asarray(given, dtype=float)
    if levels.size == 0:
        raise AllocationError("There is no threshold; give at least one value or required spend.")
    if levels.ndim == 2 and levels.shape[1] != count:
        raise AllocationError(f"The thresholds have {levels.shape[1]} columns for {count} tasks; give one for each.")
    return levels if levels.ndim == 2 else np.repeat(levels.reshape(-1, 1), count, axis=1)
