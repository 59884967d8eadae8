"""Specialists or one shared model: every measured strategy at equal total budget, on every measured set of tasks.

See docs/decisions/091-processes-on-request.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.spec.plan_spec import default_unit
from budget.errors import AllocationError, InfeasibleError
from budget.numerics.brief import Brief
from budget.numerics.strict_json import json_rows, json_value
from budget.studies.focus.breadth_law import BreadthLaw, breadth_law
from budget.studies.focus.breadth_means import BreadthMeans, by_breadth
from budget.studies.focus.comparable_sets import nothing_to_compare, planners_of, specialists_of, told_apart
from budget.studies.focus.crossover import Crossover, Trend, trend
from budget.studies.focus.leaders import Leader, leaders
from budget.studies.focus.relatedness import PAIRS, TOKENS, related_by_pairs, relatedness
from budget.studies.focus.sharing_effects import measured_of
from budget.studies.focus.single_task import SingleTask, single_task, unjudged, unproven
from budget.studies.focus.stated_targets import StatedTargets, stated_targets
from budget.studies.focus.strictness import Strictness
from budget.studies.growth.dilution import Dilution, dilutions
from budget.studies.strategies.assumed import MARK
from budget.studies.strategies.comparison import Comparison, rows_of
from budget.studies.strategies.one_set import OneSet, compare_all
from budget.studies.strategies.partition import Partition
from budget.studies.strategies.served_subset import ServedSubset, about_subsets
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies
from budget.studies.strategies.strategy_plans import StrategyPlanner, largest_inside
from budget.tables.runs import Runs
from budget.tables.tasks import TaskSettings

DECADES = 6
"""Decades of budget that are compared where none is asked for."""

BUDGETS = 13
"""Budgets in them."""

REASONS = 4
"""Sets whose budgets below the minima a sentence names."""


@dataclass(frozen=True, repr=False)
class Focus(Brief):
    """The comparison.

    Attributes:
        comparisons: one for each set and budget, sets by number of tasks, budgets rising.
        budgets: (Q,) the budgets.
        unit: what they are counted in.
        measure: name of the measure, and the sign that makes it the reader's number.
        sign: 1 where the reader's objective is the measure, −1 where it is its negative.
        metric: what the objective is of.
        left_out: strategies and tasks that could not be compared, one sentence each.
        crossovers: budgets at which specialists and a shared strategy change places, for every set.
        trends: for every set that has specialists, whether their advantage grows with compute.
        breadth: at every budget, the advantage by number of tasks.
        breadth_laws: at every budget where there are sets enough, the advantage by number of tasks and relatedness.
        strictness: for every cell with specialists, how many tasks each strategy serves as thresholds become strict.
        dilution: what sharing the budget and sharing the model cost each task of each set, at the largest budget with
            most sets inside the measured range; the smallest where there is none.
        partitions: at every budget, the best partition of each set that measured subsets and specialists make up.
        single_task: each task with the whole budget, against all plans that serve it with others.
        targets: at every budget, stated targets met by the best subset and by the best plan for all, on each set that
            has specialists.
        subsets: at every budget, the best subset to serve of each set whose tasks all have an unserved value.
        leaders: who leads by all runs together, see ``with_leaders``.
    """

    comparisons: tuple[Comparison, ...]
    budgets: np.ndarray
    unit: str
    measure: str
    sign: float
    metric: str
    left_out: tuple[str, ...]
    crossovers: tuple[Crossover, ...] = ()
    trends: tuple[Trend, ...] = ()
    breadth: tuple[BreadthMeans, ...] = ()
    breadth_laws: tuple[BreadthLaw, ...] = ()
    strictness: tuple[Strictness, ...] = ()
    dilution: tuple[Dilution, ...] = ()
    partitions: tuple[Partition, ...] = ()
    subsets: tuple[ServedSubset, ...] = ()
    single_task: tuple[SingleTask, ...] = ()
    targets: tuple[StatedTargets, ...] = ()
    leaders: tuple[Leader, ...] = ()

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """The sets compared."""
        return tuple(dict.fromkeys(comparison.tasks for comparison in self.comparisons))

    def of(self, tasks: tuple[str, ...]) -> tuple[Comparison, ...]:
        """The cells of one set, budgets rising."""
        return tuple(comparison for comparison in self.comparisons if comparison.tasks == tasks)

    def table(self) -> pd.DataFrame:
        """``focus.csv``: one row for each set, budget and strategy."""
        return pd.DataFrame([row for comparison in self.comparisons for row in rows_of(comparison, self.sign)])

    def record(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "unit": self.unit,
            "measure": self.measure,
            "metric": self.metric,
            "budgets": self.budgets.tolist(),
            "sets": [list(tasks) for tasks in self.sets],
            "left_out": list(self.left_out),
            "crossovers": [json_value(vars(change)) for change in self.crossovers],
            "trends": [json_value(vars(each)) | {"verdict": each.verdict} for each in self.trends],
            "breadth": [json_value(vars(each)) for each in self.breadth],
            "breadth_laws": [json_value(vars(each)) | {"claims": each.claims} for each in self.breadth_laws],
            "strictness": [each.record() for each in self.strictness],
            "dilution": [each.record() for each in self.dilution],
            "partitions": [json_value(vars(each)) for each in self.partitions],
            "subsets": [json_value(vars(each)) for each in self.subsets],
            "alone": [each.record() for each in self.single_task],
            "targets": [json_value(vars(each)) for each in self.targets],
            "leaders": [each.record() for each in self.leaders],
            "rows": json_rows(self.table()),
        }


def focus(
    strategies: FittedStrategies,
    tasks: TaskSettings,
    budgets: Sequence[float] | np.ndarray | None = None,
    *,
    unit: str | None = None,
    params: float | None = None,
    measure: str | None = None,
    jobs: int = 1,
    reach: float = np.inf,
    progress: Callable[[int, int], None] | None = None,
) -> Focus:
    """Compare what each strategy makes of each budget on each set of tasks that some shared model serves.

    Args:
        strategies: the fitted strategies.
        tasks: task settings for all tasks of the runs.
        budgets: totals; by default ``BUDGETS`` of them over ``DECADES`` decades from the smallest measured models on.
        unit: see ``make_spec.plan_spec``.
        params: size of every model, see ``make_spec.plan_spec``.
        measure: see ``measures.measure_of``; by default the value where all tasks have one metric, else progress.
        jobs: processes that compare sets at once.
        reach: see ``make_spec.plan_spec``.
        progress: called with (sets done, sets in all).

    Raises:
        AllocationError: there is nothing to compare, or a budget is not positive.
        InfeasibleError: the tasks' minima leave no budget to compare at.
    """
    strategies = told_apart(strategies)
    planners, left_out = planners_of(strategies, tasks, unit, params, measure, reach)
    if not planners:
        raise AllocationError(nothing_to_compare(strategies, [*strategies.left_out, *left_out]))
    totals = _default_budgets(strategies, unit) if budgets is None else np.unique(np.asarray(budgets, dtype=float))
    if len(totals) == 0 or not (np.isfinite(totals) & (totals > 0)).all():
        raise AllocationError("A budget is not a positive number; give positive ones.")
    parts = compare_all(strategies, planners, totals, jobs, progress)
    comparisons = [comparison for part in parts for comparison in part.comparisons]
    too_small = _below_the_minima(list(planners), parts, len(totals))
    if not comparisons:
        raise InfeasibleError(f"There is nothing to compare. {too_small} Give larger budgets, or lower column 'min'.")
    first = next(iter(planners.values()))[0]
    compared = np.unique([comparison.budget for comparison in comparisons])
    singles = single_task(planners, comparisons, compared)
    missing = tuple(dict.fromkeys(name for part in parts for name in part.unknown_unserved))
    return Focus(
        tuple(comparisons),
        compared,
        first.spec(float(compared[-1])).unit,
        first.measure.name,
        first.measure.sign,
        first.measure.metric,
        (
            *strategies.left_out,
            *left_out,
            *(said for part in parts for said in part.left_out),
            *([too_small] if too_small else []),
            *about_subsets(missing),
        ),
        tuple(change for part in parts for change in part.crossovers),
        _trends(comparisons, planners),
        *_by_breadth(comparisons, *_related(strategies)),
        tuple(each for part in parts for each in part.strictness),
        _dilution(comparisons, planners, unit, params),
        tuple(each for part in parts for each in part.partitions),
        tuple(each for part in parts for each in part.subsets),
        singles,
        tuple(_targets(parts, planners, {each.task: each.required for each in singles})),
    )


def with_leaders(
    found: Focus, runs: Runs, tasks: TaskSettings, unmeasured: Sequence[tuple[str, ...]] = (), seed: int = 0
) -> Focus:
    """A comparison with who leads by all runs together, on its sets and on sets that nobody measured.

    Args:
        found: the comparison.
        runs: those behind it.
        tasks: settings of all their tasks.
        unmeasured: further sets of tasks, each measured alone.
        seed: of the draws.

    Raises:
        AllocationError: see ``leaders.leaders``; or sets are asked about where budgets are no FLOPs, or a value has no
            positive distance to best.
    """
    measured = measured_of(runs, tasks.select(runs.tasks).best) if found.unit == "flops" else None
    if measured is None:
        if unmeasured:
            raise AllocationError(
                "Sets that nobody measured are predicted at budgets in FLOPs, and for values with a positive "
                "distance to the best one; leave --set out."
            )
        return found
    able = {name for row, name in enumerate(measured.served.task.tolist()) if len(measured.served.members[row]) == 1}
    sets = [names for names in found.sets if set(names) <= able]
    return replace(found, leaders=leaders(measured, [*sets, *unmeasured], found.budgets, seed))


def _below_the_minima(sets: Sequence[tuple[str, ...]], parts: Sequence[OneSet], count: int) -> str:
    """Which budgets are left out of which sets, one sentence; "" where none is."""
    some = [(names, part) for names, part in zip(sets, parts, strict=True) if part.below]
    if not some:
        return ""
    said = [f"{part.below} of {count} for {', '.join(names)} ({part.least:.6g})" for names, part in some[:REASONS]]
    more = f"; and of {len(some) - REASONS} more sets" if len(some) > REASONS else ""
    return f"Budgets below the sum of the tasks' minima are left out: {'; '.join(said)}{more}."


def _targets(
    parts: Sequence[OneSet], planners: dict[tuple[str, ...], list[StrategyPlanner]], required: dict[str, float]
) -> list[StatedTargets]:
    """The stated targets of every set that has specialists, at every budget."""
    found = []
    for part in parts:
        for at, comparison in enumerate(part.comparisons):
            first = planners[comparison.tasks][0]
            if not first.served.one_model:
                spends = np.array([required[name] for name in comparison.tasks])
                smaller = [(strategy, plans[at]) for strategy, plans in part.smaller]
                found.append(stated_targets(first, comparison, spends, smaller))
    return [each for each in found if each is not None]


def _dilution(
    comparisons: list[Comparison],
    planners: dict[tuple[str, ...], list[StrategyPlanner]],
    unit: str | None,
    params: float | None,
) -> tuple[Dilution, ...]:
    """What sharing costs the tasks of each set that has specialists, at the budget that ``Focus.dilution`` says."""
    budgets = [comparison.budget for comparison in comparisons]
    budget = largest_inside(budgets, [comparison.extrapolates for comparison in comparisons])
    budget = min(budgets) if budget is None else budget
    there = {comparison.tasks for comparison in comparisons if comparison.budget == budget}
    return tuple(
        each
        for names, (first, *others) in planners.items()
        if names in there and not first.served.one_model
        for each in dilutions(
            first.served, [other.served for other in others], first.task_settings, budget, unit=unit, params=params
        )
    )


def _trends(comparisons: list[Comparison], planners: dict[tuple[str, ...], list[StrategyPlanner]]) -> tuple[Trend, ...]:
    """The relative advantage of specialists over the best shared strategy, for every set that has both."""
    found = []
    for names in dict.fromkeys(comparison.tasks for comparison in comparisons):
        mine = [
            (comparison, comparison.advantage)
            for comparison in comparisons
            if comparison.tasks == names and comparison.advantage is not None
        ]
        if mine:
            each = trend(
                names,
                np.array([comparison.budget for comparison, _ in mine]),
                [strategy for _, (strategy, _, _) in mine],
                np.array([point for _, (_, point, _) in mine]),
                np.array([draws for _, (_, _, draws) in mine]),
                np.array([any(plan.extrapolates for plan in comparison.plans) for comparison, _ in mine]),
            )
            behind = _behind(planners[names], each)
            found.append(replace(each, unproven=unproven(behind, names), unjudged=unjudged(behind, names)))
    return tuple(found)


def _behind(planners: Sequence[StrategyPlanner], found: Trend) -> list[StrategyPlanner]:
    """The strategies of a set that its trend compares."""
    return [planner for planner in planners if planner.served.strategy in (SPECIALISTS, *found.shared)]


def _related(strategies: FittedStrategies) -> tuple[dict[tuple[str, ...], np.ndarray], str]:
    """Set → how related its tasks are, in every draw (B,), by pairs or by the sets' own curves; and by which."""
    found = {}
    if strategies.pairs:
        by_pairs = {names: related_by_pairs(names, strategies.pairs) for names in strategies.sets}
        return {names: draws for names, draws in by_pairs.items() if draws is not None}, PAIRS
    for names in strategies.sets:
        alone = specialists_of(strategies, names)
        shared = [each for each in strategies.of(names) if MARK not in each.strategy]
        draws = relatedness(alone[0], shared) if alone else None
        if draws is not None:
            found[names] = draws
    return found, TOKENS


def _by_breadth(
    comparisons: list[Comparison], related: dict[tuple[str, ...], np.ndarray], measured_by: str
) -> tuple[tuple[BreadthMeans, ...], tuple[BreadthLaw, ...]]:
    """At every budget, the advantage by number of tasks, and its law where there are sets enough."""
    means, laws = [], []
    for budget in dict.fromkeys(comparison.budget for comparison in comparisons):
        sets = [
            (comparison.tasks, comparison.advantage)
            for comparison in comparisons
            if comparison.budget == budget and comparison.advantage is not None
        ]
        if sets:
            counts = [len(names) for names, _ in sets]
            means.append(by_breadth(budget, counts, [each[1] for _, each in sets], [each[2] for _, each in sets]))
        told = [(names, each) for names, each in sets if names in related]
        if told:
            draws = min(min(len(each[2]) for _, each in told), min(len(related[names]) for names, _ in told))
            law = breadth_law(
                budget,
                [len(names) for names, _ in told],
                np.array([each[1] for _, each in told]),
                np.array([each[2][:draws] for _, each in told]),
                np.array([related[names][:draws] for names, _ in told]),
                measured_by,
            )
            laws += [] if law is None else [law]
    return tuple(means), tuple(laws)


def _default_budgets(strategies: FittedStrategies, unit: str | None) -> np.ndarray:
    """Budgets from ten times the smallest measured training of a task on."""
    first = strategies.specialists or strategies.shared[0]
    curves = first.curves
    smallest = curves.smallest.get(unit or default_unit(curves.scale_columns), curves.smallest[curves.scale_columns[0]])
    least = 10 * float(np.median(smallest))
    return np.geomspace(least, least * 10.0**DECADES, BUDGETS)
