"""Curves with another fall: still sums of falling powers, and what is to stay the same does."""

import numpy as np
import pytest

from budget.curves.laws.table import LAWS
from budget.curves.steady import ASIDE, best_place, falls, steadied

ONE, TWO = LAWS["power"], LAWS["chinchilla"]


def drawn(law, count=200, seed=0):
    """Working parameters of so many curves, tilts, and a least value below each of them."""
    random = np.random.default_rng(seed)
    theta = np.empty((count, len(law.parameters)))
    theta[:, 0] = random.uniform(0, 2, count)
    for position in law.where("coefficient"):
        theta[:, position] = random.uniform(-3, 1, count)
        theta[:, law.parameters[position].exponent] = random.uniform(0.05, 1.2, count)
    return theta, random.uniform(-1.5, 1.5, (count, 2)), random.uniform(0, 1, count) * theta[:, 0]


def along(law, theta, s, start=0.0):
    """Values (V, S) from a start (V, I) on, in each curve's best direction."""
    at = [law.parameters[position].exponent for position in law.where("coefficient")]
    inverse = 1 / theta[:, at]
    direction = inverse / inverse.sum(axis=1, keepdims=True)
    return law.value(
        theta[:, None], np.expand_dims(np.broadcast_to(start, inverse.shape), 1) + s[:, None] * direction[:, None]
    )


@pytest.mark.parametrize("law", [ONE, TWO])
def test_no_tilt_changes_nothing(law):
    theta, _, least = drawn(law)
    np.testing.assert_array_equal(steadied(law, theta, np.zeros((len(theta), 2)), least), theta)


@pytest.mark.parametrize("law", [ONE, TWO])
def test_falls_are_those_of_the_curve_in_its_best_direction(law):
    theta, _, _ = drawn(law)
    log_fall, exponent = falls(law, theta)
    s = np.linspace(-1, 4, 501)
    slope = -np.gradient(along(law, theta, s), s, axis=1)
    np.testing.assert_allclose(slope[:, 1:-1], np.exp(log_fall[:, None] - exponent[:, None] * s)[:, 1:-1], rtol=1e-3)


def test_no_sizes_are_better_than_those_from_the_best_place_on():
    theta, _, _ = drawn(TWO)
    start = best_place(TWO, theta)
    np.testing.assert_allclose(start.sum(axis=1), 0, atol=1e-9)
    assert (np.abs(start) <= ASIDE + 1e-12).all()
    inside = np.abs(start).max(axis=1) < ASIDE - 1e-9
    assert inside.mean() > 0.2
    best = along(TWO, theta, np.array([3.0]), start)[:, 0]
    for n in np.linspace(-8, 8, 81):
        other = TWO.value(theta, np.broadcast_to([n, 3 - n], (len(theta), 2)))
        assert (other >= best - 1e-12)[inside].all()


@pytest.mark.parametrize("law", [ONE, TWO])
def test_a_tilt_is_a_factor_of_fall_and_exponent_and_leaves_the_value_at_the_reference(law):
    theta, tilt, least = drawn(law)
    found = steadied(law, theta, tilt, least)
    exponent, new_exponent = (falls(law, each)[1] for each in (theta, found))
    start = best_place(law, theta)
    np.testing.assert_allclose(law.value(found, start), law.value(theta, start), rtol=1e-12)
    # where neither an end of an exponent's range nor the least value is in the way
    free = (law.floor(found) > least * (1 + 1e-9)) & (np.abs(new_exponent / exponent - np.exp(tilt[:, 1])) < 1e-9)
    assert free.mean() > 0.3
    ends = np.array([-1e-4, 1e-4])
    before, after = (np.diff(along(law, each, ends, start), axis=1)[:, 0] for each in (theta, found))
    np.testing.assert_allclose(np.log(after / before)[free], tilt[free, 0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("law", [ONE, TWO])
def test_curves_stay_falling_convex_and_above_the_least_value(law):
    theta, tilt, least = drawn(law)
    found = steadied(law, theta, 3 * tilt, least)
    assert np.isfinite(found).all()
    assert (law.floor(found) >= least - 1e-12).all()
    exponents = found[:, [law.parameters[position].exponent for position in law.where("coefficient")]]
    assert (exponents > 0).all()
    s = np.linspace(-3, 12, 301)
    value = along(law, found, s)
    assert (np.diff(value, axis=1) <= 1e-12).all()
    assert (np.diff(value, 2, axis=1) >= -1e-12).all()


def test_the_same_tilt_keeps_scenarios_in_their_order():
    theta, _, _ = drawn(ONE, count=60)
    theta[:, [0, 2]] = 0.0, 0.3  # draws that differ in how much there is to gain
    found = steadied(ONE, theta, np.array([0.4, -0.2]), np.zeros(60))
    before, after = (ONE.value(each, np.full((60, 1), 2.0)) for each in (theta, found))
    np.testing.assert_array_equal(np.argsort(before), np.argsort(after))


def test_a_curve_without_room_above_the_least_value_stays():
    theta = np.array([[1.0, -3.0, 0.3]])
    np.testing.assert_array_equal(steadied(ONE, theta, np.array([[0.5, 0.5]]), np.array([1.2])), theta)
