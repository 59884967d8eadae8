"""The proven bound: no plan of the stated problem can be better than this.

Lagrangian duality in geometric-program form (Duffin, Peterson & Zener 1967). For prices ``λ_v ≥ 0`` every plan obeys

    objective ≥ Σ_v [offset_v + min_u (terms_v(u) + λ_v·cost_v(u))]
                − λ·budget − Σ_v (λ_v − λ)⁺·high_v + Σ_v (λ − λ_v)⁺·low_v

and the inner minimum of a sum of exponentials is bounded below, for any weights ``p ≥ 0`` that sum to 1 and cancel
the exponents (``Σ p_k e_k = 0``), by the arithmetic–geometric inequality: ``exp Σ p_k (b_k − log p_k)``. Since the
exponents cancel, ``b_k`` may be the terms' logarithms at the plan instead of at ``u = 0``, which rounds least. Nothing
here trusts the solver: a poor plan only makes the bound loose.
"""

from dataclasses import dataclass

import numpy as np

from budget.allocation.problem import Problem

AT_LIMIT = 1e-7
"""Relative distance at which a spend counts as being at its limit."""


@dataclass(frozen=True)
class Certificate:
    """Prices and bound of a plan.

    Attributes:
        bound: lower bound on the objective of every plan.
        marginal: (V,) fall of the objective per unit of extra spend on each model.
        shadow_price: fall of the objective per unit of extra budget.
    """

    bound: float
    marginal: np.ndarray
    shadow_price: float


def marginal_return(problem: Problem, u: np.ndarray) -> np.ndarray:
    """Fall of each model's value per unit of extra spend at its best inputs (V, I): shape (V,), not negative."""
    spend = problem.cost.value(u)
    elasticity = problem.cost.gradient(u) / spend[:, None]  # of order one, so that its square cannot overflow
    of_value = problem.value.gradient(u)
    return np.maximum(-(of_value * elasticity).sum(axis=1) / (elasticity**2).sum(axis=1), 0.0) / spend


def certify(problem: Problem, u: np.ndarray, spend: np.ndarray) -> Certificate:
    """Bound the optimum from a plan.

    Args:
        problem: the stated problem.
        u: (V, I) the plan's log inputs, each model's best at its spend.
        spend: (V,) the plan's spends.
    """
    marginal = marginal_return(problem, u)
    at_low = (spend <= problem.low * (1 + AT_LIMIT)) & (problem.low > 0)
    at_high = spend >= problem.high * (1 - AT_LIMIT)
    free = ~(at_low | at_high)
    if free.any():
        shadow = float((marginal * spend)[free].sum() / spend[free].sum())
    elif spend.sum() < problem.budget * (1 - AT_LIMIT):
        shadow = 0.0
    elif at_high.any():
        shadow = float(marginal[at_high].min())
    else:
        shadow = float(marginal.max())
    prices = np.where(free, shadow, marginal)
    bound = (
        problem.value.offset.sum()
        + _least(problem, u, prices).sum()
        - shadow * problem.budget
        - (np.maximum(prices - shadow, 0) * problem.high).sum()
        + (np.maximum(shadow - prices, 0) * problem.low).sum()
    )
    return Certificate(float(max(bound, problem.value.offset.sum())), marginal, shadow)


def _least(problem: Problem, u: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Lower bound of ``min_u terms_v(u) + prices_v·cost_v(u)`` for each model, shape (V,)."""
    with np.errstate(divide="ignore"):
        log_price = np.log(prices)
    logs = np.concatenate([problem.value.log_coef, problem.cost.log_coef + log_price[:, None]], axis=1)
    exponent = np.concatenate([problem.value.exponent, problem.cost.exponent], axis=1)
    at_plan = logs + np.einsum("vki,vi->vk", exponent, u)
    result = np.zeros(len(u))
    for model in np.flatnonzero(np.isfinite(log_price)):
        weight = np.exp(at_plan[model] - at_plan[model].max())
        weight = _cancel(weight / weight.sum(), exponent[model])
        if weight is not None:
            used = weight > 0
            result[model] = np.exp((weight * (at_plan[model] - np.log(np.where(used, weight, 1.0))))[used].sum())
    return result


def _cancel(weight: np.ndarray, exponent: np.ndarray) -> np.ndarray | None:
    """The nearest weights that sum to 1 and cancel the exponents, or ``None`` where the plan is far from optimal.

    A correction proportional to each weight (so that small ones stay positive), repeated to remove rounding.
    """
    conditions = np.column_stack([np.ones(len(weight)), exponent])
    target = np.zeros(conditions.shape[1])
    target[0] = 1.0
    for _ in range(3):
        gram = conditions.T @ (weight[:, None] * conditions)
        step, *_ = np.linalg.lstsq(gram, target - conditions.T @ weight, rcond=None)
        weight = weight * (1 + conditions @ step)
    if (weight < 0).any() or np.abs(conditions.T @ weight - target).max() > 1e-12:
        return None
    return weight
