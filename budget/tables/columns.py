"""Reading anybody's table: column names mapped, rows filtered, cells turned into numbers, refusals by row."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite, nan
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.numerals import count_of, value_of
from budget.numerics.quoting import LONGEST_CELL, listed, meant, shortened, shown
from budget.tables.files.text import read_csv
from budget.tables.reading.cells import as_written, each_text, has_text, is_number, levels, text_of
from budget.tables.reading.conditions import rows_where
from budget.tables.reading.header_units import header_unit, power_name

CANONICAL = (
    "task", "value", "params", "tokens", "flops", "x", "metric", "higher_is_better", "run", "model", "stderr", "weight",
    "strategy", "target", "min", "max", "best", "unserved", "chance", "unique_tokens", "task_tokens", "n_tasks",
    "source", "current", "unit_cost", "served_tokens", "checkpoint_params", "checkpoint", "group", "spend", "limit",
    "coefficient", "unit", "cost", "split", "draw", "partner", "model_tasks", "seed", "step",
)  # fmt: skip
"""The names that ``--column`` can give to a file's own columns."""

LARGEST_PLANNED = 1e120
"""Largest number that a planner may state: what plans multiply and sum stays finite."""

_MISSING = {"", "na", "n/a", "#n/a"}
"""Cells that say that there is no number, where a number may be missing."""

_NOT_FINITE = {"nan", "inf", "-inf", "+inf", "infinity", "-infinity", "none", "null", "-"}
"""What programs write where a number is none."""

COUNTS = (
    "params", "tokens", "flops", "x", "unique_tokens", "task_tokens", "active_params", "shared_flops", "served_tokens",
    "checkpoint_params", "checkpoint",
)  # fmt: skip
"""Columns that count something: ``19M`` is a number there."""

LARGEST_COUNT = 1e18
"""What is larger than this, of parameters or tokens said to be in thousands to trillions, is a plain count."""

LARGEST_STATED = 12
"""Power of ten above which a unit is one of FLOPs."""

_TRUE = {"1", "true", "yes", "y", "t"}
_FALSE = {"0", "false", "no", "n", "f"}


def column_mapping(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """``--column`` options as canonical name → the file's own.

    Raises:
        DataError: a name is not canonical, or is given twice.
    """
    for name, theirs in pairs:
        if name not in CANONICAL:
            near = ", ".join(get_close_matches(name, CANONICAL, 4, 0.0))
            raise DataError(
                f"--column {shortened(name)}={shortened(theirs)}: {shown(name)} is no canonical column; the "
                f"nearest are {near}."
            )
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise DataError("--column names one canonical column twice; keep one of them.")
    return mapping


def read_table(
    path: str | Path,
    what: str,
    columns: Mapping[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    *,
    own: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read a table as text, keep the rows asked for and give its columns their canonical names, see ``view``."""
    return view(read_csv(path, what), path, columns, where, own=own)


def view(
    frame: pd.DataFrame,
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    *,
    own: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The rows asked for of a table that was read, with canonical column names beside its own.

    Args:
        frame: from ``read_csv`` or ``read_cells``; it stays as it is.
        path: its file, for error sentences.
        columns: canonical name → the file's own name; ``"a+b"`` joins the text of two columns with a dash, ``"a*b"``
            multiplies what counts something (``COUNTS``), and ``"log(a)"`` is the natural logarithm of a column.
        where: (column and operator, value) conditions on the file's own or canonical names, see ``rows_where``.
        own: the canonical names that this table may have, where ``columns`` is meant for several tables: of those, a
            name that the file lacks is left to the others.

    Returns:
        Cells under canonical names, index = row number in the file (header is row 1).

    Raises:
        DataError: a named column is not there, or no row passes the conditions.
    """
    notes = frame.attrs
    frame = frame.copy(deep=False)
    there = list(frame.columns)
    for canonical, theirs in (columns or {}).items():
        if own is not None and (canonical not in own or theirs not in there):
            continue
        logarithm = _LOG.fullmatch(theirs) if theirs not in there else None
        if logarithm:
            parts = [logarithm.group(1).strip()]
        else:
            mark = "*" if canonical in COUNTS and "*" in theirs else "+"
            parts = [part.strip() for part in theirs.split(mark)] if theirs not in there else [theirs]
        for part in parts:
            if part not in there and not (canonical in COUNTS and len(parts) > 1 and count_of(part) > 0):
                raise DataError(
                    f"{path}: --column {canonical}={theirs} names column {shown(part)}, which is not there "
                    f"(the file has: {listed(there)}){meant(part, there) or '.'}"
                )
        if logarithm:
            frame[canonical] = logarithms(frame, parts[0], path)
        elif len(parts) == 1:
            power = header_unit(parts[0])[1] if canonical in COUNTS else None
            frame[canonical] = in_plain_units(frame, parts[0], power, path) if power else frame[parts[0]]
        elif canonical in COUNTS and mark == "*":
            frame[canonical] = product(frame, parts, path)
        else:
            joined = text_of(frame[parts[0]])
            for part in parts[1:]:
                joined = joined + "-" + text_of(frame[part])
            frame[canonical] = joined
    frame.attrs = {"own": tuple(map(str, there)), **notes}
    return rows_where(frame, where, path)


def product(frame: pd.DataFrame, factors: Sequence[str], path: str | Path) -> pd.Series:
    """The product of columns and numbers, such as ``steps*524288``; empty where a factor is no number."""
    total = np.ones(len(frame))
    for factor in factors:
        if factor not in frame.columns:
            total *= count_of(factor)
            continue
        power = header_unit(factor)[1]
        cells = in_plain_units(frame, factor, power, path) if power else frame[factor]
        total *= cells.to_numpy(dtype=float) if is_number(cells) else each_text(cells, count_of, float)
    return pd.Series(pd.Categorical([as_written(number) for number in total.tolist()]), index=frame.index)


def in_plain_units(frame: pd.DataFrame, column: str, power: int, path: str | Path) -> pd.Series:
    """A column that its name says to be counted in a power of ten, as plain counts; a cell with a letter has its own.

    Raises:
        DataError: the cells look like plain counts already.
    """
    cells = frame[column]
    found = cells.to_numpy(dtype=float) if is_number(cells) else each_text(cells, _unlettered, float)
    largest = float(np.max(found, initial=0.0, where=np.isfinite(found)))
    if power <= LARGEST_STATED and largest * 10.0**power > LARGEST_COUNT:
        raise DataError(
            f"{path}: column {shown(column)} is in {power_name(power)} by its name, and holds {largest:.4g}, which "
            "looks like a plain count; name the column without the unit, or correct its cells."
        )
    # by its decimal text, so that 1.3 in billions is the float that 1.3e9 is
    plain = np.array([float(Decimal(repr(number)).scaleb(power)) if isfinite(number) else nan
                      for number in found.tolist()])  # fmt: skip
    if is_number(cells):
        return pd.Series(plain, index=frame.index)
    text = text_of(cells)
    text[np.isfinite(plain)] = [as_written(number) for number in plain[np.isfinite(plain)]]
    return text


def _unlettered(text: str) -> float:
    """A count without a letter of its own."""
    return nan if text[-1:].isalpha() else count_of(text)


_LOG = re.compile(r"log\((.+)\)")


def logarithms(frame: pd.DataFrame, column: str, path: str | Path) -> pd.Series:
    """The natural logarithm of a column, such as the loss of a perplexity; an empty or NaN cell stays.

    Raises:
        DataError: a cell is no positive number.
    """
    cells = frame[column]
    filled = np.ones(len(frame), dtype=bool) if is_number(cells) else ~each_text(cells, is_missing, bool)
    found = numbers(frame[filled], column, path, above=0.0)
    if filled.all():
        return pd.Series(np.log(found), index=frame.index)
    text = text_of(cells)
    text[filled] = [repr(float(each)) for each in np.log(found)]
    return text


def numbers(
    frame: pd.DataFrame,
    column: str,
    path: str | Path,
    *,
    above: float | None = None,
    least: float | None = None,
    empty: float | None = None,
    planned: bool = False,
) -> np.ndarray:
    """A column as float64; ``19M`` and ``190,000,000`` too in a column that counts something (``COUNTS``).

    Args:
        frame: cells, index = row number.
        column: its name.
        path: the file, for the error sentence.
        above: refuse numbers that are not above this.
        least: refuse numbers below this.
        empty: what an empty cell stands for; ``None`` refuses it.
        planned: refuse numbers, but for 0, that a plan could not square or add up, see ``LARGEST_PLANNED``.

    Returns:
        Array of shape (rows,).

    Raises:
        DataError: names file, row, column, the cell and the remedy.
    """
    need = "a finite number"
    if above is not None:
        need = "a positive number" if above == 0 else f"a number above {above:g}"
    elif least is not None:
        need = f"a number of at least {least:g}"
    cells = frame[column]
    stands = np.zeros(len(frame), dtype=bool)
    if is_number(cells):
        result = cells.to_numpy(dtype=float)
    else:
        result = each_text(cells, count_of if column in COUNTS else value_of, float)
        if empty is not None:
            stands = each_text(cells, lambda text: text.lower() in _MISSING, bool)
            result = np.where(stands, empty, result)
    with np.errstate(invalid="ignore"):
        wrong = ~np.isfinite(result)
        if above is not None:
            wrong |= result <= above
        if least is not None:
            wrong |= result < least
        size = np.abs(result)
        vast = np.isfinite(result) & (size > 0) & ((size > LARGEST_PLANNED) | (size < 1 / LARGEST_PLANNED))
    if not planned:
        vast[:] = False
    bad = (wrong | vast) & ~stands
    if not bad.any():
        return result
    position = int(bad.argmax())
    row, text = frame.index[position], as_written(cells.iloc[position])
    if vast[position]:
        raise DataError(
            f"{path}, row {row}, column '{column}': {shown(text)} is out of all proportion; give 0 or a number "
            f"between {1 / LARGEST_PLANNED:g} and {LARGEST_PLANNED:g}, in another unit where need be."
        )
    plain = len(text) <= LONGEST_CELL // 4 and text.isprintable() and "'" not in text
    remedy = f"leave such rows out with --where '{column}!={text}'" if plain else "remove the row"
    raise DataError(
        f"{path}, row {row}, column '{column}': {shown(text)} where {need} is due; correct the cell, or {remedy}."
    )


def truths(frame: pd.DataFrame, column: str, path: str | Path) -> np.ndarray:
    """A column of yes/no cells (1/0, true/false, yes/no) as booleans.

    Raises:
        DataError: names file, row, column and what may stand there.
    """
    codes, texts = levels(frame[column])
    lower = [text.lower() for text in texts]
    for level, text in enumerate(lower):
        if text not in _TRUE | _FALSE:
            row = frame.index[int((codes == level).argmax())]
            raise DataError(
                f"{path}, row {row}, column '{column}': {shown(texts[level])} where 1 or 0 (true or false) is due."
            )
    return np.array([text in _TRUE for text in lower], dtype=bool)[codes]


def is_missing(text: str) -> bool:
    """Whether a cell says that nothing was measured: it is empty, or no finite number as programs write it."""
    return text.lower() in _MISSING | _NOT_FINITE


def is_empty(frame: pd.DataFrame, column: str) -> bool:
    """Whether the table lacks the column or has it without a single filled cell."""
    return column not in frame.columns or not (is_number(frame[column]) or has_text(frame[column]))


def refuse_unreadable(frame: pd.DataFrame, what: str) -> None:
    """Refuse a table in memory that no file could hold: without rows, or with two columns of one name.

    Raises:
        DataError: names what it is, and the column.
    """
    names = [str(name) for name in frame.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{what}: column {shown(twice)} stands twice in it; rename one.")
    if names and not len(frame):
        raise DataError(f"{what}: there are column names but no rows; add at least one row.")


def refuse_empty(frame: pd.DataFrame, column: str, path: str | Path) -> None:
    """Refuse a column of names that has an empty cell.

    Raises:
        DataError: names file, row and column.
    """
    codes, texts = levels(frame[column])
    if "" in texts:
        row = frame.index[int((codes == texts.index("")).argmax())]
        raise DataError(f"{path}, row {row}, column '{column}': empty; write the {column}'s name there.")
