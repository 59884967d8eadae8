"""Any law as functions of its log inputs, in plain NumPy: what a plan reads of a law without a form of its own.

See docs/decisions/120-log-convex-laws-by-tangents.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from budget.curves.planning_forms.posynomial import Posynomial

LOG_STEP = 1e-3
"""Step of the differences in logarithms: of order four, so that first derivatives are right to some 1e-12."""

LEAST_TERM = 1e-300
"""Stands for a term that is 0 to rounding, so that it has a logarithm: near the least number that keeps all digits."""


@dataclass(frozen=True)
class NumericalForm:
    """V functions ``shift + Σ_g factor_g·law(theta_g, u)`` of the log inputs that a plan chooses.

    Attributes:
        law_value: (theta (…, P), logs of the inputs over their reference (…, I)) → (…).
        is_convex: whether the law says that it falls in every input and is convex in their logarithms.
        free: positions of the inputs that the plan chooses among the law's I inputs.
        theta: (V, G, P) working parameters of the law.
        floor: (V, G) what each of them approaches with more scale.
        log_reference: (V, G, I) logarithms of the inputs at which they are stated.
        log_held: (V, G, I) logarithms of the inputs that the plan does not choose; the others are not read.
        factor: (V, G) positive.
        shift: (V,).
    """

    law_value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    is_convex: bool
    free: tuple[int, ...]
    theta: np.ndarray
    floor: np.ndarray
    log_reference: np.ndarray
    log_held: np.ndarray
    factor: np.ndarray
    shift: np.ndarray

    def __len__(self) -> int:
        """The number V of functions."""
        return len(self.theta)

    @property
    def inputs(self) -> int:
        """The number of inputs that the plan chooses."""
        return len(self.free)

    @property
    def offset(self) -> np.ndarray:
        """(V,) the shift and the laws' own floors."""
        return self.shift + (self.factor * self.floor).sum(axis=1)

    @property
    def least(self) -> np.ndarray:
        """(V,) what a falling law never goes below: its floor."""
        return self.offset

    @property
    def is_smooth(self) -> bool:
        """A law without a form of its own is smooth as far as its author knows: kinks end in a slower search."""
        return self.is_convex

    @property
    def domain(self) -> None:
        """The law holds everywhere."""
        return None

    @property
    def summed(self) -> "NumericalForm":
        """One function of the same inputs: the sum of all V."""
        arrays = ("theta", "floor", "log_reference", "log_held", "factor")
        merged = {name: (array := getattr(self, name)).reshape(1, -1, *array.shape[2:]) for name in arrays}
        return replace(self, shift=self.shift.sum(keepdims=True), **merged)

    def take(self, pick: np.ndarray) -> "NumericalForm":
        """The functions at the positions ``pick``, repeats allowed."""
        arrays = ("theta", "floor", "log_reference", "log_held", "factor", "shift")
        return replace(self, **{name: getattr(self, name)[pick] for name in arrays})

    def scaled(self, factor: np.ndarray, shift: np.ndarray) -> "NumericalForm":
        """The functions times positive factors (V,), plus shifts (V,)."""
        return replace(self, factor=factor[:, None] * self.factor, shift=factor * self.shift + shift)

    def fix_input(self, which: int, u: np.ndarray) -> "NumericalForm":
        """The same functions with input ``which`` of the free ones held at log values ``u`` (V,)."""
        held = self.log_held.copy()
        held[:, :, self.free[which]] = u[:, None]
        return replace(self, log_held=held, free=self.free[:which] + self.free[which + 1 :])

    def terms(self, u: np.ndarray) -> np.ndarray:
        """What each law has above its floor at log inputs ``u`` (V, I): shape (V, G)."""
        return self.factor * (self._laws(u) - self.floor)

    def value(self, u: np.ndarray) -> np.ndarray:
        """Each function's value at log inputs ``u`` (V, I): shape (V,)."""
        return self.shift + (self.factor * self._laws(u)).sum(axis=1)

    def _laws(self, u: np.ndarray) -> np.ndarray:
        """(V, G) the laws' own values."""
        inputs = self.log_held.copy()
        for place, position in enumerate(self.free):
            inputs[:, :, position] = u[:, None, place]
        with np.errstate(over="ignore"):  # far from every run a value may be infinite
            return self.law_value(self.theta, inputs - self.log_reference)

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Derivative of each function in its log inputs at ``u`` (V, I): shape (V, I), by central differences."""
        return np.stack([_slope(self.value, u, which) for which in range(u.shape[1])], axis=-1)

    def hessian(self, u: np.ndarray) -> np.ndarray:
        """Second derivatives of each function at ``u`` (V, I): (V, I, I), right to some 1e-6 of the value."""
        return self.expansion(u)[2]

    def expansion(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What lies above the offset (V,), the gradient (V, I) and the Hessian (V, I, I) at log inputs ``u`` (V, I).

        The points of the gradient serve the diagonal too, ``(16·near − far − 30·here)/12`` steps squared; what is mixed
        takes four more points for each pair of inputs, of order two.
        """
        here, count = self.value(u), u.shape[1]
        gradient, hessian = np.empty_like(u), np.empty((*u.shape, count))
        moves = LOG_STEP * np.eye(count)
        for i, move in enumerate(moves):
            near, far = ([self.value(u + n * move), self.value(u - n * move)] for n in (1, 2))
            gradient[:, i] = (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * LOG_STEP)
            hessian[:, i, i] = (16 * (near[0] + near[1]) - (far[0] + far[1]) - 30 * here) / (12 * LOG_STEP**2)
            for j in range(i):
                along, across = move + moves[j], move - moves[j]
                same, opposite = (self.value(u + way) + self.value(u - way) for way in (along, across))
                hessian[:, i, j] = hessian[:, j, i] = (same - opposite) / (4 * LOG_STEP**2)
        return here - self.offset, gradient, hessian

    def tangent(self, u: np.ndarray) -> Posynomial:
        """The tangents of the terms' logarithms, which lie below where the law says that these are convex."""
        logs, slopes = self._logs(u), np.stack([_slope(self._logs, u, at) for at in range(u.shape[1])], axis=-1)
        return Posynomial(self.offset, logs - np.einsum("vki,vi->vk", slopes, u), slopes)

    def _logs(self, u: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(self.terms(u), LEAST_TERM))


def _slope(function: Callable[[np.ndarray], np.ndarray], u: np.ndarray, which: int) -> np.ndarray:
    """Derivative in input ``which`` by central differences of order four: (8·near − far)/12 steps."""
    move = LOG_STEP * (np.arange(u.shape[1]) == which)
    near, far = (function(u + n * move) - function(u - n * move) for n in (1, 2))
    return (8 * near - far) / (12 * LOG_STEP)
