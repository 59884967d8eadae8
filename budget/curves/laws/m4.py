"""A curve that levels off at both ends, given implicitly (Alabdulmohsin et al. 2022).

See docs/decisions/170-derivatives-of-the-equation.md.
"""

from collections.abc import Callable, Sequence
from functools import cache, reduce
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.law import EXPONENT, Chart, Law, Parameter
from budget.curves.laws.parts import floor

TANGENTS = (-1.5, 1.5)
"""Where the implicit law's left side has tangents, beside its ends."""

HOUSEHOLDER_STEPS = 2
"""Steps of order four of the implicit law; the first leaves 4e-4 in the worst case over its box, the second none."""


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    u = _logit(theta, z, xp)
    rest = xp.log1p(xp.exp(-xp.abs(u)))
    return -xp.maximum(u, 0.0) - rest, xp.minimum(u, 0.0) - rest


def _value(theta: Any, z: Any, xp: ModuleType) -> Any:
    """What the basis says, without its logarithms."""
    u = _logit(theta, z, xp)
    share, rest = _shares(u, np) if xp is np else _differentiable()[1](u)
    return theta[..., 0] * rest + theta[..., 1] * share


def _logit(theta: Any, z: Any, xp: ModuleType) -> Any:
    """The share ``s`` of the way from floor to ceiling solves ``log s − a·log(1 − s) = −c·(z − place)``: its logit."""
    a, c, place = theta[..., 2], theta[..., 3], theta[..., 4]
    target = -c * (z[..., 0] - place)
    return _root(a, target, np) if xp is np else _differentiable()[0](a, target)


def _shares(u: Any, xp: ModuleType) -> tuple[Any, Any]:
    """``s`` and ``1 − s`` of a logit, both to all digits."""
    small = xp.exp(-xp.abs(u))
    above = u > 0
    return xp.where(above, 1.0, small) / (1 + small), xp.where(above, small, 1.0) / (1 + small)


def _root(a: Any, target: Any, xp: ModuleType) -> Any:
    """``u = logit(s)`` where ``u + (a − 1)·log(1 + e^u) = target``, elementwise.

    The left side is convex (a > 1) or concave, so that its tangents bound the solution from one side, and the nearest
    bound is where the steps begin (Householder 1970, of order four: one exponential serves all derivatives).
    """
    bounds = [target, target * (1 / a)]
    for at in TANGENTS:
        rise, s = np.log1p(np.exp(at)), 1 / (1 + np.exp(-at))
        bounds.append(at + (target - at - (a - 1) * rise) * (1 / (1 + (a - 1) * s)))
    u = xp.where(a > 1, reduce(xp.minimum, bounds), reduce(xp.maximum, bounds))
    for _ in range(HOUSEHOLDER_STEPS):
        share, rest = _shares(u, xp)
        slope = 1 / (1 + (a - 1) * share)
        newton = (u + (a - 1) * _rise(u, xp) - target) * slope
        second = newton * (a - 1) * share * rest * slope
        third = newton * second * (rest - share)
        u = u - newton * (1 - second / 2) / (1 - second + third / 6)
    return u


def _rise(u: Any, xp: ModuleType) -> Any:
    """``log(1 + e^u)``."""
    return xp.maximum(u, 0.0) + xp.log1p(xp.exp(-xp.abs(u)))


@cache
def _differentiable() -> tuple[Callable[[Any, Any], Any], Callable[[Any], tuple[Any, Any]]]:
    """``_root`` and ``_shares`` in JAX, by the derivatives of what they solve and not of how: of any order."""
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def root(a: Any, target: Any) -> Any:
        return _root(a, target, jnp)

    @jax.custom_jvp
    def shares(u: Any) -> tuple[Any, Any]:
        return _shares(u, jnp)

    @jax.custom_jvp
    def rise(u: Any) -> Any:
        return _rise(u, jnp)

    @root.defjvp
    def _(at: tuple[Any, Any], moves: tuple[Any, Any]) -> tuple[Any, Any]:
        (a, target), (of_a, of_target) = at, moves
        u = root(a, target)
        # (1 + (a − 1)·s)·du + log(1 + e^u)·da = dtarget
        return u, (of_target - rise(u) * of_a) / (1 + (a - 1) * shares(u)[0])

    @shares.defjvp
    def _(at: tuple[Any], moves: tuple[Any]) -> tuple[Any, Any]:
        share, rest = shares(*at)
        return (share, rest), (share * rest * moves[0], -share * rest * moves[0])

    @rise.defjvp
    def _(at: tuple[Any], moves: tuple[Any]) -> tuple[Any, Any]:
        return rise(*at), shares(*at)[0] * moves[0]

    return root, shares


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
    curve=_value,
    example=lambda task: {"x": np.geomspace(1e3, 1e9, 40)},
    starts=12,
    chart=Chart(_into, _back, mixing=4),
)
