"""A checksum over a parsed record: the same however its JSON is laid out, another after any edit.

See docs/decisions/108-edited-curves-are-refused.md.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

FIELD = "checksum"
"""Where a record holds its own; it is left out of what is summed."""


def checksum(record: Mapping[str, Any]) -> str:
    """The first half of a SHA-256 over names, texts and numbers.

    The order of fields, white space, and whether 3 is written 3.0 change nothing.
    """
    digest = hashlib.sha256()
    _add(digest, {name: value for name, value in record.items() if name != FIELD})
    return digest.hexdigest()[:32]


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of curves with a checksum in each task, and one of what stands before the tasks."""
    tasks = [{**task, FIELD: checksum(task)} for task in record["tasks"]]
    return {**record, FIELD: checksum(before_tasks(record)), "tasks": tasks}


def before_tasks(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the checksum of a record is over: all but its tasks, of which the names stay, in their order."""
    return {**record, "tasks": [task["task"] for task in record["tasks"]]}


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        digest.update(f"{{{len(value)}".encode())
        for name in sorted(value):
            _add(digest, name)
            _add(digest, value[name])
    elif isinstance(value, list):
        array = _numbers(value)
        if array is not None:  # a million draws: one call instead of one each
            digest.update(f"[{array.shape}".encode())
            digest.update((array + 0.0).astype("<f8").tobytes())  # -0.0 is 0.0
        else:
            digest.update(f"[{len(value)}".encode())
            for each in value:
                _add(digest, each)
    elif isinstance(value, bool) or value is None:
        digest.update(f"{value};".encode())
    elif isinstance(value, (int, float)):
        digest.update(f"{float(value) + 0.0!r};".encode())
    else:
        digest.update(f'"{len(value)}'.encode())
        digest.update(value.encode("utf-8", "surrogatepass"))


def _numbers(value: list[Any]) -> np.ndarray | None:
    """A nested list of numbers and nulls as an array; nothing for any other list."""
    inner: Any = value
    while isinstance(inner, list) and inner:
        inner = inner[0]
    if isinstance(inner, (str, bool, Mapping, list)):
        return None
    try:
        return np.array(value, dtype=float)
    except (ValueError, TypeError):
        return None
