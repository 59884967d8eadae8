"""The best size and mixture of one shared model, with a proven bound.

At a given size the budget fixes the tokens and ``shares`` finds the shares. Over sizes the least value is convex in
``n = log N`` (a convex function minimized over part of its variables), so the best size is where one more relative unit
of size brings what it costs in data. Where sources can run out that convexity is lost: ``limited`` takes over.

See docs/decisions/058-size-and-mixture-are-convex.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.certificate import certify
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import AT_END
from budget.allocation.mixture.best_shares import Shares, best_shares
from budget.allocation.mixture.mixture_problem import MixtureProblem
from budget.curves.planning_forms.posynomial import Posynomial
from budget.numerics.roots import rising_root

BALANCED = 1e-9
"""Logarithm of the ratio of the two pulls on the size at which they count as equal: the value, flat about the best
size, is then exact to the square of it."""


@dataclass(frozen=True)
class Optimum:
    """The best size and mixture in L scenarios.

    Attributes:
        n: (L,) log params.
        t: (L,) log tokens that the budget pays for; at most those of twice what all sources have.
        shares: shares of these tokens, with their prices.
        value: (L,) weighted mean of the measure.
    """

    n: np.ndarray
    t: np.ndarray
    shares: Shares
    value: np.ndarray

    @property
    def tokens(self) -> np.ndarray:
        """(L, S) tokens of each source."""
        return self.shares.share * np.exp(self.t)[:, None]

    def take(self, pick: np.ndarray) -> "Optimum":
        """The scenarios at the positions ``pick``."""
        return Optimum(self.n[pick], self.t[pick], self.shares.take(pick), self.value[pick])


def at_size(blend: MixtureProblem, n: np.ndarray, start: np.ndarray) -> Optimum:
    """The best mixture at given sizes.

    Args:
        blend: L scenarios.
        n: (L,) log params.
        start: (L, S) mixtures strictly inside the domain.
    """
    t, _ = blend.tokens(n)
    t = np.minimum(t, np.log(2 * blend.limit.sum()))
    level = blend.data - blend.beta * t[:, None]
    shares = best_shares(level, blend.beta, blend.tau, blend.least, blend.limit * np.exp(-t)[:, None], start)
    value = blend.floor + blend.size_terms(n).sum(axis=1) + np.exp(shares.log_value)
    return Optimum(n, t, shares, value)


def solve_mixture(blend: MixtureProblem, start: np.ndarray) -> Optimum:
    """The best size and mixture in every scenario, where no source can run out.

    Args:
        blend: L scenarios without limits.
        start: (L, S) mixtures strictly inside the domain.
    """
    if not blend.sized:
        return at_size(blend, np.full(len(blend), blend.log_params), start)

    def with_best_mixture(n: np.ndarray) -> np.ndarray:
        return np.einsum("lts,ls->lt", blend.tau, at_size(blend, n, start).shares.share)

    def with_start(n: np.ndarray) -> np.ndarray:
        return np.einsum("lts,ls->lt", blend.tau, start)

    guess = best_size(blend, with_start, middle_size(blend), np.inf)
    return at_size(blend, best_size(blend, with_best_mixture, guess, 1.0), start)


def middle_size(blend: MixtureProblem) -> np.ndarray:
    """Log params (L,) about which sizes are searched: where params equal tokens."""
    assert blend.cost is not None  # a given size is not searched
    middle = (np.log(blend.budget) - blend.cost.log_coef.max()) / blend.cost.exponent.sum(axis=2).max()
    return np.full(len(blend), middle)


def best_size(
    blend: MixtureProblem, effective: Callable[[np.ndarray], np.ndarray], middle: np.ndarray, wide: float
) -> np.ndarray:
    """Log params (L,) at which a relative unit of size brings what it costs in data.

    The logarithm of the ratio of the two pulls falls in ``n`` and is nearly linear, so its root takes a few steps.

    Args:
        blend: L scenarios.
        effective: log params (L,) → effective shares (L, T) of the mixture taken there.
        middle: (L,) where the search begins.
        wide: half width of the first bracket, which is doubled until it holds the root, or all sizes.
    """

    def excess_size(n: np.ndarray) -> np.ndarray:
        """What a larger size costs in data over what it brings, in logarithms: it rises through 0 at the best size."""
        t, slope = blend.tokens(n)
        of_size = (blend.alpha * blend.size_terms(n)).sum(axis=1)
        of_data = (blend.beta * blend.data_terms(t, effective(n))).sum(axis=1) * np.maximum(-slope, 1e-300)
        return np.log(np.maximum(of_data, 1e-300)) - np.log(np.maximum(of_size, 1e-300))

    least, most = blend.sizes
    low, high = np.clip(middle - wide, least, most), np.clip(middle + wide, least, most)
    at_low, at_high = excess_size(low), excess_size(high)
    while ((at_low > 0) & (low > least)).any() or ((at_high < 0) & (high < most)).any():
        wide = 2 * wide
        low = np.where(at_low > 0, np.maximum(middle - wide, least), low)
        high = np.where(at_high < 0, np.minimum(middle + wide, most), high)
        at_low, at_high = excess_size(low), excess_size(high)
    # where there is no root among all sizes, their edge is the answer
    return rising_root(excess_size, low, high, zero=BALANCED)


def prices_of_inputs(blend: MixtureProblem, best: Optimum) -> tuple[float, float]:
    """Fall of one scenario's objective per unit of budget that is spent on size, and on tokens of the same mixture."""
    assert blend.cost is not None  # a given size is not paid for
    of_size, of_tokens = blend.cost.gradient(np.array([[best.n[0], np.log(best.tokens[0].sum())]]))[0].tolist()
    size = float((blend.alpha * blend.size_terms(best.n)).sum())
    return size / of_size, float(np.exp(best.shares.log_value[0]) * best.shares.price[0]) / of_tokens


def certify_mixture(blend: MixtureProblem, best: Optimum) -> tuple[float, float]:
    """The proven bound of one scenario's plan and the fall of the objective per unit of budget.

    No mixture has effective shares whose logarithms, weighted by the tasks' pulls ``ω``, sum to more than at the plan
    by ``reserve`` (the tangent of a concave function, with the prices of the least effective shares). What remains is
    a geometric program over size, tokens and the logarithms ``r`` of effective shares relative to the plan's:

        cost(n, t) ≤ budget,   exp(Σ_i ω_i·r_i − reserve) ≤ 1      (ω summing to 1),

    both of whose constraints, the second in the unit of cost that makes it worth its price, are summed to one, and
    ``certify`` bounds it by hand. An input at its greatest has no say in the price of the cost.
    """
    shares = best.shares
    if blend.cost is None:
        limit = blend.limit[None] * np.exp(-best.t)[:, None]
        of_data = float(np.exp(shares.log_value[0]))
        bound = float(best.value[0] + of_data * (shares.bound(limit)[0] - 1))
        return bound, float(of_data * shares.price[0] * np.exp(-best.t[0]))
    tasks = blend.alpha.shape[1]
    effective = np.einsum("ts,s->t", blend.tau[0], shares.share[0])
    pull = blend.beta[0] * blend.data_terms(best.t, effective[None])[0]
    reserve = max(0.0, float(shares.bound(blend.limit[None])[0] - 1) * -np.exp(shares.log_value[0]) / pull.sum())
    exponent = np.zeros((1, 2 * tasks, 2 + tasks))
    exponent[0, :tasks, 0] = -blend.alpha[0]
    exponent[0, tasks:, 1] = -blend.beta[0]
    exponent[0, np.arange(tasks, 2 * tasks), np.arange(2, 2 + tasks)] = -blend.beta[0]
    data = blend.data[0] - blend.beta[0] * np.log(effective)
    value = Posynomial(blend.floor, np.concatenate([blend.capacity[0], data])[None], exponent)
    at = np.array([[best.n[0], best.t[0]]])
    of_size, of_tokens = blend.cost.gradient(at)[0].tolist()
    worth, terms = of_tokens, blend.cost.exponent.shape[1]
    if blend.cost.ceiling is not None and (at >= blend.cost.ceiling - AT_END).any():
        size = float((blend.alpha * blend.size_terms(best.n)).sum())
        worth = float(pull.sum()) / min(size / of_size, float(pull.sum()) / of_tokens)
    of_cost = np.zeros((1, terms + 1, 2 + tasks))
    of_cost[0, :terms, :2] = blend.cost.exponent[0]
    of_cost[0, terms, 2:] = pull / pull.sum()
    assert blend.cost.domain is not None  # see state_blend
    domain = np.append(blend.cost.domain, np.full((1, tasks), -np.inf), axis=1)
    ceiling = None
    if blend.cost.ceiling is not None:
        ceiling = np.append(blend.cost.ceiling, np.full((1, tasks), np.inf), axis=1)
    logs = np.append(blend.cost.log_coef[0], np.log(worth) - reserve)[None]
    cost = Posynomial(np.zeros(1), logs, of_cost, domain, ceiling)
    total = blend.budget + worth
    problem = Problem(value, cost, total, np.zeros(1), np.array([total]))
    found = certify(problem, np.concatenate([at, np.zeros((1, tasks))], axis=1), problem.high)
    return found.bound, found.shadow_price
