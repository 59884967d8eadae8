"""The best splits of many budgets at once: one batched root for all, where a convex program would be solved for each.

The optimality condition is one price of the budget at which every model's marginal return, within its limits, is the
same. A model's marginal return at its best inputs is nearly a power of its spend, so its logarithm is nearly linear in
the logarithm of the spend. Each round takes the local slope, finds the one price at which the spends that it implies,
clipped to their limits, use up the budget, and moves there.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs, rising_root
from budget.allocation.convex.certificate import marginal_return
from budget.allocation.convex.problem import Problem
from budget.allocation.spec.scenarios import Scenarios
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial

ROUNDS = 30
"""Most rounds; sums of falling powers take 3 to 6."""

EXACT = 1e-8
"""Largest last step of a spend's logarithm: the splits' value is then exact to its square."""

STEP = 1e-3
"""Relative step of the finite difference behind the slope."""

AT_ONCE = 20_000
"""Models of one batch; more at once are no faster, and take memory."""

LEAST = 1e-30
"""Share of a budget below which no spend falls, though it bring nothing."""


def water_fill(
    problem: Problem, budgets: np.ndarray, low: np.ndarray, high: np.ndarray, members: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The splits with the least sum of values.

    Args:
        problem: with one budget and no further limits; its own total and ends are not read.
        budgets: (Q,) totals.
        low: (V,) stated least spends; with those of the smallest models they are below every budget together.
        high: (V,) greatest spends, infinite where there is none.
        members: (Q, V') positions of the models that share each budget; by default all V of them share each.

    Returns:
        Spends (Q, V'), and the models' log inputs (Q, V', I).
    """
    if members is None:
        members = np.tile(np.arange(len(problem.cost)), (len(budgets), 1))
    value, cost = problem.by_model.take(members.ravel()), problem.cost.take(members.ravel())
    low, most = np.maximum(low, problem.smallest)[members], np.minimum(high[members], budgets[:, None])
    spend = _to_budget(np.full(members.shape, 1 / members.shape[1]), budgets, low, most)
    for _ in range(ROUNDS):
        moved = newton_step(value, cost, spend, budgets, low, most)
        step = np.abs(np.log(moved / spend)).max()
        spend = moved
        if step <= EXACT:
            break
    return spend, best_inputs(value, cost, spend.ravel()).reshape(*spend.shape, -1)


def water_fill_each(problems: Sequence[Problem]) -> np.ndarray:
    """The split (B, V) of each of B problems that differ in their values only, such as draws."""
    models, first = len(problems[0].cost), problems[0]
    parts, each = [], max(1, AT_ONCE // models)
    for start in range(0, len(problems), each):
        some = problems[start : start + each]
        alike = np.tile(np.arange(models), len(some))
        every = replace(
            first, value=Scenarios.of([problem.by_model for problem in some]).values, cost=first.cost.take(alike)
        )
        members = np.arange(len(alike)).reshape(len(some), models)
        parts.append(
            water_fill(every, np.full(len(some), first.budget), first.low[alike], first.high[alike], members)[0]
        )
    return np.concatenate(parts)


def newton_step(
    value: PlanningForm, cost: Posynomial, spend: np.ndarray, budgets: np.ndarray, low: np.ndarray, most: np.ndarray
) -> np.ndarray:
    """One step of splits toward a common price of each budget.

    Args:
        value: Q·V values, those that share a budget together.
        cost: Q·V costs.
        spend: (Q, V) positive, within the limits, using the budgets up as far as these let them.
        budgets: (Q,).
        low: (Q, V) least spends.
        most: (Q, V) greatest spends.

    Returns:
        (Q, V) spends within the limits that sum to each budget as far as these let them.
    """

    def log_marginal(u: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(marginal_return(value, cost, u), 1e-300)).reshape(spend.shape)

    u = best_inputs(value, cost, spend.ravel())
    here, beyond = log_marginal(u), log_marginal(best_inputs(value, cost, spend.ravel() * (1 + STEP), near=u))
    slope = np.minimum((beyond - here) / np.log1p(STEP), -0.5)
    log_spend, log_budget = np.log(spend), np.log(budgets)[:, None]
    low = np.minimum(np.maximum(low, LEAST * budgets[:, None]), most)

    def implied(cheapness: np.ndarray) -> np.ndarray:
        """The spends ``spend · exp((log price − here)/slope)``; the price falls as the cheapness (Q,) rises."""
        logs = np.minimum(log_spend - (cheapness[:, None] + here) / slope, log_budget)
        return np.clip(np.exp(logs), low, most)

    def over(cheapness: np.ndarray) -> np.ndarray:
        return np.log(implied(cheapness).sum(axis=1) / budgets)

    # the spends use the budget up: at the highest return of all, none of them would rise, and at the lowest none fall
    return _to_budget(implied(rising_root(over, -here.max(axis=1), -here.min(axis=1))), budgets, low, most)


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
