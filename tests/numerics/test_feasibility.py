"""Limits that can or cannot be met, against elimination over the rationals: whatever the sizes of the numbers."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.numerics.feasibility import Bound, conflict
from tests.oracles.rational import can_be_met

SIZES = st.sampled_from([0.0, 1e-6, 0.1, 1.0, 3.0, 1e3, 1e10, 1e18, 2.5e20, 1e21])
COEFFICIENTS = st.sampled_from([-2.0, -1.0, -0.1, -1e-6, 0.0, 0.1, 0.3, 1.0, 2.0, 1e6])


@st.composite
def systems(draw):
    columns, rows = draw(st.integers(1, 3)), draw(st.integers(0, 4))
    each = st.lists(COEFFICIENTS, min_size=columns, max_size=columns)
    matrix = np.array([draw(each) for _ in range(rows)]).reshape(rows, columns)
    most = np.array([draw(SIZES) * draw(st.sampled_from([1, 1, -1])) for _ in range(rows)])
    low = np.array(draw(st.lists(SIZES, min_size=columns, max_size=columns)))
    high = np.array(draw(st.lists(st.one_of(st.just(np.inf), SIZES), min_size=columns, max_size=columns)))
    return matrix, most, low, high


def inequalities(matrix, most, low, high, bounds=None):
    """The system as the oracle reads it: all of its bounds, or some; amounts are never negative."""
    columns = len(low)
    unit = [[Fraction(int(i == j)) for j in range(columns)] for i in range(columns)]
    exact = [[Fraction(repr(float(each))) for each in part] for part in (most, low, np.where(np.isinf(high), 0, high))]
    rows = [([-each for each in line], Fraction(0)) for line in unit]
    for at, line in enumerate(matrix):
        if bounds is None or Bound("row", at) in bounds:
            rows.append(([Fraction(repr(float(each))) for each in line], exact[0][at]))
    for column in range(columns):
        if bounds is None or Bound("low", column) in bounds:
            rows.append(([-each for each in unit[column]], -exact[1][column]))
        if np.isfinite(high[column]) and (bounds is None or Bound("high", column) in bounds):
            rows.append((unit[column], exact[2][column]))
    return rows


@settings(max_examples=300, deadline=None)
@given(systems())
def test_a_conflict_is_found_exactly_where_elimination_finds_one(system):
    found = conflict(*system, rounding=Fraction(0))
    assert (not found) == can_be_met(inequalities(*system))
    if found:  # those bounds alone contradict each other, and no smaller part of them does
        assert not can_be_met(inequalities(*system, found))
        for dropped in found:
            assert can_be_met(inequalities(*system, [bound for bound in found if bound != dropped]))


@settings(max_examples=100, deadline=None)
@given(systems())
def test_rounding_only_ever_allows_more(system):
    if not conflict(*system, rounding=Fraction(0)):
        assert conflict(*system) == ()


def test_ends_that_differ_by_rounding_alone_are_met_and_others_are_not():
    one, tenths = np.ones((1, 10)), np.full(10, 0.1)
    assert conflict(one, np.array([1.0]), tenths, np.full(10, np.inf)) == ()
    assert conflict(one, np.array([tenths.sum() * (1 - 1e-13)]), tenths, np.full(10, np.inf)) == ()
    assert len(conflict(one, np.array([1 - 1e-9]), tenths, np.full(10, np.inf))) == 11


def test_many_columns_take_little_time():
    rng = np.random.default_rng(0)
    matrix = np.vstack([rng.normal(size=(4, 300)), -np.ones(300), np.ones(300)])
    most = np.array([0.0, 0.0, 0.0, 0.0, -0.5e21, 1e21])
    assert conflict(matrix, most, np.zeros(300), np.full(300, 1e21)) == ()
    most[4] = -2e21
    assert set(conflict(matrix, most, np.zeros(300), np.full(300, np.inf))) == {Bound("row", 4), Bound("row", 5)}
