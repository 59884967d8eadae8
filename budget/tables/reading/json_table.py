"""The cells of JSON: a list of records, JSON lines, columns of cells, or columns beside rows; dots in nested names."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed, sentence
from budget.tables.reading.cells import cells_of

_KNOWN = {
    "evaluation_results": "an Every Eval Ever file; make runs of it with 'budget import eee FILE'",
    "configs": "results of lm-evaluation-harness; make runs of its folder with 'budget import lm-eval DIR'",
    "curves": "a curves file, not runs; give it to allocate, grow or predict",
}
"""A key of what is JSON and no table, and what it is."""


def is_json(data: bytes) -> bool:
    """Whether a text is meant as JSON and not as a CSV."""
    start = data[:4096].lstrip()
    return start[:1] == b"{" or (start[:1] == b"[" and start[1:].lstrip()[:1] in (b"{", b"[", b"]", b""))


def json_cells(data: bytes, path: str | Path, what: str) -> pd.DataFrame:
    """The cells of a JSON table.

    Args:
        data: the text.
        path: the file, for the error sentence.
        what: what it is, likewise.

    Returns:
        One row a record; index = the record's number from 1, of JSON lines the line's.

    Raises:
        DataError: it is no JSON, or no table.
    """
    content, index = _parsed(data, path, what)
    records = _records(content, path, what)
    if not records:
        raise DataError(f"{path}: there are no records in it; add at least one.")
    flat = [_flat(record) for record in records]
    names = list(dict.fromkeys(name for record in flat for name in record))
    rows = index if index is not None else pd.RangeIndex(1, 1 + len(flat))
    frame = cells_of({name: [record.get(name) for record in flat] for name in names}, rows)
    frame.attrs["notes"] = ()
    return frame


def _parsed(data: bytes, path: str | Path, what: str) -> tuple[Any, pd.Index | None]:
    """The content, and the line numbers where it is JSON lines."""
    try:
        return json.loads(data, parse_constant=str), None
    except json.JSONDecodeError as error:
        first = error
    except RecursionError:
        raise DataError(f"{path}: JSON nested too deeply for a {what} table; give a list of records.") from None
    records, lines = [], []
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line, parse_constant=str))
        except (json.JSONDecodeError, RecursionError) as error:
            if not records:  # not even the first line is one: it is one broken text
                raise DataError(
                    f"{path}, line {first.lineno}: not readable as JSON ({first.msg}); mend that line."
                ) from None
            raise DataError(
                f"{path}, line {number}: not readable as JSON ({sentence(str(error), 80)}); mend that line."
            ) from None
        lines.append(number)
    return records, pd.Index(lines)


def _records(content: Any, path: str | Path, what: str) -> list[Mapping[str, Any]]:
    """The records of a content, in any of the usual layouts."""
    if isinstance(content, Mapping):
        known = next((said for key, said in _KNOWN.items() if key in content), None)
        if known:
            raise DataError(f"{path}: this is {known}.")
        names, rows = content.get("columns"), content.get("data")
        if isinstance(names, list) and isinstance(rows, list) and all(_fits(row, names) for row in rows):
            return [dict(zip(map(str, names), row, strict=True)) for row in rows]
        if content and all(isinstance(cells, list) for cells in content.values()):
            lists = {key: cells for key, cells in content.items() if cells and isinstance(cells[0], Mapping)}
            if len(lists) == 1:
                return _records(next(iter(lists.values())), path, what)
            if len({len(cells) for cells in content.values()}) == 1 and not lists:
                return [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]
        if content and all(isinstance(cells, Mapping) for cells in content.values()):
            keys = list(dict.fromkeys(key for cells in content.values() for key in cells))
            if all(key.isdecimal() for key in keys):  # pandas's own: column → row → cell
                return [{name: cells.get(key) for name, cells in content.items()} for key in keys]
        tables = {key: rows for key, rows in content.items() if _is_records(rows)}
        if len(tables) == 1:
            return _records(next(iter(tables.values())), path, what)
        if not any(isinstance(cell, (list, Mapping)) for cell in content.values()):
            return [content]
        raise DataError(
            f"{path}: this JSON is no table of {what} (its keys: {listed(content)}); give a list of records, such as "
            '[{"task": "a", "params": 1e6, "value": 2.5}, …].'
        )
    if _is_records(content):
        return list(content)
    raise DataError(
        f'{path}: this JSON is no list of records; write it as [{{"task": "a", "params": 1e6, "value": 2.5}}, …].'
    )


def _is_records(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(record, Mapping) for record in content)


def _fits(row: Any, names: list[Any]) -> bool:
    return isinstance(row, list) and len(row) == len(names)


def _flat(record: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """A record with the names of nested ones joined by dots; lists stay text, as JSON writes them."""
    flat: dict[str, Any] = {}
    for name, cell in record.items():
        if isinstance(cell, Mapping) and above.startswith("config") and set(cell) - {"desc"} == {"value"}:
            cell = cell["value"]  # as W&B keeps it: {"config": {"N": {"value": 1e6}}}
        if isinstance(cell, Mapping):
            flat |= _flat(cell, f"{above}{name}.")
        else:
            flat[f"{above}{name}"] = json.dumps(cell) if isinstance(cell, list) else cell
    return flat
