"""Shadow prices: what one more unit of a budget or of a limit is worth to the objective, the duals of a plan.

At the optimum every model that is at no limit of its own returns the same for one more unit of spend (KKT), which is
the budget's shadow price; ``plain_duals`` reads it off a plan, solvers of further limits name all of them. What the
prices prove is ``certificate``'s.

See docs/decisions/176-no-smaller-than-the-runs-allow.md.
"""

from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.problem import Problem
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial

EDGE = 1e-9
"""Distance of a log input from its least within which it counts as there: 1e-9 of the input itself, some rounding."""

AT_END = 1e-5
"""Distance of a log input from an end of its range within which a bound takes it for being there: at an optimum nearby
the gradient is 0, and moving it costs the square of the move."""

AT_LIMIT = 1e-7
"""Relative distance at which a spend counts as being at its limit: ten times what a solver misses it by."""


@dataclass(frozen=True)
class Duals:
    """What the limits of V models charge; all not negative.

    Attributes:
        budget: (R,) for a unit of each resource's budget.
        low: (V,) for a unit of each least spend.
        high: (V,) for a unit of each greatest spend.
        row: (L,) for a unit of each row's right side.
    """

    budget: np.ndarray
    low: np.ndarray
    high: np.ndarray
    row: np.ndarray

    def shadow_prices(self, problem: Problem) -> np.ndarray:
        """What one unit of each resource costs each model, shape (R, V)."""
        result = np.tile(self.budget[:, None], (1, len(problem.cost)))
        result[0] += self.high - self.low
        for row, price in zip(problem.rows, self.row, strict=True):
            result[row.resource] += price * row.coefficient
        return result

    def limits(self, problem: Problem) -> float:
        """The prices times what they are prices of."""
        totals = np.array([problem.budget, *(resource.budget for resource in problem.further)])
        used = (self.budget > 0) & np.isfinite(totals)
        total = float(self.budget[used] @ totals[used]) - float(self.low @ problem.low)
        total += float(self.high[self.high > 0] @ problem.high[self.high > 0])
        return total + sum(price * row.upper for row, price in zip(problem.rows, self.row, strict=True))


def marginal_return(value: PlanningForm, cost: Posynomial, u: np.ndarray) -> np.ndarray:
    """Fall of each model's value per unit of extra spend at its best inputs (V, I): shape (V,), not negative."""
    spend = cost.value(u)
    elasticity = cost.gradient(u) / spend[:, None]  # of order one, so that its square cannot overflow
    of_value = value.gradient(u)
    if cost.domain is not None or cost.ceiling is not None:
        # an input at its least would rather be smaller, one at its greatest larger: what is more is spent on the others
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = -of_value / elasticity
        priced, held = elasticity > 0, np.zeros_like(u, dtype=bool)
        if cost.ceiling is not None:
            least = np.where(priced, gain, np.inf).min(axis=1, keepdims=True)
            held |= (u >= cost.ceiling - EDGE) & priced & (gain > least)
        if cost.domain is not None:
            most = np.where(priced & ~held, gain, -np.inf).max(axis=1, keepdims=True)
            held |= (u <= cost.domain + EDGE) & (np.where(priced, gain, -np.inf) < most)
        elasticity = np.where(held, 0.0, elasticity)
    return np.maximum(-(of_value * elasticity).sum(axis=1) / (elasticity**2).sum(axis=1), 0.0) / spend


def plain_duals(problem: Problem, u: np.ndarray, spend: np.ndarray, marginal: np.ndarray) -> Duals:
    """Prices of the budget and of each model's own limits, read off the marginal returns (V,) of a plan.

    KKT: at the price of the budget a model between its limits returns just that, one at its least spend less (the
    limit's own price is what is missing) and one at its greatest spend more. Where a model has one input (of ``u``,
    (V, I)) at its least and another at its greatest, more spend returns less than the last of it did, and any price
    between the two keeps it there.
    """
    at_low = (spend <= problem.low * (1 + AT_LIMIT)) & (problem.low > 0)
    at_high = spend >= problem.high * (1 - AT_LIMIT)
    domain, ceiling = problem.cost.domain, problem.cost.ceiling
    stays = np.zeros(len(spend), dtype=bool)
    if domain is not None and ceiling is not None:
        stays = (u <= domain + AT_END).any(axis=1) & (u >= ceiling - AT_END).any(axis=1) & ~(at_low | at_high)
    free = ~(at_low | at_high | stays)
    if free.any():
        shadow = float((marginal * spend)[free].sum() / spend[free].sum())
    elif spend.sum() < problem.budget * (1 - AT_LIMIT):
        shadow = 0.0
    elif at_high.any():
        shadow = float(marginal[at_high].min())
    else:
        shadow = float(marginal.max())
    excess = np.where(free | stays, 0.0, marginal - shadow)
    return Duals(np.array([shadow]), np.maximum(-excess, 0.0), np.maximum(excess, 0.0), np.zeros(0))
