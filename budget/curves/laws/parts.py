"""What laws are put together from: a floor, falling powers, and the grids of their examples."""

from collections.abc import Sequence

import numpy as np

from budget.curves.laws.law import EXPONENT, LOG_COEFFICIENT, Parameter

SLOPES = tuple(np.geomspace(0.04, 1.6, 8))
"""Where starts are laid along an exponent."""


def floor() -> Parameter:
    """The value that more scale approaches."""
    return Parameter("E", "floor")


def falling_power(
    coefficient: str, exponent: str, at: int, input: int = 0, grid: tuple[float, ...] = SLOPES
) -> tuple[Parameter, Parameter]:
    """A falling power's coefficient and exponent, the exponent standing at position ``at``."""
    return (
        Parameter(coefficient, "coefficient", *LOG_COEFFICIENT, input=input, exponent=at),
        Parameter(exponent, "plain", *EXPONENT, grid=grid),
    )


def crossed(**axes: Sequence[float] | np.ndarray) -> dict[str, np.ndarray]:
    """Every combination of some columns' values, for examples: column → (R,)."""
    every = np.meshgrid(*axes.values(), indexing="ij")
    return {name: each.ravel().astype(float) for name, each in zip(axes, every, strict=True)}
