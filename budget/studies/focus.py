"""Specialists or one shared model: every measured strategy at equal total budget, on every measured set of tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.measure import Measure, measure_of
from budget.allocation.question import default_unit
from budget.curves.fitted import Curves
from budget.errors import AllocationError
from budget.studies.arms import SPECIALISTS, Arms, Served
from budget.studies.crossover import BreadthCrossover, Crossover, Trend, apart, by_breadth, crossovers, trend
from budget.studies.dilution import Dilution, dilution
from budget.studies.entries import EQUAL, Entry, Planner, largest_inside
from budget.studies.intervals import interval
from budget.studies.partition import GROUPS, Partition, about_groups, blocks_of, partitions
from budget.studies.rows import plain, records
from budget.studies.strictness import Strictness, strictness
from budget.studies.thresholds import ROUNDING
from budget.tables.tasks import Tasks

DECADES = 6
"""Decades of budget that are compared where none is asked for."""

BUDGETS = 13
"""Budgets in them."""

REASONS = 4
"""Sentences on what was left out that the refusal of a comparison repeats."""


@dataclass(frozen=True)
class Cell:
    """All strategies on one set of tasks at one budget.

    Attributes:
        tasks: the set, K tasks.
        budget: in all.
        entries: the strategies' plans.
        weight: (K,) weights that sum to 1.
        targets: tasks with a stated target.
    """

    tasks: tuple[str, ...]
    budget: float
    entries: tuple[Entry, ...]
    weight: np.ndarray
    targets: int = 0

    @property
    def extrapolates(self) -> bool:
        """Whether a plan lies far outside the measured scales; the equal split decides nothing."""
        return any(entry.extrapolates for entry in self.entries if entry.strategy != EQUAL)

    @property
    def objective(self) -> np.ndarray:
        """(S,) weighted mean measure of each strategy, smaller being better."""
        return np.array([entry.measure @ self.weight for entry in self.entries])

    @property
    def worlds(self) -> np.ndarray:
        """(S, B) the same in each draw."""
        return np.array([entry.worlds @ self.weight for entry in self.entries])

    @property
    def wins(self) -> np.ndarray:
        """(S,) share of the draws in which each strategy is the best."""
        worlds = self.worlds
        if worlds.shape[1] == 0:
            return np.full(len(worlds), np.nan)
        return np.bincount(_first_best(worlds), minlength=len(worlds)) / worlds.shape[1]

    @property
    def winner(self) -> Entry:
        """The best strategy by the point fit."""
        return self.entries[int(_first_best(self.objective))]

    def place(self, strategy: str) -> int:
        """Position of a strategy that has a plan here."""
        return [entry.strategy for entry in self.entries].index(strategy)

    @property
    def advantage(self) -> tuple[str, float, np.ndarray] | None:
        """The best model of all tasks, and (shared − specialists) / |specialists| by the point fit and in draws (B,).

        ``None`` where the set has no specialists or no shared model.
        """
        names = [entry.strategy for entry in self.entries]
        shared = [place for place, name in enumerate(names) if name not in (SPECIALISTS, EQUAL, GROUPS)]
        if SPECIALISTS not in names or not shared:
            return None
        objective, worlds, alone = self.objective, self.worlds, names.index(SPECIALISTS)
        best = min(shared, key=lambda place: float(objective[place]))
        point = float((objective[best] - objective[alone]) / abs(objective[alone]))
        return names[best], point, (worlds[best] - worlds[alone]) / np.abs(worlds[alone])


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

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """The sets compared."""
        return tuple(dict.fromkeys(cell.tasks for cell in self.cells))

    def of(self, tasks: tuple[str, ...]) -> tuple[Cell, ...]:
        """The cells of one set, budgets rising."""
        return tuple(cell for cell in self.cells if cell.tasks == tasks)

    def table(self) -> pd.DataFrame:
        """``focus.csv``: one row for each set, budget and strategy."""
        return pd.DataFrame([row for cell in self.cells for row in _rows(cell, self.sign)])

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
            "strictness": [plain(vars(each)) for each in self.strictness],
            "dilution": [each.record() for each in self.dilution],
            "partitions": [plain(vars(each)) for each in self.partitions],
            "rows": records(self.table()),
        }


def focus(
    arms: Arms,
    tasks: Tasks,
    budgets: Sequence[float] | np.ndarray | None = None,
    *,
    unit: str | None = None,
    measure: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Focus:
    """Compare what each strategy makes of each budget on each set of tasks that some shared model serves.

    Args:
        arms: the fitted strategies.
        tasks: wishes for all tasks of the runs.
        budgets: totals; by default ``BUDGETS`` of them over ``DECADES`` decades from the smallest measured models on.
        unit: see ``ask.ask``.
        measure: see ``measure.measure_of``; by default the value where all tasks have one metric, else progress.
        progress: called with (sets done, sets in all).

    Raises:
        AllocationError: there is nothing to compare, or a budget is not positive.
    """
    planners, left_out = _planners(arms, tasks, unit, measure)
    if not planners:
        why = [*arms.left_out, *left_out]
        some = [*why[:REASONS], f"And {len(why) - REASONS} more." if len(why) > REASONS else ""]
        raise AllocationError(
            "There is nothing to compare: no set of tasks has two strategies with curves "
            f"(measured: {', '.join(arms.strategies)}). {''.join(f'{said} ' for said in some if said)}Measure some set "
            "of tasks both with specialists and with a shared model, or assume one from published constants with "
            "--assume atlas."
        )
    totals = _default_budgets(arms, unit) if budgets is None else np.unique(np.asarray(budgets, dtype=float))
    if len(totals) == 0 or not (np.isfinite(totals) & (totals > 0)).all():
        raise AllocationError("A budget is not a positive number; give positive ones.")
    cells: list[Cell] = []
    changes: list[Crossover] = []
    strict: list[Strictness] = []
    groups: list[Partition] = []
    for done, (names, entrants) in enumerate(planners.items(), start=1):
        weight = entrants[0].wishes.weight / entrants[0].wishes.weight.sum()
        plans = [planner.best(totals) for planner in entrants]
        plans += [planner.equal(totals) for planner in entrants if not planner.served.one_model]
        blocks = blocks_of(arms, names)
        chosen = partitions(entrants[0], blocks, totals)
        plans += [[entry for entry, _ in chosen]] if chosen else []
        left_out += about_groups(names, blocks, [partition for _, partition in chosen])
        groups += [partition for _, partition in chosen]
        targets = int(np.isfinite(entrants[0].wishes.target).sum())
        mine = [
            Cell(names, float(budget), each, weight, targets)
            for budget, each in zip(totals, zip(*plans, strict=True), strict=True)
        ]
        cells += mine
        if not entrants[0].served.one_model:
            changes += _crossovers(mine, entrants)
            parts = [entrants[0].of(block).best(totals) for block in blocks if block.one_model]
            strict += [
                strictness(entrants[0], cell.entries, [plan[at] for plan in parts]) for at, cell in enumerate(mine)
            ]
        if progress is not None:
            progress(done, len(planners))
    budget = largest_inside([cell.budget for cell in cells], [cell.extrapolates for cell in cells])
    shares = [
        dilution(alone.served, planner.served, alone.wishes, budget or float(totals[0]), unit=unit)
        for alone, *others in planners.values()
        for planner in (() if alone.served.one_model else others)
    ]
    first = next(iter(planners.values()))[0]
    trends = _trends(cells)
    return Focus(
        tuple(cells),
        totals,
        first.question(float(totals[0])).unit,
        first.measure.name,
        first.measure.sign,
        first.measure.metric,
        (*arms.left_out, *left_out),
        tuple(changes),
        trends,
        _by_breadth(trends, cells),
        tuple(strict),
        tuple(shares),
        tuple(groups),
    )


def _crossovers(cells: list[Cell], planners: list[Planner]) -> list[Crossover]:
    """Where each shared strategy of a set changes places with its specialists."""
    weight, budgets = cells[0].weight, np.array([cell.budget for cell in cells])
    alone = planners[0]
    found = []
    for planner in planners[1:]:
        names = (alone.served.strategy, planner.served.strategy)
        worlds = [np.array([cell.worlds[cell.place(name)] for cell in cells]) for name in names]
        points = np.array([apart(*(cell.objective[cell.place(name)] for name in names)) for cell in cells])

        def difference(budget: float, shared: Planner = planner) -> float:
            one = np.array([budget])
            return apart(*(float(each.best(one)[0].measure @ weight) for each in (alone, shared)))

        found += crossovers(cells[0].tasks, names, budgets, points, (worlds[0], worlds[1]), difference)
    return found


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
    arms: Arms, tasks: Tasks, unit: str | None, measure: str | None
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
        found[names] = [Planner(served, wishes, common, unit) for served in entrants]
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


def _default_budgets(arms: Arms, unit: str | None) -> np.ndarray:
    """Budgets from ten times the smallest measured training of a task on."""
    first = arms.specialists or arms.shared[0]
    curves = first.curves
    smallest = curves.smallest.get(unit or default_unit(curves.inputs), curves.smallest[curves.inputs[0]])
    least = 10 * float(np.median(smallest))
    return np.geomspace(least, least * 10.0**DECADES, BUDGETS)


def _rows(cell: Cell, sign: float) -> list[dict[str, Any]]:
    objective, worlds, wins = cell.objective, cell.worlds, cell.wins
    best = int(_first_best(objective))
    rows = []
    for place, entry in enumerate(cell.entries):
        low, high = (float(end) for end in interval(worlds[place], objective[place]))
        ends = sorted((sign * low, sign * high))
        rows.append(
            {
                "budget": cell.budget,
                "n_tasks": len(cell.tasks),
                "tasks": "|".join(cell.tasks),
                "strategy": entry.strategy,
                "objective": sign * float(objective[place]),
                "low": ends[0],
                "high": ends[1],
                "targets_met": entry.targets_met,
                "wins": float(wins[place]),
                "best": place == best,
                "beyond": entry.beyond,
                "status": entry.status,
            }
        )
    return rows


def _first_best(objective: np.ndarray) -> np.ndarray:
    """Position of the least of objectives (S, …), the first of those that differ by rounding only."""
    least = objective.min(axis=0)
    return (objective <= least + ROUNDING * np.abs(least)).argmax(axis=0)
