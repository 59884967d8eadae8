"""Where focusing wins and where it does not: the answer in one paragraph."""

import numpy as np

from budget.numerics.interval import interval
from budget.numerics.words import listing
from budget.report.sentences.focus_cases import SHOWN, assumed, lies_beyond, set_name, signed
from budget.report.sentences.focus_sentences import (
    breadth_law_at,
    no_run,
    number_of_tasks,
    telling_breadth,
    told_trends,
)
from budget.report.sentences.threshold_sentences import half_the_budget, more_tasks
from budget.report.written_numbers import LEVEL, percent, plural, quantity
from budget.studies.focus.crossover import STATED_DRAW_SHARE
from budget.studies.focus.focus import Focus
from budget.studies.strategies.comparison import Comparison
from budget.studies.strategies.partition import GROUPS
from budget.studies.strategies.served_subset import SUBSET
from budget.studies.strategies.strategy_curves import SPECIALISTS


def focus_answer(focus: Focus) -> tuple[str, ...]:
    """Who wins, on which sets and by how much, from how many tasks on, under which thresholds, and with more compute.

    Everything is said of the cases inside the measured range where there are any.
    """
    inside = [comparison for comparison in focus.comparisons if not lies_beyond(comparison)]
    comparisons = inside or list(focus.comparisons)
    parts = (_verdict(comparisons, bool(inside), focus.unit), *_both_sides(comparisons, focus.unit), *_tasks(focus))
    warned = assumed(entry.strategy for comparison in comparisons for entry in comparison.plans).strip()
    return (*parts, *_thresholds(focus), *_scale(focus), *([warned] if warned else []))


def decided_cells(focus: Focus) -> str:
    """How many cells of set and budget are decided, in a line."""
    inside = [comparison for comparison in focus.comparisons if not lies_beyond(comparison)]
    cells = inside or list(focus.comparisons)
    where = "inside the runs" if inside else "far beyond the runs, where all lie,"
    agree = [float(each.wins[each.place(each.best_strategy.strategy)]) for each in cells]
    if not np.isfinite(agree).all():
        return f"Compared without draws: {plural(len(cells), 'cell')} of set and budget {where.rstrip(',')}."
    sure = sum(share >= STATED_DRAW_SHARE for share in agree)
    return f"Of {plural(len(cells), 'cell')} of set and budget {where} {sure} are decided."


def _verdict(comparisons: list[Comparison], inside: bool, unit: str) -> str:
    """Who is best in how many cases, and in how many the draws agree."""
    winners = [comparison.best_strategy.strategy for comparison in comparisons]
    kinds = {
        "one model a task": winners.count(SPECIALISTS),
        f"some tasks only ({SUBSET})": winners.count(SUBSET),
        "groups (some tasks share a model)": winners.count(GROUPS),
    }
    kinds["one model for all"] = len(comparisons) - sum(kinds.values())
    agree = [float(comparison.wins[comparison.place(comparison.best_strategy.strategy)]) for comparison in comparisons]
    drawn = bool(np.isfinite(agree).all())
    sure = sum(share >= STATED_DRAW_SHARE for share in agree)
    where = (
        f"Inside the measured range, up to {quantity(max(each.budget for each in comparisons), unit)} in all,"
        if inside
        else "Far beyond the measured range, where every case lies,"
    )
    counts = listing([f"{kind} in {count}" for kind, count in kinds.items() if count])
    return (
        f"{_who(kinds, comparisons, drawn and sure == 0)} {where} the best of {plural(len(comparisons), 'case')} of "
        f"set and budget is {counts}"
        f"{f'; in {sure} at least {STATED_DRAW_SHARE:.0%} of the draws agree' if drawn else ''}."
    )


def _who(kinds: dict[str, int], comparisons: list[Comparison], unsure: bool) -> str:
    """Which side wins everywhere, if one does and had a rival."""
    single, some, groups, shared = kinds.values()
    if not any(entry.strategy == SPECIALISTS for comparison in comparisons for entry in comparison.plans):
        return "No task of these sets was measured alone, so that nothing says whether focusing would win."
    for who, count, ahead, wins in (
        ("Focusing", single + some, "is ahead", "wins"),
        ("Sharing", shared, "is ahead", "wins"),
        ("Groups", groups, "are ahead", "win"),
    ):
        if count == len(comparisons):
            return f"{who} {ahead} in every case, surely in none." if unsure else f"{who} {wins} in every case."
    return "Neither focusing nor sharing wins everywhere."


def _both_sides(comparisons: list[Comparison], unit: str) -> list[str]:
    """The sets on which specialists beat every shared model, and those on which one beats them, over their budgets."""
    by_set: dict[tuple[str, ...], list[Comparison]] = {}
    for comparison in comparisons:
        if comparison.advantage is not None:
            by_set.setdefault(comparison.tasks, []).append(comparison)
    said = []
    for sign, who in ((1, "Specialists beat the best shared model"), (-1, "A shared model beats specialists")):
        sets = {
            names: mine
            for names, mine in by_set.items()
            if sign * np.median([_gain(comparison) for comparison in mine]) > 0
        }
        if not sets:
            continue
        comparison = max(
            (comparison for mine in sets.values() for comparison in mine), key=lambda each: sign * _gain(each)
        )
        ranked = sorted(sets, key=lambda names: -sign * float(np.median([_gain(each) for each in sets[names]])))
        rest = len(ranked) - SHOWN
        names = "; ".join(set_name(each) for each in ranked[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
        middle = float(np.median([_gain(each) for mine in sets.values() for each in mine]))
        said.append(
            f"{who} on {len(sets)} of {plural(len(by_set), 'set')} ({names}): by {percent(sign * middle)} of the "
            f"objective in the median, at most by {percent(sign * _gain(comparison))}{_interval(comparison, sign)} on "
            f"{set_name(comparison.tasks)} at {quantity(comparison.budget, unit)}."
        )
    return said


def _gain(comparison: Comparison) -> float:
    """Relative advantage of specialists; the cell has one."""
    assert comparison.advantage is not None
    return comparison.advantage[1]


def _interval(comparison: Comparison, sign: int) -> str:
    assert comparison.advantage is not None
    low, high = (float(end) for end in interval(comparison.advantage[2]))
    ends = sorted((sign * low, sign * high))
    return f" ({LEVEL}: {signed(ends[0])} to {signed(ends[1])})" if np.isfinite(low) else ""


def _tasks(focus: Focus) -> list[str]:
    """What may be said of the number of tasks."""
    last = telling_breadth(focus)
    law = None if last is None else breadth_law_at(focus, last.budget)
    return [] if law is None else [number_of_tasks(law)]


def _thresholds(focus: Focus) -> list[str]:
    """What a strict threshold does."""
    found = half_the_budget(focus)
    if found is None:
        return []
    return [
        "Where a task counts only if it reaches what half of all compute would bring it alone, focusing on some serves "
        f"{more_tasks(found.more)} than the best plan for all{found.span}."
    ]


def _scale(focus: Focus) -> list[str]:
    """Whether more compute helps one side."""
    usable, _ = told_trends(focus)
    if not usable:
        return []
    grows, shrinks = (sum(each.verdict == verdict for each in usable) for verdict in ("grows", "shrinks"))
    low, high = focus.budgets[[0, -1]]
    return [
        f"From {quantity(low, focus.unit)} to {quantity(high, focus.unit)} the advantage of focusing surely grows on "
        f"{grows} and surely shrinks on {shrinks} of {plural(len(usable), 'set')}"
        f" whose curves passed a backtest{no_run(focus)}."
    ]
