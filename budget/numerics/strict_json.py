"""JSON as its standard has it: no number that is not finite, no name twice, and one reason for whatever is wrong."""

import json
from typing import Any, NoReturn

from budget.numerics.quoting import shown

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
