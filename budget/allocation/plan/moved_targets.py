"""The cheapest plan on convex curves, whose targets are moved until the predictions meet what is asked.

A target is a limit that a reader checks against predictions. Where limits, further budgets or one model for all join
the tasks, the program on convex curves decides: it is solved again with every target moved by what curve and prediction
differ there, until the difference is that at the plan itself.

See docs/decisions/132-reported-is-the-prediction.md.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.tables.target_met import TARGET_SLACK, target_met

TRIES = 30
"""Most times that a program is solved again."""


def moved_targets(
    curves: Curves, spec: PlanSpec, log_inputs: Callable[[PlanSpec], np.ndarray]
) -> tuple[PlanSpec, np.ndarray]:
    """The question whose targets are moved so that its plan on convex curves meets the stated ones by predictions.

    Args:
        curves: of T tasks.
        spec: what is asked.
        log_inputs: the law's (T, I) of the plan of such a question.

    Returns:
        The question; and (T,) whether its plan meets the stated targets, which it may miss where this does not settle.
    """
    asked = moved = spec
    every = np.arange(len(curves.tasks))
    met = np.zeros(len(every), dtype=bool)
    for _ in range(TRIES):
        asked = moved  # what is returned was planned: ``met`` is of its plan
        inputs = log_inputs(asked)
        told, planned = curves.told.distance(every, inputs), curves.distance(every, inputs)
        higher = curves.higher_is_better
        met = target_met(curves.told.present(every, told), spec.tasks.target, higher)
        # a little beyond, so that a solver's digits are on its side
        beyond = np.where(higher, 1.0, -1.0) * 0.3 * TARGET_SLACK * np.abs(spec.tasks.target)
        target = spec.tasks.target + np.where(higher, told - planned, planned - told) + beyond
        settled = np.abs(target - asked.tasks.target) <= 0.1 * TARGET_SLACK * np.abs(spec.tasks.target)
        if met.all() and settled.all():
            break
        moved = replace(spec, tasks=replace(spec.tasks, target=target))
    return asked, met
