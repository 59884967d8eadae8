"""A law over any two or three scales: a floor plus a power mean of one falling power of each scale.

``value = E + A·(Σ_i s_i·(x_i^−a_i)^r)^(1/r)`` with shares ``s_i = A_i/A`` of ``A = Σ A_i``, each term stated at the
largest measured scale, times drifts (``drifting.drifts``). ``r = 1`` adds the terms as Chinchilla does; toward 0 they
multiply, as in the laws of experts (Clark et al. 2022); below 0 capacities add, so that one scale stands in for the
other; large ``r`` is a bottleneck. Amounts, such as params, fall by positive exponents. Of any other scale, such as a
vocabulary, a batch or a number of experts, the exponent may have either sign, and its drift may turn: an optimum inside
the measured range is found where the runs show one, and a product of distances lets it move with another scale.

See docs/decisions/144-any-two-or-three-scales.md.
"""

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.drifting.drifts import AMOUNTS, PRIOR_LOG_EXPONENT, PRIOR_LOG_TERM, Shape, drifting_law
from budget.curves.laws.law import Law, Parameter
from budget.curves.laws.parts import crossed, falling_power, floor
from budget.tables.reading.synonyms import may_be

PRIOR_EXPONENT = (0.1, 0.3)
"""Mean and deviation of the exponent of a scale that is no amount: more of it usually helps a little."""

PRIOR_POWER = (1.0, 0.5)
"""Of ``r``: terms that add, give or take."""

PRODUCT = 1e-5
"""Size of ``r`` below which the power mean is taken by its series about the geometric mean."""


def power_mean(logs: Any, log_shares: Any, r: Any, xp: ModuleType = np) -> Any:
    """Logarithm of ``(Σ_i share_i·u_i^r)^(1/r)`` (…), of logarithms (…, I) of u and of shares that sum to 1, r (…)."""
    mean = (xp.exp(log_shares) * logs).sum(axis=-1)
    away = logs - mean[..., None]
    is_product = xp.abs(r) < PRODUCT
    power = xp.where(is_product, PRODUCT, r)
    terms = log_shares + power[..., None] * away
    top = terms.max(axis=-1)
    rest = top + xp.log(xp.exp(terms - top[..., None]).sum(axis=-1))
    series = 0.5 * r * (xp.exp(log_shares) * away**2).sum(axis=-1)
    return mean + xp.where(is_product, series, rest / power)


@cache
def shape_over(inputs: tuple[str, ...]) -> Shape:
    """The law over some scales before its drifts."""
    kinds = tuple(may_be(name) or name for name in inputs)
    count, amounts = len(inputs), tuple(kind in AMOUNTS for kind in kinds)
    terms = [
        falling_power(f"A_{name}", f"a_{name}", 1 + count + at, input=at)  # coefficients first, then exponents
        for at, name in enumerate(inputs)
    ]

    def place(points: Any, low: Any, log_unit: Any, xp: ModuleType) -> Any:
        logs = [log_unit + PRIOR_LOG_TERM[0] + PRIOR_LOG_TERM[1] * points[:, 1 + at] for at in range(count)]
        exponents = [
            xp.exp(PRIOR_LOG_EXPONENT[0] + PRIOR_LOG_EXPONENT[1] * points[:, 1 + count + at])
            if amount
            else PRIOR_EXPONENT[0] + PRIOR_EXPONENT[1] * points[:, 1 + count + at]
            for at, amount in enumerate(amounts)
        ]
        power = PRIOR_POWER[0] + PRIOR_POWER[1] * points[:, 1 + 2 * count]
        return xp.stack([low, *logs, *exponents, power], axis=1)

    def value(theta: Any, z: Any, xp: ModuleType) -> Any:
        logs, exponents = theta[..., 1 : 1 + count], theta[..., 1 + count : 1 + 2 * count]
        top = logs.max(axis=-1)
        together = top + xp.log(xp.exp(logs - top[..., None]).sum(axis=-1))
        mean = power_mean(-exponents * z, logs - together[..., None], theta[..., 1 + 2 * count] + 0 * z[..., 0], xp)
        return theta[..., 0] + xp.exp(together + mean)

    return Shape(
        parameters=(
            floor(),
            *(coefficient for coefficient, _ in terms),
            *(
                exponent if amount else Parameter(exponent.name, "plain", -3.0, 3.0)
                for (_, exponent), amount in zip(terms, amounts, strict=True)
            ),
            Parameter("r", "plain", -2.0, 4.0, typical=(0.5, 1.5)),
        ),
        coordinates=2 + 2 * count,
        axes=inputs,
        place=place,
        value=value,
        along=lambda z, xp: z,
        falling=amounts,
        reference=tuple(range(count)),
        progress=kinds.index("tokens") if "tokens" in kinds else None,
    )


@cache
def law_over(inputs: tuple[str, ...]) -> Law:
    """The law over two or three named scales."""
    return drifting_law(
        "scales",
        shape_over(inputs),
        inputs,
        formula="(E + A·(Σ s_i·x_i^(−a_i·r))^(1/r))·exp(Σ g_i + Σ c_ij·m_i·m_j), A = Σ A_i, s_i = A_i/A",
        summary="any two or three scales (--scales), with the law's own error",
        reference="Clark et al. 2022 (arXiv 2202.01169) and Hoffmann et al. 2022 as two of its cases, with a Gaussian "
        "process in each scale",
        widened=law_over,
        example=lambda task: crossed(params=np.geomspace(1e7, 3e9, 5), experts=[1, 2, 4, 16, 64]),
    )


LAW = law_over(("params", "experts"))
