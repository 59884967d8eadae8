"""A law of params and tokens whose own error is part of it: two falling powers under a ceiling, times a slow drift.

``value = (E + (U − E)·w/(1 + w)) · exp(g_N(N) + g_D(D))`` with ``w = (u₁^(1/k) + u₂^(1/k))^k / (U − E)``,
``u₁ = A/N^alpha`` and ``u₂ = B/D^beta``. For ``w ≪ 1`` and ``k = 1`` the first factor is ``E + A/N^alpha + B/D^beta``;
``k`` lets params and tokens interact, ``U`` is where models stand that have learned nothing yet. Each drift ``g`` is a
cubic spline that is 0, with slope 0, at and below the smallest measured scale. Beyond the largest one, where ``z = 0``,
it goes on with its slope there, plus a term in ``z^1.5``, by which an integrated Wiener process spreads.

See docs/decisions/129-two-scales-with-their-own-error.md.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from budget.curves.laws.law import Law, Parameter
from budget.curves.laws.parts import crossed, falling_power, floor

if TYPE_CHECKING:
    from budget.curves.predictive.observations import Observations, Posterior

KNOTS = 6
"""Knots of a drift, evenly spaced in the logarithm from the smallest measured scale to the largest.

Between knots the spline is the process's mean given its values and slopes there. What it leaves out has at most
1/8,000 of the variance that the process has at the largest scale (``h³/192`` against ``(5h)³/3``)."""

INNER = 2 * (KNOTS - 1)
"""Values and slopes of a drift at its knots, but for the first, where both are 0."""

SHAPE = 7
"""Parameters before those of the drifts."""

LARGEST_LOG = 700.0
"""The logarithm at which a drift far below or beyond the runs is cut, so that it stays a number."""

MOST_FALL = 80.0
"""Logarithm of how far below its ceiling a value lies at most: the exponential is a number in single digits, too."""

AXES = ("N", "D")


def drift_basis(z: Any, span: Any, xp: ModuleType = np) -> Any:
    """What a drift's numbers are multiplied by: its KNOTS − 1 values, its slopes there, and that of ``z^1.5``.

    Args:
        z: (…) logarithms of a scale over its largest measured one.
        span: (…) logarithm of the largest over the smallest measured scale, 0 where they are the same.
        xp: ``numpy`` or ``jax.numpy``.

    Returns:
        (…, 2·KNOTS − 1); the drift is its product with these numbers, slopes per unit of ``z``.
    """
    step = span / (KNOTS - 1)
    is_line = step > 0
    beyond = xp.maximum(z, 0.0)
    place = xp.clip(z + span, 0.0, span) / xp.where(is_line, step, 1.0)
    away = place[..., None] - xp.arange(1, KNOTS)
    size = xp.minimum(xp.abs(away), 1.0)
    values = xp.where(is_line[..., None], (1 - size) ** 2 * (1 + 2 * size), 0.0)
    slopes = away * (1 - size) ** 2 * step[..., None]
    last = xp.arange(1, KNOTS) == KNOTS - 1
    slopes = slopes + xp.where(last, beyond[..., None], 0.0)
    # with a span of 0 nothing is known of the slope, and nothing of it is left
    slopes = xp.where(is_line[..., None], slopes, 0.0)
    return xp.concatenate([values, slopes, (beyond**1.5)[..., None]], axis=-1)


def shape_value(theta: Any, z: Any, xp: ModuleType = np) -> Any:
    """The first factor: the value without drifts.

    Args:
        theta: (…, P) of which the first ``SHAPE`` are read: E, U, ln A, alpha, ln B, beta, k.
        z: (…, 2).
        xp: ``numpy`` or ``jax.numpy``.
    """
    return shape_at([theta[..., i] for i in range(SHAPE)], z[..., 0], z[..., 1], xp)


def shape_at(parts: Sequence[Any], z_params: Any, z_tokens: Any, xp: Any) -> Any:
    """The same of the parameters and of both inputs, each by itself.

    Args:
        parts: ``SHAPE`` arrays.
        z_params: of the shape that these are broadcast with.
        z_tokens: the same.
        xp: ``numpy``, ``jax.numpy``, or what has their ``exp``, ``log``, ``abs``, ``maximum`` and ``minimum``.
    """
    low, high, log_a, alpha, log_b, beta, k = parts
    # what belongs to a curve is divided once, and not at each of its points
    first, second = log_a / k - alpha / k * z_params, log_b / k - beta / k * z_tokens
    # not log1p: it takes as long again, and what it adds is lost in the sum
    both = xp.maximum(first, second) + xp.log(1 + xp.exp(-xp.abs(first - second)))
    # w/(1 + w) as 1/(1 + 1/w), so that one exponential serves both ends; far below, its logarithm stays a number
    fall = xp.minimum(xp.log(high - low) - k * both, MOST_FALL)
    return low + (high - low) / (1 + xp.exp(fall))


def log_drift(theta: Any, z: Any, xp: ModuleType = np) -> Any:
    """The logarithm of the second factor, ``g_N + g_D``; arguments as ``shape_value``."""
    total = 0.0
    for axis in range(len(AXES)):
        span = theta[..., SHAPE + axis]
        first = SHAPE + len(AXES) + axis * (INNER + 1)
        if xp is np and span.ndim and (span == span[:1]).all():
            span = span[:1]  # draws of a task share it, and so what their numbers are multiplied by
        at, span = xp.broadcast_arrays(z[..., axis], span)
        total = total + xp.einsum("...k,...k->...", drift_basis(at, span, xp), theta[..., first : first + INNER + 1])
    return xp.clip(total, -LARGEST_LOG, LARGEST_LOG)


def _curve(theta: Any, z: Any, xp: ModuleType) -> Any:
    """A drift may flatten the curve beyond the runs, and not turn it: more params and tokens need not be used."""

    def value(theta: Any, z: Any) -> Any:
        return shape_value(theta, z, xp) * xp.exp(log_drift(theta, z, xp))

    if xp is not np:
        return xp.minimum(value(theta, z), value(theta, xp.minimum(z, 0.0)))
    here = np.asarray(value(theta, z))
    # within the runs the two are the same: only what lies beyond is looked at again
    shape = np.broadcast_shapes(theta.shape[:-1], z.shape[:-1])
    z = np.broadcast_to(z, (*shape[len(shape) + 1 - z.ndim :], z.shape[-1]))
    beyond = (z > 0).any(axis=-1)
    if beyond.any():
        some = np.broadcast_to(theta, (*shape, theta.shape[-1]))[..., beyond, :]
        here[..., beyond] = np.minimum(here[..., beyond], value(some, np.minimum(z[beyond], 0.0)))
    return here[()]


def _drift_parameters(axis: int) -> tuple[Parameter, ...]:
    name = AXES[axis]
    values = [Parameter(f"g_{name}{knot}", "inner", -np.inf, np.inf) for knot in range(1, KNOTS)]
    slopes = [Parameter(f"slope_{name}{knot}", "inner", -np.inf, np.inf) for knot in range(1, KNOTS)]
    return (*values, *slopes, Parameter(f"kappa_{name}", "inner", -np.inf, np.inf))


def _sample(
    observations: "Observations", *, draws: int, seed: int, borrow: bool = True, device: str | None = None
) -> "Posterior":
    """Curves of tasks with specialists beside them, and of those without: no task's draws depend on another's."""
    # these load JAX, which plans do without
    from budget.curves.predictive.observations import merged
    from budget.curves.predictive.surfaces.sampling import sample_surfaces

    beside: np.ndarray = np.asarray(observations.companion.any(axis=1))
    parts: list[tuple[np.ndarray, Posterior]] = []
    for which in (~beside, beside):
        some = observations.take(np.flatnonzero(which))
        if len(some):
            parts.append((which, sample_surfaces(some, draws=draws, seed=seed, device=device)))
    return merged(parts)


LAW = Law(
    name="surface",
    formula="(E + (U − E)·w/(1 + w))·exp(g_N + g_D), w = ((A/N^alpha)^(1/k) + (B/D^beta)^(1/k))^k/(U − E)",
    summary="params and tokens, with the law's own error",
    reference="Hoffmann et al. 2022 (Chinchilla) with interaction, ceiling and a Gaussian process in each scale",
    inputs=("params", "tokens"),
    parameters=(
        floor(),
        Parameter("U", "ceiling"),
        *falling_power("A", "alpha", 3),
        *falling_power("B", "beta", 5, input=1),
        Parameter("k", "plain", 0.1, 10.0, typical=(0.7, 1.5)),
        *(Parameter(f"span_{name}", "inner", 0.0, np.inf, typical=(2.0, 5.0)) for name in AXES),
        *_drift_parameters(0),
        *_drift_parameters(1),
    ),
    basis=lambda theta, z, xp: (),
    curve=_curve,
    sampler=_sample,
    planned_as="chinchilla",
    learns_beside=True,
    example=lambda task: crossed(params=np.geomspace(1e7, 3e9, 5), tokens=np.geomspace(3e8, 3e10, 5)),
)
