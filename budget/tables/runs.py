"""Measured runs: one row a measurement of one task at one scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.brief import Brief
from budget.numerics.quoting import listed, shown
from budget.numerics.row_codes import distinct_pairs, row_codes, rows_of_each, stood_before
from budget.tables.columns import is_empty, numbers, refuse_empty, refuse_unreadable, truths
from budget.tables.files.text import require_columns
from budget.tables.reading.cells import cells_of, levels
from budget.tables.reading.runs_table import read_runs_table
from budget.tables.run_ids import first_rows, refuse_restarting_ids, run_ids
from budget.tables.strategy_runs import SPECIALIST, StrategyRuns, strategy_runs_of

SCALES = ("params", "tokens", "flops", "x")
"""The columns that can say how large a run was; every number in them is positive."""

EXTRAS = ("unique_tokens", "task_tokens", "n_tasks")
"""Further columns that a law can read: data before repeats, the task's own data, tasks that the model serves."""

BUILT = ("active_params", "experts")
"""Columns that say how a model is built: told of the models to train, and computed with nowhere."""


NO_SCALES = ("task", "value", "stderr", "weight", "metric", "higher_is_better", "run", "strategy", "model_tasks")
"""The columns that say something else of a run."""


@dataclass(frozen=True)
class Mixture:
    """What runs were trained on: tokens (R, S) of each of S sources, 0 where a run saw none of it."""

    sources: tuple[str, ...]
    tokens: np.ndarray


@dataclass(frozen=True, repr=False)
class Runs(Brief):
    """Measurements of T tasks in R rows; every array has shape (R,) unless said otherwise.

    Attributes:
        source: the file's name, for messages.
        tasks: the T task names, in order of first appearance.
        metric: (T,) the metric of each task, ``"value"`` where the file names none.
        higher_is_better: (T,) direction of each task's metric.
        task: index into ``tasks``.
        run: index of the trained model; rows of several tasks with one index are one shared model.
        run_names: the name behind each run index.
        named: whether the file names its runs; else each row counts as a run of its own.
        value: the measurement.
        stderr: its standard error, NaN where the file has none.
        weight: weight in the fit, 1 where the file has none.
        scale: the scale columns that are there: name of ``SCALES`` → array. ``flops`` is 6·params·tokens
            where the file has no FLOPs but both of these.
        row: row number in the file, header being row 1.
        strategy: how the runs served their tasks, ``""`` where the file does not say, ``a|b`` where they differ.
        strategies: how the runs served which tasks, in order of first appearance.
        strategy: index into ``strategies``.
        flops_assumed: whether ``scale["flops"]`` is 6·params·tokens.
        extra: the columns of ``EXTRAS`` that are there or follow from others: name → array, positive.
        built: the columns of ``BUILT`` that are there: name → array, NaN where a cell holds no positive number.
        derived: name in ``extra`` → the sentence that says what it was derived from.
        chance: (T,) value of guessing, NaN where nobody says.
        mixture: what each run was trained on, ``None`` where nobody said.
        notes: what was assumed while reading, one sentence each.
        named_scales: the scales that somebody named for the law to read, in order; columns of any name, all positive.
        copied: task → the numbers of its rows that are left out as copies of earlier ones of their named runs.
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
    strategy_runs: tuple[StrategyRuns, ...] = ()
    strategy_index: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    flops_assumed: bool = False
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    built: Mapping[str, np.ndarray] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)
    chance: np.ndarray = field(default_factory=lambda: np.empty(0))
    mixture: "Mixture | None" = None
    named: bool = True
    notes: tuple[str, ...] = ()
    named_scales: tuple[str, ...] = ()
    copied: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nobody said what guessing scores, or how tasks were served."""
        if len(self.chance) == 0:
            object.__setattr__(self, "chance", np.full(len(self.tasks), np.nan))
        if len(self.strategy_index) == 0:
            object.__setattr__(self, "strategy_runs", (StrategyRuns(self.strategy, ()),))
            object.__setattr__(self, "strategy_index", np.zeros(len(self.task), dtype=int))

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Every column that a law can read: the scales, the extras, and the tokens of each source."""
        sources = {} if self.mixture is None else dict(zip(self.mixture.sources, self.mixture.tokens.T, strict=True))
        return {**sources, **self.extra, **self.scale}

    def over(self, scales: Sequence[str]) -> "Runs":
        """The runs with other named scales, among the columns that are there.

        Raises:
            DataError: they are not two or three different columns that are there.
        """
        named = _distinct(scales)
        for name in named:
            if name not in self.columns:
                raise DataError(
                    f"{self.source}: --scales names column {shown(name)}, which was not read; name it there."
                )
        return replace(self, named_scales=named)

    def with_chance(self, chance: np.ndarray) -> "Runs":
        """The runs with stated values of guessing (T,), NaN where the file's own stays."""
        return replace(self, chance=np.where(np.isfinite(chance), chance, self.chance))

    def keep(self, rows: np.ndarray) -> "Runs":
        """The runs with some rows only (a mask or positions); every task must keep at least one."""
        per_row = ("task", "run", "value", "stderr", "weight", "row", "strategy_index")
        mixture = None if self.mixture is None else replace(self.mixture, tokens=self.mixture.tokens[rows])
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in per_row},
            scale={name: values[rows] for name, values in self.scale.items()},
            extra={name: values[rows] for name, values in self.extra.items()},
            built={name: values[rows] for name, values in self.built.items()},
            mixture=mixture,
        )

    def select(self, rows: np.ndarray, task: np.ndarray, tasks: Sequence[str], names: Sequence[str]) -> "Runs":
        """Some rows under other tasks: U curves where a task was measured in several strategies, or fewer tasks.

        Args:
            rows: positions or a mask, r of them.
            task: (r,) index of each row's curve.
            tasks: (U,) the curves' names.
            names: (U,) the task that each is of.
        """
        of = np.array([self.tasks.index(name) for name in names], dtype=int)
        return replace(
            self.keep(rows),
            tasks=tuple(tasks),
            task=np.asarray(task, dtype=int),
            metric=tuple(self.metric[i] for i in of),
            higher_is_better=self.higher_is_better[of],
            chance=self.chance[of],
        )

    def tasks_per_run(self) -> np.ndarray:
        """How many tasks each trained model was measured on, shape (number of runs,)."""
        return np.bincount(distinct_pairs(self.run, self.task)[:, 0], minlength=len(self.run_names))

    @cached_property
    def _rows_by_task(self) -> list[np.ndarray]:
        return rows_of_each(self.task, len(self.tasks))

    def rows_of(self, task: int) -> np.ndarray:
        """Positions of one task's rows, in the file's order; a mask over all rows would cost as much as the file."""
        return self._rows_by_task[task]

    @cached_property
    def repeated(self) -> np.ndarray:
        """(R,) rows equal in every number to an earlier one of their task, and run where runs have names."""
        compared = [*([self.run] if self.named else []), self.value, self.task, *self.columns.values()]
        return stood_before(row_codes(compared))

    @cached_property
    def originals(self) -> np.ndarray:
        """For each run itself, or, where runs have no names, the first whose row is exactly the same: a copy of it.

        Runs with names of their own are what they say, two seeds for example, even where rounding makes them equal.
        """
        if self.named:
            return np.arange(len(self.run_names))
        kind = row_codes([self.task, self.value, *self.columns.values()])
        original = np.arange(len(self.run_names))
        original[self.run] = self.run[np.unique(kind, return_index=True)[1]][kind]
        return original

    @property
    def serves_both_ways(self) -> bool:
        """Whether the file holds specialists and shared models."""
        return len({arm.strategy in SPECIALIST for arm in self.strategy_runs}) == 2

    @property
    def trained_models(self) -> int:
        """How many trained models the rows are of; ``run_names`` still holds those whose rows were left out."""
        return len(np.unique(self.run))

    @property
    def shared_models(self) -> int:
        """How many trained models serve more than one task."""
        return int((self.tasks_per_run() > 1).sum())

    def shared_tasks(self) -> np.ndarray:
        """(T,) whether most of a task's rows are of models measured on several tasks: a generalist's curve."""
        several = self.tasks_per_run()[self.run] > 1
        rows = np.bincount(self.task, minlength=len(self.tasks))
        return np.bincount(self.task, several, minlength=len(self.tasks)) > 0.5 * rows

    def groups(self) -> np.ndarray:
        """(T,) group of each task: tasks of one group were measured, mostly, on the same trained models."""
        if len(self.tasks) == 1:
            return np.zeros(1, dtype=np.int32)
        from scipy import sparse  # takes a third as long to load as a small file to check
        from scipy.sparse import csgraph

        pairs = distinct_pairs(self.task, self.run)
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
    last_of: str | None = None,
    wide: str | None = None,
    every: bool = False,
    scales: Sequence[str] = (),
) -> Runs:
    """Read ``runs.csv``, or anybody's table (see ``read_cells``) through ``columns`` and ``where``.

    Where these do not suffice the columns are guessed by their names, which a note says (``guess_columns``). Rows of
    unfinished runs, without a value or of totals are left out, which a note counts (``left_out``).

    Args:
        path: the file.
        columns: canonical column name → the file's own.
        where: conditions (column and operator, value) that rows must meet, see ``rows_where``.
        task: the task's name, for a file of one task without a ``task`` column.
        higher_is_better: direction of every task, where the file has no such column.
        last_of: the column whose names are runs of which only the last row counts, each run's checkpoints being left
            out (``last_rows``). Guessed where the file has steps and runs.
        wide: the columns that hold one task's values each: a pattern such as ``eval/*``, or a list.
        every: keep all rows of a run, where the last one would be guessed to count.
        scales: columns of any name that the law is to read, two or three.

    Returns:
        The runs, in the file's order.

    Raises:
        DataError: names file, row, column and remedy.
    """
    table = read_runs_table(
        path,
        columns or {},
        where,
        task=task,
        higher_is_better=higher_is_better,
        last_of=last_of,
        wide=wide,
        every=every,
    )
    runs = _runs(table.frame, path, table.task, table.higher_is_better, scales)
    return replace(runs, notes=(*table.notes, *runs.notes))


def runs_from_frame(
    frame: pd.DataFrame, *, task: str | None = None, higher_is_better: bool = False, scales: Sequence[str] = ()
) -> Runs:
    """Runs from a table in memory, with the columns of ``runs.csv``.

    Args:
        frame: one row a measurement; any cell types.
        task: the task's name, for a table of one task without a ``task`` column.
        higher_is_better: direction of every task, where the table has no such column.
        scales: columns of any name that the law is to read, two or three.

    Returns:
        The runs, in the table's order; row numbers in messages are those of the table written as a CSV.

    Raises:
        DataError: names row, column and remedy.
    """
    refuse_unreadable(frame, "the runs table")
    index = pd.RangeIndex(2, len(frame) + 2)
    cells = cells_of({str(name): column.array for name, column in frame.items()}, index)
    return _runs(cells, "the runs table", task, higher_is_better, scales)


def text_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """A table in memory as it would be read from a CSV: text, a missing cell empty, index = row number there."""
    text = frame.astype(object).where(frame.notna(), "").astype(str)
    return text.set_axis(pd.RangeIndex(2, len(text) + 2))


def _runs(
    frame: pd.DataFrame, path: str | Path, task: str | None, higher_is_better: bool, scales: Sequence[str] = ()
) -> Runs:
    require_columns(frame, ["value"], path)
    own = frame.attrs.get("own", frame.columns)
    if "task" not in frame.columns:
        if task is None:
            raise DataError(
                f"{path}: column 'task' is missing; name the file's one task with --task NAME, "
                f"or its column with --column task=THEIRS (the file has: {listed(own)})."
            )
        frame = frame.assign(task=task)
    elif task is not None:
        raise DataError(f"{path}: the file has a task column; choose one task with --where task={task}.")
    refuse_empty(frame, "task", path)
    task_index, distinct = levels(frame["task"])
    names = tuple(distinct)

    notes: list[str] = []
    scale = {name: numbers(frame, name, path, above=0.0) for name in SCALES if not is_empty(frame, name)}
    named_scales = _distinct(scales) if scales else ()
    for name in named_scales:
        if name not in frame.columns or name in NO_SCALES:
            what = "says something else of a run" if name in frame.columns else "is not there"
            raise DataError(
                f"{path}: --scales names column {shown(name)}, which {what}; choose columns of numbers (the file has: "
                f"{listed(frame.columns)})."
            )
        if name not in EXTRAS:
            scale[name] = numbers(frame, name, path, above=0.0)
    if not scale:
        raise DataError(
            f"{path}: no column says how large a run was; name at least one of {', '.join(SCALES)} "
            f"with --column, for example --column params=THEIRS (the file has: {listed(own)})."
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

    run, run_names, named, run_note = run_ids(frame, scale)
    if run_note:
        notes.append(run_note)
    refuse_restarting_ids(frame, run, task_index, scale, path)
    extra, derived = _extras(frame, scale, run, task_index, path)
    strategy_runs, strategy_index = strategy_runs_of(frame, run, task_index, names, path)
    runs = Runs(
        source=Path(path).name,
        tasks=names,
        metric=_metrics(frame, task_index, names, path),
        higher_is_better=_directions(frame, task_index, names, path, higher_is_better),
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
        strategy=_strategy(frame),
        strategy_runs=strategy_runs,
        strategy_index=strategy_index,
        flops_assumed=flops_assumed,
        extra=extra,
        built={name: _stated(frame, name) for name in BUILT if not is_empty(frame, name)},
        derived=derived,
        chance=_chance(frame, task_index, names, path),
        named=named,
        notes=tuple(notes),
        named_scales=named_scales,
    )
    return _without_copies(runs, frame)


def _without_copies(runs: Runs, frame: pd.DataFrame) -> Runs:
    """The runs without rows that say again what an earlier row of the same named run says: they are no evidence.

    Without names equal rows may be two runs, which ``originals`` leaves to whoever counts runs.
    """
    if not runs.named or not runs.repeated.any():
        return runs
    others = [levels(frame[name])[0] for name in ("seed", "step", "stderr", "weight") if name in frame.columns]
    compared = [runs.run, runs.task, runs.strategy_index, runs.value, *runs.columns.values(), *others]
    again = stood_before(row_codes(compared))
    if not again.any():
        return runs
    count, every = int(again.sum()), len(again)
    rows = listed(runs.row[again])
    what = "a copy of an earlier row of the same run" if count == 1 else "copies of earlier rows of the same runs"
    note = f"{count} of {every} rows {'is' if count == 1 else 'are'} left out: {what} (row {rows})."
    copied = {runs.tasks[task]: tuple(runs.row[again & (runs.task == task)].tolist())
              for task in np.unique(runs.task[again]).tolist()}  # fmt: skip
    return replace(runs.keep(~again), notes=(*runs.notes, note), copied=copied)


def _distinct(scales: Sequence[str]) -> tuple[str, ...]:
    """The names that ``--scales`` gives, if they are two or three."""
    named = tuple(name.strip() for name in scales)
    if len(set(named)) < len(named) or not 2 <= len(named) <= 3 or "" in named:
        raise DataError(
            f"--scales {shown(','.join(named))}: give two or three different columns, for example "
            "--scales params,experts (of one scale: --scale)."
        )
    return named


def _metrics(frame: pd.DataFrame, task: np.ndarray, names: Sequence[str], path: str | Path) -> tuple[str, ...]:
    if is_empty(frame, "metric"):
        return ("value",) * len(names)
    metric, found = levels(frame["metric"])
    first = metric[first_rows(task)]
    other = metric != first[task]
    if other.any():
        # of the first task that has two
        row = int(np.flatnonzero(other & (task == task[other].min()))[0])
        raise DataError(
            f"{path}, row {frame.index[row]}, column 'metric': task {shown(names[task[row]])} has "
            f"{shown(found[metric[row]])} beside {shown(found[first[task[row]]])}; "
            f"choose one with --where metric={found[first[task[row]]]}."
        )
    return tuple(found[each] or "value" for each in first)


def _directions(
    frame: pd.DataFrame, task: np.ndarray, names: Sequence[str], path: str | Path, default: bool
) -> np.ndarray:
    if is_empty(frame, "higher_is_better"):
        return np.full(len(names), default)
    cells = truths(frame, "higher_is_better", path)
    result: np.ndarray = cells[first_rows(task)]
    other = cells != result[task]
    if other.any():
        row = int(np.flatnonzero(other & (task == task[other].min()))[0])
        raise DataError(
            f"{path}, row {frame.index[row]}, column 'higher_is_better': task {shown(names[task[row]])} has both "
            "directions; make them agree."
        )
    return result


def _strategy(frame: pd.DataFrame) -> str:
    """The strategies of the rows, joined by a bar where there are several."""
    return "" if is_empty(frame, "strategy") else "|".join(levels(frame["strategy"])[1])


def _extras(
    frame: pd.DataFrame, scale: Mapping[str, np.ndarray], run: np.ndarray, task: np.ndarray, path: str | Path
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The columns of ``EXTRAS``, and a sentence for each that is not there but follows from others."""
    extra = {name: numbers(frame, name, path, above=0.0) for name in EXTRAS if not is_empty(frame, name)}
    derived = {}
    if "n_tasks" in extra and (extra["n_tasks"] != np.round(extra["n_tasks"])).any():
        row = frame.index[extra["n_tasks"] != np.round(extra["n_tasks"])][0]
        raise DataError(f"{path}, row {row}, column 'n_tasks': a whole number of tasks is due; correct the cell.")
    if "n_tasks" not in extra:
        extra["n_tasks"] = np.bincount(distinct_pairs(run, task)[:, 0])[run].astype(float)
        derived["n_tasks"] = "There is no column 'n_tasks': the tasks among the rows of each run are counted."
    if "task_tokens" not in extra and "tokens" in scale:
        extra["task_tokens"] = scale["tokens"] / extra["n_tasks"]
        derived["task_tokens"] = "There is no column 'task_tokens': tokens divided by n_tasks are taken."
    return extra, derived


def _stated(frame: pd.DataFrame, name: str) -> np.ndarray:
    """(R,) a column's positive numbers, NaN for all else."""
    cells = frame[name]
    found = pd.to_numeric(cells.astype(object) if cells.dtype.kind not in "fiu" else cells, errors="coerce")
    stated = found.to_numpy(dtype=float)
    return np.where(np.isfinite(stated) & (stated > 0), stated, np.nan)


def _chance(frame: pd.DataFrame, task: np.ndarray, names: Sequence[str], path: str | Path) -> np.ndarray:
    """(T,) score of guessing: one number a task, NaN where the file has none."""
    chance = np.full(len(names), np.nan)
    if is_empty(frame, "chance"):
        return chance
    cells = numbers(frame, "chance", path, empty=np.nan)
    told = np.flatnonzero(np.isfinite(cells))
    chance[task[told[::-1]]] = cells[told[::-1]]  # of several the first
    other = told[cells[told] != chance[task[told]]]
    if len(other):
        row = other[task[other] == task[other].min()][0]
        raise DataError(
            f"{path}, row {frame.index[row]}, column 'chance': task {shown(names[task[row]])} has {cells[row]:g} "
            f"beside {chance[task[row]]:g}; one level of guessing is due a task."
        )
    return chance
