"""The rows of tasks of several scales as the likelihood of ``drift_posterior`` reads them."""

from typing import Any, NamedTuple

import numpy as np

from budget.curves.laws.drifting.drifts import Shape, product_basis
from budget.curves.laws.surface import INNER, drift_basis
from budget.curves.predictive.observations import Observations
from budget.curves.predictive.surfaces.rows import (
    FARTHEST,
    NO_SPAN,
    RUN_LENGTH,
    STATED_MARGIN,
    median_deviation,
    robust_fit,
    typical_value,
    wiener_root,
)


class Rows(NamedTuple):
    """One task's rows.

    Attributes:
        z: (R, I) logarithms of the inputs over their reference.
        log_value: (R,).
        there: (R,) 1 for rows, 0 where padded.
        variance: (R,) inverse weights.
        lag: (R,) how far below the largest run's sum of log inputs a row's lies.
        known: (R,) variance that is known, in relative units.
        near: (R,) how near the row before is, where both may be of one run: 1 beside it, 0 for the first of a run.
        basis: (R, W) of the drifts' independent standard numbers.
        low: the stated best value, 0 where none is.
        least: the smallest value that is not wild.
        log_unit: logarithm of the typical value of the largest runs.
    """

    z: Any
    log_value: Any
    there: Any
    variance: Any
    lag: Any
    known: Any
    near: Any
    basis: Any
    low: Any
    least: Any
    log_unit: Any


def rows_of(observations: Observations, shape: Shape) -> tuple[Rows, np.ndarray, np.ndarray]:
    """What the likelihood reads, (T, …) each, and the ends and spans (T, A) of the axes.

    Args:
        observations: of T tasks, the rows of one run side by side (``by_run``).
        shape: of the law.
    """
    there = observations.there
    here = there[..., None]
    largest = np.where(here, observations.log_inputs, -np.inf).max(axis=1)[:, list(shape.reference)]
    z = np.where(here, observations.log_inputs - largest[:, None], 0.0)
    log_value = np.where(there, np.log(observations.value), 0.0)
    place = shape.along(z, np)
    end = np.where(here, place, -np.inf).max(axis=1)
    span = end - np.where(here, place, np.inf).min(axis=1)
    span = np.where(span < NO_SPAN, 0.0, span)
    size = z.sum(axis=2)
    tamed = np.stack([_tamed(*each) for each in zip(log_value, z, there, strict=True)])
    least = np.exp(np.where(there, tamed, np.inf).min(axis=1))
    rows = Rows(
        z=z,
        log_value=log_value,
        there=there.astype(float),
        variance=np.where(there, 1 / np.where(there, observations.weight, 1.0).clip(1e-12), 1.0),
        lag=np.where(there, np.where(there, size, -np.inf).max(axis=1, keepdims=True) - size, 0.0),
        known=observations.stderr**2,
        near=_near(observations, shape),
        basis=_basis(shape, np.where(here, place - end[:, None], 0.0), span) * here,
        # a stated best value that runs are below holds as far as they let it
        low=np.minimum(np.nan_to_num(observations.least), least * (1 - STATED_MARGIN)),
        least=least,
        log_unit=np.log([typical_value(*each) for each in zip(log_value, size, there, strict=True)]),
    )
    return rows, end, span


def _basis(shape: Shape, place: np.ndarray, span: np.ndarray) -> np.ndarray:
    """(T, R, W) of the standard numbers behind drifts and products; W is even, as ``eigen`` asks."""
    each = np.broadcast_to(span[:, None], place.shape)
    drifts = [
        drift_basis(place[..., axis], each[..., axis])[..., :INNER] @ wiener_root(span[:, axis])
        for axis in range(len(shape.axes))
    ]
    products = product_basis(np.maximum(place + each, 0.0), shape.pairs) * product_deviation(shape, span)[:, None]
    odd = np.zeros((*place.shape[:2], products.shape[-1] % 2))
    return np.concatenate([*drifts, products, odd], axis=-1)


def product_deviation(shape: Shape, span: np.ndarray) -> np.ndarray:
    """(T, pairs) deviation of each product's number in units of s, of axes with spans (T, A).

    Such that a product is, at the largest runs, as large as the drifts there: over a span L a drift comes to a
    deviation of s·√(L³/3), and the product of two distances ends at L₁·L₂.
    """
    pairs = [np.maximum(span[:, one] * span[:, other], NO_SPAN) ** -0.25 for one, other in shape.pairs]
    return np.stack(pairs, axis=1) / np.sqrt(3) if pairs else np.empty((len(span), 0))


def _tamed(log_value: np.ndarray, z: np.ndarray, there: np.ndarray) -> np.ndarray:
    """One task's values (R,) with wild rows pulled in: its smallest value must not be one of them."""
    rows = np.flatnonzero(there)
    design = np.concatenate([np.ones((len(rows), 1)), z[rows], z[rows] ** 2], axis=1)
    if len(rows) < 2 * design.shape[1]:
        return log_value
    fitted = robust_fit(design, log_value[rows])
    off = log_value[rows] - fitted
    reach = FARTHEST * median_deviation(off)
    result = log_value.copy()
    result[rows] = fitted + np.clip(off, -reach, reach)
    return result


def by_run(observations: Observations, shape: Shape) -> Observations:
    """The rows of what may be one run side by side, small ones first."""
    order = np.empty(observations.run.shape, dtype=int)
    size = observations.log_inputs.sum(axis=2)
    for task, run in enumerate(_runs(observations, shape)):
        order[task] = np.lexsort((observations.value[task], size[task], np.where(run >= 0, run, len(run))))
    return observations.with_rows(order)


def _runs(observations: Observations, shape: Shape) -> np.ndarray:
    """(T, R) numbers that rows share which may err together, −1 where padded.

    Where no two rows of a task are said to be of one run, these are the ones that agree in everything but what grows
    while a run is trained: the same run, or runs that the law cannot tell apart. How much they have in common is found
    (``drift_posterior``).
    """
    result: np.ndarray = observations.run.copy()
    kept = [at for at in range(observations.log_inputs.shape[2]) if at != shape.progress]
    for task, there in enumerate(observations.there):
        mine = np.flatnonzero(there)
        if len(np.unique(result[task, mine])) == len(mine):
            others = observations.log_inputs[task, mine][:, kept].round(9)
            result[task, mine] = np.unique(others, axis=0, return_inverse=True)[1].ravel()
    return result


def _near(observations: Observations, shape: Shape) -> np.ndarray:
    run, there, logs = _runs(observations, shape), observations.there, observations.log_inputs
    same = np.zeros(there.shape, dtype=bool)
    same[:, 1:] = there[:, 1:] & (run[:, 1:] == run[:, :-1])
    gap = np.zeros(there.shape)
    gap[:, 1:] = np.abs(np.diff(logs, axis=1)).sum(axis=2)
    return np.where(same, np.exp(-gap / RUN_LENGTH), 0.0)
