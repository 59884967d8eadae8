"""trackio: the SQLite database of a project, read without trackio."""

import json
from pathlib import Path
from typing import Any

from budget.errors import DataError
from budget.tables.files.sqlite import sqlite_rows, sqlite_tables
from budget.tables.imports.imported import Imported, Record, flat, imported

_OWN = ("_Username", "_Created", "_Group")


def import_trackio(path: str | Path, *, every: bool = False) -> Imported:
    """Read the runs of a trackio project.

    Args:
        path: ``PROJECT.db`` in trackio's folder.
        every: all that was logged, one record a step, instead of each metric's last value.

    Raises:
        DataError: it is no such database.
    """
    what = "trackio database"
    lacking = {"metrics", "configs"} - sqlite_tables(path, what)
    if lacking:
        raise DataError(f"{path}: no {what}: it has no table {min(lacking)}; give PROJECT.db of trackio's folder.")
    configs = {
        str(run): {key: cell for key, cell in flat(_mapping(text), "config.").items() if key[7:] not in _OWN}
        for run, text in sqlite_rows(path, "SELECT run_name, config FROM configs", what)
    }
    last: dict[str, dict[str, Any]] = {}
    steps: list[Record] = []
    for run, step, text in sqlite_rows(path, "SELECT run_name, step, metrics FROM metrics ORDER BY step, id", what):
        name, logged = str(run), flat(_mapping(text), "summary.")
        last.setdefault(name, {}).update(logged)
        steps.append({"id": name, **configs.get(name, {}), "step": step, **logged})
    records = steps if every else [{"id": name, **configs.get(name, {}), **logged} for name, logged in last.items()]
    silent = len(set(configs) - set(last))
    left = [f"{silent} runs that logged nothing are left."] if silent else []
    return imported(records, path, "trackio runs", [f"{len(last)} runs of trackio.", *left])


def _mapping(text: Any) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_constant=str)
    except (TypeError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
