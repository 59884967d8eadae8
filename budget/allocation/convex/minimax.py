"""Minimax: the splits that make the worst task as good as possible, for many budgets at once.

One training per task. The least spend ``s_v(t)`` at which task v reaches the level t falls with t, and a level can be
reached by all tasks exactly when their least spends fit the budget. So

    minimize max_v w_v(c_v)   subject to   Σ_v c_v ≤ B,   low ≤ c ≤ high

is one equation for the level, ``Σ_v clip(s_v(t), low_v, high_v) = B``: this is its dual, of one unknown. A task that
stands at its maximum and is still the worst decides the objective; what is left then goes to the next worst, so that
the split is the lexicographic minimax.

The multipliers of the tasks prove it. At the optimum the free tasks are at one level, and one unit of budget lowers
the level by ``λ`` if it is divided so that all fall alike, so task v's weight is ``p_v ∝ 1/(−w_v'(c_v))``, with
``Σ p = 1``. Since ``max_v w_v ≥ Σ_v p_v·w_v`` for all such weights, the dual bound of that weighted sum
(``certificate``) is one of the largest value, and it is reached.

See docs/decisions/046-worst-task-without-a-solver.md.
"""

from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.shadow_prices import marginal_return
from budget.allocation.convex.water_filling import Batch
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.numerics.fill_to_budget import fill_to_budget
from budget.numerics.roots import rising_root

LOG_SPEND_RANGE = 80.0
"""How far from where it starts a spend is looked for, in its logarithm: 35 decades either way."""

MAX_NEWTON_STEPS = 60
"""Most Newton steps; a sum of falling powers takes 4 to 8."""

LOG_SPEND_TOLERANCE = 1e-12
"""Step in the logarithm of a spend after which, Newton's steps being quadratic, the next would be rounding."""

AT_MAXIMUM = 1e-13
"""Relative distance to the value at its maximum at which a task counts as there, some hundred roundings of it.

With repeated data a task only ever gets closer to it, and never there.
"""


def spend_to_level(value: PlanningForm, cost: Posynomial, level: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The least spend (V,) at which each value falls to a level; infinity where it never does.

    Newton's method on logarithms: the logarithm of what can still be reduced is convex in the logarithm of the spend
    (both are partial minima of geometric programs), so the iterates rise to the root once they are below it.

    Args:
        value: V functions, falling in each input.
        cost: V costs.
        level: (V,).
        near: (V,) spends from which to look.
    """
    reducible = level - value.offset
    some = (reducible > 0) & (level > value.least)
    wanted = np.log(np.where(some, reducible, 1.0))
    smallest, largest = cost.at_domain, cost.at_ceiling
    ends = np.flatnonzero(np.isfinite(largest))
    if len(ends):  # beyond the largest model more spend brings nothing
        assert cost.ceiling is not None
        some[ends] &= value.take(ends).value(cost.ceiling[ends]) <= level[ends]
    with np.errstate(divide="ignore"):
        start = np.clip(np.log(near), np.log(smallest), np.log(largest))
        least = np.maximum(start - LOG_SPEND_RANGE, np.log(smallest))
        most = np.minimum(start + LOG_SPEND_RANGE, np.log(largest))
    at = start.copy()
    for _ in range(MAX_NEWTON_STEPS):
        u = best_inputs(value, cost, np.exp(at))
        here = np.log(value.terms(u).sum(axis=1))
        elasticity = marginal_return(value, cost, u) * np.exp(at - here)
        step = np.where(some, (here - wanted) / np.maximum(elasticity, 1e-12), 0.0)
        at = np.clip(at + step, least, most)
        if (np.abs(step) <= LOG_SPEND_TOLERANCE * np.maximum(np.abs(at), 1.0)).all():
            break
    return np.where(some & (at < start + LOG_SPEND_RANGE), np.exp(at), np.inf)


@dataclass(frozen=True)
class MinimaxSplits:
    """Splits for the worst task of each of Q budgets.

    Attributes:
        spend: (Q, V).
        weight: (Q, V) weights of the values, summing to 1, whose weighted mean no split makes smaller than this one's.
    """

    spend: np.ndarray
    weight: np.ndarray


def minimax_splits(batch: Batch, near: np.ndarray | None = None) -> MinimaxSplits:
    """The splits that make the largest value smallest, then the next largest, and so on.

    Args:
        batch: Q budgets of V models of one task each.
        near: (Q, V) spends that are not far from the best ones, where some are known (a warm start).
    """
    search = _Search(batch, near)
    rows = search.hold_the_worst_at_their_maxima()
    if len(rows):
        search.find_level(rows)
    return MinimaxSplits(search.spend, search.weight)


class _Search:
    """What is known of the splits while they are sought: first every task has its greatest spend.

    Attributes:
        spend: (Q, V) spends, final where a task is not active.
        weight: (Q, V) multipliers of the tasks, all 0 until a budget's are decided.
        active: (Q, V) tasks whose spend is still open.
        floor: (Q,) levels that no split reaches, or that a task at its maximum holds.
        reached: (Q,) levels that some split reaches.
        near: (Q, V) spends at the level that was looked at last.
    """

    def __init__(self, batch: Batch, near: np.ndarray | None) -> None:
        shape = batch.low.shape
        even = np.repeat(batch.budget[:, None] / shape[1], shape[1], axis=1)
        self.batch = batch
        self.least_near = 1e-9 * even  # Newton's method only has to start within sight of the root
        self.near = even.copy() if near is None else np.clip(near, self.least_near, batch.budget[:, None])
        self.spend, self.active, self.weight = batch.high.copy(), np.ones(shape, dtype=bool), np.zeros(shape)
        self.at_high = _values(batch, batch.high)
        self.floor = np.zeros(shape[0])
        self.reached = _values(batch, fill_to_budget(even, batch.budget, batch.low, batch.high)).max(axis=1)

    def spends_at(self, rows: np.ndarray, floor: np.ndarray, above: np.ndarray) -> np.ndarray:
        """The spends of some budgets at levels ``floor + above``: apart, they keep the digits that their sum loses."""
        some, count = self.batch.take(rows), self.spend.shape[1]
        from_floor = some.value.scaled(np.ones(len(some.value)), -np.repeat(floor, count))
        wanted = spend_to_level(from_floor, some.cost, np.repeat(above, count), self.near[rows].ravel())
        wanted = wanted.reshape(len(rows), count)
        self.near[rows] = np.clip(wanted, self.least_near[rows], some.budget[:, None])  # the next level is close by
        return np.where(self.active[rows], np.clip(wanted, some.low, some.high), self.spend[rows])

    def hold_the_worst_at_their_maxima(self) -> np.ndarray:
        """Fix the tasks that even their maxima leave the worst; returns the budgets whose level is still open."""
        batch, at_high = self.batch, self.at_high
        fits = np.flatnonzero(batch.high.sum(axis=1) <= batch.budget)
        self.weight[fits, at_high[fits].argmax(axis=1)] = 1.0  # every task at its maximum: the worst one decides
        rows = np.setdiff1d(np.arange(len(batch.budget)), fits)
        still_open = []
        while len(rows):
            # no level is below the worst of the active tasks at its maximum; does that level leave something over?
            self.floor[rows] = floor = np.where(self.active[rows], at_high[rows], -np.inf).max(axis=1)
            lowest = self.spends_at(rows, floor, AT_MAXIMUM * np.abs(floor))
            leaves = lowest.sum(axis=1) < batch.budget[rows]
            still_open.append(rows[~leaves])
            rows, lowest, floor = rows[leaves], lowest[leaves], floor[leaves]
            worst = self.active[rows] & (at_high[rows] >= floor[:, None])
            first = ~self.weight[rows].any(axis=1)
            self.weight[rows[first], worst[first].argmax(axis=1)] = 1.0
            # what brings it to the value at its maximum: less than that where more data of its own are only repeats
            self.spend[rows], self.active[rows] = lowest, self.active[rows] & ~worst
            self.reached[rows] = floor + AT_MAXIMUM * np.abs(floor)
            rows = rows[self.active[rows].any(axis=1)]
        return np.concatenate([np.zeros(0, dtype=int), *still_open])

    def find_level(self, rows: np.ndarray) -> None:
        """The level at which some budgets are used up, between one that none and one that some split reaches.

        The unknown is the logarithm of the distance to the floor, so that a level close to it keeps its digits.
        """
        floor, some = self.floor[rows], self.batch.take(rows)
        reach = np.maximum(np.maximum(self.reached[rows] - floor, AT_MAXIMUM * np.abs(floor)), 1e-300)

        def spare(log_above: np.ndarray) -> np.ndarray:
            return np.log(some.budget) - np.log(self.spends_at(rows, floor, np.exp(log_above)).sum(axis=1))

        above = rising_root(spare, np.log(reach) - LOG_SPEND_RANGE / 2, np.log(reach) + 1e-9)
        spend = self.spends_at(rows, floor, np.exp(above))
        # the rounding of the level is made up for by who is free: who is given nearly all is at no limit of its own
        within = (spend > some.low) & ((spend < some.high) | (some.high >= some.budget[:, None]))
        free = self.active[rows] & within
        held, loose = np.where(free, 0.0, spend).sum(axis=1), np.where(free, spend, 0.0).sum(axis=1)
        scale = np.where(loose > 0, (some.budget - held) / np.where(loose > 0, loose, 1.0), 1.0)
        self.spend[rows] = spend = np.where(free, spend * scale[:, None], spend)
        open_rows = ~self.weight[rows].any(axis=1)
        self.weight[rows[open_rows]] = _weights(some, spend, free)[open_rows]


def _weights(batch: Batch, spend: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Weights (Q, V) that make every free task's marginal return the same; of the worst where none is free."""
    u = batch.best_inputs(spend)
    marginal = marginal_return(batch.value, batch.cost, u).reshape(spend.shape)
    weight = np.where(free, 1 / np.where(free, np.maximum(marginal, 1e-300), 1.0), 0.0)
    total = weight.sum(axis=1, keepdims=True)
    worst = np.eye(spend.shape[1])[batch.value.value(u).reshape(spend.shape).argmax(axis=1)]
    return np.where(total > 0, weight / np.where(total > 0, total, 1.0), worst)


def _values(batch: Batch, spend: np.ndarray) -> np.ndarray:
    """(Q, V) values at spends (Q, V)."""
    return batch.value.value(batch.best_inputs(spend)).reshape(spend.shape)
