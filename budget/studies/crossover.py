"""Where one strategy overtakes another as the budget grows, and where the number of tasks decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from budget.curves.fitted import INTERVAL, QUANTILE
from budget.studies.intervals import interval
from budget.studies.thresholds import ROUNDING

NEAR = 1e-12
"""Relative precision of a crossover."""

NEVER = 700.0
"""Stands for the logarithm of a budget that no draw's change comes near."""


@dataclass(frozen=True)
class Crossover:
    """A budget at which the better strategy changes.

    Attributes:
        tasks: the set.
        below: the strategy that is better below it.
        above: the strategy that is better above it.
        budget: where their plans are equal by the point fit.
        low: 10 % point over all draws; 0 where the draws that have ``above`` better everywhere reach it.
        high: 90 % point; infinite where the draws that have ``below`` better everywhere reach it.
        share: share of the draws that change the same way within the budgets looked at.
    """

    tasks: tuple[str, ...]
    below: str
    above: str
    budget: float
    low: float
    high: float
    share: float


def crossovers(
    tasks: tuple[str, ...],
    names: tuple[str, str],
    budgets: np.ndarray,
    points: np.ndarray,
    worlds: tuple[np.ndarray, np.ndarray],
    difference: Callable[[float], float],
) -> list[Crossover]:
    """The budgets at which two strategies' plans are equal.

    Args:
        tasks: the set.
        names: of the two strategies.
        budgets: (Q,) rising: where a change is looked for.
        points: (Q,) first strategy's objective minus the second's by the point fit, smaller objectives being better; 0
            where rounding alone tells them apart.
        worlds: objectives (Q, B) of each strategy's plan in each draw.
        difference: the same as ``points``, at any budget.
    """
    logs = np.log(budgets)
    known = dict(zip(logs.tolist(), points.tolist(), strict=True))  # the logarithm of a budget does not give it back
    found = []

    def along(log: float) -> float:
        return known[log] if log in known else difference(float(np.exp(log)))

    for place, after in changes(points):
        at = float(np.exp(brentq(along, logs[place], logs[after], xtol=NEAR, rtol=NEAR)))
        below, above = names if points[place] < 0 else names[::-1]
        first, second = worlds if points[place] < 0 else worlds[::-1]
        found.append(Crossover(tasks, below, above, at, *_over_draws(logs, first - second, at)))
    return found


def apart(first: float, second: float) -> float:
    """The difference of two objectives, 0 where it is rounding."""
    return 0.0 if abs(first - second) <= ROUNDING * abs(first) else first - second


def changes(numbers: np.ndarray) -> list[tuple[int, int]]:
    """Where numbers change sign: the last position of one sign and the first of the other; zeros have none."""
    there = np.flatnonzero(numbers)
    return [(int(a), int(b)) for a, b in pairwise(there) if (numbers[a] < 0) != (numbers[b] < 0)]


def _over_draws(log_budgets: np.ndarray, gap: np.ndarray, at: float) -> tuple[float, float, float]:
    """Ends and share of the draws' own changes from negative to positive, the one nearest to the point's."""
    draws = gap.shape[1]
    if draws == 0:
        return float("nan"), float("nan"), float("nan")
    changed = np.empty(draws)
    for draw in range(draws):
        rises = np.flatnonzero((gap[:-1, draw] < 0) & (gap[1:, draw] >= 0))
        if len(rises):
            before, after = gap[rises, draw], gap[rises + 1, draw]
            places = log_budgets[rises] + np.diff(log_budgets)[rises] * before / (before - after)
            changed[draw] = places[np.abs(places - np.log(at)).argmin()]
        else:
            changed[draw] = np.inf if gap[:, draw].mean() < 0 else -np.inf
    share = float(np.isfinite(changed).mean())
    low, high = np.percentile(np.clip(changed, -NEVER, NEVER), INTERVAL, method=QUANTILE)
    first = 0.0 if low < log_budgets[0] else float(np.exp(low))
    last = np.inf if high > log_budgets[-1] else float(np.exp(high))
    return min(first, at), max(last, at), share


@dataclass(frozen=True)
class Trend:
    """Whether the advantage of specialists over shared models shrinks, stays or grows as compute grows, on one set.

    Attributes:
        tasks: the set.
        budgets: (Q,) rising.
        shared: (Q,) the best shared strategy at each, by the point fit.
        advantage: (Q,) (shared − specialists) / |specialists|; positive where specialists win.
        low: (Q,) 10 % point over the draws, the plans fixed.
        high: (Q,) 90 % point.
        extrapolated: (Q,) whether some plan lies far outside the measured scales.
        slope: change of the advantage per decade of budget, by least squares over all budgets.
        growing: share of the draws in which it grows.
        shrinking: share of the draws in which it shrinks.
    """

    tasks: tuple[str, ...]
    budgets: np.ndarray
    shared: tuple[str, ...]
    advantage: np.ndarray
    low: np.ndarray
    high: np.ndarray
    extrapolated: np.ndarray
    slope: float
    growing: float
    shrinking: float

    @property
    def verdict(self) -> str:
        """``grows`` or ``shrinks`` where nine draws in ten say so, else ``undecided``."""
        if self.growing >= SURE:
            return "grows"
        return "shrinks" if self.shrinking >= SURE else "undecided"


SURE = 0.9
"""Share of the draws from which a direction is stated."""


def trend(
    tasks: tuple[str, ...],
    budgets: np.ndarray,
    shared: Sequence[str],
    points: np.ndarray,
    worlds: np.ndarray,
    extrapolated: np.ndarray,
) -> Trend:
    """The advantage over budgets.

    Args:
        tasks: the set.
        budgets: (Q,) rising.
        shared: (Q,) the strategy that specialists are compared with at each.
        points: (Q,) relative advantage by the point fit.
        worlds: (Q, B) the same in each draw.
        extrapolated: (Q,) whether a plan lies outside the measured scales.
    """
    decades = np.log10(budgets) - np.log10(budgets).mean()
    spread = float(decades @ decades) or float("nan")
    slopes = decades @ worlds / spread if worlds.shape[1] else np.array([float("nan")])
    ends = np.array([interval(each, at) for each, at in zip(worlds, points, strict=True)])
    known = bool(np.isfinite(slopes).all())
    least = NEAR * np.abs(worlds).max(initial=0.0)  # what does not move but for rounding neither grows nor shrinks
    growing, shrinking = (float((way * slopes > least).mean()) if known else float("nan") for way in (1, -1))
    slope = float(decades @ points / spread)
    return Trend(tasks, budgets, tuple(shared), points, ends[:, 0], ends[:, 1], extrapolated, slope, growing, shrinking)


@dataclass(frozen=True)
class BreadthCrossover:
    """How the advantage of specialists over the best shared model moves with the number of tasks, at one budget.

    Attributes:
        budget: in all.
        counts: (J,) numbers of tasks that were measured.
        sets: (J,) how many sets of each.
        advantage: (J,) mean over the sets of (shared − specialists) / |specialists|; positive where specialists win.
        low: (J,) 10 % point over the draws.
        high: (J,) 90 % point.
    """

    budget: float
    counts: np.ndarray
    sets: np.ndarray
    advantage: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def crossover(self) -> float:
        """Tasks at which the advantage changes sign, interpolated in logarithms; NaN where it does not do so once."""
        found = changes(self.advantage)
        if len(found) != 1:
            return float("nan")
        first, last = found[0]
        if last > first + 1:  # it is 0 between them
            return float(self.counts[first + 1])
        before, after = self.advantage[first], self.advantage[last]
        logs = np.log(self.counts)
        return float(np.exp(logs[first] + (logs[last] - logs[first]) * before / (before - after)))


def by_breadth(
    budget: float, counts: Sequence[int], points: Sequence[float], worlds: Sequence[np.ndarray]
) -> BreadthCrossover:
    """Gather sets by their number of tasks.

    Args:
        budget: in all.
        counts: number of tasks of each set.
        points: relative advantage of specialists on each set, by the point fit.
        worlds: (B,) the same in each draw.
    """
    numbers = np.array(counts)
    kinds = np.unique(numbers)
    mean = [np.mean([worlds[int(i)] for i in np.flatnonzero(numbers == kind)], axis=0) for kind in kinds]
    point = np.array([np.mean(np.array(points)[numbers == kind]) for kind in kinds])
    ends = np.array([interval(each, at) for each, at in zip(mean, point, strict=True)])
    sets = np.array([(numbers == kind).sum() for kind in kinds])
    return BreadthCrossover(budget, kinds, sets, point, ends[:, 0], ends[:, 1])
