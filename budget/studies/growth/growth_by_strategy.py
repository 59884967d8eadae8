"""What breadth costs by every strategy: a growing set served by specialists, and by shared models, at one budget.

A shared strategy's curves are of law ``shared``, over the number of tasks K: the set of the first k tasks is served by
one model of the best size and mixture at K = k. All strategies grow along the same orders, with one measure.

See docs/decisions/087-growth-by-strategy-compares-plans.md,
docs/decisions/088-crossovers-between-winners.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.mixture.plan_mixture import plan_mixture, refuse_mixture
from budget.allocation.mixture.shared_plan import SharedPlan
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.numerics.strict_json import json_rows, json_value
from budget.studies.focus.best_strategy_by_breadth import BestByBreadth, best_by_breadth
from budget.studies.growth.decline_exponent import Decline, decline
from budget.studies.growth.dilution import Dilution, parts_along
from budget.studies.growth.growth import Growth, basis_of, follow, growth_table, refuse_measure
from budget.studies.growth.iso_performance import SharedIsoPerformance, shared_iso_performance
from budget.studies.growth.set_sizes import SetSizes, Spread, set_sizes, spread_of
from budget.studies.growth.targets_kept import Planned, planned_sets
from budget.studies.growth.task_orders import RANDOM_ORDERS, joining_orders, shown_sizes
from budget.studies.strategies.shared_subsets import SharedSubsets
from budget.studies.strategies.specialist_subsets import Subsets
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.tables.strategy_runs import SPECIALIST
from budget.tables.tasks import TaskSettings

MAX_NAMED_TASKS = 8
"""Tasks that a refusal names."""


@dataclass(frozen=True)
class SharedGrowth:
    """One model for the first 1, 2, …, K tasks of an order.

    Attributes:
        strategy: its name.
        order: one of ``task_orders.ORDERS``.
        plans: K plans; of random orders only the last: that of all tasks.
        sizes: what each number of tasks reaches.
        decline: the law of the decline, from what one model for one task reaches; ``None`` for one task.
        targets_kept: how far the plans keep the targets; ``None`` where none is stated.
        iso_performance: what twice the tasks cost at unchanged losses.
        measured: least and greatest number of tasks of the measured models; outside, K's powers are extrapolated.
        extrapolation_factor: (K,) largest factor by which a size, or a task's tokens, lies outside the measured.
        spread: each task over the random orders; ``None`` for one order.
    """

    strategy: str
    order: str
    plans: tuple[SharedPlan, ...]
    sizes: SetSizes
    decline: Decline | None
    targets_kept: Planned | None
    iso_performance: SharedIsoPerformance
    measured: tuple[int, int]
    extrapolation_factor: np.ndarray
    spread: Spread | None = None

    @property
    def extrapolated(self) -> tuple[int, ...]:
        """The numbers of tasks k that lie outside those of the measured models."""
        least, most = self.measured
        return tuple(k for k in range(1, len(self.extrapolation_factor) + 1) if not least <= k <= most)

    def table(self) -> pd.DataFrame:
        """Rows of ``growth.csv``; every row's spend is that of the whole model, as in ``allocation.csv``."""
        return growth_table(self.order, self.strategy, self.plans, self.spread)

    def record(self) -> dict[str, Any]:
        """The study as JSON."""
        return {
            "strategy": self.strategy,
            "objective": json_value(self.sizes.objective),
            "gap": [plan.gap for plan in self.plans],
            "shown": [len(plan.spend) for plan in self.plans],
            "sizes": json_rows(self.sizes.table()),
            "decline": None if self.decline is None else self.decline.record(),
            "targets": None if self.targets_kept is None else {"planned": self.targets_kept.record()},
            "unchanged": self.iso_performance.record(),
            "n_tasks_measured": list(self.measured),
            "n_tasks_extrapolated": list(self.extrapolated),
            "beyond": json_value(self.extrapolation_factor),
        }


@dataclass(frozen=True)
class StrategiesGrowth:
    """A growing set by every strategy whose curves were given.

    Attributes:
        order: one of ``task_orders.ORDERS``.
        names: the K tasks that all files have, in joining order; of random orders, as in the first file.
        spec: that of the strategy by which a greedy order is found: specialists, else the first.
        specialists: their growth; ``None`` where no curves are specialists'.
        shared: of each shared strategy.
        comparison: which strategy is best at each number of tasks.
        parts: of each shared strategy and number of tasks, why tasks lose: dilution, interference, transfer. Of random
            orders for all tasks only; none without specialists.
        left_out: a sentence for tasks that only some of the files have.
        seed: of the random orders.
    """

    order: str
    names: tuple[str, ...]
    spec: PlanSpec
    specialists: Growth | None
    shared: tuple[SharedGrowth, ...]
    comparison: BestByBreadth
    parts: tuple[Dilution, ...]
    left_out: tuple[str, ...]
    seed: int = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is said first: that of each strategy's plan for all tasks."""
        plans = {} if self.specialists is None else {SPECIALISTS: self.specialists.plans[-1]}
        plans |= {each.strategy: each.plans[-1] for each in self.shared}
        if len(plans) == 1:
            return next(iter(plans.values())).warnings
        return tuple(f"By {name}: {said}" for name, plan in plans.items() for said in plan.warnings)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and what the specialists' plan for all tasks cannot promise."""
        plan = () if self.specialists is None else self.specialists.plans[-1].notes
        return (*self.left_out, *(f"By {SPECIALISTS}: {note}" for note in plan))

    def table(self) -> pd.DataFrame:
        """``growth.csv``: the rows of each strategy, specialists first."""
        own = [] if self.specialists is None else [self.specialists.table()]
        return pd.concat([*own, *(each.table() for each in self.shared)], ignore_index=True)

    def record(self) -> dict[str, Any]:
        """The study as JSON."""
        own = [] if self.specialists is None else [self.specialists.record()]
        spread = self.shared[0].spread
        plan = self.shared[0].plans[-1]
        return {
            "warnings": list(self.warnings),
            "budget": self.spec.budget,
            "unit": self.spec.unit,
            "measure": self.spec.measure.name,
            "metric": plan.metric,
            "higher_is_better": plan.higher_is_better,
            "order": self.order,
            "tasks": list(self.names),
            "left_out": list(self.left_out),
            **({} if spread is None else {"basis": spread.basis, "seed": self.seed}),
            "strategies": [
                *({name: part for name, part in each.items() if name != "rows"} for each in own),
                *(each.record() for each in self.shared),
            ],
            **self.comparison.record(),
            "parts": [{"n_tasks": len(each.tasks)} | each.record() for each in self.parts],
            "rows": json_rows(self.table()),
        }


def strategy_name(curves: Curves, otherwise: str) -> str:
    """``specialists`` unless the law is that of several tasks; then the file's strategy, where it states one.

    Args:
        curves: of one strategy, which may have been fitted with specialists beside it.
        otherwise: the name where the runs do not say.
    """
    if not curves.form.counts_tasks:
        return SPECIALISTS
    kinds = [name for name in curves.strategy.split("|") if name and name not in SPECIALIST]
    return kinds[0] if len(kinds) == 1 else otherwise


def grow_strategies(
    strategies: Mapping[str, Curves],
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
    reach: float = np.inf,
    beyond: Sequence[int] | None = None,
    every_size: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> StrategiesGrowth:
    """Plan for the first 1, 2, …, K tasks at one budget by every strategy.

    Args:
        strategies: name → usable curves; at least one of law ``shared``, at most one of another law: specialists.
        tasks: settings of at least the tasks that all of them have. Limits on a task's own spend are for specialists.
        budget: the total for every set size and strategy.
        unit: see ``make_spec.plan_spec``.
        params: see ``make_spec.plan_spec``.
        measure: ``value`` or ``progress``, see ``make_spec.plan_spec``; read off the specialists' curves where there
            are any.
        order: one of ``task_orders.ORDERS``; ``greedy`` by the specialists' values, else by the first strategy's.
        orders: how many random ones.
        seed: of the random ones.
        today: number of tasks whose values the specialists' ``iso_performance`` keeps.
        reach: see ``make_spec.plan_spec``; one shared model of several tasks is not limited by it.
        beyond: numbers of tasks beyond those given that are followed among specialists, see ``growth.grow``.
        every_size: see ``growth.grow``.
        progress: called with (sets done, sets in all).

    Raises:
        AllocationError: there are several specialists or no shared strategy, no common task, other metrics, fewer
            tasks than today, or see ``make_spec.plan_spec`` and ``beyond_tasks``.
    """
    refuse_measure(measure)
    lead = _leading(strategies, today)
    if beyond and strategies[lead].form.counts_tasks:
        raise AllocationError(
            "More tasks than are given are followed among specialists; give their curves too, or leave out --beyond."
        )
    common, left_out = _common(strategies)
    aligned = {
        name: curves.take(np.array([curves.tasks.index(task) for task in common]))
        for name, curves in strategies.items()
    }
    _refuse_unlike(aligned)
    task_settings = tasks.select(common)
    nothing = np.full(len(common), np.nan)
    # limits of a task's own spend mean nothing where all share one model
    free = replace(task_settings, min=nothing, max=nothing)
    solved: dict[str, Subsets] = {}
    # the leading strategy first, since the others take its unit and measure
    for name in sorted(aligned, key=lambda name: name != lead):
        curves, stated = aligned[name], solved[lead].spec if solved else None
        asked = plan_spec(
            curves,
            free if curves.form.counts_tasks else task_settings,
            budget,
            unit=unit if stated is None else stated.unit,
            strategy="shared" if curves.form.counts_tasks else "specialists",
            params=params,
            measure=measure if stated is None else stated.measure,
            reach=np.inf if curves.form.counts_tasks else reach,
        )
        if curves.form.counts_tasks:
            refuse_mixture(curves, asked)
        solved[name] = (SharedSubsets if curves.form.counts_tasks else Subsets)(curves, asked)
    # the same orders for all, or strategies would be compared on other sets
    joining = joining_orders(solved[lead], order, orders, seed)
    several = order == "random"
    options: dict[str, Any] = {"order": order, "orders": orders, "every_size": every_size}
    own, shared = None, []
    for place, (name, subsets) in enumerate(solved.items()):
        watch = _part_of(progress, place, len(solved))
        if isinstance(subsets, SharedSubsets):
            shared.append(_follow_shared(name, subsets, joining, **options, progress=watch))
        else:
            own = follow(subsets, joining, **options, seed=seed, today=today, beyond=beyond, progress=watch)
    parts = [
        parts_along(solved[lead], subsets, name, joining[0], len(common) if several else 1)
        for name, subsets in solved.items()
        if own is not None and isinstance(subsets, SharedSubsets)
    ]
    return StrategiesGrowth(
        order=order,
        names=common if several else tuple(common[task] for task in joining[0]),
        spec=solved[lead].spec,
        specialists=own,
        shared=tuple(shared),
        comparison=best_by_breadth(solved, joining),
        parts=tuple(part for each in parts for part in each),
        left_out=left_out,
        seed=seed,
    )


def _follow_shared(
    name: str,
    subsets: SharedSubsets,
    joining: np.ndarray,
    *,
    order: str,
    orders: int,
    every_size: bool,
    progress: Callable[[int, int], None] | None,
) -> SharedGrowth:
    """One shared strategy along joining orders (O, K)."""
    several, tasks = order == "random", joining.shape[1]
    shown = shown_sizes(tasks, every=every_size)
    sizes = set_sizes(subsets, joining, progress, shown)
    return SharedGrowth(
        strategy=name,
        order=order,
        plans=tuple(
            plan_mixture(*subsets.about(joining[0, :size]), draws=False) for size in ([tasks] if several else shown)
        ),
        sizes=sizes,
        decline=decline(subsets, joining),
        targets_kept=planned_sets(subsets, joining),
        iso_performance=shared_iso_performance(subsets.curves),
        measured=subsets.measured,
        extrapolation_factor=np.array([subsets.beyond(subsets.of(joining[:, :size])) for size in range(1, tasks + 1)]),
        spread=spread_of(subsets, joining, basis_of(tasks, orders), shown) if several else None,
    )


def _leading(strategies: Mapping[str, Curves], today: int) -> str:
    """The strategy that states the measure and finds a greedy order."""
    own = [name for name, curves in strategies.items() if not curves.form.counts_tasks]
    if len(own) > 1 or len(own) == len(strategies):
        raise AllocationError(
            f"Of several curves files one is of specialists and the others of models of several numbers of tasks, and "
            f"the laws here are {', '.join(curves.law for curves in strategies.values())}; fit the shared models again "
            "with --law shared."
        )
    if not own and today != 1:
        raise AllocationError(
            f"The values that today's {today} tasks have are kept among specialists; give their curves too, or leave "
            "out --today."
        )
    return own[0] if own else next(iter(strategies))


def _common(strategies: Mapping[str, Curves]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tasks of all strategies, as in the first, and what is said of the others."""
    every = dict.fromkeys(task for curves in strategies.values() for task in curves.tasks)
    lacking = {task: [name for name, curves in strategies.items() if task not in curves.tasks] for task in every}
    common = tuple(task for task, names in lacking.items() if not names)
    if not common:
        raise AllocationError(
            f"No task has a curve by every strategy ({', '.join(strategies)}); fit runs that share tasks."
        )
    return common, tuple(
        f"Task '{task}' is left out of the growing set: it has no curve by {' and '.join(names)}."
        for task, names in lacking.items()
        if names
    )


def _refuse_unlike(strategies: Mapping[str, Curves]) -> None:
    """Values of a task that cannot be compared: another metric, direction or best score."""
    first, known = next(iter(strategies.items()))
    for name, curves in strategies.items():
        unlike = [
            task
            for at, task in enumerate(curves.tasks)
            if curves.metric[at] != known.metric[at] or curves.higher_is_better[at] != known.higher_is_better[at]
        ]
        if unlike:
            raise AllocationError(
                f"The metric of {', '.join(unlike[:MAX_NAMED_TASKS])} by {name} is not that by {first}, so that their "
                "values cannot be compared; fit the runs of one metric with --where metric=NAME."
            )
        other = [
            task
            for at, task in enumerate(curves.tasks)
            if curves.higher_is_better[at] and curves.ceiling[at] != known.ceiling[at]
        ]
        if other:
            raise AllocationError(
                f"The best score of {', '.join(other[:MAX_NAMED_TASKS])} by {name} is not that by {first}; state it "
                "for both fits in column 'best' of the tasks file."
            )


def _part_of(progress: Callable[[int, int], None] | None, place: int, parts: int) -> Callable[[int, int], None] | None:
    """Progress of one of several parts of the same length."""
    if progress is None:
        return None
    return lambda done, total: progress(place * total + done, parts * total)
