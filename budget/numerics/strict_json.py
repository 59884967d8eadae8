"""JSON as its standard has it, read and made: no number that is not finite, no name twice, a reason for a mistake."""

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from budget.numerics.quoting import shown

if TYPE_CHECKING:
    import pandas as pd

MOST_DIGITS = 400
"""Digits of a whole number: one of more is no float64."""


def parse_json(text: str) -> Any:
    """Parse a JSON document.

    Raises:
        ValueError: in a phrase, why it is none.
    """
    try:
        return json.loads(
            text, parse_constant=_no_number, parse_float=_float, parse_int=_int, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{error.msg[:1].lower()}{error.msg[1:]} in line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _float(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf"):
        raise ValueError(f"{shown(text)} is too large a number")
    return number


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS or abs(float(text)) == float("inf"):
        raise ValueError(f"{shown(text)} is too large a number")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {shown(twice)} stands twice in one object")
    return result


def json_value(content: Any) -> Any:
    """Nested content as JSON: lists for arrays and tuples, names as text, null for numbers that are not finite.

    >>> json_value({"spend": np.array([1.0, np.inf]), "met": (True, np.float64("nan")), "tasks": np.int64(2)})
    {'spend': [1.0, None], 'met': [True, None], 'tasks': 2}
    """
    if isinstance(content, dict):
        return {str(name): json_value(part) for name, part in content.items()}
    if isinstance(content, list | tuple):
        return [json_value(part) for part in content]
    if isinstance(content, np.ndarray) and content.dtype.kind in "biuf":
        finite = np.isfinite(content)
        if finite.all():  # mostly: then no number needs a look of its own
            return content.tolist()
        numbers = content.astype(object)
        numbers[~finite] = None
        return numbers.tolist()
    if isinstance(content, np.ndarray | np.generic):
        return json_value(content.tolist())
    return None if isinstance(content, float) and not math.isfinite(content) else content


def json_rows(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """The table's rows as JSON objects; a missing or infinite cell is null."""
    rows: list[dict[str, Any]] = json_value(table.astype(object).where(table.notna(), None).to_dict("records"))
    return rows
