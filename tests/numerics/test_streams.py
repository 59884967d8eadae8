"""Random numbers by name: uniform, independent of each other, and the same in any company."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from budget.numerics.streams import STREAMS, keys, uniforms

NAMES = [f"run {number}" for number in range(400)]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=9, unique=True), st.integers(-5, 2**70), st.data())
def test_numbers_of_a_name_are_the_same_in_any_company(names, seed, data):
    whole = uniforms(keys(names), seed, 0, 20, STREAMS)
    part = data.draw(st.lists(st.sampled_from(range(len(names))), max_size=5))
    first, count = data.draw(st.integers(0, 19)), data.draw(st.integers(0, STREAMS))
    found = uniforms(keys([names[at] for at in part]), seed, first, 20, count)
    np.testing.assert_array_equal(found, whole[:count, first:][:, :, part])


def test_the_sequence_is_split_mix_64():
    """The published algorithm, one number after the other in Python's own integers."""
    mask, state = 2**64 - 1, int(keys(["a"])[0]) ^ int(keys(["seed 3"])[0])

    def mixed(bits):
        bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & mask
        bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & mask
        return bits ^ bits >> 31

    state, expected = mixed(state), []
    for _ in range(STREAMS * 5):
        state = (state + 0x9E3779B97F4A7C15) & mask
        expected.append(((mixed(state) >> 12) + 0.5) / 2**52)
    np.testing.assert_array_equal(uniforms(keys(["a"]), 3, 0, 5, STREAMS)[:, :, 0].T.ravel(), expected)


@pytest.mark.parametrize("seed", [0, 1])
def test_numbers_are_uniform_and_independent(seed):
    numbers = uniforms(keys(NAMES), seed, 0, 500, 4)
    assert 0 < numbers.min() and numbers.max() < 1 and len(np.unique(numbers)) == numbers.size
    assert stats.kstest(numbers.ravel(), "uniform").pvalue > 1e-3
    # every pair of neighbouring names, draws and places: cells of a square are equally full
    for one, other in ((numbers[:, :, :-1], numbers[:, :, 1:]), (numbers[:, :-1], numbers[:, 1:]),
                       (numbers[:-1], numbers[1:]), (numbers[:, 1:, :-1], numbers[:, :-1, 1:])):  # fmt: skip
        counts, _, _ = np.histogram2d(one.ravel(), other.ravel(), bins=16, range=[(0, 1), (0, 1)])
        assert stats.chisquare(counts.ravel()).pvalue > 1e-4
    # and no name goes with another: the largest of all correlations is what chance makes of so many pairs
    correlation = np.corrcoef(numbers[0].T)[np.triu_indices(len(NAMES), 1)]
    assert np.abs(correlation).max() * np.sqrt(500) < stats.norm.isf(1e-4 / len(correlation))
    np.testing.assert_allclose(correlation.std(), 1 / np.sqrt(500), rtol=0.02)


def test_names_that_differ_by_a_bit_have_unlike_keys():
    key = keys([f"run {number}" for number in range(2000)])
    differing = np.bitwise_count(key[1:] ^ key[:-1])
    assert len(np.unique(key)) == 2000 and abs(differing.mean() - 32) < 0.5
