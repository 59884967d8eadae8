"""A curve of one scale of which no formula is assumed: a local trend, told by its height at knots.

See docs/decisions/130-one-scale-by-a-local-trend.md.
"""

from types import ModuleType
from typing import Any

from budget.curves.laws.law import Law, Parameter
from budget.curves.predictive.knots import BEYOND, INSIDE, height, knots
from budget.curves.predictive.local_trend import sample_trends


def _curve(theta: Any, z: Any, xp: ModuleType) -> Any:
    """``theta``: (…, 1 + K) the measured span, then ln value at the knots; see ``knots``."""
    return xp.exp(height(knots(theta[..., 0], xp), theta[..., 1:], z[..., 0], xp))


LAW = Law(
    name="trend",
    formula="E + exp(local trend of ln x)",
    summary="a floor and a trend whose slope drifts, with the law's own error in its draws",
    reference="local linear trend: Harvey 1989, sections 2.3 and 4.2",
    inputs=("scale",),
    parameters=(
        Parameter("span", "inner"),
        *(Parameter(f"level_{number}", "inner") for number in range(1, INSIDE + BEYOND + 1)),
    ),
    basis=lambda theta, z, xp: (),
    curve=_curve,
    sampler=sample_trends,
)
