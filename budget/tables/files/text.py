"""Reading files, and tables and records as text: what is written by hand or by `write_files` is read here."""

import csv
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from io import StringIO
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd

from budget.errors import DataError
from budget.numerics.numerals import number_of
from budget.numerics.quoting import listed, shown
from budget.numerics.strict_json import parse_json
from budget.tables.files.contents import read_text
from budget.tables.files.dialect import Dialect, decimal_points, dialect_of, separator_of
from budget.tables.files.formulas import guarded, unguarded


def read_csv(path: str | Path, what: str = "table") -> pd.DataFrame:
    """Read a CSV as text, its index being the row number that a spreadsheet shows.

    Tabs or semicolons may separate the columns, and the file may be compressed (``contents``, ``dialect``). Columns
    without a name are called by their number, such as ``column 6``, and left out at the end where they are empty.
    An apostrophe that ``csv_text`` put before a formula is taken away.

    Args:
        path: the file or pipe; the first line that is no comment holds the column names.
        what: what the file is, for the error sentence.

    Returns:
        One row per record, all cells text (an empty cell is ``""``), index = row number (header is row 1, unless
        something stands above it). ``attrs["notes"]`` says what was assumed.

    Raises:
        DataError: the file is missing, is a folder, is empty, holds no row, or is not a readable CSV.
    """
    text = read_text(path, f"{what} CSV")
    if not text.strip():
        raise DataError(f"{path}: the file is empty; a {what} CSV starts with a line of column names.")
    dialect = dialect_of(text)
    cells = _cells(text[dialect.skip :], dialect, path, what)
    names = _names(cells, dialect.line, path, what)
    frame = cells.iloc[1:, : len(names)].set_axis(names, axis="columns")
    frame.index = pd.RangeIndex(dialect.line + 1, dialect.line + 1 + len(frame))
    frame = frame[(frame != "").any(axis="columns")]
    if frame.empty:
        raise DataError(f"{path}: there are column names but no rows; add at least one row.")
    note = ""
    if dialect.separator != ",":
        frame, note = decimal_points(frame)
    frame.attrs["notes"] = (f"{Path(path).name}: {note}",) if note else ()
    return frame


def _cells(text: str, dialect: Dialect, path: str | Path, what: str) -> pd.DataFrame:
    """Every cell, the header's too."""
    try:
        cells = pd.read_csv(
            StringIO(text),
            sep=dialect.separator,
            header=None,  # pandas would rename repeated names and shift rows that have a cell too many
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            skip_blank_lines=False,
        ).fillna("")
    except pd.errors.ParserError as error:
        raise DataError(_unreadable(str(error), text, dialect, path, what)) from None
    guards = cells.apply(lambda column: column.str.startswith("'"))
    return cells.map(unguarded) if guards.any(axis=None) else cells


def _unreadable(reason: str, text: str, dialect: Dialect, path: str | Path, what: str) -> str:
    """Why a text is no table, from what pandas says of it."""
    above = dialect.line - 1
    fields = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason)
    if fields:
        due, line, there = map(int, fields.groups())
        first = text.splitlines()[0]
        if due == 1 and separator_of(first) not in first:
            return (
                f"{path}: line {dialect.line} is not a header: it is {shown(first)}, and line {line + above} has "
                f"{there} columns; delete what stands above the column names."
            )
        if dialect.separator != ",":
            return _SEPARATED.format(path=path, what=what)
        return (
            f"{path}: not a readable CSV: line {line + above} has {there} cells where the header in line "
            f"{dialect.line} has {due}; mend that line."
        )
    quote = re.search(r"EOF inside string starting at row (\d+)", reason)
    if quote:
        return (
            f"{path}: not a readable CSV: the quotation mark that opens in row {int(quote.group(1)) + dialect.line} "
            "is never closed; close it."
        )
    reason = reason.removeprefix("Error tokenizing data. C error: ").strip()
    return f"{path}: not a readable CSV ({reason}); mend that line."


_SEPARATED = "{path}: the columns are not separated by commas; save the {what} as a comma-separated CSV."


def _names(cells: pd.DataFrame, line: int, path: str | Path, what: str) -> list[str]:
    """The names of the columns, but for empty ones at the end."""
    names = [name.strip() for name in cells.iloc[0]]
    while names and not names[-1] and not (cells[len(names) - 1] != "").any():
        names.pop()
    filled = [name for name in names if name]
    others = sum(not name and bool((cells[position] != "").any()) for position, name in enumerate(names))
    numeric = sum(not isnan(number_of(name)) for name in filled)
    if 2 * numeric > len(filled) or (len(filled) == 1 and names[0] and others):
        first = next((name for name in filled if not isnan(number_of(name))), filled[0]) if filled else ""
        raise DataError(
            f"{path}: line {line} is not a header: it holds {shown(first)}; write the names of the columns above the "
            "rows, and nothing above them."
        )
    if len(names) == 1 and "|" in names[0]:
        raise DataError(_SEPARATED.format(path=path, what=what))
    names = [name or f"column {position}" for position, name in enumerate(names, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: column {shown(name)} stands twice in the header; rename one.")
    return names


def stamp(path: str | Path) -> tuple[int, int, int] | None:
    """What changes whenever somebody replaces or edits a file; ``None`` where there is none."""
    try:
        with suppress(OSError), open(path, "rb"):  # a network file system looks again only when a file is opened
            pass
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def ends_in_a_cut_row(path: str | Path) -> bool:
    """Whether the last row of a CSV is cut short: it has fewer cells than the header, and no line end.

    A row without its line end alone is whole: editors leave it out.
    """
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as stream:
        text = stream.read()
    if text.endswith(("\n", "\r")):
        return False
    try:
        rows = list(csv.reader(StringIO(text, newline="")))
    except csv.Error:
        return False
    return len(rows) > 1 and len(rows[-1]) < len(rows[0])


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV text: floats in full precision, missing values as empty cells, formulas guarded (``formulas``)."""
    texts = frame.set_axis([guarded(str(name)) for name in frame.columns], axis="columns")
    for position, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            cells = frame.iloc[:, position]
            texts.isetitem(position, [guarded(cell) if isinstance(cell, str) else cell for cell in cells])
    # only the characters of the line end are quoted in a cell, and a reader takes a bare carriage return for one
    return texts.to_csv(index=False, lineterminator="\r\n").replace("\r\n", "\n")


def read_json(path: str | Path, what: str) -> Any:
    """Read a JSON file, which may be compressed.

    Raises:
        DataError: the file is missing or is not JSON.
    """
    text = read_text(path, what)
    try:
        return parse_json(text)
    except ValueError as error:
        raise DataError(f"{path}: not a {what} ({error}); write one with the command that makes it.") from None


def json_text(content: Any) -> str:
    """A result as JSON text; a number that is not finite is an error, never invalid JSON."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def require_columns(frame: pd.DataFrame, needed: Iterable[str], path: str | Path) -> None:
    """Refuse a table that lacks a column.

    Raises:
        DataError: names the first missing column and those that are there.
    """
    for name in needed:
        if name not in frame.columns:
            raise DataError(
                f"{path}: column '{name}' is missing; name yours with --column {name}=THEIRS "
                f"(the file has: {listed(frame.columns)})."
            )
