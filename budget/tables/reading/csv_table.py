"""The cells of a text table: its header by itself, numbers parsed as such where every cell of the column is one.

See docs/decisions/133-one-door-for-tables.md.
"""

import re
from collections.abc import Container, Sequence
from io import BufferedReader, BytesIO, RawIOBase
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.numerals import number_of
from budget.numerics.quoting import shown
from budget.tables.files.dialect import Dialect, decimal_points, dialect_of, has_decimal_commas, separator_of
from budget.tables.files.formulas import unguarded
from budget.tables.reading.cells import categories

EXACT: dict[str, Any] = {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}
"""What makes pandas parse a number to the float64 next to it, as Python does; from 3 on it always does."""

STRETCH_ROWS = 500_000
"""Rows that are read at a time."""

SEPARATED = "{path}: the columns are not separated by commas; save the {what} as a comma-separated CSV."


def csv_cells(data: bytes, path: str | Path, what: str, numbers: Container[str] = ()) -> pd.DataFrame:
    """The cells of a text table in UTF-8, its index being the row number that a spreadsheet shows.

    Args:
        data: the text.
        path: the file, for the error sentence.
        what: what it is, likewise.
        numbers: names of the columns that are wanted as numbers; such a column is float64 where each of its cells is a
            plain number above 0. All others are text, as categories.

    Returns:
        One row per record; ``attrs["notes"]`` says what was assumed.

    Raises:
        DataError: there is no header, no row, or a row that does not fit the header.
    """
    dialect = dialect_of(_head(data))
    start = len(_head(data)[: dialect.skip].encode())
    header, end = _header(data[start : start + _HEADER_BYTES], dialect, path, what)
    names = _names(header, dialect, path, what)
    body = memoryview(data)[start + end :]
    wanted = [position for position, name in enumerate(names) if name in numbers]
    columns = _Columns(body, len(header), dialect, data[start:], path, what)
    frame = columns.parsed(wanted)
    if dialect.separator != "," and has_decimal_commas(frame):
        wanted = []  # 20.000 may be thousands there
        frame = columns.parsed(wanted)
    names, kept = _without_empty_end(names, frame, dialect, path)
    frame = frame.iloc[:, :kept].set_axis(names, axis="columns")
    frame.index = pd.RangeIndex(dialect.line + 1, dialect.line + 1 + len(frame))
    filled = np.zeros(len(frame), dtype=bool)
    for _, cells in frame.items():
        filled |= ~_is_blank(cells)
    if not filled.all():
        frame = frame[filled]
    if frame.empty:
        raise DataError(f"{path}: there are column names but no rows; add at least one row.")
    frame, notes = _without_comments(frame, path)
    if dialect.titles:
        lines = "title above the header is" if dialect.titles == 1 else "titles above the header are"
        notes = [f"{Path(path).name}: {dialect.titles} {lines} left out.", *notes]
    for position in wanted:
        # a cell that a sentence may have to repeat is kept as it is written
        if position < kept and not (np.isfinite(frame.iloc[:, position]) & (frame.iloc[:, position] > 0)).all():
            text = columns.text(position)
            text.index = pd.RangeIndex(dialect.line + 1, dialect.line + 1 + len(text))
            frame.isetitem(position, text.loc[frame.index].array)
    if dialect.separator != "," and not wanted:
        frame, note = decimal_points(frame)
        notes += [f"{Path(path).name}: {note}"] if note else []
    frame.attrs["notes"] = tuple(notes)
    return frame


_HEADER_BYTES = 2**22
"""Bytes within which the header must end."""


class _Columns:
    """The columns of the rows below a header, parsed as asked."""

    def __init__(
        self, body: memoryview, count: int, dialect: Dialect, whole: bytes, path: str | Path, what: str
    ) -> None:
        """Take the bytes below the header, how many columns the header has, and what an error sentence names."""
        self.body, self.count, self.dialect = body, count, dialect
        self.whole, self.path, self.what = whole, path, what

    def parsed(self, numbers: list[int]) -> pd.DataFrame:
        """All columns, some of them as float64 as far as their cells are numbers."""
        try:
            return self._read(numbers)
        except ValueError as error:
            if isinstance(error, pd.errors.ParserError):
                raise self._refusal(error) from None
        good = []
        for position in numbers:
            try:
                self._read([position], usecols=[position])
            except ValueError:
                continue
            good.append(position)
        numbers[:] = good
        return self._read(good)

    def text(self, position: int) -> pd.Series:
        """One column as text."""
        return self._read([], usecols=[position]).iloc[:, 0]

    def _read(self, numbers: Sequence[int], usecols: list[int] | None = None) -> pd.DataFrame:
        # in the place of the header stands an empty row of as many cells: pandas would rename repeated names, and shift
        # or cut rows that have a cell too many
        first = (self.dialect.separator.join(['""'] * self.count) + "\n").encode()
        # text as Python objects, of which each distinct one of a stretch is made once; as categories pandas would sort
        # them, which takes longer than reading where each row has a name of its own
        kinds: dict[Any, Any] = {at: float if at in numbers else object for at in range(self.count)}
        # of text columns an empty cell that is missing would make pandas guess types
        missing: dict[Any, list[str]] = {at: [""] for at in numbers}
        stretches = pd.read_csv(
            BufferedReader(_Spliced(memoryview(first), self.body)),
            encoding="utf-8",
            sep=self.dialect.separator,
            header=None,
            dtype=kinds,
            keep_default_na=False,
            na_values=missing,
            skipinitialspace=True,
            skip_blank_lines=False,
            low_memory=False,  # in pieces of its own, pandas would judge each piece's types for itself
            usecols=usecols,
            chunksize=STRETCH_ROWS,  # what pandas keeps of every cell while it reads is more than the file
            **EXACT,
        )
        parts: dict[int, list[Any]] = {}
        with stretches:
            for stretch in stretches:
                for at, position in enumerate(range(self.count) if usecols is None else usecols):
                    cells = stretch.iloc[:, at].to_numpy()
                    parts.setdefault(at, []).append(cells if position in numbers else pd.factorize(cells))
        columns = {
            at: _joined(part) if isinstance(part[0], tuple) else np.concatenate(part) for at, part in parts.items()
        }
        return pd.DataFrame(columns, copy=False).iloc[1:]

    def _refusal(self, error: pd.errors.ParserError) -> DataError:
        return DataError(_unreadable(str(error), self.whole, self.dialect, self.path, self.what))


class _Spliced(RawIOBase):
    """Two stretches of bytes read one after the other, neither copied."""

    def __init__(self, *parts: memoryview) -> None:
        """Take the stretches."""
        self.parts = [part for part in parts if len(part)]

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer."""
        if not self.parts:
            return 0
        size = min(len(buffer), len(self.parts[0]))
        buffer[:size] = self.parts[0][:size]
        rest = self.parts[0][size:]
        self.parts = ([rest] if len(rest) else []) + self.parts[1:]
        return size


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> pd.Categorical:
    """A column of text from the codes and distinct texts of each stretch; without the apostrophes that keep formulas.

    A cell that is not there is empty.
    """
    texts = [text for _, found in parts for text in found.tolist()]
    texts = [unguarded(text) if text[:1] == "'" else text for text in texts]
    starts = np.cumsum([0, *(len(found) for _, found in parts)])
    # a missing cell's code is −1
    place = [np.where(codes < 0, -1, codes + start) for (codes, _), start in zip(parts, starts, strict=False)]
    codes = np.concatenate(place)
    if (codes < 0).any():
        codes, texts = np.where(codes < 0, len(texts), codes), [*texts, ""]
    return categories(codes, texts)


def _is_blank(cells: pd.Series) -> np.ndarray:
    """Which cells are empty."""
    return np.isnan(cells.to_numpy()) if cells.dtype == float else (cells == "").to_numpy()


def _without_comments(frame: pd.DataFrame, path: str | Path) -> tuple[pd.DataFrame, list[str]]:
    """The table without rows of which only the first cell is filled, by a comment (``# …``)."""
    first = frame.iloc[:, 0]
    if first.dtype == float or not any(text.lstrip().startswith("#") for text in first.cat.categories):
        return frame, []
    comment = first.astype(object).str.lstrip().str.startswith("#").to_numpy(dtype=bool)
    for position in range(1, frame.shape[1]):
        comment = comment & _is_blank(frame.iloc[:, position])
    if not comment.any() or comment.all():
        return frame, []
    lines = "line of comment is" if comment.sum() == 1 else "lines of comment are"
    return frame[~comment], [f"{Path(path).name}: {comment.sum()} {lines} left out."]


def _head(data: bytes) -> str:
    """The beginning of a text, in which its header must stand."""
    return data[:_HEADER_BYTES].decode(errors="replace")


def _header(data: bytes, dialect: Dialect, path: str | Path, what: str) -> tuple[list[str], int]:
    """The cells of the header, and how many bytes it has with its line end, which may stand inside quotation marks."""
    quoted, end = False, len(data)
    for found in re.finditer(rb'"|\r\n|\r|\n', data):
        if found.group() == b'"':
            quoted = not quoted
        elif not quoted:
            end = found.end()
            break
    try:
        cells = pd.read_csv(
            BytesIO(data[:end]), sep=dialect.separator, header=None, dtype=str, keep_default_na=False,
            skipinitialspace=True, skip_blank_lines=False,
        )  # fmt: skip
    except pd.errors.ParserError as error:
        raise DataError(_unreadable(str(error), data, dialect, path, what)) from None
    return [unguarded(str(cell)).strip() for cell in cells.iloc[0]], end


def _names(names: list[str], dialect: Dialect, path: str | Path, what: str) -> list[str]:
    """The names of the columns, a nameless one called by its number."""
    filled = [name for name in names if name]
    numeric = sum(not isnan(number_of(name)) for name in filled)
    if 2 * numeric > len(filled):
        raise _no_header(next(name for name in filled if not isnan(number_of(name))), dialect, path)
    # no table has one column only, so that words apart are columns of a table that blanks or bars separate
    if len(names) == 1 and re.search(r"\S[ |]+\S", names[0]):
        raise DataError(SEPARATED.format(path=path, what=what))
    named = [name or f"column {position}" for position, name in enumerate(names, start=1)]
    for name in named:
        if named.count(name) > 1:
            raise DataError(f"{path}: column {shown(name)} stands twice in the header; rename one.")
    return named


def _no_header(cell: str, dialect: Dialect, path: str | Path) -> DataError:
    return DataError(
        f"{path}: line {dialect.line} is not a header: it holds {shown(cell)}; write the names of the columns above "
        "the rows, and nothing above them."
    )


def _without_empty_end(
    names: list[str], frame: pd.DataFrame, dialect: Dialect, path: str | Path
) -> tuple[list[str], int]:
    """The names of the columns but for nameless empty ones at the end, and how many there are."""

    def nameless(position: int) -> bool:
        return names[position] == f"column {position + 1}"

    kept = len(names)
    while kept > 1 and nameless(kept - 1) and _is_blank(frame.iloc[:, kept - 1]).all():
        kept -= 1
    filled = [position for position in range(len(names)) if not nameless(position)]
    if filled == [0] and any(not _is_blank(frame.iloc[:, position]).all() for position in range(1, len(names))):
        raise _no_header(names[0], dialect, path)
    return names[:kept], kept


def _unreadable(reason: str, data: bytes, dialect: Dialect, path: str | Path, what: str) -> str:
    """Why a text is no table, from what pandas says of it."""
    above = dialect.line - 1
    fields = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason)
    if fields:
        due, line, there = map(int, fields.groups())
        first = _head(data).splitlines()[0]
        if due == 1 and separator_of(first) not in first:
            return (
                f"{path}: line {dialect.line} is not a header: it is {shown(first)}, and line {line + above} has "
                f"{there} columns; delete what stands above the column names."
            )
        if dialect.separator != ",":
            return SEPARATED.format(path=path, what=what)
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
