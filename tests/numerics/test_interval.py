"""The one interval rule against NumPy's Weibull percentiles, exact order statistics, and what infinite draws mean."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import binomtest

from budget.numerics.interval import LEVEL, interval, least_draws, outside, share_interval

FINITE = st.floats(-1e6, 1e6)
ANY = st.one_of(FINITE, st.sampled_from([np.inf, -np.inf]))


def ends_by_hand(draws, low=Fraction(1, 10), high=Fraction(9, 10)):
    """Both ends in exact positions; infinity anywhere on a line with a share is infinity, the outer one of two."""
    ordered = sorted(draws)

    def end(at, outer):
        place = at * (len(ordered) + 1)
        first, share = floor(place), place - floor(place)
        if share == 0:
            return ordered[first - 1]
        start, stop = ordered[first - 1], ordered[first]
        infinite = {value for value in (start, stop) if np.isinf(value)}
        if infinite:
            return infinite.pop() if len(infinite) == 1 else outer
        return start * float(1 - share) + stop * float(share)

    return end(low, -np.inf), end(high, np.inf)


@given(st.lists(FINITE, min_size=9, max_size=130))
def test_finite_draws_have_the_weibull_percentiles(draws):
    expected = np.percentile(draws, (10, 90), method="weibull")
    np.testing.assert_allclose(interval(np.array(draws)), expected, rtol=1e-9, atol=1e-6)


@given(st.lists(ANY, min_size=9, max_size=60))
def test_infinite_draws_count_as_infinite(draws):
    np.testing.assert_allclose(interval(np.array(draws)), ends_by_hand(draws), rtol=1e-9, atol=1e-6)


@given(st.lists(ANY, min_size=9, max_size=40), st.integers(0, 20), st.randoms())
def test_failed_draws_and_order_do_not_matter(draws, failed, random):
    mixed = [*draws, *[np.nan] * failed]
    random.shuffle(mixed)
    np.testing.assert_array_equal(interval(np.array(mixed)), interval(np.array(draws)))


@given(st.integers(9, 400))
def test_an_end_is_infinite_exactly_where_the_rule_leaves_fewer_draws_beyond_it(count):
    most = count - Fraction(9, 10) * (count + 1)  # draws that stand above the high end
    for infinite in range(count + 1):
        draws = np.concatenate([np.linspace(1, 2, count - infinite), np.full(infinite, np.inf)])
        assert np.isinf(interval(draws)[1]) == (infinite > most)


def test_every_column_leaves_out_its_own_failures():
    draws = np.random.default_rng(0).normal(size=(60, 3, 4))
    draws[:20, 0, 0] = draws[5:57, 1, 1] = draws[:, 2, 3] = np.nan
    low, high = interval(draws)
    for at in np.ndindex(3, 4):
        np.testing.assert_array_equal((low[at], high[at]), interval(draws[(slice(None), *at)]))
    assert np.isnan(low[1, 1]) and np.isnan(high[2, 3]) and np.isfinite(low[0, 0])
    np.testing.assert_array_equal(interval(np.moveaxis(draws, 0, 2), axis=2), (low, high))
    np.testing.assert_array_equal(interval(np.moveaxis(draws, 0, 2), axis=-1), (low, high))


@pytest.mark.parametrize("level", [0.5, LEVEL, 0.9, 0.95])
def test_as_many_draws_as_it_takes_reach_from_the_smallest_to_the_largest(level):
    enough = least_draws(level)
    draws = np.random.default_rng(1).permutation(enough).astype(float)
    np.testing.assert_allclose(interval(draws, level=level), (0, enough - 1))
    assert np.isnan(interval(draws[1:], level=level)).all()


def test_no_draw_and_no_column_are_no_error():
    assert np.isnan(interval(np.empty((0, 3)))).all() and interval(np.empty((0, 3)))[0].shape == (3,)
    assert interval(np.empty((20, 0)))[1].shape == (0,)


def test_draws_near_the_largest_number_have_an_interval():
    draws = np.concatenate([np.full(50, -1.7e308), np.full(49, 1.7e308)])
    np.testing.assert_array_equal(interval(draws), (-1.7e308, 1.7e308))


def test_intervals_hold_the_share_that_they_promise():
    random = np.random.default_rng(2)
    draws, next_one = random.normal(size=(20, 40_000)), random.normal(size=40_000)
    low, high = interval(draws)
    assert np.mean((low <= next_one) & (next_one <= high)) == pytest.approx(0.8, abs=0.006)


def test_equal_draws_are_their_own_interval():
    """Rounding between two draws does not pass them: a limit that all draws keep is kept by the interval."""
    draws = np.full((20, 3), [0.3675, 1.05, 1e300])
    for end in interval(draws):
        np.testing.assert_array_equal(end, draws[0])


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("trials", [1, 7, 200])
def test_the_interval_of_a_share_is_scipys_for_whole_counts(trials, level):
    count = np.arange(trials + 1)
    ends = [binomtest(int(each), trials).proportion_ci(level, method="wilson") for each in count]
    low, high = share_interval(count / trials, trials, level=level)
    np.testing.assert_allclose(low, [each.low for each in ends], atol=1e-14)
    np.testing.assert_allclose(high, [each.high for each in ends], atol=1e-14)


def test_the_interval_of_a_share_holds_what_a_score_test_does_not_reject():
    seen, trials = np.array([0.05, 0.333, 0.9]), 40  # no whole counts
    low, high = share_interval(seen, trials)
    share = np.linspace(0, 1, 2001)[1:-1]
    score = (seen[:, None] - share) / np.sqrt(share * (1 - share) / trials)
    np.testing.assert_array_equal(np.abs(score) <= ndtri(0.9), (share >= low[:, None]) & (share <= high[:, None]))


def test_a_point_is_outside_its_interval_on_either_side_by_more_than_rounding():
    point = np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0])
    low = np.array([1.1, 0.5, 0.5, 1.0 + 1e-9, np.nan, -0.9])
    high = np.array([1.2, 0.9, 1.5, 2.0, 2.0, 0.0])
    assert outside(point, low, high).tolist() == [True, True, False, False, False, True]
