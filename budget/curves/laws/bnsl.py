"""A falling power with one break (Caballero et al. 2023)."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.law import EXPONENT, LOG_COEFFICIENT, Law, Parameter
from budget.curves.laws.parts import floor


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    before, after, place, width = theta[..., 2], theta[..., 3], theta[..., 4], xp.exp(theta[..., 5])
    x = z[..., 0]
    bend = width * xp.logaddexp(0.0, (x - place) / width)
    return 0.0, -before * x - (after - before) * bend


LAW = Law(
    name="bnsl",
    formula="E + A·x^-c0·(1 + (x/d)^(1/f))^((c0−c1)·f)",
    summary="one scale, with one break",
    reference="Caballero et al. 2023, arXiv 2210.14891 (one break; c1 is the exponent beyond it)",
    inputs=("scale",),
    parameters=(
        floor(),
        # before the break a curve may be flat: the runs beyond it show the term all the same
        Parameter("A", "coefficient", *LOG_COEFFICIENT, exponent=2, may_vanish=True),
        Parameter("c0", "plain", 0.0, 3.0, grid=(0.02, 0.08, 0.2, 0.4, 0.8), typical=(0.02, 0.12)),
        Parameter("c1", "plain", *EXPONENT, grid=(0.06, 0.15, 0.3, 0.6, 1.2)),
        Parameter("d", "place", grid=(0.15, 0.35, 0.55, 0.75)),
        Parameter("f", "log", np.log(0.05), np.log(5.0), grid=(np.log(0.15), np.log(0.8))),
    ),
    basis=_basis,
    example=lambda task: {"x": np.geomspace(1e3, 1e9, 40)},
    starts=12,
)
