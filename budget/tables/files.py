"""Reading and writing files: the only module of the package that touches the disk.

Every write goes beside the target and is then renamed, so that a failed command leaves what was there before.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

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


def write_text(path: str | Path, text: str) -> None:
    """Write a text file as a whole or not at all.

    Raises:
        DataError: the folder cannot be written.
    """
    path = Path(path)
    write_folder(path.parent, {path.name: text})


def write_folder(folder: str | Path, files: Mapping[str, str], absent: Iterable[str] = ()) -> None:
    """Write the text files of one result: all are written beside their targets before the first is renamed.

    Args:
        folder: made where it is missing.
        files: file name → text.
        absent: names of files of an earlier result that must not stay beside this one.

    Raises:
        DataError: the folder cannot be written; what was there before is untouched.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: this is a file; give a folder to write to.")
    for name in files:
        if (folder / name).is_dir():
            raise DataError(f"{folder / name}: this is a folder; give the name of a file to write.")
    staged: dict[Path, str] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            descriptor, beside = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
            staged[folder / name] = beside
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(beside, 0o666 & ~_umask())
        for path, beside in staged.items():
            os.replace(beside, path)
        for name in absent:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{(folder / name) if staged else folder}: cannot be written ({error.strerror}).") from None
    finally:
        for beside in staged.values():
            Path(beside).unlink(missing_ok=True)


@contextmanager
def appending(path: str | Path) -> Iterator[BinaryIO]:
    """Open a log to add bytes to, its folder made where it is missing; an `OSError` inside is one of the log.

    Raises:
        DataError: the log cannot be opened or no longer be written.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as stream:
            yield stream
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from None


def stamp(path: str | Path) -> tuple[int, int, int] | None:
    """What changes whenever somebody replaces or edits a file; ``None`` where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def alone_in(folder: str | Path) -> Iterator[None]:
    """Wait until no other process is in such a block for the folder, which is there; where locks exist, that is.

    Blocks of one folder must not be nested.
    """
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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


def can_write(folder: str | Path) -> bool:
    """Whether files can be made in a folder, which is made if it is missing."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
