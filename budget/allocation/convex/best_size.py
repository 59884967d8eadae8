"""The best inputs at a given spend: how a model's FLOPs are divided between parameters and tokens.

Along ``cost(n, d) = c`` the objective is a convex function of ``n`` alone (partial minimization of a convex function
over the convex set ``cost ≤ c``), so its derivative has one root. Newton's method finds it for all models at once; what
does not settle is found between brackets.

See docs/decisions/061-best-inputs-by-newton.md.
"""

from dataclasses import replace

import numpy as np

from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.numerics.roots import log_sum_root, rising_root

REACH = 60.0
"""Half width of the search in log params, about the point where params equal tokens: 26 decades either way."""

MAX_NEWTON_STEPS = 15
"""Most of Newton's steps; sums of falling powers take 3 to 6."""

NEWTON_IS_EXACT = 1e-9
"""Distance of both conditions, in logarithms, from which one more step is exact, since Newton's squares it."""

FLAT = -800.0
"""Stands for the logarithm of no gain at all."""


def best_inputs(value: PlanningForm, cost: Posynomial, spend: np.ndarray, near: np.ndarray | None = None) -> np.ndarray:
    """Log inputs that minimize each model's value at its spend.

    Args:
        value: V objectives over I = 1 or 2 inputs, falling in each.
        cost: V costs over the same inputs; each has a term that rises with the last input. Terms that do not (the
            cost of inference) rise with the first and bound it.
        spend: (V,) positive.
        near: (V, I) log inputs not far from the best ones, where some are known.

    Returns:
        (V, I) log inputs with ``cost = spend`` within the cost's domain. Where one input brings nothing, it ends at
        the edge of the domain, or of the search where there is none.
    """
    if len(spend) == 0:
        return np.empty((0, value.inputs))
    log_spend = np.log(spend)
    if value.inputs == 1:
        return within_ends(cost, last_input(cost, np.empty((len(cost), 0)), log_spend))
    if value.is_smooth:
        u, settled = _newton(value, cost, log_spend, near)
    else:
        u, settled = np.zeros((len(spend), 2)), np.zeros(len(spend), dtype=bool)
    if not settled.all():
        rest = np.flatnonzero(~settled)
        u[rest] = _bracketed(value.take(rest), cost.take(rest), log_spend[rest])
    return into_domain(cost, u, log_spend)


def split_inputs(value: PlanningForm, cost: Posynomial, spend: np.ndarray) -> np.ndarray:
    """The same for spends that nobody planned: what the largest model within the reach cannot use goes beyond it."""
    u = best_inputs(value, cost, spend)
    beyond = np.flatnonzero(spend > cost.at_ceiling * (1 + 1e-9))
    if len(beyond):
        free = replace(cost, ceiling=None)
        u[beyond] = best_inputs(value.take(beyond), free.take(beyond), spend[beyond])
    return u


def within_ends(cost: Posynomial, u: np.ndarray) -> np.ndarray:
    """Log inputs (V, I) none of which is below the cost's least or above its greatest."""
    u = u if cost.domain is None else np.maximum(u, cost.domain)
    return u if cost.ceiling is None else np.minimum(u, cost.ceiling)


def into_domain(cost: Posynomial, u: np.ndarray, log_spend: np.ndarray) -> np.ndarray:
    """Log inputs (V, 2) moved along equal cost into the domain: an input beyond an end of its range is put there.

    Values are convex along equal cost, so what is best there is best within the domain once it is moved to its edge.
    A spend below that of the smallest model leaves the smallest model, one above that of the largest the largest.
    """
    u = u.copy()
    if cost.ceiling is not None:
        large = np.flatnonzero(u[:, 0] > cost.ceiling[:, 0])
        if len(large):
            u[large] = last_input(cost.take(large), cost.ceiling[large, :1], log_spend[large])
        long = np.flatnonzero(u[:, 1] > cost.ceiling[:, 1])
        if len(long):
            tokens = cost.ceiling[long, 1]
            u[long] = np.column_stack([size_at(cost.take(long), tokens, log_spend[long], u[long, 0]), tokens])
        u = np.minimum(u, cost.ceiling)
    if cost.domain is not None:
        small = np.flatnonzero(u[:, 0] < cost.domain[:, 0])
        if len(small):
            u[small] = last_input(cost.take(small), cost.domain[small, :1], log_spend[small])
        short = np.flatnonzero(u[:, 1] < cost.domain[:, 1])
        if len(short):
            u[short] = np.column_stack([largest_size(cost.take(short), log_spend[short]), cost.domain[short, 1]])
    return within_ends(cost, u)


def largest_size(cost: Posynomial, log_spend: np.ndarray) -> np.ndarray:
    """Log params (V,) of the largest model that a spend pays for at the least tokens; the least where size is free."""
    assert cost.domain is not None
    return np.maximum(size_at(cost, cost.domain[:, 1], log_spend, cost.domain[:, 0]), cost.domain[:, 0])


def size_at(cost: Posynomial, tokens: np.ndarray, log_spend: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Log params (V,) at which models of log tokens (V,) cost their spends; ``free`` where a size costs nothing."""
    slope = cost.exponent[:, :, 0]
    if not (slope > 0).any():
        return free
    rest = cost.log_coef + cost.exponent[:, :, 1] * tokens[:, None]
    wanted = np.log(np.maximum(np.exp(log_spend) - cost.offset, 1e-300))
    return log_sum_root(rest, slope, wanted)


def _newton(
    value: PlanningForm, cost: Posynomial, log_spend: np.ndarray, near: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Best log inputs (V, 2) of smooth convex values, and where Newton's method settled on them (V,).

    It solves for both inputs at once: the cost equals the spend, and a larger model harms as much as it helps. In
    logarithms both conditions are nearly linear.
    """
    centre = ((log_spend - cost.log_coef.T) / cost.exponent.T.sum(axis=0)).min(axis=0)  # over few terms: not along them
    u = np.column_stack([centre, centre]) if near is None else near.copy()
    settled = np.zeros(len(u), dtype=bool)
    with np.errstate(all="ignore"):  # what overflows or has no logarithm does not settle
        for _ in range(MAX_NEWTON_STEPS):
            _, of_value, bend_value = value.expansion(u)
            total, of_cost, bend_cost = cost.expansion(u)
            excess, slope = np.log(total) - log_spend, of_cost / total[:, None]
            imbalance = np.log(-of_value[:, 1] * of_cost[:, 0] / of_cost[:, 1]) - np.log(-of_value[:, 0])
            of_logs = bend_cost / of_cost[:, :, None] - bend_value / of_value[:, :, None]
            bend = of_logs[:, 0] - of_logs[:, 1]
            determinant = slope[:, 0] * bend[:, 1] - slope[:, 1] * bend[:, 0]
            u[:, 0] += (slope[:, 1] * imbalance - bend[:, 1] * excess) / determinant
            u[:, 1] += (bend[:, 0] * excess - slope[:, 0] * imbalance) / determinant
            settled = np.maximum(np.abs(excess), np.abs(imbalance)) < NEWTON_IS_EXACT
            if (settled | ~np.isfinite(imbalance)).all():
                break
    return u, settled & ((np.abs(u[:, 0] - centre) < REACH) | (cost.domain is not None))


def _bracketed(value: PlanningForm, cost: Posynomial, log_spend: np.ndarray) -> np.ndarray:
    """Best log inputs (V, 2), log params between brackets, or at their end where one input brings nothing."""
    rising = (cost.exponent[:, :, 1] > 0).any(axis=0)
    centre = ((log_spend[:, None] - cost.log_coef) / cost.exponent.sum(axis=2))[:, rising].min(axis=1)
    low, high = centre - REACH, centre + REACH
    if cost.domain is not None:
        some = np.isfinite(cost.domain).all(axis=1) & (cost.exponent[:, :, 0] > 0).any(axis=1)
        at = np.flatnonzero(some)
        low[at] = cost.domain[at, 0]
        high[at] = np.maximum(largest_size(cost.take(at), log_spend[at]), low[at])
    if not rising.all():
        fixed = Posynomial(cost.offset, cost.log_coef[:, ~rising], cost.exponent[:, ~rising, :1])
        high = last_input(fixed, np.empty((len(cost), 0)), log_spend)[:, 0] - 1e-12
        low = np.minimum(low, high if cost.domain is not None else high - REACH)

    def imbalance(log_n: np.ndarray) -> np.ndarray:
        """How much more a larger model harms than it helps, in logarithms: nearly linear for falling powers."""
        u = last_input(cost, log_n[:, None], log_spend)
        of_value, of_cost = value.gradient(u), cost.gradient(u)
        return _log(-of_value[:, 1] * of_cost[:, 0] / of_cost[:, 1]) - _log(-of_value[:, 0])

    return last_input(cost, rising_root(imbalance, low, high)[:, None], log_spend)


def _log(gain: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gain > 0, np.log(gain), FLAT)


def last_input(cost: Posynomial, others: np.ndarray, log_spend: np.ndarray) -> np.ndarray:
    """All log inputs, the last one chosen so that the cost equals the spend.

    Args:
        cost: V costs over I inputs.
        others: (V, I − 1) the other log inputs, at which terms without the last input stay below the spend.
        log_spend: (V,).
    """
    rest = cost.log_coef + np.einsum("vmi,vi->vm", cost.exponent[:, :, :-1], others)
    slope = cost.exponent[:, :, -1]
    rising = (slope > 0).any(axis=0)
    if not rising.all():
        fixed = np.exp(np.minimum(rest[:, ~rising] - log_spend[:, None], 0.0)).sum(axis=1)
        log_spend = log_spend + np.log1p(-np.minimum(fixed, 1 - 1e-15))
        rest, slope = rest[:, rising], slope[:, rising]
    return np.column_stack([others, log_sum_root(rest, slope, log_spend)])
