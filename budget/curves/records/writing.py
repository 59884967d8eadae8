"""``curves.json``: fitted curves as plain JSON; ``reading`` reads it back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from budget.curves.curves import Curves
from budget.curves.link.link import LINK, PARAMETERS, Link
from budget.numerics.strict_json import json_value
from budget.tables.checks.status import STATUS

SCHEMA = "budget/curves/2"
"""What a file says that it is, as every JSON of the commands does."""

OLD_FORMAT = "budget curves 2"
"""What older files of the same content say, in their key ``format``."""

NUMBERS = ("ceiling", "objective", "error", "agreement", "gradient", "condition")
"""The arrays (T,) of numbers that a task's record holds under their own names."""

STATED = ("best", "unserved")
"""The same, where they were stated; older files do not have them."""

LINK_NUMBERS = ("error", "agreement", "gradient")
"""The same of a link's record."""


LINK_DRAWS = {"draws": "draws", "noise_draws": "noise"}
"""Field of a link's record of a task → the link's attribute of draws; in ``draws_of`` they are ``link_…``."""


def draws_of(curves: Curves) -> dict[str, np.ndarray]:
    """Field of a task's record → its draws (T, B, …), those of the link too."""
    found = {"working_draws": curves.draws, "noise_draws": curves.noise}
    if curves.form.is_posterior or curves.drifts:
        found["planned_draws"] = curves.planned_draws
    if curves.drifts:
        found["drift_draws"] = curves.drift
    if curves.link is not None:
        found |= {f"link_{name}": getattr(curves.link, attribute) for name, attribute in LINK_DRAWS.items()}
    return {name: each.swapaxes(0, 1) for name, each in found.items()}


def record_of(curves: Curves, *, with_draws: bool = True) -> dict[str, Any]:
    """The content of ``curves.json``, which ``checksum.sealed`` seals where it is written.

    Args:
        curves: fitted.
        with_draws: whether it holds the draws, most of its bytes; else they lie beside it (``curves_files``).
    """
    drawn = draws_of(curves) if with_draws else {}
    natural = curves.form.natural(curves.parameters, curves.reference)
    names = curves.form.names
    return {
        "schema": SCHEMA,
        "law": curves.law,
        "formula": curves.form.formula,
        "inputs": list(curves.scale_columns),
        "estimator": curves.estimator,
        "residual": curves.residual,
        "discrepancy": curves.drifts,
        "seed": curves.seed,
        "plan_on": curves.plan_on,
        "draws": len(curves.draws),
        "source": curves.source,
        "sha256": curves.sha256,
        "shared_models": curves.shared_models,
        "is_shared": curves.is_shared,
        "strategy": curves.strategy,
        **({} if curves.decided is None else {"decided": json_value(vars(curves.decided))}),
        "notes": list(curves.notes),
        "warnings": list(curves.warnings),
        "link": None if curves.link is None else _link_record(curves.link, drawn),
        "cost": None if curves.cost is None else {name: json_value(value) for name, value in vars(curves.cost).items()},
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
                "parameters": {name: json_value(natural[i, names.index(name)]) for name in curves.form.shown},
                "at_reference": {
                    names[p]: json_value(np.exp(curves.parameters[i, p])) for p in curves.form.where("coefficient")
                },
                **{key: json_value(getattr(curves, key)[i]) for key in (*NUMBERS, *STATED)},
                "smallest": {scale: json_value(values[i]) for scale, values in curves.smallest.items()},
                "largest": {scale: json_value(values[i]) for scale, values in curves.largest.items()},
                **({"ratios": json_value(curves.ratios[i])} if np.isfinite(curves.ratios[i]).all() else {}),
                "reference": json_value(curves.reference[i]),
                "working": json_value(curves.parameters[i]),
                **_drawn(drawn, i, "working_draws", "noise_draws"),
                **_posterior_record(curves, i, drawn),
                **_drift_record(curves, i, drawn),
                **({"verdict": curves.verdict[i], "judged": curves.judged[i]} if curves.verdict[i] else {}),
                **({"held": json_value(curves.held[i])} if np.isfinite(curves.held[i]).all() else {}),
            }
            for i, name in enumerate(curves.tasks)
        ],
    }


def _drawn(drawn: Mapping[str, np.ndarray], task: int, *fields: str) -> dict[str, Any]:
    """Fields of a task that hold draws, as far as they are to be written."""
    return {name: json_value(drawn[name][task]) for name in fields if name in drawn}


def _posterior_record(curves: Curves, task: int, drawn: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What a task's curve has beside it where its law has a posterior: its convergence, and what plans read."""
    if not curves.form.is_posterior:
        return {}
    return {
        "rhat": json_value(curves.rhat[task]),
        "effective": json_value(curves.effective[task]),
        "planned": json_value(curves.planned_parameters[task]),
        **_drawn(drawn, task, "planned_draws"),
        "tilt": json_value(curves.tilt[task]),
    }


def _drift_record(curves: Curves, task: int, drawn: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """How a task's draws drift from their law, and the curves of the law nearest to them, which plans read."""
    if not curves.drifts:
        return {}
    return {
        "drift_ends": json_value(curves.drift_ends[:, task]),
        **_drawn(drawn, task, "drift_draws", "planned_draws"),
    }


def _link_record(link: Link, drawn: Mapping[str, np.ndarray]) -> dict[str, Any]:
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
                "parameters": dict(zip(PARAMETERS, json_value(link.parameters[i]), strict=True)),
                **{name: json_value(getattr(link, name)[i]) for name in LINK_NUMBERS},
                **{name: json_value(drawn[f"link_{name}"][i]) for name in LINK_DRAWS if drawn},
            }
            for i, code in enumerate(link.status)
        ],
    }
