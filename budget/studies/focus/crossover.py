"""Where one strategy overtakes another as the budget grows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from budget.numerics.interval import interval
from budget.numerics.roots import root_within
from budget.studies.focus.thresholds import THRESHOLD_ROUNDING

ROOT_TOLERANCE = 1e-12
"""Precision of a crossover, in the logarithm of the budget; plans are equal there to rounding, so a finer one says
nothing."""


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
    scenarios: tuple[np.ndarray, np.ndarray],
    difference: Callable[[float], float],
) -> list[Crossover]:
    """The budgets at which two strategies' plans are equal.

    Args:
        tasks: the set.
        names: of the two strategies.
        budgets: (Q,) rising: where a change is looked for.
        points: (Q,) first strategy's objective minus the second's by the point fit, smaller objectives being better; 0
            where rounding alone tells them apart.
        scenarios: objectives (Q, B) of each strategy's plan in each draw.
        difference: the same as ``points``, at any budget.
    """
    logs = np.log(budgets)
    known = dict(zip(logs.tolist(), points.tolist(), strict=True))  # the logarithm of a budget does not give it back
    found = []

    def along(log: float) -> float:
        return known[log] if log in known else difference(float(np.exp(log)))

    for place, after in changes(points):
        # in the logarithm of the budget, where differences of power laws bend little
        at = float(np.exp(root_within(along, float(logs[place]), float(logs[after]), ROOT_TOLERANCE)))
        below, above = names if points[place] < 0 else names[::-1]
        first, second = scenarios if points[place] < 0 else scenarios[::-1]
        found.append(Crossover(tasks, below, above, at, *over_draws(logs, first - second, at)))
    return found


def apart(first: float, second: float) -> float:
    """The difference of two objectives, 0 where it is rounding."""
    return 0.0 if abs(first - second) <= THRESHOLD_ROUNDING * abs(first) else first - second


def first_best(objective: np.ndarray) -> np.ndarray:
    """Position of the least of objectives (S, …), the first of those that differ by rounding only."""
    least = objective.min(axis=0)
    return (objective <= least + THRESHOLD_ROUNDING * np.abs(least)).argmax(axis=0)


def win_shares(scenarios: np.ndarray) -> np.ndarray:
    """(S, …) share of the draws in which each strategy is the best, of objectives (S, …, B); NaN without draws."""
    if scenarios.shape[-1] == 0:
        return np.full(scenarios.shape[:-1], np.nan)
    first = first_best(scenarios)
    return np.stack([(first == place).mean(axis=-1) for place in range(len(scenarios))])


def changes(numbers: np.ndarray) -> list[tuple[int, int]]:
    """Where numbers change sign: the last position of one sign and the first of the other; zeros have none."""
    there = np.flatnonzero(numbers)
    return [(int(a), int(b)) for a, b in pairwise(there) if (numbers[a] < 0) != (numbers[b] < 0)]


def over_draws(logs: np.ndarray, gap: np.ndarray, at: float) -> tuple[float, float, float]:
    """The 80 % interval of a change, over draws that each have a change of their own.

    Args:
        logs: (Q,) rising logarithms of what is followed: budgets, or numbers of tasks.
        gap: (Q, B) in each draw the objective of what is better below the change less that of what is better above it.
        at: the change by the point fit.

    Returns:
        Its low end, 0 where the draws without a negative gap reach it; its high end, infinite where those without a
        positive one do; and the share of the draws that change from negative to positive. In a draw that changes more
        than once the change nearest to the point's counts.
    """
    draws = gap.shape[1]
    if draws == 0:
        return float("nan"), float("nan"), float("nan")
    changed = np.empty(draws)
    for draw in range(draws):
        rises = np.flatnonzero((gap[:-1, draw] < 0) & (gap[1:, draw] >= 0))
        # a straight line between two budgets is enough: the draws' spread is far wider than its error
        if len(rises):
            before, after = gap[rises, draw], gap[rises + 1, draw]
            places = logs[rises] + np.diff(logs)[rises] * before / (before - after)
            changed[draw] = places[np.abs(places - np.log(at)).argmin()]
        else:
            # no change within the budgets: it lies beyond the end to which the draw points, and counts in the interval
            # there
            changed[draw] = np.inf if gap[:, draw].mean() < 0 else -np.inf
    share = float(np.isfinite(changed).mean())
    low, high = interval(changed)
    first = 0.0 if low < logs[0] else float(np.exp(low))
    last = np.inf if high > logs[-1] else float(np.exp(high))
    return first, last, share


def sign_change(logs: np.ndarray, numbers: np.ndarray) -> float:
    """Where the line in logarithms through two numbers of unlike sign is 0; the second place if that number is 0.

    Args:
        logs: (2,) logarithms of the places.
        numbers: (2,) there.
    """
    before, after = numbers
    return float(np.exp(logs[0] + (logs[1] - logs[0]) * before / (before - after)))


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
        unproven: the curves behind it that passed no backtest, such as ``code by generalist``.
        unjudged: those of them that were not backtested.
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
    unproven: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``grows`` or ``shrinks`` where nine draws in ten say so, else ``undecided``."""
        if self.growing >= STATED_DRAW_SHARE:
            return "grows"
        return "shrinks" if self.shrinking >= STATED_DRAW_SHARE else "undecided"


STATED_DRAW_SHARE = 0.9
"""Share of the draws from which a direction is stated."""


def trend(
    tasks: tuple[str, ...],
    budgets: np.ndarray,
    shared: Sequence[str],
    points: np.ndarray,
    scenarios: np.ndarray,
    extrapolated: np.ndarray,
) -> Trend:
    """The advantage over budgets.

    Args:
        tasks: the set.
        budgets: (Q,) rising.
        shared: (Q,) the strategy that specialists are compared with at each.
        points: (Q,) relative advantage by the point fit.
        scenarios: (Q, B) the same in each draw.
        extrapolated: (Q,) whether a plan lies outside the measured scales.
    """
    decades = np.log10(budgets) - np.log10(budgets).mean()
    # the least-squares slope of centred decades; of one budget there is none
    spread = float(decades @ decades) or float("nan")
    slopes = decades @ scenarios / spread if scenarios.shape[1] else np.array([float("nan")])
    low, high = interval(scenarios, axis=1)
    known = bool(np.isfinite(slopes).all())
    least = ROOT_TOLERANCE * np.abs(scenarios).max(
        initial=0.0
    )  # what does not move but for rounding neither grows nor shrinks
    growing, shrinking = (float((way * slopes > least).mean()) if known else float("nan") for way in (1, -1))
    slope = float(decades @ points / spread)
    return Trend(tasks, budgets, tuple(shared), points, low, high, extrapolated, slope, growing, shrinking)
