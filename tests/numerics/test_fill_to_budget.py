"""Budgets filled against bisection, against the projection's own conditions, and in batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from budget.numerics.fill_to_budget import fill_to_budget


def limits(random: np.random.Generator, count: int, decades: float) -> tuple[np.ndarray, ...]:
    wish = 10 ** random.uniform(-decades, decades, count)
    low = np.where(random.random(count) < 0.5, 0.0, 10 ** random.uniform(-decades, decades, count))
    high = np.where(random.random(count) < 0.3, np.inf, low + 10 ** random.uniform(-decades, decades, count))
    return wish, low, high


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 8), st.floats(0, 8), st.floats(0.01, 0.99), st.integers(0, 10**6))
def test_amounts_are_the_clipped_multiple_that_sums_to_the_budget(count, decades, share, seed):
    random = np.random.default_rng(seed)
    wish, low, high = limits(random, count, decades)
    most = np.minimum(high, low + 10**decades).sum()
    budget = float(low.sum() + share * (most - low.sum()))
    found = fill_to_budget(wish, budget, low, high)
    assert (found >= low).all() and (found <= high).all()
    np.testing.assert_allclose(found.sum(), budget, rtol=1e-13)

    def over(log_factor):
        return np.clip(np.exp(log_factor) * wish, low, high).sum() - budget

    if over(-60) < 0 < over(60):
        factor = np.exp(brentq(over, -60, 60, xtol=1e-14, rtol=1e-14))
        np.testing.assert_allclose(found, np.clip(factor * wish, low, high), rtol=1e-10, atol=1e-13 * budget)


def test_ends_bound_what_a_budget_can_do():
    wish, low, high = np.array([1.0, 3.0]), np.array([1.0, 2.0]), np.array([4.0, 5.0])
    np.testing.assert_array_equal(fill_to_budget(wish, 100.0, low, high), high)
    np.testing.assert_array_equal(fill_to_budget(wish, 9.0, low, high), high)
    np.testing.assert_array_equal(fill_to_budget(wish, 3.0, low, high), low)
    np.testing.assert_array_equal(fill_to_budget(wish, 0.5, low, high), low)


def test_what_is_not_wished_for_keeps_its_least():
    found = fill_to_budget(np.array([0.0, 1.0, 1.0]), 10.0, np.array([1.0, 0.0, 0.0]), np.array([9.0, 2.0, 99.0]))
    np.testing.assert_allclose(found, [1.0, 2.0, 7.0])


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_is_each_of_its_budgets(seed):
    random = np.random.default_rng(seed)
    rows = [limits(random, 6, 2.0) for _ in range(9)]
    wish, low, high = (np.array(each) for each in zip(*rows, strict=True))
    budget = low.sum(axis=1) * random.uniform(0.5, 3, 9) + random.uniform(0, 5, 9)
    together = fill_to_budget(wish, budget, low, high)
    for row in range(9):
        np.testing.assert_allclose(
            together[row], fill_to_budget(wish[row], budget[row], low[row], high[row]), rtol=1e-14
        )


def test_amounts_that_sum_to_the_budget_already_stay():
    random = np.random.default_rng(0)
    wish, low, high = limits(random, 50, 6.0)
    once = fill_to_budget(wish, low.sum() + 10.0, low, high)
    np.testing.assert_allclose(fill_to_budget(once, once.sum(), low, high), once, rtol=1e-13)


def test_small_amounts_beside_large_ones_keep_their_digits():
    wish, high = np.array([1e-12, 3e-12, 1e12]), np.array([np.inf, np.inf, 1.0])
    found = fill_to_budget(wish, 1.0 + 4e-6, 0.0, high)
    np.testing.assert_allclose(found, [1e-6, 3e-6, 1.0], rtol=1e-9)  # 4e-6 beside 1 has ten digits


def test_limits_are_kept_at_both_ends():
    low, high = np.array([0.0, 4.0, 0.0]), np.array([10.0, 10.0, 1.0])
    np.testing.assert_allclose(fill_to_budget(np.ones(3), 10.0, low, high), [4.5, 4.5, 1.0])
    np.testing.assert_allclose(fill_to_budget(np.array([1.0, 5.0, 1.0]), 10.0, low, high), [1.5, 7.5, 1.0])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_filling_takes_in_proportion_up_to_the_limits(seed, sources):
    random = np.random.default_rng(seed)
    wish, limit = random.uniform(0, 1, sources), random.uniform(0.1, 2, sources)
    wish[1:][random.random(sources - 1) < 0.2] = 0.0
    limit[random.random(sources) < 0.3] = np.inf
    total = random.uniform(0.01, 8, 5)
    tokens = fill_to_budget(wish, total, 0.0, limit)
    available = limit[wish > 0].sum()
    np.testing.assert_allclose(tokens.sum(axis=1), np.minimum(total, available), rtol=1e-12)
    assert (tokens <= limit).all() and (tokens[:, wish == 0] == 0).all()
    for row in tokens:
        free = (row < limit) & (wish > 0)
        if free.any():
            np.testing.assert_allclose(row[free] / wish[free], (row[wish > 0] / wish[wish > 0]).max(), rtol=1e-9)
