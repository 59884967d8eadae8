"""What breadth costs: every task's value as the task set grows from 1 to K tasks at one budget."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.ask import ask
from budget.allocation.result import Plan
from budget.allocation.solve import allocate, compiled
from budget.curves.fitted import Curves
from budget.tables.tasks import Tasks

ORDERS = ("given", "weight")
"""In which order tasks join: as in the file, or the heaviest first."""


@dataclass(frozen=True)
class Growth:
    """The plans for the first 1, 2, …, K tasks, each the best split of the same budget among specialists.

    Attributes:
        order: one of ``ORDERS``.
        names: the K tasks in joining order.
        plans: K plans; ``plans[k - 1]`` serves ``names[:k]``.
    """

    order: str
    names: tuple[str, ...]
    plans: tuple[Plan, ...]

    @property
    def hypothetical(self) -> bool:
        """Whether the specialists are read off a generalist's curves."""
        return self.plans[0].hypothetical

    def table(self) -> pd.DataFrame:
        """``growth.csv``: one row for each task of each set; ``target_met`` is empty where no target is stated."""
        return pd.concat([_rows(self.order, plan) for plan in self.plans], ignore_index=True)

    def record(self) -> dict[str, Any]:
        """The study as JSON."""
        rows = self.table().to_dict("records")
        first = self.plans[0]
        return {
            "budget": first.question.budget,
            "unit": first.question.unit,
            "strategy": first.question.strategy,
            "hypothetical": self.hypothetical,
            "metric": first.metric,
            "higher_is_better": first.higher_is_better,
            "order": self.order,
            "tasks": list(self.names),
            "objective": [plan.objective for plan in self.plans],
            "gap": [plan.gap for plan in self.plans],
            "rows": [
                {name: None if isinstance(cell, float) and np.isnan(cell) else cell for name, cell in row.items()}
                for row in rows
            ],
        }


def grow(
    curves: Curves,
    tasks: Tasks,
    budget: float,
    *,
    unit: str | None = None,
    params: float | None = None,
    order: str = "given",
    progress: Callable[[int, int], None] | None = None,
) -> Growth:
    """Plan for the first 1, 2, …, K tasks at one budget, one training per task.

    Args:
        curves: usable curves of K tasks.
        tasks: wishes for the same tasks in the same order.
        budget: the total for every set size.
        unit: see ``ask.ask``.
        params: see ``ask.ask``.
        order: one of ``ORDERS``.
        progress: called with (sets done, K).

    Raises:
        AllocationError: see ``ask.ask``.
    """
    count = len(curves.tasks)
    joining = np.arange(count) if order == "given" else np.argsort(-tasks.weight, kind="stable")
    plans = []
    program = compiled(
        curves, ask(curves, tasks, budget, unit=unit, strategy="specialists", params=params, measure="value")
    )
    for size in range(1, count + 1):
        pick = joining[:size]
        some = curves.take(pick)
        question = ask(
            some, tasks.select(some.tasks), budget, unit=unit, strategy="specialists", params=params, measure="value"
        )
        plans.append(allocate(some, question, draws=False, program=program))
        if progress is not None:
            progress(size, count)
    return Growth(order, tuple(curves.tasks[task] for task in joining), tuple(plans))


def target_met(plan: Plan) -> list[bool | None]:
    """Whether each task's predicted value reaches its target; ``None`` where none is stated."""
    better = (
        plan.predicted >= plan.question.tasks.target
        if plan.higher_is_better
        else plan.predicted <= plan.question.tasks.target
    )
    return [
        bool(met) if np.isfinite(target) else None
        for met, target in zip(better, plan.question.tasks.target, strict=True)
    ]


def _rows(order: str, plan: Plan) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order": order,
            "n_tasks": len(plan.spend),
            "task": plan.question.tasks.names,
            "strategy": plan.question.strategy,
            "spend": plan.spend,
            "predicted": plan.predicted,
            "low": plan.low,
            "high": plan.high,
            "target_met": pd.array(target_met(plan), dtype="boolean"),
        }
    )
