"""How many targets a budget meets, and what meeting some of them costs at least: 0/1 knapsacks.

See docs/decisions/067-counting-targets.md.
"""

from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.certificate import proven_bound
from budget.allocation.nonconvex.choice_knapsack import dp_lower_bounds, solve_choice_knapsack
from budget.allocation.nonconvex.lower_hull import fill_along_hull, lower_hull, tidy
from budget.allocation.nonconvex.responses import BUDGET_ROUNDING
from budget.errors import AllocationError, InfeasibleError


@dataclass(frozen=True)
class Targets:
    """Which targets are met.

    Attributes:
        chosen: (V,) whether the task's target is met.
        spend: (V,) what each costs, 0 where it is not met.
        value: the objective: the weight met, or the total spend.
        bound: no choice has more weight, or costs less.
    """

    chosen: np.ndarray
    spend: np.ndarray
    value: float
    bound: float


def most_targets(
    spend_to_target: np.ndarray,
    weight: np.ndarray,
    budget: float,
    *,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    time_limit: float = 60.0,
) -> Targets:
    """The targets of greatest weight that a budget meets: ``max Σ w [c ≥ s]`` within ``Σ c ≤ budget``.

    For K equal tasks that is ``min(K, ⌊budget/s⌋)`` of them.

    Args:
        spend_to_target: (V,) s; infinite where no spend meets the target.
        weight: (V,) positive.
        budget: the total.
        low: (V,) least spend of a served task.
        high: (V,) greatest spend; a target beyond it is out of reach.
        time_limit: seconds.

    Raises:
        AllocationError: a spend is NaN or negative, or a weight not positive.
        SolverError: no choice was found in time.
    """
    spend = _checked(spend_to_target, weight)
    if low is not None:
        spend = np.maximum(spend, low)
    limit = budget * (1 + BUDGET_ROUNDING)
    reachable = np.flatnonzero((spend <= limit) & (spend <= (np.inf if high is None else high)))
    chosen = np.zeros(len(spend), dtype=bool)
    if spend[reachable].sum() <= limit:
        chosen[reachable] = True
        total = float(weight[reachable].sum())
        return Targets(chosen, np.where(chosen, spend, 0.0), total, total)
    cost, gain = spend[reachable], weight[reachable]
    # greedy by weight per spend is a plan in any case, whatever becomes of the solver
    order = np.lexsort((cost, -gain / np.maximum(cost, np.finfo(float).tiny)))
    by_rate = order[_fitting(cost[order], limit)]
    if np.ptp(gain) == 0:  # then the cheapest first is optimal
        count = int(np.searchsorted(np.cumsum(np.sort(cost)), limit, side="right"))
        chosen[reachable[np.argsort(cost, kind="stable")[:count]]] = True
        total = float(weight[chosen].sum())
        return Targets(chosen, np.where(chosen, spend, 0.0), total, total)
    chosen[reachable[by_rate]] = True
    choices = tidy(
        np.tile(np.arange(len(cost)), 2),
        np.concatenate([np.zeros(len(cost)), cost]),
        np.concatenate([np.zeros(len(cost)), -gain]),
    )
    found = solve_choice_knapsack(choices, limit, float(gain.max()), 1e-9 * float(gain.sum()), time_limit)
    if found is not None:
        better = np.zeros(len(spend), dtype=bool)
        better[reachable] = (found > 0) | (cost == 0)
        chosen = better if weight[better].sum() >= weight[chosen].sum() else chosen
    value = float(weight[chosen].sum())
    # two bounds that trust no solver: the linear relaxation's price, and the dynamic programme; the better counts
    price = fill_along_hull(lower_hull(choices), budget).price
    by_price = price * limit - choices.least(price).sum()
    by_parts = -dp_lower_bounds(choices, limit, price, 1e-6 * float(gain.sum())).min()
    most = -proven_bound(-value, -float(min(by_price, by_parts)), 1e-9 * float(gain.sum()))
    return Targets(chosen, np.where(chosen, spend, 0.0), value, most)


def cheapest_targets(
    spend_to_target: np.ndarray,
    weight: np.ndarray | None = None,
    at_least: float | None = None,
    *,
    time_limit: float = 60.0,
) -> Targets:
    """The least total spend that meets targets of some total weight.

    Args:
        spend_to_target: (V,) spend that meets each target; infinite where none does.
        weight: (V,) positive; by default each target counts as one, so that ``at_least`` is how many.
        at_least: weight to be met; by default all of it.
        time_limit: seconds.

    Returns:
        The choice; ``value`` is its spend.

    Raises:
        InfeasibleError: the targets within reach weigh less than ``at_least``.
        AllocationError: a spend is NaN or negative, or a weight not positive.
        SolverError: no choice was found in time.
    """
    weight = np.ones(len(spend_to_target)) if weight is None else weight
    spend = _checked(spend_to_target, weight)
    wanted = float(weight.sum()) if at_least is None else float(at_least)
    reachable = np.flatnonzero(np.isfinite(spend))
    cost, gain = spend[reachable], weight[reachable]
    needed = wanted - 1e-12 * abs(wanted)  # so that weights that sum to it but for rounding are enough
    if not gain.sum() >= needed:
        raise InfeasibleError(
            f"The targets within reach weigh {gain.sum():g} of the {wanted:g} asked for; ask for less, or leave out "
            f"the {len(spend) - len(reachable)} that no spend meets."
        )
    chosen = np.zeros(len(spend), dtype=bool)
    if len(reachable) and np.ptp(gain) == 0:
        count = int(np.ceil(needed / gain[0]))
        chosen[reachable[np.argsort(cost, kind="stable")[: max(count, 0)]]] = True
        total = float(spend[chosen].sum())
        return Targets(chosen, np.where(chosen, spend, 0.0), total, total)
    # what is left out is a knapsack: the greatest spend saved by targets of at most the weight that need not be met
    spare = float(gain.sum()) - needed
    if spare <= 0 or wanted <= 0:
        chosen[reachable] = wanted > 0
        total = float(spend[chosen].sum())
        return Targets(chosen, np.where(chosen, spend, 0.0), total, total)
    # leaving out what costs nothing saves nothing, and a knapsack's weights are positive
    costly = cost > 0
    saved = most_targets(gain[costly], cost[costly], spare, time_limit=time_limit)
    chosen[reachable] = True
    chosen[reachable[costly][saved.chosen]] = False
    total, most = float(spend[chosen].sum()), float(cost.sum())
    return Targets(chosen, np.where(chosen, spend, 0.0), total, proven_bound(total, most - saved.bound, 1e-9 * most))


def _checked(spend_to_target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    spend = np.asarray(spend_to_target, dtype=float)
    for task in np.flatnonzero(~(spend >= 0)):
        raise AllocationError(f"Task {task} needs a spend of {spend[task]:g} to meet its target; give 0 or more.")
    for task in np.flatnonzero(~((weight > 0) & np.isfinite(weight))):
        raise AllocationError(f"Task {task} has a weight of {weight[task]:g}; give a positive number.")
    return spend


def _fitting(cost: np.ndarray, budget: float) -> np.ndarray:
    """Which items are taken when each is taken in turn if it still fits: (V,) booleans."""
    taken = np.zeros(len(cost), dtype=bool)
    left = budget
    for item, price in enumerate(cost.tolist()):
        if price <= left:
            taken[item] = True
            left -= price
    return taken
