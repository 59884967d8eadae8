"""Bounded robust least squares for one small problem, written to be vmapped over thousands.

Each step proposes two damped moves and keeps the better: a Gauss–Newton move with Huber weights (the majorizer of
the loss, which descends from anywhere; Holland & Welsch 1977) and a Newton move with the exact Hessian (fast near
the optimum, where few residuals are inside delta). Both stay in the box by projection: a parameter at a bound
whose gradient pushes outward is held for that step (Bertsekas 1982).

See docs/decisions/001-two-proposals-a-step.md,
docs/decisions/002-search-ends-by-predicted-decrease.md,
docs/decisions/003-elimination-without-a-library.md,
docs/decisions/004-solver-against-others.md.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

DECREASE_TOLERANCE = 1e-11
"""Promised decrease, as a share of the loss, at which a search is over.

Far above the rounding of the loss (a few 1e-16 of it), and five decades below the 1e-6 from which
``checks.convergence`` says that a fit has not converged.
"""

MAX_IDLE_STEPS = 12
"""Steps in a row without a lower loss after which a search is over: what is promised is below rounding."""

EXACT_LOSS_PER_ROW = 5e-13
"""Loss a row under which a fit is exact: ``½·(1e-6)²``, a relative error of 1e-6, in the quadratic part of the loss."""

INITIAL_DAMPING = 1e-2
"""Damping of both moves at the start, relative to the diagonal of the Hessian."""


def solve_small(matrix: Array, target: Array) -> Array:
    """Solve ``matrix @ x = target`` for a few unknowns by elimination.

    A library call per lane costs more than the arithmetic at this size, and does not run beside itself on several
    devices of one process. There is no pivoting: a damped majorizer needs none, and where an indefinite Hessian breaks
    down the result is not finite, which the caller takes as no move.

    Args:
        matrix: (P, P).
        target: (P,) or (P, Q).
    """
    size = matrix.shape[0]
    both = jnp.concatenate([matrix, target.reshape(size, -1)], axis=1)
    row = jnp.arange(size)[:, None]
    for i in range(size):
        # Gauss–Jordan: the column is cleared above the pivot too, so that no back substitution follows
        pivot = both[i] / both[i, i]
        both = jnp.where(row == i, pivot, both - both[:, i, None] * pivot)
    return both[:, size:].reshape(target.shape)


class SolverState(NamedTuple):
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
        return (self.slack <= DECREASE_TOLERANCE) | (self.idle >= MAX_IDLE_STEPS)


class Prior(NamedTuple):
    """A quadratic pull: ``½ Σ_p precision_p·(theta_p − centre_p)²``, of which a precision of 0 is none.

    Attributes:
        centre: (P,).
        precision: (P,), in the unit of the loss.
    """

    centre: Any
    precision: Any

    def take(self, pick: Any) -> "Prior":
        """The pulls at the positions ``pick`` of their first axis."""
        return Prior(self.centre[pick], self.precision[pick])

    def value(self, theta: Array) -> Array:
        """The pull's share of the objective."""
        return 0.5 * jnp.sum(self.precision * (theta - self.centre) ** 2)


def direction(theta: Array, gradient: Array, hessian: Array, damping: Array, lower: Array, upper: Array) -> Array:
    """A damped Newton step in the box; a parameter at a bound that the gradient pushes against is held."""
    # an active set: a parameter that a descent would push out of its box is taken out of the system, else the step of
    # the others would count on a move that clipping takes back (Bertsekas 1982)
    held = ((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0))
    # damping goes by the diagonal (Marquardt 1963), so that a parameter's unit does not matter; an exact Hessian's
    # diagonal may be negative, and that of a parameter which no row shows is 0: 1e-14 keeps it solvable
    diagonal = jnp.maximum(jnp.abs(jnp.diagonal(hessian)), 1e-14)
    matrix = jnp.where(held[:, None] | held[None, :], 0.0, hessian)
    matrix = matrix + jnp.diag(jnp.where(held, 1.0, damping * diagonal))
    solved = solve_small(matrix, jnp.where(held, 0.0, -gradient))
    return solved


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
    prior: Prior | None = None,
) -> SolverState:
    """Minimize ``Σ_r weight_r · penalty(residual_r(theta))``, and the prior's pull, over the box.

    Args:
        residual: theta (P,) → residuals (R,).
        penalty: elementwise loss of a residual.
        penalty_weight: elementwise ``penalty'(r)/r``.
        weight: (R,), 0 for padding.
        start: (P,) inside the box.
        lower: (P,) lower bounds; equal to the upper one where a parameter is fixed.
        upper: (P,) upper bounds.
        damping: (2,) damping to start with, ``INITIAL_DAMPING`` for a new search.
        most_steps: where to stop a search that is not over; it can be taken up again from ``theta`` and ``damping``.
        prior: pull on the parameters, none by default.

    Returns:
        Where the search stands.
    """
    pull = Prior(jnp.zeros_like(start), jnp.zeros_like(start)) if prior is None else prior

    def objective(theta: Array) -> Array:
        return jnp.sum(weight * penalty(residual(theta))) + pull.value(theta)

    def slopes(theta: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        # ∇ Σ w·ρ(r) = Jᵀ(w·ψ(r)), with ψ = ρ' written as (ψ/r)·r: its derivative by jacfwd is the exact Hessian,
        # curvature of the residuals and of the loss included
        errors, back = jax.vjp(residual, theta)
        (gradient,) = back(weight * penalty_weight(errors) * errors)
        # both come back a second time as the untouched auxiliary values: one tracing gives Hessian, Jacobian, gradient
        # and residuals
        both = gradient + pull.precision * (theta - pull.centre), errors
        return both, both

    def model(theta: Array) -> tuple[Array, Array, Array]:
        (hessian, jacobian), (gradient, errors) = jax.jacfwd(slopes, has_aux=True)(theta)
        # the parabola (ψ(r)/r)·r²/2 touches a symmetric loss at r and lies nowhere below it (Huber 1981): a
        # Gauss–Newton step on these parabolas is one of iteratively reweighted least squares
        row_weight = weight * penalty_weight(errors)
        majorizer = jacobian.T @ (row_weight[:, None] * jacobian) + jnp.diag(pull.precision)
        return gradient, majorizer, hessian

    def solve(theta: Array, gradient: Array, hessian: Array, damping: Array) -> Array:
        return direction(theta, gradient, hessian, damping, lower, upper)

    exact = EXACT_LOSS_PER_ROW * jnp.sum(weight)
    return descend(objective, model, solve, start, lower, upper, exact=exact, damping=damping, most_steps=most_steps)


def descend(
    objective: Callable[[Array], Array],
    model: Callable[[Array], tuple[Array, Any, Any]],
    solve: Callable[[Array, Array, Any, Array], Array],
    start: Array,
    lower: Array,
    upper: Array,
    *,
    exact: Array,
    damping: Array,
    most_steps: Array,
    land: Callable[[Array, Array, Any, Array], Array] | None = None,
) -> SolverState:
    """Two damped moves a step, the better one kept, until a step promises nothing.

    Args:
        objective: theta (P,) → the loss.
        model: theta → gradient (P,), the majorizer's Hessian and the exact one, as arrays that ``solve`` takes.
        solve: (theta, gradient, Hessian, damping) → the step in the box.
        start: (P,).
        lower: (P,) lower bounds.
        upper: (P,) upper bounds.
        exact: loss under which a fit is exact.
        damping: (2,) of the two moves.
        most_steps: where to stop.
        land: (theta, both moves (2, P), the majorizer's Hessian, its damping) → where they lead, and after them other
            ends of the first move; by default straight on from ``theta``.
    """

    def straight(theta: Array, moves: Array, majorizer: Any, damping: Array) -> Array:
        return theta + moves

    def step(search: SolverState) -> SolverState:
        theta, loss = search.theta, search.loss
        gradient, majorizer, hessian = model(theta)
        # three solves of one gradient: the majorizer (almost) undamped, for what is promised, and both moves as they
        # are damped; 1e-9 of the diagonal keeps a majorizer solvable that some direction leaves flat
        undamped, *moves = jax.vmap(lambda matrix, damping: solve(theta, gradient, matrix, damping))(
            jnp.stack([majorizer, majorizer, hessian]), jnp.append(1e-9, search.damping)
        )
        # half the squared Newton decrement (Boyd & Vandenberghe 2004, §9.5.1) of the majorizer, which cannot be
        # negative: damping would make it small far from an optimum, and clipping could make it negative. Where it is no
        # number nothing is known, and the search goes on
        promised = jnp.where(jnp.isfinite(undamped).all(), -0.5 * gradient @ undamped, jnp.inf)
        # an elimination that broke down becomes a move of nothing, which is never better
        finite = jnp.nan_to_num(jnp.stack(moves), posinf=0.0, neginf=0.0)
        candidates = jnp.clip((land or straight)(theta, finite, majorizer, search.damping[0]), lower, upper)
        losses = jax.vmap(objective)(candidates)
        # an overflow must not win: argmin takes NaN for the least
        losses = jnp.where(jnp.isfinite(losses), losses, jnp.inf)
        best = jnp.argmin(losses)
        better = losses[best] < loss
        # each move has its own damping, judged by its own end; other ends of the first move count for the first
        of_moves = losses if land is None else losses[:2].at[0].min(losses[2:].min())
        return SolverState(
            theta=jnp.where(better, candidates[best], theta),
            loss=jnp.where(better, losses[best], loss),
            # of an exact fit the loss is rounding, and no share of it would ever be small
            slack=promised / jnp.maximum(loss, exact),
            # Marquardt's rule: trust a move more where it helped, and less, in larger strides, where it did not
            damping=jnp.clip(search.damping * jnp.where(of_moves < loss, 1 / 4, 8.0), 1e-10, 1e10),
            idle=jnp.where(better, 0, search.idle + 1),
            steps=search.steps + 1,
        )

    start = jnp.clip(start, lower, upper)
    # read off the lane's own numbers: what starts out the same in all lanes would make vmap trace the loop twice
    fresh = damping[0] > 0
    none = jnp.where(fresh, 0, 1)
    begun = SolverState(start, objective(start), jnp.where(fresh, jnp.inf, 0.0), damping, none, none)
    return jax.lax.while_loop(lambda search: ~search.over & (search.steps < most_steps), step, begun)
