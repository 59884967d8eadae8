"""Chains whose next symbol depends on the last few: log-linear Markov chains, and sums modulo p."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from budget.lab.synthetic_tasks.sources import STRUCTURE, TRAINING, HeldOut, fresh_held_out, replaced_entropy
from budget.lab.transformer.shape import CONTEXT


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

    @property
    def scored(self) -> np.ndarray:
        """Positions with the whole context in view."""
        return np.arange(CONTEXT) >= self.order - 1

    @cached_property
    def transition(self) -> np.ndarray:
        """`p(x | context)`, shape (letters^order, letters); a context's digits run from the oldest symbol on."""
        rng = np.random.default_rng((self.structure, STRUCTURE))
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
        rng = np.random.default_rng((self.structure, TRAINING, seed))
        parts = [self._sequences(min(8192, count - start), rng) for start in range(0, count, 8192)]
        return np.concatenate(parts)

    def held_out(self) -> HeldOut:
        """Fresh independent chains, each its own cluster."""
        return fresh_held_out(self._sequences, self.structure)


@dataclass(frozen=True)
class ModularChain:
    """A chain `x_t = x_(t-1) + x_(t-2) mod p`, each term replaced with probability `noise` by a uniform one.

    Its pairs of symbols are all alike, so a model that knows some of them predicts no better than chance: learning
    shows a plateau and then a cliff.

    Attributes:
        modulus: p.
        noise: probability of a stray term.
        structure: tells its random streams from those of other tasks.
    """

    modulus: int
    noise: float
    structure: int

    @property
    def scored(self) -> np.ndarray:
        """Positions with two terms in view."""
        return np.arange(CONTEXT) >= 1

    @property
    def entropy(self) -> float:
        """That of a value which is replaced by a uniform one of p with probability `noise`."""
        return replaced_entropy(self.noise, self.modulus)

    def _sequences(self, count: int, rng: np.random.Generator) -> np.ndarray:
        rows = rng.integers(self.modulus, size=(count, CONTEXT + 1))
        ruled = rng.random(rows.shape) >= self.noise
        for position in range(2, CONTEXT + 1):
            term = (rows[:, position - 1] + rows[:, position - 2]) % self.modulus
            rows[:, position] = np.where(ruled[:, position], term, rows[:, position])
        return rows.astype(np.uint8)

    def training(self, count: int, seed: int) -> np.ndarray:
        """Independent chains."""
        return self._sequences(count, np.random.default_rng((self.structure, TRAINING, seed)))

    def held_out(self) -> HeldOut:
        """Fresh independent chains, each its own cluster."""
        return fresh_held_out(self._sequences, self.structure)
