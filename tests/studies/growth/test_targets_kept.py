"""The most tasks at their targets, against closed forms, brute force and the plans themselves."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.studies.growth.targets_kept import targets_kept
from budget.studies.growth.task_orders import joining_orders
from budget.tables.tasks import TaskSettings
from tests.made import curves_of
from tests.studies.made_sets import BUDGET, different, identical_of_one_scale, subsets_of


@given(st.floats(0.02, 3.0), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_equal_tasks_are_kept_up_to_the_budget_over_one_spend(share, count):
    spend = share * BUDGET
    target = 1.0 + 3e4 * spend**-0.27
    subsets = subsets_of(identical_of_one_scale(count), target=np.full(count, target))
    found = targets_kept(subsets, np.arange(count)[None])
    np.testing.assert_allclose(found.required, spend, rtol=1e-8)
    if abs(1 / share - round(1 / share)) > 1e-6:
        expected = min(count, int(1 / share))
        assert found.most == found.possible[0] == found.planned[0] == expected


def test_a_share_that_just_suffices_counts():
    target = 1.0 + 3e4 * (BUDGET / 4) ** -0.27
    found = targets_kept(subsets_of(identical_of_one_scale(6), target=np.full(6, target)), np.arange(6)[None])
    assert (found.most, found.possible[0], found.planned[0]) == (4, 4, 4)


@pytest.mark.parametrize("seed", range(4))
def test_most_is_the_best_of_all_subsets(seed):
    random = np.random.default_rng(seed)
    target = random.uniform(1.6, 2.6, 6)
    target[5] = np.nan
    curves = different(6, seed=seed)
    subsets = subsets_of(curves, BUDGET, target=target)
    found = targets_kept(subsets, joining_orders(subsets, "random", 30))
    fits = [
        pick for size in range(6) for pick in combinations(range(5), size) if found.required[list(pick)].sum() <= BUDGET
    ]
    assert found.most == max(map(len, fits)) == len(found.best) and found.stated == 5
    assert (found.possible >= found.planned).all()


def test_required_spends_are_those_of_the_cheapest_plan():
    curves = different(4)
    target = np.array([2.6, 2.7, 2.4, 2.6])
    found = targets_kept(subsets_of(curves, target=target), np.arange(4)[None])
    plan = allocate(
        curves, plan_spec(curves, TaskSettings(curves.tasks, target=target), None, objective="cheapest"), draws=False
    )
    np.testing.assert_allclose(found.required, plan.spend, rtol=1e-8)


def test_planned_is_where_the_proven_plans_lose_a_target():
    subsets = subsets_of(different(5), target=np.array([2.3, np.nan, 2.4, 2.2, 2.3]))
    order = np.array([0, 1, 2, 3, 4])
    found = targets_kept(subsets, order[None])
    whole = [
        bool((np.nan_to_num(allocate(*subsets.about(order[:size]), draws=False).target_met, nan=1.0) == 1).all())
        for size in range(1, 6)
    ]
    assert found.planned[0] == (whole.index(False) if False in whole else 5)


def test_targets_nobody_or_everybody_reaches():
    curves = different(3)
    none = targets_kept(subsets_of(curves, target=np.full(3, 0.01)), np.arange(3)[None])
    assert (none.most, none.planned[0], none.possible[0]) == (0, 0, 0) and none.lost == curves.tasks
    assert none.record()["required"][0]["required"] is None and none.record()["beyond_reach"] == list(curves.tasks)
    every = targets_kept(subsets_of(curves, target=np.full(3, 1e3)), np.arange(3)[None])
    assert (every.most, every.planned[0], every.possible[0]) == (3, 3, 3) and every.lost == ()
    assert targets_kept(subsets_of(curves), np.arange(3)[None]) is None


def test_a_maximum_can_put_a_target_out_of_reach_and_a_minimum_costs():
    target = np.full(2, 1.0 + 3e4 * (BUDGET / 4) ** -0.27)
    limits = {"max": np.array([BUDGET / 8, np.nan]), "min": np.array([np.nan, BUDGET / 2])}
    found = targets_kept(subsets_of(identical_of_one_scale(2), target=target, **limits), np.arange(2)[None])
    assert found.required[0] == np.inf and found.required[1] == BUDGET / 2 and found.most == 1


def test_laws_that_are_no_sums_of_powers():
    natural = {"a": (0.5, 3.0, 1.2, 0.4, 1e18), "b": (0.7, 2.5, 0.8, 0.3, 1e19)}
    curves = curves_of("m4", ("flops",), natural, reference=(1e19,))
    target = curves.distance(np.arange(2), np.log(np.array([[3e20], [4e20]])))
    found = targets_kept(subsets_of(curves, target=target), np.arange(2)[None])
    np.testing.assert_allclose(found.required, [3e20, 4e20], rtol=1e-8)
    assert found.most == 2 and found.possible[0] == 2
