"""Reading anybody's table: column names mapped, rows filtered, cells turned into numbers, refusals by row."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.tables.files import read_csv

CANONICAL = (
    "task", "value", "params", "tokens", "flops", "x", "metric", "higher_is_better", "run", "model", "stderr", "weight",
    "strategy", "target", "min", "max", "best", "unserved", "chance", "unique_tokens", "task_tokens", "n_tasks",
    "source", "current", "unit_cost", "served_tokens", "checkpoint_params", "checkpoint", "group", "spend", "limit",
    "coefficient", "unit", "cost", "split", "draw", "partner", "model_tasks", "seed",
)  # fmt: skip
"""The names that ``--column`` can give to a file's own columns."""

_TRUE = {"1", "true", "yes", "y", "t"}
_FALSE = {"0", "false", "no", "n", "f"}


def column_mapping(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """``--column`` options as canonical name → the file's own.

    Raises:
        DataError: a name is not canonical, or is given twice.
    """
    for name, theirs in pairs:
        if name not in CANONICAL:
            raise DataError(
                f"--column {name}={theirs}: '{name}' is no canonical column; they are {', '.join(CANONICAL)}."
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
) -> pd.DataFrame:
    """Read a CSV, keep the rows asked for and give its columns their canonical names.

    Args:
        path: the file.
        what: what the file is, for error sentences.
        columns: canonical name → the file's own name; ``"a+b"`` joins the text of two columns with a dash.
        where: (column, value) conditions on the file's own or canonical names. Conditions on different columns
            must all hold; of several on one column, any.

    Returns:
        Text cells under canonical names, index = row number in the file (header is row 1).

    Raises:
        DataError: a named column is not there, or no row passes the conditions.
    """
    frame = read_csv(path, what)
    for canonical, theirs in (columns or {}).items():
        parts = [part.strip() for part in theirs.split("+")] if theirs not in frame.columns else [theirs]
        for part in parts:
            if part not in frame.columns:
                raise DataError(
                    f"{path}: --column {canonical}={theirs} names column '{part}', which is not there "
                    f"(the file has: {', '.join(frame.columns)})."
                )
        joined = frame[parts[0]]
        for part in parts[1:]:
            joined = joined + "-" + frame[part]
        frame[canonical] = joined
    wanted: dict[str, list[str]] = {}
    for column, value in where:
        wanted.setdefault(column, []).append(value)
    for column, values in wanted.items():
        if column not in frame.columns:
            raise DataError(
                f"{path}: --where {column}={values[0]} names a column that is not there "
                f"(the file has: {', '.join(frame.columns)})."
            )
        keep = np.zeros(len(frame), dtype=bool)
        for value in values:
            keep |= _equals(frame[column], value)
        if not keep.any():
            some = ", ".join(sorted(set(frame[column]))[:8])
            raise DataError(f"{path}: no row has {column}={' or '.join(values)}; it holds: {some}.")
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
) -> np.ndarray:
    """A column as float64.

    Args:
        frame: text cells, index = row number.
        column: its name.
        path: the file, for the error sentence.
        above: refuse numbers that are not above this.
        least: refuse numbers below this.
        empty: what an empty cell stands for; ``None`` refuses it.

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
        if text == "" and empty is not None:
            result[position] = empty
            continue
        try:
            number = float(text)
        except ValueError:
            number = np.nan
        low = (above is not None and number <= above) or (least is not None and number < least)
        if not np.isfinite(number) or low:
            shown = f"'{text}'" if text else "empty"
            raise DataError(
                f"{path}, row {row}, column '{column}': {shown} where {need} is due; "
                "correct the cell, or leave the row out with --where."
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
            raise DataError(f"{path}, row {row}, column '{column}': '{cell}' where 1 or 0 (true or false) is due.")
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
    try:
        number = float(value)
    except ValueError:
        return same.to_numpy()
    return (same | (pd.to_numeric(cells, errors="coerce") == number)).to_numpy()
