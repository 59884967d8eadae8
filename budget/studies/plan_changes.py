"""What changed between two plans, and why: their inputs, their words, their curves, and the answer.

A task's prediction changes for two reasons that a reader wants apart: its curve says something else of the same model,
and the plan trains another model. The first is read off the later curve at the earlier plan's model; the rest is the
second.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.spec.plan_spec import SHARED
from budget.curves.curves import Curves
from budget.curves.records.curves_files import read_curves
from budget.errors import DataError
from budget.numerics.strict_json import json_rows
from budget.tables.files.manifest import SCHEMA, strays
from budget.tables.files.places import CURVES
from budget.tables.files.text import read_json

OLD_FORMAT = "budget plan 1"
"""What older plans say in their key ``format`` instead of ``schema``."""

PLAN, WORDS = "plan.json", "plan.toml"


@dataclass(frozen=True)
class SavedPlan:
    """A plan's folder as it was written.

    Attributes:
        folder: its name, as the reader wrote it.
        record: the content of ``plan.json``.
        curves: of ``curves.json``.
        words: option → what the command line said; empty where the folder does not tell.
        strays: files of the folder that are not of this plan.
    """

    folder: str
    record: dict[str, Any]
    curves: Curves
    words: dict[str, Any]
    strays: tuple[str, ...]

    @property
    def plan(self) -> dict[str, Any]:
        """The split."""
        found: dict[str, Any] = self.record["plan"]
        return found

    @property
    def decision(self) -> dict[str, Any] | None:
        """What was recommended, where some of its models serve several tasks; then the plan is not what to train."""
        found: dict[str, Any] | None = self.record.get("recommendation")
        return found if found and any(len(model["tasks"]) > 1 for model in found["models"]) else None

    @property
    def speaks_of(self) -> str:
        """Whose numbers these are: those of the decision where there is one, else of the plan."""
        if self.decision is not None:
            return "the models recommended"
        return "one model for all" if self.plan["strategy"] == SHARED else "one model for each"

    @property
    def objective(self) -> float:
        """What is reached, in the reader's number."""
        if self.decision is None:
            return float(self.plan["objective"])
        # a decision's objective is made small; where more is better a reader sees its negative
        return float(self.decision["objective"]) * (-1 if self.plan["larger_is_better"] else 1)

    @property
    def budget(self) -> float:
        """The budget, or what is spent where the cheapest plan has none."""
        return float(self.plan["budget"] or self.plan["spent"])

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """Task → its line: what its model takes, its sizes, and what it is predicted to reach."""
        lines = {each["task"]: each for each in self.plan["tasks"]}
        if self.decision is None:
            return lines
        # a plan of an older version does not hold what each task reaches by the decision
        predicted = self.decision.get("predicted", {})
        return {
            name: {"task": name, "spend": model["spend"], **model["inputs"], "predicted": predicted.get(name)}
            for model in self.decision["models"]
            for name in model["tasks"]
        }

    @property
    def metrics(self) -> dict[str, str]:
        """Task → what its values are of."""
        return {name: metric for name, metric in zip(self.curves.tasks, self.curves.metric, strict=True)
                if name in self.tasks}  # fmt: skip

    @property
    def models(self) -> dict[tuple[str, ...], float]:
        """Tasks of each model → its share of the budget, counted once."""
        if self.decision is not None:
            return {tuple(model["tasks"]): model["spend"] / self.budget for model in self.decision["models"]}
        if self.plan["strategy"] == SHARED:
            return {tuple(self.tasks): self.plan["spent"] / self.budget}
        return {(name,): (line["spend"] or 0.0) / self.budget for name, line in self.tasks.items()}

    def model_of(self, name: str) -> tuple[str, ...]:
        """The tasks of the model that serves a task; none where it is not of the plan."""
        return next((tasks for tasks in self.models if name in tasks), ())


@dataclass(frozen=True)
class PlanChanges:
    """From one plan to another.

    Attributes:
        before: the first.
        after: the second.
        inputs: roles of the files whose content differs, such as ``runs``; one that only one of them has as well.
        words: option → its content before and after, ``None`` where it was not said.
        table: one row a task of either plan: the spends and sizes of the models that serve it, with whom it shares
            them, predictions, and what its curve alone changes.
    """

    before: SavedPlan
    after: SavedPlan
    inputs: tuple[str, ...]
    words: dict[str, tuple[Any, Any]]
    table: pd.DataFrame

    @property
    def joined(self) -> dict[str, tuple[str, ...]]:
        """Task → with whom it shares a model after, where that is another model than before."""
        before, after = ({name: tasks for tasks in each.models for name in tasks} for each in (self.before, self.after))
        return {name: after[name] for name in after if name in before and after[name] != before[name]}

    @property
    def incomparable(self) -> str:
        """Why the two objectives cannot be compared; "" where they can."""
        asked = [
            tuple(each.plan[key] for key in ("goal", "measure", "risk", "metric", "unit"))
            for each in (self.before, self.after)
        ]
        if self.before.tasks.keys() != self.after.tasks.keys():
            return "are over different tasks"
        if self.before.metrics != self.after.metrics:
            return "measure their tasks by different metrics"
        return "" if asked[0] == asked[1] else "answer different questions"

    def record(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "before": self.before.folder,
            "after": self.after.folder,
            "objective": [self.before.objective, self.after.objective],
            "speaks_of": [self.before.speaks_of, self.after.speaks_of],
            "comparable": not self.incomparable,
            "inputs": list(self.inputs),
            "words": {key: list(pair) for key, pair in self.words.items()},
            "models": {name: list(tasks) for name, tasks in self.joined.items()},
            "rows": json_rows(self.table),
        }


def read_plan(folder: str) -> SavedPlan:
    """A plan's folder.

    Raises:
        DataError: it is none, or one of its files cannot be read.
    """
    home = Path(folder)
    if not (home / PLAN).is_file():
        raise DataError(f"{folder}: no {PLAN} there; give the folder that 'budget plan --out' made.")
    record = read_json(home / PLAN, "plan")
    if not isinstance(record, dict) or not _says_plan(record) or not isinstance(record.get("plan"), dict):
        raise DataError(f"{home / PLAN}: not a plan of this version; make it again with 'budget plan'.")
    curves = read_curves(home / CURVES)
    words: dict[str, Any] = {}
    if (home / WORDS).is_file():
        try:
            words = tomllib.loads((home / WORDS).read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{home / WORDS}: not readable as TOML ({error}).") from None
    return SavedPlan(folder, record, curves, words, strays(home))


def _says_plan(record: dict[str, Any]) -> bool:
    return record.get("schema") == SCHEMA or record.get("format") == OLD_FORMAT


def plan_changes(before: SavedPlan, after: SavedPlan) -> PlanChanges:
    """Compare two plans."""
    inputs = tuple(
        role
        for role in dict.fromkeys((*before.record["inputs"], *after.record["inputs"]))
        if _hash(before.record["inputs"].get(role)) != _hash(after.record["inputs"].get(role))
    )
    # the way to a file is no content of it: whether that changed, its hash tells
    files = set(before.record["inputs"]) | set(after.record["inputs"])
    keys = [key for key in dict.fromkeys((*before.words, *after.words)) if key not in files]
    words = {
        key: (before.words.get(key), after.words.get(key))
        for key in keys
        if before.words.get(key) != after.words.get(key)
    }
    return PlanChanges(before, after, inputs, words, _table(before, after))


def _hash(named: Mapping[str, str] | None) -> str | None:
    return None if named is None else named["sha256"]


def _table(before: SavedPlan, after: SavedPlan) -> pd.DataFrame:
    rows = []
    for name in dict.fromkeys((*before.tasks, *after.tasks)):
        sides = before.tasks.get(name), after.tasks.get(name)
        row: dict[str, Any] = {"task": name}
        for column in ("spend", "params", "tokens", "predicted"):
            for word, side in zip(("before", "after"), sides, strict=True):
                given = None if side is None else side.get(column)
                row[f"{column}_{word}"] = np.nan if given is None else float(given)
        for word, plan in (("before", before), ("after", after)):
            row[f"model_{word}"] = "|".join(plan.model_of(name))
        row["by_curve"] = _by_curve(before, after, name)
        row["by_plan"] = row["predicted_after"] - row["predicted_before"] - row["by_curve"]
        rows.append(row)
    return pd.DataFrame(rows)


def _by_curve(before: SavedPlan, after: SavedPlan, name: str) -> float:
    """What the later curve predicts of the earlier plan's model, less what was predicted then; NaN where unknown."""
    line = before.tasks.get(name)
    if before.decision is not None and len(before.model_of(name)) > 1:
        return float("nan")  # the curve of a shared model is not in the folder
    if line is None or name not in after.curves.tasks or line.get("predicted") is None:
        return float("nan")
    given = [_scale(before, line, scale) for scale in after.curves.scale_columns]
    task = after.curves.tasks.index(name)
    if not after.curves.used[task] or not all(number > 0 for number in given):
        return float("nan")
    (value,), _, _ = after.curves.predict(np.array([task]), np.log([given]))
    return float(value) - float(line["predicted"])


def _scale(plan: SavedPlan, line: Mapping[str, Any], scale: str) -> float:
    """A model's scale by its line of the plan, NaN where that does not say."""
    if scale in ("params", "tokens") and line.get(scale) is not None:
        return float(line[scale])
    if scale == plan.plan["unit"]:
        return float(line["spend"])
    return float("nan")
