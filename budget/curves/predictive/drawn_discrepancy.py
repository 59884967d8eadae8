"""The error of a law whose optimum is searched for: how fast it drifts from what is measured, by its own residuals.

The logarithms of the values over the fitted curve are taken as an integrated Wiener process along each scale plus
noise. How fast it drifts is read off the residuals by its marginal likelihood, whatever the law's own parameters can
follow being projected out, under a prior; few runs leave the prior. Beyond the runs each draw then drifts by a rate of
its own from that posterior.

See docs/decisions/136-named-laws-with-their-own-error.md.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from budget.curves.discrepancy import DRIFT_NUMBERS, ENDS, Axes, drifting_values
from budget.curves.fitting.batch import Batch
from budget.curves.fitting.loss import make_loss
from budget.curves.fitting.residual_scale import jacobian, scatter
from budget.curves.fitting.search import Estimator, search
from budget.curves.fitting.solver import Prior
from budget.curves.laws.law import Law
from budget.curves.laws.surface import INNER, drift_basis
from budget.curves.predictive.surfaces.rows import wiener_root
from budget.numerics.streams import keys, uniforms

PRIOR_LOG_DRIFT = (float(np.log(0.02)), 1.5)
"""Mean and deviation of the logarithm of the drift's rate, per e-fold to the power 1.5.

Chosen on half of the curves."""

PRIOR_LOG_NOISE = (float(np.log(0.01)), 1.5)
"""Of the logarithm of the noise."""

GRID = np.linspace(-3.0, 3.0, 25)
"""Where rates and noises are tried, in deviations of their priors."""

LAG = 0.15
"""Share of the measured range by which the law's slope lags behind that at its end; chosen on half of the curves.

A straight line through an integrated Wiener process has a slope whose variance about that at the end is 13/35 of the
range's; a law that bends follows more."""

SPREAD_OF_ONE = float(1 / np.sqrt(3.0))
"""Deviation of an integrated Wiener process of rate 1 after one e-fold, beside what its slope tells."""

WILD = 3.0
"""Robust deviations at which a residual is cut: a wild row says nothing of the law."""


REACH = float(np.log(10.0))
"""How far from the largest runs, on either side, plans' curves follow the drifting ones (as ``surrogate.REACH``)."""

MOST_POINTS = 32
"""Scales of each task at which they do; no more than its rows, whose program is compiled already."""

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, without their whole part, lie evenly however many there are."""

HELD = ("log", "place")
"""Kinds of parameters that plans' curves keep: ratios and places, of which the scales ahead may say nothing."""


class Discrepancy(NamedTuple):
    """How draws drift from their law, and the curves of the law nearest to what becomes of them.

    Attributes:
        drift: (B, T, A, DRIFT_NUMBERS).
        ends: (2, T, A) the smallest and the largest measured places on the axes.
        planned: (B, T, P) working parameters, in the values' own unit.
    """

    drift: np.ndarray
    ends: np.ndarray
    planned: np.ndarray


def draw_discrepancy(
    estimator: Estimator, batch: Batch, point: np.ndarray, drawn: np.ndarray, *, names: Sequence[str], seed: int
) -> Discrepancy:
    """Drifts of T tasks' draws.

    Args:
        estimator: what was minimized.
        batch: T tasks.
        point: (T, P) their fits.
        drawn: (B, T, P) the draws about them.
        names: (T,) of the tasks.
        seed: of the random numbers.
    """
    axes = Axes.of(estimator.law)
    places = axes.along(batch.z + np.log(batch.reference)[:, None])
    there = batch.there[:, :, None]
    ends = np.stack([np.where(there, places, np.inf).min(axis=1), np.where(there, places, -np.inf).max(axis=1)])
    weights = _rate_weights(estimator, batch, point, places - ends[1][:, None])
    drift = drawn_drifts(names, len(drawn), seed, weights, ends[1] - ends[0])
    return Discrepancy(drift, ends, _nearest(estimator, batch, drawn, drift, ends, names))


def _rate_weights(estimator: Estimator, batch: Batch, point: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Probabilities (T, G) of the rates, from the residuals of the fits ``point`` at (T, R, A) scales."""
    law, loss = estimator.law, estimator.loss
    residual = batch.residual(law, point, loss) * batch.root_weight
    most = WILD * scatter(residual, batch.there, batch.free)[:, None]
    residual = np.clip(residual, -most, most)
    slopes = np.einsum("trp,tpf->trf", jacobian(law, batch, point, loss), batch.expand)
    result = []
    for task, there in enumerate(batch.there):
        root = batch.root_weight[task, there, None]
        basis = drift_basis_of(along[task, there])
        result.append(rate_weights(residual[task, there], root * slopes[task, there], root * basis))
    return np.array(result)


def _nearest(
    estimator: Estimator, batch: Batch, drawn: np.ndarray, drift: np.ndarray, ends: np.ndarray, names: Sequence[str]
) -> np.ndarray:
    """(B, T, P) the curves of the law nearest to the drifting draws where plans go, by least squares of logarithms."""
    law, (draws, count, _) = estimator.law, drawn.shape
    z = _ahead(law, batch)
    points = z.shape[1]
    # the scales of a task come one after the other
    each = np.repeat(np.arange(count), points)
    log_reference = np.log(batch.reference)[each]
    log_inputs = z.reshape(count * points, -1) + log_reference
    value = drifting_values(law, drawn[:, each], log_inputs, log_reference, drift[:, each], ends[:, each])
    lane = np.tile(np.arange(count), draws)
    free = batch.reduced.project(drawn)
    held = [
        at
        for at, position in enumerate(estimator.constraints.free(law))
        if (p := law.parameters[position]).kind in HELD or p.common or p.per_source
    ]
    lower, upper = (np.tile(end, (draws, 1)) for end in (batch.free_lower, batch.free_upper))
    start = free.reshape(draws * count, -1)
    lower[:, held] = upper[:, held] = start[:, held]
    lanes = replace(
        batch.take(lane),
        z=z[lane],
        value=value.reshape(draws * count, points),
        weight=np.ones((draws * count, points)),
        rows=np.zeros((draws * count, points), dtype=int),
        free_lower=lower,
        free_upper=upper,
    )
    none = np.zeros((draws * count, len(law.parameters)))
    found = search(
        replace(estimator, loss=make_loss("squares")), lanes, np.arange(draws * count), lanes.value, lanes.weight,
        start, Prior(none, none), names=[names[each] for each in lane],
    )  # fmt: skip
    planned = batch.reduced.theta(found.theta.reshape(draws, count, -1))
    return np.where(np.isfinite(planned).all(axis=2, keepdims=True), planned, drawn)


def _ahead(law: Law, batch: Batch) -> np.ndarray:
    """(T, G, I) scales where plans go: of runs within ``REACH`` of the largest, and of such made larger by up to it."""
    points = min(batch.z.shape[1], MOST_POINTS)
    axes = Axes.of(law)
    moved = [at for group in axes.groups for at in group if law.inputs[at] != "n_tasks"]
    result = np.empty((len(batch), points, batch.z.shape[2]))
    further = REACH * (GOLDEN * np.arange(points) % 1.0)
    for task, there in enumerate(batch.there):
        rows = batch.z[task, there]
        size = axes.along(rows)[:, : len(axes.groups)].mean(axis=1)
        order = np.argsort(size, kind="stable")
        near = rows[order[size[order] >= size.max() - REACH]]
        result[task] = near[np.arange(points) * len(near) // points]
        result[task][:, moved] += further[:, None]
    return result


def drawn_drifts(
    names: Sequence[str],
    draws: int,
    seed: int,
    weights: np.ndarray,
    spans: np.ndarray,
) -> np.ndarray:
    """Drifts of T tasks: each task's numbers belong to its name, so that draw b is one scenario of all tasks.

    Args:
        names: (T,) of the tasks.
        draws: B.
        seed: of the random numbers.
        weights: (T, G) probabilities of the rates of the grid (``rate_weights``).
        spans: (T, A) logarithms of the largest over the smallest measured scales.

    Returns:
        (B, T, A, DRIFT_NUMBERS), as ``log_factor`` reads them.
    """
    count, axes = spans.shape
    chosen = uniforms(keys(f"rate of drift of {name}" for name in names), seed, 0, draws, 1)[0]
    # between the grid's rates the distribution function is a line, so that no two draws need share a rate
    below = np.concatenate([np.zeros((count, 1)), np.cumsum(weights, axis=1)], axis=1)
    ends = np.linspace(GRID[0], GRID[-1], len(GRID) + 1)
    place = np.stack([np.interp(chosen[:, task], below[task], ends) for task in range(count)], axis=1)
    rate = np.exp(PRIOR_LOG_DRIFT[0] + PRIOR_LOG_DRIFT[1] * place)
    every = keys(f"drift {axis} of {name}" for name in names for axis in range(axes))
    number = uniforms(every, seed, 0, draws, DRIFT_NUMBERS).reshape(DRIFT_NUMBERS, draws, count, axes)
    of_end = np.stack([np.sqrt(LAG * spans), np.full(spans.shape, SPREAD_OF_ONE)], axis=-1)
    return rate[:, :, None, None] * np.tile(of_end, DRIFT_NUMBERS // ENDS) * np.moveaxis(ndtri(number), 0, -1)


def drift_basis_of(along: np.ndarray) -> np.ndarray:
    """An integrated Wiener process of rate 1 along each axis, at (R, A) logarithms of the scales over the largest.

    Returns:
        (R, W): its product with W independent standard normal numbers is the process.
    """
    spans = -along.min(axis=0)
    columns = [
        drift_basis(along[:, axis], np.full(len(along), span))[:, :INNER] @ wiener_root(spans[[axis]])[0]
        for axis, span in enumerate(spans)
    ]
    return np.concatenate(columns, axis=1)


def rate_weights(residual: np.ndarray, slopes: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Probabilities (G,) of the rates of the grid, given whitened residuals (R,), slopes (R, F) and basis (R, W)."""
    axes, size, _ = np.linalg.svd(slopes, full_matrices=False)
    followed = axes[:, size > 1e-9 * max(size.max(initial=0.0), 1e-300)]
    left, basis = (each - followed @ (followed.T @ each) for each in (residual, basis))
    values, turned = np.linalg.eigh(basis.T @ basis)
    values = np.maximum(values, 0.0)
    explained = (turned.T @ (basis.T @ left)) ** 2
    rate, noise = (np.exp(mean + deviation * GRID) for mean, deviation in (PRIOR_LOG_DRIFT, PRIOR_LOG_NOISE))
    ratio = (rate[:, None] / noise) ** 2
    spread = np.log1p(ratio[..., None] * values).sum(axis=-1)
    square = (left @ left - (explained * ratio[..., None] / (1 + ratio[..., None] * values)).sum(axis=-1)) / noise**2
    count = len(residual) - followed.shape[1]
    log_density = -count * np.log(noise) - 0.5 * (spread + square) - 0.5 * GRID[:, None] ** 2 - 0.5 * GRID**2
    weight = np.exp(log_density - log_density.max())
    return weight.sum(axis=1) / weight.sum()
