"""Data-driven starts: variable projection (Golub & Pereyra 1973).

At fixed exponents a law is linear in its floor and coefficients. So the exponents are laid on a grid, the linear
parameters are solved for by least squares on relative errors with none negative, and the best grid points by the
real loss become the starts.
"""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from budget.curves.laws import EXPONENT, LOG_COEFFICIENT

EXPONENT_GRID = np.geomspace(0.04, 1.6, 8)


def grid_points(inputs: int) -> np.ndarray:
    """All exponent vectors of the grid, shape (8^I, I)."""
    return np.array(list(product(EXPONENT_GRID, repeat=inputs)))


def start_at(exponents: Array, z: Array, value: Array, weight: Array) -> Array:
    """Working parameters (P,) that fit best at given exponents.

    Args:
        exponents: (I,).
        z: (R, I) log inputs over their reference.
        value: (R,) positive values over their median.
        weight: (R,), 0 for padding.
    """
    columns = jnp.concatenate([jnp.ones_like(z[:, :1]), jnp.exp(-exponents * z)], axis=1)
    relative = columns / value[:, None] * jnp.sqrt(weight)[:, None]
    gram, moment = relative.T @ relative, relative.T @ jnp.sqrt(weight)
    linear = _nonnegative(gram, moment)
    least = 1e-3 * jnp.sum(linear)
    logs = jnp.clip(jnp.log(jnp.maximum(linear[1:], least)), *LOG_COEFFICIENT)
    pairs = jnp.stack([logs, jnp.clip(exponents, *EXPONENT)], axis=1).ravel()
    return jnp.concatenate([linear[:1], pairs])


def _nonnegative(gram: Array, moment: Array) -> Array:
    """Non-negative least squares ``min xᵀGx − 2mᵀx`` by trying every set of positive variables (at most 2³)."""
    size = gram.shape[0]
    supports = jnp.array([bits for bits in product((0.0, 1.0), repeat=size) if any(bits)])

    def solve(support: Array) -> tuple[Array, Array]:
        both = support[:, None] * support[None, :]
        matrix = gram * both + jnp.diag(1.0 - support) + 1e-12 * jnp.diag(jnp.diagonal(gram))
        answer = jnp.linalg.solve(matrix, moment * support) * support
        loss = answer @ gram @ answer - 2 * moment @ answer
        return answer, jnp.where((answer >= 0).all(), loss, jnp.inf)

    answers, losses = jax.vmap(solve)(supports)
    return answers[jnp.argmin(losses)]
