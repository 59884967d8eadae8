"""Where the sequences of a task come from: what training and scoring need of it, and what its sources share.

Every source yields sequences of `CONTEXT + 1` symbols; the model reads all but the last and predicts the next
one at each position that the source's mask marks as scored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

STRUCTURE, TRAINING, HELD_OUT = 0, 1, 2
"""Separate random streams of one source."""

HELD_OUT_SEQUENCES = 8192
"""Sequences in the held-out set of a source that makes any number of them."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The sequences a task is scored on, the same for every run.

    Attributes:
        sequences: symbols, uint8, shape (S, CONTEXT + 1).
        clusters: shape (S,); sequences of one cluster are not independent, clusters are.
    """

    sequences: np.ndarray
    clusters: np.ndarray


class Source(Protocol):
    """What training and scoring need of a task."""

    @property
    def scored(self) -> np.ndarray:
        """Which positions are predicted and scored, bool, shape (CONTEXT,)."""

    @property
    def entropy(self) -> float | None:
        """Exact least loss that any model can reach, nats per scored token; None where unknown."""

    def training(self, count: int, seed: int) -> np.ndarray:
        """Training sequences, uint8, shape (count, CONTEXT + 1); the same for the same seed."""

    def held_out(self) -> HeldOut:
        """The sequences to score, which no training seed draws on."""


def fresh_held_out(sequences: Callable[[int, np.random.Generator], np.ndarray], structure: int) -> HeldOut:
    """A held-out set of independent sequences, each its own cluster, of a source that makes any number of them."""
    rng = np.random.default_rng((structure, HELD_OUT))
    return HeldOut(sequences(HELD_OUT_SEQUENCES, rng), np.arange(HELD_OUT_SEQUENCES))


def replaced_entropy(noise: float, values: int) -> float:
    """Entropy of a known value that is replaced, with probability `noise`, by a uniform one of `values`."""
    if noise == 0:
        return 0.0
    stray = noise / values
    right = 1 - noise + stray
    return float(-right * np.log(right) - (values - 1) * stray * np.log(stray))
