"""Laws of several scales whose own error is part of them: a shape times slow drifts along a few axes.

``value = shape(z) · exp(Σ_a g_a + Σ_{a<b} c_ab·m_a·m_b)``. Each drift ``g`` is a spline as in law ``surface``, zero at
the smallest measured place on its axis; ``m`` is how far above that place a run lies, so that the products let what one
scale does depend on how large another is. A ``Shape`` says the rest: its parameters, which standard normal coordinates
they are made of, and the axes.

See docs/decisions/144-any-two-or-three-scales.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.law import Law, Parameter
from budget.curves.laws.surface import KNOTS, LARGEST_LOG, drift_basis

PRIOR_LOG_TERM = (float(np.log(0.3)), 1.5)
"""Mean and deviation of the logarithm of each term at the largest scales, over the typical value there."""

PRIOR_LOG_EXPONENT = (float(np.log(0.35)), 0.5)
"""Of the logarithm of an amount's exponent: published exponents lie between .1 and .8."""

AMOUNTS = ("params", "tokens", "flops", "x", "unique_tokens", "task_tokens")
"""Scales of which more does no harm, since it need not be used; by whatever name a file has them."""


@dataclass(frozen=True)
class Shape:
    """What a law is before its drifts: P0 parameters made of C coordinates, over I inputs.

    Attributes:
        parameters: the P0 parameters, the floor first.
        coordinates: C, the first of which is the floor's.
        axes: names of the A axes along which the law drifts.
        place: (points (N, C) of a standard normal prior, floor (N,), logarithm of the values' typical size, numpy or
            jax.numpy) → theta (N, P0).
        value: (theta (…, P), z (…, I), numpy or jax.numpy) → (…).
        along: (z (…, I), numpy or jax.numpy) → (…, A) places on the axes.
        falling: (I,) which inputs need not be used: beyond the runs more of them does no harm.
        reference: (I,) whose largest measured value each input is counted from.
        progress: the input that grows while a run is trained, ``None`` where none does.
        log_drift: mean and deviation of ln s, the drifts' rate per e-fold to the power 1.5.
        wild: deviations beyond which a row gets the variance at which it would lie so far off.
    """

    parameters: tuple[Parameter, ...]
    coordinates: int
    axes: tuple[str, ...]
    place: Callable[[Any, Any, Any, ModuleType], Any]
    value: Callable[[Any, Any, ModuleType], Any]
    along: Callable[[Any, ModuleType], Any]
    falling: tuple[bool, ...]
    reference: tuple[int, ...]
    progress: int | None
    log_drift: tuple[float, float] = (float(np.log(0.02)), 1.0)
    wild: float = 3.0

    @property
    def size(self) -> int:
        """The number P0 of parameters before those of the drifts."""
        return len(self.parameters)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of axes whose product is a term of its own."""
        return tuple(combinations(range(len(self.axes)), 2))

    @property
    def drifts(self) -> tuple[Parameter, ...]:
        """The parameters behind the shape's: each axis's end and span, each drift's numbers, the products'."""
        ends = [(f"{what}_{name}", low) for what, low in (("end", -np.inf), ("span", 0.0)) for name in self.axes]
        numbers = [
            f"{kind}_{name}{knot}"
            for name in self.axes
            for kind, knots in (("g", range(1, KNOTS)), ("slope", range(1, KNOTS)), ("kappa", ("",)))
            for knot in knots
        ]
        products = [f"c_{self.axes[one]}_{self.axes[other]}" for one, other in self.pairs]
        typical = {"end": (0.0, 0.0), "span": (2.0, 5.0)}
        return (
            *(Parameter(name, "inner", low, np.inf, typical=typical[name.split("_")[0]]) for name, low in ends),
            *(Parameter(name, "inner", -np.inf, np.inf) for name in (*numbers, *products)),
        )


def product_basis(away: Any, pairs: tuple[tuple[int, int], ...], xp: ModuleType = np) -> Any:
    """What the products' numbers are multiplied by (…, pairs), of distances (…, A) above the smallest places."""
    if not pairs:
        return xp.zeros((*away.shape[:-1], 0))
    return xp.stack([away[..., one] * away[..., other] for one, other in pairs], axis=-1)


def drift_design(shape: Shape, theta: Any, z: Any, xp: ModuleType = np) -> Any:
    """What the drifts' and products' numbers are multiplied by (…, M), of parameters (…, P) and log inputs (…, I)."""
    count, first = len(shape.axes), shape.size
    end, span = theta[..., first : first + count], theta[..., first + count : first + 2 * count]
    place, span = xp.broadcast_arrays(shape.along(z, xp) - end, span)
    drifts = [drift_basis(place[..., axis], span[..., axis], xp) for axis in range(count)]
    return xp.concatenate([*drifts, product_basis(xp.maximum(place + span, 0.0), shape.pairs, xp)], axis=-1)


def log_drift(shape: Shape, theta: Any, z: Any, xp: ModuleType = np) -> Any:
    """The logarithm (…) of what the shape is multiplied by; arguments as ``drift_design``."""
    numbers = theta[..., shape.size + 2 * len(shape.axes) :]
    return xp.clip((drift_design(shape, theta, z, xp) * numbers).sum(axis=-1), -LARGEST_LOG, LARGEST_LOG)


def unturned_value(shape: Shape, theta: Any, z: Any, xp: ModuleType = np) -> Any:
    """Shape times drifts (…), whatever the drifts do."""
    return shape.value(theta, z, xp) * xp.exp(log_drift(shape, theta, z, xp))


def drifting_value(shape: Shape, theta: Any, z: Any, xp: ModuleType = np) -> Any:
    """The law's value (…): beyond the runs a drift may flatten it, and not turn it where more need not be used."""
    within = xp.where(xp.asarray(shape.falling), xp.minimum(z, 0.0), z)
    return xp.minimum(unturned_value(shape, theta, z, xp), unturned_value(shape, theta, within, xp))


def drifting_law(name: str, shape: Shape, inputs: tuple[str, ...], **words: Any) -> Law:
    """The record of a law that is a shape with drifts, fitted by its posterior."""

    def sample(observations: Any, *, draws: int, seed: int, borrow: bool = True, device: str | None = None) -> Any:
        from budget.curves.predictive.drift_posterior import sample_drifting  # loads JAX, which plans do without

        return sample_drifting(observations, shape, draws=draws, seed=seed, device=device)

    return Law(
        name=name,
        inputs=inputs,
        parameters=(*shape.parameters, *shape.drifts),
        basis=lambda theta, z, xp: (),
        curve=lambda theta, z, xp: drifting_value(shape, theta, z, xp),
        sampler=sample,
        **words,
    )
