"""A law's optimum for every task of a file, and bootstrap draws about it: how the named laws are fitted."""

from collections.abc import Sequence

import numpy as np

from budget.curves.checks.convergence import Finding, convergence, findings, gravest_first, primary, unsettled
from budget.curves.checks.outliers import wild_rows
from budget.curves.fitting import joint
from budget.curves.fitting.batch import Batch, make_batch, transfer_prior
from budget.curves.fitting.bootstrap import Resampler, resampler
from budget.curves.fitting.pooling import MAX_RUNS_PER_PARAMETER, PooledPrior, find_pooled_prior, no_pooling
from budget.curves.fitting.question import Fitted, Question
from budget.curves.fitting.residual_scale import precision, scatter
from budget.curves.fitting.search import Estimator, Points, Progress, fit_draws, fit_points
from budget.curves.fitting.solver import Prior
from budget.curves.laws.law import Law
from budget.curves.predictive.drawn_discrepancy import draw_discrepancy
from budget.curves.published_prior import PublishedPrior, disagreement, pulled
from budget.errors import DataError
from budget.tables.checks.best_values import beating_rows, beats_best
from budget.tables.checks.quality import copies
from budget.tables.checks.status import STATUS
from budget.tables.runs import Runs


def fit_by_search(question: Question, estimator: Estimator, pool: bool | None) -> Fitted:
    """Each task's best parameters, what they say of themselves, and draws.

    Args:
        question: what is asked.
        estimator: what is minimized.
        pool: whether exponents are pulled toward the tasks' common distribution (``pooling``); by default only those
            of tasks with few runs.

    Raises:
        DataError: an option does not fit the law.
    """
    runs, form, inputs, ceiling, best = question.runs, question.form, question.inputs, question.ceiling, question.best
    draws, seed, progress, least = question.draws, question.seed, question.progress, question.least
    free = len(estimator.constraints.free(form)) - form.reads_mixtures  # a task's own source is no question
    settled, words = estimator.constraints.settled(form), estimator.words
    if question.prior is not None:
        settled, words = settled | question.prior.settles(form), words + question.prior.words
        free -= len(question.prior.centre.keys() & {form.names[at] for at in estimator.constraints.free(form)})
    found, good = question.verdicts(free, estimator.loss.residual == "log", settled)
    fitted = Fitted.nothing(question, found, words, estimator.loss.residual)
    arrays = fitted.arrays
    if len(good):
        batch = make_batch(runs, good, form, inputs, ceiling, estimator.constraints, least)
        points, prior = _points(estimator, batch, _share(progress, 0, draws * len(good)))
        # the tasks' common distribution is seen only once every task is fitted on its own; pooled ones are then fitted
        # again, all together, so that shapes (and the compiled program) stay the same
        if question.prior is None:
            common = _pooled(estimator, batch, points, prior, runs, pool)
            arrays["pooled"][good] = common.pooled
        else:
            common = _published(question.prior, estimator, batch, points, runs, fitted)
        if common.pooled.any():
            points = fit_points(estimator, batch, common.prior)
        fitted.notes += common.notes
        error = _rms_error(estimator, batch, points.theta, batch.there)
        record = convergence(estimator, batch, points, common.prior)
        # a fit is judged by the rows that are not wild, but wild rows stay in it: the loss is robust, and a file's rows
        # are not taken out unasked
        wild = _wild(estimator, batch, points, common.prior)
        kept = _judging(batch, np.logical_or(*wild))
        kept_error = _rms_error(estimator, batch, points.theta, kept)
        judged = findings(estimator, batch, points, error, record, kept, kept_error)
        beating = _beating(estimator, batch, points, runs, best)
        for position, task in enumerate(good):
            said, fitted.outliers[task] = _wild_finding(batch, position, wild, runs)
            fitted.found[task] = gravest_first(
                [*fitted.found[task], *beating[position], *judged[position], *said, *copies(runs, task)]
            )
            fitted.bounds[task] = record.bounds[position]
        arrays["parameters"][good] = _in_units(form, points.theta, batch, least)
        arrays["reference"][good], arrays["objective"][good] = batch.reference, _objective(estimator, batch, points)
        arrays["error"][good], arrays["agreement"][good] = error, record.agreement
        arrays["gradient"][good], arrays["condition"][good] = record.gradient, record.condition
        # draws are most of the work: none for a curve that no plan will use
        used = np.array([STATUS[primary(fitted.found[task])[0]].used for task in good])
        if used.any() and draws:
            drawn, batch = good[used], batch.take(used)
            names = [runs.tasks[task] for task in good]
            pulls = Prior(*(array[:, used] for array in common.draws(draws, seed, names, form.names)))
            theta = points.theta[used]
            noise = resampler(
                runs,
                batch,
                batch.residual(form, theta, estimator.loss),
                _used_up(estimator, batch),
                seed,
                estimator.loss.quantile,
            )
            watch = _share(progress, points.losses.size, 0)
            sampled, slack = _draws(estimator, batch, theta, noise, pulls, watch, [runs.tasks[task] for task in drawn])
            arrays["draws"][:, drawn] = _in_units(form, sampled, batch, least)
            in_units = batch.unit if estimator.loss.residual == "raw" else 1.0
            arrays["noise"][:, drawn] = noise.new_run(draws) * in_units
            fitted.notes += unsettled([runs.tasks[task] for task in drawn], slack, "draws")
            if question.discrepancy:
                _add_discrepancy(question, fitted, estimator, batch, theta, sampled)
    return fitted


def _add_discrepancy(
    question: Question, fitted: Fitted, estimator: Estimator, batch: Batch, point: np.ndarray, drawn: np.ndarray
) -> None:
    """How the draws (B, T, P) of the batch's tasks drift from the law, and the curves by which plans read them."""
    runs, draws, count = question.runs, question.draws, len(question.runs.tasks)
    found = draw_discrepancy(
        estimator,
        batch,
        point,
        drawn,
        names=[runs.tasks[task] for task in batch.task],
        seed=question.seed,
    )
    drift = np.full((draws, count, *found.drift.shape[2:]), np.nan)
    planned = np.full((draws, count, found.planned.shape[2]), np.nan)
    drift[:, batch.task] = found.drift
    planned[:, batch.task] = _in_units(question.form, found.planned, batch, question.least)
    ends = np.full((2, count, found.ends.shape[2]), np.nan)
    ends[:, batch.task] = found.ends
    fitted.arrays |= {"drift": drift, "drift_ends": ends, "planned_draws": planned}


def _share(progress: Progress | None, before: int, after: int) -> Progress | None:
    """The progress of one part among all lanes: ``before`` of them are done, and ``after`` come later."""
    if progress is None:
        return None
    return lambda done, count: progress(before + done, before + count + after)


def _points(estimator: Estimator, batch: Batch, progress: Progress | None) -> tuple[Points, Prior]:
    """The point fits and the pull they were made with.

    A law with a ridge is fitted twice: its strength is stated in standard deviations, and how much of the loss one of
    them is worth follows from the scatter of the first fit.
    """
    solve = joint.fit_points if estimator.common else fit_points
    none = transfer_prior(estimator.law, batch, np.zeros(len(batch)))
    points = solve(estimator, batch, none, progress)
    scale = _scatter(estimator, batch, points)
    prior = transfer_prior(estimator.law, batch, precision(scale, estimator.loss))
    return (solve(estimator, batch, prior, progress) if prior.precision.any() else points), prior


def _pooled(
    estimator: Estimator, batch: Batch, points: Points, prior: Prior, runs: Runs, wanted: bool | None
) -> PooledPrior:
    """What pooling asks of each task: nothing, where it is not wanted or a task has runs enough."""
    if estimator.common and wanted:
        raise DataError(f"Law '{estimator.law.name}' has parameters that all tasks share; leave --pool out.")
    if estimator.common or wanted is False:
        return no_pooling(estimator.law, prior)
    few = (
        np.array([len(np.unique(runs.run[rows[rows >= 0]])) for rows in batch.rows])
        <= MAX_RUNS_PER_PARAMETER * batch.free
    )
    candidates = np.ones(len(batch), dtype=bool) if wanted else few
    if not candidates.any():
        return no_pooling(estimator.law, prior)
    scale = _scatter(estimator, batch, points)
    names, metric = [runs.tasks[task] for task in batch.task], [runs.metric[task] for task in batch.task]
    return find_pooled_prior(estimator, batch, points, scale, prior, names, metric, candidates)


def _published(
    published: PublishedPrior, estimator: Estimator, batch: Batch, points: Points, runs: Runs, fitted: Fitted
) -> PooledPrior:
    """What a published curve asks of each task; how far the runs are from it is said."""
    count = [len(np.unique(runs.run[rows[rows >= 0]])) for rows in batch.rows]
    common, apart = pulled(published, estimator, batch, points, _scatter(estimator, batch, points), count)
    notes, warnings = disagreement(published, [runs.tasks[task] for task in batch.task], apart)
    fitted.notes += notes
    fitted.warnings += warnings
    return common


def _draws(
    estimator: Estimator,
    batch: Batch,
    point: np.ndarray,
    noise: Resampler,
    prior: Prior,
    progress: Progress | None,
    names: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and what a step still promises of every draw: jointly where tasks share parameters, else apart."""
    if estimator.common:
        return joint.fit_draws(estimator, batch, point, noise, prior, progress)
    return fit_draws(estimator, batch, point, noise, prior, progress, names)


def _scatter(estimator: Estimator, batch: Batch, points: Points) -> np.ndarray:
    """(T,) robust standard deviation of the tasks' weighted residuals."""
    residual = batch.residual(estimator.law, points.theta, estimator.loss)
    return scatter(batch.root_weight * residual, batch.there, batch.free)


def _used_up(estimator: Estimator, batch: Batch) -> np.ndarray:
    """(T,) parameters that each task's fit has used up: its own free ones, and its share of the common ones."""
    own = batch.free - len(estimator.common)
    return own + len(estimator.common) / len(batch)


def _in_units(form: Law, theta: np.ndarray, batch: Batch, least: np.ndarray) -> np.ndarray:
    """Parameters (…, T, P) of the values themselves; a floor on its task's least distance (T,) is exactly that."""
    result = form.in_units(theta, batch.unit)
    floor, least = form.where("floor"), least[batch.task, None]
    result[..., floor] = np.where(result[..., floor] < least, least, result[..., floor])
    return result


def _beating(estimator: Estimator, batch: Batch, points: Points, runs: Runs, best: np.ndarray) -> list[list[Finding]]:
    """What is to be said of each task's rows that are better than its best value by more than their noise.

    Rows without a standard error have the scatter of the fit.
    """
    scale = _scatter(estimator, batch, points) * (
        batch.unit if estimator.loss.residual == "raw" else np.abs(np.nan_to_num(best[batch.task]))
    )
    rows = [beating_rows(runs, task, best[task], float(noise)) for task, noise in zip(batch.task, scale, strict=True)]
    return [
        [("beats_best", beats_best(runs, each, best[task]))] if len(each) else []
        for task, each in zip(batch.task, rows, strict=True)
    ]


def _wild(estimator: Estimator, batch: Batch, points: Points, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """The masks of ``wild_rows``; parameters that all tasks share are held."""
    if estimator.common:
        batch = joint.with_common_held(estimator, batch, batch.reduced.project(points.theta))
    return wild_rows(estimator, batch, points.theta, prior)


def _judging(batch: Batch, wild: np.ndarray) -> np.ndarray:
    """(T, R) the rows by which a fit is judged: not the wild ones, but each task's best run, which no curve may miss.

    A score that rises late leaves a curve at its best run, as a wild value would; a diverged run is never the best.
    """
    best = np.where(batch.there, batch.value, np.inf).argmin(axis=1)
    kept = batch.there & ~wild
    kept[np.arange(len(batch)), best] = True
    return kept


def _wild_finding(
    batch: Batch, position: int, wild: tuple[np.ndarray, np.ndarray], runs: Runs
) -> tuple[list[Finding], tuple[int, ...]]:
    """The finding on one task's wild rows, where there are any, and their row numbers."""
    direct, leverage = (tuple(sorted(runs.row[batch.rows[position, mask[position]]].tolist())) for mask in wild)
    sentences = []
    if direct:
        sentences.append(f"{_row_words(direct)} off the curve by many times the scatter of the others")
    if leverage:
        sentences.append(
            f"{_row_words(leverage)} at an end of the scale and {'pulls' if len(leverage) == 1 else 'pull'} the "
            "curve from where the others put it"
        )
    said: list[Finding] = [("outliers", "; ".join(sentences))] if sentences else []
    return said, tuple(sorted((*direct, *leverage)))


def _row_words(rows: Sequence[int]) -> str:
    if len(rows) == 1:
        return f"row {rows[0]} lies"
    shown = ", ".join(str(row) for row in rows[:12])
    return f"rows {shown}{f' and {len(rows) - 12} more' if len(rows) > 12 else ''} lie"


def _objective(estimator: Estimator, batch: Batch, points: Points) -> np.ndarray:
    """The loss at the optimum without any pull, as its formula says (for least absolute deviations, without corner)."""
    residual = batch.residual(estimator.law, points.theta, estimator.loss)
    return estimator.loss.objective(residual, batch.weight) * batch.weight_unit


def _rms_error(estimator: Estimator, batch: Batch, theta: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(T,) root mean square of the residuals of the kept rows (T, R)."""
    residual = np.where(kept, batch.residual(estimator.law, theta, estimator.loss), 0.0)
    return np.sqrt((residual**2).sum(axis=1) / kept.sum(axis=1))
