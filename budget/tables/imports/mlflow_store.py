"""MLflow: stores in files (``mlruns``) and in SQLite (``mlflow.db``), read without a server and without MLflow."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from budget.errors import DataError
from budget.tables.files.contents import read_text
from budget.tables.files.sqlite import sqlite_rows, sqlite_tables
from budget.tables.imports.imported import Imported, Record, imported

_STATUS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
"""How a store in files counts a run's states."""


def import_mlflow(path: str | Path, *, every: bool = False) -> Imported:
    """Read the runs of an MLflow store.

    Args:
        path: the folder ``mlruns``, or a SQLite database.
        every: the whole history of the metrics, one record a step, instead of their last values.

    Raises:
        DataError: it is no store.
    """
    at = Path(path)
    records, deleted = _of_files(at, every) if at.is_dir() else _of_database(at, every)
    left = [f"{deleted} deleted runs are left."] if deleted else []
    runs = len({record["id"] for record in records})
    return imported(records, path, "MLflow runs", [f"{runs} runs of MLflow.", *left])


def _of_database(path: Path, every: bool) -> tuple[list[Record], int]:
    what = "MLflow database"
    lacking = {"runs", "params", "latest_metrics", "metrics"} - sqlite_tables(path, what)
    if lacking:
        raise DataError(f"{path}: no {what}: it has no table {min(lacking)}; give mlflow.db or the folder mlruns.")
    params = _by_run(sqlite_rows(path, "SELECT run_uuid, key, value FROM params", what))
    table = "metrics" if every else "latest_metrics"
    metrics: dict[str, list[tuple[int, str, Any]]] = {}
    for run, key, value, step, is_nan in sqlite_rows(
        path, f"SELECT run_uuid, key, value, step, is_nan FROM {table} ORDER BY step, timestamp", what
    ):
        metrics.setdefault(str(run), []).append((int(step), str(key), "nan" if is_nan else value))
    records: list[Record] = []
    deleted = 0
    for run, name, status, stage in sqlite_rows(path, "SELECT run_uuid, name, status, lifecycle_stage FROM runs", what):
        if stage == "deleted":
            deleted += 1
            continue
        about = {"id": run, "name": name, "status": status}
        records += _records(about, params.get(str(run), {}), metrics.get(str(run), []), every)
    return records, deleted


def _by_run(rows: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for run, key, value in rows:
        found.setdefault(str(run), {})[str(key)] = value
    return found


def _of_files(folder: Path, every: bool) -> tuple[list[Record], int]:
    records: list[Record] = []
    deleted = 0
    for meta in sorted(folder.glob("*/*/meta.yaml")):
        if not (meta.parent / "metrics").is_dir():
            continue
        stated = dict(re.findall(r"^(\w+): *(.*?) *$", read_text(meta, "MLflow run"), flags=re.MULTILINE))
        if stated.get("lifecycle_stage") == "deleted":
            deleted += 1
            continue
        status = stated.get("status", "")
        about = {
            "id": meta.parent.name,
            "name": stated.get("run_name", "").strip("'\""),
            "status": _STATUS.get(status, status),
        }
        params = dict(_files_of(meta.parent / "params"))
        metrics = []
        for key, text in _files_of(meta.parent / "metrics"):
            for line in text.splitlines():
                parts = line.split()
                if len(parts) >= 2:
                    metrics.append((int(parts[2]) if len(parts) > 2 else 0, key, parts[1]))
        records += _records(about, params, sorted(metrics, key=lambda each: each[0]), every)
    return records, deleted


def _files_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Name, which may hold slashes, and content of each file below a folder."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.relative_to(folder).as_posix(), read_text(file, "MLflow run").strip()


def _records(
    about: dict[str, Any], params: dict[str, Any], metrics: list[tuple[int, str, Any]], every: bool
) -> list[Record]:
    """One record of a run with its last metrics, or one of each step."""
    base = {**about, **{f"params.{key}": value for key, value in params.items()}}
    if not every:
        return [{**base, **{f"metrics.{key}": value for _, key, value in metrics}}]
    steps: dict[int, dict[str, Any]] = {}
    for step, key, value in metrics:
        steps.setdefault(step, {})[f"metrics.{key}"] = value
    return [{**base, "step": step, **values} for step, values in steps.items()]
