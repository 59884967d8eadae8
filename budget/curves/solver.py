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

MAX_STEPS = 300
TOLERANCE = 1e-13
"""Relative decrease under which a step counts as idle; ``PATIENCE`` idle steps in a row end the search."""
PATIENCE = 12
EXACT = 5e-13
"""Loss a row under which a fit is exact: a relative error of 1e-6."""


class Minimum(NamedTuple):
    """Where a search ended: JAX arrays inside the program, NumPy arrays of all lanes outside.

    Attributes:
        theta: (P,) parameters.
        loss: the objective there.
        slack: the decrease of the loss that a full step still promises, as a share of the loss: near 0 at an optimum.
        steps: steps taken.
    """

    theta: Any
    loss: Any
    slack: Any
    steps: Any


def minimize(
    residual: Callable[[Array], Array],
    penalty: Callable[[Array], Array],
    penalty_weight: Callable[[Array], Array],
    weight: Array,
    start: Array,
    lower: Array,
    upper: Array,
) -> Minimum:
    """Minimize ``Σ_r weight_r · penalty(residual_r(theta))`` over the box.

    Args:
        residual: theta (P,) → residuals (R,).
        penalty: elementwise loss of a residual.
        penalty_weight: elementwise ``penalty'(r)/r``.
        weight: (R,), 0 for padding.
        start: (P,) inside the box.
        lower: (P,) lower bounds.
        upper: (P,) upper bounds.

    Returns:
        The best point reached.
    """

    def objective(theta: Array) -> Array:
        return jnp.sum(weight * penalty(residual(theta)))

    def held(theta: Array, gradient: Array) -> Array:
        return ((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0))

    def move(theta: Array, gradient: Array, hessian: Array, damping: Array) -> Array:
        free = ~held(theta, gradient)
        diagonal = jnp.maximum(jnp.abs(jnp.diagonal(hessian)), 1e-14)
        matrix = jnp.where(free[:, None] & free[None, :], hessian, 0.0)
        matrix = matrix + jnp.diag(jnp.where(free, damping * diagonal, 1.0))
        direction = jnp.linalg.solve(matrix, jnp.where(free, -gradient, 0.0))
        return jnp.clip(theta + jnp.where(jnp.isfinite(direction), direction, 0.0), lower, upper)

    def gauss_newton(theta: Array) -> tuple[Array, Array]:
        errors = residual(theta)
        jacobian = jax.jacfwd(residual)(theta)
        row_weight = weight * penalty_weight(errors)
        return jacobian.T @ (row_weight * errors), jacobian.T @ (row_weight[:, None] * jacobian)

    def step(state: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
        theta, loss, damping, idle, count = state
        gradient, majorizer = gauss_newton(theta)
        exact = jax.hessian(objective)(theta)
        moves = jnp.stack([move(theta, gradient, majorizer, damping[0]), move(theta, gradient, exact, damping[1])])
        losses = jax.vmap(objective)(moves)
        losses = jnp.where(jnp.isfinite(losses), losses, jnp.inf)
        damping = jnp.clip(damping * jnp.where(losses < loss, 1 / 4, 8.0), 1e-10, 1e10)
        best = jnp.argmin(losses)
        better = losses[best] < loss
        idle = jnp.where(loss - losses[best] > TOLERANCE * jnp.abs(loss), 0, idle + 1)
        theta = jnp.where(better, moves[best], theta)
        return theta, jnp.where(better, losses[best], loss), damping, idle, count + 1

    def going_on(state: tuple[Array, Array, Array, Array, Array]) -> Array:
        return (state[3] < PATIENCE) & (state[4] < MAX_STEPS)

    start = jnp.clip(start, lower, upper)
    state = (start, objective(start), jnp.array([1e-2, 1e-2]), jnp.array(0), jnp.array(0))
    theta, loss, _, _, count = jax.lax.while_loop(going_on, step, state)
    gradient, majorizer = gauss_newton(theta)
    promised = 0.5 * gradient @ (theta - move(theta, gradient, majorizer, jnp.asarray(1e-9)))
    return Minimum(theta, loss, promised / jnp.maximum(loss, EXACT * jnp.sum(weight)), count)
