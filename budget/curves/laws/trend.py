"""A curve of one scale of which no formula is assumed: a local trend, told by its height at knots.

See docs/decisions/130-one-scale-by-a-local-trend.md.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from budget.curves.laws.law import Law, Parameter
from budget.curves.predictive.knots import BEYOND, INSIDE, height, knots

if TYPE_CHECKING:
    from budget.curves.predictive.observations import Observations, Posterior


def _curve(theta: Any, z: Any, xp: ModuleType) -> Any:
    """``theta``: (…, 1 + K) the measured span, then ln value at the knots; see ``knots``."""
    return xp.exp(height(knots(theta[..., 0], xp), theta[..., 1:], z[..., 0], xp))


def _sample(
    observations: "Observations", *, draws: int, seed: int, borrow: bool = True, device: str | None = None
) -> "Posterior":
    from budget.curves.predictive.local_trend import sample_trends  # loads JAX, which plans do without

    return sample_trends(observations, draws=draws, seed=seed, borrow=borrow, device=device)


LAW = Law(
    name="trend",
    formula="E + exp(local trend of ln x)",
    summary="one scale, a local trend with its own error",
    reference="local linear trend: Harvey 1989, sections 2.3 and 4.2",
    inputs=("scale",),
    parameters=(
        Parameter("span", "inner", 0.0, np.inf),
        *(Parameter(f"level_{number}", "inner", -np.inf, np.inf) for number in range(1, INSIDE + BEYOND + 1)),
    ),
    basis=lambda theta, z, xp: (),
    curve=_curve,
    sampler=_sample,
    planned_as="power",
    example=lambda task: {"x": np.geomspace(1e3, 1e9, 20)},
)
