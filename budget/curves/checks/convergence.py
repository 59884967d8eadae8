"""What a finished fit says about itself: the record of convergence, and findings that become status codes.

See docs/decisions/030-judged-without-wild-rows.md,
docs/decisions/031-flat-term-leaves-a-task-out.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.curves.fitting.batch import Batch
from budget.curves.fitting.residual_scale import jacobian
from budget.curves.fitting.search import Estimator, Points
from budget.curves.fitting.solver import Prior
from budget.tables.checks.status import STATUS

EXPLAINED = 0.5
"""Share of the variance of log values under which a fit counts as poor."""

STATIONARY = 1e-6
"""Largest promised decrease of the loss, as a share of it, at which a fit counts as converged."""

UNSETTLED = 0.05
"""Share of a task's draws that may end without converging before it is said."""

RIVAL = 0.02
"""How much higher, relatively, another optimum's loss may be to count as a rival of the best."""

FAR = np.log(10.0)
"""How far beyond the largest run rival optima are compared: ten times each input."""

ILL = 1e12
"""Condition number of the normal equations, columns scaled, from which parameters cannot be told apart."""


@dataclass(frozen=True)
class Convergence:
    """The record of convergence of T tasks.

    Attributes:
        agreement: (T,) share of the starts that reach the best objective within 1e-6.
        gradient: (T,) largest component of the gradient that is not pushed into a bound, over the sum of the rows'
            absolute contributions to it: 0 where the rows' pulls cancel, 1 where all pull one way.
        condition: (T,) condition number of the normal equations over the parameters inside their bounds, columns
            scaled to 1.
        bounds: (T,) names of the parameters at an end of their box.
    """

    agreement: np.ndarray
    gradient: np.ndarray
    condition: np.ndarray
    bounds: tuple[tuple[str, ...], ...]


Finding = tuple[str, str]
"""Status code and one sentence."""


def convergence(estimator: Estimator, batch: Batch, points: Points, prior: Prior) -> Convergence:
    """Look at every task's optimum; ``prior`` (T, P) is what it was found with."""
    law, loss = estimator.law, estimator.loss
    residual = batch.residual(law, points.theta, loss)
    slopes = jacobian(law, batch, points.theta, loss)
    size = np.abs(residual)
    side = 2 * np.where(residual < 0, 1 - loss.quantile, loss.quantile)
    pull = batch.weight * side * np.sign(residual) * np.minimum(size, loss.delta)
    each = np.einsum("tpf,trp->trf", batch.expand, pull[..., None] * slopes)
    free = batch.reduced.project(points.theta)
    pulls = batch.reduced.prior(prior)
    towards = pulls.precision * (free - pulls.centre)
    gradient, total = each.sum(axis=1) + towards, np.abs(each).sum(axis=1) + np.abs(towards)
    held = ((free <= batch.free_lower) & (gradient > 0)) | ((free >= batch.free_upper) & (gradient < 0))
    at_end = (points.theta <= batch.lower) | (points.theta >= batch.upper)
    bounds = tuple(
        tuple(name for name, end, pinned in zip(law.names, ends, fixed, strict=True) if end and not pinned)
        for ends, fixed in zip(at_end, batch.pinned, strict=True)
    )
    inside = (free > batch.free_lower) & (free < batch.free_upper)
    in_free = np.einsum("trp,tpf->trf", slopes, batch.expand)
    condition = np.array(
        [
            _condition(in_free[task][:, inside[task]] * np.sqrt(batch.weight[task])[:, None])
            for task in range(len(batch))
        ]
    )
    share = np.where(held | (total <= 0), 0.0, np.abs(gradient) / np.maximum(total, 1e-300))
    return Convergence(points.agreement, share.max(axis=1, initial=0.0), condition, bounds)


def findings(
    estimator: Estimator,
    batch: Batch,
    points: Points,
    error: np.ndarray,
    record: Convergence,
    kept: np.ndarray,
    kept_error: np.ndarray,
) -> list[list[Finding]]:
    """What is to be said of each task's fit, the gravest first.

    Args:
        estimator: what was minimized.
        batch: T tasks.
        points: their fits.
        error: (T,) root mean square of the residuals in the loss's measure.
        record: their convergence.
        kept: (T, R) the rows that are not wild (``wild_rows``): what the law explains is judged by these.
        kept_error: (T,) ``error`` of the kept rows.
    """
    return [
        [
            *_converged(points, task),
            *_flat(estimator, batch, points, task),
            *_poor(estimator, batch, kept, kept_error, task),
            *_open(estimator, batch, points, record, task),
            *_rivals(estimator, batch, points, error, task),
            *_ill(record, task),
        ]
        for task in range(len(batch))
    ]


def _converged(points: Points, task: int) -> list[Finding]:
    slack = float(points.slack[task])
    if np.isfinite(points.theta[task]).all() and slack <= STATIONARY:
        return []
    return [("not_converged", f"the search stopped where a step still promises to lower the loss by {slack:.2g} of it")]


def _flat(estimator: Estimator, batch: Batch, points: Points, task: int) -> list[Finding]:
    """A term that has vanished: the runs do not say how the value depends on its input."""
    law, theta = estimator.law, points.theta[task]
    for position in law.where("coefficient"):
        p = law.parameters[position]
        vanished = [at for at in (position, p.exponent) if theta[at] <= batch.lower[task, at]]
        if any(not batch.pinned[task, at] for at in vanished) and not p.may_vanish:
            name = "tokens" if law.reads_mixtures and p.input else law.inputs[p.input]
            return [("flat", f"the runs do not show how the value depends on {_input_name(name)}")]
    return []


def _input_name(name: str) -> str:
    return "the scale" if name == "scale" else name


def _poor(estimator: Estimator, batch: Batch, kept: np.ndarray, error: np.ndarray, task: int) -> list[Finding]:
    value = batch.value[task][kept[task]]
    wild = int(batch.there[task].sum() - kept[task].sum())
    spread = np.std(value) if estimator.loss.residual == "raw" else np.std(np.log(value))
    explained = 1 - (error[task] / spread) ** 2 if spread > 0 else 0.0
    if explained >= EXPLAINED:
        return []
    kind = "values" if estimator.loss.residual == "raw" else "log values"
    without = f" without {wild} wild row{'s' if wild > 1 else ''}" if wild else ""
    return [("poor_fit", f"the law explains {max(explained, 0.0):.0%} of the spread of {kind}{without}")]


def _open(estimator: Estimator, batch: Batch, points: Points, record: Convergence, task: int) -> list[Finding]:
    """Parameters at an end of their range."""
    sentences = []
    for name in record.bounds[task]:
        at = estimator.law.position(name)
        floor = estimator.law.parameters[at].kind == "floor"
        low = points.theta[task, at] <= batch.lower[task, at]
        if floor and low and batch.stated[task]:
            continue  # the floor is the best value that was stated: nothing is open
        if floor and low:
            sentences.append(f"the floor {name} is 0: the runs do not show where the curve flattens")
        else:
            sentences.append(f"{name} is at the {'lower' if low else 'upper'} end of its range")
    return [("at_bound", "; ".join(sentences))] if sentences else []


def _rivals(estimator: Estimator, batch: Batch, points: Points, error: np.ndarray, task: int) -> list[Finding]:
    """Another optimum that is hardly worse and predicts something else."""
    law, loss = estimator.law, points.losses[task]
    near = loss <= loss.min() * (1 + RIVAL)
    beyond = batch.z[task][batch.there[task]].max(axis=0) + FAR
    predicted = law.value(points.found[task][near], beyond[None])
    best = float(law.value(points.theta[task], beyond))
    differs = np.abs(predicted - best) / max(abs(best), 1e-300)
    if not (differs > max(0.01, 2 * error[task])).any():
        return []
    cost = loss[near][int(differs.argmax())] / loss.min() - 1
    return [
        (
            "several_optima",
            f"a curve whose loss is only {cost:.2%} higher predicts a {differs.max():.0%} different value at ten times "
            "the largest run",
        )
    ]


def _ill(record: Convergence, task: int) -> list[Finding]:
    if record.condition[task] < ILL:
        return []
    return [("ill_conditioned", f"the parameters cannot be told apart (condition number {record.condition[task]:.1e})")]


def _condition(slopes: np.ndarray) -> float:
    """Condition number of ``slopesᵀ slopes`` with columns scaled to length 1."""
    size = np.sqrt((slopes**2).sum(axis=0))
    if slopes.shape[1] == 0:
        return 1.0
    if (size == 0).any():
        return float("inf")
    singular = np.linalg.svd(slopes / size, compute_uv=False)
    return float("inf") if singular[-1] == 0 else float((singular[0] / singular[-1]) ** 2)


def gravest_first(found: Sequence[Finding]) -> list[Finding]:
    """Findings by gravity: what leaves a task out, then what is said first of a plan, then the others as they come."""
    return sorted(found, key=lambda each: (STATUS[each[0]].used, not STATUS[each[0]].headline))


def primary(found: Sequence[Finding]) -> Finding:
    """The code and sentence that stand for a task: the first finding, or ok."""
    return found[0] if found else ("ok", "")


def unsettled(names: Sequence[str], slack: np.ndarray, what: str) -> list[str]:
    """A sentence for each of T tasks of which more than a few draws did not converge.

    Args:
        names: (T,) task names.
        slack: (B, T) what a step still promises, as a share of the loss.
        what: which draws.
    """
    shares = (~(slack <= STATIONARY)).mean(axis=0)
    return [
        f"Task '{name}': {share:.0%} of its {what} did not converge."
        for name, share in zip(names, shares, strict=True)
        if share > UNSETTLED
    ]
