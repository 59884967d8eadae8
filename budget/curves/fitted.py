"""Fitted curves as plain NumPy: what ``curves.json`` holds and every later layer reads. Loads no JAX."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.curves.cost import Cost
from budget.curves.laws import LAWS, Law
from budget.curves.posynomial import Posynomial
from budget.errors import DataError, FitError
from budget.tables.status import STATUS

FORMAT = "budget curves 1"
LARGEST = 1e300
"""A steep curve far below the measured scales overflows; it is cut here, so that intervals stay numbers."""

INTERVAL = (10.0, 90.0)
"""Percentiles of the draws that make ``low`` and ``high``: an 80 % interval for the mean curve."""


_PER_TASK = (
    "higher_is_better",
    "ceiling",
    "parameters",
    "reference",
    "runs",
    "objective",
    "error",
    "agreement",
    "shared",
    "group",
)
"""The arrays of ``Curves`` whose first axis is the task."""


@dataclass(frozen=True)
class Curves:
    """One law fitted to T tasks with B joint draws; P parameters, I inputs.

    A curve describes the *distance* of a task's value from its best: the loss itself, or ceiling minus score.

    Attributes:
        law: name in ``LAWS``.
        inputs: (I,) the scale columns the law reads.
        tasks: (T,) names.
        metric: (T,) each task's metric.
        higher_is_better: (T,) direction.
        ceiling: (T,) best possible score, NaN for losses.
        status: (T,) codes of ``STATUS``.
        message: (T,) one sentence each, "" where there is nothing to say.
        parameters: (T, P) working parameters of the point fit (``Law.value``), NaN where there is none.
        draws: (B, T, P) the same for each bootstrap draw, NaN for tasks that plans do not use;
            draw b is one joint world for all tasks.
        reference: (T, I) inputs at which the coefficients are stated.
        runs: (T,) number of trained models.
        objective: (T,) the fit's loss at the optimum.
        error: (T,) root mean square of log residuals: the typical relative error of a run about the curve.
        agreement: (T,) share of the starts that ended within 1e-6 of the best objective.
        smallest: scale column → (T,) smallest measured.
        largest: scale column → (T,) largest measured.
        shared: (T,) whether a task's runs are mostly models measured on several tasks: a generalist's curve.
        group: (T,) tasks of one group were measured, mostly, on the same trained models.
        cost: the cost law, ``None`` where the file has no params and tokens.
        estimator: the loss that was minimized, in words.
        seed: of the draws.
        source: name of the runs file.
        sha256: its hash, "" where the runs came from memory.
        shared_models: trained models that serve several tasks.
        strategy: the file's strategy, "" where it does not say.
        notes: what was assumed, one sentence each.
    """

    law: str
    inputs: tuple[str, ...]
    tasks: tuple[str, ...]
    metric: tuple[str, ...]
    higher_is_better: np.ndarray
    ceiling: np.ndarray
    status: tuple[str, ...]
    message: tuple[str, ...]
    parameters: np.ndarray
    draws: np.ndarray
    reference: np.ndarray
    runs: np.ndarray
    objective: np.ndarray
    error: np.ndarray
    agreement: np.ndarray
    smallest: Mapping[str, np.ndarray]
    largest: Mapping[str, np.ndarray]
    shared: np.ndarray
    group: np.ndarray
    cost: Cost | None
    estimator: str
    seed: int
    source: str = ""
    sha256: str = ""
    shared_models: int = 0
    strategy: str = ""
    notes: tuple[str, ...] = ()

    @property
    def form(self) -> Law:
        """The law's record."""
        return LAWS[self.law]

    @property
    def is_shared(self) -> bool:
        """Whether all curves are those of the same generalists, so that one model can be planned."""
        return bool(self.shared.all() and np.ptp(self.group) == 0)

    @property
    def used(self) -> np.ndarray:
        """(T,) whether plans use the task."""
        return np.array([STATUS[code].used for code in self.status], dtype=bool)

    @property
    def left_out(self) -> tuple[str, ...]:
        """A sentence for each task that plans do not use."""
        return tuple(
            f"Task '{name}' is left out ({code}): {message}; {STATUS[code].advice}."
            for name, code, message in zip(self.tasks, self.status, self.message, strict=True)
            if not STATUS[code].used
        )

    def usable(self) -> "Curves":
        """The tasks that plans use.

        Raises:
            FitError: there is none.
        """
        if not self.used.any():
            codes = ", ".join(f"{name} ({code})" for name, code in zip(self.tasks[:20], self.status, strict=False))
            more = f" and {len(self.tasks) - 20} more" if len(self.tasks) > 20 else ""
            raise FitError(
                f"{self.source}: no task has a curve that a plan can use: {codes}{more}; "
                "'budget check' says what each of them lacks."
            )
        return self.take(np.flatnonzero(self.used))

    def take(self, pick: np.ndarray) -> "Curves":
        """The tasks at the positions ``pick``."""
        chosen: dict[str, Any] = {name: getattr(self, name)[pick] for name in _PER_TASK}
        for name in ("tasks", "metric", "status", "message"):
            chosen[name] = tuple(getattr(self, name)[i] for i in pick)
        chosen["draws"] = self.draws[:, pick]
        chosen["smallest"] = {name: values[pick] for name, values in self.smallest.items()}
        chosen["largest"] = {name: values[pick] for name, values in self.largest.items()}
        return replace(self, **chosen)

    def posynomial(self, draw: int | None = None) -> Posynomial:
        """Each task's distance to its best as a posynomial of the log inputs, for the point fit or one draw."""
        theta = self.parameters if draw is None else self.draws[draw]
        return self.form.posynomial(theta, self.reference)

    def distance(self, task: np.ndarray, log_inputs: np.ndarray) -> np.ndarray:
        """The point fit's distance to best.

        Args:
            task: (R,) task positions.
            log_inputs: (R, I) natural logarithms of the inputs.
        """
        with np.errstate(over="ignore"):
            return np.minimum(
                self.form.value(self.parameters[task], log_inputs - np.log(self.reference[task])), LARGEST
            )

    def distance_draws(self, task: np.ndarray, log_inputs: np.ndarray) -> np.ndarray:
        """The same under every draw: shape (B, R)."""
        with np.errstate(over="ignore"):
            return np.minimum(self.form.value(self.draws[:, task], log_inputs - np.log(self.reference[task])), LARGEST)

    def present(self, task: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Distances (…, R) as values in the file's own unit: the loss itself, or ceiling minus distance."""
        return np.where(self.higher_is_better[task], self.ceiling[task] - distance, distance)

    def predict(self, task: np.ndarray, log_inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predicted value with its 80 % interval at given scales; each of shape (R,).

        The interval is for the mean curve, from the draws, and widened to hold the point where it does not.
        """
        value = self.present(task, self.distance(task, log_inputs))
        if len(self.draws) == 0:
            return value, np.full_like(value, np.nan), np.full_like(value, np.nan)
        worlds = self.present(task, self.distance_draws(task, log_inputs))
        low, high = np.percentile(worlds, INTERVAL, axis=0)
        return value, np.minimum(low, value), np.maximum(high, value)

    def table(self) -> pd.DataFrame:
        """One row a task: law, parameters with 80 % intervals in the file's units, error and status."""
        names = self.form.parameters
        point = self.form.natural(self.parameters, self.reference)
        worlds = self.form.natural(self.draws, self.reference)
        columns: dict[str, Any] = {"task": self.tasks, "law": self.law, "runs": self.runs}
        for position, name in enumerate(names):
            columns[name] = point[:, position]
            if len(worlds):
                low, high = np.percentile(worlds[:, :, position], INTERVAL, axis=0)
                columns[f"{name}_low"], columns[f"{name}_high"] = low, high
        columns |= {"objective": self.objective, "error": self.error, "agreement": self.agreement}
        return pd.DataFrame(columns | {"status": self.status, "message": self.message})

    def record(self) -> dict[str, Any]:
        """The content of ``curves.json``."""
        natural = self.form.natural(self.parameters, self.reference)
        return {
            "format": FORMAT,
            "law": self.law,
            "formula": self.form.formula,
            "inputs": list(self.inputs),
            "estimator": self.estimator,
            "seed": self.seed,
            "draws": len(self.draws),
            "source": self.source,
            "sha256": self.sha256,
            "shared_models": self.shared_models,
            "is_shared": self.is_shared,
            "strategy": self.strategy,
            "notes": list(self.notes),
            "cost": None if self.cost is None else {name: _plain(value) for name, value in vars(self.cost).items()},
            "tasks": [
                {
                    "task": name,
                    "metric": self.metric[i],
                    "higher_is_better": bool(self.higher_is_better[i]),
                    "ceiling": _plain(self.ceiling[i]),
                    "status": self.status[i],
                    "message": self.message[i],
                    "shared": bool(self.shared[i]),
                    "group": int(self.group[i]),
                    "runs": int(self.runs[i]),
                    "parameters": dict(zip(self.form.parameters, _plain(natural[i]), strict=True)),
                    "objective": _plain(self.objective[i]),
                    "error": _plain(self.error[i]),
                    "agreement": _plain(self.agreement[i]),
                    "smallest": {scale: float(values[i]) for scale, values in self.smallest.items()},
                    "largest": {scale: float(values[i]) for scale, values in self.largest.items()},
                    "reference": _plain(self.reference[i]),
                    "working": _plain(self.parameters[i]),
                    "working_draws": _plain(self.draws[:, i]),
                }
                for i, name in enumerate(self.tasks)
            ],
        }


def curves_from_record(record: Any, source: str) -> Curves:
    """Read ``Curves.record`` back.

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
        tasks = record["tasks"]
        for task in tasks:
            _ = STATUS[task["status"]]
        cost = record["cost"]
        if cost is not None:
            cost = Cost(
                kappa=_array(cost["kappa"]),
                params_exponent=_array(cost["params_exponent"]),
                tokens_exponent=_array(cost["tokens_exponent"]),
                rms_error=cost["rms_error"],
                max_error=cost["max_error"],
                assumed=cost["assumed"],
            )
        inputs = tuple(record["inputs"])
        parameters = len(LAWS[record["law"]].parameters)
        return Curves(
            law=record["law"],
            inputs=inputs,
            tasks=tuple(task["task"] for task in tasks),
            metric=tuple(task["metric"] for task in tasks),
            higher_is_better=np.array([task["higher_is_better"] for task in tasks], dtype=bool),
            ceiling=_array([task["ceiling"] for task in tasks]),
            status=tuple(task["status"] for task in tasks),
            message=tuple(task["message"] for task in tasks),
            parameters=_array([task["working"] for task in tasks]).reshape(len(tasks), parameters),
            draws=_array([task["working_draws"] for task in tasks])
            .reshape(len(tasks), record["draws"], parameters)
            .swapaxes(0, 1),
            reference=_array([task["reference"] for task in tasks]).reshape(len(tasks), len(inputs)),
            runs=np.array([task["runs"] for task in tasks]),
            objective=_array([task["objective"] for task in tasks]),
            error=_array([task["error"] for task in tasks]),
            agreement=_array([task["agreement"] for task in tasks]),
            smallest={scale: _array([task["smallest"][scale] for task in tasks]) for scale in tasks[0]["smallest"]},
            largest={scale: _array([task["largest"][scale] for task in tasks]) for scale in tasks[0]["largest"]},
            shared=np.array([task["shared"] for task in tasks], dtype=bool),
            group=np.array([task["group"] for task in tasks], dtype=int),
            cost=cost,
            estimator=record["estimator"],
            seed=record["seed"],
            source=record["source"],
            sha256=record["sha256"],
            shared_models=record["shared_models"],
            strategy=record["strategy"],
            notes=tuple(record["notes"]),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{source}: the curves file is damaged ({error!r}); write it again with 'budget fit'."
        ) from error


def _plain(value: Any) -> Any:
    """NumPy as JSON: a number that is not finite is null."""
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    return float(value) if np.isfinite(value) else None


def _array(values: Any) -> np.ndarray:
    return np.array(values, dtype=float)
