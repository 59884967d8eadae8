"""Reading anybody's table: column names mapped, rows filtered, cells turned into numbers, refusals by row."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.numerals import number_of
from budget.numerics.quoting import LONGEST_CELL, listed, shortened, shown
from budget.tables.files.text import read_csv

CANONICAL = (
    "task", "value", "params", "tokens", "flops", "x", "metric", "higher_is_better", "run", "model", "stderr", "weight",
    "strategy", "target", "min", "max", "best", "unserved", "chance", "unique_tokens", "task_tokens", "n_tasks",
    "source", "current", "unit_cost", "served_tokens", "checkpoint_params", "checkpoint", "group", "spend", "limit",
    "coefficient", "unit", "cost", "split", "draw", "partner", "model_tasks", "seed",
)  # fmt: skip
"""The names that ``--column`` can give to a file's own columns."""

LARGEST_PLANNED = 1e120
"""Largest number that a planner may state: what plans multiply and sum stays finite."""

_MISSING = {"", "na", "n/a", "#n/a"}
"""Cells that say that there is no number, where a number may be missing."""

_TRUE = {"1", "true", "yes", "y", "t"}
_FALSE = {"0", "false", "no", "n", "f"}


def column_mapping(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """``--column`` options as canonical name → the file's own.

    Raises:
        DataError: a name is not canonical, or is given twice.
    """
    for name, theirs in pairs:
        if name not in CANONICAL:
            near = ", ".join(get_close_matches(name, CANONICAL, 4, 0.0))
            raise DataError(
                f"--column {shortened(name)}={shortened(theirs)}: {shown(name)} is no canonical column; the "
                f"nearest are {near}."
            )
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise DataError("--column names one canonical column twice; keep one of them.")
    return mapping


def read_table(
    path: str | Path,
    what: str,
    columns: Mapping[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    *,
    own: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read a CSV, keep the rows asked for and give its columns their canonical names, see ``view``."""
    return view(read_csv(path, what), path, columns, where, own=own)


def view(
    frame: pd.DataFrame,
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    *,
    own: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The rows asked for of a table that was read, with canonical column names beside its own.

    Args:
        frame: from ``read_csv``; it stays as it is.
        path: its file, for error sentences.
        columns: canonical name → the file's own name; ``"a+b"`` joins the text of two columns with a dash.
        where: (column, value) conditions on the file's own or canonical names. Conditions on different columns
            must all hold; of several on one column, any. ``(column!, value)`` keeps the rows that do not have it, all
            of several; the value may be empty.
        own: the canonical names that this table may have, where ``columns`` is meant for several tables: of those, a
            name that the file lacks is left to the others.

    Returns:
        Text cells under canonical names, index = row number in the file (header is row 1).

    Raises:
        DataError: a named column is not there, or no row passes the conditions.
    """
    frame = frame.copy()
    there = list(frame.columns)
    for canonical, theirs in (columns or {}).items():
        if own is not None and (canonical not in own or theirs not in there):
            continue
        parts = [part.strip() for part in theirs.split("+")] if theirs not in there else [theirs]
        for part in parts:
            if part not in there:
                raise DataError(
                    f"{path}: --column {canonical}={theirs} names column {shown(part)}, which is not there "
                    f"(the file has: {listed(there)})."
                )
        joined = frame[parts[0]]
        for part in parts[1:]:
            joined = joined + "-" + frame[part]
        frame[canonical] = joined
    wanted: dict[str, list[str]] = {}
    for column, value in where:
        wanted.setdefault(column, []).append(value)
    for column, values in wanted.items():
        name = column.removesuffix("!").rstrip() if column not in frame.columns else column
        if name not in frame.columns:
            raise DataError(
                f"{path}: --where {column}={values[0]} names a column that is not there (the file has: "
                f"{listed(frame.columns)})."
            )
        has = np.zeros(len(frame), dtype=bool)
        for value in values:
            has |= _equals(frame[name], value)
        keep = has if name == column else ~has
        if not keep.any():
            asked = f"{shortened(column)}={shortened(' or '.join(values))}"
            raise DataError(f"{path}: no row has {asked}; it holds: {listed(sorted(set(frame[name])))}.")
        frame = frame[keep]
    return frame


def numbers(
    frame: pd.DataFrame,
    column: str,
    path: str | Path,
    *,
    above: float | None = None,
    least: float | None = None,
    empty: float | None = None,
    planned: bool = False,
) -> np.ndarray:
    """A column as float64.

    Args:
        frame: text cells, index = row number.
        column: its name.
        path: the file, for the error sentence.
        above: refuse numbers that are not above this.
        least: refuse numbers below this.
        empty: what an empty cell stands for; ``None`` refuses it.
        planned: refuse numbers, but for 0, that a plan could not square or add up, see ``LARGEST_PLANNED``.

    Returns:
        Array of shape (rows,).

    Raises:
        DataError: names file, row, column, the cell and the remedy.
    """
    need = "a finite number"
    if above is not None:
        need = "a positive number" if above == 0 else f"a number above {above:g}"
    elif least is not None:
        need = f"a number of at least {least:g}"
    result = np.empty(len(frame))
    for position, (row, cell) in enumerate(frame[column].items()):
        text = str(cell).strip()
        if empty is not None and text.lower() in _MISSING:
            result[position] = empty
            continue
        number = number_of(text)
        if planned and np.isfinite(number) and number and not 1 / LARGEST_PLANNED <= abs(number) <= LARGEST_PLANNED:
            raise DataError(
                f"{path}, row {row}, column '{column}': {shown(text)} is out of all proportion; give 0 or a number "
                f"between {1 / LARGEST_PLANNED:g} and {LARGEST_PLANNED:g}, in another unit where need be."
            )
        low = (above is not None and number <= above) or (least is not None and number < least)
        if not np.isfinite(number) or low:
            plain = len(text) <= LONGEST_CELL // 4 and text.isprintable() and "'" not in text
            remedy = f"leave such rows out with --where '{column}!={text}'" if plain else "remove the row"
            raise DataError(
                f"{path}, row {row}, column '{column}': {shown(text)} where {need} is due; correct the cell, or "
                f"{remedy}."
            )
        result[position] = number
    return result


def truths(frame: pd.DataFrame, column: str, path: str | Path) -> np.ndarray:
    """A column of yes/no cells (1/0, true/false, yes/no) as booleans.

    Raises:
        DataError: names file, row, column and what may stand there.
    """
    result = np.empty(len(frame), dtype=bool)
    for position, (row, cell) in enumerate(frame[column].items()):
        text = str(cell).strip().lower()
        if text not in _TRUE | _FALSE:
            raise DataError(f"{path}, row {row}, column '{column}': {shown(cell)} where 1 or 0 (true or false) is due.")
        result[position] = text in _TRUE
    return result


def is_empty(frame: pd.DataFrame, column: str) -> bool:
    """Whether the table lacks the column or has it without a single filled cell."""
    return column not in frame.columns or not frame[column].str.strip().ne("").any()


def refuse_empty(frame: pd.DataFrame, column: str, path: str | Path) -> None:
    """Refuse a column of names that has an empty cell.

    Raises:
        DataError: names file, row and column.
    """
    blank = frame[column].str.strip() == ""
    if blank.any():
        raise DataError(f"{path}, row {blank.idxmax()}, column '{column}': empty; write the {column}'s name there.")


def _equals(cells: pd.Series, value: str) -> np.ndarray:
    same = cells.str.strip() == value.strip()
    number = number_of(value.strip())
    if np.isnan(number):
        return same.to_numpy()
    return (same | (pd.to_numeric(cells, errors="coerce") == number)).to_numpy()
