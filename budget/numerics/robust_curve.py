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
    size = z.shape[1] + 1
    if len(y) < size + MIN_SPARE_POINTS:
        return None
    middle, unit = np.median(z, axis=0), float(np.median(y))
    # squares of these are finite: a value in a wrong field may be any number
    y = np.exp(np.clip(np.log(y) - np.log(unit), -_MAX_LOG, _MAX_LOG))
    some, picks = _subsets(len(y), size)
    tried = np.array(list(product(TRIED_EXPONENTS, repeat=z.shape[1])))
    every = np.stack([_features(z, middle, exponents) for exponents in tried])
    # at given exponents a curve through as many points as it has coefficients is a linear system; all sets at once
    through = _solve(every[:, picks].reshape(-1, size, size), np.tile(y[picks], (len(tried), 1)))
    through = through.reshape(len(tried), len(picks), size)
    expected = through @ every[:, some].transpose(0, 2, 1)
    best, at = _least_median(y[some], expected.reshape(-1, len(some)))
    least, subset = divmod(at, len(picks))
    if not np.isfinite(best):
        return None
    exponents, coefficients = tried[least], through[least, subset]
    features = _features(z, middle, exponents)
    off = np.abs(_log_ratio(y, features @ coefficients))
    # the least median is robust but hangs on half of the points: least squares on those near it use the others too
    # (Rousseeuw 1984). Where the median is next to nothing, two points more than coefficients stay in
    near = off <= max(REFIT_DEVIATIONS * SIGMA_OVER_MAD * best, float(np.partition(off, size + 1)[size + 1]))
    # features over values against ones: least squares of relative errors
    coefficients = _solve((features / y[:, None])[near][None], np.ones((1, near.sum())))[0]
    off = np.abs(_log_ratio(y, features @ coefficients))
    scatter = SIGMA_OVER_MAD * float(np.median(off)) * (len(y) / (len(y) - size)) ** 0.5
    return RobustCurve(unit, middle, exponents, coefficients, scatter)


def _least_median(y: np.ndarray, expected: np.ndarray) -> tuple[float, int]:
    """The least of the medians of ``|log(y / expected)|`` of C curves, and the first curve that has it.

    Args:
        y: (r,) values.
        expected: (C, r) what each curve expects.

    Returns:
        The median, infinite where no curve is positive at half of the values, and the curve's position.
    """
    best = float(np.median(np.abs(_log_ratio(y, expected[::SCREENED])), axis=1).min())
    # a median can only be as small where half of the values lie within it: counting needs neither logarithms nor order,
    # and leaves a curve in some twenty. The margin is far above rounding, so that none is lost by it
    low, high = y * np.exp(-best) * (1 - 1e-9), y * np.exp(best) * (1 + 1e-9)
    near = np.packbits((expected >= low) & (expected <= high), axis=1)
    good = np.flatnonzero(np.bitwise_count(near).sum(axis=1, dtype=int) >= (len(y) + 1) // 2)
    if not len(good):  # none is positive at half of the values
        return np.inf, 0
    median = np.median(np.abs(_log_ratio(y, expected[good])), axis=1)
    return float(median.min()), int(good[median.argmin()])


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
    return np.column_stack([np.ones(len(z)), powers])


def _solve(features: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Least squares of many small systems (M, r, P), the smallest coefficients where the points leave them open."""
    square = np.einsum("mrp,mrq->mpq", features, features)
    # a set may hold one point twice, or points of one scale: the ridge makes its answer small instead of an error, and
    # is far above what squaring loses of a float64 (1e-16)
    ridge = 1e-10 * np.trace(square, axis1=1, axis2=2)[:, None, None] * np.eye(features.shape[2])
    return np.linalg.solve(square + ridge, np.einsum("mrp,mr->mp", features, y)[..., None])[..., 0]


def _log_ratio(y: np.ndarray, expected: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, np.log(y) - np.log(np.maximum(expected, 1e-300)), np.inf)
