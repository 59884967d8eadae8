"""What every importer hands over: records of runs, and what was found and left.

See docs/decisions/135-budgets-in-the-users-units.md.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from budget.errors import DataError
from budget.tables.reading.cells import cells_of

Record = Mapping[str, Any]
"""Column → cell, of one run or of one measurement."""


@dataclass(frozen=True)
class Imported:
    """Records of a store.

    Attributes:
        frame: cells, one row a record; configuration as ``config.NAME`` and last metrics as ``summary.NAME``, or, where
            the tool keeps one measurement a row, canonical columns already.
        notes: what was found and what was left, one sentence each.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]


def imported(records: Sequence[Record], path: str | Path, what: str, notes: Sequence[str]) -> Imported:
    """Records as cells.

    Raises:
        DataError: there are none.
    """
    if not records:
        raise DataError(f"{path}: no {what} in it; give a store that holds some.")
    names = list(dict.fromkeys(name for record in records for name in record))
    index = pd.RangeIndex(1, 1 + len(records))
    frame = cells_of({name: [_cell(record.get(name)) for record in records] for name in names}, index)
    frame.attrs["notes"] = ()
    return Imported(frame, tuple(notes))


def sections(config: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration and last metrics of one run as columns, nested names joined by dots."""
    return {**flat(config, "config."), **flat(summary, "summary.")}


def flat(content: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """A nested mapping as columns."""
    columns: dict[str, Any] = {}
    for name, cell in content.items():
        if isinstance(cell, Mapping) and set(cell) - {"desc"} == {"value"}:
            cell = cell["value"]  # W&B keeps configurations so
        if isinstance(cell, Mapping):
            columns |= flat(cell, f"{prefix}{name}.")
        else:
            columns[f"{prefix}{name}"] = cell
    return columns


def json_files(path: str | Path, pattern: str) -> Iterator[tuple[Path, Any]]:
    """The JSON files of a folder in order of their names, or the one file, with their contents.

    Raises:
        DataError: a file is no JSON, or there is none.
    """
    from budget.tables.files.contents import read_text

    at = Path(path)
    files = sorted(at.rglob(pattern)) if at.is_dir() else [at]
    if not files:
        raise DataError(f"{path}: no file called {pattern} in this folder; give the folder that the tool wrote.")
    for file in files:
        text = read_text(file, "JSON file")
        try:
            yield file, json.loads(text, parse_constant=str)
        except ValueError as error:
            raise DataError(f"{file}: not readable as JSON ({error}); remove it or write it again.") from None


def _cell(cell: Any) -> Any:
    return json.dumps(cell) if isinstance(cell, (list, dict)) else cell
