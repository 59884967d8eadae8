"""A split that somebody made, to be scored: ``task, spend[, params][, tokens]``, one row a task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from budget.errors import DataError
from budget.numerics.quoting import listed, meant, shown
from budget.tables.columns import is_empty, numbers, read_table
from budget.tables.files.text import require_columns

COLUMNS = ("task", "spend", "params", "tokens")


@dataclass(frozen=True)
class Split:
    """What T tasks are given, every array of shape (T,).

    Attributes:
        spend: in the budget's unit, 0 for a task that is given nothing.
        params: NaN where the best size at the spend is meant.
        tokens: NaN likewise.
    """

    spend: np.ndarray
    params: np.ndarray
    tokens: np.ndarray


def read_split(path: str | Path, names: Sequence[str], *, columns: Mapping[str, str] | None = None) -> Split:
    """Read a split for T tasks, such as a former ``allocation.csv``.

    Args:
        path: the file.
        names: the T tasks; the result has them in this order.
        columns: canonical column name → the file's own, where the file has it.

    Raises:
        DataError: a task is missing, unknown or there twice, or a cell is no number.
    """
    frame = read_table(path, "plan", columns, own=COLUMNS)
    require_columns(frame, ["task", "spend"], path)
    cells = frame["task"].str.strip()
    for row, name in cells.items():
        if name not in names:
            raise DataError(
                f"{path}, row {row}, column 'task': {shown(name)} is not among the planned tasks"
                f"{meant(name, names) or '; remove it.'}"
            )
    if cells.duplicated().any():
        row = cells.index[cells.duplicated()][0]
        raise DataError(f"{path}, row {row}, column 'task': {shown(cells[row])} stands twice; keep one row a task.")
    missing = [name for name in names if name not in set(cells)]
    if missing:
        raise DataError(f"{path}: no row for {listed(missing)}; give every task a spend (0 for nothing).")
    order = cells.map({name: position for position, name in enumerate(names)}).to_numpy()

    def column(name: str, **ends: float) -> np.ndarray:
        result = np.full(len(names), np.nan)
        if not is_empty(frame, name):
            result[order] = numbers(frame, name, path, empty=None if name == "spend" else np.nan, planned=True, **ends)
        return result

    if is_empty(frame, "spend"):
        raise DataError(f"{path}: column 'spend' is empty; say what every task is given.")
    # an allocation.csv of a task that is given nothing has 0 params and tokens
    return Split(column("spend", least=0.0), column("params", least=0.0), column("tokens", least=0.0))
