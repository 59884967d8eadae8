"""How a run is trained: every rule that turns a size and a token count into batch, steps and rates. Loads no JAX.

The rules were tuned on such tasks at widths 16 to 64. Short runs need many small steps: a batch four times too large
costs a short run 2 to 8 % of its loss and a long one little, which bends the low end of the curve.
"""

from dataclasses import dataclass

import numpy as np

from budget.lab.transformer.shape import CONTEXT, Shape

EMBEDDING_RATE = 0.02
"""Peak learning rate of the embedding and of the attention distances, at every width."""

REFERENCE_WIDTH = 16
"""Width at which matrices learn at `EMBEDDING_RATE`; wider ones learn in inverse proportion."""

WARMUP_SHARE, WARMUP_LEAST = 0.05, 5
"""Share of the steps, and least number of steps, over which the rate rises linearly from zero."""

DECAY_SHARE, TRUNK_DECAY, BRANCH_DECAY = 0.4, 0.0, 0.95
"""Share of the steps, at the end, over which the rate falls linearly to zero: of a whole training; of a trunk, which
its branches go on from; of a branch."""

FIRST_MOMENT, SECOND_MOMENT = 0.9, 0.98
"""Adam's decay rates."""

GRADIENT_NORM = 1.0
"""Gradients of a larger global norm are scaled down to it."""

_BATCHES = ((60_000, 1), (250_000, 2), (1_000_000, 4), (4_000_000, 8))
_LARGEST_BATCH = 16


def batch_size(tokens: int) -> int:
    """Sequences per step, doubling with every fourfold of tokens: 1 below 6e4, 2 below 2.5e5, … 16 from 4e6 on."""
    return next((batch for below, batch in _BATCHES if tokens < below), _LARGEST_BATCH)


@dataclass(frozen=True)
class Stage:
    """A stretch of training under one schedule.

    Attributes:
        batch: sequences per step.
        steps: number of steps, at least one.
        decay: share of the steps, at the end, over which the rate falls.
    """

    batch: int
    steps: int
    decay: float = DECAY_SHARE

    @property
    def sequences(self) -> int:
        """Sequences trained on."""
        return self.batch * self.steps

    @property
    def tokens(self) -> int:
        """Input positions trained on, scored or not."""
        return self.sequences * CONTEXT

    def flops(self, shape: Shape) -> float:
        """Training FLOPs, by `Shape.flops_per_token`."""
        return self.tokens * shape.flops_per_token(self.batch)


def stage(tokens: int, before: int = 0, decay: float = DECAY_SHARE) -> Stage:
    """The stage that trains on `tokens` tokens, rounded to whole batches.

    Args:
        tokens: input positions of this stage.
        before: input positions that the model has been trained on before it; the batch follows from both together.
        decay: share of the steps, at the end, over which the rate falls.
    """
    batch = batch_size(before + tokens)
    return Stage(batch, max(1, round(tokens / (batch * CONTEXT))), decay)


def learning_rates(steps: int, decay: float = DECAY_SHARE) -> np.ndarray:
    """The embeddings' rate at each step: linear warm-up, constant, linear decay to almost zero.

    Args:
        steps: number of steps.
        decay: share of the steps over which it falls.

    Returns:
        Rates, shape (steps,), positive.
    """
    step = np.arange(steps)
    warmup = max(WARMUP_LEAST, WARMUP_SHARE * steps)
    falling = (steps - step) / max(1.0, decay * steps)
    return EMBEDDING_RATE * np.minimum(1.0, np.minimum((step + 1) / warmup, falling))


def matrix_factor(shape: Shape) -> float:
    """What the rate of every matrix, the head among them, is multiplied by: `16 / d`."""
    return REFERENCE_WIDTH / shape.width
