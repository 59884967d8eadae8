"""Rows that do not belong to their curve, those at an end of the scale included, which pull the curve to themselves.

A wild row in the middle has a large residual. Wild rows at one end of the scale have leverage: the robust curve goes
through them, and their residuals are small. So every task is also fitted without the rows at each end of each input
(a few block sizes), and the left-out rows are judged against what the others predict for them, with the standard error
of that prediction (externally studentized residuals by blocks, Cook & Weisberg 1982). They are named where the fit
without them is another one.

See docs/decisions/025-wild-rows-at-the-ends.md.
"""

import numpy as np

from budget.curves.fitting.batch import Batch
from budget.curves.fitting.residual_scale import covariance, jacobian, scatter
from budget.curves.fitting.search import Estimator, search
from budget.curves.fitting.solver import Prior

END_BLOCK_SHARES = (0.03, 0.08, 0.16)
"""Shares of a task's rows left out at an end, rounded up."""

WILD_STANDARD_ERRORS = 5.0
"""Standard errors from which a row counts as wild, with many rows."""

MIN_STANDARD_ERRORS_MOVED = 2.0
"""Standard errors by which the rows at an end must move some parameter to be named: others do no harm there."""

MIN_SPARE_ROWS = 4
"""Rows beyond the parameters that must stay for a block to be left out."""

MAX_WILD_SHARE = 0.2
"""Largest share of rows that can be wild; where more disagree it is the law that does not fit."""


def wild_rows(estimator: Estimator, batch: Batch, point: np.ndarray, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Flag rows.

    Args:
        estimator: what was minimized.
        batch: T tasks.
        point: (T, P) their fits.
        prior: the fits' pulls (T, P).

    Returns:
        Two masks (T, R): rows with a wild residual, and rows at an end that only the fit without them shows.
    """
    parameters = batch.free
    # a wild row amid the others: the robust curve passes it by, so its residual shows it
    far = _standard_errors_off(estimator, batch, point, batch.weight > 0) > _threshold(batch, parameters)[:, None]
    direct = far & batch.there
    leverage = np.zeros_like(direct)
    # wild rows at an end: only a curve that has not seen them can show them, so every end is left out in turn; all
    # these fits are lanes of one search
    task, left_out = _end_blocks(batch, parameters, 1 if estimator.law.reads_mixtures else batch.z.shape[2])
    if len(task):
        theta = _without(estimator, batch, point, prior, task, left_out)
        some = batch.take(task)
        off = _standard_errors_off(estimator, some, theta, ~left_out & some.there)
        np.logical_or.at(leverage, task, left_out & (off > _threshold(some, parameters[task])[:, None]))
    # an end's rows may be far off what the others predict and yet leave the curve where it is: a file is not accused of
    # what changes nothing, so the fit without exactly these rows must be another one
    leverage &= ~direct
    task = np.flatnonzero(leverage.any(axis=1))
    if len(task):
        theta = _without(estimator, batch, point, prior, task, leverage[task])
        harmless = _moves(estimator, batch.take(task), point[task], theta, ~leverage[task]) < MIN_STANDARD_ERRORS_MOVED
        leverage[task[harmless]] = False
    # where many rows disagree it is the law that does not fit, and no row is to blame
    few = (direct | leverage).sum(axis=1) <= MAX_WILD_SHARE * batch.there.sum(axis=1)
    return direct & few[:, None], leverage & few[:, None]


def _without(
    estimator: Estimator, batch: Batch, point: np.ndarray, prior: Prior, task: np.ndarray, left_out: np.ndarray
) -> np.ndarray:
    """The fits (L, P) of tasks (L,) without some of their rows (L, R)."""
    some = batch.take(task)
    start = some.reduced.project(point[task])
    weight = np.where(left_out, 0.0, some.weight)
    ended = search(estimator, batch, task, some.value, weight, start, prior.take(task))
    return some.reduced.theta(ended.theta)


def _moves(estimator: Estimator, batch: Batch, point: np.ndarray, theta: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(T,) how many standard errors of the fit ``point`` its most moved parameter lies from that of ``theta``."""
    kept = kept & batch.there
    scale = scatter(batch.root_weight * batch.residual(estimator.law, theta, estimator.loss), kept, batch.free)
    error = np.sqrt(np.einsum("tpp->tp", covariance(estimator.law, batch, point, scale, estimator.loss)))
    # 1e-300 only keeps 0/0 quiet: a parameter without a standard error (held, or at its bound) does not count
    shift = np.abs(theta - point)
    return np.where(error > 0, shift / np.maximum(error, 1e-300), 0.0).max(axis=1)


def _threshold(batch: Batch, parameters: np.ndarray) -> np.ndarray:
    """(T,) more standard errors where the scatter itself is known from few rows, as with a t distribution."""
    spare = np.maximum(batch.there.sum(axis=1) - parameters, 1)
    return WILD_STANDARD_ERRORS * (1 + 5.0 / spare)


def _standard_errors_off(estimator: Estimator, batch: Batch, theta: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(T, R) absolute residual over the standard error of a new row's residual, from the kept rows."""
    law, loss = estimator.law, estimator.loss
    residual = batch.residual(law, theta, loss)
    scale = scatter(batch.root_weight * residual, kept, batch.free)
    some = Batch(**{**vars(batch), "weight": np.where(kept, batch.weight, 0.0)})
    # the variance of a row that the fit has not seen: its own noise and what the fit does not know of the curve there;
    # for rows that it has seen this is on the safe side
    sampling = covariance(law, some, theta, scale, loss)
    slopes = jacobian(law, batch, theta, loss)
    variance = (scale[:, None] / batch.root_weight) ** 2 + np.einsum("trp,tpq,trq->tr", slopes, sampling, slopes)
    return np.abs(residual) / np.sqrt(np.maximum(variance, 1e-300))


def _end_blocks(batch: Batch, parameters: np.ndarray, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """The blocks to leave out, by the first ``inputs`` inputs: (L,) task and (L, R) rows, each block once.

    The sources of a mixture are no scales: most runs have little of each, and the rest is no end.
    """
    tasks, blocks = [], []
    for task in range(len(batch)):
        rows = np.flatnonzero(batch.there[task])
        seen = set()
        for position in range(inputs):
            order = rows[np.argsort(batch.z[task, rows, position], kind="stable")]
            if np.ptp(batch.z[task, rows, position]) == 0:
                continue
            for share in END_BLOCK_SHARES:
                count = int(np.ceil(share * len(rows)))
                # a fit through nearly as many parameters as rows predicts nothing to judge by
                if len(rows) - count < parameters[task] + MIN_SPARE_ROWS:
                    continue
                for end in (order[:count], order[-count:]):
                    # inputs that rise together have the same ends: each is fitted once
                    key = tuple(sorted(end))
                    if key not in seen:
                        seen.add(key)
                        mask = np.zeros(batch.there.shape[1], dtype=bool)
                        mask[end] = True
                        tasks.append(task)
                        blocks.append(mask)
    return np.array(tasks, dtype=int), np.array(blocks, dtype=bool).reshape(len(tasks), batch.there.shape[1])
