"""Orders in which tasks join: seeded, complete where they can be, greedy as defined."""

from itertools import permutations

import numpy as np
import pytest

from budget.errors import AllocationError
from budget.studies.growth.task_orders import (
    EVERY_SIZE,
    FIRST_SIZES,
    SIZE_STEP,
    are_all,
    greedy_order,
    joining_orders,
    shown_sizes,
)
from tests.studies.made_sets import different, identical, subsets_of


def test_given_and_weight():
    subsets = subsets_of(different(3), weight=np.array([1.0, 3.0, 2.0]))
    np.testing.assert_array_equal(joining_orders(subsets, "given"), [[0, 1, 2]])
    np.testing.assert_array_equal(joining_orders(subsets, "weight"), [[1, 2, 0]])


def test_random_orders_are_seeded_permutations():
    subsets = subsets_of(different(7))
    first, again, other = (joining_orders(subsets, "random", 50, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (50, 7) and (first != other).any()
    np.testing.assert_array_equal(np.sort(first, axis=1), np.tile(np.arange(7), (50, 1)))


def test_random_orders_are_those_of_the_names_wherever_the_tasks_stand():
    curves, pick = different(7), np.array([3, 0, 6, 5, 1, 2, 4])
    turned = curves.take(pick)
    first, again = (joining_orders(subsets_of(each), "random", 50) for each in (curves, turned))
    np.testing.assert_array_equal(np.array(turned.tasks)[again], np.array(curves.tasks)[first])


def test_few_tasks_have_all_their_orders_once():
    orders = joining_orders(subsets_of(different(4)), "random", 24)
    assert {tuple(order) for order in orders.tolist()} == set(permutations(range(4))) and len(orders) == 24
    assert not are_all(4, 23) and are_all(1, 1) and not are_all(171, 10**9)


def test_greedy_is_the_best_next_task_by_brute_force():
    target = np.array([2.2, np.nan, 1.9, 2.4, np.nan])
    subsets = subsets_of(different(5), target=target, weight=np.array([1.0, 2.0, 1.0, 0.5, 1.0]))
    order = greedy_order(subsets).tolist()
    for size in range(5):
        scores = {}
        for task in set(range(5)) - set(order[:size]):
            split = subsets.of(np.array([[*order[:size], task]]))
            scores[task] = (-np.nansum(subsets.met(split)), float(subsets.objective(split)[0]))
        assert min(scores, key=lambda task: scores[task]) == order[size]


def test_equal_tasks_join_as_they_stand():
    np.testing.assert_array_equal(greedy_order(subsets_of(identical(6))), np.arange(6))


def test_bad_orders_are_refused():
    subsets = subsets_of(different(2))
    with pytest.raises(AllocationError, match="Order 'size' is unknown; choose given, weight, greedy, random"):
        joining_orders(subsets, "size")
    with pytest.raises(AllocationError, match="0 orders"):
        joining_orders(subsets, "random", 0)


@pytest.mark.parametrize("tasks", [1, 2, FIRST_SIZES, EVERY_SIZE, EVERY_SIZE + 1, 100, 333, 1_000, 10_000])
def test_shown_sizes_have_no_gap_wider_than_their_step_and_rows_in_proportion_to_the_tasks(tasks):
    shown = np.array(shown_sizes(tasks))
    assert shown[0] == 1 and shown[-1] == tasks and (np.diff(shown) > 0).all()
    every = list(range(1, tasks + 1))
    assert shown_sizes(tasks, every=True) == every
    if tasks <= EVERY_SIZE:
        assert list(shown) == every
        return
    assert list(shown[:FIRST_SIZES]) == every[:FIRST_SIZES]
    # a number between is rounded to a whole one
    assert (shown[1:] <= SIZE_STEP * shown[:-1] + 1).all()
    # a geometric sum, and all tasks behind it
    assert shown.sum() <= FIRST_SIZES**2 + tasks / (1 - 1 / SIZE_STEP) + tasks + len(shown)
