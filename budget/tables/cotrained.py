"""What tasks reach when they are trained alone and with others: a table of pairs, or larger sets of tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed, shown
from budget.tables.candidates import Candidates, direction_of, metric_of
from budget.tables.columns import is_empty, numbers, read_table, refuse_empty, refuse_unreadable
from budget.tables.files.text import require_columns
from budget.tables.runs import text_cells
from budget.tables.tasks import USED

COLUMNS = ("task", "value", "partner", "model_tasks", "seed", "stderr", "cost", "metric", "higher_is_better")
"""The columns of a table of pairs that are read."""

SEPARATOR = "|"
"""What stands between the tasks of one model in ``model_tasks``, and between several partners."""


@dataclass(frozen=True)
class Cotrained:
    """S models, each trained on a set of the T tasks, of which C pairs of a model and a task have a value.

    Attributes:
        source: the file's name, for messages.
        tasks: the T names: those with values in order of first appearance, then those that are partners only.
        sets: (S,) the tasks of each model as rising positions in ``tasks``; one position is the task alone.
        cost: (S,) what building the model costs; models of one set and cost are one.
        model: (C,) index into ``sets``.
        task: (C,) index into ``tasks``.
        value: (C,) the mean of the rows, in the metric's unit.
        rows: (C,) how many rows that is.
        stderr: (C,) standard error of ``value``, NaN where the noise is not known.
        degrees: (C,) degrees of freedom behind ``stderr``, infinite where it was stated.
        estimate: (C,) which estimate of the noise ``stderr`` rests on; cells of one number share it.
        draws: (B, C) joint draws, B = 0 where there are none; the standard error of a difference is then theirs.
        noise: what it is known from: ``seeds``, ``stderr``, ``draws`` or ``unknown``.
        metric: the metric of all values, ``"value"`` where the file names none.
        higher_is_better: its direction.
        notes: what was assumed while reading, one sentence each.
    """

    source: str
    tasks: tuple[str, ...]
    sets: tuple[tuple[int, ...], ...]
    cost: np.ndarray
    model: np.ndarray
    task: np.ndarray
    value: np.ndarray
    rows: np.ndarray
    stderr: np.ndarray
    degrees: np.ndarray
    estimate: np.ndarray
    draws: np.ndarray
    noise: str
    metric: str
    higher_is_better: bool
    notes: tuple[str, ...] = ()

    @property
    def measured_tasks(self) -> tuple[str, ...]:
        """The tasks that have a value, in the order of ``tasks``; the others are partners only."""
        return tuple(self.tasks[task] for task in np.unique(self.task))

    def name(self, model: int) -> str:
        """A model's tasks, such as ``a|b``; with its cost where another model has the same tasks."""
        tasks = SEPARATOR.join(self.tasks[task] for task in self.sets[model])
        return tasks if self.sets.count(self.sets[model]) == 1 else f"{tasks} (cost {self.cost[model]:.10g})"


def has_partners(path: str | Path, columns: Mapping[str, str] | None = None) -> bool:
    """Whether a file is a table of pairs: it says with what a task was trained, and is no table of candidates.

    Raises:
        DataError: it is neither; or it cannot be read.
    """
    given = {name: theirs for name, theirs in (columns or {}).items() if name in ("model", "cost", *COLUMNS)}
    frame = read_table(path, "groups", given)
    if {"model", "cost"} <= set(frame.columns):
        return False
    if {"partner", "model_tasks"} & set(frame.columns):
        return True
    raise DataError(
        f"{path}: neither a table of candidates (columns model, cost, task, value) nor one of pairs (task, value, and "
        f"partner or model_tasks); name yours with --column partner=THEIRS (the file has: {listed(frame.columns)})."
    )


def read_cotrained(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    higher_is_better: bool = False,
) -> Cotrained:
    """Read a table of pairs, or of larger sets: one row for what one task reached in one model.

    ``partner`` names the tasks beside ``task`` (``b`` or ``b|c``, empty for the task alone); ``model_tasks`` names all
    of them (``a|b|c``) and is taken where both are there. Rows of one model and task are told apart by ``seed``.

    Args:
        path: the file.
        columns: canonical column name → the file's own; names of the tasks file alone are left to that.
        where: conditions (column, value) that rows must meet.
        higher_is_better: direction, where the file has no such column.

    Returns:
        The values. The noise is that between seeds, apart for a task alone and, pooled as in an analysis of variance,
        for its other models; else the column ``stderr``; else unknown.

    Raises:
        DataError: names file, row, column and remedy.
    """
    mine = {name: theirs for name, theirs in (columns or {}).items() if name in COLUMNS or name not in USED}
    return _cotrained(read_table(path, "pairs", mine, where), path, higher_is_better)


def cotrained_from_frame(frame: pd.DataFrame, *, higher_is_better: bool = False) -> Cotrained:
    """The same from a table in memory.

    Raises:
        DataError: names row, column and remedy; rows are those of the table written as a CSV.
    """
    refuse_unreadable(frame, "the table of pairs")
    return _cotrained(text_cells(frame), "the table of pairs", higher_is_better)


def cotrained_from_candidates(candidates: Candidates) -> Cotrained:
    """Candidates by the set of tasks that they serve, with their reported values; noise from their draws alone."""
    models = len(candidates.models)
    served = [tuple(sorted(candidates.task[candidates.model == model].tolist())) for model in range(models)]
    keys = [(served[model], float(candidates.cost[model])) for model in range(models)]
    frame = pd.DataFrame({"key": [keys[model] for model in candidates.model], "task": candidates.task})
    code, unique = pd.factorize(pd.Series(keys, dtype=object))
    cell, cells = pd.factorize(code[candidates.model] * len(candidates.tasks) + frame["task"])
    rows = np.bincount(cell)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.array([np.bincount(cell, scenario) / rows for scenario in values]).reshape(len(values), len(rows))

    draws = mean(candidates.report.draws)
    notes = []
    if (rows > 1).any():
        notes.append(
            f"{candidates.source}: several models of the same tasks and cost count with their mean in the matrix."
        )
    return Cotrained(
        source=candidates.source,
        tasks=candidates.tasks,
        sets=tuple(tasks for tasks, _ in unique),
        cost=np.array([cost for _, cost in unique]),
        model=np.asarray(cells) // len(candidates.tasks),
        task=np.asarray(cells) % len(candidates.tasks),
        value=mean(candidates.report.value[None, :])[0],
        rows=rows,
        stderr=np.full(len(rows), np.nan),
        degrees=np.full(len(rows), float(max(len(draws) - 1, 0))),
        estimate=np.arange(len(rows)),
        draws=draws,
        noise="draws" if len(draws) > 1 else "unknown",
        metric=candidates.metric,
        higher_is_better=candidates.higher_is_better,
        notes=tuple(notes),
    )


def _cotrained(frame: pd.DataFrame, path: str | Path, higher_is_better: bool) -> Cotrained:
    require_columns(frame, ("task", "value"), path)
    refuse_empty(frame, "task", path)
    members = _members(frame, path)
    names = tuple(dict.fromkeys([*frame["task"].str.strip(), *(name for each in members for name in each)]))
    position = {name: index for index, name in enumerate(names)}
    cost = np.ones(len(frame)) if is_empty(frame, "cost") else numbers(frame, "cost", path, least=0.0, planned=True)
    keys = [(tuple(sorted(position[name] for name in each)), float(c)) for each, c in zip(members, cost, strict=True)]
    model, models = pd.factorize(pd.Series(keys, dtype=object))
    task = frame["task"].str.strip().map(position).to_numpy()
    cells = pd.DataFrame({"model": model, "task": task}, index=frame.index)
    cells["value"] = numbers(frame, "value", path, planned=True)
    cells["seed"] = frame["seed"].str.strip() if "seed" in frame.columns else ""
    cells["stderr"] = np.nan
    if not is_empty(frame, "stderr"):
        cells["stderr"] = numbers(frame, "stderr", path, above=0.0, empty=np.nan)
    _refuse_twice(cells, members, names, path)
    notes = [f"{Path(path).name} has no column 'cost': every model counts 1."] if is_empty(frame, "cost") else []
    measured = Cotrained(
        source=Path(path).name,
        tasks=names,
        sets=tuple(tasks for tasks, _ in models),
        cost=np.array([each for _, each in models]),
        metric=metric_of(frame, path),
        higher_is_better=direction_of(frame, path, higher_is_better),
        notes=tuple(notes),
        **_pooled(cells, np.array([len(tasks) == 1 for tasks, _ in models])),
    )
    return replace(measured, notes=(*measured.notes, *_noise_notes(measured, not cells["stderr"].isna().all())))


def _members(frame: pd.DataFrame, path: str | Path) -> list[tuple[str, ...]]:
    """The names of all tasks that each row's model was trained on."""
    column = "partner" if is_empty(frame, "model_tasks") else "model_tasks"
    if column not in frame.columns:
        raise DataError(
            f"{path}: columns 'partner' and 'model_tasks' are missing, so nothing says with what a task was trained; "
            f"name yours with --column partner=THEIRS (the file has: {listed(frame.columns)})."
        )
    result = []
    for row, task, cell in zip(frame.index, frame["task"].str.strip(), frame[column], strict=True):
        named = tuple(name for name in (part.strip() for part in cell.split(SEPARATOR)) if name)
        if column == "model_tasks" and named and task not in named:
            raise DataError(
                f"{path}, row {row}, column 'model_tasks': {shown(cell)} does not hold the row's task {shown(task)}; "
                "write all "
                f"tasks of the model, such as {task}{SEPARATOR}{named[0]}."
            )
        if len(set(named)) < len(named) or (column == "partner" and task in named):
            raise DataError(
                f"{path}, row {row}, column '{column}': {shown(cell)} names a task twice beside {shown(task)}; leave "
                "the cell "
                "empty where the task was trained alone."
            )
        result.append(tuple(dict.fromkeys((task, *named))))
    return result


def _refuse_twice(
    cells: pd.DataFrame, members: list[tuple[str, ...]], names: tuple[str, ...], path: str | Path
) -> None:
    twice = cells.duplicated(["model", "task", "seed"]).to_numpy()
    if not twice.any():
        return
    again = int(twice.argmax())
    row, others = cells.iloc[again], [name for name in members[again] if name != names[cells["task"].iloc[again]]]
    alike = (cells[["model", "task", "seed"]] == row[["model", "task", "seed"]]).all(axis=1)
    beside = f"with {', '.join(others)}" if others else "alone"
    seed = f" and seed {shown(row['seed'])}" if row["seed"] else ""
    raise DataError(
        f"{path}, row {row.name}, column 'value': a second value for task {shown(names[row['task']])} {beside}{seed}, "
        f"beside row {alike.idxmax()}; groups are judged by runs of one size and strategy: choose with --where "
        "COLUMN=VALUE, keep one row, or tell repetitions apart with a column 'seed' (--column seed=THEIRS)."
    )


def _pooled(cells: pd.DataFrame, alone: np.ndarray) -> dict[str, Any]:
    """Means of the rows of one model and task, with the noise between seeds.

    Args:
        cells: one row for each row of the table.
        alone: (S,) whether a model was trained on one task.
    """
    grouped = cells.groupby(["model", "task"], sort=False)
    index = grouped.size().index
    rows, value = grouped.size().to_numpy(), grouped["value"].mean().to_numpy()
    model, task = (index.get_level_values(name).to_numpy() for name in ("model", "task"))
    stderr, degrees = grouped["stderr"].first().to_numpy(dtype=float), np.full(len(rows), np.inf)
    estimate, noise = np.arange(len(rows)), "stderr"
    if (rows > 1).any():
        away = cells["value"] - grouped["value"].transform("mean")
        squares = (away**2).groupby([cells["model"], cells["task"]], sort=False).sum().to_numpy()
        # a kind without any repetition shares the noise of the task's other models
        kind = 2 * task + alone[model]
        kind = np.where(np.bincount(kind, rows - 1.0)[kind] > 0, kind, 2 * task + ~alone[model])
        size = kind.max() + 1
        free, total = (np.bincount(kind, each, size) for each in (rows - 1.0, squares))
        # seeds that agree to rounding say nothing about the noise
        heard = total > (1e-12 * np.bincount(kind, np.abs(value), size)) ** 2
        variance = np.divide(total, free, out=np.full(size, np.nan), where=(free > 0) & heard)
        stderr, degrees = np.sqrt(variance[kind] / rows), free[kind]
        estimate, noise = kind, "seeds"
    return {
        "model": model,
        "task": task,
        "value": value,
        "rows": rows,
        "stderr": stderr,
        "degrees": degrees,
        "estimate": estimate,
        "draws": np.empty((0, len(rows))),
        "noise": noise if np.isfinite(stderr).any() else "unknown",
    }


def _noise_notes(measured: Cotrained, stated: bool) -> list[str]:
    notes = []
    if measured.noise == "seeds" and stated:
        notes.append("Noise is taken from the seeds; column 'stderr' is not used.")
    if measured.noise != "unknown":
        lacking = dict.fromkeys(measured.tasks[task] for task in measured.task[np.isnan(measured.stderr)])
        if lacking:
            notes.append(f"Noise unknown for {', '.join(lacking)}: no {measured.noise} that differ.")
    elif (measured.rows > 1).any():
        notes.append("Noise unknown: the seeds of every task agree to the last digit; give values before rounding.")
    return notes
