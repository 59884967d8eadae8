"""The curve through knots: what it goes through, what it may not pass, and that NumPy and JAX agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.curves.laws.trend import LAW
from budget.curves.predictive.knots import BEYOND, INSIDE, REACH, height, knots

COUNT = INSIDE + BEYOND


def test_knots_span_the_measured_range_and_what_lies_beyond():
    places = knots(np.array([3.0, 7.0]))
    assert places.shape == (2, COUNT)
    assert (np.diff(places) > 0).all()
    np.testing.assert_allclose(places[:, 0], [-3.0, -7.0])
    np.testing.assert_allclose(places[:, INSIDE - 1], 0.0)
    np.testing.assert_allclose(places[:, -1], REACH)


def test_runs_of_one_scale_have_knots_that_do_not_fall_together():
    assert (np.diff(knots(np.array(0.0))) > 0).all()


@pytest.mark.parametrize("slope", [-0.4, 0.0, 1.3])
def test_a_straight_line_stays_one_everywhere(slope):
    places, z = knots(np.array(5.0)), np.linspace(-9.0, 15.0, 200)
    np.testing.assert_allclose(height(places, 2.0 + slope * places, z), 2.0 + slope * z, atol=1e-12)


def test_a_falling_power_with_a_floor_is_told_to_a_ten_thousandth():
    places, z = knots(np.array(np.log(1000.0))), np.linspace(-np.log(1000.0), REACH, 500)

    def curve(z):
        return np.log(0.6 + 0.4 * np.exp(-0.3 * z))

    np.testing.assert_allclose(height(places, curve(places), z), curve(z), atol=1e-3)
    np.testing.assert_allclose(height(places, curve(places), z[z < 2]), curve(z[z < 2]), atol=3e-4)


heights = st.lists(st.floats(-50, 50), min_size=COUNT, max_size=COUNT)


@given(levels=heights, span=st.floats(0.01, 60))
def test_between_two_knots_the_curve_lies_between_their_heights(levels, span):
    places, levels = knots(np.array(span)), np.array(levels)
    z = np.linspace(places[:-1], places[1:], 21)
    found = height(places, levels, z.ravel()).reshape(z.shape)
    low, high = np.minimum(levels[:-1], levels[1:]), np.maximum(levels[:-1], levels[1:])
    assert (found >= low - 1e-9).all()
    assert (found <= high + 1e-9).all()
    np.testing.assert_allclose(height(places, levels, places), levels, atol=1e-9)


@given(levels=heights)
def test_no_knot_makes_a_step(levels):
    places, levels = knots(np.array(4.0)), np.array(levels)
    sides = [height(places, levels, places + side) for side in (-1e-9, 1e-9)]
    np.testing.assert_allclose(*sides, atol=1e-6)


def test_the_law_is_the_same_in_jax_and_broadcasts():
    random = np.random.default_rng(0)
    theta = np.concatenate([random.uniform(1, 8, (3, 1, 1)), random.normal(size=(3, 1, COUNT))], axis=2)
    z = random.uniform(-9, 12, (7, 1))
    plain = LAW.value(theta, z)
    assert plain.shape == (3, 7)
    with jax.enable_x64(True):
        np.testing.assert_allclose(np.asarray(LAW.value(jnp.asarray(theta), jnp.asarray(z), jnp)), plain, rtol=1e-12)
    for task in range(3):
        for at in range(7):
            np.testing.assert_allclose(LAW.value(theta[task, 0], z[at]), plain[task, at], rtol=1e-12)
