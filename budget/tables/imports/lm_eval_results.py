"""lm-evaluation-harness: the files ``results_*.json`` of a folder, one row a model, task and metric."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budget.errors import DataError
from budget.tables.imports.imported import Imported, Record, imported, json_files

LOWER = (
    "perplexity",
    "ppl",
    "bits_per_byte",
    "byte_perplexity",
    "word_perplexity",
    "loss",
    "brier_score",
    "ter",
    "wer",
)
"""Metrics of which smaller values are better, where a file does not say."""


def import_lm_eval(path: str | Path) -> Imported:
    """Read results of lm-evaluation-harness.

    Args:
        path: the folder that ``--output_path`` named, or one file; of several results of a model and task the last
            file's count.

    Raises:
        DataError: there is no file of results.
    """
    rows: dict[tuple[str, str, str], Record] = {}
    files = again = groups = 0
    for file, content in json_files(path, "*results*.json"):
        if not isinstance(content, Mapping) or not isinstance(content.get("results"), Mapping):
            if Path(path).is_dir():
                continue
            raise DataError(f"{file}: no results of lm-evaluation-harness: it has no key 'results'; give its folder.")
        files += 1
        run, params = _model(content, file)
        grouped = set(content.get("groups", {}))
        for task, scores in content["results"].items():
            if task in grouped:
                groups += 1
                continue
            for name, record in _scores(task, scores, content).items():
                again += (run, task, name) in rows
                rows[run, task, name] = {"task": task, "run": run, **params, "metric": name, **record}
    notes = [f"{files} files of lm-evaluation-harness, {len({key[0] for key in rows})} models."]
    notes += [f"{groups} scores of groups are left, which average their tasks."] if groups else []
    notes += [f"{again} earlier results of the same model and task are left."] if again else []
    metrics = list(dict.fromkeys(key[2] for key in rows))
    if len(metrics) > 1:
        notes.append(f"There are several metrics; choose one when reading, such as --where metric={metrics[0]}.")
    return imported(list(rows.values()), path, "results", notes)


def _model(content: Mapping[str, Any], file: Path) -> tuple[str, dict[str, Any]]:
    """The model's name, and its parameters where the file counts them."""
    config = content.get("config") or {}
    name = content.get("model_name") or config.get("model_args") or file.parent.name
    count = config.get("model_num_parameters")
    return str(name), {"params": count} if isinstance(count, (int, float)) and count > 0 else {}


def _scores(task: str, scores: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Metric → value, standard error and direction."""
    higher = (content.get("higher_is_better") or {}).get(task) or {}
    found: dict[str, dict[str, Any]] = {}
    for key, score in scores.items():
        metric, _, filtered = key.partition(",")
        if metric.endswith("_stderr") or not isinstance(score, (int, float)) or isinstance(score, bool):
            continue
        if "," not in key and key in ("alias", "sample_len", "samples"):
            continue
        name = metric if filtered in ("", "none") else f"{metric},{filtered}"
        error = scores.get(f"{metric}_stderr,{filtered}" if filtered else f"{metric}_stderr")
        direction = higher.get(metric)
        found[name] = {
            "higher_is_better": int(metric not in LOWER if direction is None else bool(direction)),
            "value": score,
            "stderr": error if isinstance(error, (int, float)) else None,
        }
    return found
