"""Sentences of a random grammar."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from budget.lab.synthetic_tasks.sources import STRUCTURE, TRAINING, HeldOut, fresh_held_out
from budget.lab.transformer.shape import CONTEXT


@dataclass(frozen=True)
class RandomHierarchy:
    """Sentences of a random grammar: a binary tree whose symbols each choose one of their rules (Cagnetta et al. 2024).

    Every level has its own table: each symbol owns `rules` pairs of symbols of the level below, no pair belongs to
    two symbols, and a rule is chosen uniformly. A sentence is the tree's leaves, after a mark of its start, so a
    sentence has one tree and the entropy is that of the choices.

    Attributes:
        letters: symbols of each level, v.
        rules: pairs that each symbol owns, m, at most v.
        structure: seed of the tables.
    """

    letters: int
    rules: int
    structure: int

    levels = 6  # 2**6 leaves fill the context

    @property
    def scored(self) -> np.ndarray:
        """All positions."""
        return np.ones(CONTEXT, bool)

    @property
    def entropy(self) -> float:
        """`(ln v + (T - 1) ln m) / T`: one root and one choice at each of the `T - 1` nodes above the leaves."""
        return float((np.log(self.letters) + (CONTEXT - 1) * np.log(self.rules)) / CONTEXT)

    @cached_property
    def pairs(self) -> np.ndarray:
        """The pairs that each symbol owns, shape (levels, v, m, 2)."""
        rng = np.random.default_rng((self.structure, STRUCTURE))
        codes = np.array([rng.permutation(self.letters**2) for _ in range(self.levels)])
        owned = codes[:, : self.letters * self.rules].reshape(self.levels, self.letters, self.rules)
        return np.stack(np.unravel_index(owned, (self.letters, self.letters)), axis=-1)

    def _sequences(self, count: int, rng: np.random.Generator) -> np.ndarray:
        row = rng.integers(self.letters, size=(count, 1))
        for pairs in self.pairs:
            row = pairs[row, rng.integers(self.rules, size=row.shape)].reshape(count, -1)
        return np.pad(row, ((0, 0), (1, 0)), constant_values=self.letters).astype(np.uint8)

    def training(self, count: int, seed: int) -> np.ndarray:
        """Independent sentences."""
        return self._sequences(count, np.random.default_rng((self.structure, TRAINING, seed)))

    def held_out(self) -> HeldOut:
        """Fresh independent sentences, each its own cluster."""
        return fresh_held_out(self._sequences, self.structure)
