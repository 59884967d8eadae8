"""Problems in numbers of order one: amounts counted from a start's, values from their reducible part there.

Residuals and gaps are then relative to what a plan can move, and one tolerance serves every file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.problem import Problem
from budget.allocation.spec.objectives import Goal
from budget.allocation.spec.scenarios import Scenarios
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial

LOG_BOX = 30.0
"""Half width of the box of log inputs about the start, 13 decades: there only to keep a flat direction finite."""

LARGEST_AMOUNT = 1e12
"""Amount, counted from the start's, beyond which a limit is none: float64 would not see it beside the others."""

StatedRow = tuple[int, np.ndarray, float]
"""A resource, coefficients of its amounts (V,), and the most of their sum."""


def stated_rows(problem: Problem, *, with_budget: bool = True) -> tuple[list[StatedRow], tuple[int, ...]]:
    """The finite budgets, then the rows; and the resources of the budgets, without the first on request."""
    totals = [problem.budget, *(each.budget for each in problem.further)]
    budgets = tuple(r for r, total in enumerate(totals) if np.isfinite(total) and (r or with_budget))
    every = np.ones(len(problem.cost))
    return [(r, every, totals[r]) for r in budgets] + [
        (row.resource, row.coefficient, row.upper) for row in problem.rows
    ], budgets


def scaled_rows(
    stated: Sequence[StatedRow], is_budget: Sequence[bool], unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows over amounts in units (Q, R, V), each of order one.

    Returns:
        (Q, L, R, V) coefficients, (Q, L) right sides, and (Q, L) what each row was multiplied by: a price here times
        that is one in the problem's units.
    """
    matrix = np.zeros((len(unit), len(stated), *unit.shape[1:]))
    right, worth = np.ones((len(unit), len(stated))), np.ones((len(unit), len(stated)))
    for at, (resource, coefficient, most) in enumerate(stated):
        amounts = coefficient * unit[:, resource]
        worth[:, at] = 1 / (most if is_budget[at] else np.abs(amounts).sum(axis=1))
        matrix[:, at, resource] = amounts * worth[:, at, None]
        right[:, at] = most * worth[:, at]
    return matrix, right, worth


@dataclass(frozen=True)
class ScaledProblems:
    """Q problems that differ in their values only, about one start each.

    Attributes:
        goal: what is made small.
        values: Q·V·k functions, of the k tasks that each model serves (for the sum one function of all of them).
        costs: R costs of V models.
        unit: (Q, R, V) amounts at the start.
        size: (Q, V, k) what values are divided by.
        floor: (Q, V, k) their offsets over that; less their mean for the largest.
        objective: (Q, V) coefficients of the spends in what is made small, 0 but for the cheapest.
        worth: (Q,) what 1 of the objective is in the problem's units.
        low: (Q, V) least spends, in units.
        high: (Q, V) greatest ones.
        least: (Q, V, I) ends of the log inputs.
        most: (Q, V, I).
        matrix: (Q, L, R, V) coefficients of budgets and rows, in units, each row of order one.
        right: (Q, L) their right sides.
        row_worth: (Q, L) what a row was multiplied by.
        line: the rows, the budgets' and then the stated ones: (position in ``matrix``, sign of its multiplier).
        equal: how many of the last in ``matrix`` are equalities.
        budgets: resources whose budgets are the first rows.
    """

    goal: Goal
    values: PlanningForm
    costs: tuple[Posynomial, ...]
    unit: np.ndarray
    size: np.ndarray
    floor: np.ndarray
    objective: np.ndarray
    worth: np.ndarray
    low: np.ndarray
    high: np.ndarray
    least: np.ndarray
    most: np.ndarray
    matrix: np.ndarray
    right: np.ndarray
    row_worth: np.ndarray
    line: tuple[tuple[int, float], ...]
    equal: int
    budgets: tuple[int, ...]

    @classmethod
    def of(cls, problems: Sequence[Problem], goal: Goal, u: np.ndarray) -> "ScaledProblems":
        """The problems about log inputs (Q, V, I)."""
        first, (count, models, inputs) = problems[0], u.shape
        values = Scenarios.of([each.by_model if goal == "sum" else each.value for each in problems]).values
        each = len(values) // (count * models)
        costs = (first.cost, *(resource.cost for resource in first.further))
        flat = u.reshape(-1, inputs)
        alike = np.tile(np.arange(models), count)
        unit = np.stack([cost.take(alike).value(flat).reshape(count, models) for cost in costs], axis=1)
        unit = np.maximum(unit, 1e-300)
        terms = values.terms(np.repeat(flat, each, axis=0)).sum(axis=1).reshape(count, models, each)
        offset = values.offset.reshape(count, models, each)
        if goal == "sum":  # one unit for all that is added up
            worth = terms.sum(axis=(1, 2))
            size, floor = np.broadcast_to(worth[:, None, None], terms.shape), np.zeros_like(offset)
        elif goal == "largest":  # one for all that is compared
            worth = terms.mean(axis=(1, 2))
            size = np.broadcast_to(worth[:, None, None], terms.shape)
            floor = (offset - offset.mean(axis=(1, 2), keepdims=True)) / size
        else:  # each target's own gap
            worth = unit[:, 0].sum(axis=1)
            size, floor = np.maximum(-offset, 1e-300), -np.ones_like(offset)
        objective = unit[:, 0] / worth[:, None] if goal == "cheapest" else np.zeros((count, models))
        least, most = u - LOG_BOX, u + LOG_BOX
        if first.cost.domain is not None:
            least = np.maximum(least, first.cost.domain)
        if first.cost.ceiling is not None:
            most = np.minimum(most, first.cost.ceiling)
        return cls(
            goal,
            values,
            costs,
            unit,
            size,
            floor,
            objective,
            worth,
            first.low / unit[:, 0],
            np.minimum(first.high / unit[:, 0], LARGEST_AMOUNT),
            least,
            most,
            *_lines(first, unit, goal),
        )

    @property
    def epigraph(self) -> bool:
        """Whether each task has a limit of its own, of the level or of its target."""
        return self.goal != "sum"

    def take(self, pick: np.ndarray) -> "ScaledProblems":
        """Some of the problems, by a mask (Q,)."""
        each = len(self.values) // len(pick)
        alike = np.flatnonzero(np.repeat(pick, each))
        arrays = {name: getattr(self, name)[pick] for name in _BY_PROBLEM}
        return replace(self, values=self.values.take(alike), **arrays)


_BY_PROBLEM = (
    "unit", "size", "floor", "objective", "worth", "low", "high", "least", "most", "matrix", "right", "row_worth",
)  # fmt: skip
"""The arrays whose first axis is the problem."""


def _lines(
    problem: Problem, unit: np.ndarray, goal: Goal
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[tuple[int, float], ...], int, tuple[int, ...]]:
    """Budgets and rows over amounts in units (Q, R, V), as ``ScaledProblems`` has them.

    Two rows that ask for at most and at least the same are one equality: as two inequalities they leave no room for
    slacks, and their multipliers would grow together without bound.
    """
    stated, budgets = stated_rows(problem, with_budget=goal != "cheapest")
    twin = [_opposite(stated, at) for at in range(len(stated))]
    alone = [at for at, other in enumerate(twin) if other is None]
    paired = [at for at, other in enumerate(twin) if other is not None and at < other]
    order = alone + paired
    matrix, right, worth = scaled_rows([stated[at] for at in order], [at < len(budgets) for at in order], unit)
    line = tuple(
        (order.index(at), 1.0) if at in order else (order.index(_known(other)), -1.0) for at, other in enumerate(twin)
    )
    return matrix, right, worth, line, len(paired), budgets


def _opposite(stated: list[StatedRow], at: int) -> int | None:
    """The position of the row that says the same of a row's left side with its sign turned."""
    resource, coefficient, most = stated[at]
    for other, (its, factors, right) in enumerate(stated):
        if other != at and its == resource and right == -most and (factors == -coefficient).all():
            return other
    return None


def _known(position: int | None) -> int:
    assert position is not None
    return position
