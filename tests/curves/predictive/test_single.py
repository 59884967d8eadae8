"""Polynomials against the library's functions in all digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from budget.curves.predictive import single

EPSILON = float(np.finfo(np.float32).eps)


def computed(function, *arrays):
    """In a compiled program, where sums of constants might be put together."""
    return np.asarray(jax.tree.map(lambda each: each.astype(jnp.float32), jax.jit(function)(*arrays)), dtype=float)


def test_exponentials_are_those_of_single_precision():
    x = np.linspace(-86.9, 87.9, 200_001).astype(np.float32)
    np.testing.assert_allclose(computed(single.exp, x), np.exp(x.astype(float)), rtol=2 * EPSILON)


@pytest.mark.parametrize("x", [-1e30, -200.0, 200.0, 1e30])
def test_an_exponential_out_of_range_is_that_at_its_end(x):
    end = single.LEAST_EXPONENT if x < 0 else single.MOST_EXPONENT
    assert computed(single.exp, np.float32(x)) == pytest.approx(np.exp(end), rel=1e-6)


def test_logarithms_are_those_of_single_precision():
    x = np.concatenate([np.geomspace(1.2e-38, 3e38, 100_001), np.linspace(0.5, 2, 100_001)]).astype(np.float32)
    np.testing.assert_allclose(computed(single.log, x), np.log(x.astype(float)), rtol=EPSILON, atol=EPSILON)


def test_whole_numbers_of_31_bits_are_normal_by_box_and_muller():
    first, second = np.random.default_rng(0).integers(0, 2**31, (2, 100_000)).astype(np.int32)
    one, other = computed(single.normals, first, second)
    radius, angle = np.sqrt(-2 * np.log((first + 0.5) / 2**31)), 2 * np.pi * second / 2**31
    for each, turn in ((one, np.cos(angle)), (other, np.sin(angle))):
        # a uniform number near one is held to 6e-8, and its logarithm is the square of the radius
        assert (np.abs(each - radius * turn) < 4e-6 + 2e-7 / radius).all()
        assert stats.kstest(each, "norm").pvalue > 0.01


def test_the_ends_of_31_bits_have_normal_numbers():
    ends = np.array([0, 2**31 - 1], np.int32)
    found = computed(single.normals, *np.meshgrid(ends, ends))
    assert np.isfinite(found).all() and np.abs(found).max() < 7
