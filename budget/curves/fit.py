"""The batched fit: every task, start and draw is one lane of one compiled program, in float64.

Axis order: draw B, task T, row R, input I, parameter P. Lanes are (task, start) pairs for the point fit and
(task, draw) pairs for the bootstrap; rows are padded with weight 0; lane and row counts are rounded up to a few
sizes so that one compilation serves most files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from budget.curves.cost import fit_cost
from budget.curves.fitted import Curves
from budget.curves.laws import LAWS, Law, choose_law, law_inputs
from budget.curves.loss import ESTIMATOR, huber, huber_weight
from budget.curves.resample import row_weights
from budget.curves.solver import DAMPING, EXACT, Search, minimize
from budget.curves.starts import grid_points, start_at
from budget.tables.quality import diagnose, distance_to_best, score_ceiling
from budget.tables.runs import Runs
from budget.tables.status import STATUS

STARTS = 8
"""How many of the best grid points are refined for the point fit."""

LANES = 1024
"""Lanes a call at most, which bounds memory whatever the number of tasks and draws."""

BLOCK = 16 * LANES
"""Lanes whose stragglers are packed together for the next pass."""

PASSES = (14, 14, 28, 60, 184, 700)
"""Step limits of the passes."""

EXPLAINED = 0.5
"""Share of the variance of log values under which a fit counts as poor."""

UNSETTLED = 0.05
"""Share of a task's draws that may end without converging before it is said."""

STATIONARY = 1e-6
"""Largest promised decrease of the loss, as a share of it, at which a fit counts as converged."""


@dataclass(frozen=True)
class _Batch:
    """The fittable tasks as padded arrays: z (T, R, I), value and weight (T, R), rows (T, R) into the runs or −1."""

    z: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    rows: np.ndarray
    reference: np.ndarray
    unit: np.ndarray

    def take(self, pick: np.ndarray) -> "_Batch":
        """The tasks at the positions ``pick``."""
        return _Batch(*(array[pick] for array in vars(self).values()))


def fit_curves(
    runs: Runs,
    law: str | None = None,
    *,
    scale: str | None = None,
    best: np.ndarray | None = None,
    draws: int = 200,
    seed: int = 0,
    sha256: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Curves:
    """Fit one law to every task of a file, with joint bootstrap draws.

    Args:
        runs: the measurements.
        law: name in ``LAWS``; by default ``chinchilla`` where params and tokens are there, else ``power``.
        scale: the column that the one-scale law reads.
        best: (T,) stated best values of scores, NaN where not stated.
        draws: number of bootstrap draws B.
        seed: of the draws.
        sha256: hash of the file, recorded.
        progress: called with (lanes done, lanes in all).

    Returns:
        Curves of all T tasks; one that cannot be fitted has a status that says why.

    Raises:
        DataError: the file lacks a scale that the law needs.
    """
    form = LAWS[law or choose_law(tuple(runs.scale))]
    inputs = law_inputs(runs, form, scale)
    count = len(runs.tasks)
    best = np.full(count, np.nan) if best is None else best
    ceiling = np.array(
        [
            score_ceiling(runs.value[runs.task == task], best[task]) if runs.higher_is_better[task] else np.nan
            for task in range(count)
        ]
    )
    verdicts = [diagnose(runs, task, inputs, len(form.parameters), ceiling[task]) for task in range(count)]
    status, message = [code for code, _ in verdicts], [text for _, text in verdicts]
    good = np.array([task for task in range(count) if status[task] == "ok"], dtype=int)

    parameters = np.full((count, len(form.parameters)), np.nan)
    worlds = np.full((draws, *parameters.shape), np.nan)
    unsettled: list[str] = []
    reference = np.full((count, len(inputs)), np.nan)
    objective, error, agreement = (np.full(count, np.nan) for _ in range(3))
    if len(good):
        batch = _batch(runs, good, inputs, ceiling)
        point, agreement[good] = _fit_points(form, batch)
        objective[good], reference[good] = point.loss, batch.reference
        error[good] = _rms_error(form, batch, point.theta)
        for position, task in enumerate(good):
            status[task], message[task] = _outcome(form, batch, position, point, error[task])
        parameters[good] = _in_units(point.theta, batch.unit)
        used = np.array([STATUS[status[task]].used for task in good])
    if len(good) and used.any():
        drawn, batch = good[used], batch.take(used)
        weights = row_weights(runs, len(form.parameters), draws, seed)
        sampled, slack = _fit_draws(form, batch, point.theta[used], weights, progress)
        worlds[:, drawn] = _in_units(sampled, batch.unit)
        shares = (~(slack <= STATIONARY)).mean(axis=0) if draws else np.zeros(len(drawn))
        unsettled += [
            f"Task '{runs.tasks[task]}': {share:.0%} of its draws did not converge."
            for task, share in zip(drawn, shares, strict=True)
            if share > UNSETTLED
        ]
    return Curves(
        law=form.name,
        inputs=inputs,
        tasks=runs.tasks,
        metric=runs.metric,
        higher_is_better=runs.higher_is_better,
        ceiling=ceiling,
        status=tuple(status),
        message=tuple(message),
        parameters=parameters,
        draws=worlds,
        reference=reference,
        runs=np.array([len(np.unique(runs.run[runs.task == task])) for task in range(count)]),
        objective=objective,
        error=error,
        agreement=agreement,
        smallest=_extremes(runs, np.min),
        largest=_extremes(runs, np.max),
        shared=runs.shared_tasks(),
        group=runs.groups(),
        cost=fit_cost(runs),
        estimator=ESTIMATOR,
        seed=seed,
        source=runs.source,
        sha256=sha256,
        shared_models=runs.shared_models,
        strategy=runs.strategy,
        notes=(*runs.notes, *_ceiling_notes(runs, best, ceiling), *unsettled),
    )


def _batch(runs: Runs, good: np.ndarray, inputs: Sequence[str], ceiling: np.ndarray) -> _Batch:
    members = [np.flatnonzero(runs.task == task) for task in good]
    width = 8 * _rounded(max(len(member) for member in members) / 8, 1, 1.5)
    z = np.zeros((len(good), width, len(inputs)))
    value = np.ones((len(good), width))
    weight = np.zeros((len(good), width))
    rows = np.full((len(good), width), -1)
    reference = np.empty((len(good), len(inputs)))
    unit = np.empty(len(good))
    for position, (task, member) in enumerate(zip(good, members, strict=True)):
        logs = np.log(np.column_stack([runs.scale[name][member] for name in inputs]))
        reference[position] = np.exp(logs.mean(axis=0))
        z[position, : len(member)] = logs - np.log(reference[position])
        distance = distance_to_best(runs, task, ceiling[task])
        unit[position] = np.median(distance)
        value[position, : len(member)] = distance / unit[position]
        weight[position, : len(member)] = runs.weight[member]
        rows[position, : len(member)] = member
    return _Batch(z, value, weight, rows, reference, unit)


def _fit_points(law: Law, batch: _Batch) -> tuple[Search, np.ndarray]:
    """The best optimum of each task over the starts, and the share of starts that reach it."""
    tasks = len(batch.z)
    starts = _in_lanes(partial(_starts, law), [batch.z, batch.value, batch.weight])
    lane = np.repeat(np.arange(tasks), STARTS)
    found = _search(law, batch, lane, batch.weight[lane], starts.reshape(len(lane), -1))
    loss = found.loss.reshape(tasks, STARTS)
    winner = np.arange(tasks) * STARTS + loss.argmin(axis=1)
    exact = EXACT * batch.weight.sum(axis=1, keepdims=True)  # below it, losses differ by rounding
    agreement = (loss <= np.maximum(loss.min(axis=1, keepdims=True) * (1 + 1e-6), exact)).mean(axis=1)
    return Search(*(field[winner] for field in found)), agreement


def _fit_draws(
    law: Law,
    batch: _Batch,
    point: np.ndarray,
    weights: np.ndarray,
    progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Every draw of every task from its point fit: parameters (B, T, P), and what a step still promises (B, T)."""
    draws, tasks = len(weights), len(batch.z)
    result = np.empty((draws, tasks, point.shape[1]))
    slack = np.empty((draws, tasks))
    each = max(1, BLOCK // tasks)
    for first in range(0, draws, each):
        block = weights[first : first + each]
        drawn = np.where(batch.rows >= 0, block[:, batch.rows], 0.0) * batch.weight
        lane = np.tile(np.arange(tasks), len(block))
        found = _search(law, batch, lane, drawn.reshape(len(lane), -1), point[lane])
        result[first : first + each] = found.theta.reshape(len(block), tasks, -1)
        slack[first : first + each] = found.slack.reshape(len(block), tasks)
        if progress is not None:
            progress((first + len(block)) * tasks, draws * tasks)
    return result, slack


def _search(law: Law, batch: _Batch, lane: np.ndarray, weight: np.ndarray, start: np.ndarray) -> Search:
    """The local optimum of each lane.

    A vmapped loop runs until its slowest lane is done, and a few lanes take ten times the usual steps. So each pass
    has a step limit, and only what is not over goes into the next pass, packed together.

    Args:
        law: the law.
        batch: the tasks' data.
        lane: (L,) the task of each lane.
        weight: (L, R) its row weights.
        start: (L, P) where it begins.
    """
    count = len(lane)
    found = Search(
        theta=start.copy(),
        loss=np.full(count, np.inf),
        slack=np.full(count, np.inf),
        damping=np.full((count, 2), DAMPING),
        idle=np.zeros(count, dtype=int),
        steps=np.zeros(count, dtype=int),
    )
    active = np.arange(count)
    for limit in PASSES:
        task = lane[active]
        lanes = [batch.z[task], batch.value[task], weight[active], found.theta[active], found.damping[active]]
        ended = _in_lanes(partial(_refine, law, limit), lanes)
        for field, part in zip(found, ended, strict=True):
            field[active] = part
        active = active[~ended.over]
        if len(active) == 0:
            break
    return found


@partial(jax.jit, static_argnums=0)
def _starts(law: Law, z: Array, value: Array, weight: Array) -> Array:
    """The best starts of each lane: (lanes, STARTS, P)."""
    grid = jnp.asarray(grid_points(len(law.inputs)))

    def one(z: Array, value: Array, weight: Array) -> Array:
        candidates = jax.vmap(lambda exponents: start_at(exponents, z, value, weight))(grid)
        residual = jnp.log(jax.vmap(lambda theta: law.value(theta, z, jnp))(candidates)) - jnp.log(value)
        losses = jnp.sum(weight * huber(residual), axis=1)
        return candidates[jnp.argsort(losses)[:STARTS]]

    return jax.vmap(one)(z, value, weight)


@partial(jax.jit, static_argnums=0)
def _refine(law: Law, limit: int, z: Array, value: Array, weight: Array, start: Array, damping: Array) -> Search:
    """The local optimum of each lane from its start, or where it stands after ``limit`` steps."""

    def one(z: Array, value: Array, weight: Array, start: Array, damping: Array) -> Search:
        logs = jnp.log(value)
        return minimize(
            lambda theta: jnp.log(law.value(theta, z, jnp)) - logs,
            huber,
            huber_weight,
            weight,
            start,
            jnp.asarray(law.lower),
            jnp.asarray(law.upper).at[0].set(jnp.max(value)),
            damping=damping,
            most_steps=jnp.asarray(limit),
        )

    return jax.vmap(one)(z, value, weight, start, damping)


def _in_lanes(program: Callable[..., Any], lanes: Sequence[np.ndarray]) -> Any:
    """Run a vmapped program over the lanes in chunks of a few fixed sizes, in float64; NumPy in, NumPy out."""
    count, pieces = len(lanes[0]), []
    with jax.enable_x64(True):
        for first in range(0, count, LANES):
            chunk = [lane[first : first + LANES] for lane in lanes]
            size = len(chunk[0])
            padded = [np.concatenate([lane, lane[:1].repeat(_rounded(size, 16, 4) - size, axis=0)]) for lane in chunk]
            pieces.append(jax.tree.map(lambda field, size=size: np.asarray(field)[:size], program(*padded)))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *pieces)


def _rounded(count: float, least: int, factor: float) -> int:
    """The next of least·{1, factor, factor², …}: a program is compiled for few shapes, however many sizes there are."""
    power = max(0, int(np.ceil(np.log(count / least) / np.log(factor) - 1e-9)))
    return int(np.ceil(least * factor**power))


def _rms_error(law: Law, batch: _Batch, theta: np.ndarray) -> np.ndarray:
    residual = np.log(law.value(theta[:, None], batch.z)) - np.log(batch.value)
    there = batch.rows >= 0
    return np.sqrt((residual**2 * there).sum(axis=1) / there.sum(axis=1))


def _spread(batch: _Batch, position: int) -> float:
    """Standard deviation of the log values: what a constant leaves."""
    return float(np.std(np.log(batch.value[position][batch.rows[position] >= 0])))


def _outcome(law: Law, batch: _Batch, position: int, point: Search, error: float) -> tuple[str, str]:
    """Status of a finished fit: not converged, poor, at a bound, or ok."""
    theta = point.theta[position]
    slack = float(point.slack[position])
    if not np.isfinite(theta).all() or not slack <= STATIONARY:
        return "not_converged", f"the search stopped where a step still promises to lower the loss by {slack:.2g} of it"
    upper = law.upper.copy()
    upper[0] = batch.value[position].max()
    for term, name in enumerate(law.inputs):
        if theta[1 + 2 * term] <= law.lower[1] or theta[2 + 2 * term] <= law.lower[2]:
            return "flat", f"the runs do not show how the value depends on {name}"
    explained = 1 - (error / _spread(batch, position)) ** 2
    if explained < EXPLAINED:
        return "poor_fit", f"the law explains {max(explained, 0.0):.0%} of the spread of log values"
    for name, at_lower, at_upper in zip(law.parameters, theta <= law.lower, theta >= upper, strict=True):
        if name == "E" and at_lower:
            return "at_bound", "the floor E is 0: the runs do not show where the curve flattens"
        if at_lower or at_upper:
            return "at_bound", f"{name} is at the {'lower' if at_lower else 'upper'} end of its range"
    return "ok", ""


def _in_units(theta: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Working parameters (…, T, P) of values over their median as parameters of the values themselves."""
    result = np.array(theta)
    result[..., 0] *= unit
    result[..., 1::2] += np.log(unit)[:, None]
    return result


def _ceiling_notes(runs: Runs, best: np.ndarray, ceiling: np.ndarray) -> list[str]:
    """What was taken as the best possible score where nobody stated it, one sentence for each value."""
    guessed = runs.higher_is_better & np.isnan(best) & np.isfinite(ceiling)
    return [
        f"The best possible score is taken as {value:g} for {int((guessed & (ceiling == value)).sum())} tasks, by the "
        "range of their values; column 'best' of a --tasks file states it."
        for value in np.unique(ceiling[guessed])
    ]


def _extremes(runs: Runs, pick: Callable[[np.ndarray], float]) -> dict[str, np.ndarray]:
    return {
        name: np.array([pick(scale[runs.task == task]) for task in range(len(runs.tasks))])
        for name, scale in runs.scale.items()
    }
