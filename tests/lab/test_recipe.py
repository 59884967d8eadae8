import numpy as np
import pytest

from budget.lab import recipe
from budget.lab.shape import CONTEXT, Shape


@pytest.mark.parametrize(
    ("tokens", "batch"),
    [(1, 1), (59_999, 1), (60_000, 2), (249_999, 2), (250_000, 4), (999_999, 4), (1e6, 8), (4e6, 16), (1e9, 16)],
)
def test_batch_grows_with_tokens(tokens, batch):
    assert recipe.batch_size(tokens) == batch


@pytest.mark.parametrize("tokens", [1, 200, 32_000, 128_000, 512_000, 2_048_000, 8_192_000, 1_234_567])
def test_trained_tokens_are_within_half_a_batch(tokens):
    batch_tokens = recipe.batch_size(tokens) * CONTEXT
    trained = recipe.trained_tokens(tokens)
    assert trained % batch_tokens == 0
    assert trained == batch_tokens or abs(trained - tokens) <= batch_tokens / 2
    assert recipe.training_flops(Shape(16, 1), tokens) == trained * 39_936


@pytest.mark.parametrize("steps", [1, 7, 100, 4000])
def test_rates_rise_stay_and_fall(steps):
    rates = recipe.learning_rates(steps)
    assert rates.shape == (steps,)
    assert np.all(rates > 0)
    assert np.all(rates <= recipe.EMBEDDING_RATE)
    if steps >= 100:
        top = np.flatnonzero(rates == recipe.EMBEDDING_RATE)
        assert np.all(np.diff(rates[: top[0] + 1]) > 0)
        assert np.all(np.diff(rates[top[-1] :]) < 0)
        assert (top[0] + 1) / steps == pytest.approx(recipe.WARMUP_SHARE)
        assert (steps - top[-1]) / steps == pytest.approx(recipe.DECAY_SHARE)
        assert rates[-1] == pytest.approx(recipe.EMBEDDING_RATE / (recipe.DECAY_SHARE * steps))


def test_matrices_learn_in_inverse_proportion_to_width():
    assert [recipe.matrix_factor(Shape(width, 1)) for width in (8, 16, 64)] == [2.0, 1.0, 0.25]
