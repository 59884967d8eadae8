"""One falling power of one scale (Hestness et al. 2017)."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.convexity import POWER_SUM
from budget.curves.laws.law import Law
from budget.curves.laws.parts import falling_power, floor


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    return 0.0, -theta[..., 2] * z[..., 0]


LAW = Law(
    name="power",
    formula="E + A·x^-a",
    summary="E + A·x^-a",
    reference="Hestness et al. 2017, arXiv 1712.00409",
    inputs=("scale",),
    parameters=(floor(), *falling_power("A", "a", 2)),
    basis=_basis,
    example=lambda task: {"x": np.geomspace(1e3, 1e9, 40)},
    planning=POWER_SUM,
)
