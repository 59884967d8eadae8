"""Which partitions into measured blocks can be the best one, where there are too many to split the budget for each.

**The problem.** Choose blocks (a shared model with its tasks, a specialist with its one) so that every task stands in
one of them, and the spend of each, so that the sum of their values is least and the spends fit the budget. The budget
is all that ties the blocks together. With a price ``λ`` on it each block costs

    h_k(λ) = min_c f_k(c) + λ·c      (its value and what it pays at its best spend)

and the best partition at that price is a set partitioning problem with these costs. What it costs, less ``λ·B``, bounds
every partition with every split of the budget from below (Lagrangian relaxation; Geoffrion 1974), whatever the price.

**The search.** From the split of one partition follows the price that its models pay; the cheapest partition at that
price is split next, and so on until one comes back: 2 to 5 rounds. The linear relaxation's prices ``π`` of the tasks
give every block a reduced cost ``r_k = h_k − Σ_{t in k} π_t ≥ 0``, and a partition's bound is ``Σ π − λ·B + Σ r_k``.
All partitions whose reduced costs fit between the bound and the best one found are enumerated; no other can be better.

See docs/decisions/082-bound-over-groupings.md.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.certificate import lagrangian_minima
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import AT_LIMIT, marginal_return

SPENDS = 60
"""Spends a block at which its value is tabulated; a Newton step ends between two of them."""

LEAST_SHARE = 1e-9
"""Share of the budget at which the table begins."""

ROUNDS = 40
"""Most prices that are tried."""

NODES = 200_000
"""Most partial partitions that one search visits."""

LEAST_SLOPE = 0.5
"""Slope of the log marginal return in the log spend that a Newton step trusts at least: a convex power has 1."""

ROUNDING = 1e-9
"""Relative error of what is added up here."""


@dataclass(frozen=True)
class Promising:
    """The partitions that can be the best one at a budget.

    Attributes:
        covers: positions of each one's blocks.
        bound: no partition beyond these is better, under any split of the budget.
    """

    covers: list[tuple[int, ...]]
    bound: float


def promising_covers(
    problem: Problem,
    blocks: Sequence[tuple[str, ...]],
    tasks: tuple[str, ...],
    budget: float,
    split: Callable[[tuple[int, ...]], tuple[np.ndarray, float]],
    allowed: Callable[[tuple[int, ...]], bool],
    most: int,
) -> Promising:
    """Every partition that may be the best one, or the best of them with a bound on the others.

    Args:
        problem: of all K blocks as models.
        blocks: (K) the tasks of each.
        tasks: that must stand in one block each.
        budget: in all.
        split: a partition → its spends and its objective under the best split.
        allowed: whether a partition counts.
        most: partitions that are returned at most.
    """
    if set(tasks) - {name for block in blocks for name in block}:
        return Promising([], np.inf)
    member = np.array([[name in block for block in blocks] for name in tasks], dtype=float)
    table = _Table.of(problem, budget)
    price = table.first_price(budget / len(tasks))
    low, high = 0.0, np.inf
    found: dict[tuple[int, ...], float] = {}
    best = _Relaxed(-np.inf, np.zeros(0))
    for _ in range(ROUNDS):
        relaxed = _relax(table.costs(price), member, price * budget)
        if relaxed is None:
            return Promising([], np.inf)
        best = max(best, relaxed, key=lambda each: each.bound)
        cover = _cheapest(relaxed.reduced, member, allowed)
        if cover is None or cover in found:
            break
        spend, found[cover] = split(cover)
        # the relaxation's bound is concave in the price, and the cheapest partition's own spend tells which way it
        # rises
        if table.spent(price, cover) > budget:
            low = price
        else:
            high = price
        paid = table.price_of(cover, spend)
        inside = low < paid < high
        price = paid if inside else np.sqrt(low * high) if 0 < low and high < np.inf else 2 * low if low else high / 2
    if not found:
        return Promising([], best.bound)
    incumbent = min(found.values())
    gap = (incumbent - best.bound) + ROUNDING * abs(incumbent)
    covers: list[tuple[int, ...]] = []
    complete = True
    for cover in _within(best.reduced, member, gap, allowed):
        if cover is None or len(covers) == most:
            complete = False
            break
        covers.append(cover)
    covers = list(dict.fromkeys((*found, *covers)))
    return Promising(covers, incumbent if complete else min(best.bound, incumbent))


@dataclass(frozen=True)
class _Relaxed:
    """The linear relaxation at a price: its bound, and every block's reduced cost (K,), none below 0."""

    bound: float
    reduced: np.ndarray


def _relax(costs: np.ndarray, member: np.ndarray, paid: float) -> _Relaxed | None:
    """The set partitioning problem without integrality; ``None`` where no blocks make the tasks up."""
    from scipy.optimize import linprog  # few sets need it, and it takes long to load

    solved = linprog(costs, A_eq=member, b_eq=np.ones(len(member)), method="highs")
    if solved.x is None:
        return None
    prices = solved.eqlin.marginals
    reduced = costs - member.T @ prices
    # what the solver leaves below 0 is taken off the bound, so that it holds whatever the solver says: no partition
    # has more blocks than tasks
    over = max(-float(reduced.min()), 0.0)
    return _Relaxed(float(prices.sum()) - paid - over * len(member), reduced + over)


def _cheapest(
    reduced: np.ndarray, member: np.ndarray, allowed: Callable[[tuple[int, ...]], bool]
) -> tuple[int, ...] | None:
    """The allowed partition with the least sum of reduced costs that the search meets."""
    best, least = None, np.inf
    search = _search(reduced, member, lambda: least)
    for total, cover in search:
        if cover is None:
            break
        if total < least and allowed(cover):
            best, least = cover, total
    return best


def _within(
    reduced: np.ndarray, member: np.ndarray, gap: float, allowed: Callable[[tuple[int, ...]], bool]
) -> Iterator[tuple[int, ...] | None]:
    """Every allowed partition whose reduced costs sum to at most the gap; ``None`` once the search is cut short."""
    for _, cover in _search(reduced, member, lambda: gap):
        if cover is None or allowed(cover):
            yield cover


def _search(
    reduced: np.ndarray, member: np.ndarray, most: Callable[[], float]
) -> Iterator[tuple[float, tuple[int, ...] | None]]:
    """Partitions with the sum of their reduced costs, those of small ones first; (infinity, ``None``) when cut short.

    Algorithm X of Knuth 2000, depth first: the next block holds the task of the fewest blocks that has none.
    """
    order = np.argsort(member.sum(axis=1), kind="stable")
    masks = [
        sum(1 << place for place, task in enumerate(order) if member[task, block]) for block in range(len(reduced))
    ]
    holding = [
        sorted(np.flatnonzero(member[task]).tolist(), key=lambda block: (reduced[block], block)) for task in order
    ]
    everything, nodes = (1 << len(order)) - 1, 0
    stack: list[tuple[float, int, tuple[int, ...], int]] = [(0.0, 0, (), 0)]
    while stack:
        total, covered, chosen, at = stack.pop()
        if total > most():
            continue
        if covered == everything:
            yield total, tuple(sorted(chosen))
            continue
        first = (~covered & (covered + 1)).bit_length() - 1
        options = holding[first]
        while at < len(options) and masks[options[at]] & covered:
            at += 1
        if at == len(options):
            continue
        nodes += 1
        if nodes > NODES:
            yield np.inf, None
            return
        block = options[at]
        if total + reduced[block] > most():  # the other blocks of this task cost as much or more
            continue
        stack.append((total, covered, chosen, at + 1))
        stack.append((total + float(reduced[block]), covered | masks[block], (*chosen, block), 0))


@dataclass(frozen=True)
class _Table:
    """Every block's value over its spend: K blocks, G spends.

    Attributes:
        problem: of the blocks.
        low: (K,) least spends.
        high: (K,) greatest spends.
        spend: (K, G) from the least to the greatest.
        value: (K, G) there.
    """

    problem: Problem
    low: np.ndarray
    high: np.ndarray
    spend: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, problem: Problem, budget: float) -> "_Table":
        low = np.maximum(np.maximum(problem.low, problem.smallest), LEAST_SHARE * budget)
        high = np.maximum(np.minimum(problem.high, budget), low)
        spend = np.exp(np.linspace(np.log(low), np.log(high), SPENDS, axis=1))
        rows = np.repeat(np.arange(len(low)), SPENDS)
        value = problem.by_model.take(rows)
        inputs = best_inputs(value, problem.cost.take(rows), spend.ravel())
        return cls(problem, low, high, spend, value.value(inputs).reshape(spend.shape))

    def first_price(self, spend: float) -> float:
        """What blocks typically return at a spend."""
        marginal, _ = self._returns(np.clip(spend, self.low, self.high))
        return float(np.median(marginal[marginal > 0])) if (marginal > 0).any() else 1.0 / spend

    def price_of(self, cover: tuple[int, ...], spend: np.ndarray) -> float:
        """What the models of a partition return at their spends, those at no limit of their own."""
        pick = np.array(cover)
        value, cost = self.problem.by_model.take(pick), self.problem.cost.take(pick)
        marginal = marginal_return(value, cost, best_inputs(value, cost, spend))
        free = (spend > self.low[pick] * (1 + AT_LIMIT)) & (spend < self.high[pick] * (1 - AT_LIMIT))
        return float(np.median(marginal[free] if free.any() else marginal))

    def spent(self, price: float, cover: tuple[int, ...]) -> float:
        """What a partition's blocks spend at a price."""
        return float(self._best(price)[list(cover)].sum())

    def costs(self, price: float) -> np.ndarray:
        """(K,) no block's value and price of its spend together are lower; exact but for rounding."""
        spend = self._best(price)
        marginal, inputs = self._returns(spend)
        # at an end of its range a block would rather go further: that end's own price is what is missing (or too much)
        at_low, at_high = spend <= self.low * (1 + AT_LIMIT), spend >= self.high * (1 - AT_LIMIT)
        less = np.where(at_low & (self.problem.low > 0), np.maximum(price - marginal, 0.0), 0.0)
        more = np.where(at_high, np.maximum(marginal - price, 0.0), 0.0)
        charge = price + more - less
        minima = lagrangian_minima(self.problem.by_model, [self.problem.cost], inputs, charge[None])
        floors = self.problem.by_model.least + price * np.maximum(self.problem.low, self.problem.smallest)
        return np.maximum(minima + less * self.low - more * self.high, floors)

    def _best(self, price: float) -> np.ndarray:
        """(K,) the spend at which a block returns the price."""
        at = (self.value + price * self.spend).argmin(axis=1)
        spend = self.spend[np.arange(len(at)), at]
        for _ in range(2):
            marginal, _ = self._returns(spend)
            near, _ = self._returns(spend * (1 + 1e-3))
            with np.errstate(divide="ignore", invalid="ignore"):
                slope = np.maximum(-(np.log(near) - np.log(marginal)) / np.log1p(1e-3), LEAST_SLOPE)
                step = (np.log(marginal) - np.log(price)) / slope
            spend = np.clip(spend * np.exp(np.clip(np.nan_to_num(step, nan=0.0), -1.0, 1.0)), self.low, self.high)
        return spend

    def _returns(self, spend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(K,) what a block returns per unit at a spend, and its inputs there (K, I)."""
        value, cost = self.problem.by_model, self.problem.cost
        inputs = best_inputs(value, cost, spend)
        return marginal_return(value, cost, inputs), inputs
