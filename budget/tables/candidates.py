"""Models that could be built or are built, with the value each reaches on its tasks: ``candidates.csv``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed, shown
from budget.tables.columns import is_empty, numbers, read_table, refuse_empty, refuse_unreadable, truths
from budget.tables.files.text import require_columns
from budget.tables.runs import text_cells
from budget.tables.tasks import USED

COLUMNS = ("model", "cost", "task", "value", "split", "draw", "metric", "higher_is_better")
"""The columns of ``candidates.csv`` that are read."""

POINT = -1
"""Position of a row that is no draw: its cell in column ``draw`` is empty."""


@dataclass(frozen=True)
class Measured:
    """Values of P pairs of a model and a task on one split.

    Attributes:
        split: the split's name, ``""`` where the file has none.
        value: (P,) the point value; the mean of the draws where the file has draws alone.
        draws: (B, P) joint draws, B = 0 where the file has none.
    """

    split: str
    value: np.ndarray
    draws: np.ndarray

    @property
    def scenarios(self) -> np.ndarray:
        """(W, P) what the values may be, each scenario as likely as any other: the draws, or the point alone."""
        return self.draws if len(self.draws) else self.value[None, :]


@dataclass(frozen=True)
class Candidates:
    """M models and T tasks, of which P pairs have a value.

    Attributes:
        source: the file's name, for messages.
        models: the M model names, in order of first appearance.
        tasks: the T task names, likewise.
        cost: (M,) what building the model costs; 0 where it is built already.
        model: (P,) index into ``models``.
        task: (P,) index into ``tasks``.
        select: the values that models are chosen by.
        report: the values that are reported; the same object where the file has one split.
        metric: the metric of all values, ``"value"`` where the file names none.
        higher_is_better: its direction.
    """

    source: str
    models: tuple[str, ...]
    tasks: tuple[str, ...]
    cost: np.ndarray
    model: np.ndarray
    task: np.ndarray
    select: Measured
    report: Measured
    metric: str
    higher_is_better: bool


def read_candidates(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    higher_is_better: bool = False,
    select: str | None = None,
    report: str | None = None,
) -> Candidates:
    """Read ``candidates.csv``, or anybody's table through ``columns`` and ``where``.

    Args:
        path: the file.
        columns: canonical column name → the file's own; names of the tasks file alone are left to that.
        where: conditions (column, value) that rows must meet.
        higher_is_better: direction, where the file has no such column.
        select: the split to choose on.
        report: the split to report; by default the same.

    Returns:
        The candidates, in the file's order.

    Raises:
        DataError: names file, row, column and remedy.
    """
    mine = {name: theirs for name, theirs in (columns or {}).items() if name in COLUMNS or name not in USED}
    return _candidates(read_table(path, "candidates", mine, where), path, higher_is_better, select, report)


def candidates_from_frame(
    frame: pd.DataFrame,
    *,
    higher_is_better: bool = False,
    select: str | None = None,
    report: str | None = None,
) -> Candidates:
    """The same from a table in memory with the columns of ``candidates.csv``.

    Raises:
        DataError: names row, column and remedy; rows are those of the table written as a CSV.
    """
    refuse_unreadable(frame, "the candidates table")
    return _candidates(text_cells(frame), "the candidates table", higher_is_better, select, report)


def _candidates(
    frame: pd.DataFrame, path: str | Path, higher_is_better: bool, select: str | None, report: str | None
) -> Candidates:
    require_columns(frame, COLUMNS[:4], path)
    for column in ("model", "task"):
        refuse_empty(frame, column, path)
    chosen, reported = _splits(frame, path, select, report)
    if not is_empty(frame, "split"):
        frame = frame[frame["split"].str.strip().isin([chosen, reported])]
    model, models = pd.factorize(frame["model"].str.strip())
    task, tasks = pd.factorize(frame["task"].str.strip())
    cells = pd.DataFrame(
        {
            "model": model,
            "task": task,
            "pair": pd.factorize(model * len(tasks) + task)[0],
            "split": chosen if is_empty(frame, "split") else frame["split"].str.strip(),
            "draw": _draw_of(frame, path),
            "value": numbers(frame, "value", path, planned=True),
        },
        index=frame.index,
    )
    cost = _costs(numbers(frame, "cost", path, least=0.0, planned=True), cells, tuple(models), path)
    _refuse_twice(cells, tuple(models), tuple(tasks), path)
    pairs = cells.drop_duplicates("pair")
    names = [
        f"model {shown(models[m])} and task {shown(tasks[t])}"
        for m, t in zip(pairs["model"], pairs["task"], strict=True)
    ]
    selected = _measured(cells, chosen, names, path)
    return Candidates(
        source=Path(path).name,
        models=tuple(models),
        tasks=tuple(tasks),
        cost=cost,
        model=pairs["model"].to_numpy(),
        task=pairs["task"].to_numpy(),
        select=selected,
        report=selected if reported == chosen else _measured(cells, reported, names, path),
        metric=metric_of(frame, path),
        higher_is_better=direction_of(frame, path, higher_is_better),
    )


def _splits(frame: pd.DataFrame, path: str | Path, select: str | None, report: str | None) -> tuple[str, str]:
    """The split to choose on and the one to report."""
    if is_empty(frame, "split"):
        if select or report:
            option = f"--select {select}" if select else f"--report {report}"
            raise DataError(
                f"{path}: {option} names a split, and there is no column 'split'; leave it out, or name the column "
                "with --column split=THEIRS."
            )
        return "", ""
    refuse_empty(frame, "split", path)
    there = sorted(set(frame["split"].str.strip()))
    if select is None:
        if len(there) == 1 and report is None:
            return there[0], there[0]
        raise DataError(
            f"{path}: column 'split' holds {listed(there)}; say which to choose on with --select {there[-1]}, and "
            "with --report which to report."
        )
    for option, name in (("--select", select), ("--report", report or select)):
        if name not in there:
            raise DataError(
                f"{path}: no row is of the split {shown(name)} that {option} names; there are {listed(there)}."
            )
    return select, report or select


def _draw_of(frame: pd.DataFrame, path: str | Path) -> np.ndarray:
    """(R,) the draw of each row, ``POINT`` where the cell is empty."""
    if is_empty(frame, "draw"):
        return np.full(len(frame), POINT)
    draw = numbers(frame, "draw", path, least=0.0, empty=POINT)
    broken = draw != np.round(draw)
    if broken.any():
        row = frame.index[broken][0]
        raise DataError(
            f"{path}, row {row}, column 'draw': {shown(frame['draw'][row])} where a whole number is due, or nothing "
            "for the "
            "point value; number the draws 0, 1, 2, …"
        )
    return draw.astype(int)


def _costs(cost: np.ndarray, cells: pd.DataFrame, models: tuple[str, ...], path: str | Path) -> np.ndarray:
    """(M,) the one cost of each model."""
    first = np.unique(cells["model"].to_numpy(), return_index=True)[1]
    other = cost != cost[first][cells["model"]]
    if other.any():
        row = cells.index[other][0]
        model = cells["model"][row]
        raise DataError(
            f"{path}, row {row}, column 'cost': {cost[other][0]:g} for model {shown(models[model])}, which row "
            f"{cells.index[first[model]]} says costs {cost[first[model]]:g}; give a model one cost in all its rows."
        )
    return cost[first]


def _refuse_twice(cells: pd.DataFrame, models: tuple[str, ...], tasks: tuple[str, ...], path: str | Path) -> None:
    twice = cells.duplicated(["pair", "split", "draw"])
    if not twice.any():
        return
    again = cells[twice].iloc[0]
    of_what = [f"model {shown(models[again['model']])}", f"task {shown(tasks[again['task']])}"]
    of_what += [f"split {shown(again['split'])}"] if again["split"] else []
    of_what += [f"draw {again['draw']}"] if again["draw"] != POINT else []
    raise DataError(
        f"{path}, row {again.name}, column 'value': a second value for {', '.join(of_what)}; keep one row, or tell the "
        "rows apart with --where, a column 'split' or a column 'draw'."
    )


def _measured(cells: pd.DataFrame, split: str, pairs: list[str], path: str | Path) -> Measured:
    """The values of every pair on one split, each pair having its point value or every draw, or both."""
    mine = cells[cells["split"] == split]
    draws = np.unique(mine["draw"])
    values = np.full((len(draws), len(pairs)), np.nan)
    values[np.searchsorted(draws, mine["draw"]), mine["pair"]] = mine["value"]
    lacking = np.argwhere(np.isnan(values.T))
    if len(lacking):
        pair, position = lacking[0]
        row = cells.index[cells["pair"] == pair][0]
        kind = f"row of draw {draws[position]}" if draws[position] != POINT else "point value (an empty cell in 'draw')"
        what = kind if len(draws) > 1 and not np.isnan(values[:, pair]).all() else "row"
        where = f" on split {shown(split)}" if split else ""
        raise DataError(
            f"{path}, row {row}, column '{'split' if what == 'row' else 'draw'}': {pairs[pair]} stand here but have no "
            f"{what}{where}; add the row, or remove the pair's rows."
        )
    point = values[0] if draws[0] == POINT else values.mean(axis=0)
    return Measured(split, point, values[1:] if draws[0] == POINT else values)


def metric_of(frame: pd.DataFrame, path: str | Path) -> str:
    """The one metric of all rows, ``"value"`` where the table names none.

    Raises:
        DataError: rows are of several metrics; names the row.
    """
    if is_empty(frame, "metric"):
        return "value"
    cells = frame["metric"].str.strip()
    first = cells.iloc[0]
    other = cells != first
    if other.any():
        row = cells.index[other][0]
        raise DataError(
            f"{path}, row {row}, column 'metric': {shown(cells[row])} beside {shown(first)}, and a portfolio compares "
            "values "
            f"of one metric; choose one with --where metric={first or cells[row]}."
        )
    return first


def direction_of(frame: pd.DataFrame, path: str | Path, default: bool) -> bool:
    """Whether larger values are better, as all rows say, or by default.

    Raises:
        DataError: rows differ; names the row.
    """
    if is_empty(frame, "higher_is_better"):
        return default
    cells = truths(frame, "higher_is_better", path)
    other = cells != cells[0]
    if other.any():
        raise DataError(
            f"{path}, row {frame.index[other][0]}, column 'higher_is_better': the direction differs from that of row "
            f"{frame.index[0]}; choose rows of one direction with --where."
        )
    return bool(cells[0])
