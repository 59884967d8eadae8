"""One model for K tasks, each with tokens of its own: what more tasks cost each of them (Longpre et al. 2025)."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.law import Law, Parameter
from budget.curves.laws.parts import crossed, falling_power, floor
from budget.curves.planning_forms.mixture import MixtureForm


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    tasks = z[..., 2]
    return (
        0.0,
        theta[..., 5] * tasks - theta[..., 2] * z[..., 0],
        theta[..., 6] * tasks - theta[..., 4] * z[..., 1],
    )


def _mixing(law: Law, theta: np.ndarray, reference: np.ndarray, own: np.ndarray, sources: int) -> MixtureForm:
    """Every task has a source of its own, which alone counts for it: a geometric program at fixed K = S."""
    floor, a, alpha, b, beta, phi, psi = np.moveaxis(theta, -1, 0)
    logs = np.log(reference)
    tasks = np.log(sources) - logs[..., 2]
    return MixtureForm(
        floor=floor,
        capacity=a + alpha * logs[..., 0] + phi * tasks,
        alpha=alpha,
        data=b + beta * logs[..., 1] + psi * tasks,
        beta=beta,
        tau=np.broadcast_to(np.eye(sources)[own], (*theta.shape[:-1], sources)),
        least_share=0.0,
    )


LAW = Law(
    name="shared",
    formula="E + A·K^phi/N^alpha + B·K^psi/D^beta",
    summary="models of several numbers of tasks",
    reference="Longpre et al. 2025 (ATLAS)",
    inputs=("params", "task_tokens", "n_tasks"),
    parameters=(
        floor(),
        *falling_power("A", "alpha", 2),
        *falling_power("B", "beta", 4, input=1),
        Parameter("phi", "plain", -1.5, 1.5, grid=(0.0,), common=True, typical=(-0.1, 0.2)),
        Parameter("psi", "plain", -1.5, 1.5, grid=(0.0,), common=True, typical=(-0.1, 0.2)),
    ),
    basis=_basis,
    example=lambda task: crossed(
        params=np.geomspace(1e7, 3e9, 4), task_tokens=np.geomspace(3e8, 3e10, 4), n_tasks=[1, 3, 9]
    ),
    mixing=_mixing,
)
