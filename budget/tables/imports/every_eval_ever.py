"""Every Eval Ever: one JSON of a model's results, whichever harness made them (lm-eval, HELM, Inspect)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budget.errors import DataError
from budget.numerics.numerals import count_of
from budget.tables.imports.imported import Imported, Record, imported, json_files
from budget.tables.reading.synonyms import may_be

_SCALES = ("params", "tokens", "flops")


def import_every_eval_ever(path: str | Path) -> Imported:
    """Read results in the schema of Every Eval Ever (0.1 and 0.2).

    Args:
        path: a file, or a folder of files.

    Raises:
        DataError: there is no file in that schema.
    """
    records: list[Record] = []
    files = unscored = 0
    for file, content in json_files(path, "*.json"):
        results = content.get("evaluation_results") if isinstance(content, Mapping) else None
        if not isinstance(results, list):
            if Path(path).is_dir():
                continue
            raise DataError(f"{file}: not in the schema of Every Eval Ever: it has no list 'evaluation_results'.")
        files += 1
        model = content.get("model_info") or {}
        base = {"run": str(model.get("id") or model.get("name") or file.stem), **_scales(model)}
        for result in results:
            record = _record(result)
            if record is None:
                unscored += 1
            else:
                records.append({**base, **record})
    notes = [f"{files} files of Every Eval Ever, {len({record['run'] for record in records})} models."]
    notes += [f"{unscored} results without a score are left."] if unscored else []
    return imported(records, path, "results", notes)


def _scales(model: Mapping[str, Any]) -> dict[str, float]:
    """What the model's details say of its size and training."""
    found: dict[str, float] = {}
    for name, text in (model.get("additional_details") or {}).items():
        canonical = may_be(str(name))
        number = count_of(str(text).strip())
        if canonical in _SCALES and number == number:
            found.setdefault(canonical, number)
    return found


def _record(result: Any) -> Record | None:
    if not isinstance(result, Mapping):
        return None
    config, details = result.get("metric_config") or {}, result.get("score_details") or {}
    score = details.get("score")
    if not isinstance(score, (int, float)) or isinstance(score, bool):
        return None
    error = (details.get("uncertainty") or {}).get("standard_error")
    error = error.get("value") if isinstance(error, Mapping) else error
    metric = config.get("metric_name") or config.get("metric_id") or result.get("metric_name")
    return {
        "task": str(result.get("evaluation_name", "")),
        **({"metric": str(metric)} if metric else {}),
        "higher_is_better": int(not config.get("lower_is_better", False)),
        "value": score,
        "stderr": error if isinstance(error, (int, float)) else None,
    }
