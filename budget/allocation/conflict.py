"""Limits that contradict each other: whether any plan obeys them, and the smallest set that none does.

Whatever a model is given, it can be trained for (with inputs as small as need be), so the limits are a linear program
in the given amounts alone.
"""

import numpy as np
from scipy.optimize import linprog

from budget.allocation.problem import Problem
from budget.errors import InfeasibleError

NOTHING = 1e-9
"""Share of an equal part of a budget below which limits are said to leave nothing."""


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


def refuse_nothing(problem: Problem, unit: str) -> None:
    """Refuse limits on the budget's unit that leave a model nothing: what is served must be given something.

    Args:
        problem: the stated problem, whose limits some plan obeys.
        unit: of its budget.

    Raises:
        InfeasibleError: names the models.
    """
    if all(row.resource for row in problem.rows):
        return
    models = len(problem.cost)
    _, matrix, right = _rows(problem, unit)
    of_budget = matrix[:, :models].any(axis=1)  # a row is about one resource
    matrix, right = matrix[of_budget, :models], right[of_budget]
    size = problem.budget if np.isfinite(problem.budget) else float(np.abs(right).max())
    row = np.abs(matrix).max(axis=1) * size
    matrix, right = matrix * size / row[:, None], right / row

    def most(among: np.ndarray) -> float:
        """How much each of some models can have at once, as a share of an equal part of the budget."""
        every = np.column_stack([matrix, np.zeros(len(matrix))])
        some = np.column_stack([-np.eye(models)[among], np.full(among.sum(), 1 / models)])
        least = np.append(np.zeros(models), -1.0)
        found = linprog(least, np.vstack([every, some]), np.append(right, np.zeros(among.sum())), method="highs")
        return float(-found.fun) if found.status == 0 else np.inf

    if most(np.ones(models, dtype=bool)) > NOTHING:
        return
    empty = [name for v, name in enumerate(problem.names) if most(np.arange(models) == v) <= NOTHING]
    if empty:
        raise InfeasibleError(
            f"The limits leave nothing for {', '.join(empty)}; loosen them, or leave out what cannot be served."
        )


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
