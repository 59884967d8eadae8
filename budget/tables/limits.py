"""Linear limits on what tasks are given, from ``limits.csv``: one row a term, the terms of one limit share its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed, meant, shown
from budget.numerics.words import apart
from budget.tables.columns import is_empty, numbers, read_table
from budget.tables.files.text import require_columns

COLUMNS = ("limit", "task", "group", "coefficient", "unit", "min", "max")


@dataclass(frozen=True)
class Limit:
    """``least ≤ Σ_i coefficient_i · given_i ≤ most`` over T tasks.

    Attributes:
        name: what the reader calls it.
        coefficient: (T,) of either sign.
        unit: in which what is given is counted, "" for the budget's own.
        lower: minus infinity where there is none.
        upper: infinity where there is none.
    """

    name: str
    coefficient: np.ndarray
    unit: str = ""
    lower: float = -np.inf
    upper: float = np.inf


def read_limits(
    path: str | Path,
    names: Sequence[str],
    groups: Sequence[str],
    units: Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
) -> tuple[Limit, ...]:
    """Read ``limits.csv`` (``limit[, task][, group][, coefficient][, unit][, min][, max]``).

    A row without task and group speaks of all tasks, one with a group of all tasks of that group in the tasks file;
    the coefficient is 1 where none is given. The ends of a limit stand in at least one of its rows.

    Args:
        path: the file.
        names: the T tasks.
        groups: (T,) the group of each, "" for none.
        units: the units that a plan can count in.
        columns: canonical column name → the file's own, where the file has it.

    Raises:
        DataError: an unknown task, group or unit, a number that is none, ends that are missing or disagree.
    """
    frame = read_table(path, "limits", columns, own=COLUMNS)
    require_columns(frame, ["limit"], path)
    for name in COLUMNS:
        frame[name] = frame[name].str.strip() if name in frame.columns else ""
    unknown = [name for name in frame.columns if name not in (*COLUMNS, *(columns or {}).values())]
    if unknown:
        raise DataError(f"{path}: column '{unknown[0]}' is unknown; a limits file has {', '.join(COLUMNS)}.")
    empty = frame.index[frame["limit"] == ""]
    if len(empty):
        raise DataError(f"{path}, row {empty[0]}, column 'limit': the cell is empty; name the limit.")
    coefficient = _cells(frame, "coefficient", path, 1.0)
    ends = {name: _cells(frame, name, path, np.nan) for name in ("min", "max")}
    limits = []
    for name in dict.fromkeys(frame["limit"]):
        rows = frame[frame["limit"] == name]
        at = frame.index.get_indexer(rows.index)
        total = np.zeros(len(names))
        for position, row in zip(at, rows.index, strict=True):
            total[_whom(rows.loc[row], row, names, groups, path)] += coefficient[position]
        unit = _one(rows, "unit", path, name)
        if unit and unit not in units:
            raise DataError(f"{path}: limit {shown(name)} counts {shown(unit)}; the units are {', '.join(units)}.")
        least, most = (_end(ends[end][at], end, path, name) for end in ("min", "max"))
        if np.isnan(least) and np.isnan(most):
            raise DataError(
                f"{path}: limit {shown(name)} has neither min nor max; give one of them in one of its rows."
            )
        if least > most:
            words = apart(least, most)
            raise DataError(
                f"{path}: limit {shown(name)} has min {words[0]} above max {words[1]}; swap or correct them."
            )
        if not total.any():
            raise DataError(f"{path}: limit {shown(name)} has only coefficients of 0; correct or remove it.")
        limits.append(Limit(name, total, unit, least if least == least else -np.inf, most if most == most else np.inf))
    return tuple(limits)


def _cells(frame: pd.DataFrame, name: str, path: str | Path, empty: float) -> np.ndarray:
    return (
        np.full(len(frame), empty) if is_empty(frame, name) else numbers(frame, name, path, empty=empty, planned=True)
    )


def _whom(cells: pd.Series, row: int, names: Sequence[str], groups: Sequence[str], path: str | Path) -> np.ndarray:
    """Positions of the tasks that a row speaks of."""
    task, group = cells["task"], cells["group"]
    if task and group:
        raise DataError(f"{path}, row {row}: both a task and a group are named; keep one of them.")
    if task:
        if task not in names:
            raise DataError(
                f"{path}, row {row}, column 'task': {shown(task)} is not among the tasks "
                f"({listed(names)}){meant(task, names) or '.'}"
            )
        return np.array([list(names).index(task)])
    if group:
        if group not in groups:
            known = ", ".join(sorted({name for name in groups if name})) or "none"
            raise DataError(
                f"{path}, row {row}, column 'group': {shown(group)} is no group of the tasks file (it has: {known})."
            )
        return np.flatnonzero(np.array(groups) == group)
    return np.arange(len(names))


def _one(rows: pd.DataFrame, column: str, path: str | Path, name: object) -> str:
    given = sorted({cell for cell in rows[column] if cell})
    if len(given) > 1:
        raise DataError(f"{path}: limit {shown(name)} has {column} {' and '.join(given)}; keep one.")
    return given[0] if given else ""


def _end(cells: np.ndarray, end: str, path: str | Path, name: object) -> float:
    given = np.unique(cells[np.isfinite(cells)])
    if len(given) > 1:
        raise DataError(f"{path}: limit {shown(name)} has {end} {given[0]:g} and {given[1]:g}; keep one.")
    return float(given[0]) if len(given) else float("nan")
