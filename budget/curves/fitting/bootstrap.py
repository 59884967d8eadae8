"""Draws of noise: a smoothed residual bootstrap over runs, joint over tasks.

See docs/decisions/014-smoothed-residual-bootstrap.md,
docs/decisions/015-what-the-bootstrap-assumes.md,
docs/decisions/017-new-run-is-an-extra-run.md.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from budget.curves.fitting.batch import Batch
from budget.curves.fitting.residual_scale import scatter
from budget.curves.run_names import run_keys
from budget.numerics.streams import keys, uniforms
from budget.tables.runs import Runs

KERNEL_BANDWIDTH = 0.9
"""Of the kernel that smooths the residuals: ``0.9·scale·n^(-1/5)`` (the rule of thumb of Silverman 1986)."""


NEW_RUN_KEY = keys([b"a new run"])
"""The key of the numbers of the run that nobody has measured; no key of a measured run is made of this."""

CENTRING_DRAWS = 4000
"""Draws from which the quantile of the smoothed noise is read, for an asymmetric loss."""


@dataclass(frozen=True)
class Resampler:
    """Noise for T tasks of R rows, in the loss's own measure of a residual.

    In each draw every run takes over the residuals of a run picked at random from the same task, blown up by
    √(n/(n − P)) for the parameters that the fit has used up, plus kernel noise. A fit by (nearly) absolute deviations
    passes through P runs, and its variance hangs on the density of the noise at 0: resampling raw residuals or
    reweighting runs gets both wrong in a small sample, smoothed residuals do not (De Angelis, Hall & Young 1993).

    A run's random numbers belong to its name, whatever else stands in the file and wherever it stands. They serve all
    tasks it was measured on: tasks of the same runs take over residuals of one and the same other run, and kernel noise
    whose signs are those of one and the same third run, so that residuals which go together across tasks do so in every
    draw. Exact copies of a run share its numbers. A task's runs are numbered in the order of their keys, and a run's
    rows as the batch has them, by their scales.

    Weights are precisions: residuals are made of one size by the root of their row's weight before they change places.

    Attributes:
        run: (T, R) which run's random numbers a row uses, a position in ``key``.
        repeat: (T, R) which of its run's rows in the task it is.
        root_weight: (T, R) roots of the rows' weights.
        residual: (T, N, M) weighted residuals by run of the task and row of the run; runs of fewer rows repeat theirs.
        rows_of: (T, N) rows of each run, 0 where the task has no such run.
        count: (T,) runs of each task.
        growth: (T,) √(n/(n − P)).
        kernel: (T,) standard deviation of the smoothing noise.
        offset: (T,) taken off the noise, 0 for a symmetric loss.
        key: of each run's random numbers.
        seed: of the random numbers; a number of draw b does not depend on how draws are grouped.
    """

    run: np.ndarray
    repeat: np.ndarray
    root_weight: np.ndarray
    residual: np.ndarray
    rows_of: np.ndarray
    count: np.ndarray
    growth: np.ndarray
    kernel: np.ndarray
    offset: np.ndarray
    key: np.ndarray
    seed: int

    def rows(self, first: int, last: int) -> np.ndarray:
        """Noise (last − first, T, R) of the measured rows in draws ``first`` up to ``last``."""
        taken, signed, size = uniforms(self.key, self.seed, first, last, 3)[:, :, self.run]
        task, repeat = np.arange(len(self.count))[:, None], self.repeat % self.residual.shape[2]
        taken, signed = (self.residual[task, self._run(each), repeat] for each in (taken, signed))
        return self._noise(taken, signed, size) / self.root_weight

    def new_run(self, draws: int) -> np.ndarray:
        """Noise (B, T) of one new run of each task in every draw, the same run for all tasks.

        It is that of any one of the rows of a run picked at random. It is shrunk to the variance without the kernel
        (Silverman & Young 1987): smoothing must not make a new run noisier than the measured ones.
        """
        taken, signed, size, row = uniforms(NEW_RUN_KEY, self.seed, 0, draws, 4)[:, :, None]
        taken, signed = (self._any_row(each, row) for each in (taken, signed))
        # the kernel adds (bandwidth·n^(-1/5))² of the residuals' variance, which is taken off again
        noise = self._noise(taken, signed, size)[:, :, 0]
        return noise / np.sqrt(1 + (KERNEL_BANDWIDTH * self.count**-0.2) ** 2)

    def _run(self, number: np.ndarray) -> np.ndarray:
        """Which of its task's runs numbers (B, T or 1, R) pick."""
        return (number * self.count[:, None]).astype(int)

    def _any_row(self, which: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Residuals (B, T, 1) of the runs and of their rows that numbers (B, 1, 1) pick."""
        task, run = np.arange(len(self.count))[:, None], self._run(which)
        return self.residual[task, run, (row * self.rows_of[task, run]).astype(int)]

    def _noise(self, taken: np.ndarray, signed: np.ndarray, number: np.ndarray) -> np.ndarray:
        size = -ndtri(number / 2)  # absolute value of a standard normal variable
        noise = taken * self.growth[:, None] + self.kernel[:, None] * size * np.sign(signed)
        return noise - self.offset[:, None]


def resampler(
    runs: Runs, batch: Batch, residual: np.ndarray, parameters: np.ndarray, seed: int, quantile: float = 0.5
) -> Resampler:
    """Prepare the draws of a fit.

    Args:
        runs: the measurements.
        batch: T tasks.
        residual: (T, R) data minus curve of their fits, in the loss's measure.
        parameters: (T,) parameters that each fit has used up.
        seed: of the random numbers.
        quantile: share of the rows that the loss wants below the curve; the smoothed noise is moved to have it too.
    """
    residual = residual * batch.root_weight
    key, named = np.unique(run_keys(runs), return_inverse=True)
    run = np.where(batch.there, named[runs.run[batch.rows]], 0)
    repeat = np.zeros_like(run)
    tables, rows, count = [], [], np.empty(len(batch), dtype=int)
    for task in range(len(batch)):
        there = batch.there[task]
        names, position = np.unique(run[task, there], return_inverse=True)
        tables.append(_by_run(residual[task, there], position))
        rows.append(np.bincount(position))
        count[task] = len(names)
        repeat[task, there] = _place_in_run(position)
    shape = np.max([table.shape for table in tables], axis=0)
    by_run, rows_of = np.zeros((len(batch), *shape)), np.zeros((len(batch), shape[0]), dtype=int)
    for task, table in enumerate(tables):
        # runs of fewer rows repeat theirs, so that a row finds a residual in whatever run it takes over
        by_run[task, : len(table)] = table[:, np.arange(shape[1]) % table.shape[1]]
        rows_of[task, : len(table)] = rows[task]
    spare = np.maximum(count - parameters, 1)
    # the errors' scatter, brought back to that of the residuals, which a fit of P parameters has made smaller
    scale = scatter(residual, batch.there, np.ceil(parameters).astype(int)) * np.sqrt(spare / count)
    resampled = Resampler(
        run=run,
        repeat=repeat,
        root_weight=batch.root_weight,
        residual=by_run,
        rows_of=rows_of,
        count=count,
        growth=np.sqrt(count / spare),
        kernel=KERNEL_BANDWIDTH * scale * count**-0.2,
        offset=np.zeros(len(batch)),
        key=key,
        seed=seed,
    )
    if quantile == 0.5:
        return resampled
    # smoothing is symmetric, and moves any quantile but the median: what it moves is taken off again
    return replace(resampled, offset=np.quantile(resampled.new_run(CENTRING_DRAWS), quantile, axis=0))


def _by_run(residual: np.ndarray, position: np.ndarray) -> np.ndarray:
    """One task's residuals, a run a row; shorter rows repeat."""
    rows = np.bincount(position)
    first = np.cumsum(rows) - rows
    column = np.arange(rows.max())[None, :] % rows[:, None]
    return residual[np.argsort(position, kind="stable")][first[:, None] + column]


def _place_in_run(position: np.ndarray) -> np.ndarray:
    """Which of its run's rows each row is."""
    order, rows = np.argsort(position, kind="stable"), np.bincount(position)
    place = np.empty(len(position), dtype=int)
    place[order] = np.arange(len(position)) - np.repeat(np.cumsum(rows) - rows, rows)
    return place
