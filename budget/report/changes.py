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
    asked = [(each["goal"], each["measure"], each["risk"], each["metric"], each["unit"]) for each in (before, after)]
    if asked[0] != asked[1]:
        return [*said, "The two plans answer different questions, so that their values are not compared."]
    gain = (after["objective"] - before["objective"]) * (1 if after["larger_is_better"] else -1)
    same = abs(gain) <= SAME * abs(before["objective"])
    word = "the same" if same else f"{difference(gain)} {'better' if gain > 0 else 'worse'}"
    said.append(
        f"{after['goal'].capitalize()} {after['metric']}: {value(before['objective'])} in {found.before.folder}, "
        f"{value(after['objective'])} in {found.after.folder}: {word}."
    )
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
    return ", ".join(map(str, content)) if isinstance(content, list) else str(content)


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
    shares = [
        (table[f"spend_{word}"] / plan.plan["budget"]).fillna(0.0).to_numpy()
        for word, plan in (("before", found.before), ("after", found.after))
    ]
    apart = shares[1] - shares[0]
    said = []
    for word, there in (("Only the later plan has", "before"), ("Only the earlier plan has", "after")):
        names = table["task"][table[f"spend_{there}"].isna()].tolist()
        if names:
            said.append(f"{word} {shortened(names)}.")
    if np.abs(apart).max(initial=0.0) <= 1e-6:
        return [*said, "Every task keeps its share of the budget."]
    order = np.argsort(-np.abs(apart), kind="stable")[:NAMED]
    named = [
        f"{table['task'][at]} {percent(shares[0][at])} → {percent(shares[1][at])}"
        for at in order
        if abs(apart[at]) > 1e-6
    ]
    return [*said, f"Shares of the budget ({unit}) that change most, with one model for each: {listing(named)}."]


def _models(found: PlanChanges) -> list[str]:
    joined = found.joined
    if not joined:
        return []
    groups = {tasks for tasks in joined.values()}
    each = [listing(list(tasks)) if len(tasks) > 1 else f"{tasks[0]} alone" for tasks in sorted(groups, key=len)[::-1]]
    return [f"Who shares a model changes for {plural(len(joined), 'task')}: now {'; '.join(each[: NAMED + 2])}."]
