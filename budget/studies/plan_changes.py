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

from budget.curves.curves import Curves
from budget.curves.records.reading import curves_from_record
from budget.errors import DataError
from budget.numerics.strict_json import json_rows
from budget.tables.files.manifest import SCHEMA, strays
from budget.tables.files.text import read_json

OLD_FORMAT = "budget plan 1"
"""What older plans say in their key ``format`` instead of ``schema``."""

CURVES, PLAN, WORDS = "curves.json", "plan.json", "plan.toml"


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
    def tasks(self) -> dict[str, dict[str, Any]]:
        """Task → its line of the plan."""
        return {each["task"]: each for each in self.plan["tasks"]}

    @property
    def models(self) -> dict[tuple[str, ...], str]:
        """Tasks of a recommended model → its strategy; one model a task where nothing was recommended."""
        found = self.record.get("recommendation")
        if not found:
            return {(name,): "specialists" for name in self.tasks}
        return {tuple(model["tasks"]): model["strategy"] for model in found["models"]}


@dataclass(frozen=True)
class PlanChanges:
    """From one plan to another.

    Attributes:
        before: the first.
        after: the second.
        inputs: roles of the files whose content differs, such as ``runs``; one that only one of them has as well.
        words: option → its content before and after, ``None`` where it was not said.
        table: one row a task of either plan: spends, sizes, predictions, and what its curve alone changes.
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

    def record(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "before": self.before.folder,
            "after": self.after.folder,
            "objective": [self.before.plan["objective"], self.after.plan["objective"]],
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
    curves = curves_from_record(read_json(home / CURVES, "curves file"), str(home / CURVES))
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
        row["by_curve"] = _by_curve(before, after, name)
        row["by_plan"] = row["predicted_after"] - row["predicted_before"] - row["by_curve"]
        rows.append(row)
    return pd.DataFrame(rows)


def _by_curve(before: SavedPlan, after: SavedPlan, name: str) -> float:
    """What the later curve predicts of the earlier plan's model, less what was predicted then; NaN where unknown."""
    line = before.tasks.get(name)
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
