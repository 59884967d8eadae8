"""Law ``repeat`` whose own error is part of it: params, tokens and unique tokens, times drifts.

``value = (E + (u_N^(1/k) + u_D^(1/k))^k)·exp(drifts)`` with ``u_N = A/N_eff^alpha`` and ``u_D = B/D_eff^beta``;
effective params and tokens are those of ``repeat`` (Muennighoff et al. 2023). To the floor it adds what over-fitting
costs, ``F·(N/U^r)^p·epochs^q·(1 − 1/epochs)``: many parameters on few unique tokens, read often, get worse again, which
that law's fits leave out as outliers. Beside those of params and tokens a drift lies along the epochs, zero up to one.

See docs/decisions/145-repeated-data-with-its-own-error.md.
"""

from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws import repeat
from budget.curves.laws.drifting.drifts import PRIOR_LOG_EXPONENT, PRIOR_LOG_TERM, Shape, drifting_law
from budget.curves.laws.law import Parameter

PRIOR_LOG_REPEATS = (float(np.log(15.0)), 1.0)
"""Mean and deviation of the logarithm of R_D: 15.4 was measured on text (Muennighoff et al. 2023)."""

PRIOR_LOG_EXCESS = (float(np.log(5.0)), 1.0)
"""Of R_N: 5.3 was measured there."""

PRIOR_LOG_INTERACTION = 0.5
"""Deviation of ln k about 0."""

PRIOR_LOG_OVERFIT = (-10.0, 5.0)
"""Mean and deviation of ln F at the largest params and tokens and one epoch, over the typical value: any size."""

PRIOR_OVERFIT = ((float(np.log(2.0)), 0.5), (1.0, 0.3), (float(np.log(0.7)), 0.5))
"""Of ln p, r and ln q: what params beyond the unique tokens and epochs add."""

PRIOR_LOG_DRIFT = (float(np.log(0.004)), 0.5)
"""Of ln s: a fifth of the rate of other laws, with less leeway. Runs near over-fitting differ by more than the law
says, and drifts that are free enough to follow them leave it; the runs' evidence prefers these two."""

WILD = 2.0
"""Deviations beyond which a row counts less, for the same reason."""

MOST_EXCESS = 12.0
"""Largest logarithm of what over-fitting adds: beyond it nothing changes."""


def _place(points: Any, low: Any, log_unit: Any, xp: ModuleType) -> Any:
    def linear(at: int, prior: tuple[float, float]) -> Any:
        return prior[0] + prior[1] * points[:, at]

    return xp.stack(
        [
            low,
            log_unit + linear(1, PRIOR_LOG_TERM),
            xp.exp(linear(2, PRIOR_LOG_EXPONENT)),
            log_unit + linear(3, PRIOR_LOG_TERM),
            xp.exp(linear(4, PRIOR_LOG_EXPONENT)),
            linear(5, PRIOR_LOG_REPEATS),
            linear(6, PRIOR_LOG_EXCESS),
            xp.exp(PRIOR_LOG_INTERACTION * points[:, 7]),
            log_unit + linear(8, PRIOR_LOG_OVERFIT),
            xp.exp(linear(9, PRIOR_OVERFIT[0])),
            linear(10, PRIOR_OVERFIT[1]),
            xp.exp(linear(11, PRIOR_OVERFIT[2])),
        ],
        axis=1,
    )


def _value(theta: Any, z: Any, xp: ModuleType) -> Any:
    _, of_size, of_data = repeat.LAW.basis(theta, z, xp)
    k, log_f, p, r, q = (theta[..., at] for at in range(7, 12))
    unique = xp.minimum(z[..., 1], z[..., 2])
    log_epochs = z[..., 1] - unique
    excess = xp.minimum(p * (z[..., 0] - r * unique) + q * log_epochs, MOST_EXCESS - log_f)
    over = xp.exp(log_f + excess) * -xp.expm1(-log_epochs)
    return theta[..., 0] + over + xp.exp(k * xp.logaddexp((theta[..., 1] + of_size) / k, (theta[..., 3] + of_data) / k))


def _along(z: Any, xp: ModuleType) -> Any:
    return xp.stack([z[..., 0], z[..., 1], xp.maximum(z[..., 1] - z[..., 2], 0.0)], axis=-1)


_OVERFIT = {"p": (1.0, 2.0), "r": (0.9, 1.1), "q": (0.5, 1.0)}
"""Exponents of what over-fitting adds, and where they lie in an ordinary task."""

SHAPE = Shape(
    parameters=(
        *repeat.LAW.parameters,
        Parameter("k", "plain", 0.1, 10.0, typical=(0.7, 1.5)),
        Parameter("log_F", "inner", -np.inf, np.inf, typical=(-25.0, -20.0)),
        *(Parameter(name, "inner", -np.inf, np.inf, typical=typical) for name, typical in _OVERFIT.items()),
    ),
    coordinates=12,
    axes=("N", "D", "epochs"),
    place=_place,
    value=_value,
    along=_along,
    falling=(True, True, True),
    reference=(0, 1, 1),
    progress=1,
    log_drift=PRIOR_LOG_DRIFT,
    wild=WILD,
)

LAW = drifting_law(
    "surface_repeat",
    SHAPE,
    repeat.LAW.inputs,
    formula="(E + ((A/N_eff^alpha)^(1/k) + (B/D_eff^beta)^(1/k))^k + F·(N/U^r)^p·e^q·(1 − 1/e))·exp(drifts), e = D/U",
    summary="surface with repeated data",
    reference="Muennighoff et al. 2023, arXiv 2305.16264, with interaction and a Gaussian process along each axis",
    planned_as="repeat",
    example=repeat.LAW.example,
)
