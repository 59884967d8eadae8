"""The size of one shared model where the objective is no convex function of it: scores, targets, a menu of sizes.

At a fixed budget only the division into parameters and tokens is left, one number. Every law falls in each of its
inputs, so on an interval of sizes no model is better than one with the interval's largest size *and* the tokens that
its smallest leaves: a bound that asks nothing else of the objective. Intervals that may still hold the best size are
halved.
"""

from dataclasses import replace

import numpy as np

from budget.allocation.convex.best_size import largest_size, last_input
from budget.allocation.convex.certificate import proven_bound
from budget.allocation.convex.problem import Problem, planned_cost, reach_of_models
from budget.allocation.plan.assembly import SolvedPlan, law_inputs_of, value_of_measures
from budget.allocation.plan.baseline_scores import baseline
from budget.allocation.plan.baselines import RULE_OF_THUMB, rule_of_thumb
from budget.allocation.plan.plan import Baseline, LimitLine
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import InfeasibleError
from budget.numerics.quantities.amounts import stays_unspent
from budget.numerics.words import apart

GAP = 1e-7
"""The search ends at this share of what a model ten times too large or too small would lose."""

CELLS = 256
"""Intervals at the start."""

MOST_CELLS = 200_000
"""Open intervals beyond which the search ends with the gap it has."""

REACH = 40.0
"""Half width of the sizes looked at, in logarithms: 17 decades either way of as many parameters as tokens."""

STEP = 1e-4
"""Relative step of the difference behind the shadow price."""


def plan_one_model(curves: Curves, spec: PlanSpec, gap: float = GAP) -> SolvedPlan:
    """The best size of one model for all tasks at the budget, with its bound.

    Args:
        curves: of T tasks, measured on the same models.
        spec: with strategy ``shared``.
        gap: share of what a model ten times off would lose at which the search ends.
    """
    cost = planned_cost(curves, spec, spec.unit)
    whole, reach = spec.budget, float(reach_of_models(curves, spec, cost)[0])
    spec = replace(spec, budget=min(whole, reach))
    log_size, bound = _search(curves, spec, cost, gap)
    u = _inputs(cost, log_size, spec.budget)
    value = float(_worth(curves, spec, u)[0])
    more = float(_worth(curves, spec, _inputs(cost, log_size, spec.budget * (1 + STEP)))[0])
    price = max(value - more, 0.0) / (STEP * spec.budget)
    stops = reach < whole
    lines = [LimitLine("budget", spec.unit, whole, spec.budget, 0.0 if stops else price)]
    if stops:
        lines.append(LimitLine("reach of the model", spec.unit, reach, reach, price))
    return SolvedPlan(
        log_inputs=law_inputs_of(curves, spec, np.repeat(u, len(curves.tasks), axis=0)),
        amounts=np.array([[spec.budget]]),
        bound=proven_bound(value, bound, 1e-12 * abs(value)),
        marginal=np.array([price]),
        shadow_price=0.0 if stops else price,
        efficient=np.full(1, np.nan),
        binding=("reach" if stops else "budget",) * len(curves.tasks),
        limits=tuple(lines),
        notes=(f"{stays_unspent(whole - reach, spec.unit)}: the model is at its reach.",) if stops else (),
        solver="branch and bound",
        status="proven" if value - bound <= 1e-5 * max(abs(value), abs(bound)) else "gap",
    )


def one_model_baselines(curves: Curves, spec: PlanSpec) -> tuple[Baseline, ...]:
    """The rule of thumb for the size, where the plan chooses one."""
    cost = planned_cost(curves, spec, spec.unit)
    if cost.inputs == 1:
        return ()
    u = rule_of_thumb(cost, spec.budget)
    inputs = law_inputs_of(curves, spec, np.repeat(u, len(curves.tasks), axis=0))
    given = np.full((1, 1), spec.budget)
    limits = Problem(cost, cost, spec.budget, np.zeros(1), given[0], names=("the model",))
    return (baseline(curves, spec, RULE_OF_THUMB, given, inputs, limits, np.zeros(1, dtype=bool)),)


def _search(curves: Curves, spec: PlanSpec, cost: Posynomial, gap: float) -> tuple[np.ndarray, float]:
    """Log size (1,) of the best model, nothing where the law reads one scale, and the bound."""
    if cost.inputs == 1:
        nothing = np.empty(0)
        return nothing, float(_worth(curves, spec, _inputs(cost, nothing, spec.budget))[0])
    if spec.sizes:
        menu = np.log(_affordable(spec, cost))
        worth = _worth(curves, spec, _inputs(cost, menu, spec.budget))
        return menu[[worth.argmin()]], float(worth.min())
    edges = _sizes(cost, spec.budget)
    left, right = edges[:-1], edges[1:]
    worth = _worth(curves, spec, _inputs(cost, edges, spec.budget))
    best, value = edges[worth.argmin()], float(worth.min())
    off = np.interp([best - np.log(10), best + np.log(10)], edges, worth).max() - value
    tolerance = max(gap * float(off), 1e-12 * abs(value))
    closed = np.inf  # the least bound of the intervals that are done with
    while True:
        bounds = _optimistic(curves, spec, cost, left, right)
        open_ = bounds < value - tolerance
        closed = min(closed, float(bounds[~open_].min(initial=np.inf)))
        left, right, bounds = left[open_], right[open_], bounds[open_]
        if len(left) == 0 or len(left) > MOST_CELLS or (right - left).max() < 1e-13:
            return np.array([best]), min(closed, float(bounds.min(initial=np.inf)), value)
        middle = 0.5 * (left + right)
        worth = _worth(curves, spec, _inputs(cost, middle, spec.budget))
        if worth.min() < value:
            best, value = middle[worth.argmin()], float(worth.min())
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])


def _affordable(spec: PlanSpec, cost: Posynomial) -> np.ndarray:
    """The sizes of the menu that leave anything for training when serving them is paid.

    Raises:
        InfeasibleError: none does.
    """
    menu = np.array(spec.sizes)
    if cost.ceiling is not None and cost.domain is not None:
        menu = menu[(np.log(menu) <= cost.ceiling[0, 0]) & (np.log(menu) >= cost.domain[0, 0] - 1e-9)]
        if len(menu) == 0:
            raise InfeasibleError(
                f"No size of --sizes lies within {spec.reach:g} times the smallest and the largest measured ones; "
                "raise --reach, or give others."
            )
    serving = cost.take(np.zeros(len(menu), dtype=int)).fix_input(0, np.log(menu)).offset
    if (serving >= spec.budget).all():
        takes, limit = apart(float(serving.min()), spec.budget)
        raise InfeasibleError(
            f"Serving the smallest of the --sizes takes {takes} {spec.unit}, which leaves nothing of "
            f"the budget of {limit} to train it; raise the budget, or give smaller sizes."
        )
    return menu[serving < spec.budget]


def _sizes(cost: Posynomial, budget: float) -> np.ndarray:
    """Edges of the first intervals of log sizes: all that the budget pays for on at least one token.

    Where nothing is the least, the search goes ``REACH`` either way, up to what serving alone would cost the budget.
    """
    if cost.domain is not None and np.isfinite(cost.domain).all():
        least = float(cost.domain[0, 0])
        most = float(largest_size(cost, np.log([budget]))[0])
        most = most if cost.ceiling is None else min(most, float(cost.ceiling[0, 0]))
        return np.linspace(least, most, CELLS + 1)
    log_budget = np.log(budget)
    rising = (cost.exponent[0, :, 1] > 0).nonzero()[0]
    centre = float(((log_budget - cost.log_coef[0]) / cost.exponent[0].sum(axis=1))[rising].min())
    serving = (cost.exponent[0, :, 1] <= 0).nonzero()[0]
    ceiling = ((log_budget - cost.log_coef[0]) / cost.exponent[0, :, 0])[serving].min(initial=np.inf) - 1e-9
    return np.linspace(centre - REACH, min(centre + REACH, float(ceiling)), CELLS + 1)


def _inputs(cost: Posynomial, log_sizes: np.ndarray, budget: float) -> np.ndarray:
    """Log inputs (G, I) of models of G sizes that cost the budget."""
    count = max(len(log_sizes), 1)
    others = log_sizes[:, None] if cost.inputs == 2 else np.empty((count, 0))
    each = cost.take(np.zeros(count, dtype=int))
    u = last_input(each, others, np.full(count, np.log(budget)))
    return u if each.ceiling is None else np.minimum(u, each.ceiling)


def _optimistic(curves: Curves, spec: PlanSpec, cost: Posynomial, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Lower bounds (G,) over intervals of log sizes: the largest size with the tokens that the smallest leaves."""
    tokens = _inputs(cost, left, spec.budget)[:, 1]
    return _worth(curves, spec, np.column_stack([right, tokens]))


def _worth(curves: Curves, spec: PlanSpec, u: np.ndarray) -> np.ndarray:
    """The objective (G,), smaller being better, of models with log inputs (G, I)."""
    tasks, count = np.arange(len(curves.tasks)), len(u)
    each = np.tile(tasks, count)
    inputs = law_inputs_of(curves, spec, np.repeat(u, len(tasks), axis=0), each)
    measure = spec.measure
    worth = measure.of(each, curves.distance(each, inputs)).reshape(count, -1)
    return value_of_measures(curves, spec, worth)
