"""Whether a task's values have a trend with scale: rank tests between and within runs, and what few runs can tell.

Rows of one run are not independent: checkpoints of one training drift together, so the order of rows inside a run may
not be shuffled. Two things may: the runs (whole, by their means), and the sign of what a run does inside, since a drift
without a cause goes up as often as down. Both together make the group under which a trend is tested.

See docs/decisions/027-rank-tests-for-a-signal.md, and late_rise.py for what ranks cannot see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations, product
from math import factorial

import numpy as np
from scipy.special import ndtr, stdtr

from budget.tables.checks.late_rise import SHIFT_LEVEL
from budget.tables.runs import Runs

SIGNAL_LEVEL = 0.01
"""One-sided level of the tests for a trend with scale, over all scales together."""

RANK_LEVEL = SIGNAL_LEVEL - SHIFT_LEVEL
"""The part of it that is left to ranks: the rest is for a jump of the largest runs."""

MAX_PERMUTED_RUNS = 12
"""Number of runs up to which the tests between runs count permutations."""

MAX_FLIPPED_RUNS = 100
"""Number of runs above which the sum over runs of what each does inside is taken as normal."""

MAX_RESAMPLES = 9999
"""Random permutations and signs behind a p-value, where there are more than so many."""

MIN_FALLING_RUNS = 4
"""Runs that must all fall inside, and be half of the task's, to count as falling where no test can prove it."""

WEAK_LEVEL = 0.05
"""Level at which runs that are too few for ``RANK_LEVEL`` count as falling, with a word of doubt."""

MOST_ALIKE = 0.95
"""Rank correlation of two scales above which a mix of them says no more than either."""

MIN_POSITIVE = 1e-30
"""What stands for no tokens of a source where logarithms are ranked, and for a divisor of 0: below any number of a
file, far above the least float64."""


@dataclass(frozen=True)
class Trend:
    """One-sided tests of a task's values against every scale.

    Attributes:
        falls: p-value that the values fall.
        rises: p-value that they rise.
        best: the smallest p-value that these runs could have given, had the values followed a scale exactly.
        all_fall: whether the values fall inside every run that has several scales, in runs enough to say so.
        runs: how many runs there are.
    """

    falls: float
    rises: float
    best: float
    all_fall: bool
    runs: int

    @property
    def unproven(self) -> bool:
        """Whether the values fall as cleanly as so few runs can show, and the level is out of their reach."""
        return self.falls > RANK_LEVEL and (
            self.all_fall or (self.best > RANK_LEVEL and self.falls <= WEAK_LEVEL and self.falls <= self.best + 1e-12)
        )


def proven_falls(runs: Runs, tasks: Sequence[int], values: Sequence[np.ndarray]) -> dict[int, Trend]:
    """The ``trend`` of each task whose values are proven to fall, tasks of equally many runs in one call.

    Only tasks of many runs with one row each, which most are; of any other nothing is said here.

    Args:
        runs: the measurements.
        tasks: positions of T tasks.
        values: of each task's rows, as something that falls to a floor.
    """
    found: dict[int, Trend] = {}
    alike: dict[int, list[int]] = {}
    for at, value in enumerate(values):
        if len(value) > MAX_PERMUTED_RUNS:
            alike.setdefault(len(value), []).append(at)
    scales = _scales(runs)
    for count, places in alike.items():
        rows = np.stack([runs.rows_of(tasks[at]) for at in places])
        level = np.stack([values[at] for at in places])
        run = np.sort(runs.run[rows], axis=1)
        # one row a run: means over a run's rows are the rows, and nothing is inside; a level needs a logarithm
        plain = np.flatnonzero((run[:, 1:] != run[:, :-1]).all(axis=1) & (level > 0).all(axis=1))
        value = _standards(np.log(level[plain]))
        scale = [_standards(np.log(np.maximum(each[rows[plain]], MIN_POSITIVE))).round(12) for each in scales.values()]
        falls, rises = _by_each_of_many(scale, value)
        for place in np.flatnonzero(falls <= RANK_LEVEL):
            task = tasks[places[plain[place]]]
            found[task] = Trend(float(falls[place]), float(rises[place]), 1.0, False, count)
    return found


def _by_each_of_many(scale: Sequence[np.ndarray], value: np.ndarray) -> tuple[np.ndarray, ...]:
    """``_by_each`` of T tasks of n runs without insides: (T,) that values fall, and that they rise.

    Args:
        scale: S arrays (T, n) of standardized ranks.
        value: (T, n).
    """
    count = np.zeros(len(value))
    falls, rises = np.full(len(value), np.inf), np.full(len(value), np.inf)
    spare = value.shape[1] - 2
    for at, each in enumerate(scale):
        # a scale that ranks the runs as an earlier one does is no test of its own
        mine = np.any(each != 0, axis=1) & np.any(value != 0, axis=1)
        for earlier in scale[:at]:
            mine &= np.any(each != earlier, axis=1)
        rho = np.clip((each * value).sum(axis=1), -1 + 1e-15, 1 - 1e-15)
        low = stdtr(spare, rho * np.sqrt(spare / (1 - rho**2)))
        count += mine
        falls, rises = np.where(mine, np.minimum(falls, low), falls), np.where(mine, np.minimum(rises, 1 - low), rises)
    # Bonferroni over the scales, and nothing is said without any
    return tuple(np.where(count > 0, np.minimum(1.0, each * np.maximum(count, 1)), 1.0) for each in (falls, rises))


@dataclass(frozen=True)
class _Ranks:
    """Standardized ranks of n runs' means, and what each of m runs does inside, by S scales.

    Attributes:
        scale: (S, n) centred ranks of the mean scales, of length 1; 0 where all runs have one.
        value: (n,) the same of the mean values.
        inside: (S, m) standardized rank correlation inside each run that has several of some scale.
    """

    scale: np.ndarray
    value: np.ndarray
    inside: np.ndarray


def trend(runs: Runs, task: int, value: np.ndarray) -> Trend:
    """Test one task's values, as something that falls to a floor, against every scale and the tokens of each source.

    With n runs, ``z = ρ·√(n − 1)`` of the Spearman correlation ρ of the runs' means tests between runs, and
    ``z = Σ a/√(Σ a²)`` over each run's own ``a = ρ·√(rows − 1)`` inside them. With few runs the largest of these and of
    their sums over all scales is judged by permutations of the runs times signs of the insides (Westfall & Young 1993:
    scales that say the same cost nothing); with many, each by its own distribution (Bonferroni).
    """
    mine = runs.rows_of(task)
    _, run = np.unique(runs.run[mine], return_inverse=True)
    logs = np.array([np.log(np.maximum(scale[mine], MIN_POSITIVE)) for scale in _scales(runs).values()])
    # ranks of single rows do not care, but means over a run's rows do: in logarithms, as the fit has them
    level = np.log(value) if (value > 0).all() else value / max(np.abs(value).max(), MIN_POSITIVE)
    ranks = _ranks(logs, level, run)
    falls, rises = _p_values(ranks)
    fall = np.any(ranks.inside < 0, axis=0) & ~np.any(ranks.inside > 0, axis=0)
    count = int(run.max()) + 1
    all_fall = ranks.inside.shape[1] >= max(MIN_FALLING_RUNS, count / 2) and bool(fall.all())
    best = 1.0
    # what the same runs would give if the values followed a scale exactly: only asked where the answer is no
    if falls > RANK_LEVEL:
        best = min(_p_values(_ranks(logs, -scale, run))[0] for scale in logs)
    return Trend(falls, rises, best, all_fall, count)


def _scales(runs: Runs) -> Mapping[str, np.ndarray]:
    """What a trend may be with: every scale, and the tokens of each source."""
    sources = {} if runs.mixture is None else dict(zip(runs.mixture.sources, runs.mixture.tokens.T, strict=True))
    return {**runs.scale, **sources}


def _ranks(logs: np.ndarray, value: np.ndarray, run: np.ndarray) -> _Ranks:
    """Rank the runs' means, and the rows inside each run."""
    rows = np.bincount(run)
    scale = np.array([_standard(np.bincount(run, log) / rows) for log in logs])
    order = np.argsort(run, kind="stable")
    # most files have one row a run, and nothing inside
    parts = np.split(order, np.cumsum(rows)[:-1]) if rows.max() > 1 else []
    inside = [
        [np.sqrt(len(part) - 1) * float(_standard(log[part]) @ _standard(value[part])) for log in logs]
        for part in parts
        if len(part) > 1 and (np.ptp(logs[:, part], axis=1) > 1e-9).any()
    ]
    means, within = _standard(np.bincount(run, value) / rows), np.array(inside).reshape(-1, len(logs)).T
    # the permutations are of places: sorted by their numbers, runs have the same ones in any order of rows
    place, flip = np.lexsort((means, *scale[::-1])), np.lexsort(within[::-1]) if len(within) else slice(None)
    return _Ranks(scale[:, place], means[place], within[:, flip])


def _standard(numbers: np.ndarray) -> np.ndarray:
    """Centred ranks of length 1, or zeros where all numbers are the same."""
    return _standards(numbers[None])[0]


def _standards(numbers: np.ndarray) -> np.ndarray:
    """``_standard`` of each row of numbers (T, n)."""
    # values that differ by rounding are ties, else their order would be that of summation
    ordered, place = _sorted(numbers.round(9))
    # a tie's rank is the mean of its first and its last place
    new = np.ones(ordered.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    at = np.arange(numbers.shape[1])
    first = np.maximum.accumulate(np.where(new, at, 0), axis=1)
    ends = np.append(new[:, 1:], np.ones((len(new), 1), dtype=bool), axis=1)
    last = np.minimum.accumulate(np.where(ends, at, numbers.shape[1])[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(numbers.shape)
    np.put_along_axis(ranks, place, (first + last) / 2 + 1, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    flat = np.ptp(numbers, axis=1) < 1e-9
    ranks[flat] = 0.0
    return ranks / np.where(flat, 1.0, np.sqrt((ranks**2).sum(axis=1)))[:, None]


def _sorted(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row in order, and the places where its numbers stood."""
    place = np.argsort(numbers, axis=1, kind="stable")
    return np.take_along_axis(numbers, place, axis=1), place


def _p_values(ranks: _Ranks) -> tuple[float, float]:
    """That the values fall and that they rise."""
    # scales that rank the runs alike are one test: Bonferroni must not count it twice
    scale, inside = _distinct(ranks.scale), _distinct(ranks.inside)
    between = len(scale) > 0 and bool(np.any(ranks.value))
    if not between and not len(inside):
        return 1.0, 1.0
    # with few runs the statistics' joint law is counted, which costs nothing for scales that go together; with many the
    # random permutations would say no p below 1e-4 and take long, while the t approximation is good
    if len(ranks.value) > MAX_PERMUTED_RUNS and between:
        return _by_each(scale, inside, ranks.value)
    return _by_largest(scale if between else scale[:0], inside, ranks.value)


def _distinct(rows: np.ndarray) -> np.ndarray:
    """The rows that are not all 0, each once, in order."""
    there = rows[np.any(rows != 0, axis=1)].round(12)
    return np.unique(there, axis=0) if len(there) > 1 else there


def _by_each(scale: np.ndarray, inside: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """Every scale's test by its own distribution (t between runs), and Bonferroni over them."""
    spare = len(value) - 2
    # ranks of length 1: their product is Spearman's ρ, and ρ·√((n − 2)/(1 − ρ²)) is nearly t with n − 2 degrees; 1e-15
    # short of ±1 keeps that finite
    rho = np.clip(scale @ value, -1 + 1e-15, 1 - 1e-15)
    low = stdtr(spare, rho * np.sqrt(spare / (1 - rho**2)))
    within = [_by_largest(scale[:0], row[None], value) for row in inside]
    falls = [*low, *(fall for fall, _ in within)]
    rises = [*(1 - low), *(rise for _, rise in within)]
    return min(1.0, min(falls) * len(falls)), min(1.0, min(rises) * len(rises))


def _by_largest(scale: np.ndarray, inside: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """The most falling (rising) of all statistics among those under permuted runs and flipped insides."""
    if not len(scale) and inside.shape[1] > MAX_FLIPPED_RUNS:
        z = _sum(inside, np.ones((1, inside.shape[1]))).ravel()
        count = len(z)
        return min(1.0, count * float(ndtr(z.min()))), min(1.0, count * float(ndtr(-z.max())))
    order, sign = _group(len(value) if len(scale) else 1, inside.shape[1] if len(inside) else 0)
    between = np.sqrt(len(value) - 1) * (value[order] @ scale.T) if len(scale) else np.empty((len(order), 0))
    within = _sum(inside, sign) if len(inside) else np.empty((len(order), 0))
    # between and within are independent and each of variance 1 under the null: their sum over √2 gathers both evidences
    both = (between[:, :, None] + within[:, None, :]).reshape(len(order), -1) / np.sqrt(2)
    all_z = np.hstack([between, within, both])
    lowest, highest = all_z.min(axis=1), all_z.max(axis=1)
    if len(scale) > 1:
        lowest, highest = np.minimum(lowest, _jointly(scale, between)), np.maximum(highest, -_jointly(scale, -between))
    # the share of the group that is as extreme as the given order, which is among them: ties but for rounding count
    return float((lowest <= lowest[0] + 1e-9).mean()), float((highest >= highest[0] - 1e-9).mean())


def _jointly(scale: np.ndarray, between: np.ndarray) -> np.ndarray:
    """The most falling of mixes of two scales (G,), both of which take part downwards; 0 where no pair does.

    On a grid of params and tokens either scale alone ranks the runs poorly, though together they tell every value. The
    mix is the best one for each order, permuted ones too, so that its choice is in the p-value: the projection of the
    values' ranks on the cone of the two scales' (the order-restricted test of Barlow et al. 1972, chapter 3).

    Args:
        scale: (S, n) standardized ranks.
        between: (G, S) statistics of single scales, negative where values fall.
    """
    lowest = np.zeros(len(between))
    for first, second in combinations(range(len(scale)), 2):
        alike = float(scale[first] @ scale[second])
        if abs(alike) > MOST_ALIKE:
            continue
        one, other = between[:, first], between[:, second]
        both = (one - alike * other < 0) & (other - alike * one < 0)
        size = np.sqrt((one**2 + other**2 - 2 * alike * one * other) / (1 - alike**2))
        lowest = np.where(both, np.minimum(lowest, -size), lowest)
    return lowest


def _sum(inside: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """(G, S) sums over the runs of what they do inside, under each row of signs (G, m), in standard deviations."""
    return sign @ inside.T / np.sqrt((inside**2).sum(axis=1))


@cache
def _group(runs: int, insides: int) -> tuple[np.ndarray, np.ndarray]:
    """Orders (G, runs) and signs (G, insides), the given ones first: all there are, or random ones.

    The same in every test. Random ones are counted with the given one among them, which keeps the level.
    """
    if factorial(runs) * 2**insides <= MAX_RESAMPLES:
        orders = np.array(list(permutations(range(runs))))
        signs = np.array(list(product((1.0, -1.0), repeat=insides))).reshape(2**insides, insides)
        return np.repeat(orders, len(signs), axis=0), np.tile(signs, (len(orders), 1))
    random = np.random.default_rng(0)
    order = random.permuted(np.tile(np.arange(runs), (MAX_RESAMPLES + 1, 1)), axis=1)
    sign = random.choice((1.0, -1.0), size=(MAX_RESAMPLES + 1, insides))
    order[0], sign[0] = np.arange(runs), 1.0
    return order, sign
