"""Sets of tasks for the growth study: different, identical, of one scale or two."""

from typing import Any

import numpy as np

from budget.allocation.ask import ask
from budget.curves.fitted import Curves
from budget.studies.subsets import Subsets
from budget.tables.tasks import Tasks
from tests.made import chinchilla, power
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


def subsets_of(curves: Curves, budget: float = BUDGET, **wishes: Any) -> Subsets:
    """The solver of the curves' subsets."""
    tasks = Tasks(curves.tasks, **wishes)
    return Subsets(curves, ask(curves, tasks, budget, strategy="specialists", measure="value"))
