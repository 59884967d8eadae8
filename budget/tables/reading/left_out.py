"""Rows that are no measurements, left out and counted by reason: unfinished runs, no value, diverged, totals.

See docs/decisions/133-one-door-for-tables.md.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.numerals import count_of
from budget.tables.reading.cells import each_text, is_number, levels
from budget.tables.reading.header_units import header_unit
from budget.tables.reading.synonyms import FINISHED, STATES, UNFINISHED, normalised

TOTALS = frozenset({"total", "totals", "grand total", "sum", "mean", "average", "avg", "median", "gesamt", "summe"})
"""What the first cell of a row of totals says."""

_NOTHING = frozenset({"", "na", "n/a", "n.a.", "k.a.", "#n/a", "#nv", "-", "–", "—", "none", "null"})
_DIVERGED = frozenset({"nan", "inf", "-inf", "+inf", "infinity", "-infinity", "diverged"})

_PERCENT = re.compile(r"[+-]?\d+(?:\.\d+)? ?%")

_WORDS = {
    "units": "{} below the header without any number",
    "headers": "{} saying the header again",
    "empty": "{} with no value",
    "diverged": "{} whose value is NaN or infinite",
    "totals": "{} of totals",
    "crashed": "{} of crashed runs",
    "failed": "{} of failed runs",
    "killed": "{} of killed runs",
    "still running": "{} of runs that are still running",
    "not started": "{} of runs that have not started",
}


def without_unfinished(frame: pd.DataFrame, used: Sequence[str]) -> tuple[pd.DataFrame, Counter[str]]:
    """The rows of finished runs, where a column says how runs ended and no condition speaks of it."""
    for name in frame.columns:
        if normalised(str(name)) not in STATES or name in used or is_number(frame[name]):
            continue
        codes, texts = levels(frame[name])
        words = [text.lower() for text in texts]
        if not set(words) <= FINISHED | set(UNFINISHED) | {""} or not set(words) & (FINISHED | set(UNFINISHED)):
            continue
        reasons = np.array([UNFINISHED.get(word, "") for word in words], dtype=object)[codes]
        gone = Counter(reasons[reasons != ""].tolist())
        if gone:
            frame = _kept(frame, reasons == "")
        return frame, gone
    return frame, Counter()


def without_headers(frame: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str], dict[str, str]]:
    """The rows that are no headers.

    These are rows that say the header again, as in files put one below the other, and a first one of words, such as
    units, above columns that hold numbers in all others.

    Returns:
        The rows; how many went; and names of columns → their names in the table, to which units of that first row that
        count in a power of ten are added: ``params`` → ``params (M)``.
    """
    again = _header_rows(frame)
    gone = Counter({"headers": int(again.sum())} if again.any() else {})
    frame = _kept(frame, ~again) if again.any() else frame
    if not _is_second_header(frame):
        return frame, gone, {}
    units = {str(name): str(cell).strip() for name, cell in frame.iloc[0].items()}
    named = {name: f"{name} ({cell})" for name, cell in units.items() if header_unit(f"{name} ({cell})")[1]}
    notes = frame.attrs
    frame = _kept(frame, np.arange(len(frame)) > 0).rename(columns=named)
    frame.attrs = notes
    return frame, gone + Counter({"units": 1}), named


def _header_rows(frame: pd.DataFrame) -> np.ndarray:
    """(R,) rows whose every cell is the name of its column."""
    found = np.zeros(len(frame), dtype=bool)
    if frame.shape[1] < 2 or any(is_number(cells) for _, cells in frame.items()):
        return found  # of a column read as numbers no cell is a name
    rows = np.ones(len(frame), dtype=bool)
    for name, cells in frame.items():
        codes, texts = levels(cells)
        nameless = str(name).startswith("column ")  # its cell in a header is empty
        own = [at for at, text in enumerate(texts) if text == str(name) or (nameless and not text)]
        if not own:
            return found
        rows &= np.isin(codes, own)
    return rows


def _is_second_header(frame: pd.DataFrame) -> bool:
    """Whether the first row holds words above columns of numbers."""
    if len(frame) < 3 or any(is_number(cells) for _, cells in frame.items()):
        return False
    first = [str(cell).strip() for cell in frame.iloc[0]]
    if any(count_of(cell) == count_of(cell) for cell in first):
        return False
    below = frame.iloc[1:]
    titled = 0
    for cell, (_, cells) in zip(first, below.items(), strict=True):
        if cell and cell.lower() not in _NOTHING | _DIVERGED:
            texts = [text for text in levels(cells)[1] if text]
            titled += bool(texts) and all(count_of(text) == count_of(text) for text in texts)
    return titled >= 2


def without_percent_signs(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table with plain numbers in columns whose every filled cell is a percentage, and the names of these."""
    found = []
    for name, cells in frame.items():
        first = [] if is_number(cells) else [str(cell).strip() for cell in cells.iloc[:20] if not _blank(cell)]
        if not first or not all(map(_PERCENT.fullmatch, first)):
            continue  # a column of a million names is not looked through
        texts = [text for text in levels(cells)[1] if text]
        if all(_PERCENT.fullmatch(text) for text in texts):
            found.append(str(name))
    if found:
        notes = frame.attrs
        plain = {name: pd.Categorical(each_text(frame[name], lambda text: text.rstrip("% "), object)) for name in found}
        frame = frame.assign(**plain)
        frame.attrs = notes
    return frame, found


def without_totals(frame: pd.DataFrame, scales: Sequence[str]) -> tuple[pd.DataFrame, Counter[str]]:
    """The rows but for totals at the end: the first filled cell says so, and a scale or the value is empty."""
    needed = [name for name in (*scales, "value") if name in frame.columns]
    last = len(frame)
    # cell by cell: for a whole row pandas would look for a type that a million names and numbers have in common
    while last > 1 and _is_total({str(name): cells.iloc[last - 1] for name, cells in frame.items()}, needed):
        last -= 1
    gone = len(frame) - last
    return (_kept(frame, np.arange(len(frame)) < last), Counter({"totals": gone})) if gone else (frame, Counter())


def _is_total(row: Mapping[str, object], needed: Sequence[str]) -> bool:
    filled = [str(cell).strip() for cell in row.values() if not _blank(cell)]
    return bool(filled) and filled[0].lower().rstrip(":") in TOTALS and any(_blank(row[name]) for name in needed)


def _blank(cell: object) -> bool:
    return str(cell).strip() == "" or cell != cell


def without_value(frame: pd.DataFrame, *, diverged: bool) -> tuple[pd.DataFrame, Counter[str]]:
    """The rows with a value.

    Args:
        frame: cells under canonical names.
        diverged: whether those go whose value is NaN or infinite, or those whose value is empty.
    """
    if "value" not in frame.columns or is_number(frame["value"]):
        return frame, Counter()
    words = _DIVERGED if diverged else _NOTHING
    gone = each_text(frame["value"], lambda text: text.lower() in words, bool)
    if not gone.any():
        return frame, Counter()
    return _kept(frame, ~gone), Counter({"diverged" if diverged else "empty": int(gone.sum())})


def left_out_note(gone: Counter[str], every: int, path: str | Path, rows: str = "rows") -> str:
    """How many rows are left out, by reason; "" where none is.

    Args:
        gone: how many rows, by reason.
        every: how many rows there were.
        path: the file, for the error sentence.
        rows: what they are rows of.

    Raises:
        DataError: no row is left.
    """
    reasons = " and ".join(_WORDS.get(reason, f"{{}} ({reason})").format(count) for reason, count in gone.items())
    if sum(gone.values()) >= every and gone:
        raise DataError(f"{path}: no row is left of {every}: {reasons}; give a file with finished, measured runs.")
    are = "is" if sum(gone.values()) == 1 else "are"
    return f"{sum(gone.values())} of {every} {rows} {are} left out: {reasons}." if gone else ""


def _kept(frame: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    notes = frame.attrs
    frame = frame[rows]
    frame.attrs = notes
    return frame
