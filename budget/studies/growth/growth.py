"""What breadth costs: every task's value as the task set grows from 1 to K tasks at one budget.

See docs/decisions/074-growth-by-subset.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.plan.plan import Plan
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import MEASURES
from budget.allocation.spec.objectives import record_of
from budget.allocation.spec.resources import Prices
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.numerics.brief import Brief
from budget.numerics.strict_json import json_rows, json_value
from budget.studies.growth.beyond_tasks import BeyondTasks, beyond_tasks, why_not_beyond
from budget.studies.growth.decline_exponent import Decline, decline
from budget.studies.growth.iso_performance import IsoPerformance, iso_performance
from budget.studies.growth.set_sizes import SetSizes, Spread, set_sizes, spread_of
from budget.studies.growth.targets_kept import TargetsKept, targets_kept
from budget.studies.growth.task_orders import RANDOM_ORDERS, are_all, joining_orders, shown_sizes
from budget.studies.strategies.specialist_subsets import Subsets
from budget.tables.tasks import TaskSettings


@dataclass(frozen=True, repr=False)
class Growth(Brief):
    """The first 1, 2, …, K tasks of an order, each the best split of the same budget among specialists.

    Attributes:
        order: one of ``task_orders.ORDERS``.
        names: the K tasks in joining order; of random orders, as in the file.
        plans: of the sets that are shown (``task_orders.shown_sizes``), each for the first k names; the last serves
            all K. For random orders only that.
        sizes: what each shown number of tasks reaches.
        decline: the law of the decline; ``None`` for one task.
        targets_kept: the most tasks that keep their targets; ``None`` where no target is stated.
        iso_performance: the budgets that keep today's values; ``None`` where no price divides the budget.
        spread: each task over the random orders; ``None`` for one order.
        seed: of the random orders.
        beyond: what the budget is worth to more tasks, drawn as these were; ``None`` where not asked, or untold.
        not_beyond: why nothing is said of more tasks, "" where something is or nobody asked.
    """

    order: str
    names: tuple[str, ...]
    plans: tuple[Plan, ...]
    sizes: SetSizes
    decline: Decline | None
    targets_kept: TargetsKept | None
    iso_performance: IsoPerformance | None
    spread: Spread | None = None
    seed: int = 0
    beyond: BeyondTasks | None = None
    not_beyond: str = ""

    @property
    def hypothetical(self) -> bool:
        """Whether the specialists are read off a generalist's curves."""
        return self.plans[-1].hypothetical

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is said first: that of the plan for all tasks."""
        return self.plans[-1].warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """What the plan for all tasks cannot promise."""
        return self.plans[-1].notes

    def table(self) -> pd.DataFrame:
        """``growth.csv``: one row for each task of each shown set; ``target_met`` is empty where no target is stated.

        Of random orders the cells are means over the orders that have the task among their first ``n_tasks``, with
        their 80 % band, and further columns say so.
        """
        return growth_table(self.order, self.plans[-1].spec.strategy, self.plans, self.spread)

    def sizes_table(self) -> pd.DataFrame:
        """``growth.csv`` of a plan: one row for each shown number of tasks; ``table`` has one a task."""
        frame = self.sizes.table()
        frame.insert(0, "order", self.order)
        if self.spread is None:
            frame.insert(2, "joins", [self.names[size - 1] for size in self.sizes.n_tasks])
        return frame

    def record(self) -> dict[str, Any]:
        """The study as JSON."""
        last = self.plans[-1]
        return {
            "warnings": list(self.warnings),
            "budget": last.spec.budget,
            "unit": last.spec.unit,
            "strategy": last.spec.strategy,
            "hypothetical": self.hypothetical,
            "measure": last.spec.measure.name,
            "metric": last.metric,
            "higher_is_better": last.higher_is_better,
            "order": self.order,
            "tasks": list(self.names),
            "objective": json_value(self.sizes.objective),
            "gap": [plan.gap for plan in self.plans],
            "shown": [len(plan.spend) for plan in self.plans],
            "rows": json_rows(self.table()),
            "sizes": json_rows(self.sizes.table()),
            "decline": None if self.decline is None else self.decline.record(),
            "targets": None if self.targets_kept is None else self.targets_kept.record(),
            "unchanged": None if self.iso_performance is None else self.iso_performance.record(),
            "beyond": None if self.beyond is None else self.beyond.record(),
            **({} if self.spread is None else {"basis": self.spread.basis, "seed": self.seed}),
        }


def grow(
    curves: Curves,
    tasks: TaskSettings,
    budget: float,
    *,
    unit: str | None = None,
    params: float | None = None,
    measure: str | None = None,
    order: str = "given",
    orders: int = RANDOM_ORDERS,
    seed: int = 0,
    today: int = 1,
    intervals: bool = True,
    reach: float = np.inf,
    beyond: Sequence[int] | None = None,
    every_size: bool = False,
    prices: Prices | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Growth:
    """Plan for the first 1, 2, …, K tasks at one budget, one training per task.

    Args:
        curves: usable curves of K tasks.
        tasks: task settings for the same tasks in the same order.
        budget: the total for every set size.
        unit: see ``make_spec.plan_spec``.
        params: see ``make_spec.plan_spec``.
        measure: ``value`` or ``progress``, see ``make_spec.plan_spec``.
        order: one of ``task_orders.ORDERS``.
        orders: how many random ones.
        seed: of the random ones, and of tasks beyond those given.
        today: number of tasks whose values ``iso_performance`` keeps.
        intervals: whether ``iso_performance`` has intervals, for which every draw is planned too.
        reach: see ``make_spec.plan_spec``.
        beyond: numbers of tasks beyond those given that are followed, see ``beyond_tasks``; as it chooses where empty.
        every_size: whether every set has its plan and its rows, however many tasks there are.
        prices: of compute, for budgets in money.
        progress: called with (sets done, K).

    Raises:
        AllocationError: the order is unknown, there are fewer tasks than today, or see ``make_spec.plan_spec`` and
            ``beyond_tasks``.
    """
    refuse_measure(measure)
    spec = plan_spec(
        curves, tasks, budget,
        unit=unit, strategy="specialists", params=params, measure=measure, reach=reach, prices=prices,
    )  # fmt: skip
    subsets = Subsets(curves, spec)
    joining = joining_orders(subsets, order, orders, seed)
    return follow(
        subsets,
        joining,
        order=order,
        orders=orders,
        seed=seed,
        today=today,
        intervals=intervals,
        beyond=beyond,
        every_size=every_size,
        progress=progress,
    )


def follow(
    subsets: Subsets,
    joining: np.ndarray,
    *,
    order: str,
    orders: int = RANDOM_ORDERS,
    seed: int = 0,
    today: int = 1,
    intervals: bool = True,
    beyond: Sequence[int] | None = None,
    every_size: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Growth:
    """The same for a question that was stated already, along joining orders (O, K)."""
    curves, several = subsets.curves, order == "random"
    shown = shown_sizes(joining.shape[1], every=every_size)
    iso = iso_performance(subsets, joining, today, draws=intervals)
    # numbers that somebody asked for are refused as a mistake; what nobody asked for is left out with a sentence
    untold = why_not_beyond(subsets) if beyond is not None and not beyond else ""
    return Growth(
        order=order,
        names=curves.tasks if several else tuple(curves.tasks[task] for task in joining[0]),
        plans=(allocate(curves, subsets.spec, draws=False, route="dual"),)
        if several
        else _plans(subsets, joining[0], shown, progress),
        sizes=set_sizes(subsets, joining, progress if several else None, shown),
        decline=decline(subsets, joining),
        targets_kept=targets_kept(subsets, joining),
        iso_performance=iso,
        spread=spread_of(subsets, joining, basis_of(len(curves.tasks), orders), shown) if several else None,
        seed=seed,
        beyond=None if beyond is None or untold else beyond_tasks(subsets, beyond, seed),
        not_beyond=untold,
    )


def refuse_measure(measure: str | None) -> None:
    """Refuse a measure that a growing set is not followed by.

    Raises:
        AllocationError: it is another than the value or the progress.
    """
    if measure is not None and not record_of("Measure", measure, MEASURES).follows_growth:
        able = " or by ".join(name for name, record in MEASURES.items() if record.follows_growth)
        raise AllocationError(f"A growing set is followed by {able}, and not by '{measure}'.")


def _plans(
    subsets: Subsets, joining: np.ndarray, sizes: Sequence[int], progress: Callable[[int, int], None] | None
) -> tuple[Plan, ...]:
    """The proven plans of some sizes, by the dual; that of all tasks with what it is compared with."""
    plans = []
    for size in sizes:
        last = size == len(joining)
        plans.append(allocate(*subsets.about(joining[:size]), draws=False, compared=last, route="dual"))
        if progress is not None:
            progress(size, len(joining))
    return tuple(plans)


def basis_of(tasks: int, count: int) -> str:
    """What rows of random orders are means of."""
    return "mean of all orders" if are_all(tasks, count) else f"mean of {count} random orders"


def growth_table(order: str, strategy: str, plans: Sequence[Plan], spread: Spread | None) -> pd.DataFrame:
    """Rows of ``growth.csv``: of the plans of one order, or of the spread over random orders."""
    if spread is not None:
        return spread.table(strategy)
    # as many rows as there are pairs of tasks: a table for each plan would take longer than the plans
    sizes = [len(plan.spend) for plan in plans]
    met = np.concatenate([plan.target_met for plan in plans])
    return pd.DataFrame(
        {
            "order": order,
            "n_tasks": np.repeat(sizes, sizes),
            "task": [name for plan in plans for name in plan.spec.tasks.names],
            "strategy": strategy,
            "spend": np.concatenate([plan.spend for plan in plans]),
            "predicted": np.concatenate([plan.predicted for plan in plans]),
            "low": np.concatenate([plan.low for plan in plans]),
            "high": np.concatenate([plan.high for plan in plans]),
            "target_met": pd.arrays.BooleanArray(met == 1, np.isnan(met)),
        }
    )
