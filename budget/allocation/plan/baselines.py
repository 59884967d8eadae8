"""Splits that need no optimizer, each exactly what its name says: what a plan is compared with.

See docs/decisions/055-baseline-is-evaluated-not-repaired.md.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.planning_forms.posynomial import Posynomial
from budget.numerics.fill_to_budget import fill_to_budget
from budget.numerics.roots import rising_root
from budget.numerics.words import shortened

TOKENS_PER_PARAMETER = 20.0
"""The rule of thumb read off Hoffmann et al. 2022 for one model of general text."""

UNIFORM, PROPORTIONAL, CURRENT, GREEDY = "uniform", "proportional", "current", "greedy"
CURRENT_SCALED = "current scaled to the budget"
RULE_OF_THUMB = f"{TOKENS_PER_PARAMETER:g} tokens per parameter"
WITHIN = " within the limits"
"""Follows the name of a split that was clipped to the limits and filled up as far as they and the budget allow."""

SAME_TOTAL = 1e-9
"""Relative distance within which today's total is the budget."""

TO_TARGETS = " to the targets"
"""Follows the name of a split that is made as small as its targets allow, which is what a cheapest plan beats."""

CHUNKS = 100
"""Parts in which the greedy split hands out the budget."""

SMALLEST_LOG_SIZE, LARGEST_LOG_SIZE = -100.0, 200.0
"""Logarithms of sizes beyond which no rule of thumb is looked for: costs there are still numbers."""

SEED_SHARE = 0.01
"""Share of the budget that the greedy split gives to all alike before it looks at returns."""


class Bounded(Protocol):
    """A budget and V models' own limits."""

    @property
    def budget(self) -> float:
        """The total."""
        ...

    @property
    def low(self) -> np.ndarray:
        """(V,) least spends."""
        ...

    @property
    def high(self) -> np.ndarray:
        """(V,) greatest spends."""
        ...


def stated_splits(spec: PlanSpec, count: int) -> dict[str, np.ndarray]:
    """Spends (V,) of each split that somebody would make by hand, exactly as its name says and whatever the limits.

    ``uniform``; ``proportional`` to weight where the weights differ; ``current`` where it is stated for every task, and
    ``current scaled to the budget`` where it sums to something else. One shared model has nothing to split.

    Args:
        spec: what is asked.
        count: V, the number of models.
    """
    if spec.is_one_model:
        return {}
    splits = {}
    if np.isfinite(spec.budget):
        splits[UNIFORM] = np.full(count, spec.budget / count)
        if np.ptp(spec.weight) > 0:
            splits[PROPORTIONAL] = spec.weight * spec.budget
    current = spec.tasks.current
    if np.isfinite(current).all() and current.sum() > 0:
        splits[CURRENT] = current.copy()
        if np.isfinite(spec.budget) and abs(current.sum() / spec.budget - 1) > SAME_TOTAL:
            splits[CURRENT_SCALED] = current * (spec.budget / current.sum())
    return splits


def directions_by_hand(spec: PlanSpec, count: int) -> dict[str, np.ndarray]:
    """Shares (V,) of the splits by hand that can be made smaller and larger, each summing to 1.

    Those of ``stated_splits``, whatever the budget.

    Args:
        spec: what is asked.
        count: V, the number of models.
    """
    if spec.is_one_model:
        return {}
    shares = {UNIFORM: np.full(count, 1 / count)}
    if np.ptp(spec.weight) > 0:
        shares[PROPORTIONAL] = spec.weight / spec.weight.sum()
    current = spec.tasks.current
    if np.isfinite(current).all() and (current > 0).all():
        shares[CURRENT] = current / current.sum()
    return shares


def missing_splits(spec: PlanSpec) -> tuple[str, ...]:
    """Why today's split is not among the baselines though some task states what it is given today."""
    current, names = spec.tasks.current, spec.tasks.names
    empty = [name for name, spend in zip(names, current, strict=True) if not np.isfinite(spend)]
    if len(empty) == len(names):
        return ()
    if spec.is_one_model:
        return ("Today's split is not compared: one shared model has one spend.",)
    if empty:
        return (f"Today's split is not compared: column 'current' is empty for {shortened(empty)}.",)
    return () if current.sum() > 0 else ("Today's split is not compared: column 'current' gives no task anything.",)


def greedy_split(problem: Bounded, worth: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Spends (V,) that give each hundredth of the budget to the model whose value it improves most, within its limits.

    Args:
        problem: the budget and the limits; the least spends sum to no more than the budget.
        worth: (positions (R,), spends (R,)) → weighted values (R,), smaller being better.
    """
    count = len(problem.low)
    spend = np.maximum(problem.low, np.minimum(SEED_SHARE * problem.budget / count, problem.high))
    limits = problem.budget, problem.low, problem.high
    left = problem.budget - spend.sum()
    if left <= 0:
        return fill_to_budget(np.maximum(problem.low, 1e-12 * problem.budget), *limits)
    chunk = left / CHUNKS
    every = np.arange(count)
    value = worth(every, spend)
    beyond = np.minimum(spend + chunk, problem.high)
    after = worth(every, beyond)
    for _ in range(CHUNKS):
        # what costs more than it may have brings nothing, however often it is tried
        with np.errstate(invalid="ignore"):
            best = np.argmax(np.nan_to_num(value - after, nan=0.0))
        spend[best], value[best] = beyond[best], after[best]
        beyond[best] = min(spend[best] + chunk, problem.high[best])
        after[best] = worth(every[best : best + 1], beyond[best : best + 1])[0]
    return fill_to_budget(spend, *limits)


def rule_of_thumb(cost: Posynomial, budget: float) -> np.ndarray:
    """Log inputs (V, 2) of models with 20 tokens a parameter whose cost is the budget each."""
    ratio = np.log(TOKENS_PER_PARAMETER)

    def over(size: np.ndarray) -> np.ndarray:
        return np.log(cost.value(np.column_stack([size, size + ratio])) / budget)

    size = rising_root(over, np.full(len(cost), SMALLEST_LOG_SIZE), np.full(len(cost), LARGEST_LOG_SIZE))
    return np.column_stack([size, size + ratio])
