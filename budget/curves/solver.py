"""Bounded robust least squares for one small problem, written to be vmapped over thousands.

Each step proposes two damped moves and keeps the better: a Gauss–Newton move with Huber weights (the majorizer of
the loss, which descends from anywhere; Holland & Welsch 1977) and a Newton move with the exact Hessian (fast near
the optimum, where few residuals are inside delta). Both stay in the box by projection: a parameter at a bound
whose gradient pushes outward is held for that step (Bertsekas 1982).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

TOLERANCE = 1e-11
"""Promised relative decrease of the loss at which a search is over."""
PATIENCE = 12
"""Steps in a row without a lower loss after which a search is over: what is promised is below rounding."""
EXACT = 5e-13
"""Loss a row under which a fit is exact: a relative error of 1e-6."""
DAMPING = 1e-2
"""Damping of both moves at the start, relative to the diagonal."""


def solve_small(matrix: Array, target: Array) -> Array:
    """Solve ``matrix @ x = target`` for a few unknowns by elimination, written out.

    A library call per lane costs more than the arithmetic at this size. There is no pivoting: a damped majorizer needs
    none, and where an indefinite Hessian breaks down the result is not finite, which the caller takes as no move.
    """
    size = target.shape[0]
    rows = [jnp.append(matrix[i], target[i]) for i in range(size)]
    for i in range(size):
        rows[i] = rows[i] / rows[i][i]
        for j in range(size):
            if j != i:
                rows[j] = rows[j] - rows[j][i] * rows[i]
    return jnp.stack([row[size] for row in rows])


class Search(NamedTuple):
    """A search under way or ended: JAX arrays inside the program, NumPy arrays of all lanes outside.

    Attributes:
        theta: (P,) best parameters so far.
        loss: the objective there.
        slack: the decrease that an undamped majorizer move still promises, as a share of the loss: 0 at an optimum.
        damping: (2,) of the two moves.
        idle: steps in a row that brought nothing.
        steps: steps taken since it was begun or taken up again.
    """

    theta: Any
    loss: Any
    slack: Any
    damping: Any
    idle: Any
    steps: Any

    @property
    def over(self) -> Any:
        """Whether no further step is worth taking."""
        return (self.slack <= TOLERANCE) | (self.idle >= PATIENCE)


def minimize(
    residual: Callable[[Array], Array],
    penalty: Callable[[Array], Array],
    penalty_weight: Callable[[Array], Array],
    weight: Array,
    start: Array,
    lower: Array,
    upper: Array,
    *,
    damping: Array,
    most_steps: Array,
) -> Search:
    """Minimize ``Σ_r weight_r · penalty(residual_r(theta))`` over the box.

    Args:
        residual: theta (P,) → residuals (R,).
        penalty: elementwise loss of a residual.
        penalty_weight: elementwise ``penalty'(r)/r``.
        weight: (R,), 0 for padding.
        start: (P,) inside the box.
        lower: (P,) lower bounds.
        upper: (P,) upper bounds.
        damping: (2,) damping to start with, ``DAMPING`` for a new search.
        most_steps: where to stop a search that is not over; it can be taken up again from ``theta`` and ``damping``.

    Returns:
        Where the search stands.
    """

    def objective(theta: Array) -> Array:
        return jnp.sum(weight * penalty(residual(theta)))

    def direction(theta: Array, gradient: Array, hessian: Array, damping: Array) -> Array:
        held = ((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0))
        diagonal = jnp.maximum(jnp.abs(jnp.diagonal(hessian)), 1e-14)
        matrix = jnp.where(held[:, None] | held[None, :], 0.0, hessian)
        matrix = matrix + jnp.diag(jnp.where(held, 1.0, damping * diagonal))
        solved = solve_small(matrix, jnp.where(held, 0.0, -gradient))
        return jnp.where(jnp.isfinite(solved), solved, 0.0)

    def majorizer(theta: Array) -> tuple[Array, Array]:
        errors = residual(theta)
        jacobian = jax.jacfwd(residual)(theta)
        row_weight = weight * penalty_weight(errors)
        return jacobian.T @ (row_weight * errors), jacobian.T @ (row_weight[:, None] * jacobian)

    def step(search: Search) -> Search:
        theta, loss = search.theta, search.loss
        gradient, hessian = majorizer(theta)
        promised = -0.5 * gradient @ direction(theta, gradient, hessian, jnp.asarray(1e-9))
        slack = promised / jnp.maximum(loss, EXACT * jnp.sum(weight))
        exact = jax.hessian(objective)(theta)
        steps = jax.vmap(lambda matrix, damping: direction(theta, gradient, matrix, damping))(
            jnp.stack([hessian, exact]), search.damping
        )
        candidates = jnp.clip(theta + steps, lower, upper)
        losses = jax.vmap(objective)(candidates)
        losses = jnp.where(jnp.isfinite(losses), losses, jnp.inf)
        best = jnp.argmin(losses)
        better = losses[best] < loss
        return Search(
            theta=jnp.where(better, candidates[best], theta),
            loss=jnp.where(better, losses[best], loss),
            slack=slack,
            damping=jnp.clip(search.damping * jnp.where(losses < loss, 1 / 4, 8.0), 1e-10, 1e10),
            idle=jnp.where(better, 0, search.idle + 1),
            steps=search.steps + 1,
        )

    start = jnp.clip(start, lower, upper)
    begun = Search(start, objective(start), jnp.asarray(jnp.inf), damping, jnp.asarray(0), jnp.asarray(0))
    return jax.lax.while_loop(lambda search: ~search.over & (search.steps < most_steps), step, begun)
