"""The no-free-lunch check against closed forms, SciPy, brute force and enumeration of assignments."""

import json
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from budget.allocation.nonconvex.responses import Responses
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import AllocationError, InfeasibleError
from budget.studies.checks.assignments import average, values_anywhere
from budget.studies.checks.knowledge_splits import Split
from budget.studies.checks.no_free_lunch import free_lunch, free_lunch_of
from budget.tables.tasks import default_tasks
from tests.oracles import separable


def power(coefficient, exponent, floor=0.0):
    coefficient, exponent = np.asarray(coefficient, dtype=float), np.asarray(exponent, dtype=float)
    floor = np.broadcast_to(floor, coefficient.shape)
    return lambda task, spend: floor[task] + coefficient[task] * spend ** -exponent[task]


def s_shaped(middle, slope=4.0):
    middle = np.asarray(middle, dtype=float)
    return lambda task, spend: 1 / (1 + (spend / middle[task]) ** slope)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_identical_power_curves_split_equally_and_knowing_the_assignment_is_worth_nothing(count):
    found = free_lunch(power([2.0] * count, [0.5] * count, 1.0), 8.0, count)
    equal, alone = 1 + 2 * (8 / count) ** -0.5, 1 + 2 * 8**-0.5
    assert found.equal_is_optimal is True
    np.testing.assert_allclose([found.equal.value, found.unknown.value, found.known.value], equal, rtol=1e-9)
    assert found.unknown.bound <= equal
    assert found.assignment.low == 0 and abs(found.assignment.value) <= found.tolerance
    np.testing.assert_allclose(found.target.value, equal - alone, atol=1e-8)
    np.testing.assert_allclose(found.unknown.effective, count, rtol=1e-4)
    assert np.isnan(found.breadth[:-1]).all() and found.efficient == 0


def test_two_power_laws_match_scipy():
    value, budget = power([1.0, 3.0], [0.3, 0.9], [0.5, 0.1]), 10.0
    found = free_lunch(value, budget, 2)

    def mean(first, assigned):
        spend = np.array([first, budget - first])
        return float(value(np.array(assigned), spend).mean())

    def least(function):
        return minimize_scalar(function, bounds=(1e-6, budget - 1e-6), method="bounded", options={"xatol": 1e-10}).fun

    known = least(lambda first: mean(first, [0, 1]))
    unknown = least(lambda first: 0.5 * (mean(first, [0, 1]) + mean(first, [1, 0])))
    np.testing.assert_allclose([found.known.value, found.unknown.value], [known, unknown], rtol=1e-7)
    np.testing.assert_allclose(unknown, mean(budget / 2, [0, 1]), rtol=1e-9)
    assert found.equal_is_optimal is True
    assert found.assignment.low <= unknown - known <= found.assignment.high and found.assignment.low > 0
    dedicated = float(value(np.arange(2), np.full(2, budget)).mean())
    assert found.target.low <= known - dedicated <= found.target.high and found.target.low > 0


@pytest.mark.parametrize(("middle", "served"), [([2.0, 2.0, 2.0], 1), ([1.0, 2.0, 4.0], 2)])
def test_s_curves_are_not_split_equally_and_match_a_grid(middle, served):
    value, budget = s_shaped(middle), 3.0
    found = free_lunch(value, budget, 3, unserved=np.ones(3))

    def mean_curve(task, spend):
        return np.mean([value(np.full(task.shape, curve), spend) for curve in range(3)], axis=0)

    exact = separable.by_grid(mean_curve, budget, 3, 601) / 3
    assert found.equal_is_optimal is False
    assert found.unknown.bound <= exact and found.unknown.value <= exact * (1 + 1e-9)
    assert found.unknown.value < found.equal.value - 0.05
    assert found.unknown.served == np.nanargmin(found.breadth) + 1 == served
    np.testing.assert_allclose(found.unknown.value, np.nanmin(found.breadth), rtol=1e-9)
    known = separable.by_grid(value, budget, 3, 601) / 3
    assert found.known.bound <= known and found.known.value <= known * (1 + 1e-9)


def test_the_smallest_efficient_spend_says_how_many_are_served():
    """For ``1/(1 + (x/m)^4)`` from 1 the tangent from (0, 1) touches where ``(x/m)^4 = 3``."""
    count, middle = 40, 2.0
    found = free_lunch(s_shaped([middle] * count), 60.0, count, unserved=np.ones(count), gap=1e-3)
    tangent = middle * 3**0.25
    np.testing.assert_allclose(found.efficient, tangent, rtol=1e-4)
    assert abs(found.unknown.served - 60 / tangent) <= 1
    assert found.equal_is_optimal is False


@pytest.mark.parametrize("count", range(1, 7))
def test_the_expectation_over_all_assignments_is_the_mean_curves(count):
    random = np.random.default_rng(count)
    value = power(random.uniform(0.5, 2, count), random.uniform(0.1, 0.9, count), random.uniform(0, 2, count))
    spend = random.exponential(size=count)
    spend[0] = 0.0
    unserved = random.uniform(5, 9, count)
    responses = Responses(value, np.zeros(count), np.full(count, spend.sum() + 1), spend.sum() + 1, unserved)

    def at(task, slot):
        return unserved[task] if spend[slot] == 0 else float(value(np.array([task]), spend[[slot]])[0])

    every = [sum(at(task, slot) for slot, task in enumerate(order)) / count for order in permutations(range(count))]
    found = average(values_anywhere(responses, spend), 10, 0)
    np.testing.assert_allclose(found.averaged, np.mean(every), rtol=1e-12)
    np.testing.assert_allclose(found.averaged, found.expected, rtol=1e-12)
    assert found.error == 0 and found.assignments == len(every)


def test_many_tasks_are_sampled_with_an_error():
    random = np.random.default_rng(0)
    values = random.exponential(size=(30, 30))
    found = average(values, 4000, 1)
    assert 0 < found.error < 0.01 and found.assignments == 4000
    assert abs(found.averaged - found.expected) < 4 * found.error
    assert average(values, 4000, 1) == found


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.booleans(), st.floats(-2, 3), st.integers(0, 10**6))
def test_knowledge_never_hurts(count, s_curves, log_budget, seed):
    random = np.random.default_rng(seed)
    if s_curves:
        value, unserved = s_shaped(10 ** random.uniform(-1, 1, count), 3.0), np.ones(count)
    else:
        value, unserved = power(random.uniform(0.1, 5, count), random.uniform(0.05, 1.2, count)), None
    found = free_lunch(value, 10.0**log_budget, count, unserved=unserved, gap=1e-3, time_limit=5.0)
    slack = found.tolerance + found.known.value - found.known.bound
    assert found.assignment.value >= -slack and found.target.value >= -1e-12 * abs(found.known.value)
    assert 0 <= found.assignment.low <= found.assignment.high
    assert found.unknown.value <= found.equal.value * (1 + 1e-12) + (0 if s_curves else slack)
    assert found.unknown.bound <= found.unknown.value and found.known.bound <= found.known.value
    # preferring tasks is worth nothing without knowing them
    assert found.misassigned.expected >= found.unknown.bound
    np.testing.assert_allclose(found.misassigned.averaged, found.misassigned.expected, rtol=1e-12)
    assert found.unknown.spend.sum() <= found.budget * (1 + 1e-9)
    if not s_curves:
        assert found.equal_is_optimal is True  # the mean of convex curves is convex


@settings(max_examples=10, deadline=None)
@given(st.floats(-20, 20), st.floats(-20, 20))
def test_units_do_not_matter(log_spend, log_value):
    unit, scale = 10.0**log_spend, 10.0**log_value
    value = power([1.0, 2.0], [0.4, 0.8])
    here = free_lunch(value, 3.0, 2)
    there = free_lunch(lambda task, spend: scale * value(task, spend / unit), 3.0 * unit, 2)
    np.testing.assert_allclose(there.assignment.value / scale, here.assignment.value, rtol=1e-6)
    np.testing.assert_allclose(there.unknown.value / scale, here.unknown.value, rtol=1e-9)


def test_a_share_below_the_least_spend_serves_nobody():
    found = free_lunch(power([1.0] * 4, [1.0] * 4), 4.0, 4, unserved=np.full(4, 10.0), low=1.5)
    assert found.equal.value == 10.0 and found.equal_is_optimal is False
    np.testing.assert_allclose(found.breadth, [(0.25 + 30) / 4, (2 * 0.5 + 20) / 4, np.nan, np.nan])
    assert found.unknown.served == 2


def test_an_open_gap_leaves_the_question_open():
    found = free_lunch(power([1.0, 2.0], [0.4, 0.8]), 3.0, 2)
    unproven = replace(found, unknown=replace(found.unknown, bound=found.unknown.bound - 0.1))
    assert found.equal_is_optimal is True and unproven.equal_is_optimal is None
    np.testing.assert_allclose(unproven.assignment.high, found.assignment.high)
    assert unproven.assignment.low <= found.assignment.low


def test_effective_number():
    assert Split(np.array([2.0, 2.0, 0.0]), 0.0, 0.0).effective == 2.0
    assert Split(np.zeros(2), 0.0, 0.0).effective == 0.0


def test_table_and_record():
    found = free_lunch(power([1.0, 2.0], [0.4, 0.8]), 3.0, 2)
    table = found.table()
    assert list(table.columns) == ["plan", "value", "bound", "served", "effective"]
    assert list(table["plan"]) == ["equal split", "assignment unknown", "assignment known", "target known"]
    assert (np.diff(table["value"]) <= 1e-9).all()
    again = json.loads(json.dumps(found.record(), allow_nan=False))
    assert again["breadth"][0] is None and again["equal_is_optimal"] is True
    assert again["knowing_assignment"]["value"] == found.assignment.value


def test_refusals():
    value = power([1.0, 2.0], [0.4, 0.8])
    with pytest.raises(AllocationError, match="Task 1 has no unserved value; give one"):
        free_lunch(value, 1.0, 2, unserved=np.array([1.0, np.nan]))
    with pytest.raises(AllocationError, match="give a positive number"):
        free_lunch(value, -1.0, 2)
    with pytest.raises(AllocationError, match="give at least one"):
        free_lunch(value, 1.0, 0)
    with pytest.raises(InfeasibleError, match="raise the budget"):
        free_lunch(value, 1.0, 2, low=0.6)


def test_fitted_curves_have_the_ordinary_plan(exact_curves):
    tasks = default_tasks(exact_curves.tasks)
    spec = plan_spec(exact_curves, tasks, 1e21)
    found = free_lunch_of(exact_curves, spec)
    plan = allocate(exact_curves, spec, draws=False)
    assert found.known.bound <= plan.objective * (1 + 1e-12)
    np.testing.assert_allclose(found.known.value, plan.objective, rtol=1e-7)
    for task in range(3):
        one = exact_curves.take(np.array([task]))
        alone = allocate(one, plan_spec(one, default_tasks(one.tasks), 1e21), draws=False)
        np.testing.assert_allclose(found.dedicated[task], alone.objective, rtol=1e-9)
    assert found.equal_is_optimal is True and found.assignment.low > 0


def test_one_shared_model_has_no_split(shared_curves):
    with pytest.raises(AllocationError, match="ask for strategy specialists"):
        free_lunch_of(shared_curves, plan_spec(shared_curves, default_tasks(shared_curves.tasks), 1e21))
