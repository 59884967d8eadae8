"""The fit of the link from loss to score, for every task at once, with draws that belong to the curves' draws.

The link is a regression of the score on the measured loss. Residuals are those of the score itself over the span from
chance to best, not of its logarithm: the noise of a score is a matter of points.

See docs/decisions/011-score-residuals-in-points.md,
docs/decisions/012-fitted-chance-has-bounds.md,
docs/decisions/013-link-draws-are-the-curves-draws.md.
"""

from dataclasses import replace

import numpy as np

from budget.curves.checks.convergence import (
    EXPLAINED,
    STATIONARY,
    Convergence,
    Finding,
    convergence,
    primary,
    unsettled,
)
from budget.curves.curves import Curves
from budget.curves.fitting.batch import Batch
from budget.curves.fitting.batching import choose_devices
from budget.curves.fitting.bootstrap import resampler
from budget.curves.fitting.constraints import Constraints
from budget.curves.fitting.loss import make_loss
from budget.curves.fitting.residual_scale import covariance, scatter
from budget.curves.fitting.search import Estimator, Points, fit_draws, fit_points
from budget.curves.fitting.solver import Prior
from budget.curves.link.data import CHANCE, Joined, join_scores, make_link_batch
from budget.curves.link.link import LINK, PARAMETERS, Link
from budget.tables.checks.quality import at_chance
from budget.tables.checks.signal import SIGNAL_LEVEL, trend
from budget.tables.checks.status import LINK_STATUS
from budget.tables.runs import Runs

LINK_DELTA = 0.01
"""Corner of the Huber loss: a hundredth of the span from chance to best, about the standard error of an accuracy over
two thousand questions. Smaller residuals are noise to be averaged; a run that is further off counts less."""

MAX_LOG_SLOPE_ERROR = 1.0
"""Standard error of the slope's logarithm from which the slope is not known: a factor of e."""

MAX_CHANCE_ERROR = 0.1
"""Standard error of a fitted chance, as a share of the span, from which it is said to be open."""

SLOPE, MIDPOINT = (LINK.names.index(name) for name in ("slope", "midpoint"))


def with_link(
    curves: Curves,
    losses: Runs,
    scores: Runs,
    *,
    best: np.ndarray | None = None,
    chance: np.ndarray | None = None,
    device: str | None = None,
) -> Curves:
    """Fit the link of every task and put it beside the curves.

    Args:
        curves: fitted to ``losses``.
        losses: rows of the loss.
        scores: rows of the score; ``tables.pairs.join`` says which belong together.
        best: (T,) stated best scores; where NaN, the end of the scale: 0, 1 or 100 by the values' range.
        chance: (T,) stated scores of guessing; where NaN, what ``scores.chance`` says; where that is NaN too it is
            fitted, between the median score and the other end of the scale.
        device: see ``fit_curves``.

    Returns:
        The curves with ``link``; a task whose score cannot be predicted has a status that says why. In draw b of a
        link a run has the random numbers of draw b of the curve, so that ``link_b(curve_b(x))`` is one scenario.

    Raises:
        DataError: a stated chance is not worse than the best score.
        FitError: there is no such device.
    """
    joined = join_scores(losses, scores, best, chance)
    count, draws = len(curves.tasks), len(curves.draws)
    found = [_before(curves, joined, task) for task in range(count)]
    good = np.array([task for task in range(count) if not found[task]], dtype=int)
    parameters, drawn = np.full((count, len(PARAMETERS)), np.nan), np.full((draws, count, len(PARAMETERS)), np.nan)
    noise = np.full((draws, count), np.nan)
    error, agreement, gradient = np.full((3, count), np.nan)
    notes = list(joined.notes)
    if len(good):
        loss = make_loss("huber", LINK_DELTA, residual="raw")
        estimator = Estimator(LINK, loss, Constraints(), choose_devices(device))
        # the same program as a law's fit, over the loss as its one input
        batch = make_link_batch(joined, good)
        points = fit_points(estimator, batch, _no_prior(batch.lower))
        record = convergence(estimator, batch, points, _no_prior(batch.lower))
        residual = batch.residual(LINK, points.theta, loss)
        off = np.sqrt((residual**2).sum(axis=1) / batch.there.sum(axis=1))
        unsure = _standard_errors(estimator, batch, points)
        for position, task in enumerate(good):
            found[task] += _after(batch, points, record, off, unsure, position)
        parameters[good], error[good] = _in_units(points.theta, batch, joined), off * batch.unit
        agreement[good], gradient[good] = record.agreement, record.gradient
        used = np.array([LINK_STATUS[primary(found[task])[0]].used for task in good])
        if used.any() and draws:
            some = batch.take(used)
            # the curves' seed and run indices: a run's random numbers are those it has in the curves' draws
            resampled = resampler(losses, some, residual[used], (~some.pinned).sum(axis=1), curves.seed)
            prior = _no_prior(np.broadcast_to(some.lower, (draws, *some.lower.shape)))
            theta, slack = fit_draws(estimator, some, points.theta[used], resampled, prior)
            drawn[:, good[used]] = _in_units(theta, some, joined)
            noise[:, good[used]] = -joined.sign[some.task] * some.unit * resampled.new_run(draws)
            notes += unsettled([losses.tasks[task] for task in some.task], slack, "link's draws")
    main = [primary(each) for each in found]
    link = Link(
        metric=scores.metric[0],
        higher_is_better=joined.scores.higher_is_better,
        status=tuple(code for code, _ in main),
        message=tuple(text for _, text in main),
        parameters=parameters,
        draws=drawn,
        noise=noise,
        stated=np.isfinite(joined.chance),
        pairs=np.bincount(joined.scores.task, minlength=count),
        error=error,
        agreement=agreement,
        gradient=gradient,
        estimator=f"Huber(delta={LINK_DELTA:g}) on score residuals over the span from chance to best, summed over rows",
    )
    return replace(curves, link=link, notes=tuple(dict.fromkeys((*curves.notes, *scores.notes, *notes))))


def _before(curves: Curves, joined: Joined, task: int) -> list[Finding]:
    """Why a task's link cannot be fitted: at most one finding."""
    mine = joined.scores.task == task
    free = len(LINK.parameters) - int(np.isfinite(joined.chance[task]))
    runs = len(np.unique(joined.scores.run[mine]))
    if not curves.used[task]:
        return [("no_curve", f"its loss has no curve ({curves.status[task]})")]
    if not joined.there[task]:
        return [("no_score", "there is no row of the score")]
    if runs <= free:
        return [("too_few_pairs", f"{runs} runs have both loss and score; {free + 1} are needed")]
    if (joined.loss[mine] <= 0).any():
        return [("not_positive", "a loss is 0 or negative")]
    if np.isnan(joined.best[task]):
        return [("no_best", "the score's best possible value is neither stated nor told by its range")]
    if np.isnan(joined.span[task]):
        return [("no_chance", "the level of guessing is not stated, and the values' range gives it no limit")]
    distance = joined.distance[mine]
    if (distance < 0).any():
        row = joined.scores.row[mine][distance.argmin()]
        return [("no_best", f"row {row} is better than the best score {joined.best[task]:g}")]
    if np.ptp(distance) == 0:
        return [("no_signal", "the score is the same in all runs")]
    by_loss = replace(joined.scores, scale={"loss": joined.loss})
    # the test takes logarithms, which a distance of 0 has none of
    nearness = trend(by_loss, task, np.exp(-distance / joined.span[task]))
    if nearness.falls <= SIGNAL_LEVEL:
        guessing = at_chance(joined.scores, task)
        return [guessing] if guessing else []
    if nearness.rises <= SIGNAL_LEVEL:
        return [("wrong_direction", f"the score gets worse as the loss falls (rank test p = {nearness.rises:.2g})")]
    p = f"rank test p = {nearness.falls:.2g}"
    if nearness.best > SIGNAL_LEVEL:
        return [("too_few_pairs", f"{nearness.runs} runs are too few to tell a trend of the score with the loss ({p})")]
    return [("no_signal", f"no trend of the score with the loss can be told from noise ({p})")]


def _after(
    batch: Batch, points: Points, record: Convergence, off: np.ndarray, unsure: np.ndarray, task: int
) -> list[Finding]:
    """What is to be said of a fitted link, the gravest first.

    Args:
        batch: T tasks.
        points: their fits.
        record: their convergence.
        off: (T,) root mean square of residuals over the span.
        unsure: (T, P) standard errors.
        task: which of them.
    """
    theta, lower, upper = points.theta[task], batch.lower[task], batch.upper[task]
    found: list[Finding] = []
    slack = float(points.slack[task])
    # not `>`: a NaN has not converged
    if not slack <= STATIONARY:
        found.append(("not_converged", f"the search stopped where a step still promises {slack:.2g} of the loss"))
    if theta[SLOPE] >= upper[SLOPE] or "midpoint" in record.bounds[task]:
        found.append(("not_identified", "the rows show neither how steep the link is nor where its middle lies"))
    elif unsure[task, SLOPE] > MAX_LOG_SLOPE_ERROR:
        factor = np.exp(unsure[task, SLOPE])
        found.append(("not_identified", f"the rows show its slope within a factor of {factor:.2g} only"))
    elif theta[SLOPE] <= lower[SLOPE]:
        found.append(("at_bound", "the slope is at the lower end of its range: the rows show no S"))
    value = batch.value[task][batch.there[task]]
    explained = 1 - (off[task] / value.std()) ** 2
    if explained < EXPLAINED:
        found.append(("poor_fit", f"the link explains {max(explained, 0.0):.0%} of the spread of the score"))
    if not batch.pinned[task, CHANCE]:
        found += _open_chance(theta[CHANCE], lower[CHANCE], upper[CHANCE], unsure[task, CHANCE])
    return found


def _open_chance(fitted: float, low: float, high: float, unsure: float) -> list[Finding]:
    """What is to be said where the rows leave a fitted level of guessing open: its distance to best over the span."""
    if fitted >= high:
        return [("open_chance", "the level of guessing is fitted as the end of the scale: no run is near it")]
    if fitted <= low:
        return [("open_chance", "the level of guessing is fitted as the median score: half of the runs lie below it")]
    if unsure > MAX_CHANCE_ERROR:
        return [("open_chance", f"the level of guessing is known within {unsure:.0%} of the scale only")]
    return []


def _standard_errors(estimator: Estimator, batch: Batch, points: Points) -> np.ndarray:
    """(T, P) linearized; 0 for parameters at a bound."""
    free = (~batch.pinned).sum(axis=1)
    scale = scatter(batch.residual(LINK, points.theta, estimator.loss), batch.there, free)
    return np.sqrt(np.einsum("tpp->tp", covariance(LINK, batch, points.theta, scale, estimator.loss)))


def _in_units(theta: np.ndarray, batch: Batch, joined: Joined) -> np.ndarray:
    """Working parameters (…, T, P) as slope, midpoint, chance and best in the file's units: (…, T, 4)."""
    best, sign = joined.best[batch.task], joined.sign[batch.task]
    loss = batch.reference[:, 0]
    # the fit's chance is a distance to best over the span, whichever way the score counts
    chance = best - sign * batch.unit * theta[..., CHANCE]
    slope, midpoint = np.exp(theta[..., SLOPE]) / loss, np.exp(theta[..., MIDPOINT]) * loss
    return np.stack([slope, midpoint, chance, np.broadcast_to(best, chance.shape)], axis=-1)


def _no_prior(like: np.ndarray) -> Prior:
    return Prior(np.zeros(like.shape), np.zeros(like.shape))
