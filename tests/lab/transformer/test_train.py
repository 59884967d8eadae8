import numpy as np
import pytest

from budget.lab.synthetic_tasks.lookup import ZipfLookup
from budget.lab.synthetic_tasks.sources import HeldOut
from budget.lab.transformer import recipe, train
from budget.lab.transformer.model import start_weights
from budget.lab.transformer.score import clustered_mean
from budget.lab.transformer.shape import CONTEXT, SYMBOLS, Shape

SHAPE = Shape(8, 1)
SOURCE = ZipfLookup(keys=20, exponent=1.2, noise=0.0, structure=1)


def _trained(tokens, seed):
    stage = recipe.stage(tokens)
    sequences, tasks = SOURCE.training(stage.sequences, seed), np.zeros(stage.sequences, int)
    scored = SOURCE.scored.astype(np.float32)[None]
    return train.train(start_weights(SHAPE, seed), SHAPE, stage, sequences, tasks, scored)


def test_training_lowers_the_loss_and_scoring_agrees():
    weights, losses = _trained(25_600, seed=0)
    assert losses.shape == (400,)
    assert losses[0] == pytest.approx(np.log(SYMBOLS), rel=1e-4)
    score = train.score(weights, SHAPE, SOURCE)
    assert score.value < 0.5 * losses[0]
    assert score.value == pytest.approx(losses[-20:].mean(), rel=0.3)
    assert 0 < score.stderr < 0.05 * score.value


def test_training_twice_gives_the_same_model():
    values = [train.score(_trained(3200, seed=3)[0], SHAPE, SOURCE).value for _ in range(2)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_weights_to_start_from_stay_as_they_are():
    start = start_weights(SHAPE, 0)
    stage = recipe.stage(640)
    sequences = SOURCE.training(stage.sequences, 0)
    for _ in range(2):
        train.train(start, SHAPE, stage, sequences, np.zeros(stage.sequences, int), np.ones((1, CONTEXT), np.float32))
    np.testing.assert_array_equal(start["symbols"], start_weights(SHAPE, 0)["symbols"])


def test_filled_up_steps_change_nothing(monkeypatch):
    tokens = 30 * 64  # 30 steps: one full call, and one of five steps and twenty of rate zero
    filled, losses = _trained(tokens, seed=0)
    monkeypatch.setattr(train, "STEPS_PER_CALL", 30)
    whole, _ = _trained(tokens, seed=0)
    assert losses.shape == (30,)
    for name in ("symbols", "head", "distances"):
        np.testing.assert_allclose(filled[name], whole[name], rtol=1e-4, atol=1e-5)


def test_standard_error_of_independent_sequences_is_the_usual_one():
    losses = np.random.default_rng(0).normal(2, 1, 400)
    score = clustered_mean(losses, HeldOut(np.zeros((400, 1)), np.arange(400)))
    assert score.value == pytest.approx(losses.mean())
    assert score.stderr == pytest.approx(losses.std(ddof=1) / 20)


def test_repeating_a_cluster_does_not_lower_the_standard_error():
    losses = np.random.default_rng(0).normal(2, 1, 100)
    once = clustered_mean(losses, HeldOut(np.zeros((100, 1)), np.arange(100)))
    thrice = clustered_mean(np.repeat(losses, 3), HeldOut(np.zeros((300, 1)), np.repeat(np.arange(100), 3)))
    assert thrice.stderr == pytest.approx(once.stderr)
