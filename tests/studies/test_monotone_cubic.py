"""Monotone cubics against SciPy's, each alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from budget.studies.monotone_cubic import MonotoneCubics

SHAPES = ["falling", "waves", "level", "steps"]


def knots(random, count, shape):
    x = np.cumsum(random.uniform(0.1, 2, count)) - 3
    y = {
        "falling": np.exp(-x),
        "waves": random.normal(size=count),
        "level": np.full(count, 2.5),
        "steps": np.round(random.normal(size=count)),
    }[shape]
    return x, y


@given(
    st.integers(0, 2**32 - 1), st.lists(st.tuples(st.integers(2, 9), st.sampled_from(SHAPES)), min_size=1, max_size=5)
)
def test_each_curve_is_scipys(seed, wanted):
    random = np.random.default_rng(seed)
    each = [knots(random, *one) for one in wanted]
    most = max(len(x) for x, _ in each)
    x, y = np.full((len(each), most), np.nan), np.full((len(each), most), np.nan)
    places = np.empty((len(each), 40))
    for at, (mine, values) in enumerate(each):
        x[at, : len(mine)], y[at, : len(mine)] = mine, values
        places[at] = np.concatenate([np.linspace(mine[0], mine[-1], 38), mine[[0, -1]]])
    curves = MonotoneCubics.through(x, y, np.array([len(mine) for mine, _ in each]))
    expected = [PchipInterpolator(*one)(there) for one, there in zip(each, places, strict=True)]
    np.testing.assert_allclose(curves.at(places), expected, rtol=1e-11, atol=1e-12)


def test_a_knot_is_met_to_the_bit_and_known_places_need_no_search():
    x, y = np.array([[0.0, 0.3, 1.1, 2.0]]), np.array([[1 / 3, 0.2, 0.1, 0.7]])
    curves = MonotoneCubics.through(x, y)
    assert (curves.at(x) == y).all()
    places = np.array([[0.1, 0.5, 1.5]])
    np.testing.assert_array_equal(curves.at(places, np.array([[0, 1, 2]])), curves.at(places))


@pytest.mark.parametrize("sign", [1, -1])
def test_it_turns_nowhere_between_knots(sign):
    x = np.array([[0.0, 1.0, 2.0, 3.0, 4.0]])
    y = sign * np.array([[0.0, 0.01, 0.02, 5.0, 5.01]])
    along = MonotoneCubics.through(x, y).at(np.linspace(0, 4, 500)[None])
    assert (sign * np.diff(along) >= 0).all()
