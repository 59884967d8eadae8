"""A lower bound for large portfolios, and the models that no better choice can contain.

The rule that each task has one model is priced (``λ_i``), and so is the count of models (``ν``). What is left asks only
which models to build, a fractional knapsack, and its value is a lower bound for any prices (Geoffrion 1974):

    Σ_i λ_i − ν·most + min { Σ_j r_j y_j : Σ_j cost_j y_j ≤ 1 },   r_j = ν·counts_j + Σ_i min(0, c_ij − λ_i)

The best prices give the bound of the linear program with ``x_ij ≤ y_j``, at the cost of a pass over the pairs a step.

Models that are built already serve each task at some coefficient at most: no price above it is worth anything.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.portfolio.portfolio_problem import Selection

MAX_SUBGRADIENT_STEPS = 600
"""Subgradient steps at most; on 2,000 × 100 random pairs they come within 0.1 % of the linear program's bound."""

MAX_IDLE_STEPS = 15
"""Steps without a better bound after which the step size is cut and the best prices are taken up again."""

STEP_SHRINKAGE = 0.6
"""Factor by which the step size is cut."""

LEAST_LENGTH = 1e-4
"""Share of Polyak's step below which steps no longer matter."""


@dataclass(frozen=True)
class Remaining:
    """What is left to decide once some models are built: which of M others to add.

    Attributes:
        models: (M,) their positions in the problem.
        table: (M, T) coefficient of each pair, infinite where a model does not serve a task.
        cost: (M,) share of the budget.
        counts: (M,) whether the model counts among those built.
        served: (T,) least coefficient at which the built models serve each task, infinite where none does.
        room: share of the budget that is left.
        most: how many more models may be built.
    """

    models: np.ndarray
    table: np.ndarray
    cost: np.ndarray
    counts: np.ndarray
    served: np.ndarray
    room: float
    most: float

    def take(self, keep: np.ndarray) -> "Remaining":
        """The same with some of the models only, by mask or position."""
        parts = (self.models, self.table, self.cost, self.counts)
        models, table, cost, counts = (each[keep] for each in parts)
        return replace(self, models=models, table=table, cost=cost, counts=counts)

    def leave_out(self, at: int) -> "Remaining":
        """The same without the model at position ``at``."""
        return self.take(np.arange(len(self.models)) != at)

    def build(self, at: int) -> "Remaining":
        """With the model at position ``at`` built; of the others those stay that still fit."""
        room, most = self.room - self.cost[at], self.most - self.counts[at]
        others = self.leave_out(at)
        left = others.take((others.cost <= room) & (others.counts <= most))
        return replace(left, served=np.minimum(self.served, self.table[at]), room=room, most=most)


@dataclass(frozen=True)
class Dual:
    """A bound and what it says of each model.

    Attributes:
        bound: no choice has a smaller sum of coefficients.
        reduced: (M,) what building the model adds to the bound at the best prices (negative: what not building adds).
        price: (T,) the best prices of the tasks.
        count_price: that of the count of models.
    """

    bound: float
    reduced: np.ndarray
    price: np.ndarray
    count_price: float

    def possible(self, best: float) -> np.ndarray:
        """(M,) whether a choice that contains the model can be as good as ``best``."""
        return self.bound + np.maximum(self.reduced, 0) <= best + 1e-9


def lagrangian(problem: Selection, coefficient: np.ndarray, chosen: np.ndarray) -> Dual:
    """Bound the least sum of coefficients from below.

    Args:
        problem: the stated problem; its objective is not read.
        coefficient: (P,) what choosing a pair adds.
        chosen: (T,) a choice, whose value sets the length of the steps.
    """
    # prices of the order of what the tasks cost in the choice at hand: from 0 the first steps would be lost
    return ascend(whole(problem, coefficient), coefficient[chosen], 0.0, float(coefficient[chosen].sum()))


def whole(problem: Selection, coefficient: np.ndarray) -> Remaining:
    """The problem with nothing built."""
    table, nothing = problem.grid(coefficient), np.full(problem.n_tasks, np.inf)
    return Remaining(np.arange(len(problem.cost)), table, problem.cost, problem.counts, nothing, 1.0, problem.most)


def ascend(
    left: Remaining,
    price: np.ndarray,
    count_price: float,
    target: float,
    *,
    steps: int = MAX_SUBGRADIENT_STEPS,
    idle_steps: int = MAX_IDLE_STEPS,
    least_length: float = LEAST_LENGTH,
    margin: float = 0.0,
) -> Dual:
    """Raise the Lagrangian bound by subgradient steps.

    Args:
        left: what is to be decided.
        price: (T,) prices to begin with.
        count_price: that of the count.
        target: value of a choice; once the bound is there, nothing better is left.
        steps: subgradient steps at most.
        idle_steps: steps without a better bound after which the step size is cut.
        least_length: share of Polyak's step at which to stop.
        margin: how far beyond the target the steps aim, so that they can pass it.
    """
    # min(0, ·) leaves pairs that do not exist out by itself
    table, served, limited = left.table, left.served, np.isfinite(left.most)
    price = np.minimum(price, served)
    best = Dual(-np.inf, np.zeros(len(left.cost)), price, count_price)
    length, idle = 1.0, 0
    # one array for all steps: making a new one takes as long as filling it
    below = np.empty_like(table)
    for _ in range(steps):
        # at these prices each model takes every task that it serves below its price: the tasks' choices separate
        np.minimum(np.subtract(table, price, out=below), 0, out=below)
        gain = below.sum(axis=1) + count_price * left.counts
        value, built, rate = _knapsack(gain, left.cost, left.room)
        bound = float(price.sum() + value - (count_price * left.most if limited else 0))
        if bound > best.bound:
            # a gain of a ten-millionth of what is open is none, or steps that only creep would never be cut
            idle = idle + 1 if bound - best.bound < 1e-7 * abs(target - bound) else 0
            best = Dual(bound, gain + rate * left.cost, price, count_price)
        else:
            idle += 1
        # closed, or steps too short to matter
        if target - best.bound < 1e-12 or length < least_length:
            break
        if idle == idle_steps:
            # shorter steps (as in Held, Wolfe & Crowder 1974), from the best prices again
            length, idle = length * STEP_SHRINKAGE, 0
            price, count_price = best.price, best.count_price
            continue
        # a subgradient: by how much each task is served too little, or the count is exceeded
        on = np.flatnonzero(built)
        slope = 1 - built[on] @ (below[on] < 0)
        # a price that is at what the task is served at cannot rise
        slope[(price >= served) & (slope > 0)] = 0
        count_slope = float(built[left.counts].sum() - left.most) if limited else 0.0
        # a price of a limit is never negative: at 0 only a step upward counts
        if count_price == 0:
            count_slope = max(count_slope, 0.0)
        size = float(slope @ slope) + count_slope**2
        if size < 1e-12:
            break  # optimal
        # Polyak's rule (1969): the step that would reach the target were the dual linear
        step = length * (target + margin - bound) / size
        price, count_price = np.minimum(price + step * slope, served), max(0.0, count_price + step * count_slope)
    return best


def _knapsack(gain: np.ndarray, cost: np.ndarray, room: float) -> tuple[float, np.ndarray, float]:
    """``min Σ gain_j y_j`` over ``0 ≤ y ≤ 1``, ``Σ cost_j y_j ≤ room``: its value, y (M,), and the budget's price."""
    useful = np.flatnonzero(gain < 0)
    with np.errstate(divide="ignore"):
        # the fractional knapsack is solved by gain per cost (Dantzig 1957); its price is that of the model on the
        # border
        order = useful[np.argsort(gain[useful] / cost[useful], kind="stable")]
    used = np.cumsum(cost[order])
    whole = int(np.searchsorted(used, room, side="right"))
    built = np.zeros(len(cost))
    built[order[:whole]] = 1
    rate = 0.0
    if whole < len(order):
        border = order[whole]
        built[border] = (room - (used[whole - 1] if whole else 0.0)) / cost[border]
        rate = -gain[border] / cost[border]
    return float(gain @ built), built, rate
