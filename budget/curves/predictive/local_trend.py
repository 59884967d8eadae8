"""Draws of curves of one scale by a local trend: a floor, and a logarithm above it whose slope drifts.

``y = E + w/(1 + w/(U − E))``, ``w = exp(m(t))``, ``t = ln x``; m is an integrated Wiener process, so that the error of
any law is in its spread: small where runs pin it, growing with the power 1.5 of the distance beyond them. Far below the
ceiling U, which is mostly infinite, y is E + w. Ceiling, floor, noise and drift lie on a grid; in each of its cells a
Kalman filter sums over all curves, and the cells weigh by their marginal likelihood. Nothing is searched for and
nothing is walked to: the posterior is summed, whatever the runs are.

See docs/decisions/130-one-scale-by-a-local-trend.md.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.special import logsumexp, ndtri

from budget.curves.fitting.batching import Devices, choose_devices, kind_of, vmap_in_chunks
from budget.curves.kept_fits import kept_by_task
from budget.curves.predictive.knots import INSIDE, height, knots
from budget.curves.predictive.observations import Observations, Posterior, by_task, from_tasks
from budget.curves.predictive.trend_rows import COMMON_WIDTH, TrendRows, trend_rows
from budget.curves.predictive.wiener_filter import State, advance, sample, smooth, update
from budget.numerics.streams import keys, uniforms

FLOOR_SHARES = 1 - np.geomspace(1.0, 0.003, 16)
"""Floors tried, as shares of the way from the least value to the best one measured: log-uniform in what is left."""

NOISES = np.geomspace(1e-3, 0.3, 12)
"""Standard deviations of a run's relative noise that are tried: from exact evaluations to small noisy ones."""

DRIFTS = np.geomspace(0.01, 0.2, 6)
"""Standard deviations of the slope's change within a factor e of scale that are tried: from a power law to a bend."""

CEILINGS = np.array([1.02, np.inf])
"""Ceilings tried, over the largest value measured: just above it, as where runs begin near guessing, and none."""

LOG_CEILING_PRIOR = np.log([[0.1, 0.9], [0.5, 0.5]])
"""Prior of the ceilings, of the trend that reads all runs and of the one that reads the upper part of the range. Early
runs say little for a ceiling: a learning curve's first plateau is seldom the logistic one of a fall from guessing."""

SLOPE, SLOPE_DEVIATION = -0.35, 0.3
"""Prior of the log–log slope above the floor: exponents of published laws lie between .05 and .7 (Hoffmann et al. 2022,
.34 and .28; Alabdulmohsin et al. 2022)."""

LEVEL_VARIANCE = 1.0
"""Variance of the level's logarithm about the first value, before it is seen."""

DIRECT_ROWS = 2
"""Rows that are seen as logarithms. From then on the filter knows the level well enough to be linear in the value
itself, so that a run near the floor by its noise is not taken for one far down on a logarithm."""

LATE_SHARE = 0.6
"""Share of the measured range, up to its upper end, that the second of the two trends reads: half of the draws are of
runs of the whole range, half of these runs alone, since early ones tell less of what comes next than the filter thinks.
"""

LEAST_LATE = 4
"""Scales that the second trend reads at least."""

WIDENING = 1.25
"""Factor of the spread of draws, calibrated on measured curves (decision 130)."""


LANES = 16
"""How many ordinary lanes one task is as large as, whose grid has thousands of cells."""

DRAWS, LEAST_SHARE = 25, 2
"""How many draws are as large as an ordinary lane, and how many of these one task's draws are at least."""

IMPOSSIBLE = -1e9
"""Logarithm of the likelihood of rows in a cell that cannot hold them."""

NEAR = 0.01
"""Share of the way from the floor to the ceiling that a value has left at least: nearer, its level would not be finite.
"""

_MOST_EXPONENT = 600.0
"""Largest logarithm of a value over the best measured one."""

_MANTISSA, _ROOT_HALF = 52, 0x3FE6A09E667F3BCD
"""Bits of a number after its exponent's, and those of the root of one half, from which on mantissas are taken."""

_ROUNDER = 1.5 * 2.0**_MANTISSA
_ROUNDER_BITS = int(np.float64(_ROUNDER).view(np.int64))
"""A number to whose bits a whole one is added as to the number itself."""

_LN_2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)
"""The logarithm of two in two parts, of which the first has few bits."""

_ATANH = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip
"""Of the powers of s² in (ln(1 + f) − ln(1 − f) − 2s)/s, s = f/(2 + f)."""


@dataclass(frozen=True)
class _Lanes:
    """One trend for each task and each part of its range that is read: rows as the filter takes them.

    Attributes:
        step: (L, R) logarithm of each row's scale over the one before; 0 of the first.
        value: (L, R) over the best measured value.
        precision: (L, R) over that of an ordinary run; 0 where padded.
        known: (L, R) known variance of the noise.
        information: (L, R) share of a row's evidence that is its own.
        direct: (L, R) which rows are seen as logarithms.
        begin: (L,) value about which the level's prior lies.
        least: (L,) floor's lower end, over the best measured value.
        highest: (L,) largest value measured, over the best.
    """

    step: np.ndarray
    value: np.ndarray
    precision: np.ndarray
    known: np.ndarray
    information: np.ndarray
    direct: np.ndarray
    begin: np.ndarray
    least: np.ndarray
    highest: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        return (
            self.step,
            self.value,
            self.precision,
            self.known,
            self.information,
            self.direct,
            self.begin,
            self.least,
            self.highest,
        )


@dataclass(frozen=True)
class TrendFilter:
    """The grid of T tasks' filters, before anything is drawn.

    Attributes:
        data: what was observed.
        rows: the same as the filter reads it.
        unit: (T,) best measured value, by which values were divided.
        least: (T,) the floor's lower end, over ``unit``.
        parts: the rows that each of the two trends reads.
        log_weight: (2, T, U, F, S, Q) log marginal likelihood of each cell of ceiling, floor, noise and drift, with the
            log prior of the ceilings: by all runs, and by those of the upper part of the range.
    """

    data: Observations
    rows: TrendRows
    unit: np.ndarray
    least: np.ndarray
    parts: list[_Lanes]
    log_weight: np.ndarray

    @cached_property
    def floor_posterior(self) -> np.ndarray:
        """(T, F) log posterior of the floor's share φ of each task, by its own runs alone."""
        table = logsumexp(self.log_weight[0], axis=(1, 3, 4))
        return table - logsumexp(table, axis=1, keepdims=True)

    @property
    def evidence(self) -> np.ndarray:
        """(T,) logarithm of the marginal likelihood of values over ``unit``, its mean over the cells by their prior."""
        cells = self.log_weight[0].reshape(len(self.data), -1)
        return logsumexp(cells, axis=1) - np.log(cells.shape[1] / len(CEILINGS))


def borrowed_floors(total: np.ndarray, own: np.ndarray, tasks: int) -> np.ndarray:
    """What other tasks say of each task's floor: the mean of their log posteriors of its share φ.

    Args:
        total: (F,) sum of the log posteriors of all tasks that lend; tables of parts of a file add up to it.
        own: (T, F) the tasks' own ones, which are in that sum.
        tasks: how many are.

    Returns:
        (T, F) to be given to ``draw_trends``; 0 where there is no other task.
    """
    return (total - own) / (tasks - 1) if tasks > 1 else np.zeros_like(own)


def sample_trends(
    observations: Observations, *, draws: int, seed: int, borrow: bool = False, device: str | None = None
) -> Posterior:
    """Draws of the curves of T tasks, each from its own runs alone.

    Args:
        observations: T tasks of one log input.
        draws: the number B.
        seed: any whole number.
        borrow: whether draws for plans borrow their floors from the other tasks of the same metric.
        device: where to run.

    Returns:
        Parameters of the law ``trend``; draw b of a task depends on its name, the seed, b and B.

    Raises:
        FitError: JAX sees no such device.
    """
    kind, constants = kind_of(choose_devices(device)), ("trend", draws, seed)
    given = observations.widened(COMMON_WIDTH).lanes()  # whatever is beside them, if not longer
    weighed: dict[bytes, TrendFilter] = {}

    def weigh(chosen: np.ndarray) -> TrendFilter:
        """The filter of some tasks, which is made once where it is needed twice."""
        if chosen.tobytes() not in weighed:
            weighed[chosen.tobytes()] = filter_trends(observations.take(chosen), device=device)
        return weighed[chosen.tobytes()]

    def compute(chosen: np.ndarray) -> list[np.ndarray]:
        own = draw_trends(weigh(chosen), draws=draws, seed=seed, device=device)
        return [*by_task(own), weigh(chosen).floor_posterior]

    *leaves, floors = kept_by_task("curves", kind, constants, given, compute)
    found = from_tasks(leaves)
    if not borrow:
        return found
    prior = np.zeros_like(floors)
    for metric in dict.fromkeys(observations.metric):
        mine = np.array([each == metric for each in observations.metric])
        prior[mine] = borrowed_floors(floors[mine].sum(axis=0), floors[mine], int(mine.sum()))
    if not prior.any():
        return found

    def lend(chosen: np.ndarray) -> list[np.ndarray]:
        helped = draw_trends(weigh(chosen), draws=draws, seed=seed, floor_prior=prior[chosen], device=device)
        return [helped.draws.swapaxes(0, 1)]

    (lent,) = kept_by_task("lent", kind, constants, (*given, prior), lend)
    return replace(found, lent=lent.swapaxes(0, 1), notes=(_borrowed_note(floors, prior),))


def _borrowed_note(own: np.ndarray, prior: np.ndarray) -> str:
    """How far the other tasks move what plans take for each task's floor (T, F), one sentence."""
    both = own + prior
    both = both - logsumexp(both, axis=1, keepdims=True)
    before, after = (np.exp(each) @ FLOOR_SHARES for each in (own, both))
    return (
        f"Plans borrow each floor from the other tasks too: as a share of the task's best value it moves by "
        f"{np.median(np.abs(after - before)):.2f}, the median of {len(own)} tasks (--no-borrow leaves them alone)."
    )


def filter_trends(data: Observations, *, device: str | None = None) -> TrendFilter:
    """Weigh every cell of every task's grid by its runs.

    Args:
        data: T tasks of one log input.
        device: where to run.

    Raises:
        FitError: JAX sees no such device.
    """
    devices = choose_devices(device)
    rows = trend_rows(data, devices)
    unit = np.where(_good(rows.good), rows.value, np.inf).min(axis=1)
    least = np.minimum(np.nan_to_num(data.least) / unit, FLOOR_SHARES[-1])
    parts = [_lanes(rows, unit, least, late) for late in (False, True)]
    cells = [_weighed(part, devices) for part in parts]
    return TrendFilter(
        data, rows, unit, least, parts, np.stack(cells) + LOG_CEILING_PRIOR[:, None, :, None, None, None]
    )


def _weighed(part: _Lanes, devices: Devices) -> np.ndarray:
    """(L, U, F, S, Q) ``_weigh`` of every lane."""
    # the loop ends with the longest lane's rows: padding takes no time, so that most files have one program
    rows = np.asarray((part.precision > 0).sum(axis=1).max())
    more = max(COMMON_WIDTH - part.step.shape[1], 0)
    lanes = [np.pad(each, ((0, 0), (0, more))) if each.ndim == 2 else each for each in part.arrays]
    found: np.ndarray = vmap_in_chunks(_weigh, (), lanes, (rows,), devices=devices, share=LANES, fused=True)
    return found


def draw_trends(
    filtered: TrendFilter, *, draws: int, seed: int, floor_prior: np.ndarray | None = None, device: str | None = None
) -> Posterior:
    """Draws of curves from the weighed cells.

    Args:
        filtered: of T tasks.
        draws: the number B.
        seed: any whole number.
        floor_prior: (T, F) what is added to the logarithm of the cells' weights for each floor (``borrowed_floors``).
        device: where to run.

    Raises:
        FitError: JAX sees no such device.
    """
    devices, data, rows = choose_devices(device), filtered.data, filtered.rows
    count = len(data)
    added = np.zeros((count, len(FLOOR_SHARES))) if floor_prior is None else floor_prior
    weight = filtered.log_weight + added[None, :, None, :, None, None]
    places = knots(rows.span)
    levels, noise = np.empty((draws, count, places.shape[1])), np.empty((draws, count))
    for late in (False, True):
        which = np.arange(int(late), draws, 2)
        if len(which) == 0:
            continue
        levels[which], noise[which] = _draw_part(filtered, weight[int(late)], places, len(which), seed, late, devices)
    # the runs before the second trend's first are told by the first trend: its draws go through them
    start = _late_start(rows)[:, None] - 1e-9
    second = levels[1::2]
    second[...] = np.where(places < start, levels[: 2 * len(second) : 2], second)
    levels += np.log(filtered.unit)[:, None]
    levels, effective = _bounded(levels, rows, data.most)
    theta = np.concatenate([np.broadcast_to(rows.span[:, None], (draws, count, 1)), levels], axis=2)
    middle = np.median(levels, axis=0)
    parameters = np.concatenate([rows.span[:, None], middle], axis=1)
    return Posterior(
        parameters=parameters,
        draws=theta,
        noise=noise,
        error=_error(data, places, middle),
        rhat=np.ones(count),
        effective=effective,
        evidence=filtered.evidence,
    )


def _good(good: np.ndarray) -> np.ndarray:
    """(T, R) which runs are not wild, of the probabilities that they are good."""
    return good >= np.minimum(0.5, good.max(axis=1, keepdims=True))


def _late_start(rows: TrendRows) -> np.ndarray:
    """(T,) scale from which the second trend reads, over the largest one."""
    there = rows.precision > 0
    # rows are sorted: of equal scales the last one is counted, from the end on
    last = there.copy()
    last[:, :-1] &= ~(there[:, 1:] & (rows.z[:, 1:] == rows.z[:, :-1]))
    number = np.cumsum(last[:, ::-1], axis=1)[:, ::-1]
    wanted = np.minimum(LEAST_LATE, number[:, :1])
    place = np.argmax(last & (number == wanted), axis=1)
    return np.minimum(-LATE_SHARE * rows.span, rows.z[np.arange(len(place)), place])


def _lanes(rows: TrendRows, unit: np.ndarray, least: np.ndarray, late: bool) -> _Lanes:
    """The rows of each task that a trend reads, from the first place on."""
    count, width = rows.z.shape
    start = _late_start(rows) - 1e-9 if late else np.full(count, -np.inf)
    taken = (rows.precision > 0) & (rows.z >= start[:, None])
    place = np.argsort(~taken, axis=1, kind="stable")
    there = np.arange(width) < taken.sum(axis=1, keepdims=True)

    def picked(array: np.ndarray, fill: float) -> np.ndarray:
        return np.where(there, np.take_along_axis(array, place, axis=1), fill)

    z, good = picked(rows.z, 0.0), picked(rows.good, 0.0)
    value = picked(rows.value, 1.0) / unit[:, None]
    precision = picked(rows.precision, 0.0)
    value = np.where(precision > 0, value, 1.0)
    step = np.diff(z, axis=1, prepend=z[:, :1])
    # of the good rows: a wild one says nothing of where the curve begins
    first = np.argmax(good >= np.minimum(0.5, good.max(axis=1, keepdims=True)), axis=1)
    direct = (np.arange(width) - first[:, None] < DIRECT_ROWS) & (value >= 1)
    begin = value[np.arange(count), first]
    return _Lanes(
        step, value, precision, picked(rows.known, 0.0), picked(rows.information, 0.0), direct, begin, least,
        np.where(_good(rows.good), rows.value, -np.inf).max(axis=1) / unit,
    )  # fmt: skip


def _observe(
    state: State, floor: Array, bend: Array, variance: Array, value: Array, information: Array, direct: Array
) -> tuple[State, Array]:
    """The state once one row was seen, and the logarithm of its likelihood.

    The row is ``E + _above(level)`` with noise of ``variance`` relative to it, linear about the level's mean.
    """
    # where the filter is far off, the exponential is linear about a place nearer to the row; of a direct row, about it
    ends = 0.5 * value - floor, jnp.maximum(2.0, 2.0 * value) - floor
    low, high = (jnp.where(direct, value - floor, end) for end in ends)
    told = _above(state.level, bend)
    above = jnp.clip(told, low, high)
    # a row above the ceiling is seen as one a little below it
    rest = 1 - above * bend
    left = jnp.maximum(rest, NEAR)
    about, gradient = floor + above, above * left
    # where the ends do not bind, the level of what lies above the floor is the state's own, for which no logarithm is
    # needed; of the ends, which hang on floor and ceiling alone, few are
    level = jnp.where(rest < NEAR, _near_level(rest, bend), state.level)
    level = jnp.where(told < low, _level(low, bend), jnp.where(told > high, _level(high, bend), level))
    noise = variance * (about / gradient) ** 2
    innovation = (value - about) / gradient + level - state.level
    spread = state.p00 + noise
    likelihood = -0.5 * (_log(2 * jnp.pi * spread * gradient**2) + innovation**2 / spread)
    return update(state, innovation, noise / information), information * likelihood


def _level(above: Array, bend: Array) -> Array:
    """The level of a value so far above the floor; of one at the ceiling or beyond, as if it were ``NEAR`` to it."""
    return _log(above / jnp.maximum(1 - above * bend, NEAR))


def _near_level(rest: Array, bend: Array) -> Array:
    """``_level`` of what has the share ``rest`` of the way to the ceiling left, less than ``NEAR``: as a series."""
    series = rest * 0.0
    for power in range(7, 0, -1):
        series = rest * (1 / power + series)
    return -jnp.log(NEAR * bend) - series


def _log(x: Array) -> Array:
    """The natural logarithm in double precision, in operations that processors do on many numbers at once.

    Of a number that is not finite, that number; others are normal and above 0 here. The mantissa's logarithm is the
    series of the inverse hyperbolic tangent, shortened (FreeBSD's e_log.c: error below 1 ulp).
    """
    whole = jnp.int64
    bits = jax.lax.bitcast_convert_type(x, whole)
    exponent = (bits - whole(_ROOT_HALF)) >> whole(_MANTISSA)
    f = jax.lax.bitcast_convert_type(bits - (exponent << whole(_MANTISSA)), x.dtype) - 1
    # exponents become numbers by their bits: a conversion of 64-bit integers is done one by one
    number = jax.lax.bitcast_convert_type(exponent + whole(_ROUNDER_BITS), x.dtype) - _ROUNDER
    s = f / (2 + f)
    square, half = s * s, 0.5 * f * f
    series = jnp.zeros_like(x)
    for coefficient in reversed(_ATANH):
        series = square * (coefficient + series)
    found = number * _LN_2[0] - ((half - (s * (half + series) + number * _LN_2[1])) - f)
    return jnp.where(jnp.abs(x) < jnp.inf, found, x)


def _above(level: Array, bend: Array) -> Array:
    """How far above the floor a value of this level is; ``bend`` is 1/(U − E)."""
    above = jnp.exp(jnp.minimum(level, _MOST_EXPONENT))
    return above / (1 + above * bend)


def _begin(begin: Array, floor: Array, bend: Array, shape: tuple[int, ...]) -> State:
    """What is known before any row."""
    above = begin - floor
    level = jnp.broadcast_to(_level(above, bend), shape)
    constants = (SLOPE, LEVEL_VARIANCE, 0.0, SLOPE_DEVIATION**2)
    return State(level, *(jnp.full(shape, constant) for constant in constants))


def _weigh(
    step: Array, value: Array, precision: Array, known: Array, information: Array, direct: Array, begin: Array,
    least: Array, highest: Array, rows: Array,
) -> Array:  # fmt: skip
    """(U, F, S, Q) log marginal likelihood of one lane's rows in every cell; behind ``rows`` of them there are none."""
    cells = (len(CEILINGS), len(FLOOR_SHARES), len(NOISES), len(DRIFTS))
    floor = least + jnp.asarray(FLOOR_SHARES) * (1 - least)
    bend = (1 / (highest * jnp.asarray(CEILINGS)[:, None] - floor)).reshape(-1, 1)
    floor = jnp.tile(floor, len(CEILINGS))[:, None]
    # two long axes instead of four short ones: processors take many numbers along the last one at once
    noise, drift = (each.ravel() ** 2 for each in np.meshgrid(NOISES, DRIFTS, indexing="ij"))
    shape = (len(floor), len(noise))

    def one(at: Array, carry: tuple[State, Array]) -> tuple[State, Array]:
        state, total = carry
        there = precision[at] > 0
        ahead = advance(state, step[at], jnp.asarray(drift))
        variance = jnp.asarray(noise) / jnp.where(there, precision[at], 1.0) + known[at]
        own = jnp.where(there, information[at], 1.0)
        seen, likelihood = _observe(ahead, floor, bend, variance, value[at], own, direct[at])
        state = State(*(jnp.where(there, new, old) for new, old in zip(seen, ahead, strict=True)))
        return state, total + jnp.where(there, likelihood, 0.0)

    _, total = jax.lax.fori_loop(0, rows, one, (_begin(begin, floor, bend, shape), jnp.zeros(shape)))
    # a cell whose filter has left the numbers tells nothing of rows that no such curve goes through
    return jnp.where(jnp.isfinite(total), total, IMPOSSIBLE).reshape(cells)


def _trace(
    step: Array, value: Array, precision: Array, known: Array, information: Array, direct: Array, begin: Array,
    knot: Array, position: Array, floor: Array, bend: Array, noise: Array, drift: Array, inner: Array, ends: Array,
) -> Array:  # fmt: skip
    """(K, B) log values at all knots of the curves of B draws.

    Args:
        step: (R + I,) of the rows, and of the knots among them, which are rows that nobody saw.
        value: (R + I,).
        precision: (R + I,) 0 of knots.
        known: (R + I,).
        information: (R + I,).
        direct: (R + I,).
        begin: ().
        knot: (R + I,) number of the knot that a row is, −1 of others.
        position: (I,) where the knots stand among the rows.
        floor: (B,) of the draws' cells.
        bend: (B,) 1/(U − E).
        noise: (B,).
        drift: (B,).
        inner: (I, 2, B) normal numbers of level and slope at the knots of the measured range.
        ends: (B,) normal numbers of what lies beyond.
    """
    shape, q2 = floor.shape, drift**2

    def forward(state: State, row: tuple[Array, ...]) -> tuple[State, State]:
        step, value, precision, known, information, direct = row
        there = precision > 0
        ahead = advance(state, step, q2)
        variance = noise**2 / jnp.where(there, precision, 1.0) + known
        seen, _ = _observe(ahead, floor, bend, variance, value, jnp.where(there, information, 1.0), direct)
        state = State(*(jnp.where(there, new, old) for new, old in zip(seen, ahead, strict=True)))
        return state, state

    rows = (step, value, precision, known, information, direct)
    last, states = jax.lax.scan(forward, _begin(begin, floor, bend, shape), rows)

    def backward(after: State, row: tuple[State, Array, Array]) -> tuple[State, tuple[Array, Array]]:
        state, next_step, number = row
        smoothed = smooth(state, after, next_step, q2)
        level, slope = sample(smoothed, inner[number, 0], inner[number, 1])
        nothing = jnp.zeros(shape)
        known = State(level, slope, nothing, nothing, nothing)
        carried = State(*(jnp.where(number >= 0, new, old) for new, old in zip(known, smoothed, strict=True)))
        return carried, (carried.level, carried.slope)

    next_step = jnp.concatenate([step[1:], jnp.zeros(1)])
    _, (level, slope) = jax.lax.scan(backward, last, (states, next_step, knot), reverse=True)
    inside = level[position]
    beyond = jnp.asarray(_BEYOND)[:, None]
    end, rate = inside[-1], slope[position[-1]]
    # one number moves a draw's whole future: at every distance the spread is the process's, and the curve is smooth
    outside = end + rate * beyond + WIDENING * drift * ends * beyond**1.5 / jnp.sqrt(3.0)
    levels = jnp.concatenate([inside, outside])
    return jnp.log(floor + _above(levels, bend))


_BEYOND = knots(np.array(1.0))[INSIDE:]
"""Distances of the knots beyond the measured range."""


def _draw_part(
    filtered: TrendFilter,
    weight: np.ndarray,
    places: np.ndarray,
    draws: int,
    seed: int,
    late: bool,
    devices: Devices,
) -> tuple[np.ndarray, np.ndarray]:
    """Levels (B, T, K) at the knots and log noise (B, T) of the draws of one of the two trends, over ``unit``."""
    rows, names = filtered.rows, filtered.data.names
    count = len(names)
    main, inner = _random_numbers(names, draws, seed, late)
    cell = _pick(weight.reshape(count, -1), main[0])
    ceiling, floor, noise, drift = np.unravel_index(cell, weight.shape[1:])
    least = filtered.least[:, None]
    lanes = filtered.parts[int(late)]
    arrays, knot, position = _with_knots(lanes, rows, places, late)
    floors, noises = least + FLOOR_SHARES[floor] * (1 - least), NOISES[noise]
    bend = 1 / (lanes.highest[:, None] * CEILINGS[ceiling] - floors)
    levels = vmap_in_chunks(
        _trace,
        (),
        (*arrays, lanes.begin, knot, position, floors, bend, noises, DRIFTS[drift], inner, ndtri(main[1])),
        devices=devices,
        share=max(LEAST_SHARE, draws / DRAWS),
        owners=names,
    )
    # what gathered checkpoints scatter among themselves is noise of a run that the filter has not seen
    spread = np.sqrt(noises**2 + rows.scatter[:, None])
    return levels.transpose(2, 0, 1), (WIDENING * spread * ndtri(main[2])).T


def _random_numbers(names: tuple[str, ...], draws: int, seed: int, late: bool) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the draws of each task, that belong to its name.

    Returns:
        (3, T, B) uniform ones, each spread evenly over the draws (a Latin hypercube: McKay, Beckman & Conover 1979),
        and (T, I, 2, B) normal ones of the knots in the measured range, widened.
    """
    part = "late" if late else "whole"
    main = uniforms(keys(f"{part} trend of {name}" for name in names), seed, 0, draws, 5)
    # of the last knot, where what comes next begins, they are spread evenly too
    main = (np.argsort(np.argsort(main, axis=1), axis=1) + 0.5) / draws
    knots = keys(f"{part} trend of {name} at {number}" for name in names for number in range(INSIDE - 1))
    inner = uniforms(knots, seed, 0, draws, 2).reshape(2, draws, len(names), INSIDE - 1).transpose(2, 3, 0, 1)
    last = main[3:].transpose(2, 0, 1)[:, None]
    normal = WIDENING * ndtri(np.concatenate([inner, last], axis=1))
    return main[:3].transpose(0, 2, 1), normal


def _pick(log_weight: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Cells (T, B) by their weights (T, C): the one in which the cumulated weight passes each uniform number."""
    cumulated = np.exp(log_weight - log_weight.max(axis=1, keepdims=True)).cumsum(axis=1)
    return np.stack([np.searchsorted(c, u * c[-1]) for c, u in zip(cumulated, number, strict=True)])


def _with_knots(
    lanes: _Lanes, rows: TrendRows, places: np.ndarray, late: bool
) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """The rows with the knots of the measured range among them, which number each is, and where each stands."""
    count, width = lanes.value.shape
    there = lanes.precision > 0
    # the last row stands at 0, and padding behind the last knot moves nothing
    total = (lanes.step * there).sum(axis=1, keepdims=True)
    z = np.where(there, np.cumsum(lanes.step * there, axis=1) - total, 1.0)
    inner = np.maximum(places[:, :INSIDE], -total)
    inner[:, -1] = 0.0
    number = np.concatenate([np.full((count, width), -1), np.tile(np.arange(INSIDE), (count, 1))], axis=1)
    everywhere = np.concatenate([z, inner], axis=1)
    order = np.lexsort((number, everywhere), axis=1)
    everywhere = np.take_along_axis(np.minimum(everywhere, 0.0), order, axis=1)
    step = np.maximum(np.diff(everywhere, axis=1, prepend=everywhere[:, :1]), 0.0)
    number = np.take_along_axis(number, order, axis=1)
    position = np.argsort(np.where(number >= 0, number, INSIDE), axis=1, kind="stable")[:, :INSIDE]

    def woven(array: np.ndarray, fill: float) -> np.ndarray:
        return np.take_along_axis(np.pad(array, ((0, 0), (0, INSIDE)), constant_values=fill), order, axis=1)

    arrays = (
        step, woven(lanes.value, 1.0), woven(lanes.precision, 0.0), woven(lanes.known, 0.0),
        woven(lanes.information, 1.0), woven(lanes.direct, 0),
    )  # fmt: skip
    return arrays, number, position


def _bounded(levels: np.ndarray, rows: TrendRows, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels (B, T, K) that lie below what bounds each task, and (T,) how many draws stand for themselves.

    A stated unserved value is part of the prior: the places of draws that pass it are taken by those that do not. Where
    none is stated nothing says how much worse a larger model can be than the worst measured: as much as that is worse
    than the best.
    """
    draws, count, _ = levels.shape
    levels, effective = levels.copy(), np.full(count, float(draws))
    good, stated = _good(rows.good), np.isfinite(most)
    high = np.log(np.where(good, rows.value, -np.inf).max(axis=1))
    low = np.log(np.where(good, rows.value, np.inf).min(axis=1))
    bound = np.where(stated, np.log(np.where(stated, most, 1.0)), 2 * high - low)
    for task in np.flatnonzero(stated):
        within = np.flatnonzero((levels[:, task] <= bound[task]).all(axis=1))
        if 0 < len(within) < draws:
            effective[task] = len(within)
            levels[:, task] = levels[within[(np.arange(draws) * len(within)) // draws], task]
    return np.minimum(levels, bound[:, None], out=levels), effective


def _error(data: Observations, places: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """(T,) root mean square of the logarithm of measured over told."""
    there = data.there & (data.weight > 0)
    logs = data.log_inputs[:, :, 0]
    z = logs - np.where(there, logs, -np.inf).max(axis=1, keepdims=True)
    told = height(places[:, None, :], levels[:, None, :], np.where(there, z, 0.0))
    off = np.where(there, np.log(data.value) - told, 0.0)
    return np.sqrt((off**2).sum(axis=1) / there.sum(axis=1))
