"""Where the sequences of a task come from: seeded generators with known entropy, and text.

Every source yields sequences of `CONTEXT + 1` symbols; the model reads all but the last and predicts the next
one at each position that the source's mask marks as scored.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from budget.lab.shape import CONTEXT, SYMBOLS

_STRUCTURE, _TRAINING, _HELD_OUT = 0, 1, 2  # separate random streams of one source


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
    """

    keys: int
    exponent: float
    noise: float
    structure: int

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
        if self.noise == 0:
            return 0.0
        stray = self.noise / self.letters
        right = 1 - self.noise + stray
        return float(-right * np.log(right) - (self.letters - 1) * stray * np.log(stray))

    @cached_property
    def _cumulative(self) -> np.ndarray:
        mass = np.arange(1, self.keys + 1) ** -self.exponent
        return np.cumsum(mass) / mass.sum()

    @cached_property
    def _table(self) -> np.ndarray:
        """Key symbols and value by frequency rank, uint8, shape (keys, 4)."""
        rng = np.random.default_rng((self.structure, _STRUCTURE))
        codes = rng.permutation(self.letters ** (self.item - 1))[: self.keys]
        digits = np.stack(np.unravel_index(codes, (self.letters,) * (self.item - 1)), axis=1)
        return np.column_stack([digits, rng.integers(self.letters, size=self.keys)]).astype(np.uint8)

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
        rng = np.random.default_rng((self.structure, _TRAINING, seed))
        return self._sequences(rng.random(count * CONTEXT // self.item), rng)

    def held_out(self) -> HeldOut:
        """Items drawn one from each of equally probable strata, so that frequent keys occur as often as they should.

        The strata are drawn anew and shuffled into sequences for each replicate; the spread between the
        replicates gives the standard error.
        """
        rng = np.random.default_rng((self.structure, _HELD_OUT))
        strata = self.replicate_sequences * CONTEXT // self.item
        samples = []
        for _ in range(self.replicates):
            quantiles = (np.arange(strata) + rng.random(strata)) / strata
            samples.append(self._sequences(rng.permutation(quantiles), rng))
        return HeldOut(np.concatenate(samples), np.repeat(np.arange(self.replicates), self.replicate_sequences))


@dataclass(frozen=True)
class LogLinearMarkov:
    """A Markov chain whose log probabilities are a sum of one table per preceding symbol.

    `p(x | c_1 … c_k) ∝ x^-exponent · exp(Σ_j W_j[c_j, x])`, the entries of each `W_j` normal with deviation
    `strength`; `c_1` is the nearest symbol. Chains start in the stationary distribution; a token is scored
    once all `order` symbols before it are in view.

    Attributes:
        letters: number of symbols.
        order: k, symbols that the next one depends on.
        strength: deviation of the tables' entries.
        exponent: of the Zipf law that the symbols follow without context.
        structure: seed of the tables.
    """

    letters: int
    order: int
    strength: float
    exponent: float
    structure: int

    held_out_sequences = 8192

    @property
    def scored(self) -> np.ndarray:
        """Positions with the whole context in view."""
        return np.arange(CONTEXT) >= self.order - 1

    @cached_property
    def transition(self) -> np.ndarray:
        """`p(x | context)`, shape (letters^order, letters); a context's digits run from the oldest symbol on."""
        rng = np.random.default_rng((self.structure, _STRUCTURE))
        logits = -self.exponent * np.log(np.arange(1, self.letters + 1))
        for _ in range(self.order):
            table = self.strength * rng.standard_normal((self.letters, self.letters))
            logits = logits[..., None, :] + table  # each pass adds an axis for the next, nearer symbol
        weights = np.exp(logits.reshape(-1, self.letters))
        return weights / weights.sum(axis=1, keepdims=True)

    @cached_property
    def stationary(self) -> np.ndarray:
        """Long-run probability of each context, shape (letters^order,), by power iteration to 1e-13."""
        step = self.transition.reshape(self.letters, -1, self.letters)
        mass = np.full(self.letters**self.order, 1 / self.letters**self.order)
        change = 1.0
        while change > 1e-13:
            following = np.einsum("ac,acx->cx", mass.reshape(self.letters, -1), step).ravel()
            change, mass = float(np.abs(following - mass).sum()), following
        return mass / mass.sum()

    @cached_property
    def entropy(self) -> float:
        """Exact: the conditional entropy under the stationary distribution."""
        per_context = -np.sum(self.transition * np.log(self.transition), axis=1)
        return float(self.stationary @ per_context)

    @cached_property
    def _thresholds(self) -> np.ndarray:
        return np.cumsum(self.transition, axis=1)[:, :-1].astype(np.float32)

    def _sequences(self, count: int, rng: np.random.Generator) -> np.ndarray:
        context = np.searchsorted(np.cumsum(self.stationary), rng.random(count)).clip(max=len(self.stationary) - 1)
        rows = np.empty((count, CONTEXT + 1), np.uint8)
        rows[:, : self.order] = np.stack(np.unravel_index(context, (self.letters,) * self.order), axis=1)
        for position in range(self.order, CONTEXT + 1):
            uniform = rng.random((count, 1), dtype=np.float32)
            symbol = (self._thresholds[context] <= uniform).sum(axis=1)
            rows[:, position] = symbol
            context = (context * self.letters + symbol) % len(self.stationary)
        return rows

    def training(self, count: int, seed: int) -> np.ndarray:
        """Independent chains, made a few thousand at a time to bound memory."""
        rng = np.random.default_rng((self.structure, _TRAINING, seed))
        parts = [self._sequences(min(8192, count - start), rng) for start in range(0, count, 8192)]
        return np.concatenate(parts)

    def held_out(self) -> HeldOut:
        """Fresh independent chains, each its own cluster."""
        rng = np.random.default_rng((self.structure, _HELD_OUT))
        count = self.held_out_sequences
        return HeldOut(self._sequences(count, rng), np.arange(count))


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
        rng = np.random.default_rng((_TRAINING, seed))
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


def unigram_loss(source: Source) -> float:
    """Loss of the best constant guess on the held-out set, nats per scored token: the targets' own entropy."""
    targets = source.held_out().sequences[:, 1:][:, source.scored]
    share = np.bincount(targets.ravel(), minlength=SYMBOLS) / targets.size
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())
