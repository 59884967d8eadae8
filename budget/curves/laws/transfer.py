"""Mixtures of sources: what a token of each is worth to each task (effective data, Hernandez et al. 2021)."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.law import Law, Parameter
from budget.curves.laws.parts import crossed, falling_power, floor
from budget.curves.planning_forms.mixture import MixtureForm

LEAST_SHARE = 1e-2
"""Share of a mixture's tokens down to which effective data are the sum; below it harm has a diminishing effect."""


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    tokens = xp.exp(z[..., 1:])
    least = LEAST_SHARE * tokens.sum(axis=-1)
    ratio = (theta[..., 5:] * tokens).sum(axis=-1) / least
    # below the least share the effective data go to 0 like 1/(2 − ratio), which meets the ratio with its slope at 1
    below = -xp.log(2 - xp.minimum(ratio, 1.0))
    effective = xp.where(ratio > 1, xp.log(xp.maximum(ratio, 1.0)), below) + xp.log(least)
    return 0.0, -theta[..., 2] * z[..., 0], -theta[..., 4] * effective


def _mixing(law: Law, theta: np.ndarray, reference: np.ndarray, own: np.ndarray, sources: int) -> MixtureForm:
    """Tokens of all sources have one reference, so tau is the same in the law's coordinates and in tokens."""
    floor, a, alpha, b, beta = np.moveaxis(theta[..., :5], -1, 0)
    logs = np.log(reference)
    return MixtureForm(
        floor=floor,
        capacity=a + alpha * logs[..., 0],
        alpha=alpha,
        data=b + beta * logs[..., 1],
        beta=beta,
        tau=theta[..., law.transfers],
        least_share=LEAST_SHARE,
    )


EXAMPLE_SOURCES = ("t0", "t1", "web")
"""Sources of the example's mixtures; the first ones are tasks."""


def _example(task: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(task)
    inputs = crossed(params=np.geomspace(1e7, 3e9, 3), total=np.geomspace(3e8, 1e11, 20))
    share = 0.6 * random.dirichlet(np.ones(len(EXAMPLE_SOURCES)), len(inputs["total"]))
    share[::7, 2] = 0.0  # a source that a run has seen nothing of
    share[:, task] += 0.4  # of the task's own
    tokens = (share * inputs["total"][:, None]).T
    return {"params": inputs["params"], **dict(zip(EXAMPLE_SOURCES, tokens, strict=True))}


LAW = Law(
    name="transfer",
    formula="E + A/N^alpha + B/(Σ_j tau_j·D_j)^beta",
    summary="mixtures of sources",
    reference="effective data, Hernandez et al. 2021, arXiv 2102.01293; tau of the task's own source is 1",
    inputs=("params", "sources"),
    parameters=(
        floor(),
        *falling_power("A", "alpha", 2),
        *falling_power("B", "beta", 4, input=1),
        # a source that no run shows is not known: a weak prior says that it is worth nothing
        Parameter("tau", "plain", -3.0, 5.0, grid=(0.0,), per_source=True, prior=0.5, typical=(-0.4, 0.9)),
    ),
    basis=_basis,
    example=_example,
    mixing=_mixing,
)
