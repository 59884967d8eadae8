"""Tables and arrays as JSON."""

import math
from typing import Any

import numpy as np
import pandas as pd


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table's rows; a missing or infinite cell is null."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): _finite(cell) for name, cell in row.items()} for row in rows]


def numbers(values: np.ndarray) -> list[float | None]:
    """The numbers; what is none, or is infinite, is null."""
    return [_finite(value) for value in values.tolist()]


def plain(content: Any) -> Any:
    """Nested content: lists for arrays and tuples, null for numbers that are not finite."""
    if isinstance(content, dict):
        return {str(name): plain(part) for name, part in content.items()}
    if isinstance(content, list | tuple):
        return [plain(part) for part in content]
    if isinstance(content, np.ndarray | np.generic):
        return plain(content.tolist())
    return _finite(content)


def _finite(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
