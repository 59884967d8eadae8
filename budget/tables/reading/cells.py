"""The cells of a table: a column is text (as categories, each text once) or float64 where all of it was plain numbers.

See docs/decisions/133-one-door-for-tables.md.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

NUMBERS = (
    "value", "params", "tokens", "flops", "x", "stderr", "weight", "unique_tokens", "task_tokens", "n_tasks", "chance",
    "active_params", "shared_flops", "step",
)  # fmt: skip
"""Canonical columns of runs that hold numbers: they are read as such where every cell is a plain one."""

LARGEST_WHOLE = 2**53
"""Whole numbers above it are kept as text: float64 would merge names."""


def categories(codes: np.ndarray, texts: Sequence[str]) -> pd.Categorical:
    """A column of text, from which text (R,) each row has; texts that are equal become one, and none need occur."""
    # as objects: turning very many names into strings of another kind takes as long as reading them
    distinct: pd.Index[Any] = pd.Index(texts, dtype=object)
    if not distinct.is_unique:
        place, found = pd.factorize(distinct)
        codes, distinct = place[codes], pd.Index(found, dtype=object)
    return pd.Categorical.from_codes(codes, distinct)


def is_number(cells: pd.Series) -> bool:
    """Whether a column was read as numbers."""
    return bool(pd.api.types.is_numeric_dtype(cells.dtype))


def levels(cells: pd.Series) -> tuple[np.ndarray, list[str]]:
    """The distinct texts of a column, stripped, in order of first appearance.

    Returns:
        (R,) index of each row's text, and the texts.
    """
    codes, found = pd.factorize(cells)
    written = found.astype(object).tolist()
    # of very many names the calls for each are what takes long
    texts = [each.strip() if type(each) is str else as_written(each).strip() for each in written]
    missing = bool((codes < 0).any())
    # texts that are as they were found are distinct already
    if not missing and (texts == written or len(set(texts)) == len(texts)):
        return codes, texts
    place: dict[str, int] = {}
    index = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.intp)
    if missing:  # pandas has no level for a missing cell
        index = np.append(index, place.setdefault("", len(place)))
    if len(place) < len(index):  # texts that differ by blanks: number them by first appearance again
        merged = index[codes]
        order, first = np.unique(merged, return_index=True)
        rank = np.empty(len(index), dtype=np.intp)
        rank[order[np.argsort(first)]] = np.arange(len(order))
        names = list(place)
        return rank[merged], [names[each] for each in order[np.argsort(first)]]
    return index[codes], list(place)


def has_text(cells: pd.Series) -> bool:
    """Whether a column of text has a cell that is not empty."""
    if not isinstance(cells.dtype, pd.CategoricalDtype):
        return any(levels(cells)[1])
    codes = cells.cat.codes.to_numpy()
    there = np.flatnonzero(np.bincount(codes[codes >= 0])).tolist()
    return any(cells.cat.categories[code].strip() for code in there)  # mostly the first has text


def each_text(cells: pd.Series, function: Callable[[str], Any], kind: type) -> np.ndarray:
    """(R,) a function of every cell's text, computed once for each distinct text."""
    codes, texts = levels(cells)
    return np.array([function(text) for text in texts], dtype=kind)[codes]


def text_of(cells: pd.Series) -> pd.Series:
    """A column as stripped text."""
    codes, texts = levels(cells)
    return pd.Series(np.array(texts, dtype=object)[codes], index=cells.index, dtype=object)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with every cell as text, not stripped."""
    return pd.DataFrame(
        {
            name: cells.astype(object).map(as_written) if is_number(cells) else cells.astype(object).fillna("")
            for name, cells in frame.items()
        },
        index=frame.index,
    )


def cells_of(columns: Mapping[str, Sequence[Any]], index: pd.Index) -> pd.DataFrame:
    """A table of Python or NumPy objects, as those of JSON, Parquet and spreadsheets are.

    Args:
        columns: name → R objects; ``None`` and NaT are empty cells.
        index: (R,) row names for messages.
    """
    return pd.DataFrame({name: column_of(values, index) for name, values in columns.items()}, index=index)


def column_of(values: Any, index: pd.Index) -> pd.Series:
    """One column of such a table: numbers where all are finite numbers, else text."""
    cells = pd.Series(values, index=index)
    if pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_bool_dtype(cells.dtype):
        numbers = cells.to_numpy(dtype=float, na_value=np.nan)
        if np.isfinite(numbers).all() and (cells.dtype.kind == "f" or np.abs(numbers).max(initial=0) < LARGEST_WHOLE):
            return pd.Series(numbers, index=index)
    if isinstance(cells.dtype, pd.StringDtype | pd.CategoricalDtype):
        codes, found = pd.factorize(cells)
        texts = [as_written(each) for each in found.astype(object)]
        return pd.Series(categories(np.where(codes < 0, len(texts), codes), [*texts, ""]), index=index)
    # objects of other kinds may be equal and not written alike, as True and 1
    return pd.Series(pd.Categorical([as_written(cell) for cell in cells.astype(object)]), index=index)


def as_written(cell: Any) -> str:
    """A cell as it would stand in a CSV."""
    if isinstance(cell, str):
        return cell
    if cell is None or cell is pd.NaT or cell is pd.NA or cell != cell:
        return ""
    if isinstance(cell, (float, np.floating)):
        number = float(cell)
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    return str(cell)
