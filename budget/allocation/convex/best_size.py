"""The best inputs at a given spend: how a model's FLOPs are divided between parameters and tokens.

Along ``cost(n, d) = c`` the objective is a convex function of ``n`` alone (partial minimization of a convex function
over the convex set ``cost ≤ c``), so its derivative has one root. Newton's method finds it for all models at once; what
does not settle is found between brackets.

See docs/decisions/061-best-inputs-by-newton.md.
"""

from collections.abc import Callable

import numpy as np

from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial

REACH = 60.0
"""Half width of the search in log params, about the point where params equal tokens: 26 decades either way."""

ROUNDS = 100
"""Most steps of the root finding; falling powers take 3 to 10."""

NEWTON = 15
"""Most of Newton's steps; sums of falling powers take 3 to 6."""

NEAR = 1e-9
"""Distance of both conditions, in logarithms, from which one more step of Newton's is exact."""

EXACT = 3e-14
"""A function of logarithms is 0 to rounding below it."""

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
        u = last_input(cost, np.empty((len(cost), 0)), log_spend)
        return u if cost.domain is None else np.maximum(u, cost.domain)
    if value.is_smooth:
        u, settled = _newton(value, cost, log_spend, near)
    else:
        u, settled = np.zeros((len(spend), 2)), np.zeros(len(spend), dtype=bool)
    if not settled.all():
        rest = np.flatnonzero(~settled)
        u[rest] = _bracketed(value.take(rest), cost.take(rest), log_spend[rest])
    return into_domain(cost, u, log_spend)


def into_domain(cost: Posynomial, u: np.ndarray, log_spend: np.ndarray) -> np.ndarray:
    """Log inputs (V, 2) moved along equal cost into the domain: an input below its least is raised to it.

    Values are convex along equal cost, so what is best there is best within the domain once it is moved to its edge.
    A spend below that of the smallest model leaves the smallest model.
    """
    if cost.domain is None:
        return u
    u = u.copy()
    small = np.flatnonzero(u[:, 0] < cost.domain[:, 0])
    if len(small):
        u[small] = last_input(cost.take(small), cost.domain[small, :1], log_spend[small])
    short = np.flatnonzero(u[:, 1] < cost.domain[:, 1])
    if len(short):
        u[short] = np.column_stack([largest_size(cost.take(short), log_spend[short]), cost.domain[short, 1]])
    return np.maximum(u, cost.domain)


def largest_size(cost: Posynomial, log_spend: np.ndarray) -> np.ndarray:
    """Log params (V,) of the largest model that the spend pays for at the least tokens; its least where size is free.

    Newton's method on the logarithm of the cost, which is convex in the size, from a size at which one rising term
    alone takes the spend: it falls monotonically to the largest root, also where another term falls with the size.
    """
    assert cost.domain is not None
    slope = cost.exponent[:, :, 0]
    rising = (slope > 0).any(axis=0)
    if not rising.any():
        return cost.domain[:, 0]
    rest = cost.log_coef + cost.exponent[:, :, 1] * cost.domain[:, 1:]
    wanted = np.log(np.maximum(np.exp(log_spend) - cost.offset, 1e-300))
    size = ((wanted[:, None] - rest) / np.where(slope > 0, slope, np.nan))[:, rising].min(axis=1)
    for _ in range(60 if slope.shape[1] > 1 else 0):
        logs = rest + slope * size[:, None]
        top = logs.max(axis=1, keepdims=True)
        shares = np.exp(logs - top)
        total, rise = shares.sum(axis=1), (shares * slope).sum(axis=1)
        excess = top[:, 0] + np.log(total) - wanted
        size = np.where(rise > 0, size - excess * total / np.where(rise > 0, rise, 1.0), size)
        if np.abs(excess).max() < 1e-7:  # Newton's step from there is exact
            break
    return np.maximum(size, cost.domain[:, 0])


def _newton(
    value: PlanningForm, cost: Posynomial, log_spend: np.ndarray, near: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Best log inputs (V, 2) of smooth convex values, and where Newton's method settled on them (V,).

    It solves for both inputs at once: the cost equals the spend, and a larger model harms as much as it helps. In
    logarithms both conditions are nearly linear.
    """
    centre = ((log_spend[:, None] - cost.log_coef) / cost.exponent.sum(axis=2)).min(axis=1)
    u = np.column_stack([centre, centre]) if near is None else near.copy()
    settled = np.zeros(len(u), dtype=bool)
    with np.errstate(all="ignore"):  # what overflows or has no logarithm does not settle
        for _ in range(NEWTON):
            _, of_value, bend_value = value.expansion(u)
            total, of_cost, bend_cost = cost.expansion(u)
            excess, slope = np.log(total) - log_spend, of_cost / total[:, None]
            imbalance = np.log(-of_value[:, 1] * of_cost[:, 0] / of_cost[:, 1]) - np.log(-of_value[:, 0])
            of_logs = bend_cost / of_cost[:, :, None] - bend_value / of_value[:, :, None]
            bend = of_logs[:, 0] - of_logs[:, 1]
            determinant = slope[:, 0] * bend[:, 1] - slope[:, 1] * bend[:, 0]
            u[:, 0] += (slope[:, 1] * imbalance - bend[:, 1] * excess) / determinant
            u[:, 1] += (bend[:, 0] * excess - slope[:, 0] * imbalance) / determinant
            settled = np.maximum(np.abs(excess), np.abs(imbalance)) < NEAR
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


def rising_root(function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where each of V rising functions (differences of logarithms) is 0, or the end of its bracket nearest to that.

    Regula falsi with the Anderson–Björck step, and a bisection whenever two steps have not halved the bracket.

    Args:
        function: (V,) → (V,), elementwise.
        low: (V,) lower ends.
        high: (V,) upper ends.
    """
    low, high = low.copy(), high.copy()
    at_low, at_high = function(low), function(high)
    root = np.where(at_low >= 0, low, high)
    inside = (at_low < 0) & (at_high > 0)
    width = high - low
    for step in range(ROUNDS):
        with np.errstate(divide="ignore", invalid="ignore"):
            secant = high - at_high * (high - low) / (at_high - at_low)
        slow = (step % 3 == 2) & (high - low > 0.25 * width)
        width = np.where(step % 3 == 2, high - low, width)
        middle = np.where(slow | ~((secant > low) & (secant < high)), 0.5 * (low + high), secant)
        at_middle = np.where(inside, function(np.where(inside, middle, root)), 0.0)
        up = at_middle > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            shrink_low, shrink_high = 1 - at_middle / at_high, 1 - at_middle / at_low
        # the end that stays is pulled toward the root, or the secant would creep up on it from one side
        at_low = np.where(up, at_low * np.where(shrink_low > 0, shrink_low, 0.5), at_middle)
        at_high = np.where(up, at_middle, at_high * np.where(shrink_high > 0, shrink_high, 0.5))
        low, high = np.where(up, low, middle), np.where(up, middle, high)
        root = np.where(inside, middle, root)
        inside &= (np.abs(at_middle) > EXACT) & (high - low > 1e-15 * np.maximum(np.abs(middle), 1.0))
        if not inside.any():
            break
    return root


def last_input(cost: Posynomial, others: np.ndarray, log_spend: np.ndarray) -> np.ndarray:
    """All log inputs, the last one chosen so that the cost equals the spend.

    Newton's method on the logarithm of the cost, which is convex and rising in the last input, from a point where
    the cost is not below the spend: the iterates fall monotonically to the root.

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
    last = ((log_spend[:, None] - rest) / slope).min(axis=1)
    for _ in range(60 if rest.shape[1] > 1 else 0):
        logs = rest + slope * last[:, None]
        top = logs.max(axis=1, keepdims=True)
        shares = np.exp(logs - top)
        total = shares.sum(axis=1)
        excess = top[:, 0] + np.log(total) - log_spend
        last = last - excess * total / (shares * slope).sum(axis=1)
        if np.abs(excess).max() < 1e-7:  # Newton's step from there is exact
            break
    return np.column_stack([others, last])
