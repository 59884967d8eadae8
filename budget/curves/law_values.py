"""Any law as functions of its log inputs, in plain NumPy: what a plan reads of a law without a form of its own."""

from dataclasses import dataclass, replace

import numpy as np

from budget.curves.law import Law

STEP = 1e-3
"""Step of the differences in logarithms: of order four, so that they are right to some 1e-12."""


@dataclass(frozen=True)
class LawValues:
    """V curves of one law over I inputs.

    Attributes:
        law: over exactly these inputs.
        theta: (V, P) working parameters.
        log_reference: (V, I) logarithms of the inputs at which they are stated.
    """

    law: Law
    theta: np.ndarray
    log_reference: np.ndarray

    def __len__(self) -> int:
        """The number V of curves."""
        return len(self.theta)

    @property
    def inputs(self) -> int:
        """The number I of inputs."""
        return self.log_reference.shape[1]

    def take(self, pick: np.ndarray) -> "LawValues":
        """The curves at the positions ``pick``, repeats allowed."""
        return replace(self, theta=self.theta[pick], log_reference=self.log_reference[pick])

    def value(self, u: np.ndarray) -> np.ndarray:
        """Each curve's value at log inputs ``u`` (V, I): shape (V,)."""
        with np.errstate(over="ignore"):  # far from every run a value may be infinite
            return self.law.value(self.theta, u - self.log_reference)

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Derivative of each curve in its log inputs at ``u`` (V, I): shape (V, I), by central differences."""
        result = np.empty_like(u)
        for which in range(u.shape[1]):
            move = STEP * (np.arange(u.shape[1]) == which)
            near, far = (self.value(u + n * move) - self.value(u - n * move) for n in (1, 2))
            result[:, which] = (8 * near - far) / (12 * STEP)
        return result
