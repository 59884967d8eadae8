"""Real text, of which every fourth block is held out."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from budget.lab.synthetic_tasks.sources import TRAINING, HeldOut
from budget.lab.transformer.shape import CONTEXT


@dataclass(frozen=True, eq=False)
class Text:
    """Characters of a text, cut into blocks of which every fourth is held out.

    Attributes:
        symbols: the text as symbols below `SYMBOLS`, uint8, shape (characters,).
    """

    symbols: np.ndarray

    block, period, most_scored = 2048, 4, 8192
    entropy = None

    @property
    def scored(self) -> np.ndarray:
        """All positions."""
        return np.ones(CONTEXT, bool)

    @cached_property
    def _blocks(self) -> np.ndarray:
        groups = len(self.symbols) // (self.block * self.period)
        return self.symbols[: groups * self.block * self.period].reshape(groups, self.period * self.block)

    @property
    def training_runs(self) -> np.ndarray:
        """The unbroken stretches of training text, shape (groups, 3 blocks)."""
        return self._blocks[:, : (self.period - 1) * self.block]

    @property
    def held_out_blocks(self) -> np.ndarray:
        """The held-out text, shape (groups, 1 block)."""
        return self._blocks[:, (self.period - 1) * self.block :]

    def training(self, count: int, seed: int) -> np.ndarray:
        """Windows without repetition until the text is used up, then again from another offset."""
        rng = np.random.default_rng((TRAINING, seed))
        parts, missing = [], count
        while missing > 0:
            windows = _windows(self.training_runs, int(rng.integers(CONTEXT)))
            parts.append(windows[rng.permutation(len(windows))[:missing]])
            missing -= len(parts[-1])
        return np.concatenate(parts)

    def held_out(self) -> HeldOut:
        """All windows of the held-out blocks, thinned evenly to `most_scored`; a block is a cluster."""
        windows = _windows(self.held_out_blocks, 0)
        clusters = np.repeat(np.arange(len(self.held_out_blocks)), len(windows) // len(self.held_out_blocks))
        chosen = np.linspace(0, len(windows) - 1, min(self.most_scored, len(windows))).round().astype(int)
        return HeldOut(windows[chosen], clusters[chosen])


def _windows(rows: np.ndarray, offset: int) -> np.ndarray:
    """Windows of CONTEXT + 1 symbols within each row; each symbol is a target at most once."""
    per_row = (rows.shape[1] - offset - 1) // CONTEXT
    starts = offset + CONTEXT * np.arange(per_row)
    return rows[:, starts[:, None] + np.arange(CONTEXT + 1)].reshape(-1, CONTEXT + 1)
