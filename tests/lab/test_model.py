import jax
import jax.numpy as jnp
import numpy as np
import pytest

from budget.lab.model import predict, sequence_losses, start_weights
from budget.lab.shape import CONTEXT, SYMBOLS, Shape

SHAPE = Shape(16, 2)


def _weights():
    """Starting weights with a head that says something."""
    weights = start_weights(SHAPE, 0)
    weights["head"] = jax.random.normal(jax.random.key(1), weights["head"].shape)
    return weights


def _sequences(seed, count=3):
    return np.random.default_rng(seed).integers(0, SYMBOLS, (count, CONTEXT + 1)).astype(np.uint8)


def test_prediction_sees_no_later_symbol():
    inputs = _sequences(0)[:, :-1].astype(int)
    changed = inputs.copy()
    changed[:, 40:] = (changed[:, 40:] + 1) % SYMBOLS
    first, second = predict(_weights(), inputs), predict(_weights(), changed)
    assert first.shape == (3, CONTEXT, SYMBOLS)
    np.testing.assert_allclose(first[:, :40], second[:, :40], atol=1e-5)
    assert np.abs(np.asarray(first[:, 40] - second[:, 40])).max() > 0.1


def test_prediction_depends_on_order():
    inputs = _sequences(0)[:, :-1].astype(int)
    swapped = inputs.copy()
    swapped[:, [58, 61]] = inputs[:, [61, 58]]
    last = [np.asarray(predict(_weights(), symbols))[:, -1] for symbols in (inputs, swapped)]
    assert np.abs(last[0] - last[1]).max() > 0.1


def test_untrained_loss_is_that_of_a_uniform_guess():
    losses = sequence_losses(start_weights(SHAPE, 0), _sequences(1), jnp.ones(CONTEXT))
    np.testing.assert_allclose(losses, np.log(SYMBOLS), rtol=1e-5)


def test_loss_is_the_mean_over_scored_positions():
    sequences, scored = _sequences(1), np.zeros(CONTEXT, np.float32)
    scored[[3, 50]] = 1
    odds = np.asarray(predict(_weights(), sequences[:, :-1].astype(int)), np.float64)
    shares = odds - np.log(np.exp(odds).sum(-1, keepdims=True))
    expected = [-(shares[row, 3, sequences[row, 4]] + shares[row, 50, sequences[row, 51]]) / 2 for row in range(3)]
    np.testing.assert_allclose(sequence_losses(_weights(), sequences, scored), expected, rtol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_weights_depend_on_the_seed_alone(seed):
    first, again = start_weights(SHAPE, seed), start_weights(SHAPE, seed)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, first, again))
    assert not jnp.array_equal(first["symbols"], start_weights(SHAPE, seed + 1)["symbols"])
