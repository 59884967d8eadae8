"""W&B: the CSV export of a runs table, JSON of the API's runs, or a folder of local runs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budget.errors import DataError
from budget.tables.files.contents import read_text
from budget.tables.imports.imported import Imported, Record, imported, json_files, sections
from budget.tables.reading.open_table import read_cells

_SUMMARIES = ("summary", "summary_metrics", "summaryMetrics")


def import_wandb(path: str | Path) -> Imported:
    """Read runs of W&B.

    Args:
        path: a CSV as the web page exports it; a JSON list of runs, each with ``id``, ``name``, ``state``, ``config``
            and ``summary`` (mappings, or JSON texts as the API has them); or the folder ``wandb`` beside a program.

    Raises:
        DataError: it is none of these.
    """
    if Path(path).is_dir():
        return _local(Path(path))
    text = read_text(path, "W&B export")
    if not text.lstrip().startswith(("[", "{")):
        frame = read_cells(path, "runs")
        return Imported(frame, (f"{Path(path).name}: {len(frame)} runs of a W&B table.",))
    content = next(json_files(path, "*"))[1]
    runs = content.get("runs", [content]) if isinstance(content, Mapping) else content
    if not isinstance(runs, list) or not all(isinstance(run, Mapping) for run in runs):
        raise DataError(f"{path}: no list of runs; export them as JSON objects with id, state, config and summary.")
    found = [_record(run) for run in runs]
    return imported(found, path, "runs", [f"{Path(path).name}: {len(found)} runs of W&B."])


def _record(run: Mapping[str, Any]) -> Record:
    summary: Any = next((run[name] for name in _SUMMARIES if name in run), {})
    about = {name: run[name] for name in ("id", "name", "state", "group", "created_at") if name in run}
    return {**about, **sections(_mapping(run.get("config", {})), _mapping(summary))}


def _mapping(content: Any) -> Mapping[str, Any]:
    """A mapping, or the JSON text of one; what W&B keeps for itself goes."""
    if isinstance(content, str):
        try:
            content = json.loads(content, parse_constant=str)
        except ValueError:
            return {}
    if not isinstance(content, Mapping):
        return {}
    content = content.get("_json_dict", content)
    return {name: cell for name, cell in content.items() if name not in ("_wandb", "wandb_version")}


def _local(folder: Path) -> Imported:
    """The runs of a folder, by the files that every run leaves."""
    try:
        from yaml import safe_load  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise DataError(
            f"{folder}: a folder of W&B runs, whose configurations take the package PyYAML ('pip install pyyaml'); or "
            "export the runs as CSV or JSON."
        ) from None
    records: list[Record] = []
    without = 0
    for config in sorted(folder.rglob("files/config.yaml")):
        summary = config.with_name("wandb-summary.json")
        if not summary.is_file():
            without += 1
            continue
        run = config.parent.parent.name
        content = next(json_files(summary, "*"))[1]
        records.append(
            {"id": run.rpartition("-")[2], "name": run, **sections(_mapping(safe_load(read_text(config, "config"))),
                                                                   _mapping(content))}
        )  # fmt: skip
    if not records:
        raise DataError(
            f"{folder}: no run with files/config.yaml and files/wandb-summary.json, which offline runs lack until "
            "'wandb sync'; or export the runs as CSV or JSON."
        )
    left = [f"{without} runs without a summary are left: they logged nothing, or did not end."] if without else []
    return imported(records, folder, "W&B runs", [f"{len(records)} local runs of W&B.", *left])
