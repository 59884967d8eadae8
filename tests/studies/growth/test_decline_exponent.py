"""The law of the decline: exact where there is one, and a line in logarithms where there is none."""

import numpy as np
import pytest

from budget.curves.cost_law import Cost
from budget.studies.growth.decline_exponent import copies_exponent, decline, stands_for
from budget.studies.growth.task_orders import joining_orders, shown_sizes
from tests.made import power
from tests.studies.made_sets import BUDGET, different, identical, identical_of_one_scale, subsets_of

GAMMA = 0.34 * 0.28 / (0.34 + 0.28)


@pytest.mark.parametrize("order", ["given", "greedy", "random"])
@pytest.mark.parametrize(("make", "exponent"), [(identical, GAMMA), (identical_of_one_scale, 0.27)])
def test_copies_decline_exactly_as_a_power_of_their_number(order, make, exponent):
    subsets = subsets_of(make(6))
    found = decline(subsets, joining_orders(subsets, order, 12))
    np.testing.assert_allclose(found.exponent, exponent, rtol=1e-8)
    np.testing.assert_allclose(found.copies[2:], exponent, rtol=1e-12)
    np.testing.assert_allclose(found.mean_factor, np.arange(1, 7) ** exponent, rtol=1e-8)
    np.testing.assert_allclose(found.worst_factor, np.arange(1, 7) ** exponent, rtol=1e-8)
    if order == "random":
        np.testing.assert_allclose([found.orders_low, found.orders_high], exponent, rtol=1e-8)
    else:
        assert np.isnan(found.orders_low).all()


@pytest.mark.parametrize("budget", [1e18, 1e24])
def test_the_exponent_of_copies_does_not_depend_on_the_budget(budget):
    subsets = subsets_of(identical(4), budget)
    np.testing.assert_allclose(decline(subsets, np.arange(4)[None]).exponent, GAMMA, rtol=1e-8)


def test_each_draw_has_its_own_exponent():
    curves = identical_of_one_scale(5, draws=30)
    found = decline(subsets_of(curves), np.arange(5)[None])
    ends = np.percentile(curves.draws[:, 0, 2], (10, 90), method="weibull")
    np.testing.assert_allclose([found.low[0], found.high[0]], ends, rtol=1e-8)
    np.testing.assert_allclose([found.low[3], found.high[3]], ends, rtol=1e-8)


def test_different_tasks_against_a_line_fitted_by_least_squares():
    curves, order = different(5, draws=12), np.array([[3, 1, 4, 0, 2], [0, 1, 2, 3, 4]])
    subsets = subsets_of(curves, weight=np.array([1.0, 2.0, 3.0, 1.0, 2.0]))
    found = decline(subsets, order)

    def reducible(members, draw):
        split = subsets.of(np.array([members]))
        inputs = split.log_inputs[0]
        if draw is None:
            return curves.distance(np.array(members), inputs) - curves.parameters[members, 0]
        return curves.distance_draws(np.array(members), inputs)[draw] - curves.draws[draw, members, 0]

    def slope(ks, factors):
        x, y = np.log(ks), np.log(factors)
        return np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]

    last, alone = reducible([0, 1, 2, 3, 4], None), [reducible([task], None)[0] for task in range(5)]
    assert found.lost_most == f"t{np.argmax(last / alone)}"

    def exponents(each, draw):
        alone = np.array([reducible([task], draw)[0] for task in range(5)])
        weight = subsets.spec.tasks.weight
        mean, worst, own = [], [], {task: [] for task in range(5)}
        for size in range(2, 6):
            members = each[:size].tolist()
            above = reducible(members, draw)
            mean.append(above @ weight[members] / (alone[members] @ weight[members]))
            worst.append((above / alone[members]).max())
            for task, loss in zip(members, above, strict=True):
                own[task].append((size, loss / alone[task]))
        ks = np.arange(2, 6)
        return [slope(ks, mean), slope(ks, worst), *(slope(*np.array(own[task]).T) for task in range(5))]

    point = np.array([exponents(each, None) for each in order])
    np.testing.assert_allclose(found.exponent, point.mean(axis=0), rtol=1e-8)
    scenarios = np.array([np.mean([exponents(each, draw) for each in order], axis=0) for draw in range(12)])
    ends = np.percentile(scenarios, (10, 90), axis=0, method="weibull")
    np.testing.assert_allclose(found.low, np.minimum(ends[0], found.exponent), rtol=1e-8)
    np.testing.assert_allclose(found.high, np.maximum(ends[1], found.exponent), rtol=1e-8)
    assert list(found.table()["of"]) == ["mean", "worst", *curves.tasks]


def test_copies_have_no_power_where_the_cost_has_two_terms():
    cost = Cost(np.array([6.0, 900.0]), np.array([1.0, 0.5]), np.ones(2), 0.0, 0.0)
    assert np.isnan(copies_exponent(subsets_of(different(2, cost=cost)))).all()
    np.testing.assert_allclose(copies_exponent(subsets_of(identical(1))), GAMMA, rtol=1e-12)


def test_one_task_has_no_decline():
    assert decline(subsets_of(different(1)), np.array([[0]])) is None


def test_a_task_at_its_floor_has_no_exponent():
    curves = power({"flat": (1.0, 1e-300, 0.3), "steep": (1.0, 3e4, 0.27)}, draws=4)
    found = decline(subsets_of(curves, BUDGET), np.array([[0, 1]]))
    assert np.isnan(found.exponent[[0, 2]]).all() and np.isfinite(found.exponent[3])
    assert found.record()["exponents"][0]["exponent"] is None


@pytest.mark.parametrize("order", ["given", "random"])
def test_a_line_through_some_sizes_is_nearly_that_through_all(order):
    subsets = subsets_of(different(90, draws=12))
    orders, sizes = joining_orders(subsets, order, 3), shown_sizes(90)
    every, some = decline(subsets, orders, range(1, 91)), decline(subsets, orders)
    assert len(sizes) < 50 and some.n_tasks.tolist() == sizes and every.n_tasks.tolist() == list(range(1, 91))
    np.testing.assert_allclose(some.mean_factor, every.mean_factor[some.n_tasks - 1], rtol=1e-12)
    assert some.lost_most == every.lost_most
    for name in ("exponent", "low", "high"):
        left, right = getattr(some, name), getattr(every, name)
        np.testing.assert_allclose(left[:2], right[:2], rtol=2e-3)
        np.testing.assert_allclose(left[2:], right[2:], rtol=2e-2)


def test_a_line_through_some_sizes_of_copies_is_exact():
    subsets = subsets_of(identical(70))
    found = decline(subsets, np.arange(70)[None])
    np.testing.assert_allclose(found.exponent, GAMMA, rtol=1e-8)


@pytest.mark.parametrize("tasks", [2, 40, 65, 300, 1000])
def test_the_sizes_stand_for_all_together(tasks):
    stands = stands_for(np.array(shown_sizes(tasks)))
    assert stands.sum() == tasks and (stands >= 1).all() and (tasks > 64 or (stands == 1).all())
