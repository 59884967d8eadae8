"""What a program printed: the JSON line that counts, and the rows it makes."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from budget.lab.runner.ledger import DIVERGED, Row

NO_RESULT = "no result"
_KEPT = ("task", "run", "seed")
_LONGEST_LINE = 2**20


class RunFailed(Exception):
    """A run, or an attempt at it, without a result.

    Attributes:
        reason: see `Failure.reason`.
        detail: see `Failure.detail`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        """Keep both."""
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class LastResult:
    """Finds the last line of an output that is a JSON object with `value` or `values`."""

    def __init__(self) -> None:
        """Start without any output."""
        self._line = b""
        self._found: dict[str, Any] | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the output."""
        *lines, rest = re.split(rb"[\r\n]", self._line + chunk)
        for line in lines:
            self._read(line)
        self._line = rest if len(rest) <= _LONGEST_LINE else b"#"  # too long: whatever follows on it is no result

    def end(self) -> dict[str, Any] | None:
        """The object, once the output has ended."""
        self._read(self._line)
        self._line = b""
        return self._found

    def _read(self, line: bytes) -> None:
        line = line.strip()
        if not line.startswith(b"{"):
            return
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return
        if "value" in found or "values" in found:
            self._found = found


def rows_of(printed: Mapping[str, Any] | None, planned: Mapping[str, str], seconds: float) -> tuple[Row, ...]:
    """The rows of a run: its row of the plan, what it printed, and how long it took.

    Args:
        printed: the object of its JSON line, ``None`` where there was none.
        planned: its row of the plan with its name as `run`.
        seconds: wall time of the attempt.

    Returns:
        One row, or one for each task of `values`. Printed keys win over the plan's columns, but for its task, run
        and seed; a printed number that is not finite, other than the value, is an empty cell. White space in keys and
        texts becomes single spaces, none at the ends, as a reader of the CSV would see it.

    Raises:
        RunFailed: there is no line, a value is no finite number (`DIVERGED`), a key holds a list or an object, or two
            keys are the same.
    """
    if printed is None:
        raise RunFailed(NO_RESULT, "no line of its standard output is a JSON object with the key value or values")
    printed = _plain_keys(printed)
    if "value" in printed and "values" in printed:
        raise RunFailed(NO_RESULT, "its JSON line has both value and values; print one of them")
    others = {str(name): _cell(name, cell) for name, cell in printed.items() if name not in ("value", "values")}
    if "value" in printed:
        values: Any = {None: printed["value"]}
    else:
        values = printed["values"]
        if not (isinstance(values, dict) and values and all(task.strip() for task in values)):
            raise RunFailed(NO_RESULT, "the key values of its JSON line must hold an object, a value for each task")
        values = _plain_keys(values)
    return tuple(_row(planned, others, task, _finite(value, task), round(seconds, 2)) for task, value in values.items())


def _row(
    planned: Mapping[str, str], others: Mapping[str, str | int | float], task: str | None, value: float, seconds: float
) -> Row:
    printed = {name: cell for name, cell in others.items() if not (name in _KEPT and name in planned)}
    row: Row = {**planned, "value": value, **printed}
    if task is not None:
        row["task"] = task
    first: Row = {name: row.pop(name) for name in ("task", "run") if name in row}
    row.pop("seconds", None)
    return {**first, **row, "seconds": seconds}


def _plain_keys(found: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, cell in found.items():
        if _plain(name) in plain:
            raise RunFailed(NO_RESULT, f"its JSON line has the key {_plain(name)} twice")
        plain[_plain(name)] = cell
    return plain


def _plain(text: str) -> str:
    """As it comes back from a CSV in UTF-8, which cannot hold half a surrogate pair."""
    return " ".join(text.split()).encode(errors="replace").decode()


def _finite(value: Any, task: str | None) -> float:
    of = "" if task is None else f" of task '{task}'"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RunFailed(DIVERGED, f"its value{of} is {json.dumps(value)[:60]}, not a number")
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise RunFailed(DIVERGED, f"its value{of} is not finite")
    return value


def _cell(name: str, cell: Any) -> str | int | float:
    if isinstance(cell, list | dict):
        kind = "a list" if isinstance(cell, list) else "an object"
        raise RunFailed(NO_RESULT, f"the key {name} of its JSON line holds {kind}; print numbers, texts, true or false")
    if isinstance(cell, bool):
        return str(cell).lower()
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    return _plain(cell) if isinstance(cell, str) else cell
