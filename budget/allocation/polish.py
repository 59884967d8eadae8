"""The split to full precision: Newton's method on the optimality conditions, from any split.

A model's marginal return at its best inputs is nearly a power of its spend, so its logarithm is nearly linear in
the logarithm of the spend. Each round takes the local slope, finds the one price at which the spends that it implies,
clipped to their limits, use up the budget, and moves there.
"""

import numpy as np

from budget.allocation.certificate import marginal_return
from budget.allocation.problem import Problem
from budget.allocation.size import best_inputs

ROUNDS = 12
"""Most of them. Falling powers take 2 or 3; marginal returns that vanish with repeats are no powers and take more."""

STEP = 1e-3
"""Relative step of the finite difference behind the slope."""


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
    best, value = spend, _objective(problem, spend)
    for _ in range(rounds):
        here, beyond = _log_marginal(problem, best), _log_marginal(problem, best * (1 + STEP))
        slope = np.minimum((beyond - here) / np.log1p(STEP), -0.5)
        moved = _at_common_price(problem, np.log(best), here, slope)
        new = _objective(problem, moved)
        if not new < value:
            break
        best, value = moved, new
    return best


def _objective(problem: Problem, spend: np.ndarray) -> float:
    return float(problem.by_model.terms(best_inputs(problem.by_model, problem.cost, spend)).sum())


def _log_marginal(problem: Problem, spend: np.ndarray) -> np.ndarray:
    u = best_inputs(problem.by_model, problem.cost, spend)
    return np.log(np.maximum(marginal_return(problem.by_model, problem.cost, u), 1e-300))


def _at_common_price(problem: Problem, log_spend: np.ndarray, here: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The spends ``exp(log_spend + (log price − here)/slope)`` within the limits that sum to the budget."""

    def at(log_price: float) -> np.ndarray:
        logs = np.minimum(log_spend + (log_price - here) / slope, np.log(problem.budget))
        return np.clip(np.exp(logs), problem.low, problem.high)

    dear, cheap = here.max() + 50.0, here.min() - 50.0
    for _ in range(200):
        middle = 0.5 * (dear + cheap)
        if at(middle).sum() > problem.budget:
            cheap = middle
        else:
            dear = middle
    spend = at(dear)
    free = (spend > problem.low) & (spend < problem.high)
    if free.any():
        spend[free] *= (problem.budget - spend[~free].sum()) / spend[free].sum()
    return spend
