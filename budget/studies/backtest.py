"""Would the curves have told? The largest runs are hidden, the laws fitted to the rest, and the hidden runs predicted.

Intervals of a fit hold what the noise of its runs leaves open, given that the law is right. How far a law itself is off
beyond its runs is in none of them; hiding runs that are there is the one way to see it.

See docs/decisions/071-backtest-hides-a-share-a-task.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.law import ABSENT
from budget.curves.laws.table import LAWS, choose_scale
from budget.errors import DataError
from budget.numerics.interval import LEVEL
from budget.numerics.strict_json import json_rows
from budget.tables.checks.best_values import score_ceilings
from budget.tables.runs import Runs

HIDDEN_SHARE = 0.25
"""Share of a task's rows that is hidden where nothing is asked for."""

NO_LAW = "none"
"""Stands in the table for the prediction that nothing improves: the best value among the runs that are not hidden."""


@dataclass(frozen=True)
class Backtest:
    """L laws judged on H hidden rows; the prediction without a law comes first.

    Attributes:
        tasks: (T,) names of the tasks that have rows on both sides.
        size: the column that says how large a run was.
        laws: (L,) names, the first being ``NO_LAW``.
        kept: (T,) rows that the fits see.
        reach: (T,) largest hidden size over the largest that is not.
        task: (H,) index into ``tasks``.
        row: (H,) row number in the file.
        measured: (H,) values.
        predicted: (L, H), NaN where a task has no curve.
        low: (L, H) 10 % point for a new run, NaN where there is none.
        high: (L, H) 90 % point.
        status: (L, T) codes of the fits, "" without a law.
        notes: what has to be said, one sentence each.
    """

    tasks: tuple[str, ...]
    size: str
    laws: tuple[str, ...]
    kept: np.ndarray
    reach: np.ndarray
    task: np.ndarray
    row: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    status: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    @property
    def off(self) -> np.ndarray:
        """(L, H) predicted less measured, relative to the measured value."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.predicted - self.measured) / np.abs(self.measured)

    @property
    def error(self) -> np.ndarray:
        """(L, T) median size of ``off`` over a task's hidden rows."""
        return self._by_task(np.abs(self.off), np.median)

    @property
    def best(self) -> np.ndarray:
        """(T,) the law with the least error on each task, as a position in ``laws``."""
        return np.argmin(np.where(np.isfinite(self.error), self.error, np.inf), axis=0)

    @property
    def inside(self) -> np.ndarray:
        """(L, H) 1 where the interval for a new run holds the measured value, 0 where not, NaN without interval."""
        held = (self.low <= self.measured) & (self.measured <= self.high)
        return np.where(np.isfinite(self.low), held, np.nan)

    @property
    def stretch(self) -> np.ndarray:
        """(L, H) by which factor an interval must be widened about its prediction to reach the measured value."""
        above = self.measured > self.predicted
        # intervals are not symmetric: the side on which the measured value lies counts
        half = np.where(above, self.high - self.predicted, self.predicted - self.low)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.abs(self.measured - self.predicted) / half
        return np.where(self.measured == self.predicted, np.where(np.isfinite(half), 0.0, np.nan), ratio)

    def widening(self, law: int, rows: np.ndarray | slice = slice(None)) -> float:
        """The factor by which a law's intervals must be widened to hold as many new rows as they promise.

        It is the conformal quantile: of n rows the ⌈level·(n + 1)⌉-th smallest ``stretch`` (Vovk, Gammerman & Shafer
        2005, section 2.2, with rows taken for exchangeable); NaN where there are too few rows for it.
        """
        stretch = np.sort(self.stretch[law, rows])
        stretch = stretch[~np.isnan(stretch)]
        place = int(np.ceil(LEVEL * (len(stretch) + 1))) - 1
        return float(stretch[place]) if place < len(stretch) else float("nan")

    def table(self) -> pd.DataFrame:
        """``backtest.csv``: one row a task and law.

        ``error`` is the median relative error over the hidden rows, ``bias`` the same with its sign (positive:
        predicted too high), ``worst`` the largest; ``coverage`` the share of hidden values inside the 80 % interval for
        a new run, and ``widen`` the factor by which that would have to be wider to hold 80 % of them (``widening``).
        """
        count = len(self.laws)
        hidden = np.bincount(self.task, minlength=len(self.tasks))
        names = np.repeat(np.array(self.tasks, dtype=object), count)
        laws = np.tile(np.array(self.laws, dtype=object), len(self.tasks))
        cells = {
            "error": self.error,
            "bias": self._by_task(self.off, np.median),
            "worst": self._by_task(np.abs(self.off), np.max),
            "coverage": self._by_task(self.inside, np.mean),
            "widen": np.array(
                [[self.widening(law, self.task == task) for task in range(len(self.tasks))] for law in range(count)]
            ),
        }
        return pd.DataFrame(
            {
                "task": names,
                "law": laws,
                "fitted": np.repeat(self.kept, count),
                "hidden": np.repeat(hidden, count),
                "reach": np.repeat(self.reach, count),
                **{name: each.T.ravel() for name, each in cells.items()},
                "best": (np.arange(count) == self.best[:, None]).ravel(),
                "status": np.array(self.status, dtype=object).T.ravel(),
            }
        )

    def summary(self) -> pd.DataFrame:
        """One row a law: median of the tasks' errors, on how many it is the best, coverage and widening of all rows."""
        inside = pd.DataFrame(self.inside.T, columns=list(self.laws))
        return pd.DataFrame(
            {
                "law": self.laws,
                "tasks": np.isfinite(self.error).sum(axis=1),
                "error": pd.DataFrame(self.error.T).median().to_numpy(),
                "best_on": np.bincount(self.best, minlength=len(self.laws)),
                "coverage": inside.mean().to_numpy(),
                "widen": [self.widening(law) for law in range(len(self.laws))],
            }
        )

    def points(self) -> pd.DataFrame:
        """One row a hidden measurement and law."""
        count = len(self.laws)
        return pd.DataFrame(
            {
                "task": np.repeat(np.array(self.tasks, dtype=object)[self.task], count),
                "row": np.repeat(self.row, count),
                "law": np.tile(np.array(self.laws, dtype=object), len(self.row)),
                "value": np.repeat(self.measured, count),
                "predicted": self.predicted.T.ravel(),
                "low": self.low.T.ravel(),
                "high": self.high.T.ravel(),
            }
        )

    def record(self) -> dict[str, Any]:
        """The study as JSON."""
        return {
            "size": self.size,
            "laws": json_rows(self.summary()),
            "notes": list(self.notes),
            "rows": json_rows(self.table()),
            "points": json_rows(self.points()),
        }

    def _by_task(self, cells: np.ndarray, summary: Callable[[np.ndarray], Any]) -> np.ndarray:
        """(L, T) a summary of cells (L, H) over each task's rows; a missing cell makes it missing."""
        return np.array(
            [[summary(row[self.task == task]) for task in range(len(self.tasks))] for row in cells], dtype=float
        )


def backtest(
    runs: Runs,
    laws: Sequence[str] = (),
    *,
    hide: float = HIDDEN_SHARE,
    below: float | None = None,
    scale: str | None = None,
    best: np.ndarray | None = None,
    unserved: np.ndarray | None = None,
    progress: Callable[[str], Callable[[int, int], None] | None] | None = None,
    **fitting: Any,
) -> Backtest:
    """Hide each task's largest runs, fit laws to the others, and predict the hidden ones.

    Args:
        runs: the measurements.
        laws: names in ``LAWS``; by default every law of one task whose columns the runs have.
        hide: share of a task's rows that is hidden, the largest by FLOPs (by the one scale there is where there are
            none); rows of one size stay together, on the side of the fit where they would be divided, unless they are
            the largest.
        below: hide instead what is larger than this.
        scale: the column that the one-scale laws read, see ``fit_curves``.
        best: (T,) stated best values, NaN where not stated.
        unserved: (T,) stated values of a task that is given nothing, NaN where not stated.
        progress: law and its place, such as ``m4 (2 of 3)`` → its (done, total) callback.
        fitting: what ``fit_curves`` takes beside these.

    Raises:
        DataError: the share is not between 0 and 1, no task has rows on both sides, or see ``fit_curves``.
    """
    if not 0 < hide < 1:
        raise DataError(f"--holdout is {hide:g}; give the share of the rows that is hidden, between 0 and 1.")
    name = "flops" if "flops" in runs.scale else choose_scale(tuple(runs.scale))
    size = runs.scale[name]
    # by size and not at random: what is asked is how laws hold beyond their runs, not between them
    hidden = _hidden(runs, size, hide, below)
    count = len(runs.tasks)
    out, kept = (np.bincount(runs.task[side], minlength=count) for side in (hidden, ~hidden))
    both = np.flatnonzero((out > 0) & (kept > 0))
    if len(both) == 0:
        where = f"at --holdout-above {below:g}" if below is not None else "among runs of one size"
        raise DataError(
            f"{runs.source}: no task has rows on both sides {where}, so there is nothing to predict; "
            "give --holdout-above another size, or measure several."
        )
    some = np.isin(runs.task, both)
    names = [runs.tasks[task] for task in both]
    place = np.searchsorted(both, runs.task)
    seen, unseen = some & ~hidden, some & hidden
    fewer = runs.select(seen, place[seen], names, names)
    points = runs.keep(unseen)
    at, measured = place[unseen], points.value
    largest = np.array([[size[side & (runs.task == task)].max() for task in both] for side in (unseen, seen)])

    unknown = np.full(count, np.nan)
    best, unserved = (unknown if values is None else values for values in (best, unserved))
    # the best score is part of the metric and not of the fit, so it is read off all runs
    ceiling = score_ceilings(runs, best)
    chosen = list(dict.fromkeys(laws or _possible(runs)))
    found = [
        fit_curves(
            fewer,
            law,
            scale=scale if LAWS[law].reads_one_scale else None,
            best=best[both],
            unserved=unserved[both],
            ceiling=ceiling[both],
            progress=None if progress is None else progress(f"{law} ({place} of {len(chosen)})"),
            **fitting,
        )
        for place, law in enumerate(chosen, start=1)
    ]
    nothing = np.full(len(measured), np.nan)
    results = [
        (_best_values(fewer)[at], nothing, nothing),
        *(_predicted(curves, points.columns, at) for curves in found),
    ]
    predicted, low, high = (np.array(each) for each in zip(*results, strict=True))
    return Backtest(
        tasks=tuple(names),
        size=name,
        laws=(NO_LAW, *(curves.law for curves in found)),
        kept=kept[both],
        reach=largest[0] / largest[1],
        task=at,
        row=points.row,
        measured=measured,
        predicted=predicted,
        low=low,
        high=high,
        status=(("",) * len(both), *(curves.status for curves in found)),
        notes=(*_one_sided(runs, both), *(note for curves in found for note in _without_curve(curves, names))),
    )


def _hidden(runs: Runs, size: np.ndarray, share: float, below: float | None) -> np.ndarray:
    """(R,) which rows are hidden: a share of each task's, the largest, or all above one size."""
    if below is not None:
        return size > below
    hidden = np.zeros(len(size), dtype=bool)
    for task in range(len(runs.tasks)):
        mine = np.flatnonzero(runs.task == task)
        hidden[mine] = size[mine] > largest_kept(size[mine], share)
    return hidden


def largest_kept(size: np.ndarray, share: float) -> float:
    """The largest of a task's sizes (R,) that is not hidden where a share is; infinite where all are equal."""
    # rows of one size are not divided, or a model would be predicted from its twin: those at the limit stay with the
    # fit, unless they are the largest, of which all are hidden then
    ranked = np.sort(size)
    limit = ranked[max(len(size) - max(round(share * len(size)), 1) - 1, 0)]
    if limit < ranked[-1]:
        return float(limit)
    smaller = ranked[ranked < ranked[-1]]
    return float(smaller[-1]) if len(smaller) else np.inf


def _best_values(runs: Runs) -> np.ndarray:
    """(T,) each task's best value."""
    return np.array(
        [
            (np.max if higher else np.min)(runs.value[runs.task == task])
            for task, higher in enumerate(runs.higher_is_better)
        ]
    )


def _one_sided(runs: Runs, both: np.ndarray) -> list[str]:
    """Which tasks have no rows on one of the sides, one sentence; nothing where all are among those ``both``."""
    names = [task for index, task in enumerate(runs.tasks) if index not in both]
    return [f"Not judged, for all their rows are on one side: {', '.join(names)}."] if names else []


def _without_curve(curves: Curves, names: Sequence[str]) -> list[str]:
    """Which tasks a law has no curve of, one sentence."""
    lost = [task for task, used in zip(names, curves.used, strict=True) if not used]
    return [f"Law '{curves.law}' has no curve of {', '.join(lost)}."] if lost else []


def _possible(runs: Runs) -> list[str]:
    """The laws of one task whose columns the runs have."""
    there = {"scale", *runs.columns}
    return [name for name, law in LAWS.items() if set(law.inputs) <= there and not law.is_of_one_model]


def _predicted(
    curves: Curves, columns: Mapping[str, np.ndarray], task: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (H,) of new runs with their interval, NaN where a task has no curve."""
    with np.errstate(divide="ignore"):  # a source of a mixture may have given nothing
        inputs = np.maximum(np.log(np.column_stack([columns[name] for name in curves.scale_columns])), ABSENT)
    there = curves.used[task]
    result = np.full((3, len(task)), np.nan)
    result[:, there] = curves.predict(task[there], inputs[there], new_run=True)
    return result[0], result[1], result[2]
