"""The report's section of scenarios: what each question would give, beside the first."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from budget.report.report_parts import Block, Bullets, Cell, Column, Section, Table, Text
from budget.report.sentences.plan_sentences import objective_name
from budget.report.sentences.recommendation_sentences import judged_values, target_sign, target_verdict, targets_words
from budget.report.written_numbers import LEVEL, NOTHING, amount, difference, percent, plural, quantity, span, value
from budget.studies.scenario_study import Scenario, Scenarios

FOLD_FROM = 40
"""Rows from which the table of tasks is folded."""


def scenario_section(found: Scenarios) -> Section:
    """All scenarios side by side, and the tasks of each."""
    blocks: list[Block] = [Text(_lede(found)), _side_by_side(found)]
    refused = tuple(f"{each.asked.name}: {each.why}" for each in found.every if each.found is None)
    if refused:
        blocks.append(Bullets(refused))
    blocks.append(_tasks(found))
    return Section("scenarios", "Scenarios", tuple(blocks))


def scenarios_summary(found: Scenarios) -> str:
    """The scenarios for the terminal, in one sentence."""
    return _lede(found)


def _lede(found: Scenarios) -> str:
    planned = [each for each in found.every if each.found is not None]
    first = found.first
    if first is None:
        return f"None of {plural(len(found.every), 'scenario')} can be planned."
    many = plural(len(found.every), "scenario")
    said = f"{len(planned)} of {many} can be planned; differences are to {first.asked.name}."
    compared = [each for each in planned if each is not first and np.isfinite(_above(each, first))]
    if compared:
        best = (max if first.larger_is_better else min)(compared, key=lambda each: each.objective)
        better = (best.objective > first.objective) == first.larger_is_better and best.objective != first.objective
        if better:
            said += f" {best.asked.name} reaches most: {value(best.objective)}, {_signed(best, first)}."
        else:
            said += " None of those that speak of the same tasks reaches more."
    return said


def _above(each: Scenario, first: Scenario) -> float:
    table = Scenarios((first, each)).table()
    return float(table["difference"].iloc[1])


def _signed(each: Scenario, first: Scenario) -> str:
    gain = each.objective - first.objective
    return f"{difference(abs(gain))} {'better' if (gain > 0) == first.larger_is_better else 'worse'}"


def _side_by_side(found: Scenarios) -> Table:
    rows = []
    for each, row in zip(found.every, found.table().to_dict("records"), strict=True):
        if each.found is None:
            rows.append((Cell(each.asked.name), *(Cell(NOTHING) for _ in range(6)), Cell("no plan", tone="warn")))
            continue
        unit = row["unit"]
        signs = [target_sign(*one) for one in _aims(each).values()]
        ends = span(value(row["low"]), value(row["high"])) if np.isfinite(row["low"]) else ""
        rows.append(
            (
                Cell(each.asked.name),
                Cell(NOTHING if np.isnan(row["budget"]) else quantity(row["budget"], unit)),
                Cell(quantity(row["spent"], unit)),
                Cell(str(row["models"]), f"{row['served']} of {len(each.found.spec.tasks.names)} tasks"),
                Cell(objective_name(each.found.plan)),
                Cell(value(row["value"]), ends),
                _met(signs, row["targets_met"]),
                _difference(each, found.first, row),
            )
        )
    return Table(
        "Scenarios beside the first",
        (
            Column("Scenario"),
            Column("Budget", True),
            Column("Spent", True),
            Column("Models", True, "tasks served"),
            Column("Objective"),
            Column("Reached", True, f"{LEVEL} interval"),
            Column("Targets met", True, "by the intervals"),
            Column("Against the first", True, "share of the draws"),
        ),
        tuple(rows),
        cards=True,
    )


def _met(signs: list[str], predicted: float) -> Cell:
    """How many targets the predictions meet, as in ``scenarios.csv``, and what the intervals say of them."""
    if not any(signs):
        return Cell(NOTHING)
    return Cell(f"{predicted:.0f} of {sum(map(bool, signs))} as predicted", targets_words(signs))


def _aims(each: Scenario) -> dict[str, tuple[float, float, float, float, bool]]:
    """Task → what it is predicted to reach, its interval, its target, and whether more is better."""
    assert each.found is not None
    plan = each.found.plan
    mine = each.shared or plan
    return dict(zip(plan.spec.tasks.names, judged_values(mine.predicted, mine.low, mine.high, plan), strict=True))


def _difference(each: Scenario, first: Scenario | None, row: Mapping[Any, Any]) -> Cell:
    if first is each:
        return Cell("the first")
    if first is None or np.isnan(row["difference"]):
        return Cell("another number, or other tasks")
    if row["difference"] == 0:
        return Cell("the same")
    told = "" if np.isnan(row["better"]) else f"better in {percent(row['better'])}"
    return Cell(_signed(each, first), told)


def _tasks(found: Scenarios) -> Table:
    rows = []
    planned = {each.asked.name: each for each in found.every if each.found is not None}
    aims = {name: _aims(each) for name, each in planned.items()}
    for record in found.tasks().to_dict("records"):
        scenario = planned[record["scenario"]].found
        assert scenario is not None
        unit, partners = scenario.spec.unit, str(record["model"]).count("|")
        change = record["spend_difference"]
        moved = "" if np.isnan(change) or change == 0 else f"{'+' if change > 0 else '−'}{amount(abs(change), unit)}"
        shift = record["difference"]
        value_moved = "" if np.isnan(shift) or shift == 0 else f"{'+' if shift > 0 else '−'}{difference(abs(shift))}"
        aim = aims[record["scenario"]][record["task"]]
        rows.append(
            (
                Cell(str(record["task"])),
                Cell(str(record["scenario"])),
                Cell(quantity(record["spend"], unit) + (f" for {partners + 1} tasks" if partners else ""), moved),
                Cell(value(record["predicted"]), value_moved),
                Cell(target_verdict(*aim) if target_sign(*aim) else "none stated"),
            )
        )
    order = {name: at for at, name in enumerate(dict.fromkeys(row[0].text for row in rows))}
    rows.sort(key=lambda row: order[row[0].text])
    return Table(
        "Each task by scenario",
        (
            Column("Task"),
            Column("Scenario"),
            Column("Spend", True, "against the first"),
            Column("Predicted", True, "against the first"),
            Column("Target"),
        ),
        tuple(rows),
        folded=len(rows) >= FOLD_FROM,
        cards=True,
    )
