"""What sentences, tables and figures ask of a study and its plan: read off them, nothing is computed a second time."""

import numpy as np

from budget.allocation.plan.plan import Plan
from budget.report.written_numbers import UNIT_WORDS, factor
from budget.studies.make_plan import Study


def is_shared(plan: Plan) -> bool:
    """Whether the plan trains one model for all tasks."""
    return plan.spec.is_one_model


def is_of_one_task(plan: Plan) -> bool:
    """Whether there is one task, so that all there is to decide is its model."""
    return len(plan.spec.tasks.names) == 1


def farthest(plan: Plan) -> str:
    """The planned scale that lies farthest outside the measured range of its task, in words."""
    name, position = max(
        ((name, int(np.abs(np.log(factors)).argmax())) for name, factors in plan.extrapolation_factors.items()),
        key=lambda where: abs(np.log(plan.extrapolation_factors[where[0]][where[1]])),
    )
    times = plan.extrapolation_factors[name][position]
    which = "" if is_shared(plan) or len(plan.spend) == 1 else f" ({plan.spec.tasks.names[position]})"
    unit = UNIT_WORDS.get(name, name)
    if times >= 1:
        return f"{factor(times)} the largest measured {unit}{which}"
    return f"{factor(1 / times)} below the smallest measured {unit}{which}"


def heaviest(plan: Plan, most: int) -> np.ndarray:
    """Positions of the tasks with the largest spend (then weight), at most so many, in the plan's order."""
    order = np.lexsort((-plan.spec.weight, -plan.spend))
    return np.sort(order[:most])


def saturated(study: Study) -> list[str]:
    """Used tasks whose last decade of scale no longer improved the best value by 3 standard errors."""
    used = set(study.planned.tasks)
    return [
        finding.task
        for finding in study.findings
        if finding.check == "last decade" and finding.verdict != "PASS" and finding.task in used
    ]
