"""Which tasks to serve, for many budgets at once, where a task that is given nothing has a known value.

Returns diminish once a task is served, so its value's convex envelope is the line from nothing to the tangent point,
its smallest efficient spend, and the curve beyond it. The slope of that line is the highest price at which the task is
served, so that a falling price of the budget takes the tasks in one order. At the price that fills the budget

    Σ_v min(unserved_v, min_c [value_v(c) + λ·c]) − λ·budget

bounds every plan (Lagrangian duality), and serving a task that the price leaves out, or not serving one that it takes,
raises this bound by what separates the two sides of its minimum. So only subsets whose departures stay within the gap
can be better: each is split by one batched price (``water_fill``), and where all of them were, the best is optimal.

See docs/decisions/068-best-subset-follows-one-price.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.certificate import proven_bound
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import marginal_return
from budget.allocation.convex.water_filling import water_fill
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.numerics.roots import rising_root

LOG_SPEND_RANGE = 80.0
"""How far from where it starts a spend is looked for, in its natural logarithm: 35 decades either way."""

PLAN_ROUNDING = 1e-12
"""Relative slack of sums of spends and of values: a sum of a thousand doubles is off by at most 1,000 · 1.1e-16,
rounded up ten times."""

MOST_SUBSETS = 400
"""Subsets whose split is solved at one budget; beyond it only those with the smallest departures are, and the plan is
not proven."""


@dataclass(frozen=True)
class Subset:
    """The best subset found at one budget.

    Attributes:
        spend: (V,) spends, 0 where a task is given nothing.
        u: (V, I) log inputs of the models, minus infinity where there is none.
        objective: the sum of values, unserved ones counted.
        bound: no plan has a smaller one.
        compared: subsets whose best split was computed.
    """

    spend: np.ndarray
    u: np.ndarray
    objective: float
    bound: float
    compared: int


def tangent_points(
    value: PlanningForm, cost: Posynomial, unserved: np.ndarray, low: np.ndarray, high: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """Each task's smallest efficient spend: where ``(unserved − value(c))/c`` is largest within its limits.

    For a law ``E + A·c^-a`` without limits that is ``((1 + a)·A/(unserved − E))^(1/a)``.

    Args:
        value: V functions, falling in each input, whose returns diminish.
        cost: V costs.
        unserved: (V,) value of a task that is given nothing; NaN where it is unknown.
        low: (V,) least spends of a served task.
        high: (V,) greatest spends, infinite where there is none.
        near: (V,) spends from which to look.

    Returns:
        (V,) spends; infinite where none within the limits brings anything, NaN where the unserved value is unknown.
    """
    reducible = unserved - value.offset
    # a task whose best value is no better than nothing has no tangent, and no logarithm to look for one by
    some = (reducible > 0) & (unserved > value.least)
    wanted, largest = np.log(np.where(some, reducible, 1.0)), cost.at_ceiling

    def excess(log_spend: np.ndarray) -> np.ndarray:
        """Rising through 0 where the line from nothing touches the curve: ``unserved = value + c·marginal``."""
        spend = np.minimum(np.exp(log_spend), largest)
        u = best_inputs(value, cost, spend)
        touching = value.terms(u).sum(axis=1) + spend * marginal_return(value, cost, u)
        # beyond the largest model nothing changes any more, and the line to its value only gets flatter
        return wanted - np.log(np.maximum(touching, 1e-300)) + (log_spend - np.log(spend))

    # as a difference of logarithms the condition is nearly linear in log spend: power laws give powers
    root = rising_root(excess, np.log(near) - LOG_SPEND_RANGE, np.log(near) + LOG_SPEND_RANGE)
    # a root at the end of the range is none: the line never touches
    some &= root < np.log(near) + LOG_SPEND_RANGE * (1 - 1e-9)
    # limits move the point of contact to their ends, for (unserved − value)/c has one maximum
    spend = np.clip(np.exp(np.where(some, root, 0.0)), np.maximum(low, cost.at_domain), high)
    useful = some & (_values(value, cost, spend) < unserved)
    return np.where(useful, spend, np.where(np.isnan(unserved), np.nan, np.inf))


def best_subsets(
    problem: Problem, unserved: np.ndarray, budgets: np.ndarray, low: np.ndarray, high: np.ndarray
) -> list[Subset]:
    """The best subset to serve at each budget (Q,).

    Args:
        problem: of V models of one task each; its own total and ends are not read.
        unserved: (V,) value of a task that is given nothing, weighted as the problem's values are.
        budgets: totals.
        low: (V,) least spends of a served task, each below every budget.
        high: (V,) greatest spends, infinite where there is none.
    """
    value, cost, count = problem.value, problem.cost, len(problem.cost)
    low = np.maximum(low, problem.smallest)
    near = np.full(count, float(np.median(budgets)) / count)
    tangent = tangent_points(value, cost, unserved, low, high, near)
    useful = np.flatnonzero(np.isfinite(tangent))
    at_tangent = _values(value, cost, np.where(np.isfinite(tangent), tangent, near))
    # the price above which a task is left out: the slope of its envelope's first edge; a falling price takes them so
    slope = (unserved - at_tangent)[useful] / tangent[useful]
    order = useful[np.argsort(-slope, kind="stable")]
    price = np.sort(slope)[::-1]
    # spend of each task in that order at each of their prices, (n, n), and what the first k take at the k-th
    task = np.repeat(order, len(order))
    at_price = _spend_at_price(value, cost, task, np.tile(price, len(order)), near)
    at_price = np.clip(at_price, low[task], high[task]).reshape(len(order), len(order))
    taken = np.cumsum(at_price, axis=0)
    # at the k-th task's own price: do the first k, each at its spend there, fit the budget?
    fits = np.diag(taken)[None, :] <= budgets[:, None] * (1 + PLAN_ROUNDING)
    served = np.where(fits.all(axis=1), len(order), fits.argmin(axis=1)) if len(order) else np.zeros(len(budgets), int)
    # the price that fills the budget lies above the next task's: it splits no task, and there is no duality gap
    alone = [
        first == len(order) or (first > 0 and taken[first - 1, first] >= budget * (1 - PLAN_ROUNDING))
        for budget, first in zip(budgets.tolist(), served.tolist(), strict=True)
    ]
    # the task that the price would split is left out, or taken with less for all: the two sides of its envelope's edge
    starts = [
        [np.sort(order[:first])]
        + ([] if single or low[order[: first + 1]].sum() > budget else [np.sort(order[: first + 1])])
        for budget, first, single in zip(budgets.tolist(), served.tolist(), alone, strict=True)
    ]
    tried = _solved(problem, unserved, budgets, low, high, starts)
    bounds, complete = np.full(len(budgets), -np.inf), alone.copy()
    rest: list[list[np.ndarray]] = []
    for at, (budget, first) in enumerate(zip(budgets.tolist(), served.tolist(), strict=True)):
        rest.append([])
        if alone[at]:
            continue  # its own price serves just these: the two sides of the duality meet
        spend = np.where(np.isfinite(tangent), tangent, near)
        spend[order] = at_price[:, first]
        # each task's Lagrangian if it is served; unserved it is its unserved value: the less of both is the bound
        # (Fisher 1981)
        worth = _values(value, cost, spend) + price[first] * spend
        taking = np.isin(np.arange(count), order[:first])
        bounds[at] = np.where(taking, worth, unserved).sum() - price[first] * budget
        least = min(each.objective for each in tried[at])
        gap = least - bounds[at] + PLAN_ROUNDING * abs(least)
        able = _values(value, cost, np.minimum(high, budget)) < unserved  # no other task is worth the whole budget
        # what deciding a task against its minimum adds to the bound; infinite where no budget makes serving it pay
        departure = np.where(able | taking, np.abs(unserved - worth), np.inf)
        # a subset better than the plan at hand departs by less than the gap: only these have to be solved
        flips, complete[at] = _within(departure[order], gap, MOST_SUBSETS)
        known = {start.tobytes() for start in starts[at]}
        others = (np.sort(order[taking[order] != flip]) for flip in flips)
        rest[at] = [each for each in others if each.tobytes() not in known and low[each].sum() <= budget]
    more = _solved(problem, unserved, budgets, low, high, rest)
    found = []
    for at, (first_ones, last_ones) in enumerate(zip(tried, more, strict=True)):
        best = min((*first_ones, *last_ones), key=lambda each: each.objective)
        least = proven_bound(best.objective, float(bounds[at]), 1e-9 * abs(best.objective))
        # where every subset that could be better was solved, the best of them is the optimum
        bound = best.objective if complete[at] else least
        found.append(replace(best, bound=bound, compared=len(first_ones) + len(last_ones)))
    return found


def _solved(
    problem: Problem,
    unserved: np.ndarray,
    budgets: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    subsets: list[list[np.ndarray]],
) -> list[list[Subset]]:
    """The best splits of some subsets at each budget, one batch for each size."""
    count, inputs = len(problem.cost), problem.cost.inputs
    rows = [(at, each) for at, mine in enumerate(subsets) for each in mine]
    found: list[list[Subset]] = [[] for _ in subsets]
    for size in {len(each) for _, each in rows}:
        some = [(at, each) for at, each in rows if len(each) == size]
        members = np.array([each for _, each in some], dtype=int).reshape(len(some), size)
        totals = budgets[[at for at, _ in some]]
        spends, us, values = np.zeros((len(some), 0)), np.zeros((len(some), 0, inputs)), np.zeros((len(some), 0))
        if size:
            spends, us = water_fill(problem, totals, low, high, members)
            values = problem.value.take(members.ravel()).value(us.reshape(members.size, -1)).reshape(members.shape)
        for (at, mine), given, each, worth in zip(some, spends, us, values, strict=True):
            spend, u, values_of = np.zeros(count), np.full((count, inputs), -np.inf), unserved.copy()
            spend[mine], u[mine], values_of[mine] = given, each, worth
            total = float(values_of.sum())
            found[at].append(Subset(spend, u, total, total, 1))
    return found


def _values(value: PlanningForm, cost: Posynomial, spend: np.ndarray) -> np.ndarray:
    """Values (V,) of the best models at spends (V,)."""
    return value.value(best_inputs(value, cost, spend))


def _spend_at_price(
    value: PlanningForm, cost: Posynomial, task: np.ndarray, price: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """The spends (R,) at which tasks (R,) have marginal returns of prices (R,)."""
    if len(task) == 0:
        return np.empty(0)
    value, cost, start = value.take(task), cost.take(task), np.log(near[task])

    def excess(log_spend: np.ndarray) -> np.ndarray:
        u = best_inputs(value, cost, np.exp(log_spend))
        return np.log(price) - np.log(np.maximum(marginal_return(value, cost, u), 1e-300))

    return np.exp(rising_root(excess, start - LOG_SPEND_RANGE, start + LOG_SPEND_RANGE))


def _within(departure: np.ndarray, gap: float, most: int) -> tuple[list[np.ndarray], bool]:
    """Sets (n,) of departures that sum to less than a gap, at most so many, small ones first; whether these are all."""
    rank = np.argsort(departure, kind="stable")
    found: list[np.ndarray] = []
    waiting: list[tuple[int, float, tuple[int, ...]]] = [(0, 0.0, ())]
    # breadth first over sets of growing rank: a set is extended only by larger departures, so each is met once
    while waiting:
        start, total, chosen = waiting.pop(0)
        if len(found) >= most:
            return found, False
        flip = np.zeros(len(departure), dtype=bool)
        flip[rank[list(chosen)]] = True
        found.append(flip)
        for place in range(start, len(rank)):
            more = total + float(departure[rank[place]])
            if more >= gap:
                break
            waiting.append((place + 1, more, (*chosen, place)))
    return found, True
