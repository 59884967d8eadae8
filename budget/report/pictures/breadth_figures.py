"""No free lunch, selection and thresholds as three small pictures, by the curves of one model for each task."""

from collections.abc import Sequence

import numpy as np

from budget.report.pictures.svg import Axis, Chart, count_axis, decade_axis, value_axis
from budget.report.sentences.threshold_sentences import half_the_budget
from budget.report.written_numbers import LEVEL, UNIT_WORDS, percent, plural, quantity, scientific, value
from budget.studies.checks.breadth_checks import Breadth
from budget.studies.focus.focus import Focus
from budget.studies.focus.strictness import Strictness
from budget.studies.growth.breadth_curve import BreadthCurve

HEIGHT = 210.0
"""Height of each picture."""

LINE = 34.0
"""Height of a line of the first."""

KNOWLEDGE = {
    "equal split": "an equal split",
    "assignment unknown": "the best, curves unknown",
    "assignment known": "the best, curves known",
    "target known": "the task that counts known",
}
"""A plan of ``FreeLunch`` → what the picture calls it."""

SHARES = 25
"""Points of strictness between an equal share and the whole budget."""


def free_lunch_figure(found: Breadth, width: float, metric: str, sign: float) -> str:
    """What the mean task reaches by more and more knowledge."""
    table = found.lunch.table()
    levels = sign * table["value"].to_numpy()
    rows = np.arange(len(levels), dtype=float)[::-1]
    axis = value_axis(levels, title=metric)
    chart = Chart(width, 56 + LINE * len(levels), axis, Axis(-0.5, len(levels) - 0.3, (), ()), grid=False)
    words = [KNOWLEDGE.get(name, name) for name in table["plan"]]
    for said, row, level in zip(words, rows, levels, strict=True):
        chart.text(0, chart.height_of(row) - 9, said)
        chart.text(chart.right, chart.height_of(row) - 9, value(float(level)), "number", anchor="end")
        chart.dots(np.array([level]), np.array([row]), "point", 4.5, [f"{said}: {value(float(level))}"])
    told = ", ".join(f"{said} {value(float(level))}" for said, level in zip(words, levels, strict=True))
    return chart.drawn(f"Mean over {plural(len(found.tasks), 'task')}: {told}.")


def breadth_curve_figure(found: BreadthCurve, decision: float, width: float) -> str:
    """What tasks keep of their gain alone against how many share the budget: the mean and band of random orders.

    Args:
        found: the curve.
        decision: the share that the decision about all of them keeps.
        width: of the picture.
    """
    count = int(found.n_tasks[-1])
    x, kept, low, high = found.n_tasks.astype(float), *(100 * each for each in (found.kept, found.low, found.high))
    floor = kept[-1] - 0.2 * (100.0 - min(float(low.min()), kept[-1]))  # a line's room, for what is said of the last
    ends = np.array([100.0, 100 * decision, floor])
    y = value_axis(low, high, ends, title="kept of what each would gain alone", suffix=" %")
    chart = Chart(width, 260, count_axis(count, "tasks that share the budget"), y)
    chart.band(x, low, high)
    chart.line(x, kept)
    words = [
        f"{plural(int(size), 'task')}: {percent(mean / 100)} ({LEVEL} of the orders: {percent(least / 100)} to "
        f"{percent(most / 100)})"
        for size, mean, least, most in zip(x, kept, low, high, strict=True)
    ]
    chart.dots(x, kept, "point", 3.5, words)
    last = f"one model for each: {percent(found.kept[-1])}"
    chart.label(x[-1], kept[-1], last, "muted", anchor="end", above=-18, aside=-6)
    chart.dots(x[-1:], np.array([100 * decision]), "planned", 6, [f"the decision: {percent(decision)}"])
    if abs(decision - found.kept[-1]) > 1e-6:
        chart.label(
            x[-1], 100 * decision, f"the decision: {percent(decision)}", "strong", anchor="end", above=12, aside=-6
        )
    title = f"{plural(count, 'task')} that share keep {percent(found.kept[-1])} of what each would gain with the whole"
    return chart.drawn(
        f"{title} budget; mean of {plural(found.orders, 'random order')}; the decision {percent(decision)}."
    )


def selection_figure(found: Breadth, width: float, unit: str) -> str:
    """The widest portfolio that survives half of the games, against what a task takes."""
    table = found.selection.widest()
    spend, breadth, alone = (table[name].to_numpy(dtype=float) for name in ("required_spend", "breadth", "alone"))
    x = decade_axis(spend, lambda number: scientific(number).replace(".00", ""), f"a task takes, {UNIT_WORDS[unit]}")
    chart = Chart(width, HEIGHT, x, value_axis(breadth, alone, title="tasks served", zero=True))
    chart.line(spend, alone, "dashed", "what the budget serves equally without rivals")
    chart.line(spend, breadth)
    words = [f"{quantity(each, unit)} a task: {int(most)}" for each, most in zip(spend, breadth, strict=True)]
    chart.dots(spend, breadth, "point", 3.5, words)
    ends = f"{int(breadth[0])} tasks at {quantity(spend[0], unit)} each to {int(breadth[-1])} at "
    return chart.drawn(f"The widest that survives serves {ends}{quantity(spend[-1], unit)}; dashed: without rivals.")


def thresholds_figure(cases: Sequence[Strictness], width: float) -> str:
    """Tasks at their threshold by the best plan for all and by focusing on some, the mean over the sets."""
    share = np.geomspace(max(1 / min(len(each.tasks) for each in cases), 0.05), 1.0, SHARES)
    focused = np.mean([np.interp(share, each.share, each.focused) for each in cases], axis=0)
    serving = np.mean([np.interp(share, each.share, each.best_shared) for each in cases], axis=0)
    x = value_axis(100 * share, title="strictness: share of the budget that the specialist had", suffix=" %")
    chart = Chart(width, HEIGHT, x, value_axis(focused, serving, title="tasks at their threshold", zero=True))
    chart.line(100 * share, focused, title="focusing on some")
    chart.line(100 * share, serving, "dashed", "the best plan for all")
    middle = SHARES // 3
    chart.label(100 * share[middle], focused[middle], "focusing", "strong", above=8)
    chart.label(100 * share[middle], serving[middle], "the best plan for all", "muted", above=14)
    told = f"where the specialist had all, focusing serves {focused[-1]:.2g} tasks and the best plan for all"
    return chart.drawn(f"Mean over {plural(len(cases), 'set')}: {told} {serving[-1]:.2g}.")


def told_cases(found: Focus) -> tuple[Strictness, ...]:
    """The sets that the sentence on thresholds speaks of."""
    half = half_the_budget(found)
    return () if half is None else half.cases
