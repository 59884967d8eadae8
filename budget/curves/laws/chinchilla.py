"""A falling power of parameters and one of tokens (Hoffmann et al. 2022)."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.convexity import POWER_SUM
from budget.curves.laws.law import Law, Published
from budget.curves.laws.parts import crossed, falling_power, floor


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    return 0.0, -theta[..., 2] * z[..., 0], -theta[..., 4] * z[..., 1]


MEASURED = {"params": (7e7, 1.6e10), "tokens": (5e9, 5e11)}
"""Sizes and data of the models behind the published constants (Hoffmann et al. 2022, abstract)."""

PUBLISHED = (
    Published(
        name="chinchilla2022",
        constants={"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28},
        unit="nats a token of MassiveText",
        source="Hoffmann et al. 2022, arXiv 2203.15556, equation 10",
        measured=MEASURED,
    ),
    Published(
        name="chinchilla2024",
        constants={"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658},
        unit="nats a token of MassiveText",
        source="Besiroglu et al. 2024, arXiv 2404.10102: the same runs, read off the figure and fitted again",
        measured=MEASURED,
    ),
)

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
    published=PUBLISHED,
)
