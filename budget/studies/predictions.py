"""Values at given scales: the points table with predictions beside it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from budget.allocation.plan.plan_warnings import suspect_tasks
from budget.curves.checks.unique_data import unique_warnings
from budget.curves.curves import Curves
from budget.curves.laws.law import ABSENT
from budget.errors import DataError
from budget.numerics.interval import outside
from budget.numerics.quoting import listed, shown
from budget.tables.checks.status import JUDGED
from budget.tables.columns import numbers
from budget.tables.columns import view as view_of
from budget.tables.files.text import read_csv, require_columns

ADDED = ("predicted", "low", "high")

LOSS = "loss"
"""What is added behind these where a score is predicted."""

FAR = 3.0
"""Factor outside the measured range beyond which a point's prediction says that it extrapolates."""


def predict_points(
    curves: Curves, path: str | Path, *, columns: Mapping[str, str] | None = None, new_run: bool = False
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Predict the value of every row of a points table.

    Args:
        curves: the fit.
        path: a CSV with the law's inputs, and ``task`` unless the curves have one task.
        columns: canonical column name → the file's own.
        new_run: whether the interval is for one new run, and not for the mean curve.

    Returns:
        Every column and row of the points, in order, with ``predicted, low, high`` (80 % interval) behind them; and a
        sentence for each task that could not be predicted, whose cells are empty, or that lies far outside its runs,
        and one on those whose curves fail the backtest, or were measured with other unique data.
        Where the fit has a link these are the score's, and ``loss`` stands behind them.

    Raises:
        DataError: a column is missing or already taken, a cell is not a positive number, or a task is unknown.
    """
    points, view, task, inputs = read_points(curves, path, columns)
    added = ADDED if curves.link is None else (*ADDED, LOSS)
    for name in added:
        if name in points.columns:
            raise DataError(f"{path}: column '{name}' is already there; rename it, since the prediction goes there.")
    results: tuple[np.ndarray, ...] = curves.predict(task, inputs, new_run=new_run)
    if curves.link is not None:
        results = *curves.predict_score(task, inputs, new_run=new_run), results[0]
    for name, result in zip(added, results, strict=True):
        points[name] = np.where(curves.used[task], result, np.nan)
    asked = set(np.unique(task))
    unknown = tuple(
        f"Task '{curves.tasks[i]}' has no curve ({curves.status[i]}: {curves.message[i]}); its cells are empty."
        for i in sorted(asked)
        if not curves.used[i]
    )
    contradicted = _outside_interval(curves, task, points, view.index.to_numpy())
    these = curves.take(np.array(sorted(asked), dtype=int))
    failing = suspect_tasks(these, [JUDGED["FAIL"]])
    cut = _cut(curves, task, results[0], view.index.to_numpy())
    told = (*failing, *unknown, *these.unlinked, *contradicted, *cut, *unique_warnings(curves, task, inputs))
    return points, (*told, *_far(curves, task, inputs, view.index.to_numpy()))


def read_points(
    curves: Curves, path: str | Path, columns: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray, np.ndarray]:
    """A table of points: as it is, under canonical column names, each row's task (R,) and log inputs (R, I).

    Raises:
        DataError: a column is missing, a cell is not a positive number, or a task is unknown.
    """
    points = read_csv(path, "points")
    view = _derived(curves, view_of(points, path, columns), path)
    require_columns(view, curves.scale_columns, path)
    if "task" in view.columns:
        cells = view["task"].str.strip()
        for row, name in cells.items():
            if name not in curves.tasks:
                raise DataError(
                    f"{path}, row {row}, column 'task': {shown(name)} is not among the fitted tasks "
                    f"({listed(curves.tasks)}); correct the name."
                )
        task = np.array([curves.tasks.index(name) for name in cells])
    elif len(curves.tasks) == 1:
        task = np.zeros(len(view), dtype=int)
    else:
        raise DataError(f"{path}: column 'task' is missing, and the curves have {len(curves.tasks)} tasks; add it.")
    return points, view, task, _log_inputs(curves, view, path)


def _outside_interval(curves: Curves, task: np.ndarray, points: pd.DataFrame, row: np.ndarray) -> tuple[str, ...]:
    """A sentence for each task with predictions that their own intervals do not hold."""
    out = outside(*(points[name].to_numpy(dtype=float) for name in ADDED))
    return tuple(
        f"Task {shown(curves.tasks[one])}: the prediction of row {named} lies outside its own interval: the draws "
        "disagree with the fit."
        for one, named in _rows_of(task, row, out).items()
    )


def _cut(curves: Curves, task: np.ndarray, value: np.ndarray, row: np.ndarray) -> tuple[str, ...]:
    """A sentence for each task with points at which its curve is worse than its unserved value."""
    cut = curves.used[task] & np.isclose(value, curves.unserved[task], rtol=1e-12, atol=0.0)
    return tuple(
        f"Task {shown(curves.tasks[one])}: the curve is worse than the unserved value {curves.unserved[one]:.4g} in "
        f"row {named}, where that is given instead."
        for one, named in _rows_of(task, row, cut).items()
    )


def _rows_of(task: np.ndarray, row: np.ndarray, which: np.ndarray) -> dict[int, str]:
    """Position of each task with points among ``which`` (R,) → the first of their row numbers."""
    return {one: ", ".join(map(str, row[which & (task == one)][:8])) for one in np.unique(task[which])}


def _derived(curves: Curves, view: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """The points with ``task_tokens`` from tokens and n_tasks, as the runs have it."""
    if (
        "task_tokens" in curves.scale_columns
        and "task_tokens" not in view.columns
        and {"tokens", "n_tasks"} <= set(view)
    ):
        tokens, count = (numbers(view, name, path, above=0.0) for name in ("tokens", "n_tasks"))
        return view.assign(task_tokens=(tokens / count).astype(str))
    return view


def _log_inputs(curves: Curves, view: pd.DataFrame, path: str | Path) -> np.ndarray:
    """(R, I) logarithms of the law's inputs; a source of a mixture may have given nothing."""
    sources = set(curves.form.sources)
    cells = [
        numbers(view, name, path, least=0.0) if name in sources else numbers(view, name, path, above=0.0)
        for name in curves.scale_columns
    ]
    columns = np.column_stack(cells)
    if sources and not (columns[:, 1:].sum(axis=1) > 0).all():
        row = view.index[int((columns[:, 1:].sum(axis=1) <= 0).argmax())]
        raise DataError(f"{path}, row {row}: no source has tokens; say what the model is trained on.")
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(columns), ABSENT)


def _far(curves: Curves, task: np.ndarray, inputs: np.ndarray, row: np.ndarray) -> tuple[str, ...]:
    """A sentence for each task and input with points more than ``FAR`` times outside what was measured."""
    sentences = []
    for position, name in enumerate(curves.scale_columns):
        with np.errstate(divide="ignore"):
            beyond = inputs[:, position] - np.log(curves.largest[name][task])
            under = np.log(curves.smallest[name][task]) - inputs[:, position]
        for which, factor in (("beyond the largest", beyond), ("below the smallest", under)):
            out = (factor > np.log(FAR)) & (inputs[:, position] > ABSENT) & curves.used[task]
            for one in np.unique(task[out]):
                mine = out & (task == one)
                count = int(mine.sum())
                sentences.append(
                    f"Task '{curves.tasks[one]}': {count} {'point lies' if count == 1 else 'points lie'} up to "
                    f"{np.exp(factor[mine].max()):.3g} times {which} measured {name} "
                    f"(row {row[mine][factor[mine].argmax()]}): predictions there rest on the law."
                )
    return tuple(sentences)
