"""Roots against closed forms and against SciPy's, whatever the shape of the function, and in how few steps."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.optimize.elementwise import find_root
from scipy.special import logsumexp

from budget.errors import SolverError
from budget.numerics.roots import bisect, log_sum_root, newton_root, rising_root, root_within

ENDS = 60.0
"""Half width of the brackets, in logarithms."""


def shapes(count: int, seed: int) -> dict:
    """Rising functions of V numbers, and the most often that each may be asked within ±``ENDS``."""
    random = np.random.default_rng(seed)
    root = random.uniform(-5, 5, count)
    below, above, slow = random.uniform(0.12, 1, count), random.uniform(0.5, 3, count), random.uniform(0.12, 0.5, count)
    return {
        "sum of powers": (lambda x: np.logaddexp(below * x, slow * x) - root, 22),
        "kink": (lambda x: np.where(x < root, below, above) * (x - root) + 1e-6, 24),
        "plateaus": (lambda x: np.clip(3 * (x - root), -800, 5) - 800 * (x < root - 20), 30),
        "exponential": (lambda x: np.expm1(x - root), 45),
        "bounded": (lambda x: np.tanh(3 * (x - root)), 30),
        "jump": (lambda x: np.where(x < root, -1.0, 2.0), 110),
    }


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(shapes(1, 0))), st.integers(1, 30), st.integers(0, 10**6))
def test_roots_agree_with_scipys_and_take_few_steps(shape, count, seed):
    function, most = shapes(count, seed)[shape]
    asked = []

    def counted(x):
        asked.append(x)
        return function(x)

    low, high = np.full(count, -ENDS), np.full(count, ENDS)
    found = rising_root(counted, low, high)
    expected = [
        brentq(lambda x, i=i: float(function(np.full(count, x))[i]), -ENDS, ENDS, xtol=1e-14) for i in range(count)
    ]
    # a function is 0 to rounding over a width of rounding over its slope
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=2e-12)
    assert len(asked) <= most
    assert (low == -ENDS).all() and (high == ENDS).all()


def test_ends_are_the_answer_where_nothing_changes_its_sign():
    found = rising_root(lambda x: x - np.array([-9.0, 0.5, 9.0]), np.zeros(3), np.ones(3))
    np.testing.assert_array_equal(found, [0.0, 0.5, 1.0])


def test_equal_ends_are_their_own_root():
    np.testing.assert_array_equal(rising_root(lambda x: x, np.array([2.0]), np.array([2.0])), [2.0])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.integers(1, 5), st.booleans(), st.integers(0, 10**6))
@example(3, 3, True, 8704).via("a total that is hardly above the sum's flat minimum")
def test_a_sum_of_powers_reaches_its_total(count, terms, falls, seed):
    random = np.random.default_rng(seed)
    log_coef, slope = random.normal(0, 5, (count, terms)), random.uniform(0.1, 3, (count, terms))
    if falls and terms > 1:
        slope[:, 1:] *= np.where(random.random(terms - 1) < 0.5, -1.0, 1.0)
    beyond = random.uniform(-5, 5, count)
    total = logsumexp(log_coef + slope * beyond[:, None], axis=1)
    found = log_sum_root(log_coef, slope, total)
    np.testing.assert_allclose(logsumexp(log_coef + slope * found[:, None], axis=1), total, rtol=1e-12, atol=1e-12)
    # the largest root: from there on the sum rises
    assert (found >= beyond - 1e-5).all()
    assert (logsumexp(log_coef + slope * (found + 1e-3)[:, None], axis=1) > total).all()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_newton_in_a_bracket_finds_roots_that_newton_alone_flees_from(sign):
    root = np.array([-3.0, 0.0, 2.0])

    def function(x):
        return sign * np.arctan(x - root), sign / (1 + (x - root) ** 2), x.copy()

    start, low, high = np.array([20.0, -20.0, 30.0]), np.full(3, -50.0), np.full(3, 50.0)
    found, there = newton_root(function, start, low, high, 1e-13)
    np.testing.assert_allclose(found, root, atol=1e-12)
    np.testing.assert_array_equal(there, found)  # what is handed back belongs to the root


@settings(max_examples=40, deadline=None)
@given(st.floats(-5, 5), st.floats(0.1, 4))
def test_one_function_agrees_with_another_method(root, slope):
    def function(x):
        return float(np.sinh(slope * (x - root)) + 0.1 * (x - root))

    found = root_within(function, -20.0, 20.0)
    assert found == pytest.approx(brentq(function, -20, 20, xtol=1e-14, rtol=1e-14), rel=1e-13, abs=1e-13)


def test_equal_signs_are_refused():
    with pytest.raises(SolverError, match="No root between 1 and 2, where the function is 1 and 4"):
        root_within(lambda x: x * x, 1.0, 2.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.booleans(), st.integers(0, 10**6))
def test_a_condition_ends_between_neighbouring_numbers(count, upward, seed):
    random = np.random.default_rng(seed)
    ends = random.choice([-1, 1], count) * 10.0 ** random.uniform(-3, 3, count)
    wide = 10.0 ** random.uniform(-2, 4, count)
    inside, outside = (ends - wide, ends + wide) if upward else (ends + wide, ends - wide)
    held, missed = bisect(lambda x: x <= ends if upward else x >= ends, inside, outside)
    np.testing.assert_array_equal(held, ends)
    np.testing.assert_array_equal(missed, np.nextafter(ends, np.inf if upward else -np.inf))


def test_halvings_can_be_counted():
    held, missed = bisect(lambda x: x <= 0.3, np.zeros(1), np.ones(1), halvings=3)
    assert (held[0], missed[0]) == (0.25, 0.375)


def test_a_batch_agrees_with_scipys():
    function, _ = shapes(7, 3)["sum of powers"]

    def of_rows(x, row):
        return np.array([function(np.full(7, at))[int(i)] for at, i in zip(x, row, strict=True)])

    low, high = np.full(7, -ENDS), np.full(7, ENDS)
    found = find_root(of_rows, (low, high), args=(np.arange(7.0),))
    np.testing.assert_allclose(rising_root(function, low, high), found.x, rtol=1e-12)
