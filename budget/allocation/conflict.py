"""Limits that contradict each other: whether any plan obeys them, and the smallest set that none does.

Whatever a model is given, it can be trained for (with inputs as small as need be), so the limits are a linear program
in the given amounts alone.
"""

import numpy as np
from scipy.optimize import linprog

from budget.allocation.problem import Problem
from budget.errors import InfeasibleError


def refuse_conflict(problem: Problem, unit: str) -> None:
    """Refuse limits that no plan obeys.

    Args:
        problem: the stated problem.
        unit: of its budget.

    Raises:
        InfeasibleError: names a smallest set of limits of which each could be dropped to make a plan possible.
    """
    words, matrix, right = _rows(problem, unit)
    kept = np.ones(len(words), dtype=bool)
    if _is_feasible(matrix, right):
        return
    for position in range(len(words)):  # deletion filter: what can be left out of a conflict is no part of it
        kept[position] = False
        if _is_feasible(matrix[kept], right[kept]):
            kept[position] = True
    listed = [word for word, is_kept in zip(words, kept, strict=True) if is_kept]
    raise InfeasibleError(f"No plan obeys these limits together: {'; '.join(listed)}. Loosen or drop any one of them.")


def _rows(problem: Problem, unit: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    models, resources = len(problem.cost), 1 + len(problem.further)
    words, matrix, right = [], [], []

    def add(word: str, resource: int, coefficient: np.ndarray, most: float) -> None:
        line = np.zeros((resources, models))
        line[resource] = coefficient
        words.append(word)
        matrix.append(line.ravel())
        right.append(most)

    for position, name in enumerate(problem.names):
        one = np.eye(models)[position]
        if problem.low[position] > 0:
            add(f"{name} at least {problem.low[position]:.6g} {unit}", 0, -one, -problem.low[position])
        if problem.high[position] < problem.budget:
            add(f"{name} at most {problem.high[position]:.6g} {unit}", 0, one, problem.high[position])
    for row in problem.rows:
        right_side = row.sign * row.most
        add(f"{row.name} ({right_side:.6g})", row.resource, row.coefficient, row.most)
    totals = [(unit, problem.budget), *((each.unit, each.budget) for each in problem.further)]
    for resource, (name, total) in enumerate(totals):
        if np.isfinite(total):
            add(f"a budget of {total:.6g} {name}", resource, np.ones(models), total)
    return words, np.array(matrix), np.array(right)


def _is_feasible(matrix: np.ndarray, right: np.ndarray) -> bool:
    if len(matrix) == 0:
        return True
    # every row and every amount in units of its own size, so that the tolerance is relative
    size = np.where(right != 0, np.abs(right), 1.0)
    unit = np.maximum(np.abs(matrix / size[:, None]).max(axis=0), 1e-300)
    scaled = matrix / size[:, None] / unit
    found = linprog(np.zeros(matrix.shape[1]), A_ub=scaled, b_ub=right / size, bounds=(0, None), method="highs")
    return found.status != 2
