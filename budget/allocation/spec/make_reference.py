"""Which split a plan's gain is counted from.

See docs/decisions/143-risk-on-the-difference.md.
"""

import numpy as np

from budget.allocation.convex.problem import planned_cost, reach_of_models
from budget.allocation.spec.objectives import record_of
from budget.allocation.spec.plan_spec import REFERENCES, PlanSpec, Reference
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.numerics.fill_to_budget import fill_to_budget
from budget.numerics.quoting import listed
from budget.tables.splits import Split


def reference_of(curves: Curves, spec: PlanSpec, named: str | Split | None, at_risk: float = 0.0) -> Reference:
    """The reference of a question.

    Args:
        curves: of the question's T tasks.
        spec: what is asked, one model a task.
        named: one of ``REFERENCES``, or a split; by default today's where it is stated for every task, else that by
            weight, and what of it the limits allow.
        at_risk: what the worst draws may lose against it.

    Raises:
        AllocationError: the name is unknown, today's split is not stated, or a task is given nothing.
    """
    tasks = spec.tasks
    if isinstance(named, Split):
        nothing = [name for name, spend in zip(tasks.names, named.spend, strict=True) if not spend > 0]
        if nothing:
            raise AllocationError(
                f"The reference gives {listed(nothing)} nothing, and every task is served here; give it a spend."
            )
        return Reference("the given plan", named, at_risk)
    missing = [name for name, spend in zip(tasks.names, tasks.current, strict=True) if not spend > 0]
    name = named or ("weight" if missing else "current")
    words = record_of("Reference", name, REFERENCES)
    if name == "current" and missing:
        raise AllocationError(
            f"--reference current needs what every task is given today: fill column 'current' of the tasks file for "
            f"{listed(missing)}."
        )
    count, unstated = len(tasks.names), np.full(len(tasks.names), np.nan)
    spend = {"uniform": np.full(count, spec.budget / count), "weight": spec.weight * spec.budget}.get(
        name, tasks.current
    )
    if named is None:
        low, high = spec.own_limits
        high = np.minimum(high, reach_of_models(curves, spec, planned_cost(curves, spec, spec.unit)))
        within = np.clip(spend, np.minimum(low, high), high)
        if (within != spend).any() or spend.sum() > spec.budget:
            spend = fill_to_budget(spend, spec.budget, np.minimum(low, high), np.minimum(high, spec.budget))
            words += " within the limits"
    return Reference(words, Split(spend, unstated, unstated), at_risk)
