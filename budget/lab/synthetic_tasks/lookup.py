"""Tables to remember: keys with Zipf frequencies, each with one value."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from budget.lab.synthetic_tasks.sources import HELD_OUT, STRUCTURE, TRAINING, HeldOut, replaced_entropy
from budget.lab.transformer.shape import CONTEXT


@dataclass(frozen=True)
class ZipfLookup:
    """Key-value pairs to remember, the r-th most frequent key having probability proportional to `r^-exponent`.

    A sequence is a row of items `k1 k2 k3 v`; only the value is scored. Each key owns one value, drawn
    uniformly. With `noise` q the value shown is replaced, with probability q, by one drawn uniformly from all
    of them.

    Attributes:
        keys: number of keys, at most `64³`.
        exponent: of the Zipf law; nearer to 1 means more mass in rare keys, so a harder task.
        noise: probability q.
        structure: seed of the key-value table.
        variant: 0 for the table itself; the others share its keys and all values but the redrawn ones.
        redrawn: share of a variant's values that are drawn anew, each key by itself.
    """

    keys: int
    exponent: float
    noise: float
    structure: int
    variant: int = 0
    redrawn: float = 0.0

    letters = 64
    """Distinct symbols in each key position, and distinct values."""
    item = 4
    replicates, replicate_sequences = 32, 256
    """The held-out set: independent stratified samples, and sequences in each."""

    @property
    def scored(self) -> np.ndarray:
        """The positions before each value."""
        return np.arange(CONTEXT) % self.item == self.item - 2

    @property
    def entropy(self) -> float:
        """`-p ln p - (V-1) s ln s` with `s = q/V` and `p = 1 - q + s`; zero without noise."""
        return replaced_entropy(self.noise, self.letters)

    @cached_property
    def _cumulative(self) -> np.ndarray:
        mass = np.arange(1, self.keys + 1) ** -self.exponent
        return np.cumsum(mass) / mass.sum()

    @cached_property
    def _table(self) -> np.ndarray:
        """Key symbols and value by frequency rank, uint8, shape (keys, 4)."""
        rng = np.random.default_rng((self.structure, STRUCTURE))
        codes = rng.permutation(self.letters ** (self.item - 1))[: self.keys]
        digits = np.stack(np.unravel_index(codes, (self.letters,) * (self.item - 1)), axis=1)
        values = rng.integers(self.letters, size=self.keys)
        own = self._random(STRUCTURE)
        anew = own.random(self.keys) < self.redrawn
        return np.column_stack([digits, np.where(anew, own.integers(self.letters, size=self.keys), values)]).astype(
            np.uint8
        )

    def _random(self, *stream: int) -> np.random.Generator:
        """Random numbers of a stream, other ones for each variant."""
        return np.random.default_rng((self.structure, *stream, *((self.variant,) if self.variant else ())))

    def _sequences(self, uniform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Sequences whose items sit at the given quantiles of the key distribution."""
        ranks = np.searchsorted(self._cumulative, uniform, side="right").clip(max=self.keys - 1)
        items = self._table[ranks]
        stray = rng.random(len(items)) < self.noise
        items[stray, -1] = rng.integers(self.letters, size=int(stray.sum()))
        rows = items.reshape(-1, CONTEXT)
        return np.pad(rows, ((0, 0), (0, 1)))  # the last target is never scored

    def training(self, count: int, seed: int) -> np.ndarray:
        """Items drawn independently."""
        rng = self._random(TRAINING, seed)
        return self._sequences(rng.random(count * CONTEXT // self.item), rng)

    def held_out(self) -> HeldOut:
        """Items drawn one from each of equally probable strata, so that frequent keys occur as often as they should.

        The strata are drawn anew and shuffled into sequences for each replicate; the spread between the
        replicates gives the standard error.
        """
        rng = self._random(HELD_OUT)
        strata = self.replicate_sequences * CONTEXT // self.item
        samples = []
        for _ in range(self.replicates):
            quantiles = (np.arange(strata) + rng.random(strata)) / strata
            samples.append(self._sequences(rng.permutation(quantiles), rng))
        return HeldOut(np.concatenate(samples), np.repeat(np.arange(self.replicates), self.replicate_sequences))
