"""How the text of a table is written: what stands above its header, what separates its columns, its decimal mark."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import pandas as pd

from budget.numerics.numerals import number_of

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ ,;\t]*', re.IGNORECASE)
"""What spreadsheets write first to say which separator follows."""

_QUOTED = re.compile(r'"[^"]*"')
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d*|[1-9]\d{0,2}(?:[. '\u2019\u00a0\u202f]\d{3})+),\d+(?:[eE][+-]?\d+)?(?: ?%)?")
_GROUPS = str.maketrans("", "", ". '\u2019\u00a0\u202f")
"""What stands between thousands where commas are decimal."""

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
        titles: how many lines of one cell, such as a title and a date, stand above the header.
    """

    skip: int
    line: int
    separator: str
    titles: int = 0


def dialect_of(text: str) -> Dialect:
    """Find the header and the separator.

    Blank lines, a line ``sep=;``, lines of comment (``# …``) and titles, which fill one cell of words, may stand above
    the header. Columns are separated by commas where the header has one; else by tabs or semicolons, whichever it has.
    """
    stated, titles = "", 0
    first: Dialect | None = None  # what is read where all lines have one cell
    for number, start, line in _lines(text):
        named = _SEPARATOR_LINE.fullmatch(line.strip(" "))
        if named and not stated:
            stated = named.group(1)
        elif line.strip() and not _is_comment(line, text[start:]):
            found = Dialect(start, number, stated or separator_of(line), titles)
            # a title may have commas within: "Runs of May, 2026;;;"
            filled = min((_filled(line, mark) for mark in MARKS if mark in line), key=len, default=_filled(line, ","))
            if len(filled) > 1:
                return found
            first, titles = first or found, titles + 1
            if titles > MOST_TITLES or any(isfinite(number_of(cell)) for cell in filled):
                break  # a table of one column
    return first or Dialect(0, 1, ",")


MARKS = (",", "\t", ";")
"""What may separate columns, in the order in which they are looked for."""

MOST_TITLES = 20
"""Lines of one cell above a header; what has more is no table with titles."""


def _filled(line: str, separator: str) -> list[str]:
    """The cells of a line that are not empty; of one whose last quotation mark opens, more than there are."""
    bare = _QUOTED.sub(lambda cell: "x" if cell.group().strip('" ') else "", line)
    return [cell for cell in bare.split(separator) if cell.strip()] + ["x"] * bare.count('"')


def separator_of(line: str) -> str:
    """What separates the columns of a line, by what stands outside quotation marks."""
    bare = _QUOTED.sub("", line)
    return next((mark for mark in MARKS if mark in bare), ",")


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
        cell, or where other cells have decimal points: a number is then refused by its row. Points, blanks and
        apostrophes between thousands, as in ``190.000.000``, go where commas are decimal.
    """
    texts = {text.strip() for text in _texts(frame)}
    commas = [text for text in texts if _DECIMAL_COMMA.fullmatch(text)]
    points = [text for text in texts if _DECIMAL_POINT.fullmatch(text) and not _POINT_THOUSANDS.fullmatch(text)]
    if points or all(_MAYBE_THOUSANDS.fullmatch(text) for text in commas):
        return frame, ""

    def pointed(text: str) -> str:
        bare = text.strip()
        if _DECIMAL_COMMA.fullmatch(bare):
            return bare.translate(_GROUPS).replace(",", ".")
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
