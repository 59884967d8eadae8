"""Plans under risk against SciPy and brute force; the bounds; limits; draws that are no numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.certificate import certify
from budget.allocation.convex.optimum import Optimum
from budget.allocation.convex.problem import LinearConstraint, Problem, Resource
from budget.allocation.convex.restore_feasibility import violation
from budget.allocation.convex.solve_by_program import solve_by_program
from budget.allocation.nonconvex.spend_response import spend_response
from budget.allocation.risk.minimize_risk import RiskOptimum, minimize_risk
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.risks import RISKS
from budget.curves.laws.repeat import repeated_of
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import SolverError
from budget.numerics.fill_to_budget import fill_to_budget
from budget.tables.tasks import default_tasks

CASES = [("mean", 0.9), ("cvar", 0.5), ("cvar", 0.9), ("cvar", 0.97), ("quantile", 0.8)]


def power_worlds(count: int, draws: int, seed: int, spread: float = 0.3) -> list[Problem]:
    """``Σ E + A·x^-a`` under ``Σ x = 100``; levels, coefficients and exponents differ from draw to draw."""
    random = np.random.default_rng(seed)
    floor, coefficient, exponent = random.uniform(0.5, 2, (3, count)) * np.array([[1.0], [2.0], [0.3]])
    cost = Posynomial(np.zeros(count), np.zeros((count, 1)), np.ones((count, 1, 1)))
    problems = []
    for _ in range(draws):
        level, size, slope = spread * random.normal(size=(3, count)) * np.array([[0.2], [1.0], [0.5]])
        value = Posynomial(
            floor * np.exp(level),
            np.log(coefficient)[:, None] + size[:, None],
            -(exponent * np.exp(slope))[:, None, None],
        )
        problems.append(Problem(value, cost, 100.0, np.zeros(count), np.full(count, 100.0)))
    return problems


def two_scale_worlds(count: int, draws: int, seed: int) -> list[Problem]:
    """``Σ E + A/N^α + B/D^β`` under ``Σ 6·N·D = 1e21``."""
    random = np.random.default_rng(seed)
    coefficient, exponent = random.uniform(5.0, 7.0, (2, count)), random.uniform(0.25, 0.4, (2, count))
    cost = Posynomial(np.zeros(count), np.full((count, 1), np.log(6.0)), np.ones((count, 1, 2)))
    problems = []
    for _ in range(draws):
        slopes = exponent * np.exp(0.1 * random.normal(size=(2, count)))
        logs = coefficient + 21 * (slopes - exponent) + 0.2 * random.normal(size=(2, count))
        exponents = np.zeros((count, 2, 2))
        exponents[:, 0, 0], exponents[:, 1, 1] = -slopes
        value = Posynomial(random.uniform(1.0, 1.2, count), logs.T, exponents)
        problems.append(Problem(value, cost, 1e21, np.zeros(count), np.full(count, 1e21)))
    return problems


def repeat_worlds(count: int, draws: int, seed: int) -> list[Problem]:
    """The same with repeated data, of which every task has less than it would use: no sum of falling powers."""
    random = np.random.default_rng(seed)
    base = np.column_stack(
        [
            random.uniform(1.0, 2.0, count),
            *(part for _ in range(2) for part in (random.normal(-0.5, 0.3, count), random.uniform(0.25, 0.45, count))),
            np.full(count, np.log(15.0)),
            np.full(count, np.log(5.0)),
        ]
    )
    reference, unique = np.tile([1e9, 2e10, 2e10], (count, 1)), 5e9 * np.exp(random.normal(size=count))
    cost = Posynomial(np.zeros(count), np.full((count, 1), np.log(6.0)), np.ones((count, 1, 2)))
    spread = np.array([0.05, 0.1, 0.02, 0.1, 0.02, 0.3, 0.3])
    problems = []
    for _ in range(draws):
        value = repeated_of(base + spread * random.normal(size=base.shape), reference, unique)
        problems.append(Problem(value, cost, 1e21, np.zeros(count), np.full(count, 1e21)))
    return problems


POWERS = {"power": power_worlds, "two scales": two_scale_worlds}
MAKERS = POWERS | {"repeat": repeat_worlds}


def start_of(problems: list[Problem]) -> Optimum:
    """The equal split as far as own limits let it, or the plan of the first draw where there are further ones."""
    problem = problems[0]
    if not problem.is_plain:
        return solve_by_program(problem)
    spend = fill_to_budget(np.ones(len(problem.cost)), problem.budget, problem.low, problem.high)
    u = best_inputs(problem.value, problem.cost, spend)
    return Optimum(u, spend[None], certify(problem, u, spend), "none", "equal split")


def plan_of(problems: list[Problem], risk: str, level: float) -> RiskOptimum:
    return minimize_risk(problems, RISKS[risk], level, start=start_of(problems))


def risk_of(problems: list[Problem], u: np.ndarray, risk: str, level: float) -> float:
    """The risk of log inputs, from each draw's own posynomial."""
    return RISKS[risk].of(np.array([each.value.value(u).sum() for each in problems]), level)


def limited(problems: list[Problem], **limits: object) -> list[Problem]:
    return [replace(each, **limits) for each in problems]


def smooth_optimum(problems: list[Problem], level: float, log_cost: np.ndarray, start: np.ndarray) -> float:
    """The least conditional value at risk by SLSQP on Rockafellar and Uryasev's form with an excess for each draw.

    Args:
        problems: one a draw, of one plain budget.
        level: of the tail.
        log_cost: (V,) the costs' log coefficients; a cost is the product of a model's inputs times that.
        start: (V, I) log inputs of a feasible plan.
    """
    models, inputs = start.shape
    draws = len(problems)
    cap = 1 / ((1 - level) * draws)
    total = problems[0].budget
    size = models * inputs

    def values(x):
        return np.array([each.value.value(x[:size].reshape(models, inputs)).sum() for each in problems])

    def slopes(x):
        u = x[:size].reshape(models, inputs)
        return np.array([each.value.gradient(u).ravel() for each in problems])

    def left(x):
        return 1 - np.exp(log_cost + x[:size].reshape(models, inputs).sum(axis=1) - np.log(total)).sum()

    def left_slope(x):
        of_cost = np.exp(log_cost + x[:size].reshape(models, inputs).sum(axis=1) - np.log(total))
        return np.concatenate([-np.repeat(of_cost, inputs), np.zeros(draws + 1)])

    first = values(np.concatenate([start.ravel(), np.zeros(draws + 1)]))
    eta = np.quantile(first, level)
    found = minimize(
        lambda x: x[size] + cap * x[size + 1 :].sum(),
        np.concatenate([start.ravel(), [eta], np.maximum(first - eta, 0)]),
        jac=lambda x: np.concatenate([np.zeros(size), [1.0], np.full(draws, cap)]),
        method="SLSQP",
        bounds=[(None, None)] * (size + 1) + [(0, None)] * draws,
        constraints=[
            {
                "type": "ineq",
                "fun": lambda x: x[size] + x[size + 1 :] - values(x),
                "jac": lambda x: np.concatenate([-slopes(x), np.ones((draws, 1)), np.eye(draws)], axis=1),
            },
            {"type": "ineq", "fun": left, "jac": left_slope},
        ],
        options={"ftol": 1e-13, "maxiter": 500},
    )
    u = found.x[:size].reshape(models, inputs).copy()
    u[:, -1] -= np.log(np.exp(log_cost + u.sum(axis=1)).sum() / total)
    return risk_of(problems, u, "cvar", level)


@pytest.mark.parametrize("law", MAKERS)
@pytest.mark.parametrize("level", [0.0, 0.5, 0.8, 0.9, 0.96])
def test_tail_mean_matches_slsqp(law, level):
    problems = MAKERS[law](4, 12, seed=3)
    start = start_of(problems)
    found = minimize_risk(problems, RISKS["cvar"], level, start=start)
    expected = smooth_optimum(problems, level, problems[0].cost.log_coef[:, 0], start.u)
    # SLSQP may stop a little early, so it may be a little worse and not better
    np.testing.assert_allclose(found.value, expected, rtol=1e-7)
    assert found.value <= expected * (1 + 1e-9)
    np.testing.assert_allclose(found.value, risk_of(problems, found.u, "cvar", level), rtol=1e-13)


def risks_of_splits(problems: list[Problem], first: np.ndarray, risk: str, level: float) -> np.ndarray:
    """The risk (S,) of giving two power laws ``first`` (S,) and the rest of 100, counted from the sorted draws."""
    spend = np.log([first, 100 - first])
    scenarios = np.sort(
        [
            each.value.offset.sum() + np.exp(each.value.log_coef + each.value.exponent[:, 0] * spend).sum(axis=0)
            for each in problems
        ],
        axis=0,
    )
    draws = len(problems)
    if risk == "mean":
        return scenarios.mean(axis=0)
    if risk == "quantile":
        return scenarios[int(np.ceil(level * (draws - 1)))]
    tail = (1 - level) * draws
    return np.clip(tail - np.arange(draws)[::-1], 0, 1) / tail @ scenarios


@pytest.mark.parametrize(("risk", "level"), CASES)
@pytest.mark.parametrize("seed", [8, 9])
def test_two_tasks_match_brute_force(risk, level, seed):
    problems = power_worlds(2, 15, seed)
    found = plan_of(problems, risk, level)
    best = risks_of_splits(problems, np.linspace(1e-3, 100 - 1e-3, 100_001), risk, level).min()
    np.testing.assert_allclose(found.value, best, rtol=1e-6)
    assert found.certificate.bound <= best * (1 + 1e-12)


@pytest.mark.parametrize("law", POWERS)
@pytest.mark.parametrize(("risk", "level"), CASES[:-1])
def test_the_gap_is_proven_small(law, risk, level):
    problems = MAKERS[law](20, 50, seed=1)
    found = plan_of(problems, risk, level)
    floor = RISKS[risk].of(np.array([each.value.offset.sum() for each in problems]), level)
    assert abs(found.value - found.certificate.bound) <= 1e-8 * (found.value - floor)
    assert found.status == "optimal"
    np.testing.assert_allclose(problems[0].cost.value(found.u), found.spend, rtol=1e-12)
    np.testing.assert_allclose(found.spend.sum(), problems[0].budget, rtol=1e-12)


@pytest.mark.parametrize("law", MAKERS)
def test_no_level_is_the_mean_and_a_full_one_the_worst_draw(law):
    problems = MAKERS[law](5, 20, seed=2)
    mean, none = plan_of(problems, "mean", 0.9), plan_of(problems, "cvar", 1e-9)
    np.testing.assert_allclose(none.value, mean.value, rtol=1e-8)
    np.testing.assert_allclose(none.spend, mean.spend, rtol=1e-4)
    worst, full = plan_of(problems, "cvar", 0.95), plan_of(problems, "cvar", 1 - 1e-9)
    np.testing.assert_allclose(full.value, worst.value, rtol=1e-9)
    np.testing.assert_allclose(full.value, max(each.value.value(full.u).sum() for each in problems), rtol=1e-12)
    levels = [plan_of(problems, "cvar", level).value for level in (0.01, 0.3, 0.6, 0.9)]
    assert mean.value < levels[0] and (np.diff(levels) > 0).all() and levels[-1] < full.value


@pytest.mark.parametrize("law", MAKERS)
@pytest.mark.parametrize(("risk", "level"), CASES)
@pytest.mark.parametrize("draws", [1, 7])
def test_equal_draws_are_the_point_plan(law, risk, level, draws):
    problems = MAKERS[law](5, 1, seed=4) * draws
    expected, found = solve_by_program(problems[0]), plan_of(problems, risk, level)
    value = float(problems[0].value.value(expected.u).sum())
    # as near as the point plan is itself proven: 1e-10, and 1e-6 with repeated data
    assert expected.certificate.bound * (1 - 1e-12) <= found.value <= value * (1 + 1e-10)
    np.testing.assert_allclose(found.value, value, rtol=1e-6 if law == "repeat" else 1e-10)
    np.testing.assert_allclose(found.spend, expected.spend, rtol=0.1 if law == "repeat" else 1e-4)
    assert found.certificate.bound <= value * (1 + 1e-12)
    assert found.certificate.bound >= value * (1 - 1e-8)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 6), st.integers(1, 25), st.integers(0, 10_000), st.sampled_from(CASES), st.sampled_from([*MAKERS])
)
@example(5, 12, 9999, ("cvar", 0.9), "repeat")  # full steps jump to and fro
@example(2, 1, 35, ("mean", 0.9), "repeat")  # the second task's data are used up at the start
def test_no_feasible_plan_is_below_the_bound_or_better(count, draws, seed, risk, law):
    problems = MAKERS[law](count, draws, seed=seed)
    found = plan_of(problems, *risk)
    random = np.random.default_rng(seed)
    total = problems[0].budget
    assert found.certificate.bound <= found.value * (1 + 1e-12)
    for narrow in (1.0, 0.1, 0.01):
        spend = found.spend * np.exp(narrow * random.normal(size=count))
        spend *= total / spend.sum()
        u = found.u + narrow * random.normal(size=found.u.shape)
        u[:, -1] += np.log(spend / problems[0].cost.value(u))
        other = risk_of(problems, u, *risk)
        assert found.certificate.bound <= other * (1 + 1e-12)
        if risk[0] != "quantile":
            assert found.value <= other * (1 + 1e-9)


@pytest.mark.parametrize(("risk", "level"), CASES)
def test_a_task_whose_data_are_used_up_stops_nothing(risk, level):
    """A least spend holds the second task where its curve bends by less than what Newton's matrix rounds."""
    low = np.array([0.0, 3e20])
    problems = limited(repeat_worlds(2, 1, seed=35) * 3, low=low)
    flat = problems[0].value.gradient(start_of(problems).u)[1]
    assert (np.abs(flat) < 1e-20).all()
    found = plan_of(problems, risk, level)
    assert found.status == "optimal" and found.steps > 0
    np.testing.assert_allclose(found.spend, [7e20, 3e20], rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2, 6), st.integers(2, 20), st.integers(0, 10_000), st.sampled_from(CASES), st.sampled_from([*MAKERS])
)
def test_order_does_not_matter_and_more_budget_is_never_worse(count, draws, seed, risk, law):
    problems = MAKERS[law](count, draws, seed=seed)
    found = plan_of(problems, *risk)
    random = np.random.default_rng(seed)
    order, turn = random.permutation(draws), random.permutation(count)
    turned = [replace(problems[b], value=problems[b].value.take(turn), cost=problems[b].cost.take(turn)) for b in order]
    again = plan_of(turned, *risk)
    richer = limited(problems, budget=problems[0].budget * 1.5, high=problems[0].high * 1.5)
    more = plan_of(richer, *risk)
    if risk[0] == "quantile":
        assert max(again.certificate.bound, more.certificate.bound) <= found.value * (1 + 1e-12)
        return
    np.testing.assert_allclose(again.value, found.value, rtol=1e-9)
    assert more.value < found.value
    # the price of the budget is the derivative of what it buys
    little = plan_of(limited(problems, budget=problems[0].budget * 1.001, high=problems[0].high * 1.001), *risk)
    price = found.certificate.shadow_price * problems[0].budget * 0.001
    np.testing.assert_allclose(found.value - little.value, price, rtol=0.05)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(2, 15), st.integers(0, 10_000), st.sampled_from(CASES), st.data())
def test_own_limits_hold(count, draws, seed, risk, data):
    low = np.array(data.draw(st.lists(st.floats(0.0, 1.0), min_size=count, max_size=count))) * 100 / count
    high = np.array(data.draw(st.lists(st.floats(1.0, 3.0), min_size=count, max_size=count))) * 100 / count
    problems = limited(power_worlds(count, draws, seed), low=low, high=np.minimum(high, 100.0))
    found = plan_of(problems, *risk)
    assert (found.spend >= low).all() and (found.spend <= high * (1 + 1e-12)).all()
    assert found.spend.sum() <= 100 * (1 + 1e-12)
    assert found.certificate.bound <= found.value * (1 + 1e-12)
    if risk[0] != "quantile":
        assert found.value - found.certificate.bound <= 1e-7 * found.value


def fixed_ends(problems: list[Problem]) -> dict[str, list[Problem]]:
    count, total = len(problems[0].cost), problems[0].budget
    equal = np.full(count, total / count)
    first = np.where(np.arange(count) == 0, 0.4 * total, 0.0)
    return {
        "all frozen": limited(problems, low=equal, high=equal),
        "minima use the budget": limited(problems, low=equal),
        "maxima use the budget": limited(problems, high=equal),
        "maxima leave budget": limited(problems, high=equal / 2),
        "one frozen": limited(problems, low=first, high=np.where(first > 0, first, total)),
    }


@pytest.mark.parametrize("law", POWERS)
@pytest.mark.parametrize("which", [*fixed_ends(power_worlds(3, 1, 0))])
def test_limits_without_room_are_certified(law, which):
    problems = fixed_ends(MAKERS[law](4, 20, seed=6))[which]
    found = plan_of(problems, "cvar", 0.8)
    assert violation(problems[0], found.amounts) <= 1e-15
    np.testing.assert_allclose(found.spend.sum(), min(problems[0].budget, problems[0].high.sum()), rtol=1e-12)
    assert abs(found.value - found.certificate.bound) <= 1e-8 * found.value


def further_limits(problems: list[Problem]) -> dict[str, list[Problem]]:
    count, total = len(problems[0].cost), problems[0].budget
    tokens = Posynomial(np.zeros(count), np.zeros((count, 1)), np.tile([[[0.0, 1.0]]], (count, 1, 1)))
    some = (np.arange(count) < 2).astype(float)
    ratio = np.zeros(count)
    ratio[:2] = 1.0, -2.0
    scarce = Resource("tokens", tokens, count * 5e8)
    return {
        "tokens": limited(problems, further=(scarce,)),
        "more tokens than needed": limited(problems, further=(replace(scarce, budget=count * 1e15),)),
        "most of a group": limited(problems, rows=(LinearConstraint("max of limit 'a'", 0, some, 0.2 * total),)),
        "least of a group": limited(problems, rows=(LinearConstraint("min of limit 'a'", 0, -some, -0.8 * total),)),
        "a group frozen": limited(
            problems,
            rows=(
                LinearConstraint("max of limit 'a'", 0, some, 0.6 * total),
                LinearConstraint("min of limit 'a'", 0, -some, -0.6 * total),
            ),
        ),
        "a ratio": limited(problems, rows=(LinearConstraint("max of limit 'a'", 0, ratio, 0.0),)),
        "tokens of a group": limited(
            problems,
            further=(replace(scarce, budget=np.inf),),
            rows=(
                LinearConstraint("max of limit 'a'", 1, some, 5e8),
                LinearConstraint("min of limit 'b'", 0, -some, -0.6 * total),
            ),
        ),
    }


@pytest.mark.parametrize(("risk", "level"), CASES)
@pytest.mark.parametrize("law", ["two scales", "repeat"])
@pytest.mark.parametrize("which", [*further_limits(two_scale_worlds(3, 1, 0))])
def test_further_limits_hold_and_are_certified(which, law, risk, level):
    problems = further_limits(MAKERS[law](4, 20, seed=7))[which]
    found = plan_of(problems, risk, level)
    assert violation(problems[0], found.amounts) <= 1e-9
    costs = [problems[0].cost, *(each.cost for each in problems[0].further)]
    for cost, given_amounts in zip(costs, found.amounts, strict=True):
        assert (cost.value(found.u) <= given_amounts * (1 + 1e-9)).all()
    # the same limits cannot make it better than without
    free = plan_of(limited(problems, further=(), rows=()), risk, level)
    assert found.value >= free.certificate.bound
    assert found.certificate.bound <= found.value * (1 + 1e-8)
    if risk != "quantile" and law != "repeat":
        assert abs(found.value - found.certificate.bound) <= 1e-8 * found.value


@pytest.mark.parametrize("seed", range(6))
def test_repeated_data_are_proven_unless_the_plan_says_that_it_is_not(seed):
    problems = repeat_worlds(5, 20, seed)
    start = start_of(problems)
    found = minimize_risk(problems, RISKS["cvar"], 0.9, start=start)
    assert found.value < risk_of(problems, start.u, "cvar", 0.9)
    floor = RISKS["cvar"].of(np.array([each.value.offset.sum() for each in problems]), 0.9)
    proven = found.value - found.certificate.bound <= 1e-6 * (found.value - floor)
    assert found.status == ("optimal" if proven else "not proven optimal")
    assert proven or seed == 5  # there, a task has no use for one token more than it has


@pytest.mark.parametrize("which", ["tokens", "least of a group", "tokens of a group"])
def test_further_limits_with_one_draw_match_the_point_program(which):
    problem, other = further_limits(two_scale_worlds(4, 2, seed=9))[which]
    expected = solve_by_program(problem)
    found = minimize_risk([problem], RISKS["cvar"], 0.9, start=solve_by_program(other))
    np.testing.assert_allclose(found.value, problem.value.value(expected.u).sum(), rtol=1e-7)
    np.testing.assert_allclose(found.certificate.shadow_price, expected.certificate.shadow_price, rtol=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_the_bound_of_a_quantile_holds_for_every_split(seed, level):
    problems = power_worlds(2, 12, seed, spread=1.0)
    found = plan_of(problems, "quantile", level)
    best = risks_of_splits(problems, np.linspace(1e-3, 100 - 1e-3, 20_001), "quantile", level).min()
    assert found.certificate.bound <= best * (1 + 1e-12)
    assert found.certificate.bound <= found.value * (1 + 1e-12)
    # never worse than the plans it starts from
    for risk in ("mean", "cvar"):
        assert found.value <= risk_of(problems, plan_of(problems, risk, level).u, "quantile", level) * (1 + 1e-12)


def test_a_wild_draw_and_wild_weights_are_certified():
    problems = two_scale_worlds(5, 20, seed=5)
    weight = np.array([1e-6, 1e-3, 1.0, 1e3, 1e6])

    def scaled(problem: Problem, factor: np.ndarray | float) -> Problem:
        value = problem.value
        logs = value.log_coef + np.log(np.broadcast_to(factor, 5))[:, None]
        return replace(problem, value=Posynomial(value.offset * factor, logs, value.exponent))

    for changed in ([scaled(each, weight) for each in problems], [scaled(problems[0], 1e6), *problems[1:]]):
        found = plan_of(changed, "cvar", 0.8)
        assert abs(found.value - found.certificate.bound) <= 1e-8 * found.value


def without(problem: Problem) -> Problem:
    return replace(problem, value=replace(problem.value, log_coef=np.full_like(problem.value.log_coef, np.nan)))


@pytest.mark.parametrize(("risk", "level"), CASES)
def test_draws_that_are_no_numbers_are_left_out_and_named(risk, level):
    problems = power_worlds(3, 10, seed=1)
    start = start_of(problems)
    broken = [without(each) if draw in (2, 5) else each for draw, each in enumerate(problems)]
    kept = [each for draw, each in enumerate(problems) if draw not in (2, 5)]
    found = minimize_risk(broken, RISKS[risk], level, start=start)
    assert found.lost == (2, 5)
    np.testing.assert_allclose(found.value, minimize_risk(kept, RISKS[risk], level, start=start).value, rtol=1e-12)
    with pytest.raises(SolverError, match="6 of 10 draws are no numbers"):
        minimize_risk([without(each) for each in problems[:6]] + problems[6:], RISKS[risk], level, start=start)


@pytest.mark.parametrize(("risk", "level"), CASES)
def test_allocate_plans_under_risk(noisy_curves, risk, level):
    """The mean over the draws, of which the worst share loses nothing against an equal split."""
    tasks, every = default_tasks(noisy_curves.tasks), np.arange(3)
    spec = plan_spec(noisy_curves, tasks, 1e22, risk=risk, level=None if risk == "mean" else level)
    plan = allocate(noisy_curves, spec)
    scenarios = noisy_curves.distance_draws(every, np.log(np.column_stack([plan.params, plan.tokens]))).mean(axis=1)
    np.testing.assert_allclose(plan.objective, scenarios.mean(), rtol=1e-12)
    np.testing.assert_allclose(plan.spend.sum(), 1e22, rtol=1e-12)
    assert plan.solver == "interior point"
    equal = spend_response(noisy_curves, spec).log_inputs(every, np.full(3, 1e22 / 3))
    lost = scenarios - noisy_curves.distance_draws(every, equal).mean(axis=1)
    assert RISKS[risk].of(lost, level) <= 1e-9 and lost.mean() < 0
    if risk != "quantile":
        assert 0 <= plan.gap < 1e-8
    assert (plan.spend_low < plan.spend_high).all()


def test_scores_are_planned_under_risk_in_their_own_direction(noisy_curves):
    scores = replace(
        noisy_curves, higher_is_better=np.ones(3, dtype=bool), ceiling=np.full(3, 10.0), metric=("accuracy",) * 3
    )
    tasks = default_tasks(scores.tasks)
    loss = allocate(noisy_curves, plan_spec(noisy_curves, tasks, 1e22, risk="cvar"), draws=False)
    score = allocate(scores, plan_spec(scores, tasks, 1e22, risk="cvar"), draws=False)
    np.testing.assert_allclose(score.objective, 10 - loss.objective, rtol=1e-9)
    np.testing.assert_allclose(score.bound, 10 - loss.bound, rtol=1e-9)


def test_a_plan_names_the_draws_that_it_leaves_out(noisy_curves):
    draws = noisy_curves.draws.copy()
    draws[3] = draws[11, 1] = np.nan
    broken = replace(noisy_curves, draws=draws)
    plan = allocate(broken, plan_spec(broken, default_tasks(broken.tasks), 1e22, risk="cvar"))
    assert any(note.startswith("Draws 4, 12 (counted from 1) are no numbers") for note in plan.notes)
    assert any(note.startswith("2 of 40 draws could not be planned") for note in plan.notes)
    assert 0 <= plan.gap < 1e-8
