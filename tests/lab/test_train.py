import numpy as np
import pytest

from budget.lab import train
from budget.lab.shape import SYMBOLS, Shape
from budget.lab.sources import HeldOut, ZipfLookup

SHAPE = Shape(8, 1)
SOURCE = ZipfLookup(keys=20, exponent=1.2, noise=0.0, structure=1)


def test_training_lowers_the_loss_and_scoring_agrees():
    weights, losses = train.train(SOURCE, SHAPE, 25_600, seed=0)
    assert losses.shape == (400,)
    assert losses[0] == pytest.approx(np.log(SYMBOLS), rel=1e-4)
    score = train.score(weights, SOURCE)
    assert score.value < 0.5 * losses[0]
    assert score.value == pytest.approx(losses[-20:].mean(), rel=0.3)
    assert 0 < score.stderr < 0.05 * score.value


def test_training_twice_gives_the_same_model():
    values = [train.score(train.train(SOURCE, SHAPE, 3200, seed=3)[0], SOURCE).value for _ in range(2)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_filled_up_steps_change_nothing(monkeypatch):
    tokens = 30 * 64  # 30 steps: one full call, and one of five steps and twenty of rate zero
    filled, losses = train.train(SOURCE, SHAPE, tokens, seed=0)
    monkeypatch.setattr(train, "STEPS_PER_CALL", 30)
    whole, _ = train.train(SOURCE, SHAPE, tokens, seed=0)
    assert losses.shape == (30,)
    for name in ("symbols", "head", "distances"):
        np.testing.assert_allclose(filled[name], whole[name], rtol=1e-4, atol=1e-5)


def test_standard_error_of_independent_sequences_is_the_usual_one():
    losses = np.random.default_rng(0).normal(2, 1, 400)
    score = train.clustered_mean(losses, HeldOut(np.zeros((400, 1)), np.arange(400)))
    assert score.value == pytest.approx(losses.mean())
    assert score.stderr == pytest.approx(losses.std(ddof=1) / 20)


def test_repeating_a_cluster_does_not_lower_the_standard_error():
    losses = np.random.default_rng(0).normal(2, 1, 100)
    once = train.clustered_mean(losses, HeldOut(np.zeros((100, 1)), np.arange(100)))
    thrice = train.clustered_mean(np.repeat(losses, 3), HeldOut(np.zeros((300, 1)), np.repeat(np.arange(100), 3)))
    assert thrice.stderr == pytest.approx(once.stderr)
