"""What changed between two plans, in words: what was asked and read, then the curves, then the answer."""

from typing import Any

import numpy as np

from budget.numerics.words import listing, shortened
from budget.report.written_numbers import difference, percent, plural, quantity, value
from budget.studies.plan_changes import PlanChanges

SAME = 1e-9
"""Relative difference below which two numbers are the same."""

NAMED = 3
"""Tasks that a sentence names."""


def changes_told(found: PlanChanges) -> tuple[str, ...]:
    """The comparison in a few sentences, the answer first and its reasons behind."""
    before, after = found.before.plan, found.after.plan
    return (*_answer(found, before, after), *_reasons(found), *_curves(found), *_split(found), *_models(found))


def _answer(found: PlanChanges, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    said = []
    for plan in (found.before, found.after):
        if plan.strays:
            said.append(f"{plan.folder}: {shortened(plan.strays)} are not of its plan; what follows may mix two plans.")
    if found.incomparable:
        return [*said, f"The two plans {found.incomparable}, so that their objectives cannot be compared."]
    objectives = found.before.objective, found.after.objective
    gain = (objectives[1] - objectives[0]) * (1 if after["larger_is_better"] else -1)
    same = abs(gain) <= SAME * abs(objectives[0])
    word = "the same" if same else f"{difference(gain)} {'better' if gain > 0 else 'worse'}"
    whose = found.before.speaks_of, found.after.speaks_of
    alike = whose[0] == whose[1]
    each = [
        f"{value(objective)} in {plan.folder}{'' if alike else f' ({plan.speaks_of})'}"
        for objective, plan in zip(objectives, (found.before, found.after), strict=True)
    ]
    of = f" by {whose[0]}" if alike else ""
    said.append(f"{after['goal'].capitalize()} {after['metric']}{of}: {each[0]}, {each[1]}: {word}.")
    if before["budget"] != after["budget"]:
        unit = after["unit"]
        said.append(f"The budget changes from {quantity(before['budget'], unit)} to {quantity(after['budget'], unit)}.")
    return said


def _reasons(found: PlanChanges) -> list[str]:
    said = []
    if found.inputs:
        said.append(f"Files that differ: {listing(list(found.inputs))}.")
    words = {key: pair for key, pair in found.words.items() if key != "budget"}
    if words:
        each = [f"--{key} {_word(first)} → {_word(last)}" for key, (first, last) in words.items()]
        said.append(f"Options that differ: {'; '.join(each)}.")
    if not found.inputs and not found.words:
        said.append("Both were asked the same of the same files.")
    return said


def _word(content: Any) -> str:
    if content is None:
        return "(not said)"
    if isinstance(content, dict):  # a scenario: its name, and what it says otherwise
        said = [f"{key} {_word(value)}" for key, value in content.items() if key != "name"]
        return f"{content.get('name', '')} ({', '.join(said)})".strip()
    return ", ".join(map(_word, content)) if isinstance(content, list) else str(content)


def _curves(found: PlanChanges) -> list[str]:
    table = found.table
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.abs(table["by_curve"].to_numpy() / table["predicted_before"].to_numpy())
    moved = np.flatnonzero(part > SAME)
    if not len(moved):
        return ["No curve says anything else of the earlier plan's models."] if np.isfinite(part).any() else []
    order = moved[np.argsort(-part[moved], kind="stable")][:NAMED]
    named = [
        f"{table['task'][at]} ({'+' if table['by_curve'][at] > 0 else '−'}{percent(float(part[at]))})" for at in order
    ]
    return [
        f"The curves of {plural(len(moved), 'task')} say something else of the same models: most {listing(named)}; the "
        "other changes of predictions are the plan's."
    ]


def _split(found: PlanChanges) -> list[str]:
    table, unit = found.table, found.after.plan["unit"]
    models = found.before.models, found.after.models
    every = dict.fromkeys((*models[0], *models[1]))
    shares = [(tasks, models[0].get(tasks, 0.0), models[1].get(tasks, 0.0)) for tasks in every]
    said = []
    for word, there in (("Only the later plan has", "before"), ("Only the earlier plan has", "after")):
        names = table["task"][table[f"spend_{there}"].isna()].tolist()
        if names:
            said.append(f"{word} {shortened(names)}.")
    moved = [each for each in shares if abs(each[2] - each[1]) > 1e-6]
    if not moved:
        return [*said, "Every model keeps its share of the budget."]
    moved.sort(key=lambda each: -abs(each[2] - each[1]))
    named = [f"{_model(tasks)} {percent(first)} → {percent(last)}" for tasks, first, last in moved[:NAMED]]
    return [*said, f"Shares of the budget ({unit}) that change most, a model counted once: {listing(named)}."]


def _model(tasks: tuple[str, ...]) -> str:
    """A model by its tasks."""
    return tasks[0] if len(tasks) == 1 else f"one model of {shortened(tasks)}"


def _models(found: PlanChanges) -> list[str]:
    joined = found.joined
    if not joined:
        return []
    groups = {tasks for tasks in joined.values()}
    each = [listing(list(tasks)) if len(tasks) > 1 else f"{tasks[0]} alone" for tasks in sorted(groups, key=len)[::-1]]
    return [f"Who shares a model changes for {plural(len(joined), 'task')}: now {'; '.join(each[: NAMED + 2])}."]
