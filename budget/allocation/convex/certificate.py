"""The proven bound: no plan of the stated problem can be better than this.

Lagrangian duality in geometric-program form (Duffin, Peterson & Zener 1967). For weights ``p_t`` of the values (all 1
for their sum; for the largest of them any that sum to 1) and prices ``y ≥ 0`` of the limits every plan obeys

    objective ≥ Σ_t p_t·offset_t + Σ_v min_u (Σ_{t of v} p_t·terms_t(u) + Σ_r λ_rv·cost_rv(u)) − Σ y·(right sides)

where ``λ_rv ≥ 0`` is what the limits together charge for one unit of resource r given to model v. The inner minimum of
a sum of exponentials is bounded below, for any weights ``q ≥ 0`` that sum to 1 and cancel the exponents
(``Σ q_k e_k = 0``), by the arithmetic–geometric inequality: ``exp Σ q_k (b_k − log q_k)``. Since the exponents cancel,
``b_k`` may be the terms' logarithms at the plan instead of at ``u = 0``, which rounds least. Where an input of the plan
stands at the least that there is (one parameter, one token) its exponents may add up to more than 0: every plan's input
is as large or larger, and so is the sum. Likewise to less than 0 where it stands at the greatest (the reach). Nothing
here trusts the solver: a poor plan only makes the bound loose.

See docs/decisions/034-bound-trusts-no-solver.md,
docs/decisions/037-every-convex-objective-is-a-mean.md,
docs/decisions/063-no-plan-beats-its-bound.md,
docs/decisions/142-within-reach-of-the-runs.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import within_ends
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import AT_END, EDGE, Duals, marginal_return, plain_duals
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import SolverError
from budget.numerics.words import apart

NO_WEIGHT = 1e-300
"""Stands for a weight of 0 where its logarithm is needed: near the smallest float64."""


@dataclass(frozen=True)
class Certificate:
    """Prices and bound of a plan.

    Attributes:
        bound: lower bound on the objective of every plan.
        marginal: (V,) fall of the objective per unit of extra spend on each model.
        duals: of every limit.
    """

    bound: float
    marginal: np.ndarray
    duals: Duals

    @property
    def shadow_price(self) -> float:
        """Fall of the objective per unit of extra budget."""
        return float(self.duals.budget[0])


def proven_bound(value: float, bound: float, slack: float, sign: float = 1.0) -> float:
    """A lower bound beside the value of a plan: what rounding puts it above the plan is taken off.

    Args:
        value: of a plan, smaller being better.
        bound: that no plan may pass.
        slack: how far rounding, and what a solver may miss of a limit, can put the plan below the bound.
        sign: −1 where the reader sees the negative of both.

    Raises:
        SolverError: the plan is better than what was proven of every plan, so one of the two is wrong.
    """
    if bound - value > slack:
        found, proven = apart(sign * value, sign * bound)
        raise SolverError(
            f"The plan found ({found}) is better than what is proven of every plan ({proven}): the numbers span too "
            "many orders. Loosen limits, or leave out tasks that get next to nothing."
        )
    return min(bound, value)


def certify(problem: Problem, u: np.ndarray, spend: np.ndarray) -> Certificate:
    """Bound the smallest sum of values from a plan of a problem without further resources and rows.

    Args:
        problem: the stated problem.
        u: (V, I) the plan's log inputs, each model's best at its spend.
        spend: (V,) the plan's spends.
    """
    value = problem.by_model
    marginal = marginal_return(value, problem.cost, u)
    prices = plain_duals(problem, u, spend, marginal)
    return Certificate(lower_bound(value, problem, u, prices), marginal, prices)


def lower_bound(value: PlanningForm, problem: Problem, u: np.ndarray, prices: Duals) -> float:
    """The bound at given prices, and never below what no plan passes: the values' floors.

    Arguments as ``dual_bound``.
    """
    return max(dual_bound(value, problem, u, prices), float(value.least.sum()))


def cheapest_bound(problem: Problem, u: np.ndarray, price: np.ndarray, limits: Duals) -> float:
    """Lower bound on the spend of every plan that meets the targets, from prices (T,) of the targets.

    It is ``dual_bound`` with the spend as the objective: the values, which are counted from their targets, times their
    prices are what the limits add to it.
    """
    value = weighted(problem.value, price)
    at_no_budget = replace(problem, budget=np.inf, value=value)
    return max(dual_bound(at_no_budget.by_model, at_no_budget, u, limits), float(problem.low.sum()))


def weighted(value: PlanningForm, weight: np.ndarray) -> PlanningForm:
    """The functions times weights (T,), some of which may be 0."""
    return value.scaled(np.maximum(weight, NO_WEIGHT), np.zeros(len(value)))


def dual_bound(value: PlanningForm, problem: Problem, u: np.ndarray, prices: Duals) -> float:
    """The Lagrangian's least value at given prices.

    Args:
        value: V functions, each the weighted sum of what a model serves.
        problem: the stated problem.
        u: (V, I) log inputs of the plan; far from the optimum they only make the bound loose.
        prices: any that are not negative; where they pay for taking more, nothing is proven.
    """
    shadow_prices = prices.shadow_prices(problem)
    if (shadow_prices < 0).any():
        return -np.inf
    costs = [problem.cost, *(resource.cost for resource in problem.further)]
    return float(lagrangian_minima(value, costs, u, shadow_prices).sum()) - prices.limits(problem)


def lagrangian_minima(
    value: PlanningForm, costs: list[Posynomial], u: np.ndarray, shadow_prices: np.ndarray
) -> np.ndarray:
    """Lower bounds (V,) of ``min_u value_v(u) + Σ_r charge_rv·cost_rv(u)``, what each model adds to the dual function.

    Args:
        value: V functions.
        costs: R costs of V models.
        u: (V, I) log inputs near each minimum; elsewhere they only make the bounds loose.
        shadow_prices: (R, V) not negative.
    """
    u = within_ends(costs[0], u)
    # a solver ends just short of an end, and only there is it known to be one
    if costs[0].domain is not None:
        u = np.where(u < costs[0].domain + AT_END, costs[0].domain, u)
    if costs[0].ceiling is not None:
        u = np.where(u > costs[0].ceiling - AT_END, costs[0].ceiling, u)
    least = _least(value.tangent(u), costs, u, shadow_prices)
    return value.offset + (least + sum(each * cost.offset for each, cost in zip(shadow_prices, costs, strict=True)))


def _least(value: Posynomial, costs: list[Posynomial], u: np.ndarray, shadow_prices: np.ndarray) -> np.ndarray:
    """Lower bound of ``min_u terms_v(u) + Σ_r charge_rv·cost_rv(u)`` for each model, offsets left out: shape (V,).

    The sum of exponentials ``Σ_k exp(b_k + e_k·u)`` is at least ``exp Σ q_k (b_k − log q_k)`` for weights that cancel
    the exponents (weighted arithmetic–geometric mean). It is reached with ``q_k`` each term's share of the sum at the
    minimum, where the shares cancel the exponents by themselves: that is the derivative being 0. At a plan that is
    nearly a minimum they nearly do, and are moved to the nearest that do exactly.
    """
    with np.errstate(divide="ignore"):
        log_price = np.log(shadow_prices)
    logs = [value.log_coef, *(cost.log_coef + each[:, None] for cost, each in zip(costs, log_price, strict=True))]
    exponent = np.concatenate([value.exponent, *(cost.exponent for cost in costs)], axis=1)
    at_plan = np.concatenate(logs, axis=1) + np.einsum("vki,vi->vk", exponent, u)
    priced = np.isfinite(log_price).any(axis=0)
    known = (np.isfinite(at_plan) | np.isneginf(at_plan)).all(axis=1)  # 0 bounds a model whose terms are no numbers
    at_plan = np.where(known[:, None], at_plan, 0.0)
    top = at_plan.max(axis=1, keepdims=True)
    nowhere, domain, ceiling = np.zeros_like(u, dtype=bool), costs[0].domain, costs[0].ceiling
    at_least = nowhere if domain is None else u <= domain + EDGE
    at_most = nowhere if ceiling is None else u >= ceiling - EDGE
    weight, cancels = _cancel(_shares(at_plan - top), exponent, at_least, at_most)
    used = weight > 0
    depth = np.where(used, at_plan - np.log(np.where(used, weight, 1.0)), 0.0)
    return np.where(known & priced & cancels, np.exp((weight * depth).sum(axis=1)), 0.0)


def _shares(logs: np.ndarray) -> np.ndarray:
    weight = np.exp(logs)
    return weight / weight.sum(axis=1, keepdims=True)


def _cancel(
    weight: np.ndarray, exponent: np.ndarray, at_least: np.ndarray, at_most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest weights (V, K) that sum to 1 and cancel the exponents, and whether they could be found (V,).

    A correction proportional to each weight (so that small ones stay positive), repeated to remove rounding. Weights
    that would turn negative, far from an optimum, are not found. Exponents of an input at its least (V, I) need not
    cancel where what is left of them is positive: a larger input only makes the terms larger. Nor those of an input at
    its greatest where what is left is negative.
    """
    sums = np.einsum("vk,vki->vi", weight, exponent)
    below, above = at_least & (sums > 0), at_most & (sums < 0)
    result, found = _cancel_all(weight, np.where((below | above)[:, None], 0.0, exponent))
    left = np.einsum("vk,vki->vi", result, exponent)
    wrong = ((below & ~(left >= 0)) | (above & ~(left <= 0))).any(axis=1)
    if wrong.any():  # it was no optimum: then they have to cancel
        result[wrong], found[wrong] = _cancel_all(weight[wrong], exponent[wrong])
    return result, found


def _cancel_all(weight: np.ndarray, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    conditions = np.concatenate([np.ones((*weight.shape, 1)), exponent], axis=2)
    target = np.zeros(conditions.shape[2])
    target[0] = 1.0
    for _ in range(3):
        gram = np.einsum("vkc,vk,vkd->vcd", conditions, weight, conditions)
        miss = target - np.einsum("vkc,vk->vc", conditions, weight)
        step = np.einsum("vcd,vd->vc", np.linalg.pinv(gram, hermitian=True), miss)
        weight = weight * (1 + np.einsum("vkc,vc->vk", conditions, step))
    miss = np.abs(target - np.einsum("vkc,vk->vc", conditions, weight)).max(axis=1)
    return weight, (weight >= 0).all(axis=1) & (miss <= 1e-12)
