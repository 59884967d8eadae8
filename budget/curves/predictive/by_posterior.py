"""A law's posterior for every task of a file: how the laws are fitted whose draws hold beyond the runs.

Every task's draws depend on its own runs alone. A task is left out only where nothing is to be told (no trend, values
that cannot be): where its runs are few, a prior says the rest, and the interval is wide.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from budget.curves.checks.convergence import EXPLAINED, Finding, gravest_first
from budget.curves.fitting.batching import Devices, kind_of
from budget.curves.fitting.question import Fitted, Question
from budget.curves.kept_fits import kept_by_task
from budget.curves.predictive.observations import Observations, Posterior, observe
from budget.curves.predictive.steadying import tilts
from budget.curves.predictive.surrogate import RATIOS, planned_range, planning_curves, sized_range
from budget.curves.sizing import sized, sure_values
from budget.tables.checks.best_values import beating_rows, beats_best
from budget.tables.checks.quality import copies

MIXED = 1.1
"""Split R̂ above which chains have not forgotten where they began (Gelman et al. 2013, section 11.5)."""

LEAST_EFFECTIVE = 50
"""Effective draws below which an 80 % interval's ends are rough: their standard error is a third of its half-width."""

LEAST_SAMPLED = 100
"""Draws amid which the point curve is laid where fewer are asked for."""

TOGETHER = 64
"""Tasks whose draws are read at once: of more, these numbers would fill the memory, and half of the time with it."""

WILD = 6.0
"""Robust standard deviations by which a row lies off the curve that does not belong to it."""

LEAST_SCATTER = 1e-6
"""Relative scatter below which rows lie on their curve."""


def fit_by_posterior(question: Question, device: str | None, devices: Devices) -> Fitted:
    """Each task's draws, the point curve amid them, and the convex curves by which plans read both.

    Args:
        question: what is asked.
        device: where to sample, as the user said it.
        devices: the same, for what is done once the draws are there.
    """
    form, runs = question.form, question.runs
    assert form.sampler is not None
    found, good = question.verdicts(1, positive=True, identified=False)
    words = "posterior draws, the law's own error among them"
    fitted = Fitted.nothing(question, found, words, "log")
    if len(good) == 0:
        return fitted
    observations = observe(
        runs, good, question.inputs, question.ceiling, question.least, question.most, question.beside
    )
    if observations.companion.any():
        joined = observations.companion.any(axis=1)
        fitted.notes.append(
            f"Fitted together with {int(observations.companion.sum())} rows of specialists of the same tasks: "
            f"{int(joined.sum())} of {len(good)} curves; a shared model's own rows alone decide where it stands."
        )
    # the point curve lies amid the draws, so that there are some even where none is asked for
    posterior = form.sampler(
        observations,
        draws=max(question.draws, LEAST_SAMPLED),
        seed=question.seed,
        borrow=question.borrow,
        device=device,
    )
    fitted.notes += posterior.notes
    there = observations.own[:, :, None]
    reference = np.exp(np.where(there, observations.log_inputs, -np.inf).max(axis=1))
    if "unique_tokens" in question.inputs:  # tokens of all kinds share one reference
        reference[:, question.inputs.index("unique_tokens")] = reference[:, question.inputs.index("tokens")]
    arrays = fitted.arrays
    for name in ("parameters", "error", "rhat", "effective"):
        arrays[name][good] = getattr(posterior, name)
    arrays["reference"][good] = reference
    arrays["draws"][:, good] = posterior.draws[: question.draws]
    arrays["noise"][:, good] = posterior.noise[: question.draws]
    residual = _residual(question, observations, posterior, reference)
    for position, task in enumerate(good):
        rows = runs.row[observations.row[position]]
        wild = _wild(residual[position], observations.own[position])
        fitted.outliers[task] = tuple(sorted(rows[wild].tolist()))
        said = [
            *_beating(question, int(task), residual[position], observations.own[position]),
            *_unsettled(posterior, position),
            *_poor(observations, residual, position, ~wild),
            *_outliers(fitted.outliers[task]),
            *copies(runs, task),
        ]
        found[task] = gravest_first([*found[task], *said])
    if question.planned is not None:
        _add_planned(question, fitted, observations, posterior, good, reference, devices, residual)
    if question.progress is not None:
        question.progress(len(good), len(good))
    return fitted


def _add_planned(
    question: Question,
    fitted: Fitted,
    observations: Observations,
    posterior: Posterior,
    good: np.ndarray,
    reference: np.ndarray,
    devices: Devices,
    residual: np.ndarray,
) -> None:
    """The convex curves nearest to every draw, and to the middle of these, and what steadies them."""
    assert question.planned is not None
    form, plain, count = question.form, question.planned, len(good)
    has_sizes = plain.is_power_sum and reference.shape[1] == 2
    all_draws = posterior.draws if posterior.lent is None else posterior.lent
    given = (all_draws.swapaxes(0, 1), posterior.parameters, planned_range(observations, reference),
             np.nan_to_num(observations.least),
             *((sized_range(observations, reference),) if has_sizes else ()))  # fmt: skip

    def compute(chosen: np.ndarray) -> list[np.ndarray]:
        parts = np.array_split(chosen, -(-len(chosen) // TOGETHER))
        return [np.concatenate(leaf) for leaf in zip(*map(of_some, parts), strict=True)]

    def of_some(chosen: np.ndarray) -> list[np.ndarray]:
        draws, parameters, z, least, *wide = (each[chosen] for each in given)
        draws, names = draws.swapaxes(0, 1), tuple(observations.names[at] for at in chosen)
        # each draw's search starts at the point's, which hangs on no draw
        start, _ = planning_curves(plain, form.value(parameters[:, None], z), z, least, devices, names)
        lanes, values = len(draws) * len(chosen), form.value(draws[:, :, None], z)
        near, error = planning_curves(
            plain,
            values.reshape(lanes, -1),
            np.broadcast_to(z, (len(draws), *z.shape)).reshape(lanes, *z.shape[1:]),
            np.tile(least, len(draws)),
            devices,
            names * len(draws),
            np.tile(start, (len(draws), 1)),
        )
        near = near.reshape(len(draws), len(chosen), -1)
        # the point is laid amid what stands for the draws, so that it lies in their interval
        amid = np.median(plain.value(near[:, :, None], z), axis=0)
        middle, _ = planning_curves(plain, amid, z, least, devices, names)
        point = middle
        if has_sizes:
            (sizes,) = wide
            seen = form.value(draws[:, :, None], sizes)
            near = sized(plain, near, seen, sizes, RATIOS)
            point = sized(plain, middle, sure_values(seen), sizes, RATIOS)
            off = np.log(plain.value(near[:, :, None], z)) - np.log(np.maximum(values, least[:, None]))
            error = np.sqrt((off**2).mean(axis=-1)).ravel()
        return [near.swapaxes(0, 1), error.reshape(len(draws), -1).T, middle, point]

    near, error, middle, point = kept_by_task("planned", kind_of(devices), (form, plain), given, compute)
    fitted.arrays["planned_draws"][:, good] = near.swapaxes(0, 1)[: question.draws]
    fitted.arrays["planned_parameters"][good] = point
    typical = float(np.median(error))
    fitted.notes.append(
        f"Plans read each curve as a convex one near it where plans go, typically {typical:.2%} off it; "
        "'budget predict' reads the curve itself."
        + (" Models are sized where the draws' values are low and sure." if has_sizes else "")
    )
    if not plain.is_power_sum:  # of those alone it is known how they fall along their best sizes
        return
    wild = np.stack([_wild(*each) for each in zip(residual, observations.own, strict=True)])
    steady = replace(observations, weight=np.where(wild, 0.0, observations.weight))
    fitted.arrays["tilt"][good] = tilts(plain, middle, steady, reference, question.borrow)
    also = ", drawn to what the typical task does" if question.borrow and count > 1 else ""
    fitted.notes.append(
        "Plans are made on steadied curves, which split a budget better: a value falls by the mean of what its "
        f"prediction and its last runs say{also}. What a plan reports is the prediction; --plan-on predicted plans on "
        "that, too."
    )


def _residual(
    question: Question, observations: Observations, posterior: Posterior, reference: np.ndarray
) -> np.ndarray:
    """(T, R) logarithms of the values over the point curve, 0 where padded."""
    z = observations.log_inputs - np.log(reference)[:, None]
    curve = question.form.value(posterior.parameters[:, None], z)
    return np.where(observations.own, np.log(observations.value) - np.log(curve), 0.0)


def _wild(residual: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(R,) the rows that lie off the curve by many times the scatter of the others."""
    scatter = 1.4826 * np.median(np.abs(residual[there]))  # of a normal distribution, its standard deviation
    return there & (np.abs(residual) > WILD * max(float(scatter), LEAST_SCATTER))


def _outliers(rows: Sequence[int]) -> list[Finding]:
    if not rows:
        return []
    named = ", ".join(str(row) for row in rows[:12]) + (f" and {len(rows) - 12} more" if len(rows) > 12 else "")
    what = f"row {named} lies" if len(rows) == 1 else f"rows {named} lie"
    return [("outliers", f"{what} off the curve by many times the scatter of the others")]


def _unsettled(posterior: Posterior, at: int) -> list[Finding]:
    rhat, effective = posterior.rhat[at], posterior.effective[at]
    if rhat <= MIXED and effective >= min(LEAST_EFFECTIVE, len(posterior.draws)):
        return []
    return [("unsettled", f"its draws have not settled (split R-hat {rhat:.3g}, {effective:.0f} effective draws)")]


def _poor(observations: Observations, residual: np.ndarray, at: int, kept: np.ndarray) -> list[Finding]:
    """That the curve explains little of how the values differ."""
    kept = kept & observations.own[at]
    spread = np.std(np.log(observations.value[at, kept]))
    explained = 1 - float(np.mean(residual[at, kept] ** 2) / spread**2) if spread > 0 else 0.0
    if explained >= EXPLAINED:
        return []
    return [("poor_fit", f"the curve explains {max(explained, 0.0):.0%} of the spread of log values")]


def _beating(question: Question, task: int, residual: np.ndarray, there: np.ndarray) -> list[Finding]:
    """The rows that are better than the task's best value by more than their noise."""
    best = question.best[task]
    scatter = 1.4826 * float(np.median(np.abs(residual[there]))) * abs(np.nan_to_num(best))
    rows = beating_rows(question.runs, task, best, scatter)
    return [("beats_best", beats_best(question.runs, rows, best))] if len(rows) else []
