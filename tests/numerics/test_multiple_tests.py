"""Holm's correction against the closed test of every set of hypotheses, of which it is the short form."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.numerics.multiple_tests import holm


def by_closed_testing(p: np.ndarray) -> np.ndarray:
    """A hypothesis is rejected where every set that holds it is, by Bonferroni (Marcus, Peritz & Gabriel 1976)."""
    every = range(len(p))
    sets = [each for size in range(1, len(p) + 1) for each in combinations(every, size)]
    return np.array([min(1.0, max(len(s) * p[list(s)].min() for s in sets if i in s)) for i in every])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_it_is_the_closed_test(p):
    np.testing.assert_allclose(holm(np.array(p)), by_closed_testing(np.array(p)), rtol=1e-12)


def test_what_is_no_p_value_does_not_count():
    p = np.array([[0.01, np.nan], [0.04, 0.03]])
    found = holm(p)
    assert np.isnan(found[0, 1])
    np.testing.assert_allclose(found[~np.isnan(p)], holm(np.array([0.01, 0.04, 0.03])))
    assert holm(np.array([])).shape == (0,)
