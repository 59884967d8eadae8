"""Numbers, arrays and tables as JSON has them: plain lists and objects, and null for what is no finite number."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def json_value(content: Any) -> Any:
    """Nested content as JSON: lists for arrays and tuples, names as text, null for numbers that are not finite.

    >>> json_value({"spend": np.array([1.0, np.inf]), "met": (True, np.float64("nan")), "tasks": np.int64(2)})
    {'spend': [1.0, None], 'met': [True, None], 'tasks': 2}
    """
    if isinstance(content, dict):
        return {str(name): json_value(part) for name, part in content.items()}
    if isinstance(content, list | tuple):
        return [json_value(part) for part in content]
    if isinstance(content, np.ndarray | np.generic):
        return json_value(content.tolist())
    return None if isinstance(content, float) and not math.isfinite(content) else content


def json_rows(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """The table's rows as JSON objects; a missing or infinite cell is null."""
    rows: list[dict[str, Any]] = json_value(table.astype(object).where(table.notna(), None).to_dict("records"))
    return rows
