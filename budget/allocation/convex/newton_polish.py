"""The split to full precision: Newton's method on the optimality conditions, from any split."""

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.water_filling import newton_step

ROUNDS = 12
"""Most of them. Falling powers take 2 or 3; marginal returns that vanish with repeats are no powers and take more."""


def polish(problem: Problem, spend: np.ndarray, rounds: int = ROUNDS) -> np.ndarray:
    """Improve a split.

    Args:
        problem: the stated problem, without further resources and rows.
        spend: (V,) positive, within the limits, summing to the budget unless every model is at its maximum.
        rounds: most rounds; it stops where one brings nothing.

    Returns:
        (V,) a split that is not worse, of the same sum.
    """
    if len(spend) == 1 or problem.high.sum() <= problem.budget:
        return spend
    value, cost = problem.by_model, problem.cost
    budgets, limits = np.array([problem.budget]), (problem.low[None], problem.high[None])

    def worth(spend: np.ndarray) -> float:
        return float(value.terms(best_inputs(value, cost, spend)).sum())

    best, reached = spend, worth(spend)
    for _ in range(rounds):
        (moved,) = newton_step(value, cost, best[None], budgets, *limits)
        new = worth(moved)
        if not new < reached:
            break
        best, reached = moved, new
    return best
