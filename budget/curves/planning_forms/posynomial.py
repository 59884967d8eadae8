"""Posynomials in plain NumPy: sums of falling powers as convex functions of log inputs, and every cost."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Posynomial:
    """T functions ``offset + Σ_k exp(log_coef_k + Σ_i exponent_ki · u_i)`` of I log inputs ``u``.

    Convex in ``u`` whatever the exponents' signs (a sum of exponentials of linear functions).

    Attributes:
        offset: (T,), the value when every term has vanished.
        log_coef: (T, K), the terms' logarithms at ``u = 0``.
        exponent: (T, K, I).
        domain: (T, I) the least log inputs that are asked for, ``None`` where there is no least; of costs only.
        ceiling: (T, I) the greatest ones, ``None`` where there is none, infinite where an input has none; likewise.
    """

    offset: np.ndarray
    log_coef: np.ndarray
    exponent: np.ndarray
    domain: np.ndarray | None = None
    ceiling: np.ndarray | None = None

    def __len__(self) -> int:
        """The number T of functions."""
        return len(self.offset)

    @property
    def inputs(self) -> int:
        """The number I of log inputs."""
        return self.exponent.shape[2]

    @property
    def least(self) -> np.ndarray:
        """(T,) what falling terms never go below."""
        return self.offset

    @property
    def is_convex(self) -> bool:
        """Convex in ``u``, whatever the signs of the exponents: a sum of exponentials of linear functions."""
        return True

    @property
    def is_smooth(self) -> bool:
        """Exponentials have no kinks."""
        return True

    @property
    def at_domain(self) -> np.ndarray:
        """(T,) the values at the least inputs: what the smallest model costs, 0 where there is no smallest."""
        if self.domain is None:
            return np.zeros(len(self))
        some = np.isfinite(self.domain).all(axis=1)
        return np.where(some, self.value(np.where(some[:, None], self.domain, 0.0)), 0.0)

    @property
    def at_ceiling(self) -> np.ndarray:
        """(T,) the values at the greatest inputs: what the largest model costs, infinite where there is no largest."""
        if self.ceiling is None:
            return np.full(len(self), np.inf)
        some = np.isfinite(self.ceiling).all(axis=1)
        with np.errstate(over="ignore"):
            return np.where(some, self.value(np.where(some[:, None], self.ceiling, 0.0)), np.inf)

    @property
    def summed(self) -> "Posynomial":
        """One function of the same inputs: the sum of all T."""
        return Posynomial(
            self.offset.sum(keepdims=True),
            self.log_coef.reshape(1, -1),
            self.exponent.reshape(1, -1, self.inputs),
        )

    def terms(self, u: np.ndarray) -> np.ndarray:
        """Each term's value at log inputs ``u`` (T, I): shape (T, K)."""
        return self._terms(u)[0].T

    def value(self, u: np.ndarray) -> np.ndarray:
        """Each function's value at log inputs ``u`` (T, I): shape (T,)."""
        return self.offset + self._terms(u)[0].sum(axis=0)

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Derivative of each function in its log inputs at ``u`` (T, I): shape (T, I)."""
        terms, exponent = self._terms(u)
        return (terms * exponent).sum(axis=1).T

    def expansion(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sum of the terms (T,), its gradient (T, I) and its Hessian (T, I, I) at log inputs ``u`` (T, I)."""
        terms, exponent = self._terms(u)
        weighted = terms * exponent
        return terms.sum(axis=0), weighted.sum(axis=1).T, (weighted[:, None] * exponent).sum(axis=2).T

    def _terms(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The terms (K, T) and the exponents (I, K, T): along the few terms and inputs sums would be slow."""
        exponent = np.ascontiguousarray(self.exponent.T)
        return np.exp(self.log_coef.T + (exponent * u.T[:, None]).sum(axis=0)), exponent

    def hessian(self, u: np.ndarray) -> np.ndarray:
        """Second derivatives of each function in its log inputs at ``u`` (T, I): shape (T, I, I)."""
        return self.expansion(u)[2]

    def scaled(self, factor: np.ndarray, shift: np.ndarray) -> "Posynomial":
        """The functions times positive factors (T,), plus shifts (T,)."""
        logs = self.log_coef + np.log(factor)[:, None]
        return Posynomial(factor * self.offset + shift, logs, self.exponent, self.domain, self.ceiling)

    def tangent(self, u: np.ndarray) -> "Posynomial":
        """A posynomial below the functions that touches them at log inputs ``u``: the functions themselves."""
        return self

    def take(self, pick: np.ndarray) -> "Posynomial":
        """The functions at the positions ``pick``, repeats allowed."""
        domain, ceiling = (None if ends is None else ends[pick] for ends in (self.domain, self.ceiling))
        return Posynomial(self.offset[pick], self.log_coef[pick], self.exponent[pick], domain, ceiling)

    def fix_input(self, which: int, u: np.ndarray) -> "Posynomial":
        """The same functions with input ``which`` held at log values ``u`` (T,); one input fewer.

        Terms that depend on no other input become part of the offset.
        """
        held = self.log_coef + self.exponent[:, :, which] * u[:, None]
        rest = np.delete(self.exponent, which, axis=2)
        constant = (rest == 0).all(axis=(0, 2))
        offset = self.offset + np.exp(held[:, constant]).sum(axis=1)
        domain, ceiling = (
            None if ends is None else np.delete(ends, which, axis=1) for ends in (self.domain, self.ceiling)
        )
        return Posynomial(offset, held[:, ~constant], rest[:, ~constant], domain, ceiling)
