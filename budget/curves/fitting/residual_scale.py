"""The scale of the residuals about a curve, what the loss makes of it, and the linearized covariance.

See docs/decisions/021-prior-in-the-losss-own-unit.md.
"""

import numpy as np
from scipy.special import ndtr

from budget.curves.fitting.batch import Batch
from budget.curves.fitting.loss import Loss
from budget.curves.laws.law import Law

JACOBIAN_STEP = 1e-5
"""Step of the central differences that give the Jacobian, in working coordinates of order one: near the cube root of
the rounding of a float64 (6e-6), where rounding and the third derivative spoil about equally many digits."""

SIGMA_OVER_MAD = 1.4826
"""Standard deviation of a normal variable over its median absolute value."""

MIN_SCATTER = 1e-9
"""Scatter under which runs lie on their curve: far above the rounding of a log residual (1e-16), far below the digits
that files are written with. It keeps everything that is divided by the scatter finite."""


def jacobian(law: Law, batch: Batch, theta: np.ndarray, loss: Loss) -> np.ndarray:
    """Derivative of the residuals in the parameters by central differences: (T, R, P), 0 where padded."""
    result = np.empty((*batch.value.shape, theta.shape[-1]))
    for position in range(theta.shape[-1]):
        ahead, behind = theta.copy(), theta.copy()
        ahead[:, position] += JACOBIAN_STEP
        behind[:, position] -= JACOBIAN_STEP
        with np.errstate(invalid="ignore"):
            change = batch.residual(law, ahead, loss) - batch.residual(law, behind, loss)
        result[:, :, position] = change / (2 * JACOBIAN_STEP)
    return np.nan_to_num(result)


def scatter(residual: np.ndarray, there: np.ndarray, parameters: np.ndarray | int) -> np.ndarray:
    """Robust standard deviation of each task's residuals, times the root of their weight where rows have weights.

    A fit near the least absolute deviations passes through as many rows as it has free parameters, whose residuals say
    nothing: the smallest ones are left out before the median is taken.

    Args:
        residual: (…, R).
        there: (…, R) which entries are rows.
        parameters: (…) or one number of free parameters.
    """
    size = np.sort(np.where(there, np.abs(residual), np.inf), axis=-1)
    count = there.sum(axis=-1)
    used = np.minimum(parameters, np.maximum(count - 1, 0))
    # the median of what is left after the smallest ``used``: the mean of two neighbours where their number is even
    middle = used + (count - used - 1) / 2
    low = np.take_along_axis(size, np.floor(middle).astype(int)[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(size, np.ceil(middle).astype(int)[..., None], axis=-1)[..., 0]
    return np.maximum(SIGMA_OVER_MAD * (low + high) / 2, MIN_SCATTER)


def precision(scale: np.ndarray, loss: Loss) -> np.ndarray:
    """The weight of one unit of log likelihood in the unit of the loss: ``E ψ² / E ψ'`` for normal residuals.

    For least squares this is the variance. A quadratic prior of precision 1 enters the objective with this factor, so
    that data and prior are weighed as their variances say (the sandwich variance of an M-estimator, Huber 1981).

    Args:
        scale: (T,) standard deviation of the residuals.
        loss: its corner decides.
    """
    delta = loss.delta / scale
    # of normal residuals r with standard deviation s, and d = delta/s: E ψ' = P(|r| < delta) = 2Φ(d) − 1, and E ψ² =
    # s²·(2Φ(d) − 1 − 2d·φ(d)) + 2·delta²·(1 − Φ(d))
    inside = np.maximum(2 * ndtr(delta) - 1, 1e-300)
    square = scale**2 * (inside - 2 * delta * np.exp(-(delta**2) / 2) / np.sqrt(2 * np.pi)) + 2 * loss.delta**2 * ndtr(
        -delta
    )
    return square / inside


def covariance(law: Law, batch: Batch, theta: np.ndarray, scale: np.ndarray, loss: Loss) -> np.ndarray:
    """Linearized sampling covariance of the parameters, (T, P, P); parameters at a bound or held have none.

    ``E ψ² / (E ψ')² · (Σ_r w_r g_r g_rᵀ)⁻¹``, with a ridge that keeps what the rows do not show finite but large.
    """
    slopes = jacobian(law, batch, theta, loss)
    # by the chain rule, in the free parameters: those that the fit decides
    slopes = np.einsum("trp,tpf->trf", slopes, batch.expand)
    gram = np.einsum("trp,tr,trq->tpq", slopes, batch.weight, slopes)
    free = batch.reduced.project(theta)
    # a parameter at its bound does not move with small noise, so it has no variance and lends none to the others
    held = (free <= batch.free_lower) | (free >= batch.free_upper)
    gram = np.where(held[:, :, None] | held[:, None, :], 0.0, gram)
    diagonal = np.einsum("tpp->tp", gram)
    # columns are scaled to 1 before the inverse is taken: its digits are then lost to correlation only, not to units.
    # The ridge of 1e-9 of that 1 (and 1e-12 under a column of zeros) lets no direction have more than a billion times
    # the variance of one that the rows show
    keep = np.maximum(diagonal, 1e-12)
    size = np.sqrt(keep)
    unit = gram / (size[:, :, None] * size[:, None, :]) + np.eye(gram.shape[1]) * 1e-9
    unit[:, np.arange(gram.shape[1]), np.arange(gram.shape[1])] = 1 + 1e-9
    inverse = np.linalg.inv(unit) / (size[:, :, None] * size[:, None, :])
    # precision is E ψ²/E ψ', and the sandwich needs E ψ²/(E ψ')² (Huber 1981)
    factor = precision(scale, loss) / np.maximum(2 * ndtr(loss.delta / scale) - 1, 1e-300)
    of_free = np.where(held[:, :, None] | held[:, None, :], 0.0, factor[:, None, None] * inverse)
    return np.einsum("tpf,tfg,tqg->tpq", batch.expand, of_free, batch.expand)
