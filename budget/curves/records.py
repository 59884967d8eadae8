"""``curves.json``: fitted curves as plain JSON, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from budget.curves.cost import Cost
from budget.curves.fitted import Curves
from budget.curves.laws import law_of
from budget.curves.link import LINK, PARAMETERS, Link
from budget.errors import DataError
from budget.tables.status import LINK_STATUS, STATUS

FORMAT = "budget curves 2"

_NUMBERS = ("ceiling", "objective", "error", "agreement", "gradient", "condition")
"""The arrays (T,) of numbers that a task's record holds under their own names."""

_LINK_NUMBERS = ("error", "agreement", "gradient")
"""The same of a link's record."""


def record_of(curves: Curves) -> dict[str, Any]:
    """The content of ``curves.json``."""
    natural = curves.form.natural(curves.parameters, curves.reference)
    names = curves.form.names
    return {
        "format": FORMAT,
        "law": curves.law,
        "formula": curves.form.formula,
        "inputs": list(curves.inputs),
        "estimator": curves.estimator,
        "residual": curves.residual,
        "seed": curves.seed,
        "draws": len(curves.draws),
        "source": curves.source,
        "sha256": curves.sha256,
        "shared_models": curves.shared_models,
        "is_shared": curves.is_shared,
        "strategy": curves.strategy,
        "notes": list(curves.notes),
        "warnings": list(curves.warnings),
        "link": None if curves.link is None else _link_record(curves.link),
        "cost": None if curves.cost is None else {name: _plain(value) for name, value in vars(curves.cost).items()},
        "tasks": [
            {
                "task": name,
                "metric": curves.metric[i],
                "higher_is_better": bool(curves.higher_is_better[i]),
                "status": curves.status[i],
                "message": curves.message[i],
                "findings": [
                    {"code": code, "message": text, "advice": STATUS[code].advice} for code, text in curves.findings[i]
                ],
                "bounds": list(curves.bounds[i]),
                "outliers": list(curves.outliers[i]),
                "pooled": bool(curves.pooled[i]),
                "shared": bool(curves.shared[i]),
                "group": int(curves.group[i]),
                "runs": int(curves.runs[i]),
                "parameters": dict(zip(names, _plain(natural[i]), strict=True)),
                "at_reference": {
                    names[p]: _plain(np.exp(curves.parameters[i, p])) for p in curves.form.where("coefficient")
                },
                **{key: _plain(getattr(curves, key)[i]) for key in _NUMBERS},
                "smallest": {scale: _plain(values[i]) for scale, values in curves.smallest.items()},
                "largest": {scale: _plain(values[i]) for scale, values in curves.largest.items()},
                "reference": _plain(curves.reference[i]),
                "working": _plain(curves.parameters[i]),
                "working_draws": _plain(curves.draws[:, i]),
                "noise_draws": _plain(curves.noise[:, i]),
            }
            for i, name in enumerate(curves.tasks)
        ],
    }


def curves_from_record(record: Any, source: str) -> Curves:
    """Read ``record_of`` back.

    Args:
        record: the parsed ``curves.json``.
        source: the file's name, for the error sentence.

    Raises:
        DataError: the content is not what ``budget fit --out`` writes.
    """
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise DataError(
            f"{source}: not a curves file of this version; make one with 'budget fit RUNS --out curves.json'."
        )
    try:
        return _curves(record)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{source}: the curves file is damaged ({error!r}); write it again with 'budget fit'."
        ) from error


def _curves(record: Mapping[str, Any]) -> Curves:
    tasks = record["tasks"]
    for task in tasks:
        _ = STATUS[task["status"]]
    inputs = tuple(record["inputs"])
    parameters = len(law_of(record["law"], inputs).parameters)
    count = len(tasks)
    return Curves(
        law=record["law"],
        inputs=inputs,
        tasks=tuple(task["task"] for task in tasks),
        metric=tuple(task["metric"] for task in tasks),
        higher_is_better=np.array([task["higher_is_better"] for task in tasks], dtype=bool),
        status=tuple(task["status"] for task in tasks),
        message=tuple(task["message"] for task in tasks),
        findings=tuple(tuple((each["code"], each["message"]) for each in task["findings"]) for task in tasks),
        bounds=tuple(tuple(task["bounds"]) for task in tasks),
        outliers=tuple(tuple(task["outliers"]) for task in tasks),
        parameters=_array([task["working"] for task in tasks]).reshape(count, parameters),
        draws=_array([task["working_draws"] for task in tasks])
        .reshape(count, record["draws"], parameters)
        .swapaxes(0, 1),
        noise=_array([task["noise_draws"] for task in tasks]).reshape(count, record["draws"]).T,
        residual=record["residual"],
        reference=_array([task["reference"] for task in tasks]).reshape(count, len(inputs)),
        runs=np.array([task["runs"] for task in tasks]),
        **{name: _array([task[name] for task in tasks]) for name in _NUMBERS},
        smallest={scale: _array([task["smallest"][scale] for task in tasks]) for scale in tasks[0]["smallest"]},
        largest={scale: _array([task["largest"][scale] for task in tasks]) for scale in tasks[0]["largest"]},
        pooled=np.array([task["pooled"] for task in tasks], dtype=bool),
        shared=np.array([task["shared"] for task in tasks], dtype=bool),
        group=np.array([task["group"] for task in tasks], dtype=int),
        cost=_cost(record["cost"]),
        estimator=record["estimator"],
        seed=record["seed"],
        source=record["source"],
        sha256=record["sha256"],
        shared_models=record["shared_models"],
        strategy=record["strategy"],
        link=None if record["link"] is None else _link(record["link"], count, record["draws"]),
        notes=tuple(record["notes"]),
        warnings=tuple(record.get("warnings", ())),
    )


def _link_record(link: Link) -> dict[str, Any]:
    return {
        "metric": link.metric,
        "formula": LINK.formula,
        "estimator": link.estimator,
        "tasks": [
            {
                "status": code,
                "message": link.message[i],
                "higher_is_better": bool(link.higher_is_better[i]),
                "pairs": int(link.pairs[i]),
                "chance_stated": bool(link.stated[i]),
                "parameters": dict(zip(PARAMETERS, _plain(link.parameters[i]), strict=True)),
                **{name: _plain(getattr(link, name)[i]) for name in _LINK_NUMBERS},
                "draws": _plain(link.draws[:, i]),
                "noise_draws": _plain(link.noise[:, i]),
            }
            for i, code in enumerate(link.status)
        ],
    }


def _link(record: Mapping[str, Any], count: int, draws: int) -> Link:
    tasks = record["tasks"]
    for task in tasks:
        _ = LINK_STATUS[task["status"]]
    size = len(PARAMETERS)
    return Link(
        metric=record["metric"],
        higher_is_better=np.array([task["higher_is_better"] for task in tasks], dtype=bool),
        status=tuple(task["status"] for task in tasks),
        message=tuple(task["message"] for task in tasks),
        parameters=_array([[task["parameters"][name] for name in PARAMETERS] for task in tasks]).reshape(count, size),
        draws=_array([task["draws"] for task in tasks]).reshape(count, draws, size).swapaxes(0, 1),
        noise=_array([task["noise_draws"] for task in tasks]).reshape(count, draws).T,
        stated=np.array([task["chance_stated"] for task in tasks], dtype=bool),
        pairs=np.array([task["pairs"] for task in tasks], dtype=int),
        **{name: _array([task[name] for task in tasks]) for name in _LINK_NUMBERS},
        estimator=record["estimator"],
    )


def _cost(cost: Mapping[str, Any] | None) -> Cost | None:
    if cost is None:
        return None
    arrays = {name: _array(cost[name]) for name in ("kappa", "params_exponent", "tokens_exponent")}
    return Cost(**arrays, rms_error=cost["rms_error"], max_error=cost["max_error"], assumed=cost["assumed"])


def _plain(value: Any) -> Any:
    """NumPy as JSON: a number that is not finite is null."""
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    return float(value) if np.isfinite(value) else None


def _array(values: Any) -> np.ndarray:
    return np.array(values, dtype=float)
