"""Reading files, and tables and records as text: what is written by hand or by `write_files` is read here."""

import csv
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed, meant
from budget.numerics.strict_json import parse_json
from budget.tables.files.contents import read_text
from budget.tables.files.formulas import guarded
from budget.tables.reading.cells import as_text
from budget.tables.reading.open_table import read_cells


def read_csv(path: str | Path, what: str = "table") -> pd.DataFrame:
    """Read a table as text, its index being the row number that a spreadsheet shows.

    A CSV, in any dialect and compressed or not, or what else ``read_cells`` takes. Columns without a name are called by
    their number, such as ``column 6``, and left out at the end where they are empty. An apostrophe that ``csv_text``
    put before a formula is taken away.

    Args:
        path: the file or pipe; the first line that is no comment holds the column names.
        what: what the file is, for the error sentence.

    Returns:
        One row per record, all cells text (an empty cell is ``""``), index = row number (header is row 1, unless
        something stands above it). ``attrs["notes"]`` says what was assumed.

    Raises:
        DataError: the file is missing, is a folder, is empty, holds no row, or is no readable table.
    """
    cells = read_cells(path, what)
    frame = as_text(cells)
    frame.attrs["notes"] = cells.attrs["notes"]
    return frame


def stamp(path: str | Path) -> tuple[int, int, int] | None:
    """What changes whenever somebody replaces or edits a file; ``None`` where there is none."""
    try:
        with suppress(OSError):
            os.close(os.open(path, os.O_RDONLY))  # a network file system looks again only when a file is opened
        found = os.stat(path)
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
    once = cache(guarded)  # a column of names holds each many times
    for position, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            cells = frame.iloc[:, position]
            texts.isetitem(position, [once(cell) if isinstance(cell, str) else cell for cell in cells])
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
    return _written(content, "\n") + "\n"


def _written(content: Any, line: str) -> str:
    """What ``json.dumps`` writes with an indent of 1, which is slow with one: draws are millions of numbers.

    Args:
        content: to be written.
        line: a line's end, and what the next line begins with.
    """
    inner = line + " "
    if isinstance(content, dict) and content:
        # names that are no text are written as the text of what they are
        names = (name if isinstance(name, str) else json.dumps(name, allow_nan=False) for name in content)
        parts = (
            f"{json.dumps(name)}: {_written(part, inner)}" for name, part in zip(names, content.values(), strict=True)
        )
        return "{" + inner + f",{inner}".join(parts) + line + "}"
    if isinstance(content, list | tuple) and content:
        # rows of plain numbers in one call
        if set(map(type, content)) == {float} and all(map(isfinite, content)):
            return "[" + inner + f",{inner}".join(map(float.__repr__, content)) + line + "]"
        return "[" + inner + f",{inner}".join(_written(part, inner) for part in content) + line + "]"
    return json.dumps(content, allow_nan=False)


def require_columns(frame: pd.DataFrame, needed: Iterable[str], path: str | Path) -> None:
    """Refuse a table that lacks a column.

    Raises:
        DataError: names the first missing column and those that are there.
    """
    for name in needed:
        if name not in frame.columns:
            there = [str(column) for column in frame.columns]
            raise DataError(
                f"{path}: column '{name}' is missing; name yours with --column {name}=THEIRS "
                f"(the file has: {listed(there)}){meant(name, there) or '.'}"
            )
