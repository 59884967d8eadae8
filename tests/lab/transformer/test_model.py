import jax
import jax.numpy as jnp
import numpy as np
import pytest

from budget.lab.transformer import model
from budget.lab.transformer.model import predict, sequence_losses, start_weights
from budget.lab.transformer.shape import CONTEXT, SYMBOLS, Shape

SHAPE = Shape(16, 2)
ROUTED = [Shape(16, 2, 4, 1), Shape(16, 1, 4, 2), Shape(16, 1, 3, 3)]


ONE = np.zeros(3, int)  # three sequences of the only task


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
    (first, _), (second, _) = predict(_weights(), inputs), predict(_weights(), changed)
    assert first.shape == (3, CONTEXT, SYMBOLS)
    np.testing.assert_allclose(first[:, :40], second[:, :40], atol=1e-5)
    assert np.abs(np.asarray(first[:, 40] - second[:, 40])).max() > 0.1


def test_prediction_depends_on_order():
    inputs = _sequences(0)[:, :-1].astype(int)
    swapped = inputs.copy()
    swapped[:, [58, 61]] = inputs[:, [61, 58]]
    last = [np.asarray(predict(_weights(), symbols)[0])[:, -1] for symbols in (inputs, swapped)]
    assert np.abs(last[0] - last[1]).max() > 0.1


def test_untrained_loss_is_that_of_a_uniform_guess():
    losses, _ = sequence_losses(start_weights(SHAPE, 0), _sequences(1), jnp.ones((1, CONTEXT)), ONE)
    np.testing.assert_allclose(losses, np.log(SYMBOLS), rtol=1e-5)


def test_loss_is_the_mean_over_scored_positions():
    sequences, scored = _sequences(1), np.zeros(CONTEXT, np.float32)
    scored[[3, 50]] = 1
    odds = np.asarray(predict(_weights(), sequences[:, :-1].astype(int))[0], np.float64)
    shares = odds - np.log(np.exp(odds).sum(-1, keepdims=True))
    expected = [-(shares[row, 3, sequences[row, 4]] + shares[row, 50, sequences[row, 51]]) / 2 for row in range(3)]
    np.testing.assert_allclose(sequence_losses(_weights(), sequences, scored[None], ONE)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_weights_depend_on_the_seed_alone(seed):
    first, again = start_weights(SHAPE, seed), start_weights(SHAPE, seed)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, first, again))
    assert not jnp.array_equal(first["symbols"], start_weights(SHAPE, seed + 1)["symbols"])


def _dense(weights, inputs, active):
    """The same model with every expert computed for every token."""
    stream = np.asarray(weights["symbols"], np.float64)[inputs]
    uneven = []
    for layer, block in enumerate(weights["blocks"]):
        stream = stream + np.asarray(
            model._attention(block, model._normalise(jnp.asarray(stream, jnp.float32)), weights["distances"][layer])
        )
        tokens = np.asarray(model._normalise(jnp.asarray(stream, jnp.float32)), np.float64).reshape(-1, SHAPE.width)
        odds = np.exp(tokens @ np.asarray(block["router"], np.float64))
        shares = odds / odds.sum(axis=1, keepdims=True)
        chosen = np.argsort(-shares, axis=1)[:, :active]
        outs = [np.maximum(tokens @ up, 0) @ down for up, down in zip(block["up"], block["down"], strict=True)]
        mixed = sum(
            np.where((chosen == expert).any(axis=1), shares[:, expert], 0)[:, None] * out
            for expert, out in enumerate(outs)
        )
        load = np.bincount(chosen.ravel(), minlength=len(outs)) / chosen.size
        uneven.append(len(outs) * (load * shares.mean(axis=0)).sum())
        stream = stream + mixed.reshape(stream.shape)
    return np.asarray(model._normalise(jnp.asarray(stream, jnp.float32)) @ weights["head"]), np.mean(uneven)


@pytest.mark.parametrize("shape", ROUTED, ids=str)
@pytest.mark.parametrize("batch", [1, 3])
def test_routed_tokens_are_those_of_a_model_that_computes_every_expert(shape, batch):
    weights = start_weights(shape, 0)
    weights["head"] = jax.random.normal(jax.random.key(1), weights["head"].shape)
    inputs = _sequences(2, batch)[:, :-1].astype(int)
    odds, unevenness = predict(weights, inputs, active=shape.active)
    expected, loads = _dense(weights, inputs, shape.active)
    np.testing.assert_allclose(odds, expected, atol=2e-4)
    assert unevenness == pytest.approx(loads, rel=1e-5)


def test_no_token_is_dropped_when_all_choose_one_expert():
    shape = Shape(16, 1, 4, 1)
    weights = start_weights(shape, 0)
    weights["head"] = jax.random.normal(jax.random.key(1), weights["head"].shape)
    inputs = np.zeros((2, CONTEXT), int)  # one symbol everywhere: every token meets the same expert
    odds, unevenness = predict(weights, inputs)
    np.testing.assert_allclose(odds, _dense(weights, inputs, 1)[0], atol=2e-4)
    assert unevenness > 1


def test_routing_has_gradients_that_agree_with_finite_differences():
    shape = Shape(8, 1, 3, 2)
    with jax.enable_x64(True):
        weights = jax.tree.map(lambda part: part.astype(jnp.float64), start_weights(shape, 0))
        weights["head"] = 0.3 * jax.random.normal(jax.random.key(1), weights["head"].shape, jnp.float64)
        sequences, scored, tasks = _sequences(3, 2), jnp.ones((1, CONTEXT)), np.zeros(2, int)

        def loss(change, part):
            block = {**weights["blocks"][0], part: weights["blocks"][0][part] + change}
            return sequence_losses({**weights, "blocks": [block]}, sequences, scored, tasks, shape.active)[0].mean()

        for part in ("up", "down", "router"):
            size = weights["blocks"][0][part].shape
            direction = jax.random.normal(jax.random.key(5), size, jnp.float64)
            slope = (jax.grad(loss)(jnp.zeros(size), part) * direction).sum()
            difference = (loss(1e-7 * direction, part) - loss(-1e-7 * direction, part)) / 2e-7
            assert float(slope) == pytest.approx(float(difference), rel=1e-5)


def test_task_token_tells_the_tasks_apart():
    weights = start_weights(SHAPE, 0, several_tasks=True)
    weights["head"] = jax.random.normal(jax.random.key(1), weights["head"].shape)
    inputs = _sequences(0)[:, :-1].astype(int)
    first, other = (predict(weights, inputs, np.full(3, task))[0] for task in (0, 1))
    assert np.abs(np.asarray(first - other)).max() > 0.1
    alone = start_weights(SHAPE, 0)
    for name in ("symbols", "distances", "blocks"):
        assert jax.tree.all(jax.tree.map(jnp.array_equal, weights[name], alone[name]))
