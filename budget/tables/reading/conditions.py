"""The rows that ``--where`` keeps: equal, unlike, smaller, larger, matching a pattern, empty or not.

See docs/decisions/112-where-filters-runs.md.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.numerals import count_of
from budget.numerics.quoting import listed, meant, shortened, shown
from budget.tables.reading.cells import each_text, is_number, levels

_SUFFIXES = ("!", ">=", "<=", "!~", "<", ">", "~")
"""What a condition's column ends with: nothing for equal, ``!`` for unlike, the operator otherwise."""

_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2}(?:[T ][\d:.]*Z?)?)?")


def column_of(column: str, there: Sequence[str]) -> tuple[str, str]:
    """The column that a condition is on, and its suffix."""
    if column in there:
        return column, ""
    suffix = next((each for each in _SUFFIXES if column.endswith(each)), "")
    return column.removesuffix(suffix).rstrip(), suffix


def rows_where(frame: pd.DataFrame, conditions: Sequence[tuple[str, str]], path: str | Path) -> pd.DataFrame:
    """The rows that meet conditions.

    Args:
        frame: cells.
        conditions: (column and operator, value): ``("task", "a")`` for equal, ``("task!", "a")`` for unlike,
            ``("params<", "1e9")``, ``<=``, ``>``, ``>=``, ``~`` and ``!~`` for a regular expression. Those on
            different columns or with different operators must all hold; of several ``=`` or ``~`` on one column any,
            of several others all.
        path: the file, for the error sentence.

    Raises:
        DataError: a column is not there, a value cannot be compared, or no row passes.
    """
    wanted: dict[str, list[str]] = {}
    for column, value in conditions:
        wanted.setdefault(column, []).append(value)
    for column, values in wanted.items():
        name, suffix = column_of(column, list(frame.columns))
        sign = suffix if suffix and suffix != "!" else f"{suffix}="
        asked = f"{shortened(name)}{sign}{shortened(' or '.join(values))}"
        if name not in frame.columns:
            raise DataError(
                f"{path}: --where {asked} names a column that is not there (the file has: "
                f"{listed(frame.columns)}){meant(name, map(str, frame.columns)) or '.'}"
            )
        keep = _kept(frame[name], suffix, values, f"{path}: --where {asked}")
        if not keep.any():
            held = listed(sorted(set(levels(frame[name])[1])))
            raise DataError(f"{path}: no row has {asked}; it holds: {held}.")
        if not keep.all():
            notes = frame.attrs
            frame = frame[keep]
            frame.attrs = notes
    return frame


def _kept(cells: pd.Series, suffix: str, values: Sequence[str], asked: str) -> np.ndarray:
    if suffix in ("", "!"):
        has = np.logical_or.reduce([_equals(cells, value) for value in values])
        return ~has if suffix else has
    if suffix in ("~", "!~"):
        try:
            patterns = [re.compile(value) for value in values]
        except re.error as error:
            raise DataError(f"{asked}: not a regular expression ({error}); correct it.") from None
        has = each_text(cells, lambda text: any(pattern.search(text) for pattern in patterns), bool)
        return ~has if suffix == "!~" else has
    return np.logical_and.reduce([_compares(cells, suffix, value, asked) for value in values])


def _compares(cells: pd.Series, suffix: str, value: str, asked: str) -> np.ndarray:
    """Which cells are smaller or larger, as numbers, or as dates where the value is one; an empty cell is neither."""
    number = count_of(value)
    if np.isnan(number):
        if not _DATE.fullmatch(value):
            raise DataError(f"{asked}: {shown(value)} is no number and no date (2026-01-31); give one of them.")
        compare = {"<": str.__lt__, "<=": str.__le__, ">": str.__gt__, ">=": str.__ge__}[suffix]
        return each_text(cells, lambda text: bool(_DATE.match(text)) and compare(text, value), bool)
    numbers = cells.to_numpy(dtype=float) if is_number(cells) else each_text(cells, count_of, float)
    with np.errstate(invalid="ignore"):
        operator = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[suffix]
        result: np.ndarray = operator(numbers, number)
    return result


def _equals(cells: pd.Series, value: str) -> np.ndarray:
    value = value.strip()
    number = count_of(value)
    if is_number(cells):
        return cells.to_numpy(dtype=float) == number
    return each_text(cells, lambda text: text == value or (bool(text) and count_of(text) == number), bool)
