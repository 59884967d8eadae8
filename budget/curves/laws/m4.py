"""A curve that levels off at both ends, given implicitly (Alabdulmohsin et al. 2022)."""

from collections.abc import Sequence
from functools import reduce
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.law import EXPONENT, Chart, Law, Parameter
from budget.curves.laws.parts import floor

TANGENTS = (-2.0, 0.0, 2.0)
"""Where the implicit law's left side has tangents, beside its ends."""

HALLEY_STEPS = 3
"""Halley steps of the implicit law; the second leaves 1e-10 in the worst case over its box, the third rounding."""


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    """The share ``s`` of the way from floor to ceiling solves ``log s − a·log(1 − s) = −c·(z − place)``.

    In ``u = logit(s)`` the left side is ``u + (a − 1)·log(1 + e^u)``: convex (a > 1) or concave, so that its tangents
    bound the solution from one side, and the nearest bound is where Halley's steps begin. From a solution, one such
    step as a function of ``a`` and the target has the solution's first and second derivatives: only the last carries
    them.
    """
    a, c, place = theta[..., 2], theta[..., 3], theta[..., 4]
    target = -c * (z[..., 0] - place)
    roots = [target, target / a]
    for at in TANGENTS:
        rise, s = np.log1p(np.exp(at)), 1 / (1 + np.exp(-at))
        roots.append(at + (target - at - (a - 1) * rise) / (1 + (a - 1) * s))
    u = xp.where(a > 1, reduce(xp.minimum, roots), reduce(xp.maximum, roots))
    for _ in range(HALLEY_STEPS):
        u = _held(u, xp)
        small = xp.exp(-xp.abs(u))
        rise = xp.maximum(u, 0.0) + xp.log1p(small)  # log(1 + e^u)
        s = xp.where(u > 0, 1.0, small) / (1 + small)
        slope = 1 + (a - 1) * s
        newton = (u + (a - 1) * rise - target) / slope
        u = u - newton / (1 - newton * (a - 1) * s * (1 - s) / (2 * slope))
    rest = xp.log1p(xp.exp(-xp.abs(u)))
    return -xp.maximum(u, 0.0) - rest, xp.minimum(u, 0.0) - rest


LEAST_GAP = 1e-9
"""Least distance between ceiling and floor whose logarithm is taken."""


def _into(theta: Any, plain: Any, xp: ModuleType) -> Any:
    """Towards its floor the law is ``E + (E0 − E)·exp(c·place)·exp(−c·z)``: that factor's logarithm replaces the place.

    Runs that show nothing of the ceiling leave ceiling and place open along the curve where this factor is constant.
    """
    floor, ceiling, a, c, place = (theta[..., i] for i in range(5))
    factor = c * place + xp.log(xp.maximum(ceiling - floor, LEAST_GAP))
    return xp.stack([floor, xp.log(ceiling), a, c, xp.where(plain, place, factor)], axis=-1)


def _back(coordinates: Any, plain: Any, xp: ModuleType) -> Any:
    floor, log_ceiling, a, c, last = (coordinates[..., i] for i in range(5))
    ceiling = xp.exp(log_ceiling)
    place = (last - xp.log(xp.maximum(ceiling - floor, LEAST_GAP))) / c
    return xp.stack([floor, ceiling, a, c, xp.where(plain, last, place)], axis=-1)


def _held(u: Any, xp: ModuleType) -> Any:
    """A value through which no derivative flows."""
    if xp is np:
        return u
    from jax.lax import stop_gradient

    return stop_gradient(u)


LAW = Law(
    name="m4",
    formula="(y − E)/(E0 − y)^a = (E0 − E)^(1−a)·(x/x0)^-c",
    summary="one scale, levelling off",
    reference="Alabdulmohsin et al. 2022, arXiv 2209.06640",
    inputs=("scale",),
    parameters=(
        floor(),
        Parameter("E0", "ceiling"),
        Parameter("a", "plain", 0.05, 6.0, grid=(0.1, 0.5, 1.0, 2.0), typical=(0.4, 2.0)),
        Parameter("c", "plain", *EXPONENT, grid=(0.06, 0.15, 0.3, 0.6, 1.2)),
        Parameter("x0", "place", -60.0, 30.0, grid=(-2.0, -0.5, 0.0, 0.2, 0.5, 0.8)),
    ),
    basis=_basis,
    example=lambda task: {"x": np.geomspace(1e3, 1e9, 40)},
    starts=12,
    chart=Chart(_into, _back, mixing=4),
)
