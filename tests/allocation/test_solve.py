"""Plans against water-filling, SciPy and brute force; the certificate; invariants."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from budget.allocation.convex.problem import Problem, build_problem
from budget.allocation.convex.solve_by_program import solve_by_program
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.scenarios import scenarios_of
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import AllocationError, InfeasibleError, SolverError
from budget.tables.tasks import default_tasks
from tests.oracles import water_filling


def power_problem(coefficient, exponent, budget, *, weight=None, low=None, high=None) -> Problem:
    """``Σ w_i·A_i·x_i^-a_i`` under ``Σ x = budget``."""
    count = len(coefficient)
    weight = np.ones(count) if weight is None else weight
    value = Posynomial(np.zeros(count), np.log(weight * coefficient)[:, None], -exponent[:, None, None])
    cost = Posynomial(np.zeros(count), np.zeros((count, 1)), np.ones((count, 1, 1)))
    return Problem(
        value,
        cost,
        budget,
        np.zeros(count) if low is None else low,
        np.full(count, budget) if high is None else np.minimum(high, budget),
    )


def objective(problem: Problem, u: np.ndarray) -> float:
    return float(problem.value.value(u).sum())


tasks_strategy = st.integers(1, 8).flatmap(
    lambda count: st.tuples(
        st.lists(st.floats(0.05, 20.0), min_size=count, max_size=count),
        st.lists(st.floats(0.05, 1.2), min_size=count, max_size=count),
        st.lists(st.floats(0.1, 10.0), min_size=count, max_size=count),
    )
)


@settings(max_examples=40, deadline=None)
@given(tasks_strategy, st.floats(-3, 6))
def test_split_is_water_filling(tasks, log_budget):
    coefficient, exponent, weight = (np.array(column) for column in tasks)
    budget = 10.0**log_budget
    expected, reducible = water_filling.split(weight, coefficient, exponent, budget)
    found = solve_by_program(power_problem(coefficient, exponent, budget, weight=weight))
    np.testing.assert_allclose(found.spend.sum(), budget, rtol=1e-12)
    value = objective(power_problem(coefficient, exponent, budget, weight=weight), found.u)
    np.testing.assert_allclose(value, reducible, rtol=1e-9)
    np.testing.assert_allclose(found.spend, expected, rtol=1e-5, atol=1e-9 * budget)
    # Karush, Kuhn and Tucker: one more unit brings the same everywhere
    np.testing.assert_allclose(found.certificate.marginal, found.certificate.shadow_price, rtol=1e-5)
    # the bound is proven and close: never above the true optimum
    assert found.certificate.bound <= reducible * (1 + 1e-12)
    assert value - found.certificate.bound <= 1e-9 * value


@settings(max_examples=25, deadline=None)
@given(tasks_strategy, st.data())
def test_limits_hold_and_are_priced(tasks, data):
    coefficient, exponent, weight = (np.array(column) for column in tasks)
    count = len(coefficient)
    low = np.array(data.draw(st.lists(st.floats(0.0, 0.9 / count), min_size=count, max_size=count)))
    high = np.array(data.draw(st.lists(st.floats(1.1 / count, 2.0), min_size=count, max_size=count)))
    expected, reducible = water_filling.split(weight, coefficient, exponent, 1.0, low, high)
    problem = power_problem(coefficient, exponent, 1.0, weight=weight, low=low, high=high)
    found = solve_by_program(problem)
    assert (found.spend >= low - 1e-12).all() and (found.spend <= np.minimum(high, 1.0) + 1e-12).all()
    value = objective(problem, found.u)
    np.testing.assert_allclose(value, reducible, rtol=1e-9)
    assert found.certificate.bound <= reducible * (1 + 1e-12)
    assert value - found.certificate.bound <= 1e-8 * value
    np.testing.assert_allclose(found.spend, expected, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("count", [10, 100])
def test_common_scales_do_not_matter(count, scale):
    random = np.random.default_rng(count)
    coefficient, exponent = random.uniform(0.5, 5, count) * scale, random.uniform(0.1, 0.6, count)
    _, reducible = water_filling.split(np.ones(count), coefficient, exponent, 1e6)
    problem = power_problem(coefficient, exponent, 1e6)
    assert objective(problem, solve_by_program(problem).u) <= reducible * (1 + 1e-10)


def test_two_scale_specialists_match_the_closed_form(exact_curves):
    spec = plan_spec(exact_curves, default_tasks(exact_curves.tasks), 1e22)
    plan = allocate(exact_curves, spec, draws=False)
    natural = exact_curves.form.natural(exact_curves.parameters, exact_curves.reference)
    floor, a, alpha, b, beta = natural.T
    coefficient, exponent = water_filling.in_compute(a, alpha, b, beta)
    expected, reducible = water_filling.split(np.full(3, 1 / 3), coefficient, exponent, 1e22)
    np.testing.assert_allclose(plan.objective, floor.mean() + reducible, rtol=1e-9)
    np.testing.assert_allclose(plan.spend, expected, rtol=1e-4)
    np.testing.assert_allclose(6 * plan.params * plan.tokens, plan.spend, rtol=1e-9)
    np.testing.assert_allclose(plan.spend.sum(), 1e22, rtol=1e-12)
    assert 0 <= plan.gap < 1e-8
    # Karush–Kuhn–Tucker: what one more FLOP brings is the same everywhere
    np.testing.assert_allclose(plan.marginal, plan.shadow_price, rtol=1e-4)


def test_shadow_price_is_the_derivative_in_the_budget(exact_curves):
    tasks = default_tasks(exact_curves.tasks)
    less, here, more = (
        allocate(exact_curves, plan_spec(exact_curves, tasks, budget), draws=False)
        for budget in (0.999e22, 1e22, 1.001e22)
    )
    np.testing.assert_allclose(here.shadow_price, (less.objective - more.objective) / 0.002e22, rtol=1e-4)


def test_shared_model_matches_scipy(shared_curves):
    tasks = replace(default_tasks(shared_curves.tasks), weight=np.array([3.0, 1.0, 2.0]))
    plan = allocate(shared_curves, plan_spec(shared_curves, tasks, 1e22), draws=False)
    floor, a, alpha, b, beta = shared_curves.form.natural(shared_curves.parameters, shared_curves.reference).T
    weight = tasks.weight / tasks.weight.sum()

    def loss(log_n):
        params = np.exp(log_n)
        tokens = 1e22 / (6 * params)
        return float((weight * (floor + a / params**alpha + b / tokens**beta)).sum())

    best = minimize_scalar(loss, bounds=(10, 40), method="bounded", options={"xatol": 1e-12})
    assert plan.spec.strategy == "shared" and not plan.hypothetical
    np.testing.assert_allclose(plan.objective, best.fun, rtol=1e-10)
    assert np.ptp(plan.params) == 0 and np.ptp(plan.tokens) == 0
    np.testing.assert_allclose(6 * plan.params * plan.tokens, 1e22, rtol=1e-9)
    assert plan.total == 1e22 and plan.gap < 1e-9


def test_posynomial_cost_matches_slsqp():
    """Two specialists with attention and embedding in the cost: no closed form, so SciPy's SLSQP is the oracle."""
    value = Posynomial(
        np.array([0.5, 0.8]),
        np.log(np.array([[30.0, 60.0], [10.0, 90.0]])),
        np.array([[[-0.3, 0.0], [0.0, -0.4]], [[-0.2, 0.0], [0.0, -0.5]]]),
    )
    cost = Posynomial(
        np.zeros(2), np.log(np.tile([6.0, 900.0], (2, 1))), np.tile([[[1.0, 1.0], [0.5, 1.0]]], (2, 1, 1))
    )
    problem = Problem(value, cost, 1e13, np.zeros(2), np.full(2, 1e13))
    found = solve_by_program(problem)
    best = min(
        (
            minimize(
                lambda u: value.value(u.reshape(2, 2)).sum(),
                start,
                jac=lambda u: value.gradient(u.reshape(2, 2)).ravel(),
                method="SLSQP",
                constraints={
                    "type": "ineq",
                    "fun": lambda u: 30 - 30 * np.log(cost.value(u.reshape(2, 2)).sum() / 1e13) / 30 - 30,
                },
                options={"ftol": 1e-15, "maxiter": 1000},
            )
            for start in (np.array([12.0, 15.0, 12.0, 15.0]), np.array([10.0, 16.0, 11.0, 16.0]))
        ),
        key=lambda run: run.fun,
    )
    np.testing.assert_allclose(objective(problem, found.u), best.fun, rtol=1e-7)
    np.testing.assert_allclose(cost.value(found.u), found.spend, rtol=1e-12)
    assert objective(problem, found.u) - found.certificate.bound < 1e-8


def test_tokens_at_a_fixed_size(exact_curves):
    spec = plan_spec(exact_curves, default_tasks(exact_curves.tasks), 1e11, unit="tokens", params=1e9)
    plan = allocate(exact_curves, spec, draws=False)
    _, _, _, b, beta = exact_curves.form.natural(exact_curves.parameters, exact_curves.reference).T
    expected, _ = water_filling.split(np.full(3, 1 / 3), b, beta, 1e11)
    np.testing.assert_allclose(plan.spend, expected, rtol=1e-4)
    np.testing.assert_allclose(plan.tokens, plan.spend, rtol=1e-12)
    np.testing.assert_allclose(plan.params, 1e9)


@pytest.mark.parametrize("strategy", ["specialists", "shared"])
def test_more_budget_is_never_worse_and_baselines_never_better(shared_curves, strategy):
    tasks = default_tasks(shared_curves.tasks)
    plans = [
        allocate(shared_curves, plan_spec(shared_curves, tasks, budget, strategy=strategy), draws=False)
        for budget in np.geomspace(1e19, 1e24, 6)
    ]
    assert (np.diff([plan.objective for plan in plans]) < 0).all()
    for plan in plans:
        assert plan.baselines and all(plan.gain_over(baseline) >= 0 for baseline in plan.baselines)
        assert all(np.isfinite(baseline.predicted).all() for baseline in plan.baselines)


def test_order_of_tasks_and_scale_of_weights_do_not_matter(noisy_curves):
    tasks = replace(default_tasks(noisy_curves.tasks), weight=np.array([1.0, 2.0, 5.0]))
    first = allocate(noisy_curves, plan_spec(noisy_curves, tasks, 1e21), draws=False)
    turned = noisy_curves.take(np.array([2, 0, 1]))
    task_settings = replace(tasks.select(turned.tasks), weight=tasks.select(turned.tasks).weight * 7)
    second = allocate(turned, plan_spec(turned, task_settings, 1e21), draws=False)
    np.testing.assert_allclose(first.spend[[2, 0, 1]], second.spend, rtol=1e-4)
    np.testing.assert_allclose(first.objective, second.objective, rtol=1e-10)
    assert {baseline.name for baseline in first.baselines} == {"uniform", "proportional", "greedy"}


def test_draws_give_an_interval_about_the_spend(noisy_curves):
    plan = allocate(noisy_curves, plan_spec(noisy_curves, default_tasks(noisy_curves.tasks), 1e21))
    assert plan.failed_draws == 0
    assert (plan.spend_low <= plan.spend).all() and (plan.spend <= plan.spend_high).all()
    assert (plan.spend_high > plan.spend_low * 1.001).all()
    assert (plan.low < plan.predicted).all() and (plan.predicted < plan.high).all()


def test_maxima_leave_budget_unspent_and_the_plan_says_so(exact_curves):
    tasks = replace(default_tasks(exact_curves.tasks), max=np.array([1e20, 2e20, 3e20]))
    plan = allocate(exact_curves, plan_spec(exact_curves, tasks, 1e22), draws=False)
    np.testing.assert_allclose(plan.spend, [1e20, 2e20, 3e20])
    assert plan.binding == ("max",) * 3 and plan.shadow_price == 0
    assert any("stay unspent" in note for note in plan.notes)
    assert plan.gap < 1e-9


def test_minima_bind_and_are_named(exact_curves):
    tasks = replace(default_tasks(exact_curves.tasks), min=np.array([0.8e22, np.nan, np.nan]))
    plan = allocate(exact_curves, plan_spec(exact_curves, tasks, 1e22), draws=False)
    assert plan.binding == ("min", "budget", "budget")
    np.testing.assert_allclose(plan.spend[0], 0.8e22, rtol=1e-9)
    assert plan.marginal[0] < plan.shadow_price and plan.gap < 1e-8


def test_one_task_takes_all(exact_curves):
    one = exact_curves.take(np.array([1]))
    plan = allocate(one, plan_spec(one, default_tasks(one.tasks), 1e21), draws=False)
    np.testing.assert_allclose(plan.spend, [1e21], rtol=1e-12)


def test_scores_are_maximized(exact_curves):
    scores = replace(
        exact_curves,
        higher_is_better=np.ones(3, dtype=bool),
        ceiling=np.full(3, 10.0),
        metric=("accuracy",) * 3,
    )
    tasks = default_tasks(scores.tasks)
    loss = allocate(exact_curves, plan_spec(exact_curves, tasks, 1e22), draws=False)
    score = allocate(scores, plan_spec(scores, tasks, 1e22), draws=False)
    np.testing.assert_allclose(score.spend, loss.spend)
    np.testing.assert_allclose(score.objective, 10 - loss.objective)
    np.testing.assert_allclose(score.bound, 10 - loss.bound)
    assert score.gap >= 0 and all(score.gain_over(baseline) >= 0 for baseline in score.baselines)
    np.testing.assert_allclose(
        [score.predicted, score.low, score.high], [10 - loss.predicted, 10 - loss.high, 10 - loss.low]
    )


@pytest.mark.parametrize(
    ("change", "asked", "error", "sentence"),
    [
        ({}, {"budget": 0.0}, AllocationError, "budget is 0"),
        ({}, {"budget": float("nan")}, AllocationError, "budget is nan"),
        ({}, {"budget": 1e-300}, AllocationError, "no law reaches"),
        ({}, {"budget": 1e300}, AllocationError, "no law reaches"),
        ({}, {"strategy": "shared"}, AllocationError, "one model per task"),
        ({}, {"unit": "tokens"}, AllocationError, "--params N"),
        ({}, {"unit": "tokens", "params": -1.0}, AllocationError, "--params is -1"),
        ({}, {"unit": "x"}, AllocationError, "--unit flops or --unit tokens"),
        ({}, {"params": 1e9}, AllocationError, "the plan chooses it"),
        ({"cost": None}, {}, AllocationError, "use --unit tokens"),
        (
            {"metric": ("nats", "nats", "bits")},
            {"measure": "value"},
            AllocationError,
            "needs one metric.*plan reports one metric",
        ),
        (
            {"metric": ("nats", "nats", "bits")},
            {},
            AllocationError,
            "several metrics, so they are compared by progress",
        ),
    ],
)
def test_questions_that_make_no_sense_are_refused(exact_curves, change, asked, error, sentence):
    curves = replace(exact_curves, **change)
    with pytest.raises(error, match=sentence):
        plan_spec(curves, default_tasks(curves.tasks), **({"budget": 1e21} | asked))


def test_limits_against_the_budget_are_refused(exact_curves, shared_curves):
    tasks = replace(default_tasks(exact_curves.tasks), min=np.array([1e21, 1e21, np.nan]))
    with pytest.raises(InfeasibleError, match="sum to 2e"):
        plan_spec(exact_curves, tasks, 1e21)
    with pytest.raises(AllocationError, match="one spend"):
        plan_spec(shared_curves, tasks, 1e22, strategy="shared")


def test_state_folds_weights_into_the_terms(exact_curves):
    tasks = replace(default_tasks(exact_curves.tasks), weight=np.array([1.0, 3.0, 4.0]))
    problem = build_problem(exact_curves, plan_spec(exact_curves, tasks, 1e21))
    u = np.tile(np.log([1e9, 1e10]), (3, 1))
    plain = scenarios_of(exact_curves, tasks).values.value(u)
    np.testing.assert_allclose(problem.value.value(u), plain * [0.125, 0.375, 0.5])


@settings(max_examples=25, deadline=None)
@given(tasks_strategy, st.data())
def test_frozen_and_slack_limits_are_certified(tasks, data):
    coefficient, exponent, weight = (np.array(column) for column in tasks)
    count = len(coefficient)
    share = np.array(data.draw(st.lists(st.floats(0.1, 1.0), min_size=count, max_size=count)))
    frozen = share / share.sum()
    for low, high in ((frozen, np.ones(count)), (np.zeros(count), frozen * 0.7), (frozen * 0.7, frozen * 0.7)):
        problem = power_problem(coefficient, exponent, 1.0, weight=weight, low=low, high=high)
        found = solve_by_program(problem)
        expected = low if low.any() else high
        np.testing.assert_allclose(found.spend, expected, rtol=1e-6)
        value = objective(problem, found.u)
        assert found.certificate.bound <= value * (1 + 1e-12)
        assert value - found.certificate.bound <= 1e-6 * value


def test_equal_limits_bind_as_maxima(exact_curves):
    limits = np.array([1e20, 2e20, 3e20])
    tasks = replace(default_tasks(exact_curves.tasks), min=limits, max=limits)
    plan = allocate(exact_curves, plan_spec(exact_curves, tasks, 1e22), draws=False)
    assert plan.binding == ("max",) * 3 and plan.solver == "bisection"


@pytest.mark.parametrize("budget", [1e-12, 1e-3, 17.9])
def test_a_budget_below_the_smallest_models_is_refused(exact_curves, budget):
    with pytest.raises(InfeasibleError, match=r"The smallest models for 3 tasks take 18 flops .* above the budget of"):
        allocate(exact_curves, plan_spec(exact_curves, default_tasks(exact_curves.tasks), budget), draws=False)


@pytest.mark.parametrize("budget", [18.0, 1e3, 1e50])
def test_absurd_budgets_get_finite_plans_that_say_what_they_are(exact_curves, budget):
    plan = allocate(exact_curves, plan_spec(exact_curves, default_tasks(exact_curves.tasks), budget), draws=False)
    assert np.isfinite(plan.spend).all() and np.isfinite(plan.marginal).all()
    np.testing.assert_allclose(plan.spend.sum() / budget, 1, rtol=1e-9)
    words = "of the smallest" if budget < 1e22 else "times the largest"
    (said,) = plan.warnings
    assert words in said and said.endswith("is the budget in the file's unit?")


def test_extreme_weights_get_a_plan_or_a_sentence(exact_curves):
    tasks = replace(default_tasks(exact_curves.tasks), weight=np.array([1e-12, 1.0, 1e12]))
    try:
        plan = allocate(exact_curves, plan_spec(exact_curves, tasks, 1e22), draws=False)
    except SolverError as error:
        assert "span too many orders" in str(error)
    else:
        assert np.isfinite(plan.marginal).all() and plan.spend[2] > 0.99e22


def test_mixed_runs_are_hypothetical_only_where_nobody_measured(exact_curves):
    mixed = replace(exact_curves, shared=np.array([True, True, False]), group=np.array([0, 0, 1]), shared_models=25)
    tasks = default_tasks(mixed.tasks)
    plan = allocate(mixed, plan_spec(mixed, tasks, 1e22), draws=False)
    assert plan.spec.strategy == "specialists"
    assert [status.endswith("hypothetical") for status in plan.table()["status"]] == [True, True, False]
    assert any(note.startswith("Hypothetical for prose, code:") for note in plan.notes)
    with pytest.raises(AllocationError, match="runs of maths are of one model per task"):
        plan_spec(mixed, tasks, 1e22, strategy="shared")
    apart = replace(mixed, shared=np.ones(3, dtype=bool))
    assert plan_spec(apart, tasks, 1e22).strategy == "specialists"
    with pytest.raises(AllocationError, match="2 groups measured on different models"):
        plan_spec(apart, tasks, 1e22, strategy="shared")


def test_scores_in_different_units_are_not_averaged(exact_curves):
    scores = replace(exact_curves, higher_is_better=np.ones(3, dtype=bool), ceiling=np.array([1.0, 100.0, 1.0]))
    with pytest.raises(AllocationError, match="different units: best possible values from 1 to 100"):
        plan_spec(scores, default_tasks(scores.tasks), 1e22)


def test_a_law_of_params_alone_is_no_budget(exact_curves):
    curves = replace(exact_curves, law="power", scale_columns=("params",))
    with pytest.raises(AllocationError, match="read params alone, which is no budget"):
        plan_spec(curves, default_tasks(curves.tasks), 1e22)


def test_a_plan_better_than_its_bound_is_refused(exact_curves, monkeypatch):
    """Whatever went wrong in between, no plan leaves with a bound that it contradicts."""
    from budget.allocation import solve as module

    spec = plan_spec(exact_curves, default_tasks(exact_curves.tasks), 1e21)
    found = module.solved(build_problem(exact_curves, spec), "sum", "program")
    wrong = replace(found, certificate=replace(found.certificate, bound=1e3))
    monkeypatch.setattr(module, "solved", lambda *_: wrong)
    with pytest.raises(SolverError, match=r"is better than what is proven of every plan \(1000\)"):
        allocate(exact_curves, spec, draws=False)
