"""The rows of a task as the local trend reads them: sorted, checkpoints gathered, wild rows and shared noise told.

See docs/decisions/130-one-scale-by-a-local-trend.md.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from budget.curves.fitting.batch import padded_rows
from budget.curves.fitting.batching import Devices, vmap_in_chunks
from budget.curves.predictive.observations import Observations
from budget.curves.predictive.wiener_filter import State, advance, update

MOST_ROWS = 256
"""Rows of a task that are filtered; of more, neighbours along the scale are gathered to their median."""

MOST_CHECKPOINTS = 24
"""Parts of a task's range in each of which a run has one row that is filtered. Checkpoints share their run's noise:
neighbours tell as much as one of them."""

MOST_EVIDENCE = 32.0
"""Rows whose evidence counts in full; of n, more than these, each counts this number over n. A trend with white noise
is not quite what is measured, and from many rows it would learn their noise (a tempered likelihood: Grünwald & van
Ommen 2017)."""

MEDIAN_EFFICIENCY = 2 / np.pi
"""Precision of a median over that of a mean, for normal noise."""

COMMON_WIDTH, FEW_TASKS = 48, 400
"""Rows to which tasks are padded where there are no more tasks than this: programs are then compiled and loaded once
for all of a backtest's origins, which takes longer than the padding does."""

WILD_SHARE = 0.01
"""Prior share of wild rows: 5 of 240."""

WILD_FACTOR = 10.0
"""Their standard deviation, in those of the others."""

PASSES = 4
"""Times that wild rows are told from the others' trend and the trend from the others."""

SCREEN_NOISE = np.geomspace(1e-3, 0.5, 8)
"""Standard deviations of the noise that telling wild rows tries."""

SCREEN_DRIFT = np.geomspace(0.03, 1.0, 5)
"""Drifts that it tries: steeper ones than predictions do, so that a cliff is no row of wild runs."""

VAGUE = 25.0
"""Variance of level and slope before any row there: it must not say where the curve begins."""

FEW_ROWS = 8
"""Rows from which the first guess of wild ones is made by a running median; of fewer none is wild to begin with."""

NEIGHBOURS = 3
"""Rows to either side in that median."""

SHARED_NOISE = 0.5
"""Prior share of the noise that the checkpoints of a run have in common, with the weight of ``PRIOR_RUNS`` runs."""

PRIOR_RUNS = 2.0
"""Weight of that prior."""


@dataclass(frozen=True)
class TrendRows:
    """T tasks of R padded rows, sorted by scale.

    Attributes:
        z: (T, R) logarithms of the scale over the largest measured; 0 where padded.
        value: (T, R) distances to best.
        precision: (T, R) over that of an ordinary run; 0 where padded.
        known: (T, R) known variance of the noise, beside it.
        information: (T, R) share of a row's evidence that is its own and not told by others of its run; 0 where padded.
        good: (T, R) probability that the row is not wild.
        scatter: (T,) variance of the noise within what was gathered, over that of an ordinary run's; 0 where nothing.
        span: (T,) logarithm of the largest over the smallest measured scale.
    """

    z: np.ndarray
    value: np.ndarray
    precision: np.ndarray
    known: np.ndarray
    information: np.ndarray
    good: np.ndarray
    scatter: np.ndarray
    span: np.ndarray


_Gathered = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]
"""z, value, weight, known variance and run of R rows, and the variance of the noise within what was gathered."""


def trend_rows(data: Observations, devices: Devices) -> TrendRows:
    """Sort and gather each task's rows, find the wild ones, and how much noise the rows of one run share."""
    columns = [_gather(*_sorted(data, task)) for task in range(len(data))]
    gathered, scatter = [rows[:5] for rows in columns], np.array([rows[5] for rows in columns])
    width = padded_rows(max(len(rows[0]) for rows in gathered))
    if len(data) <= FEW_TASKS:
        width = max(width, COMMON_WIDTH)

    def padded(at: int, fill: float) -> np.ndarray:
        return np.stack([np.pad(rows[at], (0, width - len(rows[at])), constant_values=fill) for rows in gathered])

    z, value, weight, known, run = padded(0, 0.0), padded(1, 1.0), padded(2, 0.0), padded(3, 0.0), padded(4, -1)
    there = weight > 0
    first = _first_guess(value, there)
    step = np.diff(z, axis=1, prepend=z[:, :1]) * there
    good, off = vmap_in_chunks(_screen, (), (step, np.log(value), weight, known, first), devices=devices)
    own = np.ones(run.shape)
    ordered = np.sort(run, axis=1)
    for task in np.flatnonzero(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)):
        own[task] = _own_information(off[task], good[task], run[task])
    precision = weight * _believed(good, off)
    span = np.array([rows[0][-1] - rows[0][0] for rows in gathered])
    own = own * np.minimum(1.0, MOST_EVIDENCE / there.sum(axis=1, keepdims=True))
    return TrendRows(z, value, precision, known, own * there, good * there, scatter, span)


def _sorted(data: Observations, task: int) -> tuple[np.ndarray, ...]:
    """z, value, weight, known variance and run of a task's rows, by scale and then by all that stands in them."""
    there = data.there[task] & (data.weight[task] > 0)
    z, value, weight = data.log_inputs[task, there, 0], data.value[task, there], data.weight[task, there]
    known, run = data.stderr[task, there] ** 2, data.run[task, there]
    order = np.lexsort((known, weight, value, z))
    return z[order] - z.max(), value[order], weight[order], known[order], run[order]


def _gather(z: np.ndarray, value: np.ndarray, weight: np.ndarray, known: np.ndarray, run: np.ndarray) -> _Gathered:
    """Neighbours of one run, and then of a task, as one row each: their median; and the scatter within them."""
    counts = np.bincount(run)
    # rows of a run with few checkpoints stay as they are: each is a group of its own
    group = np.arange(len(z))
    places = _places(z, MOST_CHECKPOINTS)
    for long in np.flatnonzero(counts > MOST_CHECKPOINTS):
        mine = run == long
        group[mine] = len(z) * (1 + long) + places[mine]
    first = _merge(group, z, value, weight, known, run, shared=True)
    if len(first[0]) <= MOST_ROWS:
        return first
    again = _merge(_places(first[0], MOST_ROWS), *first[:5], shared=False)
    return (*again[:5], first[5])


def _places(z: np.ndarray, count: int) -> np.ndarray:
    """Which of ``count`` equal parts of the range each place lies in."""
    width = max(z.max() - z.min(), np.finfo(float).tiny)
    return np.minimum((count * (z - z.min()) / width).astype(int), count - 1)


def _merge(
    group: np.ndarray,
    z: np.ndarray,
    value: np.ndarray,
    weight: np.ndarray,
    known: np.ndarray,
    run: np.ndarray,
    *,
    shared: bool,
) -> _Gathered:
    """One row for each group.

    Args:
        group: (R,) numbers of the groups.
        z: (R,).
        value: (R,).
        weight: (R,).
        known: (R,).
        run: (R,).
        shared: whether a group's rows share their noise: then they weigh as one of them, else as all together.
    """
    rows, within, pairs = [], 0.0, 0
    by_group = np.argsort(group, kind="stable")
    if len(np.unique(group)) == len(group):  # nothing to merge
        apart = [column[by_group] for column in (z, value, weight, known, run)]
        order = np.lexsort((apart[1], apart[0]))
        return (*(column[order] for column in apart), 0.0)  # type: ignore[return-value]
    for member in np.split(by_group, np.flatnonzero(np.diff(group[by_group])) + 1):
        if len(member) == 1:
            at = member[0]
            rows.append((z[at], value[at], weight[at], known[at], run[at]))
            continue
        logs = np.log(value[member])
        efficiency = 1.0 if shared else (MEDIAN_EFFICIENCY if len(member) > 2 else 1.0) * len(member)
        total = weight[member].mean() * efficiency
        steps = np.diff(logs[np.argsort(z[member], kind="stable")])
        # neighbours' differences hold no trend to speak of; their median square is unmoved by wild rows
        within, pairs = within + float(np.median(steps**2)) / 2 * len(steps), pairs + len(steps)
        rows.append((z[member].mean(), np.exp(np.median(logs)), total, known[member].mean(), run[member[0]]))
    merged = [np.array(column) for column in zip(*rows, strict=True)]
    order = np.lexsort((merged[1], merged[0]))
    return (*(column[order] for column in merged), within / pairs if pairs else 0.0)  # type: ignore[return-value]


def _first_guess(value: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(T, R) how good each row looks beside the median of its neighbours, 0 where padded behind a task's rows."""
    width = value.shape[1]
    logs = np.where(there, np.log(value), np.inf)
    beside = np.pad(logs, ((0, 0), (NEIGHBOURS, NEIGHBOURS)), constant_values=np.inf)
    around = _medians(
        np.stack([beside[:, step : step + width] for step in range(2 * NEIGHBOURS + 1) if step != NEIGHBOURS], axis=2)
    )
    off = np.where(there, np.abs(np.where(there, logs, 0.0) - around), np.inf)
    scale = np.maximum(_medians(off), 1e-12)[:, None]
    few = there.sum(axis=1, keepdims=True) < FEW_ROWS
    guess = 1 / (1 + (np.where(few, 0.0, off) / (6 * scale)) ** 4)
    return np.where(there, guess, 0.0)


def _medians(values: np.ndarray) -> np.ndarray:
    """Medians along the last axis of what is finite; infinite where nothing is."""
    ordered = np.sort(values, axis=-1)
    count = np.isfinite(values).sum(axis=-1)[..., None]
    middle = (np.maximum(count - 1, 0) // 2, count // 2)
    low, high = (np.take_along_axis(ordered, at, axis=-1)[..., 0] for at in middle)
    return (low + high) / 2


def _screen(step: Array, logs: Array, weight: Array, known: Array, first: Array) -> tuple[Array, Array]:
    """(R,) probability that each row is good, and by how many standard deviations it lies off what the others say.

    Each row is compared with the trend of all others, from before it and from after it, and its own noise; then the
    trend is told again with the wild rows' noise as large as theirs (expectation–maximisation of a two-part mixture).
    """
    noise = jnp.asarray(SCREEN_NOISE)[:, None] ** 2
    drift = jnp.asarray(SCREEN_DRIFT)[None, :] ** 2
    shape = (len(SCREEN_NOISE), len(SCREEN_DRIFT))
    there = weight > 0
    variance = noise / jnp.where(there, weight, 1.0)[:, None, None] + known[:, None, None]
    begin = State(*(jnp.full(shape, value) for value in (0.0, 0.0, VAGUE, 0.0, VAGUE)))
    centre = logs[0]

    def sweep(step: Array, logs: Array, noise: Array, there: Array) -> tuple[Array, Array, Array]:
        def one(carry: tuple[State, Array], row: tuple[Array, ...]) -> tuple[tuple[State, Array], tuple[Array, Array]]:
            state, total = carry
            step, at, noise, there = row
            ahead = advance(state, step, drift)
            innovation, spread = at - ahead.level, ahead.p00 + noise
            total = total - jnp.where(there, 0.5 * jnp.log(spread) + 0.5 * innovation**2 / spread, 0.0)
            seen = update(ahead, innovation, noise)
            state = State(*(jnp.where(there, new, old) for new, old in zip(seen, ahead, strict=True)))
            return (state, total), (ahead.level, ahead.p00)

        (_, total), (level, spread) = jax.lax.scan(one, (begin, jnp.zeros(shape)), (step, logs, noise, there))
        return level, spread, total

    # backward: the step to a row is the one that led from it
    back = jnp.concatenate([jnp.zeros(1), step[:0:-1]])

    def tell_wild(_pass: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        inflated = variance / _believed(*state)[:, None, None]
        level, spread, total = sweep(step, logs - centre, inflated, there)
        level_, spread_, _ = sweep(back, (logs - centre)[::-1], inflated[::-1], there[::-1])
        level_, spread_ = level_[::-1], spread_[::-1]
        apart = 1 / (1 / spread + 1 / spread_)
        off = (logs - centre)[:, None, None] - apart * (level / spread + level_ / spread_)
        weights = jnp.exp(total - jax.scipy.special.logsumexp(total))
        plain, wild = apart + variance, apart + WILD_FACTOR**2 * variance
        odds = 0.5 * jnp.log(plain / wild) + 0.5 * off**2 * (1 / plain - 1 / wild)
        is_good = 1 / (1 + WILD_SHARE / (1 - WILD_SHARE) * jnp.exp(jnp.minimum(odds, 500.0)))
        return jnp.sum(weights * is_good, axis=(1, 2)), jnp.sum(weights * off / jnp.sqrt(plain), axis=(1, 2))

    return jax.lax.fori_loop(0, PASSES, tell_wild, (first, jnp.zeros_like(logs)))


def _believed(good: Any, off: Any) -> Any:
    """Precision of a row over that of a good one: that of a wild row is as low as it is far off, at the most."""
    return good + (1 - good) / (WILD_FACTOR**2 + off**2)


def _own_information(off: np.ndarray, good: np.ndarray, run: np.ndarray) -> np.ndarray:
    """(R,) share of each row's evidence that the other rows of its run do not tell already.

    Rows of one run have a part ρ of their noise in common; m of them tell as much as m/(1 + (m − 1)ρ) rows (Kish 1965).
    ρ is the mean product of the rows' residuals over pairs of one run. Of a single run nothing tells it: the curve
    goes through what its rows have in common.
    """
    own = np.ones(len(run))
    numbers, position, counts = np.unique(run, return_inverse=True, return_counts=True)
    counts = np.where(numbers >= 0, counts, 1)
    several = np.flatnonzero(counts > 1)
    if len(several) == 0 or (numbers >= 0).sum() < 2:
        return own
    residual = off * good
    sums = np.bincount(position, residual)[several]
    squares = np.bincount(position, residual**2)[several]
    pairs = (counts[several] * (counts[several] - 1)).sum()
    mean_square = max(squares.sum() / counts[several].sum(), np.finfo(float).tiny)
    common = float(np.clip((sums**2 - squares).sum() / pairs / mean_square, 0.0, 1.0))
    common = (len(several) * common + PRIOR_RUNS * SHARED_NOISE) / (len(several) + PRIOR_RUNS)
    return 1 / (1 + (counts[position] - 1) * common)
