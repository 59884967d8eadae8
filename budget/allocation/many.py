"""The best splits of many budgets at once: one batched root for all, where a convex program would be solved for each.

The optimality condition is one price of the budget at which every model's marginal return, within its limits, is the
same. Newton's method on its logarithm, as in ``polish``, but over Q budgets × V models in one array.
"""

import numpy as np

from budget.allocation.certificate import marginal_return
from budget.allocation.problem import Problem
from budget.allocation.size import best_inputs

ROUNDS = 30
"""Most rounds; sums of falling powers take 3 to 6."""

EXACT = 1e-8
"""Largest last step of a spend's logarithm: the splits' value is then exact to its square."""

STEP = 1e-3
"""Relative step of the finite difference behind the slope."""


def splits(
    problem: Problem, budgets: np.ndarray, low: np.ndarray, high: np.ndarray, members: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The splits with the least sum of values.

    Args:
        problem: with one budget and no further limits; its own total and ends are not read.
        budgets: (Q,) totals.
        low: (V,) least spends, below every budget together.
        high: (V,) greatest spends, infinite where there is none.
        members: (Q, V') positions of the models that share each budget; by default all V of them share each.

    Returns:
        Spends (Q, V'), and the models' log inputs (Q, V', I).
    """
    if members is None:
        members = np.tile(np.arange(len(problem.cost)), (len(budgets), 1))
    count, models = members.shape
    value, cost = problem.by_model.take(members.ravel()), problem.cost.take(members.ravel())
    low, high = low[members], high[members]

    def at(spend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u = best_inputs(value, cost, spend.ravel())
        return u, np.log(np.maximum(marginal_return(value, cost, u), 1e-300)).reshape(count, models)

    most = np.minimum(high, budgets[:, None])
    spend = _to_budget(np.full((count, models), 1 / models), budgets, low, most)
    for _ in range(ROUNDS):
        _, here = at(spend)
        _, beyond = at(spend * (1 + STEP))
        slope = np.minimum((beyond - here) / np.log1p(STEP), -0.5)
        moved = _at_common_price(spend, here, slope, budgets, low, most)
        step = np.abs(np.log(moved / spend)).max()
        spend = moved
        if step <= EXACT:
            break
    return spend, at(spend)[0].reshape(count, models, -1)


def _at_common_price(
    spend: np.ndarray, here: np.ndarray, slope: np.ndarray, budgets: np.ndarray, low: np.ndarray, most: np.ndarray
) -> np.ndarray:
    """The spends ``spend · exp((log price − here)/slope)`` within the limits that sum to each budget."""
    cheap, dear = here.min(axis=1) - 50.0, here.max(axis=1) + 50.0

    def implied(log_price: np.ndarray) -> np.ndarray:
        logs = np.minimum(np.log(spend) + (log_price[:, None] - here) / slope, np.log(budgets)[:, None])
        return np.clip(np.exp(logs), low, most)

    for _ in range(100):
        middle = 0.5 * (cheap + dear)
        over = implied(middle).sum(axis=1) > budgets
        cheap, dear = np.where(over, middle, cheap), np.where(over, dear, middle)
    return _to_budget(implied(dear), budgets, low, most)


def _to_budget(spend: np.ndarray, budgets: np.ndarray, low: np.ndarray, most: np.ndarray) -> np.ndarray:
    """The spends, those between their limits scaled so that all sum to the budget, as far as the limits let them."""
    spend = np.clip(spend * (budgets / spend.sum(axis=1))[:, None], low, most)
    for _ in range(spend.shape[1]):
        free = (spend > low) & (spend < most)
        held = np.where(free, 0.0, spend).sum(axis=1)
        loose = np.where(free, spend, 0.0).sum(axis=1)
        factor = np.where(loose > 0, (budgets - held) / np.where(loose > 0, loose, 1.0), 1.0)
        scaled = np.clip(np.where(free, spend * factor[:, None], spend), low, most)
        if np.allclose(scaled, spend, rtol=1e-15, atol=0.0):
            break
        spend = scaled
    return spend
