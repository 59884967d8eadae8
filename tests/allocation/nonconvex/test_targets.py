"""Counts of targets against every subset."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.nonconvex.choice_knapsack import dp_lower_bounds
from budget.allocation.nonconvex.lower_hull import tidy
from budget.allocation.nonconvex.target_knapsack import cheapest_targets, most_targets
from budget.errors import AllocationError, InfeasibleError
from tests.oracles import separable

numbers = st.floats(0.01, 10.0)
items = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(items, st.floats(0.01, 40.0))
def test_most_targets_match_every_subset(pairs, budget):
    cost, gain = np.array(pairs).T
    found = most_targets(cost, gain, budget)
    most, _ = separable.by_subsets(cost, gain, budget, 0.0)
    np.testing.assert_allclose(found.value, most, rtol=1e-9)
    np.testing.assert_allclose(gain[found.chosen].sum(), found.value, rtol=1e-12)
    assert found.spend.sum() <= budget * (1 + 1e-12)
    assert found.value <= found.bound
    assert found.bound <= most * (1 + 1e-3) + 1e-3


@settings(max_examples=60, deadline=None)
@given(items, st.floats(0.01, 1.0))
def test_cheapest_targets_match_every_subset(pairs, share):
    cost, gain = np.array(pairs).T
    wanted = share * gain.sum()
    found = cheapest_targets(cost, gain, wanted)
    _, least = separable.by_subsets(cost, gain, 0.0, wanted)
    np.testing.assert_allclose(found.value, least, rtol=1e-9)
    assert gain[found.chosen].sum() >= wanted * (1 - 1e-9)
    assert found.bound <= found.value
    assert found.bound >= least - 1e-3 * cost.sum()


@pytest.mark.parametrize("count", [1, 3, 10, 1000])
@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.3, 1.0, 2.0])
def test_equal_tasks(count, fraction):
    found = most_targets(np.full(count, fraction), np.full(count, 2.0), 1.0)
    met = min(count, int(np.floor(1 / fraction + 1e-9)))
    assert found.value == found.bound == 2.0 * met
    assert np.count_nonzero(found.chosen) == met


def test_limits_and_targets_out_of_reach():
    spend = np.array([1.0, np.inf, 2.0, 0.1, 0.0])
    found = most_targets(
        spend, np.array([1.0, 9.0, 3.0, 1.0, 0.5]), 2.5, low=np.full(5, 0.2), high=np.array([9.0, 9.0, 1.5, 9.0, 9.0])
    )
    assert found.chosen.tolist() == [True, False, False, True, True]
    np.testing.assert_allclose(found.spend, [1.0, 0, 0, 0.2, 0.2])
    assert found.value == found.bound == 2.5


def test_all_some_or_the_k_cheapest():
    spend = np.array([4.0, 1.0, np.inf, 3.0])
    assert cheapest_targets(spend, at_least=2).chosen.tolist() == [False, True, False, True]
    assert cheapest_targets(spend, at_least=3).value == 8.0
    assert cheapest_targets(spend, at_least=0).value == 0.0
    assert cheapest_targets(spend[[0, 1, 3]]).value == 8.0
    with pytest.raises(InfeasibleError, match="weigh 3 of the 4 asked for"):
        cheapest_targets(spend)
    with pytest.raises(InfeasibleError, match="weigh 0 of the 1"):
        cheapest_targets(np.array([np.inf]))


def test_targets_that_cost_nothing_are_met():
    found = cheapest_targets(np.array([0.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0]), 4.0)
    assert found.chosen.tolist() == [True, False, True] and found.value == 1.0
    assert most_targets(np.array([0.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.5]), 3.0).chosen.tolist() == [
        True,
        False,
        True,
    ]


def test_a_thousand_targets_are_nearly_proven():
    random = np.random.default_rng(0)
    cost, gain = 10 ** random.uniform(-1.5, 1.5, 1000), random.uniform(0.1, 1, 1000)
    found = most_targets(cost, gain, 0.2 * cost.sum())
    assert found.value <= found.bound <= found.value * (1 + 1e-3)
    found = cheapest_targets(cost, gain, 0.5 * gain.sum())
    assert found.value * (1 - 1e-3) <= found.bound <= found.value


@pytest.mark.parametrize(
    ("spend", "weight", "sentence"),
    [
        ([1.0, np.nan], [1.0, 1.0], "Task 1 needs a spend of nan"),
        ([-1.0, 1.0], [1.0, 1.0], "Task 0 needs a spend of -1"),
        ([1.0, 1.0], [1.0, 0.0], "Task 1 has a weight of 0"),
    ],
)
def test_what_makes_no_sense_is_refused(spend, weight, sentence):
    for ask in (lambda s, w: most_targets(s, w, 1.0), cheapest_targets):
        with pytest.raises(AllocationError, match=sentence):
            ask(np.array(spend), np.array(weight))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(2, 12), st.integers(0, 10**6))
def test_rounding_spends_down_bounds_a_dynamic_programme(count, units, seed):
    random = np.random.default_rng(seed)
    tables = -np.cumsum(random.exponential(size=(count, units + 1)), axis=1)
    task, spend = (axis.ravel() for axis in np.meshgrid(np.arange(count), np.arange(units + 1.0), indexing="ij"))
    bound = dp_lower_bounds(tidy(task, spend, tables.ravel()), float(units), 1.0, 1e-3).min()
    exact = separable.by_units(tables)
    assert bound <= exact * (1 - 1e-12) + 1e-12
    np.testing.assert_allclose(bound, exact, rtol=1e-9)
