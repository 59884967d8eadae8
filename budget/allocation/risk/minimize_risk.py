"""Plans under risk: best on average over the joint draws, over their worst share, or at a quantile.

The mean and the conditional value at risk are convex, and ``interior`` finds their plans. The bound is duality and
trusts no solver: for weights p of the draws with ``p_b ≤ 1/((1 − level)·B)`` and ``Σ p = 1``

    CVaR(u) ≥ Σ_b p_b·X_b(u) ≥ min_u Σ_b p_b·X_b(u)

and the last is a sum of one posynomial for each model, which ``certificate`` bounds.

Any other risk, such as a quantile, need not be convex; it only never falls when a draw gets worse. Its plan is the best
found by descent: the risk says which draws of a plan should be better together (for a quantile the worst of those at or
below it), these are made as small as possible (which is convex), and so on until that brings nothing; a plan of higher
risk is never taken. Its bound is one of counting where the risk has one (above the quantile of any plan lie fewer than
n draws, so of n groups of draws that have none in common at least one lies wholly at or below it, and the quantile is
not below the least, over the groups, of what the worst draw of the group can be made), and else the risk of what every
draw could reach were it known beforehand.

Values with repeated data have kinks (where repeating begins). A plan that ends at one is not found exactly: its status
is then ``not proven optimal``, and the gap says how far from the optimum it may be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.certificate import Certificate, lower_bound
from budget.allocation.convex.optimum import NOT_PROVEN, PROVEN, Optimum
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.restore_feasibility import dual_feasible, inputs_within, restore_feasibility, violation
from budget.allocation.convex.shadow_prices import Duals, marginal_return, plain_duals
from budget.allocation.interior_point.under_risk import Iterate, central_path
from budget.allocation.spec.risks import Risk
from budget.allocation.spec.scenarios import Scenarios
from budget.errors import SolverError
from budget.numerics.fill_to_budget import fill_to_budget
from budget.numerics.tail_mean import tail_mean, worst_weights

SOLVER = "interior point"

GAP_TOLERANCE = 1e-9
"""Proven gap, relative to the reducible objective, at which the search ends: a thousandth of what counts as proven."""

MAX_CERTIFIED_REMAINDER = 1e-3
"""Distance from the optimality conditions from which a point is worth certifying."""

MAX_VIOLATION = 1e-9
"""Relative excess up to which a plan keeps a limit: the rounding of sums over amounts, with room; more would pay."""

NEGLIGIBLE_SHARE = 1e-9
"""A draw's share of the largest weight, and a limit's of what all are worth, below which it is none.

The method ends at products of slack and multiplier of about this size, so smaller ones are what it has left over.
"""

MAX_DESCENTS = 20
"""Most rounds of the descent on a risk that is not convex; one to four are usual."""


@dataclass(frozen=True)
class RiskOptimum(Optimum):
    """The plan of a problem under risk.

    Attributes:
        value: the risk of the plan.
        lost: positions of the draws that are left out, since they are no numbers.
        steps: of the method, in all.
    """

    value: float
    lost: tuple[int, ...]
    steps: int


def minimize_risk(problems: Sequence[Problem], risk: Risk, level: float, *, start: Optimum) -> RiskOptimum:
    """The plan with the least risk.

    Args:
        problems: one a draw; they differ in their values only, of which each model serves one.
        risk: one that reads draws.
        level: share of the draws that are not in the tail, for risks that have one.
        start: a plan within the limits, such as the point fit's.

    Raises:
        SolverError: more than half of the draws are no numbers, or no plan keeps the limits.
    """
    scenarios, problem, lost = known_scenarios(problems)
    if risk.tail is None:
        best = _descended(scenarios, problem, risk, level, start)
    else:
        best = least_mix(scenarios, problem, max(risk.tail(level) * len(scenarios), 1.0), start)
    return replace(best, value=risk.of(scenarios.totals(best.u), level), lost=lost)


def known_scenarios(problems: Sequence[Problem]) -> tuple[Scenarios, Problem, tuple[int, ...]]:
    """The draws that are numbers, their common costs and limits, and the positions of the others.

    Raises:
        SolverError: more than half of the draws are no numbers.
    """
    scenarios, problem = Scenarios.of([problem.by_model for problem in problems]), problems[0]
    known = scenarios.known
    lost = tuple(np.flatnonzero(~known).tolist())
    if 2 * len(lost) > len(problems):
        raise SolverError(
            f"{len(lost)} of {len(problems)} draws are no numbers, so there is no risk to speak of; fit again, or plan "
            "by the point fit (--risk point)."
        )
    return scenarios.take(np.flatnonzero(known)), problem, lost


def least_risk(totals: np.ndarray, tail: float) -> float:
    """The mean over the worst ``tail`` of totals (B,)."""
    return tail_mean(totals, tail / len(totals))


def least_mix(scenarios: Scenarios, problem: Problem, tail: float, start: Optimum, share: float = 1.0) -> RiskOptimum:
    """The plan with the least mean of the worst ``tail`` draws, at least one, or of its mix with the mean over all.

    Args:
        scenarios: B draws.
        problem: its costs and limits.
        tail: number of draws in the tail.
        start: a plan within the limits.
        share: of the tail's mean in the mix.
    """
    mix = _Mix(tail, share)
    cap = 1 / tail
    floor = mix.of(scenarios.floors)
    best = _certified(scenarios, problem, mix, _starting(scenarios, mix, start))
    # logarithms and the method's inside need amounts that are positive
    given = np.maximum(start.amounts, NEGLIGIBLE_SHARE * start.amounts.max(axis=1, keepdims=True))
    steps = 0
    for point in central_path(scenarios, problem, cap, start.u, given, share):
        steps += 1
        # a certificate costs about as much as a step, and far from the optimum it proves nothing new
        if point.distance > MAX_CERTIFIED_REMAINDER or (point.given <= 0).any():
            continue
        try:
            found = _certified(scenarios, problem, mix, point)
        except SolverError:  # it still breaks a limit
            continue
        best = _better(problem, best, found)
        if best.value - best.certificate.bound <= GAP_TOLERANCE * (best.value - floor):
            break
    proven = best.value - best.certificate.bound <= PROVEN * (best.value - floor)
    return replace(best, status="optimal" if proven else NOT_PROVEN, steps=steps)


@dataclass(frozen=True)
class _Mix:
    """``share`` of the mean over the worst ``tail`` draws, and the rest of the mean over all: how draws are weighed."""

    tail: float
    share: float

    def of(self, totals: np.ndarray) -> float:
        """Its value of draws (B,)."""
        return (1 - self.share) * float(totals.mean()) + self.share * tail_mean(totals, self.tail / len(totals))

    def worst(self, totals: np.ndarray) -> np.ndarray:
        """The weights (B,) that these draws suggest."""
        return (1 - self.share) / len(totals) + self.share * worst_weights(totals, self.tail / len(totals))

    def in_set(self, weight: np.ndarray) -> np.ndarray:
        """The weights (B,) put among those that the mix may give: any of these prove a bound."""
        even = (1 - self.share) / len(weight)
        if self.share == 0:
            return np.full(len(weight), even)
        return even + self.share * _in_set((weight - even) / self.share, 1 / self.tail)


def _starting(scenarios: Scenarios, mix: _Mix, start: Optimum) -> Iterate:
    """A plan with the weights that its own worst draws suggest."""
    weight = mix.worst(scenarios.totals(start.u))
    return Iterate(start.u, start.amounts, weight, start.certificate.duals, np.inf)


def _certified(scenarios: Scenarios, problem: Problem, mix: _Mix, point: Iterate) -> RiskOptimum:
    """A point put within the limits, with the bound that its weights and prices prove."""
    given = restore_feasibility(problem, point.given, SOLVER)
    if problem.is_plain:
        given = fill_to_budget(given[0], problem.budget, problem.low, problem.high)[None]
    u = inputs_within(problem, point.u, given)
    if not problem.is_plain:
        given = _as_used(problem, u, given)
    # the bound holds for any weights of the set and any prices, so what the method is off by costs sharpness, not truth
    value = scenarios.at(u).mixed(mix.in_set(point.weight))
    marginal = marginal_return(value, problem.cost, u)
    prices = plain_duals(problem, u, given[0], marginal) if problem.is_plain else _clean(problem, point.prices)
    bound = lower_bound(value, problem, u, prices)
    worth = mix.of(scenarios.totals(u))
    return RiskOptimum(u, given, Certificate(bound, marginal, prices), SOLVER, "", worth, (), 0)


def _better(problem: Problem, *plans: RiskOptimum) -> RiskOptimum:
    """Of the plans that keep the limits the one with the smallest value, and the greatest of the bounds."""
    # the best plan and the best bound may come from different points of the path: both hold for the one problem
    best = min(plans, key=lambda plan: (violation(problem, plan.amounts) > MAX_VIOLATION, plan.value))
    bound = max(plan.certificate.bound for plan in plans)
    return replace(best, certificate=replace(best.certificate, bound=bound))


def _in_set(weight: np.ndarray, cap: float) -> np.ndarray:
    """The weights (B,) put where they are between 0 and ``cap`` and sum to 1."""
    weight = np.clip(weight, 0.0, cap)
    weight[weight < NEGLIGIBLE_SHARE * weight.max()] = 0.0
    # what is short goes to draws that have some weight, by their room, and to others only where these are full: a draw
    # of no weight drops out of the mixed curves and need not be evaluated
    short = 1 - weight.sum()
    if short <= 0:
        return weight / weight.sum()
    room = np.where(weight > 0, cap - weight, 0.0)
    if room.sum() <= short:
        room = cap - weight
    return weight + room * (short / max(room.sum(), short))


def _as_used(problem: Problem, u: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The amounts (R, V) lowered to what the models take, where no limit asks for more."""
    costs = [problem.cost, *(each.cost for each in problem.further)]
    used = np.minimum(np.array([cost.value(u) for cost in costs]), given)
    used[0] = np.maximum(used[0], problem.low)
    return used if violation(problem, used) <= max(violation(problem, given), 0.0) else given


def _clean(problem: Problem, prices: Duals) -> Duals:
    """Prices without those that the method has not yet brought to 0, none of them negative."""
    totals = np.array([problem.budget, *(each.budget for each in problem.further)])
    of_budgets = prices.budget * np.where(np.isfinite(totals), totals, 0.0)
    of_rows = prices.row * np.array([abs(row.upper) for row in problem.rows])
    least = NEGLIGIBLE_SHARE * max([*of_budgets, *of_rows])
    return dual_feasible(
        problem,
        replace(
            prices,
            budget=np.where(of_budgets > least, prices.budget, 0.0),
            row=np.where((of_rows > least) | (of_rows == 0), prices.row, 0.0),
        ),
    )


def _descended(scenarios: Scenarios, problem: Problem, risk: Risk, level: float, start: Optimum) -> RiskOptimum:
    """The best plan found for a risk that is no mean of a tail, and the bound that is proven of every plan."""
    tail = max((1 - level) * len(scenarios), 1.0)

    def risk_of(plan: RiskOptimum) -> float:
        return risk.of(scenarios.totals(plan.u), level)

    # two convex risks to start from, one on either side of most others: the mean of the tail and that of all draws
    plans = [least_mix(scenarios, problem, each, start) for each in (tail, float(len(scenarios)))]
    steps = sum(plan.steps for plan in plans)
    best, floor = min(plans, key=risk_of), risk.of(scenarios.floors, level)
    for _ in range(MAX_DESCENTS if risk.next_draws else 0):
        assert risk.next_draws is not None
        pick, share = risk.next_draws(scenarios.totals(best.u), level)
        found = least_mix(scenarios.take(pick), problem, max(share * len(pick), 1.0), best)
        steps += found.steps
        gained = risk_of(best) - risk_of(found)
        if gained > 0:
            best = found
        if gained <= GAP_TOLERANCE * (risk_of(best) - floor):
            break
    bound, more = _bound_of(scenarios, problem, risk, level, best)
    proven = risk_of(best) - bound <= PROVEN * (risk_of(best) - floor)
    certificate = replace(best.certificate, bound=bound)
    return replace(best, certificate=certificate, status="optimal" if proven else "best found", steps=steps + more)


def _bound_of(scenarios: Scenarios, problem: Problem, risk: Risk, level: float, best: RiskOptimum) -> tuple[float, int]:
    """What no plan's risk is below, and the steps that took: by counting, or by what each draw could reach alone."""
    counted = risk.groups is not None
    groups = (
        risk.groups(scenarios.totals(best.u), level)
        if risk.groups
        else [np.array([at]) for at in range(len(scenarios))]
    )
    found = [least_mix(scenarios.take(group), problem, 1.0, best) for group in groups]
    bounds = np.array([each.certificate.bound for each in found])
    return float(bounds.min()) if counted else risk.of(bounds, level), sum(each.steps for each in found)
