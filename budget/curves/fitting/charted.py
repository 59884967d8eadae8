"""The search of ``solver.minimize`` in coordinates of the law's own, for laws whose valleys bend.

Both moves of a step are made in the law's ``Chart``, and the majorizer's move is also tried with its geodesic
acceleration: half the second derivative of the path along which residuals change evenly, which follows a valley round
its bend (Transtrum & Sethna 2012, arXiv 1201.5885).

See docs/decisions/020-coordinates-of-the-implicit-law.md.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from budget.curves.fitting.solver import EXACT_LOSS_PER_ROW, Prior, SolverState, descend, direction
from budget.curves.laws.law import Chart

MAX_ACCELERATION = 1.5
"""Longest acceleration that is tried, in lengths of its move: beyond, the path's second order is no guide."""


def minimize_in_chart(
    chart: Chart,
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
    prior: Prior,
) -> SolverState:
    """What ``solver.minimize`` does, with every move made in the chart; the arguments are its own."""
    mixing = jnp.arange(len(start)) == chart.mixing

    def back(theta: Array) -> Callable[[Array], Array]:
        """Coordinates → parameters, in the chart as it is at theta."""
        return lambda at: chart.back(at, plain(theta), jnp)

    def into(theta: Array) -> Array:
        return chart.into(theta, plain(theta), jnp)

    def plain(theta: Array) -> Array:
        at_end = (theta <= lower) | (theta >= upper)
        return at_end[chart.mixing]

    def box(theta: Array) -> tuple[Array, Array]:
        """Bounds of the coordinates; what is mixed has some only where it is the parameter itself."""
        # rising coordinates map ends to ends; a mixed one has no fixed ends, and is put into its box as a parameter, by
        # the clipping in ``descend``
        open_one = mixing & ~plain(theta)
        low, high = (chart.into(ends, True, jnp) for ends in (lower, upper))
        return jnp.where(open_one, -jnp.inf, low), jnp.where(open_one, jnp.inf, high)

    def objective(theta: Array) -> Array:
        return jnp.sum(weight * penalty(residual(theta))) + prior.value(theta)

    def model(theta: Array) -> tuple[Array, Array, Array]:
        """Gradient, majorizer and exact Hessian in the coordinates, as in ``solver.minimize``."""
        at, there = into(theta), back(theta)

        def slopes(at: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
            errors, through = jax.vjp(lambda at: residual(there(at)), at)
            (gradient,) = through(weight * penalty_weight(errors) * errors)
            both = gradient + jax.grad(lambda at: prior.value(there(at)))(at), errors
            return both, both

        (hessian, jacobian), (gradient, errors) = jax.jacfwd(slopes, has_aux=True)(at)
        # the prior is quadratic in the parameters, not here: the majorizer takes its Gauss–Newton part, leaving out how
        # the chart itself bends
        row_weight, turned = weight * penalty_weight(errors), jax.jacfwd(there)(at)
        majorizer = jacobian.T @ (row_weight[:, None] * jacobian) + turned.T @ (prior.precision[:, None] * turned)
        return gradient, majorizer, hessian

    def solve(theta: Array, gradient: Array, hessian: Array, damping: Array) -> Array:
        return direction(into(theta), gradient, hessian, damping, *box(theta))

    def land(theta: Array, moves: Array, majorizer: Array, damping: Array) -> Array:
        """Parameters (3, P): where both moves lead, and the first with its acceleration."""
        at, there, (low, high) = into(theta), back(theta), box(theta)
        move = moves[0]
        errors, through = jax.vjp(lambda at: residual(there(at)), at)

        def speed(at: Array) -> Array:
            return jax.jvp(lambda at: residual(there(at)), (at,), (move,))[1]

        # the second derivative of the residuals along the move alone: a jvp of a jvp, without their Hessians
        _, bending = jax.jvp(speed, (at,), (move,))
        # the acceleration answers to Jᵀ(w·r'') as the move does to the gradient (Transtrum & Sethna 2012)
        (push,) = through(weight * penalty_weight(errors) * bending)
        # a parameter that the move holds stays held
        turn = jnp.where(move == 0, 0.0, direction(at, push, majorizer, damping, low, high))
        # lengths by what the residuals feel (the majorizer's diagonal), whatever the coordinates; 1e-300 only divides
        # where there is no acceleration at all
        length, most = (
            jnp.sqrt(jnp.sum(each**2 * jnp.diagonal(majorizer))) for each in (turn, MAX_ACCELERATION * move)
        )
        bent = move + 0.5 * turn * jnp.minimum(1.0, most / jnp.maximum(length, 1e-300))
        return jax.vmap(lambda move: there(jnp.clip(at + move, low, high)))(jnp.vstack([moves, bent]))

    exact = EXACT_LOSS_PER_ROW * jnp.sum(weight)
    return descend(
        objective, model, solve, start, lower, upper, exact=exact, damping=damping, most_steps=most_steps, land=land
    )
