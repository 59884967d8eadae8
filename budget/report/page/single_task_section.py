"""What a task reaches alone with the whole budget, in sentences."""

import numpy as np

from budget.allocation.spec.plan_spec import EXTRAPOLATES_BEYOND
from budget.numerics.words import listing
from budget.report.report_parts import Cell as TableCell
from budget.report.report_parts import Column, Table
from budget.report.sentences.focus_cases import assumed, some_names, telling_budget
from budget.report.written_numbers import LEVEL, NOTHING, percent, plural, quantity, value
from budget.studies.focus.crossover import STATED_DRAW_SHARE
from budget.studies.focus.focus import Focus
from budget.studies.focus.single_task import SingleTask


def alone_with_everything(focus: Focus) -> list[str]:
    """Who is better alone, whose target is met only so, and what serving a task takes at least."""
    every = [each for each in focus.single_task if np.isfinite(each.shared).any()]
    held = [each for each in every if not each.unproven]
    left = some_names(list(dict.fromkeys(name for each in every for name in each.unproven)))
    if not held:
        return (
            [f"What a task reaches alone is not told: no curve behind it passed a backtest ({left})."] if every else []
        )
    there = {name for each in held for name in each.among}
    budget = telling_budget([cell for cell in focus.comparisons if cell.tasks in there])
    at = int(np.flatnonzero(held[0].budgets == budget)[0])
    mine = [each for each in held if np.isfinite(each.shared[at])]
    ahead = [each for each in mine if each.ahead[at]]
    behind = [each.task for each in mine if not each.ahead[at]]
    sure = sum(each.share[at] >= STATED_DRAW_SHARE for each in ahead)
    drawn = (
        f", {sure} of them in at least {STATED_DRAW_SHARE:.0%} of the draws"
        if ahead and np.isfinite(ahead[0].share[at])
        else ""
    )
    without = f"; not {some_names(behind)}" if behind and ahead else ""
    said = (
        f"Alone with the whole budget, at {quantity(budget, focus.unit)}{_far(mine, at)}, {len(ahead)} of "
        f"{plural(len(mine), 'task')} reach more than any plan gives them that serves them with others{drawn}{without}."
    )
    said += _at_the_ends(held, focus) + _only_alone(mine, at) + _no_run(held, focus)
    said += f" Not told of {len(every) - len(held)}, whose curves passed no backtest: {left}." if left else ""
    said += assumed(entry.strategy for cell in focus.comparisons for entry in cell.plans)
    return [said, *_least(mine, budget, focus.unit)]


def _at_the_ends(held: list[SingleTask], focus: Focus) -> str:
    """How many are better alone at the smallest and the largest budget."""
    if len(focus.budgets) < 2:
        return ""
    parts = []
    for at, which in ((0, "smallest"), (-1, "largest")):
        mine = [each for each in held if np.isfinite(each.shared[at])]
        parts.append(f"{sum(each.ahead[at] for each in mine)} of {len(mine)} at the {which} budget{_far(mine, at)}")
    return f" The same holds for {listing(parts)}."


def _no_run(held: list[SingleTask], focus: Focus) -> str:
    """From which budget on none of these models rests on a run."""
    beyond = np.array([each.beyond for each in held]).min(axis=0) > EXTRAPOLATES_BEYOND
    inside = np.flatnonzero(~beyond)
    first = int(inside[-1]) + 1 if len(inside) else 0
    if first == len(held[0].budgets):
        return ""
    return f" From {quantity(float(held[0].budgets[first]), focus.unit)} on none of these models rests on a run."


def _only_alone(mine: list[SingleTask], at: int) -> str:
    """Whose stated targets are met alone and by no plan for several tasks."""
    if not any(np.isfinite(each.target) for each in mine):
        return ""
    only = [each.task for each in mine if each.only_alone[at]]
    return f" Met only alone: the stated targets of {some_names(only)}." if only else " No target is met only alone."


def _far(mine: list[SingleTask], at: int) -> str:
    count = sum(each.beyond[at] > EXTRAPOLATES_BEYOND for each in mine)
    return f" (extrapolated for {count} of {plural(len(mine), 'task')})" if count else ""


def _least(mine: list[SingleTask], budget: float, unit: str) -> list[str]:
    """The smallest efficient spends, where they are known."""
    known = sorted((each for each in mine if np.isfinite(each.efficient)), key=lambda each: each.efficient)
    never = [each.task for each in mine if np.isinf(each.efficient)]
    said = []
    if known:
        shown = [known[0], known[-1]] if len(known) > 1 else known
        ends = [f"{quantity(each.efficient, unit)} ({each.task})" for each in shown]
        said.append(
            "The smallest efficient spend on a task, below which leaving it out is better whatever the others need, is "
            f"{' to '.join(ends)}, {_share(known[-1].efficient / budget)} of that budget."
        )
    if never:
        said.append(f"No spend improves on giving nothing to {some_names(never)}.")
    return said


def _share(part: float) -> str:
    return "less than 0.01 %" if part < 1e-4 else percent(part)


def alone_table(focus: Focus) -> Table | None:
    """Each task alone at the middle budget, beside the best that a plan for several tasks gives it."""
    budget = float(focus.budgets[len(focus.budgets) // 2])
    rows = []
    for each in focus.single_task:
        at = int(np.flatnonzero(each.budgets == budget)[0])
        far = each.beyond[at] > EXTRAPOLATES_BEYOND
        span = f"{value(each.low[at])} to {value(each.high[at])}" if np.isfinite(each.low[at]) else ""
        span += f"{', ' if span else ''}extrapolated" if far else ""
        span += f"{', ' if span else ''}no passed backtest" if each.unproven else ""
        better = NOTHING if np.isnan(each.shared[at]) else "yes" if each.ahead[at] else "no"
        cells = [
            TableCell(each.task),
            TableCell(value(each.value[at]), span, "warn" if far else ""),
            TableCell(value(each.shared[at]), each.strategy[at] if np.isfinite(each.shared[at]) else ""),
            TableCell(better, percent(each.share[at]) if np.isfinite(each.share[at]) else ""),
            TableCell(_spend(each.efficient, focus.unit, "none")),
        ]
        if focus.targets:
            cells.append(TableCell(_spend(each.required, focus.unit, "out of reach"), _met(each, at)))
        rows.append(tuple(cells))
    if not rows:
        return None
    columns = [
        Column("task"),
        Column("alone", numeric=True, detail=LEVEL),
        Column("best with others", numeric=True, detail="strategy"),
        Column("better alone", detail="share of the draws"),
        Column("smallest efficient spend", numeric=True),
    ]
    if focus.targets:
        columns.append(Column("spend to target", numeric=True, detail="who meets it"))
    caption = (
        f"Each task alone with {quantity(budget, focus.unit)}, however far beyond the runs, and the best that a plan "
        "for several tasks gives it"
    )
    return Table(caption, tuple(columns), tuple(rows), cards=True)


def _spend(spend: float, unit: str, never: str) -> str:
    return never if np.isinf(spend) else NOTHING if np.isnan(spend) else quantity(spend, unit)


def _met(each: SingleTask, at: int) -> str:
    if np.isnan(each.target):
        return ""
    return "with others too" if each.met_shared[at] else "alone" if each.met[at] else "nobody"
