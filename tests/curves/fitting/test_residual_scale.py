"""Scales of residuals and what a loss makes of them, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from budget.curves.fitting.loss import make_loss
from budget.curves.fitting.residual_scale import MIN_SCATTER, precision, scatter

RESIDUALS = st.lists(st.floats(-10, 10), min_size=1, max_size=14)


@given(RESIDUALS, st.integers(0, 6), st.integers(0, 3))
def test_scatter_is_the_median_of_what_a_fit_has_not_used_up(residuals, parameters, padding):
    size = sorted(abs(each) for each in residuals)
    left = size[min(parameters, len(size) - 1) :]  # one residual stays, however few rows there are
    padded = np.array([*residuals, *[99.0] * padding])
    there = np.arange(len(padded)) < len(residuals)
    expected = max(1.4826 * float(np.median(left)), MIN_SCATTER)
    assert scatter(padded, there, parameters) == pytest.approx(expected, rel=1e-12)


def test_scatter_of_many_tasks_is_that_of_each():
    random = np.random.default_rng(0)
    residual, there = random.normal(size=(4, 5, 9)), random.random((4, 5, 9)) < 0.7
    there[..., 0] = True
    used = random.integers(0, 4, (4, 5))
    each = [[scatter(residual[b, t], there[b, t], used[b, t]) for t in range(5)] for b in range(4)]
    np.testing.assert_array_equal(scatter(residual, there, used), each)


@pytest.mark.parametrize("over", [0.01, 0.5, 1.0, 3.0, 20.0])
def test_a_unit_of_likelihood_weighs_the_expected_square_over_the_expected_slope(over):
    """``E ψ² / E ψ'`` of Huber's ψ for normal residuals, by quadrature."""
    scale, delta = 0.02, 0.02 * over
    psi_square = quad(lambda x: np.clip(scale * x, -delta, delta) ** 2 * norm.pdf(x), -12, 12, points=[-over, over])[0]
    inside = quad(norm.pdf, -min(over, 12), min(over, 12))[0]
    found = precision(np.array([scale]), make_loss("huber", delta=delta))
    np.testing.assert_allclose(found, psi_square / inside, rtol=1e-7)


def test_of_least_squares_it_is_the_variance():
    np.testing.assert_allclose(precision(np.array([1e-3, 0.2]), make_loss("squares")), [1e-6, 0.04], rtol=1e-12)
