"""Draws of the ``surface`` law: its shape by a tempered population, its drifts exactly.

The shape's population is led to the posterior by the likelihood in which drifts are summed out (``likelihood``); the
drifts are drawn from their Gaussian conditional.

See docs/decisions/129-two-scales-with-their-own-error.md.
See docs/decisions/166-searches-that-start-near-by.md.
See docs/decisions/172-the-sampler-in-vectors.md.
See docs/decisions/175-the-next-program-meanwhile.md.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from budget.curves.fitting.batching import Devices, choose_devices, compile_ahead, kind_of, vmap_in_chunks
from budget.curves.kept_fits import kept_by_task
from budget.curves.laws.surface import AXES, INNER, KNOTS, LAW, SHAPE, drift_basis, shape_value
from budget.curves.predictive.observations import Observations, Posterior, by_task, from_tasks, merged
from budget.curves.predictive.surfaces import likelihood
from budget.curves.predictive.surfaces.ahead import do_shared_models_follow
from budget.curves.predictive.surfaces.likelihood import COORDINATES, PRIOR_EFFORT, Decomposed, read, weigh
from budget.curves.predictive.surfaces.rows import Rows, by_run, rows_of, wiener_root, with_companion
from budget.curves.predictive.tempering import GROUPS, PARTICLES, RIDGE, convergence, temper
from budget.numerics import streams

NOISE_FREEDOM = 8.0
"""Degrees of freedom of a new run's noise, whose scale σ is that of the rows which are not wild."""

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


def _sample(key: Any, *fields: Any) -> tuple[Any, ...]:
    """One task: its population's shape, what its drifts and noise are drawn by, and the record."""
    rows = Rows(*fields)
    population = temper(
        key,
        COORDINATES if rows.basis.shape[1] == len(AXES) * INNER else COORDINATES + len(PRIOR_EFFORT),
        jax.jit(partial(read, rows=rows)),  # traced once, wherever it is called
        lambda seen, state: likelihood.log_likelihood(seen, rows, state),
        lambda seen, state: weigh(seen, rows, state),
        Decomposed.none_yet(rows),
    )
    points, state = population.points, population.state
    theta, log_s, log_sigma = likelihood.shape_of(points, rows)
    along = (likelihood.residual_of(points, rows) @ state.along) * jnp.sqrt(state.values)
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
    observations = by_run(observations)
    rows, spans = rows_of(observations)
    key = streams.keys(observations.names) ^ streams.keys([f"surface {seed}"])
    if do_shared_models_follow() and not observations.companion.any():
        _begin_shared(observations, devices)
    share, names = _share(rows), observations.names
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


def _share(rows: Rows) -> float:
    """How many ordinary lanes one task is as large as."""
    return LANES * max(0.25, rows.z.shape[1] / WIDTH_BESIDE)


def _begin_shared(observations: Observations, devices: Devices) -> None:
    """Begin to compile the program of tasks with specialists' rows beside their own; of these only shapes matter."""
    rows, _ = rows_of(with_companion(observations.take([0])).widened(WIDTH_BESIDE))
    key = streams.keys(observations.names[:1])
    compile_ahead(_sample, (), (key, *rows), devices=devices, share=_share(rows), wide=True)


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
