"""The losses a fit can minimize: one formula with a corner width and a quantile, so that one program serves all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

from budget.errors import DataError

HUBER_DELTA = 1e-3
"""Where Huber turns from quadratic to linear: a relative error of a thousandth (Hoffmann et al. 2022)."""

SQUARES_DELTA = 1e6
"""A delta so wide that every residual is in the quadratic part: least squares by the program of Huber."""

LAD_DELTAS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""Deltas tried one after the other for the least absolute deviations, whose own is 0, where no Newton step exists.

The last one bends the loss by half of it at most, a relative error of 5e-8 of a value: less than files tell.
"""

DEFAULT_QUANTILE = 0.25
"""Default quantile of the asymmetric loss: rows above the curve (unfinished runs) pull a third as much."""

Residual = Literal["log", "raw"]


@dataclass(frozen=True)
class Loss:
    """``Σ_r weight_r · 2·|q − [r < 0]| · huber(r; delta)`` over a task's rows, ``r`` being data minus curve.

    Attributes:
        name: one of ``LOSSES``.
        delta: the corner; residuals of logs are relative errors, raw ones are in units of the task's median value.
        quantile: q; 0.5 is symmetric, below it the curve follows the lower rows (Koenker & Bassett 1978).
        residual: ``log``: log data minus log curve; ``raw``: data minus curve, over the task's median absolute value.
    """

    name: str
    delta: float
    quantile: float = 0.5
    residual: Residual = "log"

    @property
    def corners(self) -> Sequence[float]:
        """The corners of the successive searches, the last one being the loss itself."""
        return LAD_DELTAS if self.name == "lad" else (self.delta,)

    @property
    def words(self) -> str:
        """The estimator, as every output names it."""
        what = "log residuals" if self.residual == "log" else "residuals over the median value"
        how = {
            "huber": f"Huber(delta={self.delta:g})",
            "lad": "Least absolute deviations",
            "squares": "Least squares",
            "asymmetric": f"Quantile-Huber(q={self.quantile:g}, delta={self.delta:g})",
        }[self.name]
        return f"{how} on {what}, summed over rows"

    def objective(self, residual: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """The loss of data-minus-curve residuals (…, R), shape (…); least absolute deviations without a corner."""
        # the factor 2 makes the quantile .5 the symmetric loss itself
        side = 2 * np.where(residual < 0, 1 - self.quantile, self.quantile)
        size = np.abs(residual)
        if self.name == "lad":
            each = size
        else:
            each = np.where(size <= self.delta, 0.5 * size**2, self.delta * (size - 0.5 * self.delta))
        return (weight * side * each).sum(axis=-1)


def make_loss(
    name: str = "huber", delta: float | None = None, quantile: float | None = None, residual: Residual = "log"
) -> Loss:
    """The loss that the options of ``fit`` describe.

    Args:
        name: one of ``LOSSES``.
        delta: corner of huber and asymmetric, ``HUBER_DELTA`` where not given.
        quantile: of asymmetric, strictly between 0 and 1, ``DEFAULT_QUANTILE`` where not given.
        residual: ``log`` or ``raw``.

    Raises:
        DataError: an option does not belong to the loss, or is out of range.
    """
    if name not in LOSSES:
        raise DataError(f"There is no loss '{name}'; choose one of {', '.join(LOSSES)}.")
    if residual not in ("log", "raw"):
        raise DataError(f"There is no residual '{residual}'; choose log or raw.")
    if delta is not None and name not in ("huber", "asymmetric"):
        raise DataError(f"--delta is the corner of huber and asymmetric; the loss '{name}' has none.")
    if quantile is not None and name != "asymmetric":
        raise DataError(f"--quantile is for --loss asymmetric; the loss '{name}' is symmetric.")
    if delta is not None and not 1e-8 <= delta <= 1e3:
        raise DataError(f"--delta is {delta:g}; give a number between 1e-8 and 1000, such as 1e-3.")
    if quantile is not None and not 0.01 <= quantile <= 0.99:
        raise DataError(f"--quantile is {quantile:g}; give a number between 0.01 and 0.99.")
    if name == "lad":
        return Loss(name, LAD_DELTAS[-1], residual=residual)
    if name == "squares":
        return Loss(name, SQUARES_DELTA, residual=residual)
    chosen = HUBER_DELTA if delta is None else delta
    if name == "huber":
        return Loss(name, chosen, residual=residual)
    return Loss(name, chosen, DEFAULT_QUANTILE if quantile is None else quantile, residual)


LOSSES = ("huber", "lad", "squares", "asymmetric")
"""What ``--loss`` takes."""


def penalty(residual: Array, delta: Array, quantile: Array) -> Array:
    """``2·|q − [r < 0]|`` times ``r²/2`` up to delta and ``delta·(|r| − delta/2)`` beyond; elementwise."""
    size = jnp.abs(residual)
    return _side(residual, quantile) * jnp.where(size <= delta, 0.5 * residual**2, delta * (size - 0.5 * delta))


def penalty_weight(residual: Array, delta: Array, quantile: Array) -> Array:
    """``penalty'(r)/r``: the weight of iteratively reweighted least squares, constant inside delta on each side."""
    return _side(residual, quantile) * delta / jnp.maximum(jnp.abs(residual), delta)


def _side(residual: Array, quantile: Array) -> Array:
    # twice the check function's slope (Koenker & Bassett 1978), so that the quantile .5 is the symmetric loss
    return 2 * jnp.where(residual < 0, 1 - quantile, quantile)
