"""Plans that need no optimizer, at the same budget and within the same limits: what the plan has to beat."""

import numpy as np

from budget.allocation.problem import Problem, Question

TOKENS_PER_PARAMETER = 20.0
"""The rule of thumb read off Hoffmann et al. 2022 for one model of general text."""


def to_budget(wish: np.ndarray, problem: Problem) -> np.ndarray:
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


def baseline_splits(question: Question, problem: Problem) -> dict[str, np.ndarray]:
    """Spends (V,) of each split: ``uniform``, and ``proportional`` to weight where the weights differ.

    One shared model has nothing to split, so it has none.
    """
    if question.strategy == "shared":
        return {}
    splits = {"uniform": to_budget(np.ones(len(problem.value)), problem)}
    if np.ptp(question.weight) > 0:
        splits["proportional"] = to_budget(question.weight, problem)
    return splits


def rule_of_thumb(problem: Problem) -> np.ndarray:
    """Log inputs (V, 2) of models with 20 tokens a parameter whose cost is the budget each."""
    low, high = np.full(len(problem.cost), -100.0), np.full(len(problem.cost), 200.0)
    for _ in range(100):
        middle = 0.5 * (low + high)
        u = np.column_stack([middle, middle + np.log(TOKENS_PER_PARAMETER)])
        over = problem.cost.value(u) > problem.budget
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return np.column_stack([low, low + np.log(TOKENS_PER_PARAMETER)])
