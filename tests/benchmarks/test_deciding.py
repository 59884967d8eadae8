"""The split that every rule of ``deciding.py`` is given, and the line that plans are judged by."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from deciding import Fall, best_split, convex, plan_by, within
from deciding_pools import best_so_far, smooth


def made(count=4, points=40, seed=0):
    random = np.random.default_rng(seed)
    log_spend = np.tile(np.linspace(np.log(0.1), np.log(20.0), points), (count, 1))
    value = random.uniform(0.5, 2, (count, 1)) + np.exp(-random.uniform(0.2, 0.8, (count, 1)) * log_spend)
    return value, log_spend


def test_a_convex_curve_stays_and_another_becomes_the_greatest_one_below_it():
    value, log_spend = made()
    fall = convex(value, log_spend)
    spend = np.exp(log_spend)
    np.testing.assert_allclose(fall.slope, -np.diff(value, axis=1) / np.diff(spend, axis=1), rtol=1e-9)
    bumped = value.copy()
    bumped[:, 17] += 0.05
    hull = convex(np.minimum.accumulate(bumped, axis=1), log_spend)
    assert (np.diff(hull.slope, axis=1) <= 1e-12).all()
    below = bumped[:, :1] - np.cumsum(hull.slope * hull.length, axis=1)
    assert (below <= bumped[:, 1:] + 1e-9).all()
    np.testing.assert_allclose(below[:, -1], bumped[:, -1], rtol=1e-9)


@pytest.mark.parametrize("budget", [1.0, 8.0, 60.0])
def test_no_split_is_better_than_the_best_one(budget):
    value, log_spend = made()
    fall, spend = convex(value, log_spend), np.exp(log_spend)
    weight = np.array([1.0, 2.0, 3.0, 1.0])
    best = best_split(fall, weight, budget, spend[:, 0])
    assert best.sum() == pytest.approx(budget)

    def objective(split):
        # straight between the spends at which the curves are known
        return sum(w * np.interp(x, s, v) for w, x, s, v in zip(weight, split, spend, value, strict=True))

    random = np.random.default_rng(1)
    for _ in range(300):
        other = spend[:, 0] + random.dirichlet(np.ones(4)) * (budget - spend[:, 0].sum())
        assert objective(np.minimum(other, spend[:, -1])) >= objective(best) - 1e-9


def test_shares_are_kept_where_no_limit_stops_them():
    least, most = np.full(3, 0.1), np.array([10.0, 10.0, 2.0])
    np.testing.assert_allclose(within(np.array([1.0, 2.0, 3.0]), 3.0, least, most), [0.5, 1.0, 1.5], rtol=1e-6)
    np.testing.assert_allclose(within(np.array([1.0, 2.0, 3.0]), 8.0, least, most), [2.0, 4.0, 2.0], rtol=1e-6)


def test_the_line_through_measurements_falls_and_follows_a_power():
    x = np.geomspace(1.0, 100.0, 60)
    at = np.linspace(0.0, np.log(100.0), 33)
    np.testing.assert_allclose(np.exp(smooth(np.log(x), np.log(x**-0.3), at, 0.25)), np.exp(-0.3 * at), rtol=1e-6)
    noisy = x**-0.3 * np.exp(0.02 * np.random.default_rng(0).normal(size=60))
    assert (np.diff(np.exp(smooth(np.log(x), np.log(noisy), at, 0.25))) <= 0).all()


def test_best_so_far_leaves_out_what_a_cheaper_run_reaches():
    assert sorted(best_so_far(np.array([1.0, 2.0, 3.0, 4.0]), np.array([5.0, 6.0, 4.0, 4.5]))) == [0, 2]


def test_a_fall_of_nothing_takes_nothing():
    flat = Fall(np.zeros((2, 3)), np.ones((2, 3)))
    assert best_split(flat, np.ones(2), 4.0, np.ones(2)).sum() == pytest.approx(4.0)


def test_the_best_split_between_limits_is_best_among_those_that_keep_them():
    value, log_spend = made()
    fall, spend = convex(value, log_spend), np.exp(log_spend)
    weight, least, most = np.array([1.0, 2.0, 3.0, 1.0]), spend[:, 0], spend[:, -1]
    np.testing.assert_allclose(plan_by(fall, weight, 8.0, least, most), best_split(fall, weight, 8.0, least))
    kept = np.array([most[0], 2.5, most[2], most[3]])
    just = plan_by(fall, weight, 8.0, np.where(kept < most, kept, least), kept)
    others = np.array([0, 2, 3])
    alone = best_split(Fall(fall.slope[others], fall.length[others]), weight[others], 5.5, least[others])
    np.testing.assert_allclose(just, np.insert(alone, 1, 2.5))
    for limit in (0.5, 2.5, 6.0):
        found = plan_by(fall, weight, 8.0, least, np.where(kept < most, limit, most))
        free = best_split(fall, weight, 8.0, least)
        assert found[1] == pytest.approx(min(limit, free[1])) and found.sum() == pytest.approx(8.0)
