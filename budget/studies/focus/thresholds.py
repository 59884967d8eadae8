"""Thresholds for serving a task: the values that stated spends reach, and the least spends that reach stated values.

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
    """J levels of strictness for T tasks, each as a spend and as the values that it reaches.

    Attributes:
        spend: (J,) the least spend that serves a task.
        value: (J, T) what it reaches: a task is served by a value of at most this.
    """

    spend: np.ndarray
    value: np.ndarray

    def reached(self, value: np.ndarray, level: int) -> np.ndarray:
        """Whether values (…, T) serve their tasks at one of the levels; an infinite value serves nobody."""
        return np.isfinite(value) & target_met(value, self.value[level])


def at_spends(value: Value, spends: np.ndarray, count: int) -> Thresholds:
    """The thresholds that are reached by spending so much on a task: from lax (little) to strict (much).

    Args:
        value: of T tasks.
        spends: (J,) the same for every task, positive.
        count: T.

    Raises:
        AllocationError: there is none, or one is not a positive number.
    """
    spend = np.asarray(spends, dtype=float)
    if spend.size == 0:
        raise AllocationError("There is no threshold; give at least one required spend.")
    if not (np.isfinite(spend) & (spend > 0)).all():
        raise AllocationError("A required spend is not a positive number; give positive ones.")
    task = np.tile(np.arange(count), len(spend))
    reached = np.asarray(value(task, np.repeat(spend, count)), dtype=float).reshape(len(spend), count)
    return Thresholds(spend, reached)


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
