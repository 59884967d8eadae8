"""Plans stay within the reach of what was measured, as limits of the stated problem with a bound and prices."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.resources import Prices, largest_spends, smallest_inputs
from budget.errors import AllocationError, InfeasibleError
from budget.report.sentences.plan_sentences import plan_summary
from budget.studies.growth.growth import grow
from budget.studies.strategies.strategy_curves import StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlanner
from budget.tables.limits import Limit
from budget.tables.tasks import default_tasks
from tests import made

ROUNDING = 1 + 1e-6


def some_curves(seed, tasks=4, span=1e4, **changes):
    """Chinchilla curves of random exponents, and measured ranges that differ between the tasks; ``span`` widens them
    downward."""
    random = np.random.default_rng(seed)
    natural = {
        f"t{at}": (1.0 + random.random(), 400 * random.random() + 50, random.uniform(0.2, 0.5),
                   1500 * random.random() + 100, random.uniform(0.2, 0.5))
        for at in range(tasks)
    }  # fmt: skip
    options = {"reference": (2e8, 5e9), "cost": made.SIX} | changes
    curves = made.curves_of("chinchilla", ("params", "tokens"), natural, **options)
    wide = 10 ** random.uniform(-1, 1, size=tasks)
    largest = {name: values * wide for name, values in curves.largest.items()}
    largest |= {"flops": 6 * largest["params"] * largest["tokens"] / 10}
    return replace(curves, largest=largest, smallest={name: low / span for name, low in curves.smallest.items()})


def assert_within(curves, plan, reach):
    for name, planned in (("params", plan.params), ("tokens", plan.tokens), ("flops", plan.spend)):
        assert (planned <= reach * curves.largest[name] * ROUNDING).all()


@pytest.mark.parametrize("unit", ["flops", "money"])
def test_what_one_model_will_serve_lifts_no_other_models_reach(unit):
    curves, reach = some_curves(3), 2.0
    served = np.array([1e9, np.nan, np.nan, np.nan])
    flops = unit == "flops"
    asked = {} if flops else {"prices": Prices(3.6e-3, 1e12, 1.0)}
    each = 1.0 if flops else 1e-18
    found = largest_spends(curves, replace(default_tasks(curves.tasks), served_tokens=served), unit, reach, **asked)
    training = reach * curves.largest["flops"] * each
    np.testing.assert_allclose(found[1:], training[1:], rtol=1e-12)
    # beside its training it may pay for serving the largest model within the reach
    np.testing.assert_allclose(found[0], training[0] + reach * 2 * 1e9 * curves.largest["params"][0] * each, rtol=1e-12)


def test_a_model_is_no_smaller_than_the_reach_allows_nor_is_a_scale_of_another_name():
    curves = some_curves(1, span=1.0)
    for reach, least in ((2.0, 0.5), (10.0, 0.1)):
        params, tokens = np.exp(smallest_inputs(curves, reach)).T
        np.testing.assert_allclose(params, least * curves.smallest["params"])
        np.testing.assert_allclose(tokens, least * curves.smallest["tokens"])
    np.testing.assert_array_equal(smallest_inputs(curves), 0.0)  # one parameter on one token
    one = made.curves_of("power", ("x",), {"t": (1.0, 2.0, 0.3)}, reference=(1e3,))
    assert smallest_inputs(one) is None
    np.testing.assert_allclose(np.exp(smallest_inputs(one, 4.0))[:, 0], one.smallest["x"] / 4)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    reach=st.sampled_from([1.5, 3.0, 10.0]),
    decades=st.floats(0.0, 4.0),
    objective=st.sampled_from(["mean", "worst"]),
    route=st.sampled_from(["dual", "program"]),
)
def test_no_model_is_smaller_than_the_reach_allows_and_the_plan_is_proven(seed, reach, decades, objective, route):
    """From budgets that pay for little more than the smallest models on, where many tasks stand at their least."""
    curves = some_curves(seed, span=1.0)
    least = 6 * (curves.smallest["params"] * curves.smallest["tokens"]).sum() / reach**2
    asked = {"objective": objective, "measure": "value", "reach": reach}
    spec = plan_spec(curves, default_tasks(curves.tasks), 1.001 * least * 10**decades, **asked)
    plan = allocate(curves, spec, draws=False, route=route)
    assert_within(curves, plan, reach)
    for name, planned in (("params", plan.params), ("tokens", plan.tokens)):
        assert (planned >= curves.smallest[name] / reach / ROUNDING).all()
    assert plan.gap <= 1e-5 * (plan.objective - curves.parameters[:, 0].min())
    # less reach is a smaller set of plans here, too
    wider = allocate(curves, replace(spec, reach=2 * reach), draws=False, route="dual")
    assert wider.objective <= plan.objective * (1 + 1e-9)


def test_a_budget_below_the_smallest_models_is_refused_in_a_sentence():
    curves = some_curves(2, span=1.0)
    least = 6 * (curves.smallest["params"] * curves.smallest["tokens"]).sum() / 100
    with pytest.raises(InfeasibleError, match=r"smallest models for 4 tasks take .*\(--reach 10 below its runs\)"):
        plan_spec(curves, default_tasks(curves.tasks), 0.99 * least, reach=10.0)
    plan_spec(curves, default_tasks(curves.tasks), 0.99 * least, reach=20.0)


def test_what_need_not_be_served_gets_the_smallest_model_there_is_or_nothing():
    curves = some_curves(4, span=1.0)
    tasks = replace(default_tasks(curves.tasks), unserved=np.full(4, 5.0))
    least = 6 * (curves.smallest["params"] * curves.smallest["tokens"])[0] / 100
    plan = allocate(curves, plan_spec(curves, tasks, 2 * least, reach=10.0, allow_unserved=True), draws=False)
    assert 1 <= (plan.spend > 0).sum() <= 2
    assert (plan.spend[plan.spend > 0] >= least / ROUNDING).all()


CASES = given(
    seed=st.integers(0, 10**6),
    reach=st.sampled_from([1.0, 2.0, 10.0, 100.0]),
    budget=st.floats(18.0, 24.0),
    objective=st.sampled_from(["mean", "worst"]),
)


@settings(max_examples=40, deadline=None)
@CASES
def test_a_plan_stays_within_the_reach_and_is_proven_there(seed, reach, budget, objective):
    curves, budget = some_curves(seed), 10**budget
    tasks = default_tasks(curves.tasks)
    try:
        spec = plan_spec(curves, tasks, budget, objective=objective, measure="value", reach=reach)
        plan = allocate(curves, spec, draws=False, route="dual")
    except InfeasibleError:
        return
    assert_within(curves, plan, reach)
    assert plan.gap <= 1e-5 * (plan.objective - curves.parameters[:, 0].min())
    # less reach is a smaller set of plans, and what stays unspent is said
    wider = allocate(curves, replace(spec, reach=2 * reach), draws=False, route="dual")
    assert wider.objective <= plan.objective * (1 + 1e-9)
    if plan.unspent > 1e-6 * budget:
        assert any("stay unspent" in note and "reach" in note for note in plan.notes)
        assert plan.shadow_price == 0


@settings(max_examples=12, deadline=None)
@CASES
def test_money_reaches_as_far_as_the_flops_that_it_buys(seed, reach, budget, objective):
    """The same compute asked for in money or in FLOPs is the same plan, within the same reach."""
    curves, budget, prices = some_curves(seed), 10**budget, Prices(2.0, 1e15, 0.4)
    tasks, asked = default_tasks(curves.tasks), {"objective": objective, "measure": "value", "reach": reach}
    try:
        flops = allocate(curves, plan_spec(curves, tasks, budget, **asked), draws=False, route="dual")
    except InfeasibleError:
        return
    spec = plan_spec(curves, tasks, budget * prices.per_flop, unit="money", prices=prices, **asked)
    money = allocate(curves, spec, draws=False, route="dual")
    assert money.objective == pytest.approx(flops.objective, rel=1e-9)
    assert (money.spend <= reach * prices.per_flop * curves.largest["flops"] * ROUNDING).all()


def test_money_for_data_widens_the_reach_by_what_these_cost():
    curves, prices = some_curves(3), Prices(2.0, 1e15, 0.4)
    tasks = replace(default_tasks(curves.tasks), unit_cost=np.full(len(curves.tasks), 1e-9))
    spec = plan_spec(curves, tasks, 1e9, unit="money", prices=prices, reach=10.0)
    plan = allocate(curves, spec, draws=False, route="dual")
    bought = prices.per_flop * curves.largest["flops"] + 1e-9 * curves.largest["tokens"]
    assert (plan.spend <= 10 * bought * ROUNDING).all()
    assert (plan.spend > 5 * prices.per_flop * curves.largest["flops"]).any()


@settings(max_examples=12, deadline=None)
@CASES
def test_the_two_routes_and_further_limits_agree_within_the_reach(seed, reach, budget, objective):
    curves, budget = some_curves(seed, tasks=3), 10**budget
    tasks = default_tasks(curves.tasks)
    spec = plan_spec(curves, tasks, budget, objective=objective, measure="value", reach=reach)
    shown, dual = (allocate(curves, spec, draws=False, route=route) for route in ("program", "dual"))
    assert shown.objective == pytest.approx(dual.objective, rel=1e-6)
    assert_within(curves, shown, reach)
    rows = (Limit("ratio", np.array([1.0, -2.0, 0.0]), upper=0.0),)
    limited = plan_spec(curves, tasks, budget, objective=objective, measure="value", reach=reach, limits=rows,
                        further={"tokens": 0.7 * shown.tokens.sum()})  # fmt: skip
    shown, dual = (allocate(curves, limited, draws=False, route=route) for route in ("program", "dual"))
    assert shown.objective == pytest.approx(dual.objective, rel=1e-5)
    assert_within(curves, shown, reach)
    assert shown.gap <= 1e-5 * abs(shown.objective)


@pytest.mark.parametrize("seed", range(6))
def test_prices_say_what_a_wider_reach_brings(seed):
    """The sum of the prices times what they price is the slope of the objective in the reach."""
    curves = some_curves(seed)
    tasks = default_tasks(curves.tasks)

    def at(reach):
        return allocate(curves, plan_spec(curves, tasks, 3e21, reach=reach), draws=False, route="program")

    plan, step = at(3.0), 1e-4
    lines = [line for line in plan.limits if line.name.startswith("reach of ")]
    # the spend's own reach moves with the factor where it is measured; where it is what N and D cost, with its square
    cost = 36 * curves.largest["params"] * curves.largest["tokens"] * 1.5
    slope = sum(
        line.price * line.bound * (2.0 if line.unit == "flops" and np.isclose(cost, line.bound).any() else 1.0)
        for line in lines
    )
    gained = (at(3.0 * (1 - step)).objective - at(3.0 * (1 + step)).objective) / (2 * step)
    assert lines and slope == pytest.approx(gained, rel=2e-2)
    assert any("Lifting the reach (--reach inf) would bring" in note for note in plan.notes)
    assert any(word.startswith("reach") or "budget" in word for word in plan.binding)


@pytest.mark.parametrize("mode", [{}, {"sizes": (1e8, 1e9, 1e10)}, {"allow_unserved": True}, {"objective": "worst"}])
def test_questions_that_are_searched_stay_within_it(mode):
    curves = some_curves(2)
    tasks = replace(default_tasks(curves.tasks), unserved=np.full(4, 9.0))
    plan = allocate(curves, plan_spec(curves, tasks, 1e22, measure="value", reach=5.0, **mode), draws=False)
    served = plan.served
    for name, planned in (("params", plan.params), ("tokens", plan.tokens), ("flops", plan.spend)):
        assert (planned[served] <= 5 * curves.largest[name][served] * ROUNDING).all()
    assert plan.gap <= 1e-2 * abs(plan.objective)


def test_a_shared_model_stays_within_it():
    curves = made.one_model(made.chinchilla())
    tasks = default_tasks(curves.tasks)
    for objective in ("mean", "worst"):
        plan = allocate(curves, plan_spec(curves, tasks, 1e23, objective=objective, measure="value", reach=2.0))
        assert (plan.params <= 2 * curves.largest["params"] * ROUNDING).all()
        assert (plan.tokens <= 2 * curves.largest["tokens"] * ROUNDING).all()
        assert plan.unspent > 0 and any("stay unspent" in note for note in plan.notes)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), risk=st.sampled_from(["mean"]))
def test_plans_over_the_draws_stay_within_it(seed, risk):
    curves = some_curves(seed, tasks=3, draws=12)
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), 3e20, risk=risk, reach=2.0), draws=False)
    assert_within(curves, plan, 2.0)
    assert plan.gap <= 1e-5 * abs(plan.objective)


def test_growing_sets_and_strategies_stay_within_it():
    curves = some_curves(5)
    tasks = default_tasks(curves.tasks)
    growth = grow(curves, tasks, 1e21, reach=3.0)
    for plan in growth.plans:
        at = np.array([curves.tasks.index(name) for name in plan.spec.tasks.names])
        assert_within(curves.take(at), plan, 3.0)
    spec = plan_spec(curves, tasks, 1e21)
    planner = StrategyPlanner(StrategyCurves("specialists", curves), tasks, spec.measure, reach=3.0)
    for plan in planner.best(np.geomspace(1e19, 1e23, 5)):
        assert (plan.spend <= 3 * curves.largest["flops"] * ROUNDING).all()
        for name, planned in zip(curves.scale_columns, np.exp(plan.log_inputs).T, strict=True):
            assert (planned <= 3 * curves.largest[name] * ROUNDING).all()
        assert plan.predicted.mean() >= growth.plans[-1].objective or plan.budget >= 1e21


def test_splits_by_hand_may_go_beyond_and_it_is_said():
    curves = some_curves(1)
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), 1e23, reach=2.0), draws=False)
    uniform = next(each for each in plan.baselines if each.name == "uniform")
    assert not uniform.is_feasible and any(name.startswith("reach of ") for name in uniform.breaks)
    assert uniform.total == pytest.approx(1e23) and "breaks the reach of" in plan_summary(plan)


@pytest.mark.parametrize("reach", [0.5, 0.0, -1.0, float("nan")])
def test_a_reach_below_one_is_an_error(reach):
    curves = some_curves(0)
    with pytest.raises(AllocationError, match="give a factor of at least 1, or inf to lift it"):
        plan_spec(curves, default_tasks(curves.tasks), 1e20, reach=reach)


def test_a_minimum_beyond_the_reach_is_an_error():
    curves = some_curves(0)
    tasks = replace(default_tasks(curves.tasks), min=10 * curves.largest["flops"] * np.array([1.0, 0, 0, 0]))
    with pytest.raises(InfeasibleError, match=r"Task t0 has min .* that --reach 2 allows"):
        plan_spec(curves, tasks, 1e24, reach=2.0)
