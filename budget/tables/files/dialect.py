"""How the text of a table is written: what stands above its header, what separates its columns, its decimal mark."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ ,;\t]*', re.IGNORECASE)
"""What spreadsheets write first to say which separator follows."""

_QUOTED = re.compile(r'"[^"]*"')
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """How to read a text.

    Attributes:
        skip: characters before the header.
        line: line number of the header, from 1.
        separator: between columns.
    """

    skip: int
    line: int
    separator: str


def dialect_of(text: str) -> Dialect:
    """Find the header and the separator.

    Blank lines, a line ``sep=;`` and lines of comment (``# …``) may stand above the header. Columns are separated by
    commas where the header has one; else by tabs or semicolons, whichever it has.
    """
    stated = ""
    lines = _lines(text)
    for number, start, line in lines:
        named = _SEPARATOR_LINE.fullmatch(line.strip(" "))
        if named and not stated:
            stated = named.group(1)
        elif line.strip() and not _is_comment(line, text[start:]):
            return Dialect(start, number, stated or separator_of(line))
    return Dialect(0, 1, ",")


def separator_of(line: str) -> str:
    """What separates the columns of a line, by what stands outside quotation marks."""
    bare = _QUOTED.sub("", line)
    return next((mark for mark in (",", "\t", ";") if mark in bare), ",")


def _is_comment(line: str, rest: str) -> bool:
    """Whether a line that begins with ``#`` is a comment; one of as many columns as the next line is a header."""
    if not line.lstrip().startswith("#"):
        return False
    following = (each for _, _, each in _lines(rest[len(line) :]) if each.strip())
    after = next(following, "")
    mark = separator_of(after)
    return after.lstrip().startswith("#") or mark not in after or line.count(mark) != after.count(mark)


def _lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Number, start and content (without its end) of each line."""
    number, start = 1, 0
    while start < len(text):
        found = _LINE.match(text, start)
        assert found is not None  # the pattern matches the empty text
        yield number, start, found.group().rstrip("\r\n")
        number, start = number + 1, found.end()


def decimal_points(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A table whose columns commas do not separate, with decimal points where it has decimal commas.

    Args:
        frame: text cells.

    Returns:
        The table, and a note where cells were changed. They are not where ``1,234`` might be thousands in every such
        cell, or where other cells have decimal points: a number is then refused by its row.
    """
    is_comma = frame.apply(lambda cells: cells.str.fullmatch(_DECIMAL_COMMA.pattern))
    if not is_comma.any(axis=None):
        return frame, ""
    maybe_thousands = frame.apply(lambda cells: cells.str.fullmatch(_MAYBE_THOUSANDS.pattern))
    has_points = frame.apply(lambda cells: cells.str.fullmatch(_DECIMAL_POINT.pattern)).any(axis=None)
    if has_points or not (is_comma & ~maybe_thousands).any(axis=None):
        return frame, ""
    changed = frame.apply(lambda cells: cells.str.replace(",", "."))
    return frame.where(~is_comma, changed), "Commas in its numbers are read as decimal points."
