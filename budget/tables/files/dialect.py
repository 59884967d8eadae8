"""How the text of a table is written: what stands above its header, what separates its columns, its decimal mark."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ ,;\t]*', re.IGNORECASE)
"""What spreadsheets write first to say which separator follows."""

_QUOTED = re.compile(r'"[^"]*"')
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d*|[1-9]\d{0,2}(?:\.\d{3})+),\d+(?:[eE][+-]?\d+)?")
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_POINT_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
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


def has_decimal_commas(frame: pd.DataFrame) -> bool:
    """Whether some text cell of a table may be a number with a decimal comma."""
    return any(_DECIMAL_COMMA.fullmatch(text.strip()) for text in _texts(frame))


def decimal_points(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A table whose columns commas do not separate, with decimal points where it has decimal commas.

    Args:
        frame: text cells, as categories.

    Returns:
        The table, and a note where cells were changed. They are not where ``1,234`` might be thousands in every such
        cell, or where other cells have decimal points: a number is then refused by its row. Points between thousands,
        as in ``190.000.000``, go where commas are decimal.
    """
    texts = {text.strip() for text in _texts(frame)}
    commas = [text for text in texts if _DECIMAL_COMMA.fullmatch(text)]
    points = [text for text in texts if _DECIMAL_POINT.fullmatch(text) and not _POINT_THOUSANDS.fullmatch(text)]
    if points or all(_MAYBE_THOUSANDS.fullmatch(text) for text in commas):
        return frame, ""

    def pointed(text: str) -> str:
        bare = text.strip()
        if _DECIMAL_COMMA.fullmatch(bare):
            return bare.replace(".", "").replace(",", ".")
        return bare.replace(".", "") if _POINT_THOUSANDS.fullmatch(bare) else text

    changed = {
        name: pd.Categorical(cells.astype(object).map({text: pointed(text) for text in cells.cat.categories}))
        for name, cells in frame.items()
    }
    return pd.DataFrame(changed, index=frame.index), "Commas in its numbers are read as decimal points."


def _texts(frame: pd.DataFrame) -> set[str]:
    """The distinct cells of the text columns."""
    return {
        text
        for _, cells in frame.items()
        if isinstance(cells.dtype, pd.CategoricalDtype)
        for text in cells.cat.categories
    }
