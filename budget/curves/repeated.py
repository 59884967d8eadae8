"""The law of repeated data as a convex function of log inputs, in plain NumPy: what the allocation reads of it.

Muennighoff et al. 2023 (arXiv 2305.16264): tokens beyond the unique ones, and parameters beyond what these can use,
lose value. The logarithms of effective tokens and parameters are concave in the logarithms of the real ones, so each
term ``exp(log A − alpha·log N_eff)`` is convex, and a tangent of its logarithm makes it a posynomial that lies below.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from budget.curves.laws import MOST_EXCESS
from budget.curves.posynomial import Posynomial

MOST_EPOCHS = 46.0
"""Largest logarithm of the number of epochs: beyond it nothing changes."""

FAR = 500.0
"""Log input beyond which nothing changes any more."""


@dataclass(frozen=True)
class Repeated:
    """V functions ``offset + Σ_g (A_g/N_eff^alpha_g + B_g/D_eff^beta_g)`` of log params and log tokens.

    Attributes:
        offset: (V,).
        log_a: (V, G) logarithm of A at the reference scale, likewise below.
        alpha: (V, G).
        log_b: (V, G).
        beta: (V, G).
        limit_d: (V, G) repeats that data are worth at most.
        limit_n: (V, G) excess parameters likewise.
        balance: (V, G) log inputs at which parameters and data are balanced.
        unique: (V, G) log of the unique tokens over the reference.
        reference: (V, G, 2) logs of the reference params and tokens.
        size: (V,) log params where the plan does not choose them.
    """

    offset: np.ndarray
    log_a: np.ndarray
    alpha: np.ndarray
    log_b: np.ndarray
    beta: np.ndarray
    limit_d: np.ndarray
    limit_n: np.ndarray
    balance: np.ndarray
    unique: np.ndarray
    reference: np.ndarray
    size: np.ndarray | None = None

    def __len__(self) -> int:
        """The number V of functions."""
        return len(self.offset)

    @property
    def inputs(self) -> int:
        """The number I of log inputs."""
        return 2 if self.size is None else 1

    @property
    def least(self) -> np.ndarray:
        """(V,) what no spend goes below: more repeats, and more parameters for the same data, end up worth nothing."""
        return self.value(np.full((len(self), self.inputs), FAR))

    @property
    def summed(self) -> "Repeated":
        """One function of the same inputs: the sum of all V."""
        flat = {each.name: getattr(self, each.name) for each in fields(self)}
        merged = {name: values.reshape(1, -1, *values.shape[2:]) for name, values in flat.items() if name in _TERMS}
        size = None if self.size is None else self.size[:1]
        return replace(self, offset=self.offset.sum(keepdims=True), size=size, **merged)

    def scaled(self, factor: np.ndarray, shift: np.ndarray) -> "Repeated":
        """The functions times positive factors (V,), plus shifts (V,)."""
        more = np.log(factor)[:, None]
        return replace(self, offset=factor * self.offset + shift, log_a=self.log_a + more, log_b=self.log_b + more)

    def take(self, pick: np.ndarray) -> "Repeated":
        """The functions at the positions ``pick``, repeats allowed."""
        size = None if self.size is None else self.size[pick]
        return replace(self, size=size, **{name: getattr(self, name)[pick] for name in ("offset", *_TERMS)})

    def fix_input(self, which: int, u: np.ndarray) -> "Repeated":
        """The same functions with the params (input 0) held at log values ``u`` (V,)."""
        assert which == 0, "only the size of a model can be held"
        return replace(self, size=u)

    def terms(self, u: np.ndarray) -> np.ndarray:
        """Each term's value at log inputs ``u`` (V, I): shape (V, 2·G)."""
        return np.exp(self._logs(u)[0])

    def value(self, u: np.ndarray) -> np.ndarray:
        """Each function's value at log inputs ``u`` (V, I): shape (V,)."""
        return self.offset + self.terms(u).sum(axis=1)

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Derivative of each function in its log inputs at ``u`` (V, I): shape (V, I)."""
        logs, slopes = self._logs(u)
        return np.einsum("vk,vki->vi", np.exp(logs), slopes)

    def tangent(self, u: np.ndarray) -> Posynomial:
        """A posynomial below the functions that touches them, with its slope, at log inputs ``u`` (V, I)."""
        logs, slopes = self._logs(u)
        return Posynomial(self.offset, logs - np.einsum("vki,vi->vk", slopes, u), slopes)

    def _logs(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms (V, 2·G) of the terms and their slopes (V, 2·G, I): the effective inputs of ``laws``."""
        both = u if self.size is None else np.column_stack([self.size, u])
        params = both[:, None, 0] - self.reference[:, :, 0]
        tokens = both[:, None, 1] - self.reference[:, :, 1]
        repeats = np.expm1(np.clip(tokens - self.unique, 0.0, MOST_EPOCHS))
        worth, of_tokens = _saturated(repeats, self.limit_d)
        unique = np.minimum(self.unique, tokens)
        ratio = self.beta / self.alpha
        usable = ratio * (unique + self.balance) + self.balance
        excess = np.expm1(np.clip(params - usable, 0.0, MOST_EXCESS))
        size, of_params = _saturated(excess, self.limit_n)
        of_params = np.where(params - usable < MOST_EXCESS, of_params, 0.0)
        log_a = self.log_a - self.alpha * (np.minimum(params, usable) + size)
        log_b = self.log_b - self.beta * (unique + worth)
        # more tokens let more parameters be used, as long as none is repeated
        cross = -self.alpha * (1 - of_params) * ratio * (tokens < self.unique)
        slopes = np.stack(
            [
                np.stack([-self.alpha * of_params, cross], axis=2),
                np.stack([np.zeros_like(tokens), -self.beta * of_tokens], axis=2),
            ],
            axis=2,
        ).reshape(len(u), -1, 2)
        logs = np.stack([log_a, log_b], axis=2).reshape(len(u), -1)
        return logs, slopes if self.size is None else slopes[:, :, 1:]


Values = Posynomial | Repeated
"""Functions of log inputs that a convex plan can be made for."""

_TERMS = ("log_a", "alpha", "log_b", "beta", "limit_d", "limit_n", "balance", "unique", "reference")
"""The arrays whose second axis is the term."""


def _saturated(repeats: np.ndarray, limit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``log(1 + R(1 − exp(−repeats/R)))`` and its derivative in ``log(1 + repeats)``."""
    left = np.exp(-repeats / limit)
    total = 1 - limit * np.expm1(-repeats / limit)
    return np.log(total), left * (1 + repeats) / total


def repeated_of(theta: np.ndarray, reference: np.ndarray, unique_tokens: np.ndarray) -> Repeated:
    """The curves of law ``repeat`` as functions of params and tokens.

    Args:
        theta: (T, 7) working parameters of the law.
        reference: (T, 3) params, tokens and unique tokens at which they are stated.
        unique_tokens: (T,) what each task has.
    """
    floor, log_a, alpha, log_b, beta, log_rd, log_rn = theta.T
    balance = (np.log(alpha) + log_a - np.log(beta) - log_b) / (alpha + beta)
    one = {
        "log_a": log_a,
        "alpha": alpha,
        "log_b": log_b,
        "beta": beta,
        "limit_d": np.exp(log_rd),
        "limit_n": np.exp(log_rn),
        "balance": balance,
        "unique": np.log(unique_tokens / reference[:, 2]),
    }
    return Repeated(
        offset=floor.copy(),
        reference=np.log(reference[:, None, :2]),
        **{name: values[:, None] for name, values in one.items()},
    )
