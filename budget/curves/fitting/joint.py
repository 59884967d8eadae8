"""Laws whose tasks share parameters: one problem over all tasks, solved with its arrow structure.

Each task's own parameters meet those of other tasks only through the common ones, so the normal equations are block
diagonal with a border: every task's block is eliminated on its own, and what is left is a system over the common
parameters (a Schur complement). A lane is one start or one draw of the whole problem.

See docs/decisions/023-laws-over-several-tasks.md.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from budget.curves.fitting.batch import Batch
from budget.curves.fitting.batching import lanes_per_chunk, vmap_in_chunks
from budget.curves.fitting.bootstrap import Resampler
from budget.curves.fitting.loss import penalty, penalty_weight
from budget.curves.fitting.search import (
    LANES_PER_BLOCK,
    SAME_LOSS_TOLERANCE,
    Estimator,
    Points,
    Progress,
    in_passes,
    residual,
    with_noise,
)
from budget.curves.fitting.search import fit_points as fit_points_apart
from budget.curves.fitting.solver import EXACT_LOSS_PER_ROW, Prior, SolverState, descend, solve_small
from budget.curves.laws.law import Law


def fit_points(estimator: Estimator, batch: Batch, prior: Prior, progress: Progress | None = None) -> Points:
    """The best joint optimum over a few starts.

    The tasks are first fitted apart, each with its own copy of the common parameters; their median and nothing (0) are
    the starts of the common parameters, and the tasks fitted with those held are the starts of their own.
    """
    apart = fit_points_apart(estimator, batch, prior, progress)
    own = batch.reduced.project(apart.theta)
    common = np.median(own[:, estimator.common], axis=0)
    starts = []
    # the joint loss need not be convex in the common parameters; what they would be task by task, nothing, and half way
    # between see its valleys
    for guess in (common, np.zeros_like(common), 0.5 * common):
        start = own.copy()
        start[:, estimator.common] = np.clip(guess, *_common_box(estimator, batch))
        held = fit_points_apart(estimator, with_common_held(estimator, batch, start), prior)
        starts.append(batch.reduced.project(held.theta))
    found = _search(estimator, batch, np.stack([batch.value] * len(starts)), np.stack(starts))
    free = _unpacked(estimator, batch, found.theta)
    best = int(found.loss.argmin())
    theta = batch.reduced.theta(free)
    loss = estimator.loss.objective(batch.residual(estimator.law, theta[best], estimator.loss), batch.weight)
    exact = EXACT_LOSS_PER_ROW * batch.weight.sum()
    agreement = float((found.loss <= max(found.loss.min() * (1 + SAME_LOSS_TOLERANCE), exact)).mean())
    tasks = len(batch)
    return Points(
        theta[best],
        loss,
        np.full(tasks, found.slack[best]),
        np.full(tasks, agreement),
        np.swapaxes(theta, 0, 1),
        np.tile(found.loss, (tasks, 1)),
    )


def fit_draws(
    estimator: Estimator,
    batch: Batch,
    point: np.ndarray,
    noise: Resampler,
    prior: Prior,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Every draw of the whole problem, from its point fit; see ``search.fit_draws``."""
    draws, tasks = len(prior.centre), len(batch)
    free = batch.reduced.project(point)
    theta, slack = np.empty((draws, *point.shape)), np.empty((draws, tasks))
    each = max(1, max(LANES_PER_BLOCK, lanes_per_chunk(estimator.devices)) // tasks)
    for first in range(0, draws, each):
        block = slice(first, min(first + each, draws))
        # draws are joint: the tasks of a lane are those of one draw
        value = with_noise(estimator, batch, point, noise.rows(block.start, block.stop))
        found = _search(estimator, batch, value, np.tile(free, (len(value), 1, 1)))
        theta[block] = batch.reduced.theta(_unpacked(estimator, batch, found.theta))
        slack[block] = found.slack[:, None]
        if progress is not None:
            progress(block.stop * tasks, draws * tasks)
    return theta, slack


def with_common_held(estimator: Estimator, batch: Batch, free: np.ndarray) -> Batch:
    """The batch with the common parameters held where ``free`` (T, F) has them: its tasks can be fitted apart."""
    lower, upper = batch.free_lower.copy(), batch.free_upper.copy()
    for at in estimator.common:
        lower[:, at] = upper[:, at] = free[:, at]
    return replace(batch, free_lower=lower, free_upper=upper)


def _common_box(estimator: Estimator, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    lower, upper = batch.free_lower[:, estimator.common], batch.free_upper[:, estimator.common]
    return lower.max(axis=0), upper.min(axis=0)


def _own(estimator: Estimator, batch: Batch) -> list[int]:
    return [at for at in range(batch.free_lower.shape[1]) if at not in estimator.common]


def _packed(estimator: Estimator, batch: Batch, free: np.ndarray) -> np.ndarray:
    """Free parameters (L, T, F) as one vector a lane: every task's own, then the common ones."""
    own = free[..., _own(estimator, batch)]
    return np.concatenate([own.reshape(len(free), -1), free[:, 0, estimator.common]], axis=1)


def _unpacked(estimator: Estimator, batch: Batch, packed: np.ndarray) -> np.ndarray:
    own, common = _own(estimator, batch), estimator.common
    free = np.empty((len(packed), len(batch), len(own) + len(common)))
    free[..., own] = packed[:, : -len(common)].reshape(len(packed), len(batch), len(own))
    free[..., common] = packed[:, None, -len(common) :]
    return free


def _search(estimator: Estimator, batch: Batch, value: np.ndarray, start: np.ndarray) -> SolverState:
    """The joint optimum of each lane: values (L, T, R), starts (L, T, F); ``theta`` comes back packed."""
    own, common = tuple(_own(estimator, batch)), tuple(estimator.common)
    low, high = _common_box(estimator, batch)
    lower = np.concatenate([batch.free_lower[:, own].ravel(), low])
    upper = np.concatenate([batch.free_upper[:, own].ravel(), high])
    law, raw, _ = estimator.static
    data = (batch.z, batch.weight, batch.offset, batch.expand, lower, upper)

    def some(active: np.ndarray, found: SolverState, corner: float, limit: int) -> SolverState:
        # a lane holds all tasks, so that fewer of them fill a core's cache
        return vmap_in_chunks(
            _refine,
            (law, raw, own, common),
            [value[active], found.theta[active], found.damping[active]],
            (*data, corner, estimator.loss.quantile, limit),
            devices=estimator.devices,
            share=len(batch),
        )

    return in_passes(estimator.loss, _packed(estimator, batch, start), some)


def _refine(
    law: Law,
    raw: bool,
    own: tuple[int, ...],
    common: tuple[int, ...],
    value: Array,
    start: Array,
    damping: Array,
    z: Array,
    weight: Array,
    offset: Array,
    expand: Array,
    lower: Array,
    upper: Array,
    delta: Array,
    quantile: Array,
    limit: Array,
) -> SolverState:
    """The joint optimum of one lane from its start, or where it stands after ``limit`` steps."""
    tasks, size, border = len(z), len(own), len(common)
    data = (z, value, offset, expand, weight)

    def free_of(packed: Array) -> Array:
        free = jnp.zeros((tasks, size + border))
        free = free.at[:, np.array(own)].set(packed[:-border].reshape(tasks, size))
        return free.at[:, np.array(common)].set(packed[-border:])

    def errors_of(free: Array, z: Array, value: Array, offset: Array, expand: Array) -> Array:
        return residual(law, raw, offset + expand @ free, z, value)

    def task_loss(free: Array, z: Array, value: Array, offset: Array, expand: Array, weight: Array) -> Array:
        return jnp.sum(weight * penalty(errors_of(free, z, value, offset, expand), delta, quantile))

    def task_model(free: Array, *data: Array) -> tuple[Array, Array, Array]:
        # errors come back as auxiliary values, so that one pass gives both
        jacobian, errors = jax.jacfwd(lambda free: (errors_of(free, *data[:4]),) * 2, has_aux=True)(free)
        row_weight = data[4] * penalty_weight(errors, delta, quantile)
        gradient = jacobian.T @ (row_weight * errors)
        return gradient, jacobian.T @ (row_weight[:, None] * jacobian), jax.hessian(task_loss)(free, *data)

    def objective(packed: Array) -> Array:
        return jnp.sum(jax.vmap(task_loss)(free_of(packed), *data))

    def model(packed: Array) -> tuple[Array, Any, Any]:
        gradient, majorizer, exact = jax.vmap(task_model)(free_of(packed), *data)
        packed_gradient = jnp.concatenate(
            [gradient[:, np.array(own)].ravel(), gradient[:, np.array(common)].sum(axis=0)]
        )
        return packed_gradient, majorizer, exact

    def solve(packed: Array, gradient: Array, hessian: Array, damping: Array) -> Array:
        # as ``solver.direction`` does: what would leave its box is taken out of the system
        held = ((packed <= lower) & (gradient > 0)) | ((packed >= upper) & (gradient < 0))
        return _arrow(gradient, hessian, held, damping, own, common)

    exact = EXACT_LOSS_PER_ROW * jnp.sum(weight)
    return descend(objective, model, solve, start, lower, upper, exact=exact, damping=damping, most_steps=limit)


def _arrow(
    gradient: Array, hessian: Array, held: Array, damping: Array, own: tuple[int, ...], common: tuple[int, ...]
) -> Array:
    """The damped Newton step of an arrow-shaped system.

    Args:
        gradient: (T·L + C,) packed.
        hessian: (T, L + C, L + C) each task's block.
        held: like ``gradient``, which parameters stay.
        damping: relative to the diagonal.
        own: positions of the L own parameters in a block.
        common: positions of the C common ones.
    """
    tasks, size, border = len(hessian), len(own), len(common)
    mine, ours = np.array(own), np.array(common)
    stay, stay_common = held[:-border].reshape(tasks, size), held[-border:]
    block = hessian[:, mine[:, None], mine[None, :]]
    edge = hessian[:, mine[:, None], ours[None, :]]
    corner = hessian[:, ours[:, None], ours[None, :]].sum(axis=0)
    block = _damped(block, stay, damping)
    # a held parameter must not reach the others through the border either
    edge = jnp.where(stay[:, :, None] | stay_common[None, None, :], 0.0, edge)
    corner = _damped(corner[None], stay_common[None], damping)[0]
    pull = jnp.where(stay, 0.0, -gradient[:-border].reshape(tasks, size))
    pull_common = jnp.where(stay_common, 0.0, -gradient[-border:])
    # block elimination (Boyd & Vandenberghe 2004, App. C.4): with own blocks B_t, border E_t and corner C, the common
    # step solves (C − Σ E_tᵀ B_t⁻¹ E_t)·s = g − Σ E_tᵀ B_t⁻¹ g_t. One elimination a task gives B_t⁻¹ of both gradient
    # and border, so the cost grows with the tasks and not with their cube
    solved = jax.vmap(solve_small)(block, jnp.concatenate([pull[:, :, None], edge], axis=2))
    schur = corner - jnp.einsum("tlc,tld->cd", edge, solved[:, :, 1:])
    step_common = solve_small(schur, pull_common - jnp.einsum("tlc,tl->c", edge, solved[:, :, 0]))
    step = solved[:, :, 0] - solved[:, :, 1:] @ step_common
    return jnp.concatenate([step.ravel(), step_common])


def _damped(matrix: Array, held: Array, damping: Array) -> Array:
    """Symmetric matrices (N, L, L) with held rows and columns taken out and the diagonal damped."""
    size = matrix.shape[1]
    diagonal = jnp.maximum(jnp.abs(jnp.diagonal(matrix, axis1=1, axis2=2)), 1e-14)
    matrix = jnp.where(held[:, :, None] | held[:, None, :], 0.0, matrix)
    return matrix + jnp.where(held, 1.0, damping * diagonal)[:, :, None] * jnp.eye(size)
