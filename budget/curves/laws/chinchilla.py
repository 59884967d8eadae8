"""A falling power of parameters and one of tokens (Hoffmann et al. 2022)."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.convexity import POWER_SUM
from budget.curves.laws.law import Law
from budget.curves.laws.parts import crossed, falling_power, floor


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    return 0.0, -theta[..., 2] * z[..., 0], -theta[..., 4] * z[..., 1]


LAW = Law(
    name="chinchilla",
    formula="E + A/N^alpha + B/D^beta",
    summary="E + A/N^alpha + B/D^beta",
    reference="Hoffmann et al. 2022, arXiv 2203.15556",
    inputs=("params", "tokens"),
    parameters=(floor(), *falling_power("A", "alpha", 2), *falling_power("B", "beta", 4, input=1)),
    basis=_basis,
    example=lambda task: crossed(params=np.geomspace(1e7, 3e9, 6), tokens=np.geomspace(3e8, 1e11, 6)),
    planning=POWER_SUM,
)
