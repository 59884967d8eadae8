from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.optimum import Optimum
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.solve_by_dual import solve_each
from budget.allocation.convex.solve_by_program import solve_by_program
from budget.allocation.convex.water_filling import water_fill
from budget.curves.planning_forms.posynomial import Posynomial


def _problem(seed, models, inputs, budget=1.0, low=None, high=None):
    random = np.random.default_rng(seed)
    exponent = np.zeros((models, inputs, inputs))
    exponent[:, np.arange(inputs), np.arange(inputs)] = -random.uniform(0.1, 0.8, (models, inputs))
    value = Posynomial(random.uniform(0, 2, models), random.normal(0, 2, (models, inputs)), exponent)
    cost = Posynomial(
        np.zeros(models), np.tile(np.log([6.0, 8.0])[:inputs], (models, 1)),
        np.tile(np.array([[1.0, 1.0], [0.7, 1.0]])[:inputs, :inputs], (models, 1, 1)),
    )  # fmt: skip
    low = np.zeros(models) if low is None else low
    high = np.full(models, budget) if high is None else high
    return Problem(value, cost, budget, low, high)


@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_splits_are_those_of_the_convex_program(seed, inputs):
    budgets = 10.0 ** np.array([1, 4, 9])
    problem = _problem(seed, 5, inputs)
    spend, u = water_fill(problem, budgets, np.zeros(5), np.full(5, np.inf))
    np.testing.assert_allclose(spend.sum(axis=1), budgets, rtol=1e-12)
    for position, budget in enumerate(budgets):
        best = solve_by_program(_problem(seed, 5, inputs, budget))
        reached = problem.value.value(u[position]).sum()
        assert reached == pytest.approx(problem.value.value(best.u).sum(), rel=1e-12)
        np.testing.assert_allclose(spend[position], best.spend, rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6), st.floats(-2, 12))
def test_power_laws_share_by_the_closed_form(seed, models, decade):
    problem, budget = _problem(seed, models, 1), 10.0**decade
    spend, _ = water_fill(problem, np.array([budget]), np.zeros(models), np.full(models, np.inf))
    a = -problem.value.exponent[:, 0, 0]
    coefficient = np.exp(problem.value.log_coef[:, 0]) * 6.0**a
    price = a * coefficient * spend[0] ** (-a - 1)
    np.testing.assert_allclose(price, price[0], rtol=1e-8)


def test_limits_hold_and_the_rest_is_shared_as_if_they_were_spent():
    low, high = np.array([0.0, 50.0, 0.0, 0.0]), np.array([np.inf, np.inf, 3.0, np.inf])
    problem = _problem(4, 4, 2)
    spend, _ = water_fill(problem, np.array([100.0, 1e4]), low, high)
    assert np.all(spend >= low * (1 - 1e-12)) and np.all(spend <= high * (1 + 1e-12))
    np.testing.assert_allclose(spend.sum(axis=1), [100.0, 1e4], rtol=1e-12)
    for budget, found in zip((100.0, 1e4), spend, strict=True):
        best = solve_by_program(_problem(4, 4, 2, budget, low, np.minimum(high, budget)))
        np.testing.assert_allclose(found, best.spend, rtol=1e-6)


def test_one_model_takes_it_all():
    problem = _problem(0, 1, 2)
    spend, u = water_fill(problem, np.array([1.0, 10.0]), np.zeros(1), np.full(1, np.inf))
    np.testing.assert_allclose(spend[:, 0], [1.0, 10.0])
    np.testing.assert_allclose(u[1], best_inputs(problem.value, problem.cost, np.array([10.0])), rtol=1e-12)


@pytest.mark.parametrize("at_once", [1, 6, 20_000])
@pytest.mark.parametrize("inputs", [1, 2])
def test_all_draws_at_once_are_each_draw_by_the_convex_program(inputs, at_once, monkeypatch):
    monkeypatch.setattr("budget.allocation.convex.solve_by_dual.BATCH_MODELS", at_once)
    low, high = np.array([0.0, 20.0, 0.0]), np.array([1000.0, 1000.0, 30.0])
    first = _problem(0, 3, inputs, 1000.0, low, high)
    draws = [replace(first, value=_problem(seed, 3, inputs).value) for seed in range(6)]
    for problem, found in zip(draws, solve_each(draws), strict=True):
        assert isinstance(found, Optimum) and found.solver == "dual bisection"
        np.testing.assert_allclose(found.spend, solve_by_program(problem).spend, rtol=1e-6)


def test_a_split_that_is_not_the_best_is_not_taken(monkeypatch):
    """What the batch leaves unproven is improved step by step, and what these leave unproven goes to the solver."""
    problem = _problem(1, 3, 2, 1000.0)
    best = solve_by_program(problem)
    monkeypatch.setattr(
        "budget.allocation.convex.solve_by_dual.water_fill_batch", lambda _: (best.spend[None, ::-1].copy(), None)
    )
    (found,) = solve_each([problem])
    assert isinstance(found, Optimum) and found.solver == "dual bisection"
    np.testing.assert_allclose(found.spend, best.spend, rtol=1e-9)
    monkeypatch.setattr("budget.allocation.convex.solve_by_dual.polish", lambda _, spend, steps: spend)
    (found,) = solve_each([problem])
    assert isinstance(found, Optimum) and found.solver == best.solver == "Clarabel"
    np.testing.assert_allclose(found.spend, best.spend, rtol=1e-9)
