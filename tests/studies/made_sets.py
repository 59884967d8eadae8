"""Sets of tasks for the growth study: different, identical, of one scale or two."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from budget.allocation.spec.make_spec import plan_spec
from budget.curves.cost_law import Cost
from budget.curves.curves import Curves
from budget.studies.strategies.shared_subsets import SharedSubsets
from budget.studies.strategies.specialist_subsets import Subsets
from budget.tables.tasks import TaskSettings
from tests.made import SIX, chinchilla, curves_of, power
from tests.simulate import Truth

BUDGET = 1e21


def different(count: int, *, seed: int = 0, draws: int = 0, **changes: Any) -> Curves:
    """Tasks of two scales that have nothing in common."""
    random = np.random.default_rng(seed)
    truths = {
        f"t{i}": Truth(
            random.uniform(0.5, 2), random.uniform(50, 400), random.uniform(0.2, 0.4), random.uniform(200, 900),
            random.uniform(0.2, 0.4),
        )
        for i in range(count)
    }  # fmt: skip
    return chinchilla(truths, draws=draws, **changes)


def identical(count: int, *, draws: int = 0) -> Curves:
    """Copies of one task of two scales, whose draws are copies too."""
    one = chinchilla({"t": Truth(1.7, 400.0, 0.34, 410.0, 0.28)}, draws=draws)
    return _copies(one, count)


def identical_of_one_scale(count: int, *, draws: int = 0) -> Curves:
    """Copies of one task ``1 + 3e4·C^-0.27``."""
    return _copies(power({"t": (1.0, 3e4, 0.27)}, draws=draws), count)


def _copies(curves: Curves, count: int) -> Curves:
    many = curves.take(np.zeros(count, dtype=int))
    return type(many)(**{**vars(many), "tasks": tuple(f"t{i}" for i in range(count))})


def subsets_of(curves: Curves, budget: float = BUDGET, **task_settings: Any) -> Subsets:
    """The solver of the curves' subsets."""
    tasks = TaskSettings(curves.tasks, **task_settings)
    return Subsets(curves, plan_spec(curves, tasks, budget, strategy="specialists", measure="value"))


def shared_models(
    names: Sequence[str],
    *,
    seed: int = 0,
    phi: float = 0.2,
    psi: float = 0.1,
    alike: bool = False,
    draws: int = 0,
    measured: tuple[int, int] = (2, 4),
    strategy: str = "generalist",
    cost: Cost = SIX,
    **changes: Any,
) -> Curves:
    """Curves ``E + A·K^phi/N^alpha + B·K^psi/D^beta`` of one model for several tasks, copies of one where ``alike``."""
    random = np.random.default_rng(seed)
    natural = {
        name: (
            random.uniform(0.5, 2), random.uniform(50, 400), random.uniform(0.2, 0.4), random.uniform(200, 900),
            random.uniform(0.2, 0.4), phi, psi,
        )
        for name in names
    }  # fmt: skip
    if alike:
        natural = dict.fromkeys(names, (1.7, 400.0, 0.34, 410.0, 0.28, phi, psi))
    curves = curves_of(
        "shared", ("params", "task_tokens", "n_tasks"), natural, reference=(2e8, 5e9, 1.0), draws=draws, seed=seed
    )
    if alike and draws:
        curves = replace(curves, draws=np.repeat(curves.draws[:, :1], len(names), axis=1))
    count = len(names)
    ends = (
        {"params": 1e7, "task_tokens": 1e9, "tokens": 1e9, "flops": 1e18, "n_tasks": measured[0]},
        {"params": 1e9, "task_tokens": 1e11, "tokens": 1e12, "flops": 1e21, "n_tasks": measured[1]},
    )
    smallest, largest = ({name: np.full(count, float(end)) for name, end in each.items()} for each in ends)
    options: dict[str, Any] = {
        "cost": cost,
        "shared": np.ones(count, dtype=bool),
        "group": np.zeros(count, dtype=int),
        "smallest": smallest,
        "largest": largest,
        "strategy": strategy,
    }
    return replace(curves, **(options | changes))


def shared_subsets_of(curves: Curves, budget: float = BUDGET, **task_settings: Any) -> SharedSubsets:
    """The solver of one model for each subset."""
    tasks = TaskSettings(curves.tasks, **task_settings)
    return SharedSubsets(curves, plan_spec(curves, tasks, budget, strategy="shared", measure="value"))
