"""The fit's loss: Huber on the residual of logarithms, summed over rows (Hoffmann et al. 2022)."""

import jax.numpy as jnp
from jax import Array

DELTA = 1e-3
"""Where Huber turns from quadratic to linear, in units of log value: a relative error of a thousandth."""

ESTIMATOR = f"Huber(delta={DELTA:g}) on log residuals, summed over rows"


def huber(residual: Array) -> Array:
    """``r²/2`` up to delta, ``delta·(|r| − delta/2)`` beyond; elementwise."""
    size = jnp.abs(residual)
    return jnp.where(size <= DELTA, 0.5 * residual**2, DELTA * (size - 0.5 * DELTA))


def huber_weight(residual: Array) -> Array:
    """``huber'(r)/r``: the weight of iteratively reweighted least squares, 1 inside delta."""
    return DELTA / jnp.maximum(jnp.abs(residual), DELTA)
