"""How much of what each task would gain alone is left when k tasks share one budget, whichever k they are.

A task's gain is counted from its unserved value: 0 there, 1 where it has the whole budget alone. Over random orders the
mean tells what breadth costs, and the band what it matters which tasks they are.

See docs/decisions/074-growth-by-subset.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from budget.numerics.strict_json import json_value
from budget.studies.growth.task_orders import joining_orders, mean_and_band
from budget.studies.strategies.specialist_subsets import Subsets

ORDERS = 40
"""Random orders."""

MOST_TASKS = 12_000
"""Tasks of all sets together, about: of many tasks fewer orders are followed."""

SIZES = 12
"""Numbers of tasks that are looked at, evenly in their logarithm."""


@dataclass(frozen=True)
class BreadthCurve:
    """S numbers of tasks that share the budget.

    Attributes:
        n_tasks: (S,) rising, from 1 to all K.
        kept: (S,) mean over the orders of the weighted mean share that the tasks keep of their gain alone.
        low: (S,) lower end of the 80 % band of the orders.
        high: (S,) upper end.
        orders: how many there are.
        unserved: (K,) values without a model.
        alone: (K,) values with the whole budget.
        weight: (K,) of the tasks.
    """

    n_tasks: np.ndarray
    kept: np.ndarray
    low: np.ndarray
    high: np.ndarray
    orders: int
    unserved: np.ndarray
    alone: np.ndarray
    weight: np.ndarray

    def of(self, value: np.ndarray) -> float:
        """The weighted mean share that values (K,) keep."""
        share = (self.unserved - value) / (self.unserved - self.alone)
        return float(share @ self.weight / self.weight.sum())

    def record(self) -> dict[str, Any]:
        """The curve as JSON."""
        return {name: json_value(getattr(self, name)) for name in ("n_tasks", "kept", "low", "high", "orders")}


def breadth_curve(subsets: Subsets, seed: int = 0) -> BreadthCurve | None:
    """Follow random orders; ``None`` where no single price divides the budget, or a task's gain is not known.

    Args:
        subsets: solves the sets of K tasks.
        seed: of the orders.
    """
    curves, tasks = subsets.curves, subsets.spec.tasks
    count, unserved = len(curves.tasks), tasks.unserved
    if not subsets.convex or count < 2 or not np.isfinite(unserved).all():
        return None
    every = np.arange(count)
    alone = curves.present(every, subsets.of(every[:, None]).distance[:, 0])
    if not (np.where(curves.higher_is_better, alone - unserved, unserved - alone) > 0).all():
        return None
    sizes = np.unique(np.round(np.geomspace(1, count, SIZES)).astype(int))
    orders = joining_orders(subsets, "random", int(np.clip(MOST_TASKS // sizes.sum(), 5, ORDERS)), seed)
    kept = []
    for size in sizes:
        split = subsets.of(orders[:, :size])
        value = curves.present(split.members.ravel(), split.distance.ravel()).reshape(split.members.shape)
        nothing, all_of_it = unserved[split.members], alone[split.members]
        kept.append(subsets.weighted(split, (nothing - value) / (nothing - all_of_it)))
    mean, low, high = mean_and_band(np.stack(kept, axis=1))
    return BreadthCurve(sizes, mean, low, high, len(orders), unserved, alone, tasks.weight)
