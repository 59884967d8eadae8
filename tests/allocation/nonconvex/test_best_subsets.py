"""Which tasks to serve: closed forms of the tangent point, enumeration of all subsets, and bounds that hold."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from budget.allocation.convex.problem import Problem
from budget.allocation.convex.water_filling import water_fill
from budget.allocation.nonconvex.best_subsets import MOST_SUBSETS, best_subsets, tangent_points
from budget.curves.planning_forms.posynomial import Posynomial

FREE = np.inf


def problem_of(offset, coefficient, exponent):
    """Tasks ``E + A·c^-a``, a unit of the input costing 1."""
    count = len(offset)
    value = Posynomial(np.array(offset, float), np.log(coefficient)[:, None], -np.array(exponent, float)[:, None, None])
    cost = Posynomial(np.zeros(count), np.zeros((count, 1)), np.ones((count, 1, 1)))
    return Problem(value, cost, 1.0, np.zeros(count), np.full(count, FREE))


def random_problem(count, seed):
    random = np.random.default_rng(seed)
    offset = random.uniform(0, 1, count)
    problem = problem_of(offset, random.uniform(0.5, 3, count), random.uniform(0.2, 0.9, count))
    return problem, offset + random.uniform(0.3, 2, count)


def tangents(problem, unserved, low=0.0, high=FREE):
    count = len(unserved)
    return tangent_points(
        problem.value, problem.cost, unserved, np.full(count, low), np.full(count, high), np.ones(count)
    )


def enumerated(problem, unserved, budget, low, high):
    """The least sum over all subsets, each with its best split."""
    count = len(unserved)
    best = unserved.sum()
    for size in range(1, count + 1):
        for members in combinations(range(count), size):
            members = np.array(members)
            if low[members].sum() <= budget:
                _, u = water_fill(problem, np.array([budget]), low, high, members[None])
                values = problem.value.take(members).value(u[0])
                best = min(best, values.sum() + np.delete(unserved, members).sum())
    return best


@pytest.mark.parametrize("exponent", [0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("gap", [1e-3, 1.0, 50.0])
def test_the_tangent_point_of_one_power_is_the_closed_form(exponent, gap):
    """``u = E + (1 + a)·A·c^-a``: the line from nothing has the curve's own slope."""
    problem = problem_of([0.7], [2.0], [exponent])
    expected = ((1 + exponent) * 2.0 / gap) ** (1 / exponent)
    np.testing.assert_allclose(tangents(problem, np.array([0.7 + gap])), expected, rtol=1e-10)


def test_the_tangent_point_has_the_steepest_line_and_respects_limits():
    problem, unserved = random_problem(5, 3)
    free = tangents(problem, unserved)

    def slope(task, log_spend):
        value = problem.value.take(np.array([task])).value(np.array([[log_spend]]))[0]
        return (unserved[task] - value) / np.exp(log_spend)

    for task, spend in enumerate(free):
        found = minimize_scalar(
            lambda at, task=task: -slope(task, at), bounds=(np.log(spend) - 3, np.log(spend) + 3), method="bounded",
            options={"xatol": 1e-10},
        )  # fmt: skip
        np.testing.assert_allclose(slope(task, np.log(spend)), -found.fun, rtol=1e-10)
    np.testing.assert_allclose(tangents(problem, unserved, low=2 * free.max()), 2 * free.max())
    short = tangents(problem, unserved, high=0.9 * free.min())  # where it brings anything, all that is allowed
    assert all(spend in (0.9 * free.min(), np.inf) for spend in short.tolist())


def test_what_no_spend_improves_is_never_served_and_what_is_unknown_stays_so():
    problem = problem_of([1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.5, 0.5, 0.5])
    found = tangents(problem, np.array([0.9, np.nan, 1.0]))
    assert found[0] == np.inf and np.isnan(found[1]) and found[2] == pytest.approx(2.25)
    two = problem_of([1.0, 0.0], [1.0, 1.0], [0.5, 0.5])
    for best in best_subsets(two, np.array([0.9, 1.0]), np.array([0.5, 3.0, 1e6]), np.zeros(2), np.full(2, FREE)):
        assert best.spend[0] == 0 and best.bound == pytest.approx(best.objective, rel=1e-12)


@pytest.mark.parametrize("budget", [0.3, 1.0, 4.0, 9.0, 40.0])
def test_two_tasks_are_served_as_the_closed_forms_say(budget):
    """``1 + c^-1/2`` with 1.8 for nothing: alone from ``1/.64``, and together where two halves are better than one."""
    problem, unserved = problem_of([1.0, 1.0], [1.0, 1.0], [0.5, 0.5]), np.array([1.8, 1.8])
    (best,) = best_subsets(problem, unserved, np.array([budget]), np.zeros(2), np.full(2, FREE))
    none, one, both = 3.6, 2.8 + budget**-0.5, 2 + 2 * (budget / 2) ** -0.5
    assert best.objective == pytest.approx(min(none, one, both), rel=1e-12)
    assert (best.spend > 0).sum() == int(np.argmin([none, one, both]))
    assert np.isneginf(best.u[best.spend == 0]).all()


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 6), st.integers(0, 10**6), st.floats(-2, 3), st.sampled_from([0.0, 0.3]), st.sampled_from([FREE, 2])
)
def test_no_subset_is_better(count, seed, log_budget, low, high):
    problem, unserved = random_problem(count, seed)
    ends = np.full(count, low), np.full(count, float(high))
    budgets = np.exp(log_budget) * np.array([0.5, 1.0])
    if low > budgets.min():
        return
    for budget, best in zip(budgets, best_subsets(problem, unserved, budgets, *ends), strict=True):
        least = enumerated(problem, unserved, budget, *ends)
        assert best.objective == pytest.approx(least, rel=1e-9)
        assert best.bound <= least * (1 + 1e-11) and best.bound == pytest.approx(least, rel=1e-9)
        assert best.spend.sum() <= budget * (1 + 1e-9)


def test_alike_tasks_are_served_one_after_the_other():
    """``E + A·c^-a``, K alike: k with ``B/k`` each, the best k by trying all."""
    count, a, gap = 30, 0.5, 0.8
    problem, unserved = problem_of(np.ones(count), np.ones(count), np.full(count, a)), np.full(count, 1.0 + gap)
    budgets = np.geomspace(2, 300, 9)
    number = np.arange(count + 1)
    for budget, best in zip(
        budgets, best_subsets(problem, unserved, budgets, np.zeros(count), np.full(count, FREE)), strict=True
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(number > 0, number * (budget / number) ** -a, 0.0)
        totals = count + each + (count - number) * gap
        assert best.objective == pytest.approx(totals.min(), rel=1e-11)
        assert best.bound <= best.objective and best.compared <= MOST_SUBSETS + 2
        assert best.objective - best.bound <= gap  # at most one task lies between the ends of its envelope


def test_many_tasks_are_planned_with_a_small_gap():
    problem, unserved = random_problem(40, 11)
    budgets = np.geomspace(0.5, 200, 7)
    found = best_subsets(problem, unserved, budgets, np.zeros(40), np.full(40, FREE))
    served = [int((best.spend > 0).sum()) for best in found]
    assert served == sorted(served) and served[0] < 40
    for best in found:
        assert best.bound <= best.objective <= best.bound + 1e-3 * abs(best.objective)
    objective = [best.objective for best in found]
    assert objective == sorted(objective, reverse=True)
