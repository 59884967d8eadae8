"""Why a task loses when others join: dilution of its budget, and what sharing one model adds or takes.

    value in the shared model − value alone = (value at an equal share − value alone) + sharing

The first part is dilution: what a specialist loses when its compute falls from the whole budget to an equal share. The
second compares the shared model, which has the whole budget, with the specialist at that share: positive is
interference, negative transfer. Runs identify only their net: a task may be helped by one task and harmed by another.

See docs/decisions/078-only-the-net-is-identified.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.nonconvex.spend_response import spend_response
from budget.allocation.spec.measures import measure_of
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.numerics.interval import interval
from budget.numerics.strict_json import json_rows
from budget.studies.strategies.shared_subsets import SharedSubsets
from budget.studies.strategies.specialist_subsets import Subsets
from budget.studies.strategies.strategy_curves import StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner
from budget.tables.tasks import TaskSettings


@dataclass(frozen=True)
class Dilution:
    """The parts of each task's loss; every array has shape (K,), values in the tasks' own metrics.

    Parts are positive where the task gets worse, whatever the metric's direction.

    Attributes:
        budget: in all, in the unit.
        unit: what it is counted in.
        strategy: of the shared model.
        tasks: (K,) names.
        alone: value of a specialist with the whole budget.
        share: value of a specialist with an equal share.
        shared: value in the shared model, which is planned for the weighted mean.
        dilution: ``share`` against ``alone``.
        dilution_low: 10 % point over the draws.
        dilution_high: 90 % point.
        sharing: ``shared`` against ``share``: interference less transfer.
        low: its 10 % point.
        high: its 90 % point.
    """

    budget: float
    unit: str
    strategy: str
    tasks: tuple[str, ...]
    alone: np.ndarray
    share: np.ndarray
    shared: np.ndarray
    dilution: np.ndarray
    dilution_low: np.ndarray
    dilution_high: np.ndarray
    sharing: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def interference(self) -> np.ndarray:
        """(K,) net harm of sharing, 0 where it helps."""
        return np.maximum(self.sharing, 0.0)

    @property
    def transfer(self) -> np.ndarray:
        """(K,) net help of sharing, 0 where it harms."""
        return np.maximum(-self.sharing, 0.0)

    def table(self) -> pd.DataFrame:
        """One row a task; ``low`` and ``high`` are those of interference less transfer."""
        columns = ("alone", "share", "shared", "dilution", "interference", "transfer", "low", "high")
        return pd.DataFrame({"task": self.tasks} | {name: getattr(self, name) for name in columns})

    def record(self) -> dict[str, Any]:
        """The parts as JSON."""
        table = self.table().assign(dilution_low=self.dilution_low, dilution_high=self.dilution_high)
        return {"budget": self.budget, "unit": self.unit, "strategy": self.strategy, "rows": json_rows(table)}


def dilution(
    specialists: StrategyCurves,
    shared: StrategyCurves,
    tasks: TaskSettings,
    budget: float,
    *,
    unit: str | None = None,
    params: float | None = None,
) -> Dilution:
    """Part the loss of each task of one set at one budget.

    Args:
        specialists: curves of tasks measured alone, among them all of the shared model's.
        shared: curves of the K tasks of one model.
        tasks: task settings for these tasks, or more.
        budget: the total, positive.
        unit: see ``make_spec.plan_spec``.
        params: see ``make_spec.plan_spec``.

    Raises:
        AllocationError: the strategies are the wrong way round, a task has no specialist, or see ``plan_spec``.
    """
    return dilutions(specialists, [shared], tasks, budget, unit=unit, params=params)[0]


def dilutions(
    specialists: StrategyCurves,
    shared: Sequence[StrategyCurves],
    tasks: TaskSettings,
    budget: float,
    *,
    unit: str | None = None,
    params: float | None = None,
) -> list[Dilution]:
    """``dilution`` of several shared models of the same K tasks, none where there is no such model."""
    if not shared:
        return []
    for each in shared:
        if specialists.one_model or not each.one_model:
            raise AllocationError(
                "Dilution compares specialists with a shared model, and these strategies are "
                f"'{specialists.strategy}' and '{each.strategy}'; give the specialists first."
            )
    names = shared[0].tasks
    missing = [name for name in names if name not in specialists.tasks]
    if missing:
        raise AllocationError(
            f"No specialist of {', '.join(missing[:8])} has a curve, so its dilution is unknown; measure it alone."
        )
    pick = np.array([specialists.tasks.index(name) for name in names])
    alone_curves, task_settings = specialists.curves.take(pick), tasks.select(names)
    measure = measure_of(alone_curves, task_settings, None)
    single = StrategyPlanner(StrategyCurves(specialists.strategy, alone_curves), task_settings, measure, unit, params)
    budgets, count = np.array([float(budget)]), len(names)
    asked = single.spec(float(budget))
    # neither alone nor at an equal share is anything optimized but the model's size: these are what dilution compares
    alone, share = (
        _values(single, single.split(budgets, np.full((1, count), spend), name)[0])
        for spend, name in ((float(budget), "alone"), (budget / count, "equal share"))
    )
    together = [StrategyPlanner(each, task_settings, measure, unit, params) for each in shared]
    return [
        decompose_loss(
            float(budget), asked.unit, planner.served.strategy, names, alone_curves.higher_is_better, alone, share,
            _values(planner, planner.best(budgets)[0]),
        )
        for planner in together
    ]  # fmt: skip


Values = tuple[np.ndarray, np.ndarray]
"""Values (K,) of tasks by the point fit, and (B, K) in the draws."""


def decompose_loss(
    budget: float,
    unit: str,
    strategy: str,
    tasks: tuple[str, ...],
    higher_is_better: np.ndarray,
    alone: Values,
    share: Values,
    shared: Values,
) -> Dilution:
    """What each task loses to its equal share (dilution), and what the shared model then adds or gives back (sharing).

    Args:
        budget: in all.
        unit: what it is counted in.
        strategy: of the shared model.
        tasks: (K,) names.
        higher_is_better: (K,) direction of the values.
        alone: of a specialist with the whole budget.
        share: of a specialist with an equal share.
        shared: in the shared model.
    """
    # positive is worse, whatever the metric's direction
    sign = np.where(higher_is_better, -1.0, 1.0)

    def against(after: Values, before: Values) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        point = sign * (after[0] - before[0])
        return point, *interval(sign * (after[1] - before[1]))

    return Dilution(
        budget, unit, strategy, tasks, alone[0], share[0], shared[0], *against(share, alone), *against(shared, share)
    )


def parts_along(
    specialists: Subsets, shared: SharedSubsets, strategy: str, order: np.ndarray, least: int = 1
) -> tuple[Dilution, ...]:
    """The parts for the first ``least``, …, K tasks of an order (K,), each at the same budget.

    A task alone and at an equal share has a specialist of its best size, whatever limits are on its spend. With one
    task dilution is 0, and what is left under sharing is by how much the shared strategy's law misses the specialist.

    Args:
        specialists: solves sets of specialists.
        shared: solves sets of one shared model, over the same tasks.
        strategy: its name.
        order: task positions in joining order.
        least: the first number of tasks.
    """
    curves, spec = specialists.curves, specialists.spec
    draws = min(len(curves.draws), len(shared.curves.draws))
    response = spend_response(curves, spec)

    def values(of: Curves, task: np.ndarray, inputs: np.ndarray) -> Values:
        # draws of two fits are paired by their place; the longer file's rest has no partner
        told = of.told
        scenarios = told.distance_draws(task, inputs)[:draws]
        return told.present(task, told.distance(task, inputs)), told.present(task, scenarios)

    def specialist(task: np.ndarray, spend: float) -> Values:
        return values(curves, task, response.log_inputs(task, np.full(len(task), spend)))

    alone = specialist(order, spec.budget)
    found = []
    for size in range(least, len(order) + 1):
        task = order[:size]
        split = shared.of(task[None])
        found.append(
            decompose_loss(
                spec.budget,
                spec.unit,
                strategy,
                tuple(curves.tasks[i] for i in task),
                curves.higher_is_better[task],
                (alone[0][:size], alone[1][:, :size]),
                specialist(task, spec.budget / size),
                values(shared.curves, task, split.log_inputs[0]),
            )
        )
    return tuple(found)


def _values(planner: StrategyPlanner, entry: StrategyPlan) -> Values:
    """Those of a plan's tasks."""
    curves, every = planner.served.curves.told, np.arange(len(entry.tasks))
    return entry.predicted, curves.present(every, curves.distance_draws(every, entry.log_inputs))
