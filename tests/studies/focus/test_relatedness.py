"""What partners' tokens are worth, on curves where it is known, and sets by their pairs."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.studies.focus.relatedness import related_by_pairs, relatedness, tokens_worth
from budget.studies.strategies.strategy_curves import SPECIALISTS, StrategyCurves
from tests.made import chinchilla, one_model, power
from tests.simulate import HOFFMANN


def served(worth, count=4):
    """Specialists and a generalist of copies of a task, whose partners' tokens count as so much (a power of K)."""
    truth = replace(HOFFMANN, B=HOFFMANN.B * count ** ((1 - worth) * HOFFMANN.beta))
    names = [f"t{number}" for number in range(count)]
    alone = chinchilla(dict.fromkeys(names, HOFFMANN))
    shared = one_model(chinchilla(dict.fromkeys(names, truth)))
    drawn = [replace(each, draws=np.repeat(each.parameters[None], 9, axis=0)) for each in (alone, shared)]
    return StrategyCurves(SPECIALISTS, drawn[0]), StrategyCurves("generalist", drawn[1])


@pytest.mark.parametrize("worth", [-0.5, 0.0, 0.4, 1.0])
@pytest.mark.parametrize("count", [2, 4, 9])
def test_partners_tokens_are_worth_what_they_are_made_to_be_whatever_the_number_of_tasks(worth, count):
    alone, shared = served(worth, count)
    np.testing.assert_allclose(tokens_worth(alone, shared), worth, atol=1e-5)


def test_tokens_are_compared_at_the_largest_size_of_both_and_amid_the_shared_models_tokens():
    """Where a model of several tasks has less capacity, too, the worth depends on the size that it is told at."""
    alone, shared = served(0.5, 3)
    small = replace(HOFFMANN, A=1.3 * HOFFMANN.A)
    curves = one_model(chinchilla(dict.fromkeys(shared.tasks, small)))
    curves = replace(curves, draws=np.repeat(curves.parameters[None], 9, axis=0))
    ends = {"params": np.full(3, 8e8), "tokens": np.full(3, 9e10)}
    curves = replace(curves, largest=curves.largest | ends, smallest=curves.smallest | {"tokens": np.full(3, 1e9)})
    more = replace(alone.curves, largest=alone.curves.largest | {"params": np.array([5e8, 8e8, 3e9])})
    own = np.sqrt(9e10 * 1e9) / 3
    expected = []
    for params in (5e8, 8e8, 8e8):
        a, b, alpha, beta = HOFFMANN.A, HOFFMANN.B, HOFFMANN.alpha, HOFFMANN.beta
        left = small.A / params**alpha + b / (3 * own) ** beta - a / params**alpha
        expected.append(np.log((b / left) ** (1 / beta) / own) / np.log(3))
    assert -1 < min(expected) and max(expected) < 1 and np.ptp(expected) > 0.05
    found = tokens_worth(replace(alone, curves=more), replace(shared, curves=curves))
    np.testing.assert_allclose(found, np.repeat([expected], 9, axis=0), atol=1e-5)


def test_a_set_is_as_related_as_its_best_strategy_says():
    (alone, low), (_, high) = served(0.1), served(0.7)
    np.testing.assert_allclose(relatedness(alone, [low, high]), 0.7, atol=1e-5)
    assert relatedness(alone, [low, high]).shape == (9,)


def test_curves_without_tokens_or_draws_tell_nothing():
    alone, shared = served(0.5)
    bare = replace(shared, curves=replace(shared.curves, draws=shared.curves.draws[:0]))
    assert tokens_worth(alone, bare) is None and relatedness(alone, [bare]) is None
    curves = power({"t0": (1.0, 9.0, 0.25), "t1": (1.0, 9.0, 0.25)})
    assert tokens_worth(StrategyCurves(SPECIALISTS, curves), StrategyCurves("g", one_model(curves))) is None


@given(order=st.permutations("abcd"), seed=st.integers(0, 100))
def test_by_pairs_a_set_is_as_related_as_its_pairs_are_on_average(order, seed):
    random = np.random.default_rng(seed)
    pairs = {frozenset(pair): random.normal(size=12) for pair in combinations("abcd", 2)}
    np.testing.assert_allclose(related_by_pairs(order, pairs), np.mean(list(pairs.values()), axis=0))
    np.testing.assert_array_equal(related_by_pairs(order[:2], pairs), pairs[frozenset(order[:2])])


def test_a_pair_that_never_met_leaves_its_set_untold():
    pairs = {frozenset("ab"): np.ones(9), frozenset("bc"): np.ones(9)}
    assert related_by_pairs("abc", pairs) is None and related_by_pairs("ab", pairs) is not None
    assert related_by_pairs("ab", {}) is None
