"""What thresholds do to those who serve many tasks, in sentences."""

from dataclasses import dataclass

import numpy as np

from budget.numerics.interval import interval
from budget.numerics.words import listing
from budget.report.sentences.focus_cases import (
    assumed,
    extrapolated_on,
    lies_beyond,
    set_name,
    some_names,
    telling_budget,
)
from budget.report.written_numbers import LEVEL, plural, quantity
from budget.studies.focus.focus import Focus
from budget.studies.focus.strictness import Strictness
from budget.studies.strategies.comparison import NO_MODEL_FOR_ALL
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL


def targets(focus: Focus) -> list[str]:
    """How many stated targets the strategies meet, at the largest budget with most sets inside."""
    stated = [comparison for comparison in focus.comparisons if comparison.targets]
    if not stated:
        return []
    budget = telling_budget(stated)
    mine = [comparison for comparison in stated if comparison.budget == budget]
    met = [[entry.targets_met for entry in comparison.serving_all] for comparison in mine]
    nobody = sum(max(each) == 0 for each in met)
    everybody = sum(min(each) == comparison.targets for each, comparison in zip(met, mine, strict=True))
    most: dict[str, int] = {}
    for each, comparison in zip(met, mine, strict=True):
        if max(each) > min(each):
            for name in {
                _kind(entry.strategy)
                for entry, kept in zip(comparison.serving_all, each, strict=True)
                if kept == max(each)
            }:
                most[name] = most.get(name, 0) + 1
    rest = (
        f"; where they differ, most are met by {listing([f'{name} on {n}' for name, n in most.items()])}"
        if most
        else ""
    )
    return [
        f"Stated targets, at {quantity(budget, focus.unit)}{extrapolated_on(mine)}: of {plural(len(mine), 'set')}, "
        f"no strategy meets any on {nobody} and every strategy meets all on {everybody}{rest}."
        + assumed(entry.strategy for comparison in mine for entry in comparison.plans)
    ]


def focused_targets(focus: Focus) -> list[str]:
    """Whether the cheapest targets are more than the best plan for all meets, and where most."""
    if not focus.targets:
        return []
    beyond = {(comparison.tasks, comparison.budget): lies_beyond(comparison) for comparison in focus.comparisons}
    gains = np.array([each.gain for each in focus.targets])
    far = sum(beyond[each.tasks, each.budget] for each in focus.targets)
    said = (
        "Focusing on stated targets, the cheapest first, each with the least spend that meets it, meets more than the "
        f"best plan for all in {(gains > 0).sum()} of {plural(len(gains), 'case')} of set and budget, as many in "
        f"{(gains == 0).sum()} and fewer in {(gains < 0).sum()}{f' (extrapolated in {far})' if far else ''}."
    )
    some = [each for each in focus.targets if each.gain > 0]
    if some:
        most = max(some, key=lambda each: (not beyond[each.tasks, each.budget], each.gain))
        where = ", extrapolated" if beyond[most.tasks, most.budget] else ", inside the measured range"
        others = f"those of {some_names(list(most.serving_all))}" if most.serving_all else "none"
        said += (
            f" It gains most on {set_name(most.tasks)} at {quantity(most.budget, focus.unit)}{where}: the targets of "
            f"{some_names(list(most.focused))} by {most.focused_by}, where the best plan for all, by "
            f"{most.serving_all_by}, meets {others}."
        )
    return [said + assumed(entry.strategy for comparison in focus.comparisons for entry in comparison.plans)]


def _kind(strategy: str) -> str:
    """Specialists are one kind, however the budget is split among them."""
    return SPECIALISTS if strategy == EQUAL else strategy


@dataclass(frozen=True)
class HalfTheBudget:
    """Tasks served beyond the best plan for all where each must reach what half the budget brings it alone.

    Attributes:
        budget: the largest with most sets inside the measured range.
        cases: the sets of more than two tasks there.
        more: mean over the sets, in the median draw; by the point fit where there are none.
        span: ``LEVEL`` interval in words, "" without draws.
    """

    budget: float
    cases: tuple[Strictness, ...]
    more: float
    span: str


def half_the_budget(focus: Focus) -> HalfTheBudget | None:
    """What strict thresholds do; ``None`` where no set has more than two tasks and specialists."""
    cases = [each for each in focus.strictness if len(each.tasks) > 2]
    if not cases:
        return None
    sets = {each.tasks for each in cases}
    budget = telling_budget([comparison for comparison in focus.comparisons if comparison.tasks in sets])
    mine = tuple(each for each in cases if each.budget == budget)
    scenarios = np.mean([[_at_half(each.share, scenario) for scenario in each.scenarios] for each in mine], axis=0)
    low, high = (float(end) for end in interval(scenarios))
    if not np.isfinite(low):
        half = float(np.mean([_at_half(each.share, each.value_of_focus) for each in mine]))
        return HalfTheBudget(budget, mine, half, "")
    # counts step, so that the point fit's may lie outside of what the draws say
    return HalfTheBudget(budget, mine, float(np.median(scenarios)), f" ({LEVEL}: {_more_by(low)} to {_more_by(high)})")


def strictness(focus: Focus) -> list[str]:
    """What strict thresholds do, at the largest budget with most sets inside."""
    found = half_the_budget(focus)
    if found is None:
        return []
    budget, mine = found.budget, found.cases
    shared = [[name not in NO_MODEL_FOR_ALL for name in each.strategies] for each in mine]
    alone = sum(bool((each.served[keep, -1] > 0).any()) for each, keep in zip(mine, shared, strict=True))
    far = extrapolated_on(
        [
            comparison
            for comparison in focus.comparisons
            if comparison.budget == budget and comparison.tasks in {each.tasks for each in mine}
        ]
    )
    return [
        f"Thresholds, at {quantity(budget, focus.unit)}{far} and {plural(len(mine), 'set')} of more than two tasks: "
        "where every task must reach what its specialist reaches with half the budget, focusing on some serves "
        f"{more_tasks(found.more)} than the best plan for all, on average{found.span}. What a task reaches alone with "
        f"the whole budget, some shared model passes for at least one task on {alone} of {len(mine)}."
        + assumed(name for each in mine for name in each.strategies)
    ]


def _at_half(share: np.ndarray, counts: np.ndarray) -> float:
    return float(np.interp(0.5, share, counts))


def more_tasks(tasks: float) -> str:
    """How many tasks more or fewer, in words."""
    return f"{abs(tasks):.1f} {'more' if tasks >= 0 else 'fewer'} tasks"


def strictness_by_budget(focus: Focus) -> list[str]:
    """What focusing serves beyond the best plan for all, at the smallest and the largest budget, lax to strict."""
    ends = [[each for each in focus.strictness if each.budget == focus.budgets[place]] for place in (0, -1)]
    ends = [[each for each in mine if len(each.tasks) > 2] for mine in ends]
    if not ends[0]:
        return []
    parts = []
    for share, what in ((None, "an equal share"), (0.5, "half of it"), (1.0, "all of it")):
        more = [
            np.mean([np.interp(share or 1 / len(each.tasks), each.share, each.value_of_focus) for each in mine])
            for mine in ends
        ]
        parts.append(f"{_more_by(more[0])} and {_more_by(more[1])} with {what}")
    far = ", ".join(
        f"{plural(count, 'set')} extrapolated at the {which}"
        for which, mine, budget in zip(("smallest", "largest"), ends, focus.budgets[[0, -1]], strict=True)
        if (count := _count_beyond(focus, {each.tasks for each in mine}, budget))
    )
    return [
        "By threshold, so many more tasks are served by focusing than by the best plan for all, at the smallest and "
        "the largest budget, where a task must reach what its specialist does with a part of it: "
        f"{listing(parts)}{f' ({far})' if far else ''}."
        + assumed(name for mine in ends for each in mine for name in each.strategies)
    ]


def _count_beyond(focus: Focus, sets: set[tuple[str, ...]], budget: float) -> int:
    return sum(
        lies_beyond(comparison)
        for comparison in focus.comparisons
        if comparison.budget == budget and comparison.tasks in sets
    )


def _more_by(number: float) -> str:
    return f"{number:+.1f}".replace("-", "−")
