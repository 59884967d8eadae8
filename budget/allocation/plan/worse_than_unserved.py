"""What is said where a plan's own curves are worse than a task that is given nothing."""

import numpy as np

from budget.allocation.served import is_served
from budget.allocation.spec.measures import distance_of
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.numerics.quoting import listed


def worse_than_unserved(curves: Curves, spec: PlanSpec, inputs: np.ndarray) -> tuple[str, ...]:
    """Sentences on the tasks whose curve, at what the plan gives them, is worse than their unserved value.

    Their predictions and intervals are cut there, what the plan makes small is not: the lesser of a falling curve and
    a constant is not convex, and a plan that may leave a task at its unserved value is another question. So the bound
    stays that of the stated problem, and where it does not speak of the predictions it is said.

    Args:
        curves: of the question's T tasks.
        spec: what was asked.
        inputs: (T, I) the law's log inputs of the plan, minus infinity for a task that is given nothing.
    """
    if spec.measure.link is not None:
        return ()
    tasks, notes = np.flatnonzero(is_served(inputs)), []
    worst = distance_of(curves, tasks, curves.unserved[tasks])
    is_over = curves.distance(tasks, inputs[tasks]) > worst
    is_cut = curves.told.distance(tasks, inputs[tasks]) > worst
    for of, so in (
        (is_over & is_cut, "there the prediction is cut"),
        (is_over & ~is_cut, "the prediction, which is another curve, is better and is not cut"),
    ):
        over = [f"{curves.tasks[tasks[at]]} (unserved {curves.unserved[tasks[at]]:.4g})" for at in np.flatnonzero(of)]
        if over:
            notes.append(
                f"With what the plan gives it the curve of {listed(over)} is worse than unserved: {so}, the plan and "
                "its bound count the curve; --allow-unserved plans without such a task."
            )
    if spec.risk.reads_draws and len(curves.draws):
        drawn = (curves.distance_draws(tasks, inputs[tasks]) > worst).sum(axis=0)
        some = [f"{curves.tasks[tasks[at]]} ({drawn[at]})" for at in np.flatnonzero(drawn)]
        if some:
            notes.append(
                f"Of {len(curves.draws)} draws some are worse than unserved at the planned scales: {listed(some)}; "
                "intervals are cut there, the risk counts the curves as drawn."
            )
    return tuple(notes)
