"""Splits over falling values of any shape against brute force, closed forms and water-filling; bounds; invariants."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.spatial import ConvexHull

from budget.allocation.nonconvex.envelope import solve_nonconvex
from budget.allocation.nonconvex.lower_hull import lower_hull, tidy
from budget.allocation.nonconvex.responses import Responses
from budget.errors import AllocationError, InfeasibleError, SolverError
from tests.allocation.responses import mixed, of_tables, power_laws, s_curves
from tests.oracles import separable, water_filling


def check(responses: Responses, found) -> None:
    """What every answer must satisfy."""
    served = found.spend > 0
    assert found.spend.sum() <= responses.budget * (1 + 1e-12)
    assert (found.spend >= responses.low)[served].all() and (found.spend <= responses.high)[served].all()
    assert served[~responses.optional].all()
    np.testing.assert_allclose(found.value, responses.objective(found.spend), rtol=1e-12)
    assert found.bound <= found.value
    assert found.price >= 0


def tables_of(count: int, units: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    drops = random.exponential(size=(count, units)) ** 3 * (random.random((count, units)) < 0.4)
    return 100 - np.cumsum(np.column_stack([np.zeros(count), drops]), axis=1)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(3, 25), st.integers(0, 10**6))
@example(2, 21, 99999)  # the best plan is 6e-12 better than the next
@example(5, 5, 527864)  # and here 2e-8
def test_tables_match_a_dynamic_programme(count, units, seed):
    tables = tables_of(count, units, seed)
    # with a gap of 0 the search ends where nothing but rounding is open; with any other it may end at the next best
    found = solve_nonconvex(of_tables(tables), gap=0.0)
    check(of_tables(tables), found)
    exact = separable.by_units(tables)
    np.testing.assert_allclose(found.value, exact, rtol=1e-12)
    assert found.bound <= exact


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(3, 25), st.integers(0, 10**6), st.sampled_from([1e-9, 1e-4, 0.05]))
@example(5, 5, 527864, 1e-9)
def test_a_gap_that_is_asked_for_is_kept(count, units, seed, gap):
    tables = tables_of(count, units, seed)
    found = solve_nonconvex(of_tables(tables), gap=gap)
    exact, range_ = separable.by_units(tables), float(np.ptp(tables, axis=1).sum())
    assert found.bound <= exact and found.value - exact <= gap * range_ + 1e-12 * abs(tables).max(axis=1).sum()


@pytest.mark.parametrize(("count", "points"), [(2, 200_001), (3, 1001)])
@pytest.mark.parametrize("seed", range(4))
def test_few_s_curves_match_a_grid(count, points, seed):
    responses = s_curves(count, seed)

    def value(task, spend):
        with np.errstate(divide="ignore"):
            return responses.value(task, spend)

    exact = separable.by_grid(value, responses.budget, count, points)
    found = solve_nonconvex(responses, gap=1e-3)
    check(responses, found)
    assert found.bound <= exact and found.value <= exact * (1 + 1e-9)
    assert found.gap <= 1e-3


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 8), st.floats(-3, 6), st.booleans(), st.integers(0, 10**6))
def test_diminishing_returns_match_water_filling(count, log_budget, limited, seed):
    random = np.random.default_rng(seed)
    weight, coefficient = random.uniform(0.1, 10, count), random.uniform(0.05, 20, count)
    exponent, budget = random.uniform(0.05, 1.2, count), 10.0**log_budget
    low = random.uniform(0, 0.9, count) / count * budget if limited else None
    high = random.uniform(1.1, 3, count) / count * budget if limited else None
    expected, reducible = water_filling.split(weight, coefficient, exponent, budget, low, high)
    responses = power_laws(weight, coefficient, exponent, budget, low, high)
    found = solve_nonconvex(responses)
    check(responses, found)
    np.testing.assert_allclose(found.value, reducible, rtol=1e-7)
    np.testing.assert_allclose(found.spend, expected, rtol=3e-2, atol=1e-4 * budget)
    assert found.bound <= reducible
    assert found.status == "proven"
    np.testing.assert_allclose(found.efficient, 0.0 if low is None else low)


@pytest.mark.parametrize("count", [1, 3, 10, 100])
@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.25, 1 / 3, 0.5, 0.999, 1.0, 1.5])
def test_equal_steps_are_met_as_often_as_they_fit(count, fraction):
    budget = 7.0
    step = fraction * budget

    def value(task, spend):
        return np.where(spend >= step, 0.0, 1.0)

    responses = Responses(value, np.zeros(count), np.full(count, budget), budget, np.ones(count))
    found = solve_nonconvex(responses)
    check(responses, found)
    met = min(count, int(np.floor(1 / fraction + 1e-9)))
    assert found.value == count - met
    assert np.count_nonzero(found.spend) == met or fraction > 1
    if step <= budget:
        np.testing.assert_allclose(found.efficient, step, rtol=1e-5)
    else:
        assert np.isinf(found.efficient).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(0, 10**6), st.booleans())
def test_no_feasible_plan_is_below_the_bound(count, seed, must):
    responses = mixed(count, seed, must=must)
    found = solve_nonconvex(responses, gap=1e-3, time_limit=5)
    check(responses, found)
    random = np.random.default_rng(seed)
    for _ in range(200):
        served = ~responses.optional | (random.random(count) < random.random())
        spend = np.where(served, responses.low, 0.0)
        left = responses.budget - spend.sum()
        if left < 0:
            continue
        wish = random.exponential(size=count) ** 2 * served
        spend = np.minimum(spend + left * wish / max(wish.sum(), 1e-300), np.where(served, responses.high, 0.0))
        assert responses.objective(spend) >= found.bound
        assert responses.objective(spend) >= found.value * (1 - 1e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 3), st.integers(0, 10**6), st.sampled_from([1e-6, 1e-4, 1e-2]))
@example(3, 86, 1e-4)  # what the hull leaves a task is below its threshold
@example(3, 41, 1e-2)  # the first grid points above the thresholds together exceed the budget
def test_proven_means_within_the_gap_of_every_plan(count, seed, gap):
    """S-curves that pay for nothing below a threshold, often above an equal split, against a dense grid."""
    random = np.random.default_rng(seed)
    share = random.dirichlet(np.full(count, 0.5)) * random.uniform(0.3, 0.95)
    threshold = np.where(random.random(count) < 0.7, share, 0.0)
    middle, slope, weight = random.uniform(0.05, 1, count), random.uniform(0.5, 6, count), random.uniform(0.2, 3, count)
    must = random.random(count) < 0.7

    def value(task, spend):
        curve = weight[task] / (1 + (spend / middle[task]) ** slope[task])
        return np.where(spend < threshold[task], np.inf, curve)

    def at(task, spend):
        nothing = np.where(must[task], np.inf, weight[task])
        return np.where(spend > 0, value(task, np.maximum(spend, 1e-300)), nothing)

    responses = Responses(value, np.zeros(count), np.ones(count), 1.0, np.where(must, np.nan, weight))
    found = solve_nonconvex(responses, gap=gap, time_limit=5)
    check(responses, found)
    best = separable.by_grid(at, 1.0, count, 20_001 if count == 2 else 501)
    tasks = np.arange(count)
    range_ = float((np.where(must, value(tasks, threshold), weight) - value(tasks, np.ones(count))).sum())
    assert found.bound <= best
    if found.status == "proven":
        assert found.value - found.bound <= gap * range_ + 1e-12


@pytest.mark.parametrize("low", [0.0, 0.5])
def test_thresholds_that_fill_the_budget_are_kept_and_others_refused(low):
    def solve(threshold):
        return solve_nonconvex(
            Responses(
                lambda task, spend: np.where(spend < threshold[task], np.inf, 1 / (1 + spend)),
                np.array([low, 0.0]),
                np.ones(2),
                1.0,
                np.full(2, np.nan),
            )
        )

    found = solve(np.array([0.6, 0.4]))
    np.testing.assert_allclose(found.spend, [0.6, 0.4], rtol=1e-9)
    assert found.status == "proven"
    with pytest.raises(InfeasibleError, match=r"are paid for from 1\.01 on, together"):
        solve(np.array([0.6, 0.41]))


@pytest.mark.parametrize(("threshold", "width"), [(0.0, 0.2), (0.3, 0.05), (0.55, 0.01)])
def test_a_curve_may_diverge_at_its_threshold(threshold, width):
    """It passes the largest double shortly above it, where no slope is a number."""

    def value(task, spend):
        above = np.maximum(spend - threshold, 1e-300)
        with np.errstate(over="ignore"):
            return np.where(task == 0, np.exp(width / above), 1 / (1 + spend))

    found = solve_nonconvex(Responses(value, np.zeros(2), np.ones(2), 1.0, np.full(2, np.nan)), gap=1e-6)
    shares = np.linspace(threshold, 1, 200_001)[1:-1]
    both = value(np.zeros(len(shares)), shares) + value(np.ones(len(shares)), 1 - shares)
    assert found.status == "proven" and found.bound <= both.min()
    np.testing.assert_allclose(found.value, both.min(), rtol=1e-6)


def test_a_task_is_paid_for_from_its_threshold_on():
    """A power law from .3 on returns most for its first units: the least efficient spend is the threshold."""
    responses = Responses(
        lambda task, spend: np.where(spend < 0.3, np.inf, 0.5 / (1 + spend)), np.zeros(2), np.ones(2), 1.0, np.ones(2)
    )
    found = solve_nonconvex(responses)
    check(responses, found)
    np.testing.assert_allclose(found.efficient, 0.3, rtol=1e-6)


@pytest.mark.parametrize("count", [50, 200])
def test_many_tasks_are_proven(count):
    for responses in (s_curves(count, 1), mixed(count, 2)):
        found = solve_nonconvex(responses, gap=1e-3)
        check(responses, found)
        assert found.gap <= 1e-3 and found.status == "proven"


@pytest.mark.parametrize("unit", [1e-12, 1e12])
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_units_do_not_matter(unit, scale):
    here = solve_nonconvex(s_curves(20, 3))
    there = solve_nonconvex(s_curves(20, 3, unit=unit, scale=scale))
    np.testing.assert_allclose(there.spend / unit, here.spend, rtol=1e-3)
    np.testing.assert_allclose(there.value / scale, here.value, rtol=1e-8)
    np.testing.assert_allclose(there.bound / scale, here.bound, rtol=1e-8)
    np.testing.assert_allclose(there.price / scale * unit, here.price, rtol=1e-6)
    np.testing.assert_allclose(there.efficient / unit, here.efficient, rtol=1e-5)


def test_order_does_not_matter():
    responses = s_curves(30, 4)
    order = np.random.default_rng(0).permutation(30)
    turned = replace(responses, value=lambda task, spend: responses.value(order[task], spend))
    turned = replace(turned, unserved=responses.unserved[order])
    here, there = solve_nonconvex(responses), solve_nonconvex(turned)
    np.testing.assert_allclose(there.value, here.value, rtol=1e-9)
    np.testing.assert_allclose(there.spend, here.spend[order], rtol=1e-3)
    np.testing.assert_allclose(there.efficient, here.efficient[order])


@pytest.mark.parametrize("seed", range(3))
def test_more_budget_is_never_worse(seed):
    responses = s_curves(12, seed)
    budgets = responses.budget * np.geomspace(0.1, 10, 12)
    found = [
        solve_nonconvex(replace(responses, budget=float(budget), high=np.full(12, budget)), gap=1e-3)
        for budget in budgets
    ]
    assert (np.diff([each.value for each in found]) <= 0).all()


def test_efficient_spend_is_the_tangent_point():
    """``v = 1 − x^p/(1 + x^p)``: the line from (0, 1) touches where the elasticity of the gain is 1, x^p = p − 1."""
    power = np.array([0.5, 1.0, 1.5, 2.0, 4.0])

    def value(task, spend):
        return 1 / (1 + spend ** power[task])

    responses = Responses(value, np.zeros(5), np.full(5, 10.0), 10.0, np.ones(5))
    found = solve_nonconvex(responses)
    tangent = np.maximum(power - 1, 0) ** (1 / power)
    np.testing.assert_allclose(found.efficient, tangent, rtol=1e-3, atol=1e-9)
    assert not ((found.spend > 0) & (found.spend < 0.99 * tangent)).any()


def test_efficient_spend_above_a_low_end():
    """Served at 0.3 at least: the tangent from there, by the root of its equation."""

    def gain(spend):
        return spend**3 / (1 + spend**3)

    def slope(spend):
        return 3 * spend**2 / (1 + spend**3) ** 2

    tangent = brentq(lambda x: (gain(x) - gain(0.3)) - slope(x) * (x - 0.3), 0.6, 3)
    responses = Responses(
        lambda task, spend: 1 - gain(spend), np.full(2, 0.3), np.full(2, 5.0), 2.0, np.full(2, np.nan)
    )
    np.testing.assert_allclose(solve_nonconvex(responses).efficient, tangent, rtol=1e-3)


def test_two_equal_tasks_one_of_which_can_be_served():
    def value(task, spend):
        return 1 / (1 + spend**4)

    responses = Responses(value, np.zeros(2), np.full(2, 1.5), 1.5, np.ones(2))
    found = solve_nonconvex(responses)
    np.testing.assert_allclose(np.sort(found.spend), [0, 1.5], atol=1e-2)
    np.testing.assert_allclose(found.value, 1 + 1 / (1 + 1.5**4), rtol=1e-4)
    shares = np.linspace(0, 1.5, 100_001)
    assert found.value <= (1 / (1 + shares**4) + 1 / (1 + (1.5 - shares) ** 4)).min() * (1 + 1e-9)


def test_one_task_takes_all():
    responses = power_laws(np.ones(1), np.ones(1), np.full(1, 0.3), 5.0)
    found = solve_nonconvex(responses)
    np.testing.assert_allclose(found.spend, [5.0], rtol=1e-12)
    assert found.status == "proven" and found.price == 0


def test_frozen_tasks_have_nothing_to_choose():
    limits = np.array([1.0, 2.0, 3.0])
    responses = power_laws(np.ones(3), np.ones(3), np.full(3, 0.3), 6.0, limits, limits)
    found = solve_nonconvex(responses)
    np.testing.assert_array_equal(found.spend, limits)
    assert found.status == "proven"
    np.testing.assert_allclose(found.bound, found.value, rtol=1e-12)


def test_frozen_tasks_that_may_go_unserved_are_a_knapsack():
    random = np.random.default_rng(5)
    cost, gain = random.uniform(0.1, 1, 10), random.uniform(0.1, 1, 10)
    responses = Responses(lambda task, spend: 1 - gain[task], cost, cost, 2.0, np.ones(10))
    found = solve_nonconvex(responses, gap=1e-4)
    check(responses, found)
    most, _ = separable.by_subsets(cost, gain, 2.0, 0.0)
    np.testing.assert_allclose(found.value, 10 - most, rtol=1e-12)


def test_maxima_leave_budget_unspent():
    responses = power_laws(np.ones(2), np.ones(2), np.full(2, 0.3), 10.0, high=np.array([1.0, 2.0]))
    found = solve_nonconvex(responses)
    np.testing.assert_array_equal(found.spend, [1.0, 2.0])
    assert found.price == 0 and found.status == "proven"


def test_flat_responses_cost_nothing():
    responses = Responses(
        lambda task, spend: np.full(len(task), 0.5), np.zeros(3), np.ones(3), 1.0, np.array([0.5, 0.5, np.nan])
    )
    found = solve_nonconvex(responses)
    check(responses, found)
    assert found.value == 1.5 and found.status == "proven" and found.price == 0
    assert np.isinf(found.efficient).all()


def test_a_task_above_the_budget_goes_unserved():
    responses = Responses(
        lambda task, spend: 1 / (1 + spend), np.array([0.0, 2.0]), np.array([1.0, 4.0]), 1.0, np.ones(2)
    )
    found = solve_nonconvex(responses)
    np.testing.assert_allclose(found.spend, [1.0, 0.0])
    assert np.isinf(found.efficient[1])


def good(**change) -> Responses:
    return Responses(
        **(
            {
                "value": lambda task, spend: 1 / (1 + spend),
                "low": np.zeros(2),
                "high": np.ones(2),
                "budget": 1.0,
                "unserved": np.ones(2),
            }
            | change
        )
    )


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"budget": 0.0}, AllocationError, "budget is 0"),
        ({"budget": float("nan")}, AllocationError, "budget is nan"),
        ({"low": np.zeros(0), "high": np.zeros(0), "unserved": np.zeros(0)}, AllocationError, "no task"),
        ({"high": np.ones(3)}, AllocationError, "high has shape"),
        ({"low": np.array([0.0, np.nan])}, AllocationError, "Task 1 has limits nan"),
        ({"low": np.array([2.0, 0.0])}, InfeasibleError, "low 2 above high 1"),
        ({"unserved": np.array([np.inf, 1.0])}, AllocationError, "infinite"),
        ({"first_step": np.zeros(2)}, AllocationError, "first_step"),
        ({"low": np.ones(2), "unserved": np.full(2, np.nan)}, InfeasibleError, "need 2 of a budget of 1"),
        ({"low": np.array([1.0, 0.0]), "unserved": np.full(2, np.nan)}, InfeasibleError, "Task 1 must be served, and"),
    ],
)
def test_what_makes_no_sense_is_refused(change, error, sentence):
    with pytest.raises(error, match=sentence):
        good(**change)


@pytest.mark.parametrize(
    ("value", "error", "sentence"),
    [
        (
            lambda task, spend: np.where(spend > 0.1, np.nan, 1.0),
            SolverError,
            "response of task 0 is nan at a spend of",
        ),
        (lambda task, spend: np.full(len(task), -np.inf), SolverError, "-inf"),
        (lambda task, spend: np.ones(3), SolverError, "returned shape"),
        (lambda task, spend: spend, AllocationError, "value of task 0 rises"),
        (
            lambda task, spend: np.where(spend > 0.1, np.inf, 1.0),
            AllocationError,
            "value of task 0 rises from 1 to infinity",
        ),
    ],
)
def test_responses_that_break_their_promise_are_named(value, error, sentence):
    with pytest.raises(error, match=sentence):
        solve_nonconvex(good(value=value))


def test_minima_may_take_nearly_all():
    """What is left to two tasks without minima is far below an equal split, and infinitely bad at 0."""
    low = np.array([1.0 - 1e-9, 0.0, 0.0])
    responses = power_laws(np.ones(3), np.ones(3), np.full(3, 0.5), 1.0, low)
    found = solve_nonconvex(responses)
    check(responses, found)
    np.testing.assert_allclose(found.spend[1:], 5e-10, rtol=1e-2)


def test_time_is_kept_and_the_bound_still_holds():
    responses = s_curves(100, 6)
    short, long = solve_nonconvex(responses, gap=1e-9, time_limit=0.0), solve_nonconvex(responses)
    check(responses, short)
    assert short.status == "time limit"
    assert short.bound <= long.bound <= long.value <= short.value
    assert short.gap > 1e-3


def test_noise_in_a_response_lowers_the_bound():
    responses = s_curves(20, 7)

    def noisy(task, spend):
        return responses.value(task, spend) * (1 + 1e-11 * np.sin(1e6 * np.log(spend)))

    found, exact = (solve_nonconvex(each, gap=1e-3) for each in (replace(responses, value=noisy), responses))
    assert found.bound <= exact.value and found.status == exact.status == "proven"
    np.testing.assert_allclose(found.value, exact.value, rtol=1e-7)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(3, 40), st.integers(0, 10**6))
def test_hulls_match_scipy(count, size, seed):
    random = np.random.default_rng(seed)
    spend = np.sort(random.uniform(0, 1, (count, size)), axis=1)
    value = -np.sort(random.exponential(size=(count, size)) ** 3, axis=1)
    hull = lower_hull(tidy(np.repeat(np.arange(count), size), spend.ravel(), value.ravel()))
    for task in range(count):
        corners = np.column_stack([spend[task], value[task]])
        # with a point far above on either side, what SciPy calls the hull is the lower hull and these two
        sides = [[spend[task, 0], 1e3], [spend[task, -1], 1e3]]
        expected = [row for row in ConvexHull(np.vstack([corners, sides])).vertices if row < size]
        np.testing.assert_array_equal(hull.spend[hull.task == task], spend[task, np.sort(expected)])


def test_a_task_without_any_value_is_named():
    responses = good(value=lambda task, spend: np.full(len(task), np.inf), unserved=np.array([1.0, np.nan]))
    with pytest.raises(SolverError, match="Task 1 must be served"):
        solve_nonconvex(responses)
