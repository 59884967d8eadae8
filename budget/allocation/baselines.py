"""Plans that need no optimizer, at the same budget and within the same limits: what the plan has to beat."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from budget.allocation.question import Question
from budget.curves.posynomial import Posynomial

TOKENS_PER_PARAMETER = 20.0
"""The rule of thumb read off Hoffmann et al. 2022 for one model of general text."""

CHUNKS = 100
"""Parts in which the greedy split hands out the budget."""

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


def to_budget(wish: np.ndarray, problem: Bounded) -> np.ndarray:
    """The spends proportional to a wish that use the budget as far as the limits let them.

    Args:
        wish: (V,) positive.
        problem: its budget and limits.

    Returns:
        (V,) ``clip(t·wish, low, high)`` with the factor ``t`` at which they sum to the budget, or ``high`` where even
        that is below the budget.
    """
    if problem.high.sum() <= problem.budget:
        return problem.high.copy()
    least, most = 0.0, float((problem.high / wish).max())
    for _ in range(200):
        factor = 0.5 * (least + most)
        if np.clip(factor * wish, problem.low, problem.high).sum() > problem.budget:
            most = factor
        else:
            least = factor
    spend = np.clip(least * wish, problem.low, problem.high)
    free = (spend > problem.low) & (spend < problem.high)
    if free.any():
        spend[free] *= (problem.budget - spend[~free].sum()) / spend[free].sum()
    return spend


def baseline_splits(
    question: Question, problem: Bounded, worth: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
    """Spends (V,) of each split.

    ``uniform``; ``proportional`` to weight where the weights differ; ``current`` where it is stated for every task;
    ``greedy``, which gives each hundredth of the budget to the task whose value it improves most. One shared model has
    nothing to split, so it has none; the cheapest plan has no budget to split, and minima above the budget (of tasks
    that may be given nothing) leave no split that serves all.

    Args:
        question: what is asked.
        problem: its budget and limits.
        worth: (positions (R,), spends (R,)) → weighted values (R,), smaller being better.
    """
    if question.strategy == "shared" or not np.isfinite(problem.budget) or problem.low.sum() > problem.budget:
        return {}
    count = len(problem.low)
    splits = {"uniform": to_budget(np.ones(count), problem)}
    if np.ptp(question.weight) > 0:
        splits["proportional"] = to_budget(question.weight, problem)
    if (question.tasks.current > 0).all():
        splits["current"] = to_budget(question.tasks.current, problem)
    if count > 1:
        splits["greedy"] = _greedy(problem, worth)
    return splits


def _greedy(problem: Bounded, worth: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    count = len(problem.low)
    spend = np.maximum(problem.low, np.minimum(SEED_SHARE * problem.budget / count, problem.high))
    left = problem.budget - spend.sum()
    if left <= 0:
        return to_budget(np.maximum(problem.low, 1e-12 * problem.budget), problem)
    chunk = left / CHUNKS
    every = np.arange(count)
    value = worth(every, spend)
    beyond = np.minimum(spend + chunk, problem.high)
    after = worth(every, beyond)
    for _ in range(CHUNKS):
        best = np.argmax(value - after)
        spend[best], value[best] = beyond[best], after[best]
        beyond[best] = min(spend[best] + chunk, problem.high[best])
        after[best] = worth(every[best : best + 1], beyond[best : best + 1])[0]
    return to_budget(spend, problem)


def rule_of_thumb(cost: Posynomial, budget: float) -> np.ndarray:
    """Log inputs (V, 2) of models with 20 tokens a parameter whose cost is the budget each."""
    low, high = np.full(len(cost), -100.0), np.full(len(cost), 200.0)
    for _ in range(100):
        middle = 0.5 * (low + high)
        u = np.column_stack([middle, middle + np.log(TOKENS_PER_PARAMETER)])
        over = cost.value(u) > budget
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return np.column_stack([low, low + np.log(TOKENS_PER_PARAMETER)])
