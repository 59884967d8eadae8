"""What sharing one budget does to each task: its value alone, and as 1, 2, …, K tasks share."""

from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.problem import planned_cost, reach_of_models, sized_values
from budget.allocation.plan.assembly import law_inputs_of
from budget.curves.curves import Curves
from budget.studies.growth.growth import Growth


@dataclass(frozen=True)
class BudgetSharing:
    """K tasks in joining order.

    Attributes:
        alone: (K,) each task's predicted value where the whole budget is its own, of which it spends what the reach
            of its runs allows.
        sizes: (S,) the numbers of tasks of the sets that are shown.
        shared: (S, K) ``shared[s, i]`` is task i's value where the first ``sizes[s]`` tasks share, NaN before it joins.
        spend: (K,) spend of each task where all share.
        worse: (K,) how much worse each task is where all share than alone, in its metric's unit.
    """

    alone: np.ndarray
    sizes: np.ndarray
    shared: np.ndarray
    spend: np.ndarray
    worse: np.ndarray


def budget_sharing(curves: Curves, growth: Growth) -> BudgetSharing:
    """Each task alone with the whole budget, and in the plans of a growing set.

    Args:
        curves: of the growth's K tasks, in any order.
        growth: along one order.
    """
    last, count = growth.plans[-1], len(growth.names)
    spec = last.spec
    curves = curves.take(np.array([curves.tasks.index(name) for name in growth.names]))
    value, cost = sized_values(curves, spec).values, planned_cost(curves, spec, spec.unit)
    spend = np.minimum(spec.budget, reach_of_models(curves, spec, cost))
    inputs = law_inputs_of(curves, spec, best_inputs(value, cost, spend))
    alone, _, _ = curves.predict(np.arange(count), inputs)
    shared = np.full((len(growth.plans), count), np.nan)
    for position, plan in enumerate(growth.plans):
        shared[position, : len(plan.predicted)] = plan.predicted
    sizes = np.array([len(plan.predicted) for plan in growth.plans])
    return BudgetSharing(alone, sizes, shared, last.spend, last.directions * (alone - shared[-1]))
