"""A law with a posterior that is written down: what the door from runs to curves is tried on."""

from dataclasses import replace

import numpy as np

from budget.curves.laws.convexity import NOT_KNOWN_CONVEX
from budget.curves.laws.law import Law, Parameter
from budget.curves.laws.table import LAWS
from budget.curves.predictive.observations import Observations, Posterior
from budget.numerics.streams import keys, uniforms


def drifting(theta, z, xp):
    """A floor with one falling power of each input, times a power of each: what the plans' law cannot say itself."""
    plain = theta[..., 0] + xp.exp(theta[..., 1] - theta[..., 2] * z[..., 0])
    return (plain + xp.exp(theta[..., 3] - theta[..., 4] * z[..., 1])) * xp.exp(theta[..., 5] * z.sum(axis=-1))


TRUTH = np.array([1.0, np.log(0.4), 0.35, np.log(0.5), 0.3, 0.0])


def sample_known(
    data: Observations, *, draws: int, seed: int, borrow: bool = True, device: str | None = None
) -> Posterior:
    """Draws about the truth that depend on the task's name alone; the noise is a hundredth."""
    shake = uniforms(keys(data.names), seed, 0, draws, 3) - 0.5
    theta = np.tile(TRUTH, (draws, len(data), 1))
    theta[..., 1] += 0.2 * shake[0]
    theta[..., 5] += 0.02 * shake[1]
    flat = np.ones(len(data))
    return Posterior(
        theta.mean(axis=0), theta, 0.01 * shake[2], 0.01 * flat, flat, draws * flat, np.full(len(data), np.nan)
    )


KNOWN = replace(
    LAWS["chinchilla"],
    name="known",
    parameters=(*LAWS["chinchilla"].parameters, Parameter("drift", "inner", -1.0, 1.0)),
    curve=drifting,
    sampler=sample_known,
    planned_as="chinchilla",
    planning=NOT_KNOWN_CONVEX,
)
assert isinstance(KNOWN, Law)
