"""The joint draws as one stack of functions: every draw's value of every model, evaluated at once."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from budget.allocation.convex.problem import Problem
from budget.curves.posynomial import Posynomial
from budget.curves.repeated import Values

STEP = 1e-4
"""Of the differences, in logarithms."""


@dataclass(frozen=True)
class Stack:
    """B draws of V posynomials ``offset_bv + Σ_k exp(log_coef_bvk + exponent_bvk · u_v)``.

    Attributes:
        offset: (B, V).
        log_coef: (B, V, K).
        exponent: (B, V, K, I).
    """

    offset: np.ndarray
    log_coef: np.ndarray
    exponent: np.ndarray

    def terms(self, u: np.ndarray) -> np.ndarray:
        """Each term's value at log inputs ``u`` (V, I): shape (B, V, K)."""
        return np.exp(self.log_coef + np.einsum("bvki,vi->bvk", self.exponent, u))

    def mixed(self, weight: np.ndarray) -> Posynomial:
        """V functions ``Σ_b weight_b·value_b`` of all draws' terms, for weights (B,), but those of weight 0."""
        used = np.flatnonzero(weight)
        models, inputs = self.offset.shape[1], self.exponent.shape[3]
        logs = self.log_coef[used] + np.log(weight[used])[:, None, None]
        return Posynomial(
            weight[used] @ self.offset[used],
            logs.transpose(1, 0, 2).reshape(models, -1),
            self.exponent[used].transpose(1, 0, 2, 3).reshape(models, -1, inputs),
        )


@dataclass(frozen=True)
class Scenarios:
    """B draws of the values of V models, ``X_b(u) = Σ_v value_bv(u_v)``.

    Attributes:
        draws: their number B.
        values: B·V functions, draw after draw.
    """

    draws: int
    values: Values

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> "Scenarios":
        """The values of B problems that differ in nothing else."""
        every = [problem.by_model for problem in problems]
        parts = {each.name: [getattr(value, each.name) for value in every] for each in fields(every[0])}
        joined: dict[str, Any] = {name: _joined(part) for name, part in parts.items()}
        return cls(len(problems), replace(every[0], **joined))

    def __len__(self) -> int:
        """The number B of draws."""
        return self.draws

    @property
    def floors(self) -> np.ndarray:
        """(B,) sums of the offsets: what no plan passes."""
        return self.values.offset.reshape(self.draws, -1).sum(axis=1)

    @property
    def known(self) -> np.ndarray:
        """(B,) whether every number of a draw is one."""
        parts = [getattr(self.values, each.name) for each in fields(self.values)]
        return ~np.any(
            [np.isnan(part.reshape(self.draws, -1)).any(axis=1) for part in parts if part is not None], axis=0
        )

    def take(self, pick: np.ndarray) -> "Scenarios":
        """The draws at the positions ``pick``."""
        models = len(self.values) // self.draws
        return Scenarios(len(pick), self.values.take((pick[:, None] * models + np.arange(models)).ravel()))

    def at(self, u: np.ndarray) -> Stack:
        """Posynomials below the values that touch them at log inputs ``u`` (V, I), or are them."""
        local = self.values.tangent(np.tile(u, (self.draws, 1)))
        return Stack(
            *(
                part.reshape(self.draws, len(u), *part.shape[1:])
                for part in (local.offset, local.log_coef, local.exponent)
            )
        )

    def bend(self, u: np.ndarray) -> np.ndarray | None:
        """Second derivatives (B, V, K, I, I) of the terms' logarithms, or ``None`` where they are linear.

        By differences of the slopes, which a kink only makes large; what is not convex of them is rounding.
        """
        if isinstance(self.values, Posynomial):
            return None
        sides = [(self.at(u + step).exponent, self.at(u - step).exponent) for step in STEP * np.eye(u.shape[1])]
        bend = np.stack([(beyond - before) / (2 * STEP) for beyond, before in sides], axis=-1)
        size, along = np.linalg.eigh(0.5 * (bend + bend.swapaxes(-1, -2)))
        return (along * np.maximum(size, 0.0)[..., None, :]) @ along.swapaxes(-1, -2)

    def totals(self, u: np.ndarray) -> np.ndarray:
        """``X_b(u)`` at log inputs ``u`` (V, I): shape (B,)."""
        return self.floors + self.at(u).terms(u).sum(axis=(1, 2))


def _joined(parts: list[np.ndarray] | list[None]) -> np.ndarray | None:
    return None if parts[0] is None else np.concatenate(parts)
