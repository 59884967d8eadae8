import numpy as np
import pytest

from budget.lab.transformer import recipe
from budget.lab.transformer.shape import CONTEXT, Shape


@pytest.mark.parametrize(
    ("tokens", "batch"),
    [(1, 1), (59_999, 1), (60_000, 2), (249_999, 2), (250_000, 4), (999_999, 4), (1e6, 8), (4e6, 16), (1e9, 16)],
)
def test_batch_grows_with_tokens(tokens, batch):
    assert recipe.batch_size(tokens) == batch


@pytest.mark.parametrize("tokens", [1, 200, 32_000, 128_000, 512_000, 2_048_000, 8_192_000, 1_234_567])
def test_trained_tokens_are_within_half_a_batch(tokens):
    stage = recipe.stage(tokens)
    batch_tokens = recipe.batch_size(tokens) * CONTEXT
    assert stage.batch * CONTEXT == batch_tokens
    assert stage.tokens % batch_tokens == 0
    assert stage.tokens == batch_tokens or abs(stage.tokens - tokens) <= batch_tokens / 2
    assert stage.flops(Shape(16, 1)) == stage.tokens * 39_936


def test_branch_goes_on_with_the_batch_of_all_that_its_model_has_seen():
    assert recipe.stage(50_000).batch == 1
    assert recipe.stage(50_000, before=1_000_000).batch == 8
    assert abs(recipe.stage(50_000, before=1_000_000).tokens - 50_000) <= 4 * CONTEXT


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


def test_trunk_keeps_its_rate_and_a_branch_falls_all_the_way():
    trunk, branch = (recipe.learning_rates(1000, decay) for decay in (recipe.TRUNK_DECAY, recipe.BRANCH_DECAY))
    assert np.all(trunk[50:] == recipe.EMBEDDING_RATE)
    assert np.all(np.diff(branch[50:]) < 0)
    assert branch[-1] < 0.002 * recipe.EMBEDDING_RATE
    np.testing.assert_array_equal(trunk[:49], branch[:49])


def test_matrices_learn_in_inverse_proportion_to_width():
    assert [recipe.matrix_factor(Shape(width, 1)) for width in (8, 16, 64)] == [2.0, 1.0, 0.25]
