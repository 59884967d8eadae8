"""The sets of tasks that can be compared, with the strategies that serve each; and the refusal where there is none.

A set is comparable where two strategies have curves of all its tasks: specialists of each, or shared models of just it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from budget.allocation.spec.measures import MEASURES, Measure, default_measure, has_one_metric, measure_of
from budget.allocation.spec.objectives import record_of
from budget.errors import AllocationError
from budget.numerics.quoting import LONGEST_SENTENCE, listed, shortened
from budget.studies.strategies.assumed import can_assume
from budget.studies.strategies.partition import GROUPS
from budget.studies.strategies.served_subset import SUBSET
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import EQUAL, StrategyPlanner
from budget.tables.runs import Runs
from budget.tables.strategy_runs import SPECIALIST
from budget.tables.tasks import TaskSettings

PLANNED = (EQUAL, GROUPS, SUBSET)
"""Strategies that the comparison plans itself."""


def told_apart(strategies: FittedStrategies) -> FittedStrategies:
    """The strategies, a file's own strategy with the name of a planned one being called measured."""
    named = (
        replace(served, strategy=f"{served.strategy} (measured)") if served.strategy in PLANNED else served
        for served in strategies.shared
    )
    return replace(strategies, shared=tuple(named))


def comparable(strategies: FittedStrategies) -> tuple[tuple[str, ...], ...]:
    """The sets of tasks that have two strategies or more."""
    return tuple(
        names for names in strategies.sets if len([*specialists_of(strategies, names), *strategies.of(names)]) > 1
    )


def planners_of(
    strategies: FittedStrategies,
    tasks: TaskSettings,
    unit: str | None,
    params: float | None,
    measure: str | None,
    reach: float,
) -> tuple[dict[tuple[str, ...], list[StrategyPlanner]], list[str]]:
    """The strategies of each set that has two, specialists first; and what is missing."""
    every: dict[tuple[str, ...], list[StrategyCurves]] = {}
    left_out = []
    able = comparable(strategies)
    for names in strategies.sets:
        entrants = [*specialists_of(strategies, names), *strategies.of(names)]
        if names not in able:
            left_out.append(
                f"The set {', '.join(names)} has neither specialists of all its tasks nor a second shared strategy, "
                "and is left out."
            )
        else:
            every[names] = entrants
    firsts = [entrants[0].curves for entrants in every.values()]
    if measure is not None and not has_one_metric(firsts) and record_of("Measure", measure, MEASURES).needs_one_metric:
        raise AllocationError(
            "The sets of tasks have several metrics, which have no mean: choose one with --where metric=…, or compare "
            "them by --measure progress."
        )
    measure = measure or default_measure(firsts)
    found = {}
    for names, entrants in every.items():
        task_settings = tasks.select(names)
        common: Measure = measure_of(entrants[0].curves, task_settings, measure)
        found[names] = [StrategyPlanner(served, task_settings, common, unit, params, reach) for served in entrants]
    return found, left_out


def specialists_of(strategies: FittedStrategies, names: tuple[str, ...]) -> list[StrategyCurves]:
    """The specialists of a set, in its order; none where one is missing."""
    if strategies.specialists is None or not set(names) <= set(strategies.specialists.tasks):
        return []
    pick = np.array([strategies.specialists.tasks.index(name) for name in names])
    return [replace(strategies.specialists, curves=strategies.specialists.curves.take(pick))]


def refuse_one_strategy(runs: Runs) -> None:
    """Refuse runs of one strategy, which have nothing to be compared with, before anything is fitted to them.

    Raises:
        AllocationError: all runs served their tasks by the same strategy.
    """
    names = {runs.strategy_runs[number].strategy for number in np.unique(runs.strategy_index)}
    if len(names) > 1:
        return
    (name,) = names
    alone = name in SPECIALIST
    assumable = alone and len(runs.tasks) > 1 and {"params", "tokens"} <= set(runs.scale)
    raise AllocationError(_nothing_measured((SPECIALISTS if alone else name,)) + _what_to_measure(assumable))


def _nothing_measured(strategies: Sequence[str]) -> str:
    return (
        "There is nothing to compare: no set of tasks has two strategies with curves "
        f"(measured: {listed(strategies, 4)}). "
    )


def _what_to_measure(assumable: bool) -> str:
    return "Measure a set both alone and shared" + (", or give --assume atlas." if assumable else ".")


def nothing_to_compare(strategies: FittedStrategies, why: list[str]) -> str:
    """The refusal, with as many of the reasons as a sentence has room for."""
    head = _nothing_measured(strategies.strategies).rstrip()
    tail = _what_to_measure(can_assume(strategies))
    room = LONGEST_SENTENCE - len(head) - len(tail) - len(" And 10000 more. ")
    reasons: list[str] = []
    for reason in why:
        if len(" ".join([*reasons, reason])) > room and reasons:
            break
        reasons.append(shortened(reason, room))
    rest = [f"And {len(why) - len(reasons)} more."] if len(why) > len(reasons) else []
    return " ".join([head, *reasons, *rest, tail])
