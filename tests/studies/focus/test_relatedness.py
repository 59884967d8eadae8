"""What partners' tokens are worth, on curves where it is known."""

from dataclasses import replace

import numpy as np
import pytest

from budget.studies.focus.relatedness import relatedness, tokens_worth
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
