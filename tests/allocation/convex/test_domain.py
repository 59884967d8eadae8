"""Plans from one parameter and one token on: against a dense grid over sizes, with budgets that reach the edge."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.certificate import certify, lower_bound
from budget.allocation.convex.problem import build_problem
from budget.allocation.convex.shadow_prices import plain_duals
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import InfeasibleError
from budget.tables.tasks import default_tasks
from tests import made

POINTS = 4001


def curves_of(natural, **changes):
    return made.curves_of("chinchilla", ("params", "tokens"), natural, reference=(2e8, 5e9), cost=made.SIX, **changes)


def value(theta, n, d):
    floor, a, alpha, b, beta = theta
    return floor + a / n**alpha + b / d**beta


def best_on_grid(theta, spend):
    """The least value over models of cost 6·N·D = spend with N, D ≥ 1, and of those on a dense grid of sizes."""
    n = np.exp(np.linspace(0.0, np.log(spend / 6), POINTS))
    return float(value(theta, n, spend / 6 / n).min())


@st.composite
def laws(draw):
    log = st.floats(-6, 6)
    exponent = st.sampled_from([0.005, 0.05, 0.3, 0.6, 1.0])
    return (1.5, 10 ** draw(log), draw(exponent), 10 ** draw(log), draw(exponent))


@settings(max_examples=25, deadline=None)
@given(st.lists(laws(), min_size=1, max_size=3), st.floats(0.01, 8), st.sampled_from(["mean", "worst"]))
def test_no_model_within_the_domain_is_better_than_the_plan_or_its_bound(natural, decades, objective):
    curves = curves_of({f"t{at}": theta for at, theta in enumerate(natural)})
    budget = 6.0 * len(natural) * 10**decades
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), budget, objective=objective), draws=False)
    assert (plan.params >= 1 - 1e-9).all() and (plan.tokens >= 1 - 1e-9).all()
    assert plan.spend.sum() <= budget * (1 + 1e-9)
    # every model is the best at its spend
    for theta, spend, predicted in zip(natural, plan.spend, plan.predicted, strict=True):
        found = best_on_grid(theta, max(spend, 6.0))
        assert predicted <= found + 1e-9 * abs(found)
        assert predicted >= found - 1e-4 * abs(found)
    # and no split of a grid of them beats the bound
    splits = [budget / len(natural) * np.ones(len(natural)), plan.spend]
    free = budget - 6.0 * len(natural)
    rng = np.random.default_rng(0)
    splits += [6.0 + free * rng.dirichlet(np.ones(len(natural))) for _ in range(20)]
    for split in splits:
        values = np.array([best_on_grid(theta, max(each, 6.0)) for theta, each in zip(natural, split, strict=True)])
        rival = values.mean() if objective == "mean" else values.max()
        assert plan.bound <= rival + 1e-7 * abs(rival)
    assert plan.gap <= 1e-5 * abs(plan.objective)


@settings(max_examples=50, deadline=None)
@given(laws(), st.floats(0.0, 6), st.floats(0.1, 3))
def test_the_bound_at_any_price_is_below_every_model_of_the_domain(theta, decades, factor):
    problem = build_problem(
        (curves := curves_of({"t": theta})), plan_spec(curves, default_tasks(curves.tasks), 6.0 * 10**decades)
    )
    u = best_inputs(problem.value, problem.cost, problem.high)
    certificate = certify(problem, u, problem.high)
    prices = plain_duals(problem, u, problem.high, certificate.marginal)
    prices = replace(prices, budget=prices.budget * factor)
    assert lower_bound(problem.value, problem, u, prices) <= best_on_grid(theta, problem.budget) * (1 + 1e-9)


@pytest.mark.parametrize("objective", ["mean", "worst", "targets", "cheapest"])
@pytest.mark.parametrize("unserved", [False, True])
def test_every_objective_keeps_to_the_domain(objective, unserved):
    """A law whose best size falls below one parameter at small budgets: size brings next to nothing."""
    natural = {"flat": (1.5, 1e-6, 0.3, 400.0, 0.3), "steep": (1.0, 300.0, 0.5, 1e-6, 0.4)}
    curves = curves_of(natural)
    target = np.array([best_on_grid(theta, 60.0) for theta in natural.values()])
    tasks = replace(default_tasks(curves.tasks), target=target * (1 + 1e-6), unserved=np.array([500.0, 400.0]))
    budget = None if objective == "cheapest" else 121.0
    plan = allocate(curves, plan_spec(curves, tasks, budget, objective=objective, allow_unserved=unserved), draws=False)
    assert (plan.params >= 1 - 1e-9).all() and (plan.tokens >= 1 - 1e-9).all()
    if objective == "cheapest":
        np.testing.assert_allclose(plan.spend, 60.0, rtol=1e-4)
    if objective == "targets":
        assert plan.objective == 2


@pytest.mark.parametrize("risk", ["mean", "cvar", "quantile"])
def test_plans_over_draws_keep_to_the_domain(risk):
    natural = {"flat": (1.5, 1e-6, 0.3, 400.0, 0.3), "steep": (1.0, 300.0, 0.5, 1e-6, 0.4)}
    curves = curves_of(natural, draws=8)
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), 600.0, risk=risk), draws=False)
    assert (plan.params >= 1 - 1e-9).all() and (plan.tokens >= 1 - 1e-9).all()
    assert plan.gap <= 1e-6 * plan.objective
    point = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), 600.0), draws=False)
    np.testing.assert_allclose(plan.spend, point.spend, rtol=0.3)


def test_runs_counted_in_billions_are_no_models_of_one_parameter():
    """Where runs lie below 1 the unit is not one parameter, and a size below 1 is planned as any other."""
    natural = {"a": (1.7, 0.4, 0.34, 0.5, 0.28), "b": (1.5, 0.6, 0.3, 0.4, 0.3)}
    curves = made.curves_of("chinchilla", ("params", "tokens"), natural, reference=(0.2, 5.0), cost=made.SIX)
    curves = replace(
        curves,
        smallest={"params": np.full(2, 0.07), "tokens": np.full(2, 0.5), "flops": np.full(2, 0.2)},
        largest={"params": np.full(2, 7.0), "tokens": np.full(2, 140.0), "flops": np.full(2, 6e3)},
    )
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), 0.5), draws=False)
    assert (plan.params < 1).all() and plan.gap <= 1e-9


def test_a_maximum_below_the_smallest_model_is_named():
    curves = curves_of({"a": (1.5, 1.0, 0.3, 1.0, 0.3), "b": (1.5, 1.0, 0.3, 1.0, 0.3)})
    tasks = replace(default_tasks(curves.tasks), max=np.array([5.0, np.nan]))
    with pytest.raises(InfeasibleError, match=r"the smallest model for a \(6 flops\); a at most 5 flops"):
        allocate(curves, plan_spec(curves, tasks, 1e3), draws=False)
