"""A rough curve through points of one or more inputs that up to nearly half of the points cannot move."""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

TRIED_EXPONENTS = (0.15, 0.3, 0.5)
"""Exponents tried of each input; curves of neighbouring exponents differ by less than what is asked of this one."""

RANDOM_SUBSETS = 150
"""Random smallest sets of points through which curves are laid: of a fifth wild, one set of three in two holds none."""

MIN_SPARE_POINTS = 3
"""Points beyond the coefficients from which scatter can be told."""

MAX_COMPARED = 400
"""Points on which the curves are compared."""

MAX_TOGETHER = 400_000
"""Expected values of curves that are compared in one call: some megabytes, which stay in the cache."""

SCREENED = 21
"""Every so many curves are compared fully, which leaves few of the others to."""

REFIT_DEVIATIONS = 3.0
"""Standard deviations within which points count in the last fit."""

_MAX_LOG = 100.0
"""Largest logarithm of a power, or of a value over their median."""

SIGMA_OVER_MAD = 1.4826
"""Standard deviation over the median absolute deviation, for a normal distribution."""


@dataclass(frozen=True)
class RobustCurve:
    """``y ≈ unit · (c + Σ_i a_i exp(−e_i (z_i − middle_i)))`` of I inputs z (logarithms).

    Attributes:
        unit: median of the values.
        middle: (I,) medians of the inputs.
        exponents: (I,) ``e``.
        coefficients: (I + 1,) ``c`` and ``a``.
        scatter: robust standard deviation of ``log(y / expected)``.
    """

    unit: float
    middle: np.ndarray
    exponents: np.ndarray
    coefficients: np.ndarray
    scatter: float

    def expected(self, z: np.ndarray) -> np.ndarray:
        """The curve at inputs (R, I), shape (R,); it may be negative far from the points."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.unit * (_features(z, self.middle, self.exponents) @ self.coefficients)

    def off(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """``log(y / expected)``, infinite where the curve is not positive."""
        return _log_ratio(y, self.expected(z))


def robust_curve(z: np.ndarray, y: np.ndarray) -> RobustCurve | None:
    """The curve with the least median of absolute relative residuals (Rousseeuw 1984), then least squares on its own.

    Args:
        z: (R, I) inputs, logarithms.
        y: (R,) positive values.

    Returns:
        The curve, ``None`` where there are too few points, or none of the curves is positive at half of them.
    """
    return robust_curves(z[None], y[None])[0]


def robust_curves(z: np.ndarray, y: np.ndarray) -> list[RobustCurve | None]:
    """The curves of T sets of equally many points, some sets in one call: each by itself is mostly the calls.

    Args:
        z: (T, R, I) inputs, logarithms.
        y: (T, R) positive values.
    """
    count, rows, size = y.shape[0], y.shape[1], z.shape[2] + 1
    if rows < size + MIN_SPARE_POINTS:
        return [None] * count
    curves = len(TRIED_EXPONENTS) ** z.shape[2] * RANDOM_SUBSETS
    each = max(1, MAX_TOGETHER // (curves * min(rows, MAX_COMPARED)))
    parts = [slice(first, first + each) for first in range(0, count, each)]
    return [curve for part in parts for curve in _curves(z[part], y[part])]


def _curves(z: np.ndarray, y: np.ndarray) -> list[RobustCurve | None]:
    """``robust_curves`` of as many sets as fit into the cache."""
    count, rows, size = y.shape[0], y.shape[1], z.shape[2] + 1
    middle, unit = np.median(z, axis=1), np.median(y, axis=1)
    # squares of these are finite: a value in a wrong field may be any number
    y = np.exp(np.clip(np.log(y) - np.log(unit)[:, None], -_MAX_LOG, _MAX_LOG))
    some, picks = _subsets(rows, size)
    tried = np.array(list(product(TRIED_EXPONENTS, repeat=z.shape[2])))
    every = _features(z[:, None], middle[:, None, None], tried[:, None])  # (T, E, R, P)
    # at given exponents a curve through as many points as it has coefficients is a linear system; all sets at once
    through = _solve(
        every[:, :, picks].reshape(-1, size, size), np.repeat(y[:, picks], len(tried), axis=0).reshape(-1, size)
    )
    through = through.reshape(count, len(tried), len(picks), size)
    expected = through @ every[:, :, some].transpose(0, 1, 3, 2)
    best, at = _least_medians(y[:, some], expected.reshape(count, -1, len(some)))
    least, subset = np.divmod(at, len(picks))
    each = np.arange(count)
    exponents, coefficients = tried[least], through[each, least, subset]
    features = every[each, least]
    off = np.abs(_log_ratio(y, (features @ coefficients[..., None])[..., 0]))
    # the least median is robust but hangs on half of the points: least squares on those near it use the others too
    # (Rousseeuw 1984). Where the median is next to nothing, two points more than coefficients stay in
    some_near = np.partition(off, size + 1, axis=1)[:, size + 1]
    near = off <= np.maximum(REFIT_DEVIATIONS * SIGMA_OVER_MAD * best, some_near)[:, None]
    # features over values against ones: least squares of relative errors; what is not near counts nothing
    relative = np.where(near[..., None], features / y[..., None], 0.0)
    coefficients = _solve(relative, near.astype(float))
    off = np.abs(_log_ratio(y, (features @ coefficients[..., None])[..., 0]))
    scatter = SIGMA_OVER_MAD * np.median(off, axis=1) * (rows / (rows - size)) ** 0.5
    return [
        RobustCurve(float(unit[t]), middle[t], exponents[t], coefficients[t], float(scatter[t]))
        if np.isfinite(best[t])
        else None
        for t in range(count)
    ]


def _least_medians(y: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least of the medians of ``|log(y / expected)|`` of C curves, and the first curve that has it, of T sets.

    Args:
        y: (T, r) values.
        expected: (T, C, r) what each curve expects.

    Returns:
        (T,) the median, infinite where no curve is positive at half of the values, and (T,) the curve's position.
    """
    best = np.median(np.abs(_log_ratio(y[:, None], expected[:, ::SCREENED])), axis=2).min(axis=1)
    # a median can only be as small where half of the values lie within it: counting needs neither logarithms nor order,
    # and leaves a curve in some twenty. The margin is far above rounding, so that none is lost by it
    low, high = (y * factor[:, None] for factor in (np.exp(-best) * (1 - 1e-9), np.exp(best) * (1 + 1e-9)))
    near = np.packbits((expected >= low[:, None]) & (expected <= high[:, None]), axis=2)
    within = np.bitwise_count(near).sum(axis=2, dtype=int)
    owner, curve = np.nonzero(within >= (y.shape[1] + 1) // 2)
    median = np.full(within.shape, np.inf)
    median[owner, curve] = np.median(np.abs(_log_ratio(y[owner], expected[owner, curve])), axis=1)
    at = median.argmin(axis=1)
    return median[np.arange(len(y)), at], at


@cache
def _subsets(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The points that curves are compared on, and the sets of points through which they are laid.

    The same whenever a file is read: a finding must not come and go. Drawing them takes longer than all the curves, and
    the tasks of a file mostly have equally many points.
    """
    random = np.random.default_rng(0)
    # a median of some hundred residuals tells curves apart as well as one of all points does
    some = random.choice(count, MAX_COMPARED, replace=False) if count > MAX_COMPARED else np.arange(count)
    return some, np.array([random.choice(count, size, replace=False) for _ in range(RANDOM_SUBSETS)])


def _features(z: np.ndarray, middle: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    powers = np.exp(np.clip(-exponents * (z - middle), -_MAX_LOG, _MAX_LOG))
    return np.concatenate([np.ones((*powers.shape[:-1], 1)), powers], axis=-1)


def _solve(features: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Least squares of many small systems (M, r, P), the smallest coefficients where the points leave them open."""
    square = _gram(features)
    # a set may hold one point twice, or points of one scale: the ridge makes its answer small instead of an error, and
    # is far above what squaring loses of a float64 (1e-16)
    ridge = 1e-10 * np.trace(square, axis1=1, axis2=2)[:, None, None] * np.eye(features.shape[2])
    return np.linalg.solve(square + ridge, np.einsum("mrp,mr->mp", features, y)[..., None])[..., 0]


def _gram(features: np.ndarray) -> np.ndarray:
    """(M, P, P) products of the columns of M matrices (M, r, P)."""
    rows, size = features.shape[1:]
    if rows > size:
        return np.einsum("mrp,mrq->mpq", features, features)
    # of very many very small matrices, entry by entry over all of them: einsum takes four times as long
    entry = np.ascontiguousarray(features.transpose(1, 2, 0))
    square = np.empty((len(features), size, size))
    for p in range(size):
        for q in range(p, size):
            square[:, p, q] = square[:, q, p] = sum(entry[row, p] * entry[row, q] for row in range(rows))
    return square


def _log_ratio(y: np.ndarray, expected: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, np.log(y) - np.log(np.maximum(expected, 1e-300)), np.inf)
