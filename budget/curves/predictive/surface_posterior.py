"""Draws of the ``surface`` law: its shape by a tempered population, its drifts exactly.

Given the shape's nine numbers, the logarithms of the values are Gaussian: residuals are drifts (an integrated Wiener
process in each logarithmic scale, by its values and slopes at few knots) plus noise. One eigendecomposition a task
serves every drift and noise level, so that a likelihood costs the law at R rows and a product with R × W numbers:
nothing is cubic in the rows. The drifts are drawn from their Gaussian conditional.

See docs/decisions/129-two-scales-with-their-own-error.md.
See docs/decisions/166-searches-that-start-near-by.md.
See docs/decisions/172-the-sampler-in-vectors.md.
"""

from dataclasses import fields, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from budget.curves.fitting.batching import Devices, choose_devices, kind_of, vmap_in_chunks
from budget.curves.kept_fits import kept_by_task
from budget.curves.laws.surface import AXES, INNER, KNOTS, LAW, SHAPE, drift_basis, shape_at, shape_value
from budget.curves.predictive.eigen import eigen
from budget.curves.predictive.observations import Observations, Posterior, by_task, from_tasks, merged
from budget.curves.predictive.single import SINGLE
from budget.curves.predictive.tempering import GROUPS, PARTICLES, RIDGE, convergence, temper
from budget.numerics import streams

PRIOR_LOG_TERM = (float(np.log(0.3)), 1.5)
"""Mean and deviation of ln A and ln B at the largest scales, over the typical value there."""

PRIOR_LOG_EXPONENT = (float(np.log(0.35)), 0.5)
"""Of ln alpha and ln beta: published exponents lie between .1 and .8."""

PRIOR_LOG_INTERACTION = 0.5
"""Deviation of ln k about 0."""

PRIOR_LOG_CEILING = (float(np.log(0.3)), 1.0)
"""Of the logarithm of how far the ceiling lies above the worst value, relatively, beyond ``CEILING_MARGIN``."""

CEILING_MARGIN = 0.02
"""How far above the worst value a ceiling lies at least, relatively."""

PRIOR_LOG_DRIFT = (float(np.log(0.02)), 1.0)
"""Of ln s, the drift's rate per e-fold to the power 1.5."""

PRIOR_LOG_NOISE = (float(np.log(0.01)), 1.5)
"""Of ln σ, the noise of the largest run."""

PRIOR_NOISE_FALL = (0.4, 0.2)
"""Mean and deviation of the power of N·D by which the noise's variance falls with size: small runs count less."""

FALL_GRID = (-0.3, 0.8, 23)
"""The powers at which the noise's fall is tried: from, to, and how many."""

FALL_FLOOR = 0.01
"""Share of σ² that is added to the mean square, so that rows which are met exactly decide nothing."""

MOST_LEVERAGE = 0.9
"""Largest share of itself that is taken out of a row's residual."""

NOISE_FREEDOM = 8.0
"""Degrees of freedom of a new run's noise, whose scale σ is that of the rows which are not wild."""

WILD = 3.0
"""Rows that lie further off than so many deviations get the variance at which they would lie so far off."""

RUN_LENGTH = 1.0
"""Correlation length, in e-folds of the inputs, of the noise of the checkpoints of one run."""

MOST_CORRELATED = 0.95
"""Correlation of two checkpoints that are next to each other."""

COORDINATES = SHAPE + 2
"""The shape's numbers, ln s and ln σ."""

PRIOR_EFFORT = ((0.5, 0.4), (0.7, 0.4))
"""Mean and deviation of p and q: a model of K tasks needs K^p of a specialist's params and K^q of its tokens."""

POINT_REACH = (1.0, 2.0, 5.0, 12.0, 30.0)
"""At which scales from the largest measured one on the point curve goes through the median."""

STRIDE = 37
"""How far on the next draw's particle stands in its group."""

WIDTH, WIDTH_BESIDE = 48, 64
"""Rows that a task is padded to at least, without and with rows of specialists beside its own: one program each serves
most files and the backtests of their tasks. It takes longer to compile and to trace than the padding costs."""

MANY = 256
"""Tasks whose particles are kept at once. In a file of more, padding would cost more than another program."""

LANES = 16.0
"""How many ordinary lanes one task of ``WIDTH_BESIDE`` rows is as large as, and others by their rows."""

NO_SPAN = 1e-6
"""Scales that differ by less, as logarithms, are one."""

QUADRATIC = 6
"""Numbers of a quadratic in two inputs."""

FARTHEST = 6.0
"""Deviations off the quadratic within which a row's value may be a task's smallest or largest."""

ROBUST_STEPS = 10
"""Steps of reweighting; weights have settled to a few percent by then."""

PRECISION = jnp.float32
"""In which the law is evaluated inside the likelihood: that is mostly exponentials, which cost a fifth in half the
digits, and 1e-7 of a value is far below the noise of any run."""

ARITHMETIC = SINGLE
"""The exponentials and logarithms that the likelihood takes there; what is drawn at last takes those of ``jax.numpy``,
which have derivatives."""

HEADROOM = (1e-3, 1e6)
"""Least and most that a ceiling may lie above the worst value, relatively; most where nothing is stated."""

LEAST_AXIS = 1e-10
"""Share of the largest eigenvalue below which an axis of the drifts is one of rounding alone."""

STATED_MARGIN = 1e-6
"""How far, relatively, a floor lies below the smallest value at least: logarithms stay finite."""


class Rows(NamedTuple):
    """One task's rows as the likelihood reads them.

    Attributes:
        z: (R, 2) logarithms of the inputs over the largest measured ones.
        log_value: (R,).
        there: (R,) 1 for rows, 0 where padded.
        shift: (R,) logarithm of the number of tasks of the models that a row is a companion of, 0 for others.
        variance: (R,) inverse weights.
        lag: (R,) logarithm of the largest N·D of the row's block over its own.
        known: (R,) variance that is known, in relative units.
        link: (R,) correlation with the row before, 0 for the first of a run.
        basis: (R, W) of the drifts' independent standard numbers.
        low: the stated best value, 0 where none is.
        least: the smallest value that is not wild.
        highest: the largest.
        unit: the typical value of the largest runs.
        headroom: how far above ``highest`` a ceiling may lie, relatively.
    """

    z: Any
    log_value: Any
    there: Any
    shift: Any
    variance: Any
    lag: Any
    known: Any
    link: Any
    basis: Any
    low: Any
    least: Any
    highest: Any
    unit: Any
    headroom: Any


class Decomposed(NamedTuple):
    """What the likelihood needs of the rows' weights.

    Attributes:
        root: (R,) inverse deviations of the rows over σ.
        projected: (R, W) whitened basis, in the coordinates of its principal axes.
        values: (W,) squares of its singular values.
        axes: (W, W) the principal axes.
        along: (R, W) what takes residuals to their whitened parts along the axes, in ``PRECISION``.
        beside: (R, R) what takes them to the whitened rest, which no drift explains.
    """

    root: Any
    projected: Any
    values: Any
    axes: Any
    along: Any
    beside: Any

    @classmethod
    def none_yet(cls, rows: Rows) -> "Decomposed":
        """What has not begun: no weights, and axes from which the first are found."""
        count, width = rows.basis.shape
        root, values, short = jnp.zeros(count), jnp.zeros(width), jnp.zeros((count, width), PRECISION)
        return cls(root, jnp.zeros((count, width)), values, jnp.eye(width), short, jnp.zeros((count, count), PRECISION))


def shape_of(points: Any, rows: Rows) -> tuple[Any, Any, Any]:
    """Standard normal coordinates (N, C) as the shape's parameters (N, SHAPE), ln s and ln σ."""
    # φ ~ Beta(1, 2): small floors are likelier
    share = 1 - jnp.sqrt(jax.scipy.special.ndtr(-points[:, 0]))
    low = rows.low + share * (rows.least * (1 - STATED_MARGIN) - rows.low)
    rise = jnp.exp(PRIOR_LOG_CEILING[0] + PRIOR_LOG_CEILING[1] * points[:, 1])
    # bounded softly by what is stated
    rise = 1 / (1 / rise + 1 / rows.headroom)
    high = rows.highest * (1 + CEILING_MARGIN + rise)
    log_unit = jnp.log(rows.unit)
    log_a = log_unit + PRIOR_LOG_TERM[0] + PRIOR_LOG_TERM[1] * points[:, 2]
    log_b = log_unit + PRIOR_LOG_TERM[0] + PRIOR_LOG_TERM[1] * points[:, 4]
    alpha = jnp.exp(PRIOR_LOG_EXPONENT[0] + PRIOR_LOG_EXPONENT[1] * points[:, 3])
    beta = jnp.exp(PRIOR_LOG_EXPONENT[0] + PRIOR_LOG_EXPONENT[1] * points[:, 5])
    k = jnp.exp(PRIOR_LOG_INTERACTION * points[:, 6])
    return jnp.stack([low, high, log_a, alpha, log_b, beta, k], axis=1), *rates_of(points)


def rates_of(points: Any) -> tuple[Any, Any]:
    """Logarithms (N,) of the rates of drifts and of noise of coordinates (N, C)."""
    log_s = PRIOR_LOG_DRIFT[0] + PRIOR_LOG_DRIFT[1] * points[:, SHAPE]
    log_sigma = PRIOR_LOG_NOISE[0] + PRIOR_LOG_NOISE[1] * points[:, SHAPE + 1]
    return log_s, log_sigma


def efforts_of(points: Any) -> Any:
    """Powers (N, 2) of the number of tasks by which a shared model needs more params and tokens than a specialist."""
    if points.shape[1] == COORDINATES:
        return None
    centre, deviation = jnp.array(PRIOR_EFFORT).T
    return centre.astype(points.dtype) + deviation.astype(points.dtype) * points[:, COORDINATES:]


def _in_units(rows: Rows) -> Rows:
    """Rows in units of the typical value and in ``PRECISION``, which holds them then."""
    level = {name: getattr(rows, name) / rows.unit for name in ("low", "least", "highest", "unit")}
    scaled = rows._replace(log_value=rows.log_value - jnp.log(rows.unit), **level)
    return Rows(*(each.astype(PRECISION) for each in scaled))


def _residual(points: Any, rows: Rows, xp: Any = jnp) -> Any:
    """Logarithms of the rows' values over the shapes' (N, R), in ``PRECISION`` from end to end.

    Numbers of both precisions in one loop would be computed one by one.
    """
    units, short = _in_units(rows), points.astype(PRECISION)
    theta, *_ = shape_of(short, units)
    parts = [theta[:, each, None] for each in range(SHAPE)]
    (params, tokens), efforts = units.z.T, efforts_of(short)
    if efforts is not None:
        params, tokens = params + units.shift * efforts[:, :1], tokens + units.shift * efforts[:, 1:]
    log_value = xp.log(shape_at(parts, params, tokens, xp))
    return jnp.where(rows.there > 0, units.log_value - log_value, PRECISION(0))


def _whitened(rows: Rows, root: Any, columns: Any) -> Any:
    """Columns (R, K) over the rows' deviations, less what the row before of the same run tells of each."""
    scaled = columns * root[:, None]
    before = jnp.concatenate([jnp.zeros_like(scaled[:1]), scaled[:-1]])
    return (scaled - rows.link[:, None] * before) / jnp.sqrt(1 - rows.link**2)[:, None]


def decompose(rows: Rows, variance: Any, guess: Any) -> Decomposed:
    """The principal axes of the drifts under the noise variances (R,) over σ², found from axes near by."""
    root = jnp.where(rows.there > 0, 1 / jnp.sqrt(variance), 0.0)
    basis = _whitened(rows, root, rows.basis)
    values, axes = _eigen_by_block(basis.T @ basis, guess)
    values = jnp.maximum(values, 0.0)
    projected = basis @ axes
    # an axis along which no row lies has no direction, and takes nothing out of the rest
    size = jnp.sqrt(jnp.where(values > LEAST_AXIS * values.max(), values, jnp.inf))
    unit = projected / size
    whiten = _whitened(rows, root, jnp.eye(len(root))).T
    along = whiten @ unit
    beside = whiten - along @ unit.T
    return Decomposed(root, projected, values, axes, along.astype(PRECISION), beside.astype(PRECISION))


def _eigen_by_block(matrix: Any, guess: Any) -> tuple[Any, Any]:
    """``eigen`` of each block of rows apart: a shared model's drifts and its specialists' meet in no row."""
    width = len(AXES) * INNER
    blocks = range(0, len(matrix), width)
    if len(blocks) == 1:
        return eigen(matrix, guess)

    def cut(whole: Any) -> Any:
        return jnp.stack([whole[at : at + width, at : at + width] for at in blocks])

    values, axes = jax.vmap(eigen)(cut(matrix), cut(guess))
    return values.ravel(), jax.scipy.linalg.block_diag(*axes)


class Seen(NamedTuple):
    """What the likelihood needs of N points, whatever the rows' weights are.

    Attributes:
        residual: (N, R) logarithms of the rows' values over the shapes', in ``PRECISION``.
        log_s: (N,) of the drifts' rates.
        log_sigma: (N,) of the noise.
    """

    residual: Any
    log_s: Any
    log_sigma: Any


def read(points: Any, rows: Rows) -> Seen:
    """What the likelihood needs of coordinates (N, C)."""
    return Seen(_residual(points, rows, ARITHMETIC), *rates_of(points))


def log_likelihood(seen: Seen, rows: Rows, state: Decomposed) -> Any:
    """Logarithm of the density of the rows' logarithms, drifts summed out: (N,)."""
    residual, log_s, log_sigma = seen
    # along the axes a residual is drift and noise, beside them noise alone: nothing is subtracted, so that half the
    # digits hold the sum; and products with matrices keep the law from being computed again wherever it is read
    along, beside = residual @ state.along, residual @ state.beside
    ratio = 1 + (jnp.exp(2 * (log_s - log_sigma))[:, None] * state.values).astype(PRECISION)
    square = (along**2 / ratio).sum(axis=1) + (beside**2).sum(axis=1)
    count = rows.there.sum()
    log_root = jnp.where(rows.there > 0, jnp.log(jnp.where(rows.there > 0, state.root, 1.0)), 0.0)
    constant = log_root.sum() - 0.5 * jnp.log(1 - rows.link**2).sum() - 0.5 * count * jnp.log(2 * jnp.pi)
    return constant - count * log_sigma - 0.5 * (jnp.log(ratio).sum(axis=1) + square * jnp.exp(-2 * log_sigma))


def weigh(seen: Seen, rows: Rows, state: Decomposed) -> Decomposed:
    """Weigh the rows by how far they lie off the population's curves, drifts included.

    Found are the power by which noise falls with a run's size, and the rows that are wild. A state that has not begun
    gets the weights that are likely before.
    """
    residual, log_s, log_sigma = seen
    along = (residual @ state.along) * jnp.sqrt(state.values)
    ratio = jnp.exp(2 * (log_s - log_sigma))[:, None]
    share = ratio / (1 + ratio * state.values)
    mean = jnp.full(len(residual), 1 / len(residual), PRECISION) @ residual
    typical = _whitened(rows, state.root, mean.astype(float)[:, None])[:, 0]
    left = typical - state.projected @ (along * share).mean(axis=0)
    # what a row itself has of the drifts that it is compared with
    own = jnp.minimum((state.projected**2) @ share.mean(axis=0), MOST_LEVERAGE)
    square = left**2 / jnp.where(rows.there > 0, state.root, 1.0) ** 2 / (1 - own)
    sigma = jnp.exp(2 * log_sigma.mean())
    known = rows.known / sigma
    fall = noise_fall(square, rows, known, sigma)
    plain = rows.variance * jnp.exp(fall * rows.lag) + known
    weighed = plain * jnp.maximum(1.0, square / (sigma * plain * WILD**2))
    likely = rows.variance * jnp.exp(PRIOR_NOISE_FALL[0] * rows.lag) + rows.known / np.exp(2 * PRIOR_LOG_NOISE[0])
    return decompose(rows, jnp.where(state.root.any(), weighed, likely), state.axes)


def noise_fall(square: Any, rows: Any, known: Any, sigma: Any) -> Any:
    """The posterior mean of the noise's fall given squared residuals (R,), σ² summed out under a vague prior."""
    powers = jnp.linspace(*FALL_GRID)
    each = rows.variance * jnp.exp(powers[:, None] * rows.lag) + known
    ratio = jnp.where(rows.there > 0, square / each, 0.0)
    typical = ratio.sum(axis=1, keepdims=True) / rows.there.sum()
    # wild rows say nothing of it
    ratio = jnp.minimum(ratio, WILD**2 * typical)
    half = 0.5 * rows.there.sum()
    log_density = -half * jnp.log(ratio.sum(axis=1) / (2 * half) + FALL_FLOOR * sigma)
    log_density = log_density - 0.5 * jnp.where(rows.there > 0, jnp.log(each), 0.0).sum(axis=1)
    log_density = log_density - 0.5 * ((powers - PRIOR_NOISE_FALL[0]) / PRIOR_NOISE_FALL[1]) ** 2
    weight = jax.nn.softmax(log_density)
    return weight @ powers


def _sample(key: Any, *fields: Any) -> tuple[Any, ...]:
    """One task: its population's shape, what its drifts and noise are drawn by, and the record."""
    rows = Rows(*fields)
    population = temper(
        key,
        COORDINATES if rows.basis.shape[1] == len(AXES) * INNER else COORDINATES + len(PRIOR_EFFORT),
        jax.jit(partial(read, rows=rows)),  # traced once, wherever it is called
        lambda seen, state: log_likelihood(seen, rows, state),
        lambda seen, state: weigh(seen, rows, state),
        Decomposed.none_yet(rows),
    )
    points, state = population.points, population.state
    theta, log_s, log_sigma = shape_of(points, rows)
    along = (_residual(points, rows) @ state.along) * jnp.sqrt(state.values)
    return (
        theta, log_s, log_sigma, along, state.values, state.axes, points, population.temperature, population.evidence,
    )  # fmt: skip


def sample_surfaces(
    observations: Observations,
    *,
    draws: int,
    seed: int,
    device: str | None = None,
) -> Posterior:
    """Draws of each task's surface.

    Args:
        observations: T tasks with params and tokens; all of them, or none, with rows of specialists beside their own,
            which a shared model's surface learns from.
        draws: B.
        seed: of the random numbers, which belong to the tasks' names.
        device: platform to compute on, JAX's own choice where not given.
    """
    devices = choose_devices(device)
    if len(observations) <= MANY:
        observations = observations.widened(WIDTH_BESIDE if observations.companion.any() else WIDTH)

    def compute(chosen: np.ndarray) -> list[np.ndarray]:
        parts = [np.arange(len(chosen)) // MANY == part for part in range(-(-len(chosen) // MANY))]
        some = [(which, observations.take(chosen[which])) for which in parts]
        return by_task(merged([(which, _sample_some(each, draws, seed, devices)) for which, each in some]))

    constants = ("surface", draws, seed)
    return from_tasks(kept_by_task("curves", kind_of(devices), constants, observations.lanes(), compute))


def _sample_some(observations: Observations, draws: int, seed: int, devices: Devices) -> Posterior:
    """The same for no more tasks than fit in memory together."""
    observations = _by_run(observations)
    rows, spans = _rows(observations)
    key = streams.keys(observations.names) ^ streams.keys([f"surface {seed}"])
    share = LANES * max(0.25, rows.z.shape[1] / WIDTH_BESIDE)
    names = observations.names
    found = vmap_in_chunks(_sample, (), (key, *rows), devices=devices, share=share, owners=names, wide=True)
    theta, log_s, log_sigma, along, values, axes, points, temperature, evidence = found
    s, sigma = np.exp(log_s)[..., None], np.exp(log_sigma)[..., None]
    # of the drifts' standard numbers along their axes, given the shape; in place, for they are many megabytes
    precision, mean = (s / sigma) ** 2 * values[:, None], along * s
    precision += 1
    mean /= sigma**2
    mean /= precision
    middle = _curves(theta, s, mean, axes, np.zeros((*theta.shape[:2], len(AXES))), spans)
    parameters = np.stack([point_curve(*each) for each in zip(middle, points, spans, strict=True)])
    chosen = chosen_particles(draws)
    s, sigma = s[:, chosen], sigma[:, chosen]
    uniform = streams.many_uniforms(key, seed, draws, along.shape[-1] + len(AXES) + 1)  # (numbers, B, T)
    normal = ndtri(np.moveaxis(uniform, 0, -1)).swapaxes(0, 1)  # (T, B, numbers)
    # by the symmetric root of the covariance: of equal eigenvalues the axes are any, and by another root the draws too
    turned = np.matmul(normal[..., : along.shape[-1]], axes)
    inner = mean[:, chosen] + turned / np.sqrt(precision[:, chosen])
    beyond = normal[..., along.shape[-1] : -1]
    curves = _curves(theta[:, chosen], s, inner, axes, beyond, spans).swapaxes(0, 1)
    noise = (sigma[..., 0] * stdtrit(NOISE_FREEDOM, ndtr(normal[..., -1]))).T
    residual = np.log(observations.value) - np.log(LAW.value(parameters[:, None, :], rows.z))
    there = observations.own
    error = np.sqrt((np.where(there, residual, 0.0) ** 2).sum(axis=1) / there.sum(axis=1))
    rhat, effective = convergence(points, np)
    rhat = np.where(temperature < 1, np.inf, rhat)
    return Posterior(parameters, curves, noise, error, rhat, effective, evidence)


def _curves(
    theta: np.ndarray, s: np.ndarray, inner: np.ndarray, axes: np.ndarray, beyond: np.ndarray, spans: np.ndarray
) -> np.ndarray:
    """Parameters (T, N, P) of curves.

    Args:
        theta: (T, N, SHAPE).
        s: (T, N, 1) the drifts' rates.
        inner: (T, N, W) standard numbers of the drifts, along their axes.
        axes: (T, W', W), of which the first rows are those of the curves' own drifts.
        beyond: (T, N, 2) standard numbers of the drifts beyond the runs.
        spans: (T, 2).
    """
    weights = s * np.matmul(inner, axes.swapaxes(1, 2))
    parts = [theta, np.broadcast_to(spans[:, None], (*theta.shape[:2], len(AXES)))]
    for axis in range(len(AXES)):
        mine = weights[..., axis * INNER : (axis + 1) * INNER]
        parts.append(np.matmul(mine, wiener_root(spans[:, axis]).swapaxes(1, 2)))
        parts.append(s / np.sqrt(3) * beyond[..., axis, None])
    return np.concatenate(parts, axis=-1)


def chosen_particles(draws: int) -> np.ndarray:
    """Which particle each draw takes: one of each group in turn, of all the kept populations of it alike."""
    # a stride that shares no factor with the number of particles comes to all of them
    member = (STRIDE * np.arange(PARTICLES)) % PARTICLES
    order = (member[:, None] + PARTICLES * np.arange(GROUPS)).ravel()
    return order[np.arange(draws) % len(order)]


def wiener_root(span: np.ndarray) -> np.ndarray:
    """Root of the covariance of an integrated Wiener process: values, then slopes, at the knots but for the first.

    The process starts at 0 with slope 0 at the first knot. A step of h adds to value and slope normal numbers of
    covariance ((h³/3, h²/2), (h²/2, h)).

    Args:
        span: (T,).

    Returns:
        (T, INNER, INNER).
    """
    knots = KNOTS - 1
    value, slope = np.zeros(2 * knots), np.zeros(2 * knots)
    result = np.zeros((INNER, INNER))
    for knot in range(knots):
        value = value + slope
        value[2 * knot] += 1 / np.sqrt(3)
        slope = slope.copy()
        slope[2 * knot] += np.sqrt(3) / 2
        slope[2 * knot + 1] += 1 / 2
        result[knot], result[knots + knot] = value, slope
    h = span / knots
    scale = np.concatenate([np.repeat(h[:, None] ** 1.5, knots, 1), np.repeat(h[:, None] ** 0.5, knots, 1)], axis=1)
    return scale[:, :, None] * result


def _rows(observations: Observations) -> tuple[Rows, np.ndarray]:
    """What the likelihood reads, (T, …) each, and the spans (T, 2) of the logarithms of a task's own inputs."""
    there = observations.there
    beside = observations.companion & there
    blocks = [observations.own, beside] if beside.any() else [observations.own]
    placed = [_placed(observations.log_inputs, mine) for mine in blocks]
    log_value = np.where(there, np.log(observations.value), 0.0)
    z = np.where(there[..., None], observations.log_inputs - placed[0].largest[:, None], 0.0)
    within = np.sum([each.z for each in placed], axis=0)  # each row over the largest of its block
    size = within.sum(axis=2)
    basis = np.concatenate([each.basis for each in placed], axis=-1)
    shift = np.where(beside, observations.log_tasks[:, None], 0.0)
    lag = np.sum([each.lag for each in placed], axis=0)
    variance = np.where(there, 1 / np.where(there, observations.weight, 1.0).clip(1e-12), 1.0)
    tamed = log_value.copy()
    for mine in blocks:
        _tame(tamed, within, mine)
    least = np.exp(np.where(there, tamed, np.inf).min(axis=1))
    # a stated best value that runs are below holds as far as they let it
    low = np.minimum(np.nan_to_num(observations.least), least * (1 - STATED_MARGIN))
    highest = np.exp(np.where(there, tamed, -np.inf).max(axis=1))
    # shared models near guessing are predicted better with a ceiling that is free
    most = np.full(len(least), np.nan) if beside.any() else observations.most
    headroom = np.nan_to_num(most / highest - 1 - CEILING_MARGIN, nan=HEADROOM[1]).clip(*HEADROOM)
    unit = np.array([typical_value(*each) for each in zip(log_value, size, blocks[0], strict=True)])
    rows = Rows(
        z, log_value, there.astype(float), shift, variance, lag, observations.stderr**2, _links(observations, within),
        basis, low, least, highest, unit, headroom,
    )  # fmt: skip
    return rows, placed[0].spans


class _Placed(NamedTuple):
    """A block of rows in its own range: spans and largest (T, 2), z (T, R, 2), lag (T, R), basis (T, R, W).

    The lag is how far a row's N·D lies below the largest one, as a logarithm.
    """

    spans: np.ndarray
    largest: np.ndarray
    z: np.ndarray
    lag: np.ndarray
    basis: np.ndarray


def _placed(logs: np.ndarray, mine: np.ndarray) -> _Placed:
    """Rows ``mine`` (T, R) of log inputs (T, R, 2); zeros elsewhere."""
    here, some = mine[..., None], mine.any(axis=1, keepdims=True)
    largest: np.ndarray = np.where(some, np.where(here, logs, -np.inf).max(axis=1), 0.0)
    spans = np.where(some, largest - np.where(here, logs, np.inf).min(axis=1), 0.0)
    spans = np.where(spans < NO_SPAN, 0.0, spans)
    z = np.where(here, logs - largest[:, None], 0.0)
    size = z.sum(axis=2)
    lag = np.where(mine, np.where(mine, size, -np.inf).max(axis=1, keepdims=True) - size, 0.0)
    drifts = [
        drift_basis(z[..., axis], np.broadcast_to(spans[:, None, axis], mine.shape))[..., :INNER]
        @ wiener_root(spans[:, axis])
        for axis in range(len(AXES))
    ]
    return _Placed(spans, largest, z, np.nan_to_num(lag), np.concatenate(drifts, axis=-1) * here)


def typical_value(log_value: np.ndarray, size: np.ndarray, mine: np.ndarray) -> float:
    """The median value of the quarter of the rows ``mine`` whose N·D is largest."""
    rows = np.flatnonzero(mine)
    top = rows[np.argsort(-size[rows], kind="stable")[: max(1, -(-len(rows) // 4))]]
    return float(np.exp(np.median(log_value[top])))


def _links(observations: Observations, z: np.ndarray) -> np.ndarray:
    """(T, R) correlation of each row's noise with that of the row before, where both are of one run."""
    there = observations.there
    same = np.zeros(there.shape, dtype=bool)
    same[:, 1:] = there[:, 1:] & (observations.run[:, 1:] == observations.run[:, :-1])
    gap = np.zeros(there.shape)
    gap[:, 1:] = np.abs(np.diff(z, axis=1)).sum(axis=2)
    return np.where(same, MOST_CORRELATED * np.exp(-gap / RUN_LENGTH), 0.0)


def _by_run(observations: Observations) -> Observations:
    """The rows of one run side by side, small ones first; all other rows as they stand."""
    order = np.empty(observations.run.shape, dtype=int)
    size = observations.log_inputs.sum(axis=2)
    for task, run in enumerate(observations.run):
        first = np.unique(run, return_index=True, return_inverse=True)
        place = np.where(run >= 0, first[1][first[2]], len(run))
        order[task] = np.lexsort((size[task], place))
    lane = np.arange(len(order))[:, None]
    arrays = {
        each.name: getattr(observations, each.name)[lane, order]
        for each in fields(observations)
        if np.ndim(getattr(observations, each.name)) > 1
    }
    return replace(observations, **arrays)


def _tame(log_value: np.ndarray, z: np.ndarray, there: np.ndarray) -> None:
    """Pull in wild rows (T, R): a task's smallest and largest value must not be wild ones.

    Off a quadratic in both inputs, fitted by reweighted least squares, a row keeps at most ``FARTHEST`` deviations.
    """
    for task in np.flatnonzero(there.sum(axis=1) >= 2 * QUADRATIC):
        mine = np.flatnonzero(there[task])
        a, b = z[task, mine].T
        design = np.stack([np.ones_like(a), a, b, a * a, b * b, a * b], axis=1)
        fitted = robust_fit(design, log_value[task, mine])
        off = log_value[task, mine] - fitted
        reach = FARTHEST * median_deviation(off)
        log_value[task, mine] = fitted + np.clip(off, -reach, reach)


def robust_fit(design: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fitted values (R,) of a linear model; rows further off than two deviations count as if two deviations off."""
    weight = np.ones(len(y))
    fitted = y
    for _ in range(ROBUST_STEPS):
        root = np.sqrt(weight)
        fitted = design @ np.linalg.lstsq(design * root[:, None], y * root, rcond=1e-9)[0]
        off = np.abs(y - fitted)
        weight = 1 / np.maximum(1.0, off / (2 * median_deviation(off) + 1e-12)) ** 2
    return fitted


def median_deviation(off: np.ndarray) -> float:
    """The deviation that a normal has of which half lies within the median of |off|."""
    return float(np.median(np.abs(off)) / ndtri(0.75))


def point_curve(curves: np.ndarray, points: np.ndarray, span: np.ndarray) -> np.ndarray:
    """The median curve (P,) of a task's particles, with their drifts at their means.

    All particles say where it goes, and not the draws alone: what is drawn of the drifts moves no median. Its shape is
    that of one particle, near the median curve and amid the posterior alike, with the drifts fitted to the median.

    Args:
        curves: (N, P) of the particles.
        points: (N, C) their coordinates.
        span: (2,).
    """
    axes = [np.concatenate([np.linspace(-each, 0, KNOTS)[:-1], np.log(POINT_REACH)]) for each in span]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    # every other place, as on a chessboard: all of both axes
    z = places[np.indices(places.shape[:2]).sum(axis=0) % 2 == 0]
    first = SHAPE + len(AXES)
    design = _drift_design(z, span)
    # one curve's parameters after another in memory, and places before particles: medians are along what is contiguous
    shapes, drifts = np.asfortranarray(curves[:, :SHAPE]), curves[:, first:].T
    logs = np.log(shape_value(shapes, z[:, None])) + design @ drifts
    # beyond the runs a drift may flatten a curve and not turn it (``laws.surface``)
    beyond = (z > 0).any(axis=1)
    within, place = np.unique(np.minimum(z[beyond], 0.0), axis=0, return_inverse=True)  # many come to one place
    held = np.log(shape_value(shapes, within[:, None])) + _drift_design(within, span) @ drifts
    logs[beyond] = np.minimum(logs[beyond], held[place.ravel()])
    middle = np.median(logs, axis=1)
    off = ((logs - middle[:, None]) ** 2).mean(axis=0)
    aside = ((points - points.mean(axis=0)) ** 2 / np.maximum(points.var(axis=0), RIDGE)).mean(axis=1)
    theta = curves[np.argmin(off / max(off.mean(), RIDGE) + aside)].copy()
    aim = middle - np.log(shape_value(theta, z)) - design @ theta[first:]
    ridge = 1e-3 * np.eye(design.shape[1])
    padded = np.concatenate([aim, np.zeros(len(ridge))])
    theta[first:] += np.linalg.lstsq(np.vstack([design, ridge]), padded, rcond=None)[0]
    return theta


def _drift_design(z: np.ndarray, span: np.ndarray) -> np.ndarray:
    """(G, K) what the drifts' numbers of a curve are multiplied by at places (G, 2)."""
    return np.concatenate([drift_basis(z[:, axis], np.full(len(z), span[axis])) for axis in range(len(AXES))], axis=1)
