"""The most tasks that one budget keeps at their targets."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.level import spend_to_level
from budget.allocation.separable.ways import ways_of
from budget.studies.rows import records
from budget.studies.subsets import Subsets
from budget.studies.thresholds import ROUNDING, least_spend

BEYOND = 1e6
"""Largest multiple of the budget at which a target is looked for where values are no sums of powers."""


@dataclass(frozen=True)
class Kept:
    """How far a set can grow with every stated target met; T tasks, O orders.

    Attributes:
        names: (T,) the tasks.
        required: (T,) least spend that meets the target, at least the task's minimum; infinite where none within the
            task's maximum does; NaN where no target is stated.
        planned: (O,) the largest k at which the best split for the mean among the first k meets all their targets.
        possible: (O,) the largest k at which some split does: their required spends fit the budget.
        most: the most targets that any subset of the tasks meets within the budget.
        best: the tasks of such a subset, the cheapest targets.
        stated: tasks with a target.
    """

    names: tuple[str, ...]
    required: np.ndarray
    planned: np.ndarray
    possible: np.ndarray
    most: int
    best: tuple[str, ...]
    stated: int

    @property
    def lost(self) -> tuple[str, ...]:
        """Tasks whose target no spend meets."""
        return tuple(name for name, spend in zip(self.names, self.required, strict=True) if np.isinf(spend))

    def table(self) -> pd.DataFrame:
        """One row for each task with a target."""
        stated = ~np.isnan(self.required)
        names = [name for name, there in zip(self.names, stated, strict=True) if there]
        best = [name in self.best for name in names]
        return pd.DataFrame({"task": names, "required": self.required[stated], "in_largest_set": best})

    def record(self) -> dict[str, Any]:
        """The sets as JSON; counts are the mean over the orders with their least and greatest."""
        return {
            "stated": self.stated,
            "beyond_reach": list(self.lost),
            "most": self.most,
            "largest_set": list(self.best),
            "planned": _summary(self.planned),
            "possible": _summary(self.possible),
            "required": records(self.table()),
        }


def kept(subsets: Subsets, orders: np.ndarray) -> Kept | None:
    """Look for the largest sets along orders (O, K) and over all subsets; ``None`` where no target is stated."""
    tasks, budget = subsets.question.tasks, subsets.question.budget
    stated = np.isfinite(tasks.target)
    if not stated.any():
        return None
    required = _required(subsets)
    limit = budget * (1 + ROUNDING)
    taken = np.where(stated, required, subsets.ends[0])[orders]
    possible = (np.cumsum(taken, axis=1) <= limit).sum(axis=1)
    whole = np.array(
        [
            (subsets.met(subsets.of(orders[:, :size])) != 0).all(axis=1)  # NaN, no target, is no target missed
            for size in range(1, orders.shape[1] + 1)
        ]
    )
    planned = np.cumprod(whole, axis=0).sum(axis=0)
    cheapest = np.flatnonzero(stated)[np.argsort(required[stated], kind="stable")]
    most = int((np.cumsum(required[cheapest]) <= limit).sum())
    best = tuple(subsets.curves.tasks[task] for task in np.sort(cheapest[:most]))
    return Kept(subsets.curves.tasks, required, planned, possible, most, best, int(stated.sum()))


def _required(subsets: Subsets) -> np.ndarray:
    """(T,) least spends to the targets, within the tasks' own limits."""
    curves, question = subsets.curves, subsets.question
    every, target = np.arange(len(curves.tasks)), question.tasks.target
    low, high = subsets.ends
    level = question.measure.of_value(curves, every, target)
    if subsets.convex:
        problem = subsets.problem
        near = np.full(len(every), question.budget / len(every))
        spend = spend_to_level(problem.value, problem.cost, question.weight * level, near)
    else:
        spend = least_spend(ways_of(curves, question).worth, every, level, BEYOND * question.budget)
    spend = np.maximum(spend, low)
    spend = np.where(spend > high * (1 + ROUNDING), np.inf, spend)
    return np.where(np.isfinite(target), spend, np.nan)


def _summary(counts: np.ndarray) -> dict[str, float]:
    return {"mean": float(counts.mean()), "least": int(counts.min()), "greatest": int(counts.max())}
