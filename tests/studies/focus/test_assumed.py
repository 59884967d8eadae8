"""A generalist by published constants keeps what these constants say."""

import numpy as np
import pytest

from budget.allocation.mixture.iso_loss import iso_loss
from budget.errors import AllocationError
from budget.studies.strategies.assumed import CONSTANTS, with_assumed
from tests.made import chinchilla, power
from tests.simulate import HOFFMANN, TRUTHS, Truth
from tests.studies.focus.exact import compared, copies, strategies_of


@pytest.mark.parametrize("ratio", [2, 4])
def test_atlas_s_multipliers_keep_the_assumed_generalist_s_loss(ratio):
    """Tasks times r, size and total tokens times the published multipliers: the same loss of every task."""
    phi, psi = CONSTANTS["atlas"]
    truth = Truth(1.5, 500.0, phi / 0.243, 30.0, 0.04 / 0.272)
    size, data = iso_loss(truth.alpha, truth.beta, phi, psi, ratio)
    if ratio == 2:
        np.testing.assert_allclose([size, data], [1.183, 1.656], atol=6e-4)

    def at(count, budget):
        strategies = with_assumed(strategies_of(chinchilla(copies(truth, count))), "atlas")
        return compared(strategies, [budget]).comparisons[0].plans[1]

    few, many = at(3, 1e21), at(3 * ratio, 1e21 * size * data)
    np.testing.assert_allclose(many.predicted, few.predicted[0], rtol=1e-8)
    np.testing.assert_allclose(np.exp(many.log_inputs[0] - few.log_inputs[0]), [size, data], rtol=1e-8)


def test_the_assumed_generalist_is_the_formula_and_marked():
    alone = chinchilla(TRUTHS, draws=3)
    strategies = with_assumed(strategies_of(alone), "atlas")
    assert (
        strategies.shared[0].strategy == "generalist (assumed: atlas)" and "was not measured" in strategies.left_out[-1]
    )
    assert strategies.specialists.curves is alone
    size, tokens, count = 3e8, 2e10, len(TRUTHS)
    inputs = np.log(np.tile([size, tokens], (count, 1)))
    model, every = strategies.shared[0].curves, np.arange(count)
    expected = [
        t.E + t.A * count**0.11 / size**t.alpha + t.B * count**-0.04 / (tokens / count) ** t.beta
        for t in TRUTHS.values()
    ]
    np.testing.assert_allclose(model.distance(every, inputs), expected, rtol=1e-12)
    split = np.log(np.tile([size, tokens / count], (count, 1)))
    terms = [np.exp(alone.draws[..., at]) for at in alone.form.where("coefficient")]
    there = [
        np.exp(-alone.draws[..., exponent] * (split[:, i] - np.log(alone.reference[:, i])))
        for i, exponent in enumerate((2, 4))
    ]
    drawn = alone.draws[..., 0] + terms[0] * there[0] * count**0.11 + terms[1] * there[1] * count**-0.04
    np.testing.assert_allclose(model.distance_draws(every, inputs), drawn, rtol=1e-12)


@pytest.mark.parametrize(
    "alone", [None, chinchilla(copies(HOFFMANN, 1)), power({"a": (1.0, 9.0, 0.2), "b": (1.0, 9.0, 0.2)})]
)
def test_nothing_is_assumed_without_specialists_of_two_scales(alone):
    with pytest.raises(AllocationError, match="--assume atlas turns the specialists' curves of law chinchilla"):
        with_assumed(strategies_of(alone, chinchilla(copies(HOFFMANN, 2))), "atlas")
