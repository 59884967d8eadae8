"""What the planner wants of each task: weight, target and limits, from ``tasks.csv``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from budget.errors import DataError
from budget.tables.columns import is_empty, numbers, read_table
from budget.tables.files import read_csv, require_columns

USED = ("task", "weight", "target", "min", "max", "best", "unserved")
"""The columns of ``tasks.csv`` that a command of this version reads; any other is named in a note."""


@dataclass(frozen=True)
class Tasks:
    """Wishes for T tasks, every array of shape (T,), NaN where nothing was stated.

    Attributes:
        names: the task names.
        weight: positive weight in the objective; the objective divides by their sum.
        target: the value at which the task counts as served.
        min: least spend, in the budget's unit.
        max: greatest spend, in the budget's unit.
        best: the best value the metric can take (a score's ceiling).
        unserved: the value of a task that is given nothing: a score's chance level.
        notes: what was not used, one sentence each.
    """

    names: tuple[str, ...]
    weight: np.ndarray
    target: np.ndarray
    min: np.ndarray
    max: np.ndarray
    best: np.ndarray
    unserved: np.ndarray = field(default_factory=lambda: np.empty(0))
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Nobody said what a task is worth that is given nothing: NaN for every task."""
        if len(self.unserved) == 0:
            object.__setattr__(self, "unserved", np.full(len(self.names), np.nan))

    def select(self, names: Sequence[str]) -> "Tasks":
        """The same wishes for the named tasks only, in that order."""
        pick = np.array([self.names.index(name) for name in names], dtype=int)
        return Tasks(
            tuple(names),
            self.weight[pick],
            self.target[pick],
            self.min[pick],
            self.max[pick],
            self.best[pick],
            self.unserved[pick],
            self.notes,
        )


def default_tasks(names: Sequence[str]) -> Tasks:
    """Equal weights, no target, no limits."""
    blank = np.full(len(names), np.nan)
    return Tasks(tuple(names), np.ones(len(names)), blank, blank, blank, blank)


def read_tasks(
    path: str | Path,
    names: Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
) -> Tasks:
    """Read ``tasks.csv`` for the tasks of a runs or curves file.

    Args:
        path: the file.
        names: the T tasks that are known; the result has them in this order.
        columns: canonical column name → the file's own, where the file has it (one --column serves several tables).

    Returns:
        The wishes; a task without a row has weight 1, no target and no limits, and a note says so.

    Raises:
        DataError: an unknown or repeated task, a cell that is not a number, a weight that is not positive,
            a negative limit, or ``min`` above ``max``.
    """
    there = read_csv(path, "tasks").columns
    mine = {name: theirs for name, theirs in (columns or {}).items() if name in USED and theirs in there}
    frame = read_table(path, "tasks", mine)
    require_columns(frame, ["task"], path)
    cells = frame["task"].str.strip()
    for row, name in cells.items():
        if name not in names:
            raise DataError(
                f"{path}, row {row}, column 'task': '{name}' is not among the measured tasks "
                f"({', '.join(names[:8])}{', …' if len(names) > 8 else ''}); correct or remove the row."
            )
    if cells.duplicated().any():
        row = cells.index[cells.duplicated()][0]
        raise DataError(f"{path}, row {row}, column 'task': '{cells[row]}' stands twice; keep one row a task.")

    def column(name: str, default: float, above: float | None = None, least: float | None = None) -> np.ndarray:
        result = np.full(len(names), default)
        if not is_empty(frame, name):
            result[where] = numbers(frame, name, path, above=above, least=least, empty=default)
        return result

    where = np.array([list(names).index(name) for name in cells], dtype=int)
    notes = []
    missing = [name for name in names if name not in set(cells)]
    if missing:
        notes.append(f"{Path(path).name} has no row for {', '.join(missing)}: weight 1, no target, no limits.")
    unused = [name for name in frame.columns if name not in (*USED, *mine.values())]
    if unused:
        notes.append(f"{Path(path).name}: columns not used by this command: {', '.join(unused)}.")
    tasks = Tasks(
        names=tuple(names),
        weight=column("weight", 1.0, above=0.0),
        target=column("target", np.nan),
        min=column("min", np.nan, least=0.0),
        max=column("max", np.nan, above=0.0),
        best=column("best", np.nan),
        unserved=column("unserved", np.nan),
        notes=tuple(notes),
    )
    for position, row in zip(where, cells.index, strict=True):
        if tasks.min[position] > tasks.max[position]:
            raise DataError(
                f"{path}, row {row}: min {tasks.min[position]:g} is above max {tasks.max[position]:g} "
                f"for task '{tasks.names[position]}'; swap or correct them."
            )
    return tasks
