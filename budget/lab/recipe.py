"""How a run is trained: every rule that turns a size and a token count into batch, steps and rates. Loads no JAX.

The rules were tuned on such tasks at widths 16 to 64. Short runs need many small steps: a batch four times too large
costs a short run 2 to 8 % of its loss and a long one little, which bends the low end of the curve.
"""

import numpy as np

from budget.lab.shape import CONTEXT, Shape

EMBEDDING_RATE = 0.02
"""Peak learning rate of the embedding and of the attention distances, at every width."""

REFERENCE_WIDTH = 16
"""Width at which matrices learn at `EMBEDDING_RATE`; wider ones learn in inverse proportion."""

WARMUP_SHARE, WARMUP_LEAST = 0.05, 5
"""Share of the steps, and least number of steps, over which the rate rises linearly from zero."""

DECAY_SHARE = 0.4
"""Share of the steps, at the end, over which the rate falls linearly to zero."""

FIRST_MOMENT, SECOND_MOMENT = 0.9, 0.98
"""Adam's decay rates."""

GRADIENT_NORM = 1.0
"""Gradients of a larger global norm are scaled down to it."""

_BATCHES = ((60_000, 1), (250_000, 2), (1_000_000, 4), (4_000_000, 8))
_LARGEST_BATCH = 16


def batch_size(tokens: int) -> int:
    """Sequences per step, doubling with every fourfold of tokens: 1 below 6e4, 2 below 2.5e5, … 16 from 4e6 on."""
    return next((batch for below, batch in _BATCHES if tokens < below), _LARGEST_BATCH)


def step_count(tokens: int) -> int:
    """Steps of a run over `tokens` tokens, rounded to whole batches; at least one."""
    return max(1, round(tokens / (batch_size(tokens) * CONTEXT)))


def trained_tokens(tokens: int) -> int:
    """Input positions that a run asked for `tokens` tokens really processes, scored or not."""
    return step_count(tokens) * batch_size(tokens) * CONTEXT


def training_flops(shape: Shape, tokens: int) -> float:
    """FLOPs of the whole run, by `Shape.flops_per_token`; scoring the held-out set is not part of it."""
    return float(shape.flops_per_token) * trained_tokens(tokens)


def learning_rates(steps: int) -> np.ndarray:
    """The embeddings' rate at each step: linear warm-up, constant, linear decay to almost zero.

    Args:
        steps: number of steps.

    Returns:
        Rates, shape (steps,), positive.
    """
    step = np.arange(steps)
    warmup = max(WARMUP_LEAST, WARMUP_SHARE * steps)
    decay = max(1.0, DECAY_SHARE * steps)
    return EMBEDDING_RATE * np.minimum(1.0, np.minimum((step + 1) / warmup, (steps - step) / decay))


def matrix_factor(shape: Shape) -> float:
    """What the rate of every matrix, the head among them, is multiplied by: `16 / d`."""
    return REFERENCE_WIDTH / shape.width
