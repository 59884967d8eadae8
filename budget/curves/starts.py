"""Data-driven starts: variable projection (Golub & Pereyra 1973).

At fixed shape parameters a law is linear in its levels and coefficients. So the shape parameters are laid on a grid,
the linear parameters are solved for by least squares on relative errors with none negative, and the best grid points by
the real loss become the starts.
"""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from budget.curves.constraints import Constraints
from budget.curves.law import Law
from budget.curves.solver import solve_small

LEAST = 1e-3
"""Smallest share of the fit that a term starts with: one that starts at nothing would not move."""


def grid_points(law: Law, constraints: Constraints) -> np.ndarray:
    """All points of the grid over the shape parameters, shape (G, P).

    A place is a fraction of the task's measured range; linear parameters are 0, to be solved for. A fixed parameter
    has one point, tied ones move together.
    """
    fixed = {name for name, _ in constraints.fixed}
    follows = {name: names[0] for names in constraints.tied for name in names[1:]}
    axes = [(p.grid or (0.0,))[: 1 if p.name in fixed or p.name in follows else None] for p in law.parameters]
    points = np.array(list(product(*axes)))
    for name, leader in follows.items():
        points[:, law.names.index(name)] = points[:, law.names.index(leader)]
    return points


def start_at(
    law: Law,
    relative: bool,
    shape: Array,
    z: Array,
    value: Array,
    weight: Array,
    known: Array,
    lower: Array,
    upper: Array,
) -> Array:
    """Working parameters (P,) that fit best at given shape parameters.

    Args:
        law: the law.
        relative: whether errors are divided by the values (else they count as they are).
        shape: (P,) shape parameters; linear entries are read where ``known``.
        z: (R, I) log inputs over their reference.
        value: (R,) values over their unit.
        weight: (R,), 0 for padding.
        known: (P,) which linear parameters are given in ``shape`` and not to be solved for.
        lower: (P,) box; of a coefficient any finite number.
        upper: (P,).
    """
    linear = np.flatnonzero([p.linear for p in law.parameters])
    levels = np.array([law.parameters[position].kind != "coefficient" for position in linear])
    basis = [jnp.broadcast_to(logs, value.shape) for logs in law.basis(shape, z, jnp)]
    columns = jnp.exp(jnp.stack(basis, axis=1))
    at = shape[linear]
    # a level is counted from its lower bound, which may be negative or the largest value
    given = known[linear]
    base = jnp.where(given, jnp.where(levels, at, jnp.exp(at)), levels * lower[linear])
    scale = jnp.sqrt(weight) / (value if relative else 1.0)
    free = 1.0 - given
    matrix = columns * scale[:, None] * free
    solved = _nonnegative(matrix.T @ matrix, matrix.T @ ((value - columns @ base) * scale), free)
    least = LEAST * jnp.maximum(jnp.sum(solved), LEAST)
    found = jnp.where(levels, base + solved, jnp.log(jnp.maximum(solved, least)))
    found = jnp.clip(jnp.where(given, at, found), lower[linear], upper[linear])
    return shape.at[linear].set(found)


def _nonnegative(gram: Array, moment: Array, free: Array) -> Array:
    """Non-negative least squares ``min xᵀGx − 2mᵀx`` by trying every set of positive variables (at most 2³)."""
    size = gram.shape[0]
    supports = jnp.array([bits for bits in product((0.0, 1.0), repeat=size) if any(bits)])

    def solve(support: Array) -> tuple[Array, Array]:
        chosen = support * free
        both = chosen[:, None] * chosen[None, :]
        matrix = gram * (both + 1e-12 * jnp.eye(size)) + jnp.diag(1.0 - chosen)
        answer = solve_small(matrix, moment * chosen) * chosen
        loss = answer @ gram @ answer - 2 * moment @ answer
        return answer, jnp.where(jnp.isfinite(loss) & (answer >= 0).all(), loss, jnp.inf)

    answers, losses = jax.vmap(solve)(supports)
    best = jnp.argmin(losses)
    return jnp.where(jnp.isfinite(losses[best]), answers[best], 0.0)
