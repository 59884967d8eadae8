"""Measured runs: one row a measurement of one task at one scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from budget.errors import DataError
from budget.tables.columns import is_empty, numbers, read_table, truths
from budget.tables.files import require_columns

SCALES = ("params", "tokens", "flops", "x")
"""The columns that can say how large a run was; every number in them is positive."""


@dataclass(frozen=True)
class Runs:
    """Measurements of T tasks in R rows; every array has shape (R,) unless said otherwise.

    Attributes:
        source: the file's name, for messages.
        tasks: the T task names, in order of first appearance.
        metric: (T,) the metric of each task, ``"value"`` where the file names none.
        higher_is_better: (T,) direction of each task's metric.
        task: index into ``tasks``.
        run: index of the trained model; rows of several tasks with one index are one shared model.
        run_names: the name behind each run index.
        value: the measurement.
        stderr: its standard error, NaN where the file has none.
        weight: weight in the fit, 1 where the file has none.
        scale: the scale columns that are there: name of ``SCALES`` → array. ``flops`` is 6·params·tokens
            where the file has no FLOPs but both of these.
        row: row number in the file, header being row 1.
        strategy: how the runs served their tasks, ``""`` where the file does not say.
        notes: what was assumed while reading, one sentence each.
    """

    source: str
    tasks: tuple[str, ...]
    metric: tuple[str, ...]
    higher_is_better: np.ndarray
    task: np.ndarray
    run: np.ndarray
    run_names: tuple[str, ...]
    value: np.ndarray
    stderr: np.ndarray
    weight: np.ndarray
    scale: Mapping[str, np.ndarray]
    row: np.ndarray
    strategy: str = ""
    flops_assumed: bool = False
    notes: tuple[str, ...] = ()

    def tasks_per_run(self) -> np.ndarray:
        """How many tasks each trained model was measured on, shape (number of runs,)."""
        pairs = np.unique(np.stack([self.run, self.task], axis=1), axis=0)
        return np.bincount(pairs[:, 0], minlength=len(self.run_names))

    @property
    def shared_models(self) -> int:
        """How many trained models serve more than one task."""
        return int((self.tasks_per_run() > 1).sum())

    def shared_tasks(self) -> np.ndarray:
        """(T,) whether most of a task's rows are of models measured on several tasks: a generalist's curve."""
        several = self.tasks_per_run()[self.run] > 1
        return np.array([several[self.task == task].mean() > 0.5 for task in range(len(self.tasks))])

    def groups(self) -> np.ndarray:
        """(T,) group of each task: tasks of one group were measured, mostly, on the same trained models."""
        pairs = np.unique(np.stack([self.task, self.run], axis=1), axis=0)
        shape = (len(self.tasks), len(self.run_names))
        on = sparse.csr_matrix((np.ones(len(pairs)), pairs.T), shape=shape)
        count = np.asarray(on.sum(axis=1)).ravel()
        common = (on @ on.T).tocoo()
        mostly = common.data > 0.5 * np.maximum(count[common.row], count[common.col])
        links = sparse.csr_matrix((mostly, (common.row, common.col)), shape=(shape[0], shape[0]))
        return csgraph.connected_components(links, directed=False)[1]


def read_runs(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    task: str | None = None,
    higher_is_better: bool = False,
) -> Runs:
    """Read ``runs.csv``, or anybody's table through ``columns`` and ``where``.

    Args:
        path: the file.
        columns: canonical column name → the file's own.
        where: conditions (column, value) that rows must meet.
        task: the task's name, for a file of one task without a ``task`` column.
        higher_is_better: direction of every task, where the file has no such column.

    Returns:
        The runs, in the file's order.

    Raises:
        DataError: names file, row, column and remedy.
    """
    frame = read_table(path, "runs", columns, where)
    require_columns(frame, ["value"], path)
    if "task" not in frame.columns:
        if task is None:
            raise DataError(
                f"{path}: column 'task' is missing; name the file's one task with --task NAME, "
                f"or its column with --column task=THEIRS (the file has: {', '.join(frame.columns)})."
            )
        frame = frame.assign(task=task)
    elif task is not None:
        raise DataError(f"{path}: the file has a task column; choose one task with --where task={task}.")
    _refuse_empty(frame, "task", path)
    names = tuple(dict.fromkeys(frame["task"].str.strip()))
    task_index = _index(frame["task"].str.strip(), names)

    notes: list[str] = []
    scale = {name: numbers(frame, name, path, above=0.0) for name in SCALES if not is_empty(frame, name)}
    if not scale:
        raise DataError(
            f"{path}: no column says how large a run was; name at least one of {', '.join(SCALES)} "
            f"with --column, for example --column params=THEIRS (the file has: {', '.join(frame.columns)})."
        )
    flops_assumed = "flops" not in scale and "params" in scale and "tokens" in scale
    if flops_assumed:
        with np.errstate(over="ignore"):
            scale["flops"] = 6.0 * scale["params"] * scale["tokens"]
        if not np.isfinite(scale["flops"]).all():
            row = frame.index[~np.isfinite(scale["flops"])][0]
            raise DataError(f"{path}, row {row}: 6·params·tokens is too large a number; give smaller units.")
        notes.append(
            "There is no column 'flops': 6·params·tokens is taken, which counted FLOPs exceed by 1.1 to 2 times."
        )

    run, run_names, run_note = _run_ids(frame, scale)
    if run_note:
        notes.append(run_note)
    _refuse_restarting_ids(frame, run, task_index, scale, path)
    return Runs(
        source=Path(path).name,
        tasks=names,
        metric=_metrics(frame, names, path),
        higher_is_better=_directions(frame, names, path, higher_is_better),
        task=task_index,
        run=run,
        run_names=run_names,
        value=numbers(frame, "value", path),
        stderr=np.full(len(frame), np.nan)
        if is_empty(frame, "stderr")
        else numbers(frame, "stderr", path, least=0.0, empty=np.nan),
        weight=np.ones(len(frame))
        if is_empty(frame, "weight")
        else numbers(frame, "weight", path, above=0.0, empty=1.0),
        scale=scale,
        row=frame.index.to_numpy(),
        strategy=_strategy(frame, path),
        flops_assumed=flops_assumed,
        notes=tuple(notes),
    )


def _refuse_empty(frame: pd.DataFrame, column: str, path: str | Path) -> None:
    blank = frame[column].str.strip() == ""
    if blank.any():
        raise DataError(f"{path}, row {blank.idxmax()}, column '{column}': empty; write the {column}'s name there.")


def _index(cells: pd.Series, names: Sequence[str]) -> np.ndarray:
    position = {name: index for index, name in enumerate(names)}
    return cells.map(position).to_numpy(dtype=int)


def _metrics(frame: pd.DataFrame, names: Sequence[str], path: str | Path) -> tuple[str, ...]:
    if is_empty(frame, "metric"):
        return ("value",) * len(names)
    result = []
    for name in names:
        cells = frame.loc[frame["task"].str.strip() == name, "metric"].str.strip()
        found = list(dict.fromkeys(cells))
        if len(found) > 1:
            second = cells.index[cells == found[1]][0]
            raise DataError(
                f"{path}, row {second}, column 'metric': task '{name}' has '{found[1]}' beside '{found[0]}'; "
                f"choose one with --where metric={found[0]}."
            )
        result.append(found[0] or "value")
    return tuple(result)


def _directions(frame: pd.DataFrame, names: Sequence[str], path: str | Path, default: bool) -> np.ndarray:
    if is_empty(frame, "higher_is_better"):
        return np.full(len(names), default)
    cells = truths(frame, "higher_is_better", path)
    task = frame["task"].str.strip()
    result = np.empty(len(names), dtype=bool)
    for index, name in enumerate(names):
        mine = (task == name).to_numpy()
        if cells[mine].any() != cells[mine].all():
            row = frame.index[mine][int((cells[mine] != cells[mine][0]).argmax())]
            raise DataError(
                f"{path}, row {row}, column 'higher_is_better': task '{name}' has both directions; make them agree."
            )
        result[index] = cells[mine][0]
    return result


def _run_ids(frame: pd.DataFrame, scale: Mapping[str, np.ndarray]) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Run index of each row, the runs' names, and a note.

    Without a ``run`` column, a ``model`` column serves where each model has one scale; else each row is a run.
    """
    note, column = "", None
    if not is_empty(frame, "run"):
        column = "run"
    elif not is_empty(frame, "model"):
        scales = pd.DataFrame(dict(scale), index=frame.index)
        one_scale = (scales.groupby(frame["model"].str.strip()).nunique() == 1).all(axis=None)
        if one_scale and frame["model"].str.strip().ne("").all():
            column = "model"
            note = "There is no column 'run': 'model' is taken as the run, since each model has one scale."
    if column is None:
        note = (
            "There is no column 'run': each row counts as a trained model of its own (else name it with --column run=)."
        )
        return np.arange(len(frame)), tuple(f"row {row}" for row in frame.index), note
    cells = frame[column].str.strip()
    cells = cells.where(cells != "", "row " + frame.index.astype(str).to_series(index=frame.index))
    names = tuple(dict.fromkeys(cells))
    return _index(cells, names), names, note


def _refuse_restarting_ids(
    frame: pd.DataFrame, run: np.ndarray, task: np.ndarray, scale: Mapping[str, np.ndarray], path: str | Path
) -> None:
    """Refuse rows that share a run id but cannot be one model, as where every task counts its runs from 1."""
    first_of_run: dict[int, int] = {}
    seen: dict[int, dict[int, set[tuple[float, ...]]]] = {}
    cells = np.column_stack(list(scale.values()))
    for position, model in enumerate(run):
        first = first_of_run.setdefault(model, position)
        if "params" in scale and scale["params"][position] != scale["params"][first]:
            raise DataError(_restarting(frame, first, position, path))
        seen.setdefault(model, {}).setdefault(task[position], set()).add(tuple(cells[position]))
    for model, by_task in seen.items():
        scales = list(by_task.values())
        if any(scales[0].isdisjoint(other) for other in scales[1:]):
            rows = np.flatnonzero(run == model)
            other = next(row for row in rows if task[row] != task[rows[0]])
            raise DataError(_restarting(frame, int(rows[0]), int(other), path))


def _restarting(frame: pd.DataFrame, first: int, second: int, path: str | Path) -> str:
    return (
        f"{path}, rows {frame.index[first]} and {frame.index[second]}: the same run at different scales cannot be one "
        "model; if run ids start again in each task, join them with --column run=task+run."
    )


def _strategy(frame: pd.DataFrame, path: str | Path) -> str:
    if is_empty(frame, "strategy"):
        return ""
    found = list(dict.fromkeys(frame["strategy"].str.strip()))
    if len(found) > 1:
        raise DataError(
            f"{path}: column 'strategy' holds {', '.join(repr(name) for name in found)}, whose curves differ; "
            f"choose one with --where strategy={found[0]}."
        )
    return found[0]
