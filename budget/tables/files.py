"""Reading files, and tables and records as text: what is written by hand or by `writing` is read here."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from budget.errors import DataError


def read_csv(path: str | Path, what: str = "table") -> pd.DataFrame:
    """Read a CSV as text, its index being the row number that a spreadsheet shows.

    Args:
        path: the file; the first line holds the column names.
        what: what the file is, for the error sentence.

    Returns:
        One row per record, all cells text (an empty cell is ``""``), index = row number (header is row 1).

    Raises:
        DataError: the file is missing, is a folder, is empty, holds no row, or is not a readable CSV.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file; give the path of the {what} CSV.")
    if path.is_dir():
        raise DataError(f"{path}: this is a folder; give the path of the {what} CSV inside it.")
    try:
        # read without a header: pandas would rename repeated names and shift rows that have a cell too many
        cells = pd.read_csv(
            path,
            header=None,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            skip_blank_lines=False,
            encoding="utf-8-sig",
        ).fillna("")
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty; a {what} CSV starts with a line of column names.") from None
    except pd.errors.ParserError as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise DataError(f"{path}: not a readable CSV ({reason}); mend that line.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; save the {what} as a UTF-8 CSV.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    names = [name.strip() for name in cells.iloc[0]]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: column '{name}' stands twice in the header; rename one.")
    frame = cells.iloc[1:].set_axis(names, axis="columns")
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    frame = frame[(frame != "").any(axis="columns")]
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise DataError(f"{path}: the columns are not separated by commas; save the {what} as a comma-separated CSV.")
    if frame.empty:
        raise DataError(f"{path}: there are column names but no rows; add at least one row.")
    return frame


def stamp(path: str | Path) -> tuple[int, int, int] | None:
    """What changes whenever somebody replaces or edits a file; ``None`` where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV text: floats in full precision, missing values as empty cells."""
    # only the characters of the line end are quoted in a cell, and a reader takes a bare carriage return for one
    return frame.to_csv(index=False, lineterminator="\r\n").replace("\r\n", "\n")


def read_json(path: str | Path, what: str) -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is missing or is not JSON.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the path of the {what}.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a {what} ({error}); write one with the command that makes it.") from None


def json_text(content: Any) -> str:
    """A result as JSON text; a number that is not finite is an error, never invalid JSON."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def sha256(path: str | Path) -> str:
    """The file's SHA-256, which a plan records for each input."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def require_columns(frame: pd.DataFrame, needed: Iterable[str], path: str | Path) -> None:
    """Refuse a table that lacks a column.

    Raises:
        DataError: names the first missing column and those that are there.
    """
    for name in needed:
        if name not in frame.columns:
            there = ", ".join(frame.columns)
            raise DataError(
                f"{path}: column '{name}' is missing; name yours with --column {name}=THEIRS (the file has: {there})."
            )
