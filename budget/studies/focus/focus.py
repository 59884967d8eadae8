"""Specialists or one shared model: every measured strategy at equal total budget, on every measured set of tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.spec.measure import Measure, measure_of
from budget.allocation.spec.plan_spec import default_unit
from budget.curves.curves import Curves
from budget.errors import AllocationError, InfeasibleError
from budget.numerics.quoting import LONGEST_SENTENCE, listed, shortened
from budget.studies.focus.crossover import BreadthCrossover, Crossover, Trend, by_breadth, trend
from budget.studies.focus.single_task import Alone, alone
from budget.studies.focus.stated_targets import StatedTargets, stated_targets
from budget.studies.focus.strictness import Strictness
from budget.studies.growth.dilution import Dilution, dilution
from budget.studies.json_rows import plain, records
from budget.studies.strategies.assumed import can_assume
from budget.studies.strategies.comparison import Cell, rows_of
from budget.studies.strategies.one_set import OneSet, compare_all
from budget.studies.strategies.partition import GROUPS, Partition
from budget.studies.strategies.served_subset import FOCUS, ServedSubset, about_subsets
from budget.studies.strategies.strategy_curves import Arms, Served
from budget.studies.strategies.strategy_plans import EQUAL, Planner, largest_inside
from budget.tables.tasks import Tasks

DECADES = 6
"""Decades of budget that are compared where none is asked for."""

BUDGETS = 13
"""Budgets in them."""

REASONS = 4
"""Sets whose budgets below the minima a sentence names."""

PLANNED = (EQUAL, GROUPS, FOCUS)
"""Strategies that the comparison plans itself."""


@dataclass(frozen=True)
class Focus:
    """The comparison.

    Attributes:
        cells: one for each set and budget, sets by number of tasks, budgets rising.
        budgets: (Q,) the budgets.
        unit: what they are counted in.
        measure: name of the measure, and the sign that makes it the reader's number.
        sign: 1 where the reader's objective is the measure, −1 where it is its negative.
        metric: what the objective is of.
        left_out: strategies and tasks that could not be compared, one sentence each.
        crossovers: budgets at which specialists and a shared strategy change places, for every set.
        trends: for every set that has specialists, whether their advantage grows with compute.
        breadth: at every budget, the advantage by number of tasks.
        strictness: for every cell with specialists, how many tasks each strategy serves as thresholds become strict.
        dilution: what sharing the budget and sharing the model cost each task of each set, at the largest budget with
            most sets inside the measured range; the smallest where there is none.
        partitions: at every budget, the best partition of each set that measured subsets and specialists make up.
        alone: each task with the whole budget, against all plans that serve it with others.
        targets: at every budget, stated targets met by the best subset and by the best plan for all, on each set that
            has specialists.
        subsets: at every budget, the best subset to serve of each set whose tasks all have an unserved value.
    """

    cells: tuple[Cell, ...]
    budgets: np.ndarray
    unit: str
    measure: str
    sign: float
    metric: str
    left_out: tuple[str, ...]
    crossovers: tuple[Crossover, ...] = ()
    trends: tuple[Trend, ...] = ()
    breadth: tuple[BreadthCrossover, ...] = ()
    strictness: tuple[Strictness, ...] = ()
    dilution: tuple[Dilution, ...] = ()
    partitions: tuple[Partition, ...] = ()
    subsets: tuple[ServedSubset, ...] = ()
    alone: tuple[Alone, ...] = ()
    targets: tuple[StatedTargets, ...] = ()

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """The sets compared."""
        return tuple(dict.fromkeys(cell.tasks for cell in self.cells))

    def of(self, tasks: tuple[str, ...]) -> tuple[Cell, ...]:
        """The cells of one set, budgets rising."""
        return tuple(cell for cell in self.cells if cell.tasks == tasks)

    def table(self) -> pd.DataFrame:
        """``focus.csv``: one row for each set, budget and strategy."""
        return pd.DataFrame([row for cell in self.cells for row in rows_of(cell, self.sign)])

    def record(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "unit": self.unit,
            "measure": self.measure,
            "metric": self.metric,
            "budgets": self.budgets.tolist(),
            "sets": [list(tasks) for tasks in self.sets],
            "left_out": list(self.left_out),
            "crossovers": [plain(vars(change)) for change in self.crossovers],
            "trends": [plain(vars(each)) | {"verdict": each.verdict} for each in self.trends],
            "breadth": [plain(vars(each)) | {"crossover": plain(each.crossover)} for each in self.breadth],
            "strictness": [each.record() for each in self.strictness],
            "dilution": [each.record() for each in self.dilution],
            "partitions": [plain(vars(each)) for each in self.partitions],
            "subsets": [plain(vars(each)) for each in self.subsets],
            "alone": [each.record() for each in self.alone],
            "targets": [plain(vars(each)) for each in self.targets],
            "rows": records(self.table()),
        }


def focus(
    arms: Arms,
    tasks: Tasks,
    budgets: Sequence[float] | np.ndarray | None = None,
    *,
    unit: str | None = None,
    params: float | None = None,
    measure: str | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Focus:
    """Compare what each strategy makes of each budget on each set of tasks that some shared model serves.

    Args:
        arms: the fitted strategies.
        tasks: wishes for all tasks of the runs.
        budgets: totals; by default ``BUDGETS`` of them over ``DECADES`` decades from the smallest measured models on.
        unit: see ``ask.ask``.
        params: size of every model, see ``ask.ask``.
        measure: see ``measure.measure_of``; by default the value where all tasks have one metric, else progress.
        jobs: processes that compare sets at once.
        progress: called with (sets done, sets in all).

    Raises:
        AllocationError: there is nothing to compare, or a budget is not positive.
        InfeasibleError: the tasks' minima leave no budget to compare at.
    """
    arms = _told_apart(arms)
    planners, left_out = _planners(arms, tasks, unit, params, measure)
    if not planners:
        raise AllocationError(_nothing_to_compare(arms, [*arms.left_out, *left_out]))
    totals = _default_budgets(arms, unit) if budgets is None else np.unique(np.asarray(budgets, dtype=float))
    if len(totals) == 0 or not (np.isfinite(totals) & (totals > 0)).all():
        raise AllocationError("A budget is not a positive number; give positive ones.")
    parts = compare_all(arms, planners, totals, jobs, progress)
    cells = [cell for part in parts for cell in part.cells]
    too_small = _below_the_minima(list(planners), parts, len(totals))
    if not cells:
        raise InfeasibleError(f"There is nothing to compare. {too_small} Give larger budgets, or lower column 'min'.")
    budget = largest_inside([cell.budget for cell in cells], [cell.extrapolates for cell in cells])
    budget = min(cell.budget for cell in cells) if budget is None else budget
    there = {cell.tasks for cell in cells if cell.budget == budget}
    shares = [
        dilution(first.served, planner.served, first.wishes, budget, unit=unit, params=params)
        for names, (first, *others) in planners.items()
        for planner in (() if first.served.one_model or names not in there else others)
    ]
    first = next(iter(planners.values()))[0]
    trends = _trends(cells)
    compared = np.unique([cell.budget for cell in cells])
    singles = alone(planners, cells, compared)
    missing = tuple(dict.fromkeys(name for part in parts for name in part.unknown_unserved))
    return Focus(
        tuple(cells),
        compared,
        first.question(float(compared[-1])).unit,
        first.measure.name,
        first.measure.sign,
        first.measure.metric,
        (
            *arms.left_out,
            *left_out,
            *(said for part in parts for said in part.left_out),
            *([too_small] if too_small else []),
            *about_subsets(missing),
        ),
        tuple(change for part in parts for change in part.crossovers),
        trends,
        _by_breadth(trends, cells),
        tuple(each for part in parts for each in part.strictness),
        tuple(shares),
        tuple(each for part in parts for each in part.partitions),
        tuple(each for part in parts for each in part.subsets),
        singles,
        tuple(_targets(parts, planners, {each.task: each.required for each in singles})),
    )


def _told_apart(arms: Arms) -> Arms:
    """The arms, a file's own strategy with the name of a planned one being called measured."""
    named = (
        replace(served, strategy=f"{served.strategy} (measured)") if served.strategy in PLANNED else served
        for served in arms.shared
    )
    return replace(arms, shared=tuple(named))


def _below_the_minima(sets: Sequence[tuple[str, ...]], parts: Sequence[OneSet], count: int) -> str:
    """Which budgets are left out of which sets, one sentence; "" where none is."""
    some = [(names, part) for names, part in zip(sets, parts, strict=True) if part.below]
    if not some:
        return ""
    said = [f"{part.below} of {count} for {', '.join(names)} ({part.least:.6g})" for names, part in some[:REASONS]]
    more = f"; and of {len(some) - REASONS} more sets" if len(some) > REASONS else ""
    return f"Budgets below the sum of the tasks' minima are left out: {'; '.join(said)}{more}."


def _targets(
    parts: Sequence[OneSet], planners: dict[tuple[str, ...], list[Planner]], required: dict[str, float]
) -> list[StatedTargets]:
    """The stated targets of every set that has specialists, at every budget."""
    found = []
    for part in parts:
        for at, cell in enumerate(part.cells):
            first = planners[cell.tasks][0]
            if not first.served.one_model:
                spends = np.array([required[name] for name in cell.tasks])
                smaller = [(strategy, plans[at]) for strategy, plans in part.smaller]
                found.append(stated_targets(first, cell, spends, smaller))
    return [each for each in found if each is not None]


def _trends(cells: list[Cell]) -> tuple[Trend, ...]:
    """The relative advantage of specialists over the best shared strategy, for every set that has both."""
    found = []
    for names in dict.fromkeys(cell.tasks for cell in cells):
        mine = [cell for cell in cells if cell.tasks == names and cell.advantage is not None]
        if mine:
            parts = [cell.advantage for cell in mine if cell.advantage is not None]
            found.append(
                trend(
                    names,
                    np.array([cell.budget for cell in mine]),
                    [part[0] for part in parts],
                    np.array([part[1] for part in parts]),
                    np.array([part[2] for part in parts]),
                    np.array([any(entry.extrapolates for entry in cell.entries) for cell in mine]),
                )
            )
    return tuple(found)


def _by_breadth(trends: tuple[Trend, ...], cells: list[Cell]) -> tuple[BreadthCrossover, ...]:
    """The advantage by number of tasks, at every budget."""
    budgets = dict.fromkeys(cell.budget for cell in cells)
    found = []
    for budget in budgets:
        mine = [cell for cell in cells if cell.budget == budget and cell.advantage is not None]
        parts = [cell.advantage for cell in mine if cell.advantage is not None]
        if parts:
            counts = [len(cell.tasks) for cell in mine]
            found.append(by_breadth(budget, counts, [part[1] for part in parts], [part[2] for part in parts]))
    return tuple(found)


def comparable(arms: Arms) -> tuple[tuple[str, ...], ...]:
    """The sets of tasks that have two strategies or more."""
    return tuple(names for names in arms.sets if len([*_alone(arms, names), *arms.of(names)]) > 1)


def _planners(
    arms: Arms, tasks: Tasks, unit: str | None, params: float | None, measure: str | None
) -> tuple[dict[tuple[str, ...], list[Planner]], list[str]]:
    """The strategies of each set that has two, specialists first; and what is missing."""
    every: dict[tuple[str, ...], list[Served]] = {}
    left_out = []
    able = comparable(arms)
    for names in arms.sets:
        entrants = [*_alone(arms, names), *arms.of(names)]
        if names not in able:
            left_out.append(
                f"The set {', '.join(names)} has neither specialists of all its tasks nor a second shared strategy, "
                "and is left out."
            )
        else:
            every[names] = entrants
    common_measure = _one_measure([entrants[0].curves for entrants in every.values()])
    if measure == "value" and common_measure != "value" and every:
        raise AllocationError(
            "The sets of tasks have several metrics, which have no mean: choose one with --where metric=…, or compare "
            "them by --measure progress."
        )
    measure = measure or common_measure
    found = {}
    for names, entrants in every.items():
        wishes = tasks.select(names)
        common: Measure = measure_of(entrants[0].curves, wishes, measure)
        found[names] = [Planner(served, wishes, common, unit, params) for served in entrants]
    return found, left_out


def _one_measure(curves: Sequence[Curves]) -> str:
    """The measure that all sets have in common: the value where all their tasks have one metric, else progress."""
    kinds = {kind for each in curves for kind in zip(each.metric, each.higher_is_better.tolist(), strict=True)}
    return "value" if len(kinds) == 1 else "progress"


def _alone(arms: Arms, names: tuple[str, ...]) -> list[Served]:
    """The specialists of a set, in its order; none where one is missing."""
    if arms.specialists is None or not set(names) <= set(arms.specialists.tasks):
        return []
    pick = np.array([arms.specialists.tasks.index(name) for name in names])
    return [replace(arms.specialists, curves=arms.specialists.curves.take(pick))]


def _nothing_to_compare(arms: Arms, why: list[str]) -> str:
    """The refusal, with as many of the reasons as a sentence has room for."""
    head = (
        "There is nothing to compare: no set of tasks has two strategies with curves "
        f"(measured: {listed(arms.strategies, 4)})."
    )
    tail = "Measure a set both alone and shared" + (", or give --assume atlas." if can_assume(arms) else ".")
    room = LONGEST_SENTENCE - len(head) - len(tail) - len(" And 10000 more. ")
    reasons: list[str] = []
    for reason in why:
        if len(" ".join([*reasons, reason])) > room and reasons:
            break
        reasons.append(shortened(reason, room))
    rest = [f"And {len(why) - len(reasons)} more."] if len(why) > len(reasons) else []
    return " ".join([head, *reasons, *rest, tail])


def _default_budgets(arms: Arms, unit: str | None) -> np.ndarray:
    """Budgets from ten times the smallest measured training of a task on."""
    first = arms.specialists or arms.shared[0]
    curves = first.curves
    smallest = curves.smallest.get(unit or default_unit(curves.inputs), curves.smallest[curves.inputs[0]])
    least = 10 * float(np.median(smallest))
    return np.geomspace(least, least * 10.0**DECADES, BUDGETS)
