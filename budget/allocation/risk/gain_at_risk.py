"""The plan with the best expected gain over a reference split whose worst share of scenarios loses no more than stated.

In scenario b a plan u gains ``X_b(ref) − X_b(u)`` over the reference, so its loss against it, ``D_b(u) = X_b(u) −
X_b(ref)``, is the scenario's objective less a constant: the programs of ``minimize_risk`` serve with every scenario's
floor moved. With ``F`` the mean over the worst share (conditional value at risk) the problem

    minimize mean_b D_b(u)   subject to   F(D(u)) ≤ at_risk

is convex. Its Lagrangian ``mean D + μ·(F(D) − at_risk)`` is, with ``θ = μ/(1 + μ)`` and divided by ``1 + μ``, the mix
``(1 − θ)·mean D + θ·F(D)``, whose plan at every θ is one interior point. F falls with θ, so the θ that meets the limit
is a root; what its last bracket leaves is closed by the line between the two plans, convex in log inputs and amounts.
Every θ proves a bound: ``mean D(u) ≥ (bound of the mix − θ·at_risk)/(1 − θ)`` for all u that obey the limit.

A quantile of D as F is not convex. As F is the mean over the worst share, the plan for that obeys the quantile's limit,
too; from there the draws at or below the quantile are held to the limit each, which is convex, as long as the expected
gain rises. Its bound is that of the mean without the limit.

See docs/decisions/143-risk-on-the-difference.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.certificate import Certificate
from budget.allocation.convex.optimum import NOT_PROVEN, PROVEN, Optimum
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.restore_feasibility import inputs_within
from budget.allocation.convex.shadow_prices import Duals
from budget.allocation.risk.minimize_risk import RiskOptimum, known_scenarios, least_mix, least_risk
from budget.allocation.spec.risks import Risk
from budget.allocation.spec.scenarios import Scenarios
from budget.errors import InfeasibleError
from budget.numerics.words import apart

WITHIN = 1e-9
"""By how much of the reducible objective a plan may pass the limit: rounding of a mean over the draws."""

MAX_SHARES = 30
"""Most mixes that are looked at; false position takes 8 to 12."""

LARGEST_SHARE = 1 - 1e-6
"""Share of the tail from which only the tail decides, and the bound on the mean says nothing."""

MAX_ROUNDS = 10
"""Most rounds in which other draws are held to a quantile's limit."""


@dataclass(frozen=True)
class _Asked:
    """The question: scenarios less the reference, the limits, the tail's size and what it may lose."""

    scenarios: Scenarios
    problem: Problem
    tail: float
    at_risk: float

    def lost(self, plan: Optimum) -> float:
        """What the worst share loses against the reference."""
        return self.of(self.scenarios.totals(plan.u))

    def of(self, totals: np.ndarray) -> float:
        """The mean over the worst draws of totals (B,)."""
        return least_risk(totals, self.tail)


def best_gain(
    problems: Sequence[Problem],
    risk: Risk,
    level: float,
    at_risk: float,
    reference: np.ndarray,
    *,
    start: Optimum,
) -> RiskOptimum:
    """The plan with the best expected gain whose worst share of draws loses no more than ``at_risk``.

    Args:
        problems: one a draw; they differ in their values only.
        risk: how draws of what is lost become the number that is limited.
        level: share of the draws that are not in the tail.
        at_risk: most of it, in the objective's unit.
        reference: (B,) what the reference split reaches in every draw.
        start: a plan within the limits.

    Returns:
        The plan; its value and bound are of the mean over the draws.

    Raises:
        InfeasibleError: no plan loses so little: ``at_risk`` is negative, and no plan is that much better.
        SolverError: more than half of the draws are no numbers, or no plan keeps the limits.
    """
    scenarios, problem, lost = known_scenarios(problems)
    base = np.delete(reference, lost)
    differences = shifted(scenarios, -base)
    count = len(differences)
    # a quantile's limit is met where the mean beyond it is: its plan begins there
    tail = max((risk.tail(level) if risk.tail else 1 - level) * count, 1.0)
    asked = _Asked(differences, problem, tail, at_risk)
    free = least_mix(differences, problem, 1.0, start, share=0.0)
    rounding = WITHIN * max(free.value - float(differences.floors.mean()), 1e-300)
    if risk.of(differences.totals(free.u), level) <= at_risk + rounding:
        return _as_mean(free, base, lost)
    best = _limited(asked, free, rounding)
    if risk.tail is None:
        best = _held_one_by_one(asked, risk, level, best, rounding)
        best = replace(best, certificate=replace(best.certificate, bound=free.certificate.bound), status="best found")
    return _as_mean(best, base, lost)


def shifted(scenarios: Scenarios, amounts: np.ndarray) -> Scenarios:
    """The same scenarios with amounts (B,) added to their totals."""
    shift = np.zeros((len(scenarios), scenarios.models))
    shift[:, 0] = amounts
    values = scenarios.values.scaled(np.ones(shift.size), shift.ravel())
    return replace(scenarios, values=values)


def _as_mean(plan: RiskOptimum, base: np.ndarray, lost: tuple[int, ...]) -> RiskOptimum:
    """A plan of the differences as one of the objective: what the reference reaches on average is added."""
    mean = float(base.mean())
    certificate = replace(plan.certificate, bound=plan.certificate.bound + mean)
    return replace(plan, value=plan.value + mean, certificate=certificate, lost=lost)


def _limited(asked: _Asked, free: RiskOptimum, rounding: float) -> RiskOptimum:
    """The best plan within the limit on the worst share's mean, from the best one without it.

    Raises:
        InfeasibleError: even the plan that is best for the worst share passes the limit.
    """
    low, over, high = 0.0, asked.lost(free) - asked.at_risk, 1.0
    outside: RiskOptimum = free
    inside = least_mix(asked.scenarios, asked.problem, asked.tail, free, share=1.0)
    under, bound, steps = asked.lost(inside) - asked.at_risk, free.certificate.bound, free.steps + inside.steps
    if under > rounding:
        least, stated = apart(asked.lost(inside), asked.at_risk)
        raise InfeasibleError(
            f"No plan's worst share of scenarios loses less than {least} against the reference, and --at-risk is "
            f"{stated}; allow more, or give another --reference."
        )
    certificate = inside.certificate
    for at in range(MAX_SHARES):
        # false position on a falling function, with bisection between, so that neither end stays for long
        share = 0.5 * (low + high) if at % 3 == 2 else low + (high - low) * over / max(over - under, 1e-300)
        share = float(np.clip(share, low + 0.02 * (high - low), high - 0.02 * (high - low)))
        plan = least_mix(asked.scenarios, asked.problem, asked.tail, inside, share=share)
        steps, excess = steps + plan.steps, asked.lost(plan) - asked.at_risk
        if share < LARGEST_SHARE:
            proven = (plan.certificate.bound - share * asked.at_risk) / (1 - share)
            if proven > bound:
                bound, certificate = proven, _per_mean(plan.certificate, share)
        if excess <= rounding:
            inside, under, high = plan, excess, share
        else:
            outside, over, low = plan, excess, share
        reached = _mean(asked.scenarios, inside)
        if reached - bound <= PROVEN * (reached - float(asked.scenarios.floors.mean())):
            break
    best = _between(asked, inside, outside, rounding)
    value = _mean(asked.scenarios, best)
    proven_gap = PROVEN * (value - float(asked.scenarios.floors.mean()))
    status = "optimal" if value - bound <= proven_gap else NOT_PROVEN
    return replace(
        best, value=value, certificate=replace(certificate, bound=min(bound, value)), status=status, steps=steps
    )


def _per_mean(certificate: Certificate, share: float) -> Certificate:
    """Prices of a mix as prices of the mean: the Lagrangian of the limited problem is the mix over ``1 − share``."""
    scale, duals = 1 / (1 - share), certificate.duals
    prices = Duals(*(scale * each for each in (duals.budget, duals.low, duals.high, duals.row)))
    return replace(certificate, marginal=scale * certificate.marginal, duals=prices)


def _mean(scenarios: Scenarios, plan: Optimum) -> float:
    return float(scenarios.totals(plan.u).mean())


def _between(asked: _Asked, inside: RiskOptimum, outside: RiskOptimum, rounding: float) -> RiskOptimum:
    """The plan on the line from one within the limit to one outside that is as far along as the limit lets it be."""
    low, high, best = 0.0, 1.0, inside
    for _ in range(40):
        middle = 0.5 * (low + high)
        amounts = (1 - middle) * inside.amounts + middle * outside.amounts
        u = inputs_within(asked.problem, (1 - middle) * inside.u + middle * outside.u, amounts)
        plan = replace(inside, u=u, amounts=amounts)
        if asked.lost(plan) <= asked.at_risk + rounding:
            low = middle
            if _mean(asked.scenarios, plan) < _mean(asked.scenarios, best):
                best = plan
        else:
            high = middle
    return best


def _held_one_by_one(asked: _Asked, risk: Risk, level: float, best: RiskOptimum, rounding: float) -> RiskOptimum:
    """Plans of more expected gain under a limit on a quantile: the draws below it are held to the limit, each."""
    scenarios = asked.scenarios
    for _ in range(MAX_ROUNDS):
        totals = scenarios.totals(best.u)
        kept = np.argsort(totals, kind="stable")[: int(np.ceil(level * (len(totals) - 1))) + 1]
        # the others are moved so far down that they are never the worst: a constant, which moves no plan
        apart_from = np.ptp(totals) + np.ptp(scenarios.floors) + abs(asked.at_risk)
        away = np.full(len(totals), -100.0 * max(apart_from, rounding))
        away[kept] = 0.0
        held = _Asked(shifted(scenarios, away), asked.problem, 1.0, asked.at_risk)
        start = least_mix(held.scenarios, asked.problem, 1.0, best, share=0.0)
        found = start if held.lost(start) <= asked.at_risk + rounding else _limited(held, start, rounding)
        gained = _mean(scenarios, best) - _mean(scenarios, found)
        if risk.of(scenarios.totals(found.u), level) > asked.at_risk + rounding or gained <= rounding:
            break
        best = replace(found, value=_mean(scenarios, found))
    return best
