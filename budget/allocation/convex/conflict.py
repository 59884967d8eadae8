"""Limits that contradict each other: whether any plan obeys them, and the smallest set that none does.

Whatever a model is given, from the smallest model on, it can be trained for, so the limits are a linear program in the
given amounts alone.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from budget.allocation.convex.problem import Problem
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import InfeasibleError
from budget.numerics.feasibility import LIMIT_ROUNDING, Bound, conflict
from budget.numerics.words import exactly

NOTHING = 1e-30
"""Share of a budget that counts as something."""

NEARLY = 1e-9
"""Share of an equal part of a budget that does, where the limits can be met but for rounding."""

SHOWN = 8
"""Most limits of a conflict that are written out."""


def refuse_conflict(problem: Problem, unit: str) -> None:
    """Refuse limits that no plan obeys.

    Args:
        problem: the stated problem.
        unit: of its budget.

    Raises:
        InfeasibleError: names a smallest set of limits of which each could be dropped to make a plan possible.
    """
    found = conflict(*_system(problem))
    if found:
        smallest = any(_is_smallest(problem, bound) for bound in found)
        if smallest and not conflict(*_system(stated := _without_smallest(problem))):
            refuse_nothing(stated)
        listed = "; ".join(_word(problem, unit, bound) for bound in found[:SHOWN])
        listed += f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        mend = "Loosen a limit, or leave a task out" if smallest else "Loosen or drop any one of them"
        raise InfeasibleError(f"No plan obeys these limits together: {listed}. {mend}.")


def refuse_nothing(problem: Problem) -> None:
    """Refuse limits on the budget's unit that leave a model nothing: what is served must be given something.

    Args:
        problem: the stated problem, whose limits some plan obeys.

    Raises:
        InfeasibleError: names the models.
    """
    if all(row.resource for row in problem.rows):
        return
    matrix, most, low, high = _system(problem)
    models = len(problem.cost)
    size = problem.budget if np.isfinite(problem.budget) else float(np.abs(most).max(initial=1.0))
    exact = not conflict(matrix, most, low, high, Fraction(0))
    rounding, least = (Fraction(0), NOTHING * size) if exact else (LIMIT_ROUNDING, NEARLY * size / models)

    def is_conflict(served: np.ndarray) -> bool:
        """Whether some models cannot be given something at once."""
        something = np.where(np.isin(np.arange(len(low)), served), np.maximum(low, least), low)
        return bool(conflict(matrix, most, something, high, rounding))

    if not is_conflict(np.arange(models)):
        return
    empty = [name for model, name in enumerate(problem.names) if is_conflict(np.array([model]))]
    if empty:
        raise InfeasibleError(
            f"The limits leave nothing for {', '.join(empty)}; loosen them, or leave out what cannot be served."
        )


def _totals(problem: Problem, unit: str) -> list[tuple[str, float]]:
    return [(unit, problem.budget), *((each.unit, each.budget) for each in problem.further)]


def _system(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows and then budgets over the amounts (R·V,) of all resources, with the ends of the amounts."""
    models, resources = len(problem.cost), 1 + len(problem.further)
    totals = np.array([total for _, total in _totals(problem, "")])
    matrix = np.zeros((len(problem.rows) + resources, resources, models))
    for at, row in enumerate(problem.rows):
        matrix[at, row.resource] = row.coefficient
    matrix[len(problem.rows) + np.arange(resources), np.arange(resources)] = 1.0
    most = np.concatenate([[row.upper for row in problem.rows], totals])
    low, high = np.zeros((resources, models)), np.full((resources, models), np.inf)
    for amounts, each in zip(low[1:], problem.further, strict=True):
        amounts[:] = each.cost.at_domain
    low[0], high[0] = problem.low, np.where(problem.high < problem.budget, problem.high, np.inf)
    counted = np.isfinite(most)
    return matrix.reshape(len(most), -1)[counted], most[counted], low.ravel(), high.ravel()


def _costs(problem: Problem) -> list[Posynomial]:
    return [problem.cost, *(each.cost for each in problem.further)]


def _is_smallest(problem: Problem, bound: Bound) -> bool:
    """Whether a bound is no limit of the reader's but what the smallest model takes."""
    resource, model = divmod(bound.position, len(problem.cost))
    return bound.kind == "low" and bool(resource or problem.low[model] <= problem.smallest[model])


def _without_smallest(problem: Problem) -> Problem:
    """The problem with the reader's limits alone."""
    low = np.where(problem.low > problem.smallest, problem.low, 0.0)
    further = tuple(replace(each, cost=replace(each.cost, domain=None)) for each in problem.further)
    return replace(problem, low=low, cost=replace(problem.cost, domain=None), further=further)


def _word(problem: Problem, unit: str, bound: Bound) -> str:
    """What the reader calls a limit of the system."""
    if bound.kind == "low":
        resource, model = divmod(bound.position, len(problem.cost))
        if _is_smallest(problem, bound):
            name = _totals(problem, unit)[resource][0]
            takes = _costs(problem)[resource].at_domain[model]
            return f"the smallest model for {problem.names[model]} ({takes:.6g} {name})"
        return f"{problem.names[bound.position]} at least {exactly(float(problem.low[bound.position]))} {unit}"
    if bound.kind == "high" and problem.reach is not None:
        most, reach = float(problem.high[bound.position]), float(problem.reach[bound.position])
        if most >= reach:
            return f"{problem.names[bound.position]} at most {reach:.6g} {unit}, its reach"
    if bound.kind == "high":
        return f"{problem.names[bound.position]} at most {exactly(float(problem.high[bound.position]))} {unit}"
    if bound.position < len(problem.rows):
        row = problem.rows[bound.position]
        return f"{row.name} ({exactly(float(row.sign * row.upper))})"
    counted = [each for each in _totals(problem, unit) if np.isfinite(each[1])]
    name, total = counted[bound.position - len(problem.rows)]
    return f"a budget of {exactly(float(total))} {name}"
