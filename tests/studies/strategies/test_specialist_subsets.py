"""Many subsets at once give what each subset's own program gives."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.studies.strategies.specialist_subsets import Subsets
from tests.made import curves_of, repeat
from tests.studies.made_sets import BUDGET, different, subsets_of


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_subset_is_the_convex_program_of_its_tasks(size):
    subsets = subsets_of(different(4), weight=np.array([1.0, 3.0, 0.5, 2.0]))
    members = np.array(list(combinations(range(4), size)))
    split = subsets.of(members)
    for row, spend, objective in zip(members, split.spend, subsets.objective(split), strict=True):
        plan = allocate(*subsets.about(row), draws=False)
        np.testing.assert_allclose(spend, plan.spend, rtol=1e-8)
        np.testing.assert_allclose(objective, plan.objective, rtol=1e-12)


def test_limits_of_the_tasks_hold_in_every_subset():
    low = np.array([4e20, np.nan, np.nan, np.nan])
    high = np.array([np.nan, 1e20, np.nan, np.nan])
    subsets = subsets_of(different(4), min=low, max=high)
    members = np.array(list(combinations(range(4), 3)))
    split = subsets.of(members)
    assert (split.spend >= np.nan_to_num(low)[members] * (1 - 1e-12)).all()
    assert (split.spend <= np.where(np.isnan(high), np.inf, high)[members] * (1 + 1e-12)).all()
    np.testing.assert_allclose(split.spend.sum(axis=1), BUDGET, rtol=1e-12)
    alone = subsets.of(np.array([[1]]))
    assert alone.spend[0, 0] == pytest.approx(1e20, rel=1e-12)
    for row, spend in zip(members, split.spend, strict=True):
        np.testing.assert_allclose(spend, allocate(*subsets.about(row), draws=False).spend, rtol=1e-7)


@given(st.permutations(range(5)), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_a_subset_is_solved_once_whatever_its_order(order, size):
    subsets = SOLVED
    members = np.array([order[:size]])
    split = subsets.of(members)
    known = len(subsets.found)
    again = subsets.of(np.sort(members, axis=1))
    assert len(subsets.found) == known
    back = np.argsort(members[0])
    assert (split.spend[0][back] == again.spend[0]).all() and (split.log_inputs[0][back] == again.log_inputs[0]).all()


SOLVED = subsets_of(different(5))


def test_laws_that_are_no_sums_of_powers_are_searched():
    natural = {"a": (0.5, 3.0, 1.2, 0.4, 1e18), "b": (0.7, 2.5, 0.8, 0.3, 1e19), "c": (0.2, 2.0, 1.0, 0.5, 1e19)}
    curves = curves_of("m4", ("flops",), natural, reference=(1e19,))
    subsets = subsets_of(curves)
    assert not subsets.convex
    split = subsets.of(np.array([[2, 0], [0, 2]]))
    assert len(subsets.found) == 1 and split.spend[0, 0] == split.spend[1, 1]
    np.testing.assert_allclose(split.spend.sum(axis=1), BUDGET, rtol=1e-9)


def test_repeated_data_are_solved_in_the_same_batch():
    curves = repeat(
        {"web": (1.8, 500.0, 0.35, 1400.0, 0.35, 15.0, 5.0), "books": (1.5, 400.0, 0.3, 900.0, 0.3, 15.0, 5.0)}
    )
    subsets = subsets_of(curves, unique_tokens=np.array([1e10, 1e9]))
    assert subsets.convex
    split = subsets.of(np.array([[1, 0]]))
    plan = allocate(*subsets.about(np.array([1, 0])), draws=False)
    np.testing.assert_allclose(subsets.objective(split)[0], plan.objective, rtol=1e-6)


def test_stated_targets_are_met_or_missed():
    subsets = subsets_of(different(3), target=np.array([1e3, np.nan, 1e-3]))
    assert isinstance(subsets, Subsets)
    met = subsets.met(subsets.of(np.array([[2, 1, 0]])))
    np.testing.assert_array_equal(met, [[0.0, np.nan, 1.0]])
