"""The rows of tasks of params and tokens as the likelihood of ``surfaces`` reads them. NumPy alone.

See docs/decisions/129-two-scales-with-their-own-error.md.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from budget.curves.laws.surface import AXES, INNER, KNOTS, drift_basis
from budget.curves.predictive.observations import Observations

CEILING_MARGIN = 0.02
"""How far above the worst value a ceiling lies at least, relatively."""

STATED_MARGIN = 1e-6
"""How far, relatively, a floor lies below the smallest value at least: logarithms stay finite."""

HEADROOM = (1e-3, 1e6)
"""Least and most that a ceiling may lie above the worst value, relatively; most where nothing is stated."""

RUN_LENGTH = 1.0
"""Correlation length, in e-folds of the inputs, of the noise of the checkpoints of one run."""

MOST_CORRELATED = 0.95
"""Correlation of two checkpoints that are next to each other."""

NO_SPAN = 1e-6
"""Scales that differ by less, as logarithms, are one."""

QUADRATIC = 6
"""Numbers of a quadratic in two inputs."""

FARTHEST = 6.0
"""Deviations off the quadratic within which a row's value may be a task's smallest or largest."""

ROBUST_STEPS = 10
"""Steps of reweighting; weights have settled to a few percent by then."""


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


def rows_of(observations: Observations) -> tuple[Rows, np.ndarray]:
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


def by_run(observations: Observations) -> Observations:
    """The rows of one run side by side, small ones first; all other rows as they stand."""
    order = np.empty(observations.run.shape, dtype=int)
    size = observations.log_inputs.sum(axis=2)
    for task, run in enumerate(observations.run):
        first = np.unique(run, return_index=True, return_inverse=True)
        place = np.where(run >= 0, first[1][first[2]], len(run))
        order[task] = np.lexsort((size[task], place))
    return observations.with_rows(order)


def with_companion(observations: Observations) -> Observations:
    """The first row of each task, and beside it the same as if a specialist's."""
    twice = observations.with_rows(np.zeros((len(observations), 2), dtype=int))
    return replace(twice, companion=np.tile([False, True], (len(observations), 1)))


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
