"""The most tasks that one budget keeps at their targets.

See docs/decisions/076-two-largest-sets.md,
docs/decisions/162-the-gain-in-the-order-it-is-asked.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.minimax import spend_to_level
from budget.allocation.convex.problem import build_problem
from budget.allocation.nonconvex.spend_response import spend_response
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.plan_spec import PlanSpec, is_nonconvex
from budget.curves.curves import Curves
from budget.numerics.interval import interval
from budget.numerics.strict_json import json_rows, json_value
from budget.studies.focus.thresholds import THRESHOLD_ROUNDING, least_spend
from budget.studies.strategies.specialist_subsets import Subsets

MAX_BUDGET_MULTIPLE = 1e6
"""Largest multiple of the budget at which a target is looked for where values are no sums of powers."""


@dataclass(frozen=True)
class Planned:
    """How many tasks keep their stated targets under the best plans for the mean, as the set grows; O orders.

    Attributes:
        largest: (O,) the largest k at which all of the first 1, 2, …, k tasks' targets are met, by the point fit.
        low: 10 % point over the draws of these plans, the mean over the orders.
        high: 90 % point.
        sure: share of the draws in which ``largest`` tasks or more keep theirs, the mean over the orders.
    """

    largest: np.ndarray
    low: float
    high: float
    sure: float

    def record(self) -> dict[str, Any]:
        """The counts as JSON: their mean over the orders with the least and the greatest, and what the draws say."""
        return _summary(self.largest) | json_value({"low": self.low, "high": self.high, "sure": self.sure})


def planned_sets(subsets: Subsets, orders: np.ndarray) -> Planned | None:
    """Count along orders (O, K); ``None`` where no target is stated."""
    if not np.isfinite(subsets.spec.tasks.target).any():
        return None
    count = len(orders)
    whole = np.ones(count, dtype=bool)
    in_draws = np.ones((count, len(subsets.curves.draws)), dtype=bool)
    largest, scenarios = np.zeros(count, dtype=int), np.zeros(in_draws.shape, dtype=int)
    for size in range(1, orders.shape[1] + 1):
        split = subsets.of(orders[:, :size])
        whole &= (subsets.met(split) != 0).all(axis=1)  # NaN, no target, is no target missed
        # a draw that lost a target at a smaller set stays lost, so that orders without a draw left are skipped
        for order in np.flatnonzero(in_draws.any(axis=1)):
            distance = subsets.curves.told.distance_draws(split.members[order], split.log_inputs[order])
            in_draws[order] &= (subsets.reached(split.members[order], distance) != 0).all(axis=1)
        largest, scenarios = largest + whole, scenarios + in_draws
    sure = float((scenarios >= largest[:, None]).mean()) if scenarios.size else float("nan")
    low, high = interval(scenarios.mean(axis=0))
    return Planned(largest, float(low), float(high), sure)


@dataclass(frozen=True)
class TargetsKept:
    """How far a set can grow with every stated target met; T tasks, O orders.

    Attributes:
        names: (T,) the tasks.
        required: (T,) least spend that meets the target, at least the task's minimum; infinite where none within the
            task's maximum does; NaN where no target is stated.
        by_plan: how far the best splits for the mean keep the targets.
        possible: (O,) the largest k at which some split does: their required spends fit the budget.
        most: the most targets that any subset of the tasks meets within the budget.
        best: the tasks of such a subset, the cheapest targets.
        stated: tasks with a target.
    """

    names: tuple[str, ...]
    required: np.ndarray
    by_plan: Planned
    possible: np.ndarray
    most: int
    best: tuple[str, ...]
    stated: int

    @property
    def planned(self) -> np.ndarray:
        """(O,) the largest k at which the best split for the mean among the first k meets all their targets."""
        return self.by_plan.largest

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
            "planned": self.by_plan.record(),
            "possible": _summary(self.possible),
            "required": json_rows(self.table()),
        }


def targets_kept(subsets: Subsets, orders: np.ndarray) -> TargetsKept | None:
    """Look for the largest sets along orders (O, K) and over all subsets; ``None`` where no target is stated."""
    tasks, budget = subsets.spec.tasks, subsets.spec.budget
    stated, found = np.isfinite(tasks.target), planned_sets(subsets, orders)
    if found is None:
        return None
    required = required_spends(subsets.curves, subsets.spec, *subsets.ends, budget / len(tasks.target))
    limit = budget * (1 + THRESHOLD_ROUNDING)
    # a task without a target still takes its minimum from the budget
    taken = np.where(stated, required, subsets.ends[0])[orders]
    possible = (np.cumsum(taken, axis=1) <= limit).sum(axis=1)
    # targets count alike, so that the cheapest first are the most (a knapsack with equal gains)
    cheapest = np.flatnonzero(stated)[np.argsort(required[stated], kind="stable")]
    most = int((np.cumsum(required[cheapest]) <= limit).sum())
    best = tuple(subsets.curves.tasks[task] for task in np.sort(cheapest[:most]))
    return TargetsKept(subsets.curves.tasks, required, found, possible, most, best, int(stated.sum()))


def required_spends(curves: Curves, spec: PlanSpec, low: np.ndarray, high: np.ndarray, near: float) -> np.ndarray:
    """The least spends (T,) that meet the targets.

    Args:
        curves: of T tasks.
        spec: about them, one training per task; limits in it are not read.
        low: (T,) least spends.
        high: (T,) greatest spends, infinite where there is none.
        near: a spend from which to look, in the unit.

    Returns:
        Spends in the unit by what is told of a plan; infinite where none up to the greatest meets the target (of values
        that are no sums of powers, and of plans made on other curves than those told: none up to
        ``MAX_BUDGET_MULTIPLE`` budgets); NaN where no target is stated.
    """
    tasks, every = spec.tasks, np.arange(len(curves.tasks))
    level = spec.measure.of_value(curves, every, tasks.target)
    if is_nonconvex(curves, spec):
        spend = least_spend(spend_response(curves, spec).value_at, every, level, MAX_BUDGET_MULTIPLE * spec.budget)
    elif curves.told is not curves:
        spend = _told_spends(curves, spec)
    else:
        problem = build_problem(curves, spec)
        spend = spend_to_level(problem.value, problem.cost, spec.weight * level, np.full(len(every), near))
    # a minimum is spent whether the target needs it or not; beyond a maximum the target is out of reach
    spend = np.maximum(spend, low)
    spend = np.where(spend > high * (1 + THRESHOLD_ROUNDING), np.inf, spend)
    return np.where(np.isfinite(tasks.target), spend, np.nan)


def _told_spends(curves: Curves, spec: PlanSpec) -> np.ndarray:
    """The least spends (T,) with which models sized by the curves planned on reach the targets by what is told of them.

    A plan reports the prediction: a spend read off the curve that it was planned on would miss the target there.
    """
    problem, every = build_problem(curves, spec), np.arange(len(curves.tasks))
    sign = np.where(curves.higher_is_better, -1.0, 1.0)

    def short(task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        inputs = best_inputs(problem.by_model.take(task), problem.cost.take(task), spend)
        distance = curves.told.distance(task, law_inputs_of(curves, spec, inputs, task))
        return np.asarray(sign[task] * curves.told.present(task, distance))

    return least_spend(short, every, sign * spec.tasks.target, MAX_BUDGET_MULTIPLE * spec.budget)


def _summary(counts: np.ndarray) -> dict[str, float]:
    return {"mean": float(counts.mean()), "least": int(counts.min()), "greatest": int(counts.max())}
