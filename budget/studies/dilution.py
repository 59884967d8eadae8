"""Why a task loses when others join: dilution of its budget, and what sharing one model adds or takes.

    value in the shared model − value alone = (value at an equal share − value alone) + sharing

The first part is dilution: what a specialist loses when its compute falls from the whole budget to an equal share. The
second compares the shared model, which has the whole budget, with the specialist at that share: positive is
interference, negative transfer. Runs identify only their net: a task may be helped by one task and harmed by another.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.measure import measure_of
from budget.errors import AllocationError
from budget.studies.arms import Served
from budget.studies.entries import Entry, Planner
from budget.studies.intervals import interval
from budget.studies.rows import records
from budget.tables.tasks import Tasks


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
        return {"budget": self.budget, "unit": self.unit, "strategy": self.strategy, "rows": records(table)}


def dilution(specialists: Served, shared: Served, tasks: Tasks, budget: float, *, unit: str | None = None) -> Dilution:
    """Part the loss of each task of one set at one budget.

    Args:
        specialists: curves of tasks measured alone, among them all of the shared model's.
        shared: curves of the K tasks of one model.
        tasks: wishes for these tasks, or more.
        budget: the total, positive.
        unit: see ``ask.ask``.

    Raises:
        AllocationError: the arms are the wrong way round, a task has no specialist, or see ``ask.ask``.
    """
    if specialists.one_model or not shared.one_model:
        raise AllocationError(
            f"Dilution compares specialists with a shared model, and these arms are '{specialists.strategy}' and "
            f"'{shared.strategy}'; give the specialists first."
        )
    names = shared.tasks
    missing = [name for name in names if name not in specialists.tasks]
    if missing:
        raise AllocationError(
            f"No specialist of {', '.join(missing[:8])} has a curve, so its dilution is unknown; measure it alone."
        )
    pick = np.array([specialists.tasks.index(name) for name in names])
    alone_curves, wishes = specialists.curves.take(pick), tasks.select(names)
    measure = measure_of(alone_curves, wishes, None)
    single = Planner(Served(specialists.strategy, alone_curves), wishes, measure, unit)
    together = Planner(shared, wishes, measure, unit)
    budgets, count = np.array([float(budget)]), len(names)
    asked = single.question(float(budget))
    whole = single.split(budgets, np.full((1, count), float(budget)), "alone")[0]
    part = single.split(budgets, np.full((1, count), budget / count), "equal share")[0]
    one = together.best(budgets)[0]
    sign = np.where(alone_curves.higher_is_better, -1.0, 1.0)

    def against(after: Entry, before: Entry) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        point = sign * (after.predicted - before.predicted)
        worlds = sign * (_in_draws(together if after is one else single, after) - _in_draws(single, before))
        return point, *interval(worlds, point)

    return Dilution(
        float(budget), asked.unit, shared.strategy, names, whole.predicted, part.predicted, one.predicted,
        *against(part, whole), *against(one, part),
    )  # fmt: skip


def _in_draws(planner: Planner, entry: Entry) -> np.ndarray:
    """(B, K) values of a plan's tasks in every draw."""
    curves, every = planner.served.curves, np.arange(len(entry.tasks))
    return curves.present(every, curves.distance_draws(every, entry.inputs))
