"""Draws of a law with drifts (``drifting.drifts``): its shape by a tempered population, its drifts exactly.

As ``surfaces`` does it for params and tokens: given the shape's numbers, the drifts' rate s and the noise σ,
the logarithms of the values are Gaussian, and one eigendecomposition a task serves every s and σ. Found on the way, and
held once the temperature is 1: by which power of a run's size its noise falls, which rows are wild, and how much rows
that may be of one run have in common.

See docs/decisions/144-any-two-or-three-scales.md.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from budget.curves.fitting.batching import Devices, choose_devices, kind_of, vmap_in_chunks
from budget.curves.kept_fits import kept_by_task
from budget.curves.laws.drifting.drifts import Shape, drift_design, drifting_value, unturned_value
from budget.curves.laws.surface import INNER
from budget.curves.predictive.drift_rows import Rows, by_run, product_deviation, rows_of
from budget.curves.predictive.eigen import eigen
from budget.curves.predictive.observations import Observations, Posterior, by_task, from_tasks
from budget.curves.predictive.surfaces.likelihood import MOST_LEVERAGE, PRIOR_LOG_NOISE, PRIOR_NOISE_FALL, noise_fall
from budget.curves.predictive.surfaces.rows import STATED_MARGIN, wiener_root
from budget.curves.predictive.surfaces.sampling import NOISE_FREEDOM, chosen_particles
from budget.curves.predictive.tempering import convergence, temper
from budget.numerics import streams

LINKS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Correlations of the noise of two rows of one run, side by side, that are tried; each as likely before."""

FIRST_LINK = 0.5
"""What is taken of it until the residuals are known."""


MOST_PLACES = 128
"""Rows at most about which the point curve follows the median of the draws."""

BEYOND = np.log([2.0, 6.0])
"""How far beyond them it follows it: all inputs together, and by the larger factor each alone."""

FAR_WEIGHT = 0.2
"""How much places beyond the rows count beside these."""

RIDGE = 1e-3
"""What keeps numbers of the point curve's drifts that those places do not tell."""


class State(NamedTuple):
    """What the likelihood needs of the rows' weights.

    Attributes:
        root: (R,) inverse deviations of the rows over σ.
        link: (R,) correlation of a row's noise with that of the row before.
        projected: (R, W) whitened basis, in the coordinates of its principal axes.
        values: (W,) squares of its singular values.
        axes: (W, W) the principal axes.
    """

    root: Any
    link: Any
    projected: Any
    values: Any
    axes: Any

    @classmethod
    def none_yet(cls, rows: Rows) -> "State":
        """What has not begun: no weights, and axes from which the first are found."""
        count, width = rows.basis.shape
        nothing = jnp.zeros(count)
        return cls(nothing, nothing, jnp.zeros((count, width)), jnp.zeros(width), jnp.eye(width))


def _whitened(residual: Any, root: Any, link: Any) -> Any:
    """Rows (…, R) over their deviation, less what the row before of the same run tells of them."""
    scaled = residual * root
    return (scaled - link * _before(scaled)) / jnp.sqrt(1 - link**2)


def _before(scaled: Any) -> Any:
    return jnp.concatenate([jnp.zeros_like(scaled[..., :1]), scaled[..., :-1]], axis=-1)


def _decomposed(rows: Rows, variance: Any, link: Any, guess: Any) -> State:
    """The principal axes of the drifts under noise variances (R,) over σ², found from axes near by."""
    root = jnp.where(rows.there > 0, 1 / jnp.sqrt(variance), 0.0)
    basis = _whitened(rows.basis.T, root, link).T
    values, axes = eigen(basis.T @ basis, guess)
    return State(root, link, basis @ axes, jnp.maximum(values, 0.0), axes)


class Seen(NamedTuple):
    """What the likelihood needs of N points, whatever the rows' weights are.

    Attributes:
        theta: (N, P0) the shapes' parameters.
        residual: (N, R) logarithms of the rows' values over the shapes'.
        log_s: (N,) of the drifts' rates.
        log_sigma: (N,) of the noise.
    """

    theta: Any
    residual: Any
    log_s: Any
    log_sigma: Any


def _read(shape: Shape, rows: Rows, points: Any) -> Seen:
    """What the likelihood needs of coordinates (N, C + 2)."""
    # φ ~ Beta(1, 2): small floors are likelier
    share = 1 - jnp.sqrt(jax.scipy.special.ndtr(-points[:, 0]))
    low = rows.low + share * (rows.least * (1 - STATED_MARGIN) - rows.low)
    theta = shape.place(points, low, rows.log_unit, jnp)
    log_s = shape.log_drift[0] + shape.log_drift[1] * points[:, -2]
    log_sigma = PRIOR_LOG_NOISE[0] + PRIOR_LOG_NOISE[1] * points[:, -1]
    value = shape.value(theta[:, None, :], rows.z, jnp)
    # kept apart: else the compiler computes the law again wherever it is read
    residual = jax.lax.optimization_barrier(jnp.where(rows.there > 0, rows.log_value - jnp.log(value), 0.0))
    return Seen(theta, residual, log_s, log_sigma)


def _log_likelihood(seen: Seen, rows: Rows, state: State) -> Any:
    """Logarithm of the density of the rows' logarithms, drifts summed out: (N,)."""
    _, residual, log_s, log_sigma = seen
    whitened = _whitened(residual, state.root, state.link)
    along = whitened @ state.projected
    count = rows.there.sum()
    log_root = jnp.where(rows.there > 0, jnp.log(jnp.where(rows.there > 0, state.root, 1.0)), 0.0)
    constant = log_root.sum() - 0.5 * jnp.log(1 - state.link**2).sum() - 0.5 * count * jnp.log(2 * jnp.pi)
    ratio = jnp.exp(2 * (log_s - log_sigma))[:, None]
    explained = (along**2 * ratio / (1 + ratio * state.values)).sum(axis=1)
    square = ((whitened**2).sum(axis=1) - explained) * jnp.exp(-2 * log_sigma)
    spread = jnp.log1p(ratio * state.values).sum(axis=1)
    return constant - count * log_sigma - 0.5 * (spread + square)


def _weigh(shape: Shape, seen: Seen, rows: Rows, state: State) -> State:
    """Weigh the rows by how far they lie off the population's curves, drifts included; at first as is likely before."""
    _, residual, log_s, log_sigma = seen
    along = _whitened(residual, state.root, state.link) @ state.projected
    ratio = jnp.exp(2 * (log_s - log_sigma))[:, None]
    share = ratio / (1 + ratio * state.values)
    left = (residual - (along * share) @ state.axes.T @ rows.basis.T).mean(axis=0)
    # what a row itself has of the drifts that it is compared with
    own = jnp.minimum((state.projected**2) @ share.mean(axis=0), MOST_LEVERAGE)
    square = left**2 / (1 - own)
    sigma = jnp.exp(2 * log_sigma.mean())
    known = rows.known / sigma
    fall = noise_fall(square, rows, known, sigma)
    plain = rows.variance * jnp.exp(fall * rows.lag) + known
    variance = plain * jnp.maximum(1.0, square / (sigma * plain * shape.wild**2))
    link = _link(left, rows, variance)
    has_begun = state.root.any()
    likely = rows.variance * jnp.exp(PRIOR_NOISE_FALL[0] * rows.lag) + rows.known / np.exp(2 * PRIOR_LOG_NOISE[0])
    variance, link = jnp.where(has_begun, variance, likely), jnp.where(has_begun, link, FIRST_LINK)
    return _decomposed(rows, variance, link * rows.near, state.axes)


def _link(left: Any, rows: Rows, variance: Any) -> Any:
    """The posterior mean of the correlation of neighbours in a run, given residuals (R,), their scale summed out."""
    scaled = jnp.where(rows.there > 0, left / jnp.sqrt(variance), 0.0)
    tried = jnp.asarray(LINKS)
    link = tried[:, None] * rows.near
    square = ((scaled - link * _before(scaled)) ** 2 / (1 - link**2)).sum(axis=1)
    log_density = -0.5 * rows.there.sum() * jnp.log(square) - 0.5 * jnp.log(1 - link**2).sum(axis=1)
    return jax.nn.softmax(log_density) @ tried


def _sample(shape: Shape, key: Any, *fields: Any) -> tuple[Any, ...]:
    """One task: its population's shape, what its drifts and noise are drawn by, and the record."""
    rows = Rows(*fields)
    read = jax.jit(partial(_read, shape, rows))  # traced once, wherever it is called
    population = temper(
        key,
        shape.coordinates + 2,
        read,
        lambda seen, state: _log_likelihood(seen, rows, state),
        lambda seen, state: _weigh(shape, seen, rows, state),
        State.none_yet(rows),
    )
    state = population.state
    theta, residual, log_s, log_sigma = _read(shape, rows, population.points)
    along = _whitened(residual, state.root, state.link) @ state.projected
    return (
        theta, log_s, log_sigma, along, state.values, state.axes, population.points, population.temperature,
        population.evidence,
    )  # fmt: skip


def sample_drifting(
    observations: Observations, shape: Shape, *, draws: int, seed: int, device: str | None = None
) -> Posterior:
    """Draws of each task's curve, each task's by itself.

    Args:
        observations: T tasks with the law's inputs.
        shape: what the law is before its drifts.
        draws: B.
        seed: of the random numbers, which belong to the tasks' names.
        device: platform to compute on, JAX's own choice where not given.
    """
    devices = choose_devices(device)

    def compute(chosen: np.ndarray) -> list[np.ndarray]:
        return by_task(_sample_some(observations.take(chosen), shape, draws, seed, devices))

    return from_tasks(kept_by_task("curves", kind_of(devices), (shape, draws, seed), observations.lanes(), compute))


def _sample_some(observations: Observations, shape: Shape, draws: int, seed: int, devices: Devices) -> Posterior:
    """The same of some of the tasks."""
    observations = by_run(observations, shape)
    rows, end, span = rows_of(observations, shape)
    key = streams.keys(observations.names) ^ streams.keys([f"{'|'.join(shape.axes)} {seed}"])
    share = max(4.0, rows.z.shape[1] / 8)
    found = vmap_in_chunks(_sample, (shape,), (key, *rows), devices=devices, share=share, owners=observations.names)
    theta, log_s, log_sigma, along, values, axes, points, temperature, evidence = found
    chosen = chosen_particles(draws)
    theta, s, sigma = theta[:, chosen], np.exp(log_s[:, chosen, None]), np.exp(log_sigma[:, chosen, None])
    count, width = len(shape.axes), along.shape[-1]
    normal = np.moveaxis(ndtri(streams.many_uniforms(key, seed, draws, width + count + 1)), 0, -1).swapaxes(
        0, 1
    )  # (T, B, numbers)
    precision = 1 + (s / sigma) ** 2 * values[:, None]
    # by the symmetric root of the covariance: of equal eigenvalues the axes are any, and by another root the draws too
    turned = np.einsum("tbv,tvw->tbw", normal[..., :width], axes)
    inner = along[:, chosen] * s / sigma**2 / precision + turned / np.sqrt(precision)
    weights = s * np.einsum("tbw,tvw->tbv", inner, axes)  # standard numbers of the drifts times s
    parts = [theta, *(np.broadcast_to(each[:, None], (*theta.shape[:2], count)) for each in (end, span))]
    for axis in range(count):
        mine = weights[..., axis * INNER : (axis + 1) * INNER]
        parts.append(np.einsum("tbv,tkv->tbk", mine, wiener_root(span[:, axis])))
        parts.append(s / np.sqrt(3) * normal[..., width + axis, None])
    first = count * INNER
    parts.append(weights[..., first : first + len(shape.pairs)] * product_deviation(shape, span)[:, None])
    curves = np.concatenate(parts, axis=-1).swapaxes(0, 1)
    noise = (sigma[..., 0] * stdtrit(NOISE_FREEDOM, ndtr(normal[..., -1]))).T
    parameters = _point_curves(shape, curves, rows.z, observations.there)
    residual = np.log(observations.value) - np.log(drifting_value(shape, parameters[:, None, :], rows.z))
    there = observations.there
    error = np.sqrt((np.where(there, residual, 0.0) ** 2).sum(axis=1) / there.sum(axis=1))
    rhat, effective = convergence(points, np)
    rhat = np.where(temperature < 1, np.inf, rhat)
    return Posterior(parameters, curves, noise, error, rhat, effective, evidence)


def _point_curves(shape: Shape, curves: np.ndarray, z: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The median of the draws (B, T, P) as curves (T, P): the draw nearest to it, with its drifts fitted to it.

    It is fitted at the rows (T, R, I) and some way beyond each: where the inputs do not belong together, draws that
    agree about runs differ without end.
    """
    result = np.empty(curves.shape[1:])
    first = shape.size + 2 * len(shape.axes)
    inputs = z.shape[-1]
    moves = np.concatenate([np.zeros((1, inputs)), *(np.full((1, inputs), far) for far in BEYOND)])
    moves = np.concatenate([moves, BEYOND[-1] * np.eye(inputs)])
    for task in range(curves.shape[1]):
        rows = z[task][there[task]]
        rows = rows[np.argsort(rows.sum(axis=1), kind="stable")]
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, MOST_PLACES).astype(int))]
        places = (rows[:, None] + moves).reshape(-1, inputs)
        logs = np.log(drifting_value(shape, curves[:, task, None], places))
        middle = np.median(logs, axis=0)
        theta = curves[np.argmin(((logs - middle) ** 2).sum(axis=1)), task].copy()
        # beyond the runs a curve that would turn stays where it was: there its drifts are those at the largest runs
        kept = np.where(np.asarray(shape.falling), np.minimum(places, 0.0), places)
        turns = unturned_value(shape, theta, places) > unturned_value(shape, theta, kept)
        places = np.where(turns[:, None], kept, places)
        design = drift_design(shape, theta, places)
        aim = middle - np.log(shape.value(theta, places, np)) - design @ theta[first:]
        ridge = RIDGE * np.eye(design.shape[1])
        weight = np.tile(np.where(np.arange(len(moves)) == 0, 1.0, FAR_WEIGHT), len(rows))
        lines = np.vstack([design * weight[:, None], ridge])
        theta[first:] += np.linalg.lstsq(lines, np.append(aim * weight, np.zeros(len(ridge))), rcond=None)[0]
        result[task] = theta
    return result
