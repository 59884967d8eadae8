"""The curve through most points is the best of all those that are tried."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.numerics.robust_curve import _least_median, _log_ratio, robust_curve

SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(SEEDS, st.integers(5, 60), st.integers(1, 120), st.sampled_from([0, 0.01, 1]), st.floats(0, 1), st.booleans())
def test_the_least_median_is_that_of_all_curves(seed, points, curves, noise, negative, repeated):
    random = np.random.default_rng(seed)
    y = np.exp(random.normal(size=points))
    expected = y * np.exp(noise * random.normal(size=(curves, 1)) * random.normal(size=(curves, points)))
    expected[random.random((curves, points)) < negative * random.random((curves, 1))] *= -1
    if repeated:  # several curves with the same median: the first counts
        expected = expected[random.integers(0, curves, curves)]
    best, at = _least_median(y, expected)
    medians = np.median(np.abs(_log_ratio(y, expected)), axis=1)
    assert (best, at) == (medians.min(), medians.argmin())


@settings(deadline=None)
@given(SEEDS, st.integers(12, 80), st.integers(1, 2))
def test_a_fifth_of_wild_values_does_not_move_the_curve(seed, points, inputs):
    random = np.random.default_rng(seed)
    z = random.uniform(0, 6, (points, inputs))
    y = 1 + np.exp(-0.3 * z).sum(axis=1)
    wild = random.permutation(points) < points // 5
    curve = robust_curve(z, np.where(wild, 100 * y, y))
    assert curve is not None
    off = curve.off(z, y)
    assert np.median(np.abs(off[~wild])) < 0.02
