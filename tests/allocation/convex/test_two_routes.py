"""The batched dual against the cvxpy program: the same plans, both proven, for every goal and kind of limit."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from budget.allocation.convex import solve_by_dual as dual
from budget.allocation.convex.optimum import Optimum, is_proven, objective_at, objective_floor
from budget.allocation.convex.problem import LinearConstraint, Problem, Resource
from budget.allocation.convex.solve_by_dual import NO_SOLVER, solve_by_dual, solve_each
from budget.allocation.convex.solve_by_program import solve_by_program
from budget.allocation.interior_point.many_plans import solve_kkt
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import AllocationError, InfeasibleError, SolverError
from tests.allocation.judged import stated_problem
from tests.oracles.random_plans import random_problem

GOALS = ("sum", "largest", "cheapest")
LIMITS = ("none", "ends", "group", "ratio", "equality", "tokens", "tokens and group")


def made_problem(seed: int, goal: str, limits: str, inputs: int = 2, models: int = 4) -> Problem:
    """Random power laws of params and tokens, or of x, with limits of one kind that some plan obeys."""
    random = np.random.default_rng(seed)
    exponent = np.zeros((models, inputs, inputs))
    exponent[:, np.arange(inputs), np.arange(inputs)] = -random.uniform(0.2, 0.7, (models, inputs))
    value = Posynomial(random.uniform(0.5, 1.5, models), random.normal(1, 1, (models, inputs)), exponent)
    cost = Posynomial(np.zeros(models), np.full((models, 1), np.log(6.0)), np.ones((models, 1, inputs)))
    budget = 1e4
    low, high = np.zeros(models), np.full(models, budget)
    if limits == "ends":
        low[0], high[1] = 0.4 * budget, 0.01 * budget
    rows, further = [], ()
    if "group" in limits:
        rows.append(LinearConstraint("group", 0, np.array([1.0, 1.0, 0.0, 0.0]), 0.2 * budget))
    if limits == "ratio":
        rows.append(LinearConstraint("ratio", 0, np.array([1.0, -3.0, 0.0, 0.0]), 0.0))
        rows.append(LinearConstraint("mixed", 0, np.array([0.0, 2.0, -1.0, -1.0]), -0.1 * budget))
    if limits == "equality":
        same = np.array([1.0, 0.0, -0.5, 0.0])
        rows += [LinearConstraint("most", 0, same, 0.0), LinearConstraint("least", 0, -same, -0.0, True)]
    if "tokens" in limits:
        tokens = Posynomial(np.zeros(models), np.zeros((models, 1)), np.eye(inputs)[None, -1:].repeat(models, axis=0))
        further = (Resource("tokens", tokens, 60.0),)
    problem = Problem(value, cost, budget, low, high, further, tuple(rows))
    if goal != "cheapest":
        return problem
    even = np.full((models, inputs), np.log(budget / 40 / 6) / inputs)
    targets = value.value(even)
    return replace(
        problem, value=replace(value, offset=value.offset - targets), budget=np.inf, high=np.full(models, np.inf)
    )


def is_unique(goal: str, limits: str) -> bool:
    """Whether one plan alone is the best: under limits a task that is not the worst may have more than it needs."""
    return goal == "sum" or limits in ("none", "ends")


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("seed", range(3))
def test_both_routes_find_the_same_plan_and_prove_it(goal, limits, seed):
    problem = made_problem(seed, goal, limits)
    shown, many = solve_by_program(problem, goal), solve_by_dual(problem, goal)
    assert many.solver in NO_SOLVER and shown.solver not in NO_SOLVER
    value, other = objective_at(problem, goal, many), objective_at(problem, goal, shown)
    reducible = value - objective_floor(problem, goal)
    # each is proven by its own bound, and no plan is better than the other's
    for plan, reached in ((many, value), (shown, other)):
        assert -1e-11 * abs(reached) <= reached - plan.certificate.bound <= 1e-6 * reducible
        assert plan.certificate.bound <= min(value, other) + 1e-9 * reducible
    assert value - many.certificate.bound <= 1e-8 * reducible  # the dual's own method is the nearer one
    assert value <= other + 1e-8 * reducible
    np.testing.assert_allclose(value, other, rtol=1e-6)
    if is_unique(goal, limits):
        np.testing.assert_allclose(many.spend, shown.spend, rtol=5e-3, atol=1e-4 * shown.spend.max())
    np.testing.assert_allclose(
        many.certificate.shadow_price, shown.certificate.shadow_price, rtol=1e-3, atol=1e-6 * reducible / 1e4
    )


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("goal", GOALS)
def test_many_at_once_are_each_alone(goal, limits):
    problems = [
        replace(made_problem(0, goal, limits), value=made_problem(seed, goal, limits).value) for seed in range(5)
    ]
    for problem, found in zip(problems, solve_each(problems, goal), strict=True):
        alone = solve_by_dual(problem, goal)
        assert isinstance(found, Optimum) and found.solver in NO_SOLVER and is_proven(problem, goal, found)
        np.testing.assert_allclose(objective_at(problem, goal, found), objective_at(problem, goal, alone), rtol=1e-7)
        if is_unique(goal, limits):
            np.testing.assert_allclose(found.spend, alone.spend, rtol=1e-6, atol=1e-9 * alone.spend.max())


@pytest.mark.parametrize("limits", ["group", "ratio", "tokens and group"])
@pytest.mark.parametrize("seed", range(3))
def test_plans_under_limits_against_scipy(limits, seed):
    """SLSQP over log inputs, which knows neither prices nor cones, finds nothing better."""
    problem = made_problem(seed, "sum", limits)
    found = solve_by_dual(problem)
    costs = [problem.cost, *(each.cost for each in problem.further)]
    totals = [problem.budget, *(each.budget for each in problem.further)]

    def spare(z):
        amounts = np.array([cost.value(z.reshape(-1, 2)) for cost in costs])
        lines = [1 - used.sum() / total for used, total in zip(amounts, totals, strict=True)]
        return np.array(lines + [(row.upper - row.coefficient @ amounts[0]) / problem.budget for row in problem.rows])

    value = objective_at(problem, "sum", found)
    for start in (found.u, found.u - 0.3):
        other = minimize(
            lambda z: problem.value.value(z.reshape(-1, 2)).sum(), start.ravel(), method="SLSQP",
            constraints={"type": "ineq", "fun": spare}, options={"maxiter": 500, "ftol": 1e-14},
        )  # fmt: skip
        if spare(other.x).min() >= -1e-9:
            assert value <= other.fun + 1e-7
    assert found.certificate.bound <= value * (1 + 1e-11)


@pytest.mark.parametrize("goal", ["largest", "cheapest"])
def test_one_model_for_all_its_tasks(goal):
    """One training serves them all, so that the limits of its tasks are several on one model."""
    problem = made_problem(3, goal, "none")
    one = replace(problem, cost=problem.cost.take(np.array([0])), low=np.zeros(1), high=problem.high[:1])
    shown, many = solve_by_program(one, goal), solve_by_dual(one, goal)
    assert many.solver in NO_SOLVER and is_proven(one, goal, many)
    np.testing.assert_allclose(objective_at(one, goal, many), objective_at(one, goal, shown), rtol=1e-7)


def test_the_kkt_conditions_hold_where_the_method_ends():
    problem = made_problem(1, "sum", "tokens and group")
    (point,) = solve_kkt([problem], "sum")
    assert point.distance <= 1e-9
    charge = point.duals.shadow_prices(problem)
    costs = [problem.cost, *(each.cost for each in problem.further)]
    slope = problem.value.gradient(point.u) + sum(
        each[:, None] * cost.gradient(point.u) for each, cost in zip(charge, costs, strict=True)
    )
    np.testing.assert_allclose(slope, 0.0, atol=1e-8)  # stationarity
    amounts = np.array([cost.value(point.u) for cost in costs])
    used = np.array([amounts[0].sum() / problem.budget, amounts[1].sum() / 60.0, amounts[0, :2].sum() / (0.2 * 1e4)])
    prices = np.array([*point.duals.budget, *point.duals.row]) * np.array([problem.budget, 60.0, 0.2 * 1e4])
    assert (used <= 1 + 1e-9).all()
    np.testing.assert_allclose(prices * (1 - used), 0.0, atol=1e-8)  # complementary slackness


def test_random_problems_are_proven_without_a_solver():
    """Of the problems with limits that the random maker makes, in units of any size, nearly all."""
    proven = judged = 0
    for seed in range(150):
        found = stated_problem(random_problem(seed))
        if found is None or found[0].is_plain:
            continue
        problem, goal = found
        (plan,) = dual.by_dual([problem], goal)
        judged += 1
        proven += isinstance(plan, Optimum) and is_proven(problem, goal, plan)
    assert judged >= 15 and proven >= judged - 1


def test_a_solver_is_asked_where_the_dual_proves_nothing(monkeypatch):
    problem = made_problem(0, "sum", "group")
    expected = solve_by_dual(problem)
    monkeypatch.setattr(dual, "solve_kkt", lambda problems, goal: [replace(point, u=point.u + 0.1) for point in
                                                                   solve_kkt(problems, goal)])  # fmt: skip
    found = solve_by_dual(problem)
    assert found.solver == "Clarabel"
    np.testing.assert_allclose(found.spend, expected.spend, rtol=1e-3)


def test_a_failed_draw_does_not_sink_the_batch():
    good = made_problem(0, "sum", "none")
    bad = replace(good, value=replace(good.value, offset=np.full(4, np.nan)))
    first, second, third = solve_each([good, bad, good])
    assert isinstance(second, SolverError) and isinstance(first, Optimum) and isinstance(third, Optimum)
    np.testing.assert_array_equal(first.spend, third.spend)
    reachable = made_problem(0, "cheapest", "none")
    beyond = replace(reachable, value=replace(reachable.value, offset=np.full(4, 0.1)))
    plan, error = solve_each([reachable, beyond], "cheapest")
    assert isinstance(plan, Optimum) and isinstance(error, InfeasibleError) and isinstance(error, AllocationError)
