"""Would the curves have told? The largest runs are hidden, the laws fitted to the rest, and the hidden runs predicted.

How far a law itself is off beyond its runs, no fit can prove; hiding runs that are there is the one way to see it. That
is done from several origins: the more runs are hidden, the farther the others must predict (Tashman 2000,
"Out-of-sample tests of forecasting accuracy", with size in the place of time).

See docs/decisions/071-backtest-hides-a-share-a-task.md.
See docs/decisions/131-backtest-verdicts.md.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.law import ABSENT
from budget.curves.laws.table import AUTO, LAWS, choose_scale, law_for
from budget.errors import DataError
from budget.numerics.brief import Brief
from budget.numerics.interval import LEVEL
from budget.numerics.quoting import shown
from budget.numerics.row_codes import rows_of_each
from budget.numerics.strict_json import json_rows
from budget.tables.checks.best_values import score_ceilings
from budget.tables.runs import Runs

HIDDEN_SHARE = 0.25
"""Share of a task's rows that is hidden where nothing is asked for."""

ORIGINS = 3
"""From how many origins a backtest predicts: a quarter, half and three quarters of the rows hidden."""

LEAST_KEPT = 4
"""Trained models that must stay at every origin but the first: one more than a level, a slope and a floor."""

BANDS = (1.0, 3.0, 10.0, 100.0, np.inf)
"""Ends of the distances at which laws are judged apart: how many times larger than the largest run that was fitted."""

NO_LAW = "none"
"""Stands in the table for the prediction that nothing improves: the best value among the runs that are not hidden."""


@dataclass(frozen=True, repr=False)
class Backtest(Brief):
    """L laws judged on H predictions of hidden rows; the prediction without a law comes first.

    A row that is hidden at several origins is predicted at each of them.

    Attributes:
        tasks: (T,) names of the tasks that have rows on both sides.
        size: the column that says how large a run was.
        laws: (L,) names, the first being ``NO_LAW``.
        kept: (T,) rows that the fits see at the first origin.
        reach: (T,) largest hidden size over the largest that is not, at the first origin.
        task: (H,) index into ``tasks``.
        row: (H,) row number in the file.
        measured: (H,) values.
        predicted: (L, H), NaN where a task has no curve.
        low: (L, H) 10 % point for a new run, NaN where there is none.
        high: (L, H) 90 % point.
        status: (L, T) codes of the fits at the first origin, "" without a law.
        notes: what has to be said, one sentence each.
        origin: (H,) from which origin a row is predicted, counted from 0; the first hides the fewest rows.
        distance: (H,) the row's size over the largest that was fitted.
        group: (H,) rows of one task share a number where they are of one trained model or of one size, so that what
            is off in one is off in the other.
        noise: (L, H) how far a run typically lies off the law's curve there, in the value's unit; NaN without a law.
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
    origin: np.ndarray
    distance: np.ndarray
    group: np.ndarray
    noise: np.ndarray

    @cached_property
    def off(self) -> np.ndarray:
        """(L, H) predicted less measured, relative to the measured value."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.predicted - self.measured) / np.abs(self.measured)

    @property
    def half_width(self) -> np.ndarray:
        """(L, H) half the difference of the logarithms of an interval's ends, NaN where one is not above 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.low > 0, np.log(self.high / self.low) / 2, np.nan)

    @property
    def error(self) -> np.ndarray:
        """(L, T) median size of ``off`` over a task's hidden rows."""
        return self._by_task(np.abs(self.off), np.median)

    @property
    def best(self) -> np.ndarray:
        """(T,) the law with the least error on each task, as a position in ``laws``."""
        return np.argmin(np.where(np.isfinite(self.error), self.error, np.inf), axis=0)

    @cached_property
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
        ``fitted`` and ``reach`` are those of the first origin, ``farthest`` is the largest reach of all ``origins``;
        ``width`` is the mean half-width of the logarithm's interval, and behind it stand error and coverage by
        distance (``BANDS``), empty where no row is so far.
        """
        count, tasks = len(self.laws), len(self.tasks)
        mine = rows_of_each(self.task, tasks)
        hidden = np.array([len(np.unique(self.row[rows])) for rows in mine])
        names = np.repeat(np.array(self.tasks, dtype=object), count)
        laws = np.tile(np.array(self.laws, dtype=object), len(self.tasks))
        cells = {
            "error": self.error,
            "bias": self._by_task(self.off, np.median),
            "worst": self._by_task(np.abs(self.off), np.max),
            "coverage": self._by_task(self.inside, np.mean),
            "widen": np.array([[self.widening(law, rows) for rows in mine] for law in range(count)]),
        }
        apart = [self.by_distance(law, rows) for rows in mine for law in range(count)]
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
                "origins": np.repeat([len(np.unique(self.origin[rows])) for rows in mine], count),
                "predictions": np.repeat([len(rows) for rows in mine], count),
                "farthest": np.repeat([self.distance[rows].max() for rows in mine], count),
                "width": self._by_task(self.half_width, np.mean).T.ravel(),
                **pd.DataFrame(apart),
            }
        )

    def summary(self) -> pd.DataFrame:
        """One row a law: median of the tasks' errors, on how many it is the best, and how its intervals do on all rows.

        The columns behind ``widen`` are those of ``table`` over all rows.
        """
        inside = pd.DataFrame(self.inside.T, columns=list(self.laws))
        return pd.DataFrame(
            {
                "law": self.laws,
                "tasks": np.isfinite(self.error).sum(axis=1),
                "error": pd.DataFrame(self.error.T).median().to_numpy(),
                "best_on": np.bincount(self.best, minlength=len(self.laws)),
                "coverage": inside.mean().to_numpy(),
                "widen": [self.widening(law) for law in range(len(self.laws))],
                "width": pd.DataFrame(self.half_width.T).mean().to_numpy(),
                **pd.DataFrame([self.by_distance(law) for law in range(len(self.laws))]),
            }
        )

    def by_distance(self, law: int, rows: np.ndarray | slice = slice(None)) -> dict[str, float]:
        """Median error and coverage of a law on rows of each distance (``BANDS``), NaN where there are none.

        The names are ``error_`` and ``coverage_`` before a band's (``distance_name``).
        """
        distance, off, inside = self.distance[rows], np.abs(self.off[law, rows]), self.inside[law, rows]
        found = {}
        for least, most in itertools.pairwise(BANDS):
            name = distance_name(least, most)
            there = (distance > least) & (distance <= most) & np.isfinite(off)
            found[f"error_{name}"] = float(np.median(off[there])) if there.any() else np.nan
            # of a point fit no interval is judged: that stays empty too
            found[f"coverage_{name}"] = float(np.mean(inside[there])) if there.any() else np.nan
        return found

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
                "origin": np.repeat(self.origin + 1, count),
                "distance": np.repeat(self.distance, count),
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
        mine = rows_of_each(self.task, len(self.tasks))
        return np.array([[summary(row[rows]) for rows in mine] for row in cells], dtype=float)


def distance_name(least: float, most: float) -> str:
    """The name of a band of distances: ``1_3``, or ``over_100`` of the last."""
    return f"{least:g}_{most:g}" if np.isfinite(most) else f"over_{least:g}"


def backtest(
    runs: Runs,
    laws: Sequence[str] = (),
    *,
    hide: float = HIDDEN_SHARE,
    below: float | None = None,
    origins: int | None = None,
    scale: str | None = None,
    best: np.ndarray | None = None,
    unserved: np.ndarray | None = None,
    beside: Runs | None = None,
    progress: Callable[[str], Callable[[int, int], None] | None] | None = None,
    **fitting: Any,
) -> Backtest:
    """Hide each task's largest runs, fit laws to the others, and predict the hidden ones.

    Args:
        runs: the measurements.
        laws: names in ``LAWS``, or ``auto``; by default every law of one task whose columns the runs have.
        hide: share of a task's rows that is hidden, the largest by FLOPs (by the one scale there is where there are
            none); rows of one size stay together, on the side of the fit where they would be divided, unless they are
            the largest.
        below: hide instead what is larger than this.
        origins: how often: the k-th time k times ``hide`` of a task's rows are hidden, as long as ``LEAST_KEPT``
            trained models stay and every law has a curve of them; by default ``ORIGINS``, and once with ``below``.
        scale: the column that the one-scale laws read, see ``fit_curves``.
        best: (T,) stated best values, NaN where not stated.
        unserved: (T,) stated values of a task that is given nothing, NaN where not stated.
        beside: specialists of the same tasks, see ``fit_curves``; those larger than the fitted runs are hidden too.
        progress: law and its place, such as ``m4 (2 of 3)`` → its (done, total) callback.
        fitting: what ``fit_curves`` takes beside these.

    Raises:
        DataError: the share is not between 0 and 1, several origins are asked for with ``below``, no task has rows on
            both sides, or see ``fit_curves``.
    """
    if not 0 < hide < 1:
        raise DataError(f"--holdout is {hide:g}; give the share of the rows that is hidden, between 0 and 1.")
    if origins is not None and origins > 1 and below is not None:
        raise DataError(
            f"--origins {origins} hides ever more rows, and --holdout-above {below:g} says which; leave one out."
        )
    name = "flops" if "flops" in runs.scale else choose_scale(tuple(runs.scale))
    size = runs.scale[name]
    # by size and not at random: what is asked is how laws hold beyond their runs, not between them
    sides = _origins(runs, size, hide, below, (1 if below is not None else ORIGINS) if origins is None else origins)
    if not sides[0].any():
        where = f"at --holdout-above {below:g}" if below is not None else "among runs of one size"
        raise DataError(
            f"{runs.source}: no task has rows on both sides {where}, so there is nothing to predict; "
            "give --holdout-above another size, or measure several."
        )
    count = len(runs.tasks)
    unknown = np.full(count, np.nan)
    best, unserved = (unknown if values is None else values for values in (best, unserved))
    # the best score is part of the metric and not of the fit, so it is read off all runs
    stated = best, unserved, score_ceilings(runs, best)
    chosen = list(dict.fromkeys(laws or _possible(runs)))
    for law in chosen:
        if law not in (AUTO, *LAWS):
            raise DataError(f"There is no law {shown(law)}; choose one of {', '.join((AUTO, *LAWS))}.")
    steps = itertools.count(1)

    def watch(law: str) -> Callable[[int, int], None] | None:
        return None if progress is None else progress(f"{law} ({next(steps)} of {len(chosen) * len(sides)})")

    # no plan reads these curves
    asked = {**fitting, "scale": scale, "beside": beside, "borrow": False, "planned": False}
    found = [_origin(runs, name, hidden, chosen, stated, asked, watch) for hidden in sides]
    return _judged(runs, name, found)


@dataclass(frozen=True)
class _Origin:
    """What the laws say of the rows (h,) that one origin hides; attributes as in ``Backtest``, tasks by the file's."""

    tasks: np.ndarray
    kept: np.ndarray
    reach: np.ndarray
    rows: np.ndarray
    distance: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    noise: np.ndarray
    curves: tuple[Curves, ...]


def _origins(runs: Runs, size: np.ndarray, share: float, below: float | None, count: int) -> list[np.ndarray]:
    """The rows (R,) that each origin hides, of tasks that have others; an origin without any ends them."""
    sides: list[np.ndarray] = []
    before = np.zeros(len(runs.tasks), dtype=int)
    for k in range(1, count + 1):
        if k > 1 and k * share >= 1:
            break
        hidden = _hidden(runs, size, k * share, below)
        for task in range(len(runs.tasks)):
            mine = runs.rows_of(task)
            models = len(np.unique(runs.originals[runs.run[mine[~hidden[mine]]]]))
            rows = int(hidden[mine].sum())
            # rows of one size stay together, so that a larger share may hide no more than the one before
            if models < (LEAST_KEPT if sides else 1) or (sides and not rows > before[task] > 0):
                hidden[mine] = False
            else:
                before[task] = rows
        if sides and not hidden.any():
            break
        sides.append(hidden)
    return sides


def _origin(
    runs: Runs,
    of_size: str,
    hidden: np.ndarray,
    laws: Sequence[str],
    stated: tuple[np.ndarray, np.ndarray, np.ndarray],
    fitting: Mapping[str, Any],
    watch: Callable[[str], Callable[[int, int], None] | None],
) -> _Origin:
    """The laws fitted to the tasks with hidden rows (R,), without these, and what they say of them."""
    size, both = runs.scale[of_size], np.unique(runs.task[hidden])
    seen = np.isin(runs.task, both) & ~hidden
    names = [runs.tasks[task] for task in both]
    fewer = runs.select(seen, np.searchsorted(both, runs.task[seen]), names, names)
    points = runs.keep(hidden)
    at = np.searchsorted(both, points.task)
    best, unserved, ceiling = (values[both] for values in stated)
    largest = np.array([size[mine[seen[mine]]].max() for mine in map(runs.rows_of, both)])
    scale, beside = fitting["scale"], _no_larger(fitting["beside"], of_size, dict(zip(names, largest, strict=True)))
    found = tuple(
        fit_curves(
            fewer,
            law,
            **{
                **fitting,
                "scale": scale if law == AUTO or LAWS[law].reads_one_scale else None,
                "beside": beside,
                "best": best,
                "unserved": unserved,
                "ceiling": ceiling,
                "progress": watch(law),
            },
        )
        for law in laws
    )
    nothing = np.full(len(at), np.nan)
    results = [
        (_best_values(fewer)[at], nothing, nothing, nothing),
        *((*_predicted(curves, points.columns, at), _scatter(curves, points.value, at)) for curves in found),
    ]
    predicted, low, high, noise = (np.array(each) for each in zip(*results, strict=True))
    distance = size[hidden] / largest[at]
    return _Origin(
        tasks=both,
        kept=np.bincount(fewer.task, minlength=len(both)),
        reach=np.array([distance[at == position].max() for position in range(len(both))]),
        rows=np.flatnonzero(hidden),
        distance=distance,
        predicted=predicted,
        low=low,
        high=high,
        noise=noise,
        curves=found,
    )


def _no_larger(beside: Runs | None, of_size: str, largest: Mapping[str, float]) -> Runs | None:
    """The specialists that are no larger than the runs which their task's curve is fitted to."""
    if beside is None:
        return None
    most = np.array([largest.get(name, 0.0) for name in beside.tasks])
    small = beside.scale[of_size] <= most[beside.task]
    return beside.keep(small) if small.any() else None


def _judged(runs: Runs, of_size: str, found: Sequence[_Origin]) -> Backtest:
    """What all origins say together, the tasks being those of the first."""
    first = found[0]
    # laws are compared on the same rows: after the first, an origin counts for a task where all have a curve of it
    counts = []
    for each in found:
        lacking = runs.task[each.rows[~np.isfinite(each.predicted).all(axis=0)]]
        counts.append(np.full(len(each.rows), True) if each is first else ~np.isin(runs.task[each.rows], lacking))
    rows = np.concatenate([each.rows[keep] for each, keep in zip(found, counts, strict=True)])
    cells = {
        name: np.concatenate([getattr(each, name)[..., keep] for each, keep in zip(found, counts, strict=True)], -1)
        for name in ("distance", "predicted", "low", "high", "noise")
    }
    names = [runs.tasks[task] for task in first.tasks]
    return Backtest(
        tasks=tuple(names),
        size=of_size,
        laws=(NO_LAW, *(curves.law for curves in first.curves)),
        kept=first.kept,
        reach=first.reach,
        task=np.searchsorted(first.tasks, runs.task[rows]),
        row=runs.row[rows],
        measured=runs.value[rows],
        status=(("",) * len(names), *(curves.status for curves in first.curves)),
        notes=(
            *_one_sided(runs, first.tasks),
            *(note for curves in first.curves for note in _without_curve(curves, names)),
        ),
        origin=np.repeat(np.arange(len(found)), [keep.sum() for keep in counts]),
        group=_dependent(runs, runs.scale[of_size])[rows],
        **cells,
    )


def _dependent(runs: Runs, size: np.ndarray) -> np.ndarray:
    """(R,) numbers that rows of a task share where they are of one trained model or of one size.

    A trained model counts as of its largest size.
    """
    run = runs.originals[runs.run]
    pair = np.unique(np.stack([runs.task, run]), axis=1, return_inverse=True)[1].ravel()
    largest = np.zeros(pair.max() + 1)
    np.maximum.at(largest, pair, size)
    of_size = np.stack([runs.task, largest[pair]])
    return np.unique(of_size, axis=1, return_inverse=True)[1].ravel()


def _scatter(curves: Curves, value: np.ndarray, task: np.ndarray) -> np.ndarray:
    """(H,) how far runs with such values typically lie off their curve, in the values' unit."""
    distance = np.where(curves.higher_is_better[task], curves.ceiling[task] - value, value)
    return curves.error[task] * np.abs(distance)


def _hidden(runs: Runs, size: np.ndarray, share: float, below: float | None) -> np.ndarray:
    """(R,) which rows are hidden: a share of each task's, the largest, or all above one size."""
    if below is not None:
        return size > below
    hidden = np.zeros(len(size), dtype=bool)
    for task in range(len(runs.tasks)):
        mine = runs.rows_of(task)
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
            (np.max if higher else np.min)(runs.value[runs.rows_of(task)])
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
    if runs.named_scales:
        return [law_for(runs, searched=False)]
    there = {"scale", *runs.columns}
    return [
        name
        for name, law in LAWS.items()
        if set(law.inputs) <= there and not (law.is_of_one_model or law.reads_named_scales)
    ]


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
