"""Every task, start and draw as one lane of one compiled program: the point fits and the draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from budget.curves.fitting.batch import Batch
from budget.curves.fitting.batching import Devices, lanes_per_chunk, vmap_in_chunks
from budget.curves.fitting.bootstrap import Resampler
from budget.curves.fitting.charted import minimize_in_chart
from budget.curves.fitting.constraints import Constraints
from budget.curves.fitting.loss import Loss, penalty, penalty_weight
from budget.curves.fitting.solver import EXACT_LOSS_PER_ROW, INITIAL_DAMPING, Prior, SolverState, minimize
from budget.curves.fitting.starts import best_starts
from budget.curves.laws.law import Law

LANES_PER_BLOCK = 16_384
"""Lanes whose stragglers are packed together for the next pass, or one call's where that takes more."""

PASS_STEP_LIMITS = (14, 14, 28, 60, 184, 700)
"""Step limits of the passes, 1,000 steps in all: most lanes are over in the first, and each later pass is for fewer."""

STRAGGLER_ROWS, STRAGGLER_STEPS, STRAGGLER_FACTOR = 128, 184, 8
"""Rows and step limit from which a program for an eighth of the usual lanes is worth compiling for the last ones."""

Progress = Callable[[int, int], None]
"""Called with (lanes done, lanes in all)."""

SAME_LOSS_TOLERANCE = 1e-6
"""Relative difference of losses within which two starts have found the same optimum."""


@dataclass(frozen=True)
class Estimator:
    """What is minimized, and where.

    Attributes:
        law: over the file's sources.
        loss: of a residual.
        constraints: fixed and tied parameters.
        devices: where lanes run.
    """

    law: Law
    loss: Loss
    constraints: Constraints
    devices: Devices

    @property
    def static(self) -> tuple[Any, ...]:
        """What a program is compiled for."""
        constrained = bool(self.constraints.fixed or self.constraints.tied)
        return self.law, self.loss.residual == "raw", constrained

    @property
    def common(self) -> list[int]:
        """Positions, among the free parameters, of those that all tasks share."""
        shared = set(self.law.common.tolist())
        return [at for at, position in enumerate(self.constraints.free(self.law)) if position in shared]

    @property
    def words(self) -> str:
        """The estimator in words."""
        priors = {"transfer" if p.per_source else p.name: p.prior for p in self.law.parameters if p.prior is not None}
        pulled = (f"; {name} pulled toward 0 (standard deviation {prior:g})" for name, prior in priors.items())
        return self.loss.words + self.constraints.words + "".join(pulled)


@dataclass(frozen=True)
class Points:
    """The point fits of T tasks from S starts each.

    Attributes:
        theta: (T, P) the best optimum.
        loss: (T,) there.
        slack: (T,) what a step still promises, as a share of the loss.
        agreement: (T,) share of the starts that reach it.
        found: (T, S, P) every start's end.
        losses: (T, S).
    """

    theta: np.ndarray
    loss: np.ndarray
    slack: np.ndarray
    agreement: np.ndarray
    found: np.ndarray
    losses: np.ndarray


def fit_points(estimator: Estimator, batch: Batch, prior: Prior, progress: Progress | None = None) -> Points:
    """The best optimum of each task over its starts."""
    law, tasks = estimator.law, len(batch)
    starts = best_starts(law, estimator.constraints, estimator.loss, batch)
    count = starts.shape[1]
    lane = np.repeat(np.arange(tasks), count)
    start = starts.reshape(len(lane), -1)
    value, weight = batch.value[lane], batch.weight[lane]
    # all starts of all tasks at once: a start that goes astray costs only its own lane
    found = search(estimator, batch, lane, value, weight, start, prior.take(lane), progress)
    loss = found.loss.reshape(tasks, count)
    best = loss.argmin(axis=1)
    exact = EXACT_LOSS_PER_ROW * batch.weight.sum(axis=1, keepdims=True)  # below it, losses differ by rounding
    agreement = (loss <= np.maximum(loss.min(axis=1, keepdims=True) * (1 + SAME_LOSS_TOLERANCE), exact)).mean(axis=1)
    theta = batch.take(lane).reduced.theta(found.theta).reshape(tasks, count, -1)
    pick = np.arange(tasks)
    slack = found.slack.reshape(tasks, count)[pick, best]
    return Points(theta[pick, best], loss[pick, best], slack, agreement, theta, loss)


def fit_draws(
    estimator: Estimator,
    batch: Batch,
    point: np.ndarray,
    noise: Resampler,
    prior: Prior,
    progress: Progress | None = None,
    names: Sequence[str] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Every draw of every task, from its point fit.

    Args:
        estimator: what is minimized.
        batch: T tasks.
        point: (T, P) the fits that noise is added to.
        noise: of the draws.
        prior: pulls (B, T, P) of each draw.
        progress: called with (lanes done, lanes in all).
        names: (T,) of the tasks, see ``search``.

    Returns:
        Parameters (B, T, P), and what a step still promises (B, T).
    """
    draws, tasks = len(prior.centre), len(batch)
    free = batch.reduced.project(point)
    result = np.empty((draws, tasks, point.shape[1]))
    slack = np.empty((draws, tasks))
    each = max(1, max(LANES_PER_BLOCK, lanes_per_chunk(estimator.devices)) // tasks)
    for first in range(0, draws, each):
        block = slice(first, min(first + each, draws))
        # noise is made a block at a time: all draws of all rows need not be in memory at once
        value = with_noise(estimator, batch, point, noise.rows(block.start, block.stop))
        lane = np.repeat(np.arange(tasks), len(value))  # draws of one task side by side: they take alike many steps
        pulls = Prior(*(array[block].swapaxes(0, 1).reshape(len(lane), -1) for array in prior))
        noisy = value.swapaxes(0, 1).reshape(len(lane), -1)
        before = first * tasks
        watch = None if progress is None else partial(_onward, progress, before, draws * tasks)
        found = search(estimator, batch, lane, noisy, batch.weight[lane], free[lane], pulls, watch, names)
        ends = found.theta.reshape(tasks, len(value), -1).swapaxes(0, 1)
        result[block] = batch.reduced.theta(ends)
        slack[block] = found.slack.reshape(tasks, len(value)).T
    return result, slack


def _onward(progress: Progress, before: int, total: int, done: int, count: int) -> None:
    """Tell that ``done`` more lanes are done than the ``before`` ones, of ``total`` in all."""
    progress(before + done, total)


def with_noise(estimator: Estimator, batch: Batch, point: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Values (B, T, R) of the curves ``point`` (T, P) with noise (B, T, R) in the loss's measure; 1 where padded."""
    curve = estimator.law.value(point[:, None, :], batch.z)
    # a row that is e^300 times off its curve, as a value in a wrong field is, may not become infinite
    value = curve + noise if estimator.loss.residual == "raw" else curve * np.exp(np.clip(noise, -300.0, 300.0))
    return np.where(batch.there, value, 1.0)


def search(
    estimator: Estimator,
    batch: Batch,
    lane: np.ndarray,
    value: np.ndarray,
    weight: np.ndarray,
    start: np.ndarray,
    prior: Prior,
    progress: Progress | None = None,
    names: Sequence[str] | None = None,
) -> SolverState:
    """The local optimum of each of L lanes.

    A vmapped loop runs until its slowest lane is done, and a few lanes take ten times the usual steps. So each pass
    has a step limit, and only what is not over goes into the next pass, packed together.

    Args:
        estimator: what is minimized.
        batch: the tasks' data.
        lane: (L,) the task of each lane.
        value: (L, R) its values.
        weight: (L, R) its row weights.
        start: (L, F) free parameters where it begins.
        prior: pulls (L, P) on the law's parameters.
        progress: called after every pass with (lanes done, lanes in all).
        names: (T,) of the tasks, where no other task's result depends on a lane's: each shard computes its own then.
    """
    constrained = estimator.static[2]
    if constrained:
        # the program moves the free parameters, so the prior must be theirs
        prior = batch.take(lane).reduced.prior(prior)
    width, narrow = value.shape[1], batch.narrow[lane]

    def some(active: np.ndarray, found: SolverState, delta: float, limit: int) -> SolverState:
        ended = SolverState(*(field[active] for field in found))
        # short tasks run in a program of half the width: padding costs as much as rows do
        for rows, mine in ((width // 2, narrow[active]), (width, ~narrow[active])):
            if mine.any():
                for field, part in zip(ended, of_rows(rows, active[mine], found, delta, limit), strict=True):
                    field[mine] = part
        return ended

    def of_rows(rows: int, active: np.ndarray, found: SolverState, delta: float, limit: int) -> SolverState:
        task = lane[active]
        lanes = [
            batch.z[task, :rows], value[active, :rows], weight[active, :rows], found.theta[active],
            found.damping[active], batch.free_lower[task], batch.free_upper[task], prior.centre[active],
            prior.precision[active],
        ]  # fmt: skip
        if constrained:
            lanes += [batch.offset[task], batch.expand[task]]
        common = (delta, estimator.loss.quantile, limit)
        share = rows / width
        if (
            rows >= STRAGGLER_ROWS
            and limit >= STRAGGLER_STEPS
            and 2 * len(active) <= lanes_per_chunk(estimator.devices)
        ):
            share *= STRAGGLER_FACTOR  # a step of a call that is not full costs what a full one's does
        owners = [str(each) if names is None else names[each] for each in task]
        return vmap_in_chunks(
            _refine, estimator.static, lanes, common, devices=estimator.devices, share=share, owners=owners,
            everywhere=names is None, like=SolverState(*SolverState._fields),
        )  # fmt: skip

    return in_passes(estimator.loss, start, some, progress)


def in_passes(
    loss: Loss,
    start: np.ndarray,
    some: Callable[[np.ndarray, SolverState, float, int], SolverState],
    progress: Progress | None = None,
) -> SolverState:
    """Search from L starts with every corner of the loss after the other, in passes of unfinished lanes.

    Args:
        loss: its corners.
        start: (L, F).
        some: (positions of the active lanes, where all lanes stand, corner, step limit) → where the active ones end.
        progress: called with (lanes done, lanes in all); with several corners a lane is done by shares.
    """
    count = len(start)
    found = SolverState(
        theta=start.copy(),
        loss=np.full(count, np.inf),
        slack=np.full(count, np.inf),
        damping=np.full((count, 2), INITIAL_DAMPING),
        idle=np.zeros(count, dtype=int),
        steps=np.zeros(count, dtype=int),
    )
    corners = len(loss.corners)
    for past, delta in enumerate(loss.corners):
        # a narrower corner is another loss, searched from where the last one ended (continuation): its damping is
        # learnt anew, since that of the last says nothing about the sharper bend
        found = found._replace(damping=np.full((count, 2), INITIAL_DAMPING))
        active = np.arange(count)
        for limit in PASS_STEP_LIMITS:
            ended = some(active, found, delta, limit)
            for field, part in zip(found, ended, strict=True):
                field[active] = part
            # only what is not over is packed into the next pass, else every lane waits for the slowest
            active = active[~ended.over]
            if progress is not None:
                progress((count * (past + 1) - len(active)) // corners, count)
            if len(active) == 0:
                break
    return found


def residual(law: Law, raw: bool, theta: Array, z: Array, value: Array) -> Array:
    """Data minus curve (R,) of one lane in the loss's measure, inside a program."""
    curve = law.value(theta, z, jnp)
    return value - curve if raw else jnp.log(value) - jnp.log(curve)


def _refine(
    law: Law,
    raw: bool,
    constrained: bool,
    z: Array,
    value: Array,
    weight: Array,
    start: Array,
    damping: Array,
    lower: Array,
    upper: Array,
    centre: Array,
    precision: Array,
    *rest: Array,
) -> SolverState:
    """The local optimum of one lane from its start, or where it stands after ``limit`` steps."""
    if constrained:
        offset, expand, delta, quantile, limit = rest
    else:
        delta, quantile, limit = rest

    # a fixed or tied parameter, or a level that may be negative, is in no chart
    chart = None if raw or constrained else law.chart
    return (minimize if chart is None else partial(minimize_in_chart, chart))(
        lambda free: residual(law, raw, offset + expand @ free if constrained else free, z, value),
        lambda r: penalty(r, delta, quantile),
        lambda r: penalty_weight(r, delta, quantile),
        weight,
        start,
        lower,
        upper,
        damping=damping,
        most_steps=limit,
        prior=Prior(centre, precision),
    )
