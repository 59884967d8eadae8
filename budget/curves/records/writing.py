"""``curves.json``: fitted curves as plain JSON; ``reading`` reads it back."""

from typing import Any

import numpy as np

from budget.curves.curves import Curves
from budget.curves.link.link import LINK, PARAMETERS, Link
from budget.tables.checks.status import STATUS

FORMAT = "budget curves 2"

NUMBERS = ("ceiling", "objective", "error", "agreement", "gradient", "condition")
"""The arrays (T,) of numbers that a task's record holds under their own names."""

STATED = ("best", "unserved")
"""The same, where they were stated; older files do not have them."""

LINK_NUMBERS = ("error", "agreement", "gradient")
"""The same of a link's record."""


def record_of(curves: Curves) -> dict[str, Any]:
    """The content of ``curves.json``, which ``checksum.sealed`` seals where it is written."""
    natural = curves.form.natural(curves.parameters, curves.reference)
    names = curves.form.names
    return {
        "format": FORMAT,
        "law": curves.law,
        "formula": curves.form.formula,
        "inputs": list(curves.scale_columns),
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
                "parameters": {name: _plain(natural[i, names.index(name)]) for name in curves.form.shown},
                "at_reference": {
                    names[p]: _plain(np.exp(curves.parameters[i, p])) for p in curves.form.where("coefficient")
                },
                **{key: _plain(getattr(curves, key)[i]) for key in (*NUMBERS, *STATED)},
                "smallest": {scale: _plain(values[i]) for scale, values in curves.smallest.items()},
                "largest": {scale: _plain(values[i]) for scale, values in curves.largest.items()},
                "reference": _plain(curves.reference[i]),
                "working": _plain(curves.parameters[i]),
                "working_draws": _plain(curves.draws[:, i]),
                "noise_draws": _plain(curves.noise[:, i]),
                **_posterior_record(curves, i),
            }
            for i, name in enumerate(curves.tasks)
        ],
    }


def _posterior_record(curves: Curves, task: int) -> dict[str, Any]:
    """What a task's curve has beside it where its law has a posterior: its convergence, and what plans read."""
    if not curves.form.is_posterior:
        return {}
    return {
        "rhat": _plain(curves.rhat[task]),
        "effective": _plain(curves.effective[task]),
        "planned": _plain(curves.planned_parameters[task]),
        "planned_draws": _plain(curves.planned_draws[:, task]),
    }


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
                **{name: _plain(getattr(link, name)[i]) for name in LINK_NUMBERS},
                "draws": _plain(link.draws[:, i]),
                "noise_draws": _plain(link.noise[:, i]),
            }
            for i, code in enumerate(link.status)
        ],
    }


def _plain(value: Any) -> Any:
    """NumPy as JSON: a number that is not finite is null."""
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    return float(value) if np.isfinite(value) else None
