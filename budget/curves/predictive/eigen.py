"""Eigenvalues and eigenvectors of small symmetric matrices by Jacobi's rotations.

The library's routine cannot run in two devices of one process at once (they wait for each other for ever), and it calls
the processor for each matrix alone. Rotations of disjoint pairs are done together, in the order of a round-robin
tournament, so that every pair has met after a sweep (Golub & Van Loan 2013, §8.5).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

MAX_SWEEPS = 12
"""Sweeps at most; convergence is quadratic, and six to eight suffice from anywhere."""

ENOUGH = 1e-11
"""Size of what stands beside the diagonal, over that of the matrix, at which it has converged."""


def eigen(matrix: Any, guess: Any) -> tuple[Any, Any]:
    """Eigenvalues (W,), in no order, and eigenvectors (W, W) in columns.

    Args:
        matrix: (W, W) symmetric, W even.
        guess: (W, W) orthogonal: eigenvectors of a matrix near by, or the identity.
    """
    size = len(matrix)
    half = size // 2
    top, bottom = np.arange(half), np.arange(half, size)
    after = np.concatenate([top[:1], bottom[:1], top[1:-1], bottom[1:], top[-1:]])
    scale = jnp.sqrt((matrix**2).sum())

    def rotate(_: Any, both: Any) -> Any:
        matrix, axes = both
        diagonal = jnp.diagonal(matrix)
        beside = jnp.diagonal(matrix[:half, half:])
        is_zero = beside == 0
        cotangent = (diagonal[half:] - diagonal[:half]) / jnp.where(is_zero, 1.0, 2 * beside)
        sign = jnp.where(cotangent < 0, -1.0, 1.0)
        tangent = jnp.where(is_zero, 0.0, sign / (jnp.abs(cotangent) + jnp.sqrt(1 + cotangent**2)))
        cosine = 1 / jnp.sqrt(1 + tangent**2)
        sine = tangent * cosine
        matrix, axes = _turned(matrix, cosine, sine), _turned(axes, cosine, sine)
        matrix = _turned(matrix.T, cosine, sine)
        return matrix[after][:, after], axes[:, after]

    def sweep(state: Any) -> Any:
        matrix, axes, count = state
        return (*jax.lax.fori_loop(0, size - 1, rotate, (matrix, axes)), count + 1)

    def goes_on(state: Any) -> Any:
        matrix, _, count = state
        beside = matrix - jnp.diag(jnp.diagonal(matrix))
        return (jnp.sqrt((beside**2).sum()) > ENOUGH * scale) & (count < MAX_SWEEPS)

    matrix, axes, _ = jax.lax.while_loop(goes_on, sweep, (guess.T @ matrix @ guess, guess, 0))
    return jnp.diagonal(matrix), axes


def _turned(matrix: Any, cosine: Any, sine: Any) -> Any:
    """Columns i and i + W/2 turned together."""
    half = matrix.shape[1] // 2
    first, second = matrix[:, :half], matrix[:, half:]
    return jnp.concatenate([cosine * first - sine * second, sine * first + cosine * second], axis=1)
