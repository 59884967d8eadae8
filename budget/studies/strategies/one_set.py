"""All that is compared on one set of tasks: the plans of its strategies at every budget, and what follows from them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from budget.allocation.spec.plan_spec import PlanSpec
from budget.studies.focus.crossover import Crossover, apart, changes, crossovers
from budget.studies.focus.strictness import Strictness, strictness
from budget.studies.focus.thresholds import THRESHOLD_ROUNDING
from budget.studies.strategies.comparison import Comparison
from budget.studies.strategies.partition import Partition, about_groups, blocks_of, partitions
from budget.studies.strategies.served_subset import ServedSubset, served_subsets
from budget.studies.strategies.strategy_curves import FittedStrategies
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner


@dataclass(frozen=True)
class OneSet:
    """One set of tasks, at the Q budgets that its tasks' minima leave.

    Attributes:
        comparisons: (Q,) all strategies' plans.
        crossovers: budgets at which specialists and a shared strategy change places.
        strictness: (Q,) tasks served as thresholds become strict; nothing without specialists.
        partitions: (Q,) the best partitions, where measured subsets and specialists make the set up.
        subsets: (Q,) the best subsets to serve, where specialists' unserved values are known.
        smaller: strategy and plans (Q,) of each model of some of the tasks, with the whole budget.
        unknown_unserved: tasks of specialists whose value is unknown when they are given nothing.
        least: what the specialists' minima take together.
        below: how many budgets are smaller, and left out.
        left_out: what could not be compared, one sentence each.
    """

    comparisons: tuple[Comparison, ...] = ()
    crossovers: tuple[Crossover, ...] = ()
    strictness: tuple[Strictness, ...] = ()
    partitions: tuple[Partition, ...] = ()
    subsets: tuple[ServedSubset, ...] = ()
    smaller: tuple[tuple[str, list[StrategyPlan]], ...] = ()
    unknown_unserved: tuple[str, ...] = ()
    least: float = 0.0
    below: int = 0
    left_out: tuple[str, ...] = ()


def compare_all(
    strategies: FittedStrategies,
    sets: Mapping[tuple[str, ...], Sequence[StrategyPlanner]],
    totals: np.ndarray,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[OneSet]:
    """Compare the strategies of every set.

    Args:
        strategies: all of the file.
        sets: set → its strategies, see ``compare``.
        totals: budgets, rising.
        jobs: processes that compare sets at once; 1 compares in this one. Results are the same.
        progress: called with (sets done, sets in all).
    """
    if jobs == 1 or len(sets) < 2:
        found = []
        for done, (names, entrants) in enumerate(sets.items(), start=1):
            found.append(compare(strategies, names, entrants, totals))
            if progress is not None:
                progress(done, len(sets))
        return found
    # not forked: JAX has threads of its own, whose locks a forked process would inherit
    with ProcessPoolExecutor(min(jobs, len(sets)), get_context("spawn")) as pool:
        waiting = {
            names: pool.submit(compare, strategies, names, sets[names], totals)
            for names in sorted(sets, key=len, reverse=True)  # the longest first
        }
        for done, _ in enumerate(as_completed(waiting.values()), start=1):
            if progress is not None:
                progress(done, len(sets))
        return [waiting[names].result() for names in sets]


def compare(
    strategies: FittedStrategies, names: tuple[str, ...], entrants: Sequence[StrategyPlanner], totals: np.ndarray
) -> OneSet:
    """Compare the strategies of one set.

    Args:
        strategies: all of the file.
        names: the set.
        entrants: its strategies, specialists first where there are any.
        totals: budgets, rising; those below what the specialists' minima take together are left out.
    """
    first, has_specialists = entrants[0], not entrants[0].served.one_model
    least = float(np.nansum(first.task_settings.min)) if has_specialists else 0.0
    enough = least <= totals * (1 + THRESHOLD_ROUNDING)
    budgets, below = totals[enough], int((~enough).sum())
    if not enough.any():
        return OneSet(least=least, below=below)
    plans = [planner.best(budgets) for planner in entrants]
    plans += [planner.equal(budgets) for planner in entrants if not planner.served.one_model]
    blocks = blocks_of(strategies, names)
    chosen = partitions(first, blocks, budgets)
    plans += [[plan for plan, _ in chosen]] if chosen else []
    found = [partition for _, partition in chosen]
    smaller = [
        (block.strategy, first.of(block).best(budgets)) for block in blocks if block.one_model and has_specialists
    ]
    best = served_subsets(first, plans, smaller) if has_specialists else []
    plans += [[plan for plan, _ in best]] if best else []
    weight = first.task_settings.weight / first.task_settings.weight.sum()
    targets = int(np.isfinite(first.task_settings.target).sum())
    comparisons = [
        Comparison(names, float(budget), each, weight, targets)
        for budget, each in zip(budgets, zip(*plans, strict=True), strict=True)
    ]
    strict = (
        strictness(
            first,
            [each.serving_all for each in comparisons],
            [[each[at] for _, each in smaller] for at in range(len(budgets))],
        )
        if has_specialists
        else []
    )
    return OneSet(
        tuple(comparisons),
        tuple(_crossovers(comparisons, entrants) if has_specialists else ()),
        tuple(strict),
        tuple(found),
        tuple(subset for _, subset in best),
        tuple(smaller),
        first.unknown_unserved if has_specialists else (),
        least,
        below,
        tuple(about_groups(names, blocks, found)),
    )


def _crossovers(comparisons: Sequence[Comparison], planners: Sequence[StrategyPlanner]) -> list[Crossover]:
    """Where each shared strategy of a set changes places with its specialists."""
    weight, budgets = comparisons[0].weight, np.array([comparison.budget for comparison in comparisons])
    alone = planners[0]
    found = []
    for planner in planners[1:]:
        names = (alone.served.strategy, planner.served.strategy)
        points = np.array(
            [apart(*(comparison.objective[comparison.place(name)] for name in names)) for comparison in comparisons]
        )
        if not changes(points):
            continue
        scenarios = [
            np.array([comparison.scenarios[comparison.place(name)] for comparison in comparisons]) for name in names
        ]
        asked = [(each, each.spec(float(budgets[0]))) for each in (alone, planner)]

        def difference(budget: float, asked: Sequence[tuple[StrategyPlanner, PlanSpec]] = asked) -> float:
            return apart(*(float(each.best_measure(replace(spec, budget=budget)) @ weight) for each, spec in asked))

        found += crossovers(comparisons[0].tasks, names, budgets, points, (scenarios[0], scenarios[1]), difference)
    return found
