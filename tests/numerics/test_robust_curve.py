"""The curve through most points is the best of all those that are tried."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.numerics.robust_curve import _least_medians, _log_ratio, robust_curve, robust_curves

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
    # beside another set, which must not be mixed up with it
    other = np.exp(random.normal(size=expected.shape))
    best, at = _least_medians(np.stack([y, y]), np.stack([expected, other]))
    for found, of_curves in zip(zip(best, at, strict=True), (expected, other), strict=True):
        medians = np.median(np.abs(_log_ratio(y, of_curves)), axis=1)
        assert found[0] == medians.min()
        assert found[1] == medians.argmin() or not np.isfinite(found[0])


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.integers(1, 30), st.integers(4, 60), st.integers(1, 2), st.integers(1, 200_000))
def test_curves_of_many_sets_are_those_of_each(seed, count, points, inputs, together):
    random = np.random.default_rng(seed)
    z = random.uniform(0, 6, (count, points, inputs)).round(random.integers(0, 4))
    y = np.exp(random.normal(scale=random.choice([0.01, 1.0]), size=(count, points)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("budget.numerics.robust_curve.MAX_TOGETHER", together)
        found = robust_curves(z, y)
    for curve, mine, values in zip(found, z, y, strict=True):
        alone = robust_curve(mine, values)
        assert (curve is None) == (alone is None)
        if curve is not None:
            for name in ("unit", "middle", "exponents", "coefficients", "scatter"):
                np.testing.assert_allclose(getattr(curve, name), getattr(alone, name), rtol=1e-9, atol=1e-12)


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
    # the scatter is that of all points about the curve, blown up for the coefficients
    seen = np.median(np.abs(curve.off(z, np.where(wild, 100 * y, y))))
    np.testing.assert_allclose(
        curve.scatter, 1.4826 * seen * (points / (points - inputs - 1)) ** 0.5, rtol=1e-9, atol=1e-12
    )
