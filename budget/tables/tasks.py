"""What the planner wants of each task: weight, target and limits, from ``tasks.csv``."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from budget.errors import DataError
from budget.numerics.brief import Brief
from budget.numerics.quoting import listed, meant, shown
from budget.numerics.words import apart
from budget.tables.columns import is_empty, numbers, read_table
from budget.tables.files.text import require_columns


def _nothing() -> np.ndarray:
    return np.empty(0)


@dataclass(frozen=True, repr=False)
class TaskSettings(Brief):
    """Wishes for T tasks, every array of shape (T,), NaN where nothing was stated.

    Attributes:
        names: the task names.
        weight: positive weight in the objective; the objective divides by their sum.
        target: the value at which the task counts as served.
        min: least spend, in the budget's unit.
        max: greatest spend, in the budget's unit.
        best: the best value the metric can take (a score's ceiling).
        unserved: the value of a task that is given nothing: a score's chance level.
        current: what the task is given today, in the budget's unit.
        unit_cost: money for one unit of the task's data: a token, or an example.
        unique_tokens: tokens of its data before any is repeated.
        params: size of its model, for a plan that does not choose it.
        served_tokens: tokens its model will produce over its life, for the cost of inference.
        checkpoint_params: parameters of a model that is trained already and can be trained on.
        checkpoint: what that model has been trained on: tokens, or the scale that the law reads.
        group: name of the group that limits can speak of, "" for none.
        notes: what was not used, one sentence each.
    """

    names: tuple[str, ...]
    weight: np.ndarray = field(default_factory=_nothing)
    target: np.ndarray = field(default_factory=_nothing)
    min: np.ndarray = field(default_factory=_nothing)
    max: np.ndarray = field(default_factory=_nothing)
    best: np.ndarray = field(default_factory=_nothing)
    unserved: np.ndarray = field(default_factory=_nothing)
    current: np.ndarray = field(default_factory=_nothing)
    unit_cost: np.ndarray = field(default_factory=_nothing)
    unique_tokens: np.ndarray = field(default_factory=_nothing)
    params: np.ndarray = field(default_factory=_nothing)
    served_tokens: np.ndarray = field(default_factory=_nothing)
    checkpoint_params: np.ndarray = field(default_factory=_nothing)
    checkpoint: np.ndarray = field(default_factory=_nothing)
    group: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Fill in what was not stated: weight 1, NaN, no group."""
        count = len(self.names)
        for name in NUMBERS:
            if len(getattr(self, name)) == 0:
                object.__setattr__(self, name, np.full(count, 1.0 if name == "weight" else np.nan))
        if not self.group:
            object.__setattr__(self, "group", ("",) * count)

    def select(self, names: Sequence[str]) -> "TaskSettings":
        """The same task settings for the named tasks only, in that order."""
        place = {name: at for at, name in enumerate(self.names)}
        pick = np.array([place[name] for name in names], dtype=int)
        return replace(
            self,
            names=tuple(names),
            group=tuple(self.group[i] for i in pick),
            **{name: getattr(self, name)[pick] for name in NUMBERS},
        )


NUMBERS = tuple(each.name for each in fields(TaskSettings) if each.default_factory is _nothing)
"""The columns of ``tasks.csv`` that hold numbers."""

USED = ("task", "group", *NUMBERS)
"""The columns of ``tasks.csv`` that are read; any other is named in a note."""

_ABOVE = {name: 0.0 for name in ("weight", "max", "unique_tokens", "params", "checkpoint_params", "checkpoint")}
_LEAST = {name: 0.0 for name in ("min", "current", "unit_cost", "served_tokens")}


def default_tasks(names: Sequence[str]) -> TaskSettings:
    """Equal weights, no target, no limits.

    Raises:
        DataError: there is no name, or one stands twice.
    """
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None or not len(names):
        raise DataError(f"Task {shown(twice)} stands twice." if len(names) else "There is no task; name at least one.")
    return TaskSettings(tuple(names))


def read_tasks(
    path: str | Path,
    names: Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
    chosen: bool = False,
) -> TaskSettings:
    """Read ``tasks.csv`` for the tasks of a runs or curves file.

    Args:
        path: the file.
        names: the T tasks that are known; the result has them in this order.
        columns: canonical column name → the file's own, where the file has it (one --column serves several tables).
        chosen: whether a filter chose these tasks of a larger file; rows of others are left out then, and named.

    Returns:
        The task settings; a task without a row has weight 1, no target and no limits, and a note says so.

    Raises:
        DataError: an unknown or repeated task, a cell that is not a number, a weight that is not positive,
            a negative limit, or ``min`` above ``max``.
    """
    frame = read_table(path, "tasks", columns, own=USED)
    require_columns(frame, ["task"], path)
    cells = frame["task"].str.strip()
    notes = list(frame.attrs.get("notes", ()))
    if chosen and not cells.isin(names).all():
        left_out = listed(cells[~cells.isin(names)])
        notes.append(f"{Path(path).name}: rows of tasks that --where does not choose are left out: {left_out}.")
        frame = frame[cells.isin(names)]
        cells = cells[cells.isin(names)]
    for row, name in cells.items():
        if name not in names:
            raise DataError(
                f"{path}, row {row}, column 'task': {shown(name)} is not among the measured tasks "
                f"({listed(names)}){meant(name, names) or '; correct or remove the row.'}"
            )
    if cells.duplicated().any():
        row = cells.index[cells.duplicated()][0]
        raise DataError(f"{path}, row {row}, column 'task': {shown(cells[row])} stands twice; keep one row a task.")

    def column(name: str) -> np.ndarray:
        default = 1.0 if name == "weight" else np.nan
        result = np.full(len(names), default)
        if not is_empty(frame, name):
            result[where] = numbers(
                frame, name, path, above=_ABOVE.get(name), least=_LEAST.get(name), empty=default, planned=True
            )
        return result

    where = np.array([list(names).index(name) for name in cells], dtype=int)
    missing = [name for name in names if name not in set(cells)]
    if missing:
        notes.append(f"{Path(path).name} has no row for {', '.join(missing)}: weight 1, no target, no limits.")
    unused = [name for name in frame.columns if name not in (*USED, *(columns or {}).values())]
    if unused:
        notes.append(f"{Path(path).name}: columns not used by this command: {', '.join(unused)}.")
    group = np.full(len(names), "", dtype=object)
    if not is_empty(frame, "group"):
        group[where] = frame["group"].str.strip()
    tasks = TaskSettings(
        tuple(names), group=tuple(group), notes=tuple(notes), **{name: column(name) for name in NUMBERS}
    )
    for position, row in zip(where, cells.index, strict=True):
        if tasks.min[position] > tasks.max[position]:
            least, most = apart(float(tasks.min[position]), float(tasks.max[position]))
            raise DataError(
                f"{path}, row {row}: min {least} is above max {most} "
                f"for task '{tasks.names[position]}'; swap or correct them."
            )
    return tasks
