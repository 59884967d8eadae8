"""A solved convex problem with its certificate, and when it counts as proven.

Two routes lead here, ``solve_by_program`` (cvxpy, for the plan that is shown) and ``solve_by_dual`` (for what is
planned many times). Both answer with an ``Optimum``, whose bound trusts neither.

See docs/decisions/038-one-budget-before-many.md,
docs/decisions/049-clarabel-then-scs-then-the-dual.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.certificate import Certificate
from budget.allocation.convex.problem import Problem
from budget.allocation.spec.objectives import Goal
from budget.errors import SolverError

PROVEN = 1e-6
"""Gap, relative to the reducible objective, below which a plan found without a solver is taken."""

SHOWN = 1e-3
"""Gap, relative to the reducible objective, beyond which a plan is not called optimal whatever the solver says."""

ROUNDING = 1e-7
"""The same relative to the objective itself, of which the reducible part may be little: what a solver may round."""

DIGITS = 1e-13
"""Gap, relative to the objective itself, that is rounding for whatever method: some hundred roundings of float64."""

NOT_PROVEN = "not proven optimal"
"""The status of a plan whose gap is larger."""


@dataclass(frozen=True)
class Optimum:
    """The solved problem.

    Attributes:
        u: (V, I) log inputs.
        amounts: (R, V) amounts of each resource; the first row is the spend.
        certificate: bound and prices.
        solver: which solver answered.
        status: its own word.
    """

    u: np.ndarray
    amounts: np.ndarray
    certificate: Certificate
    solver: str
    status: str

    @property
    def spend(self) -> np.ndarray:
        """(V,) amounts of the budget's unit."""
        return self.amounts[0]


def objective_at(problem: Problem, goal: Goal, optimum: Optimum) -> float:
    """What the goal makes small, at a plan."""
    if goal == "cheapest":
        return float(optimum.spend.sum())
    values = problem.value.value(optimum.u[problem.serves])
    return float(values.sum() if goal == "sum" else values.max())


def objective_floor(problem: Problem, goal: Goal) -> float:
    """What the goal could come to if all that falls with a spend vanished."""
    floors = problem.value.offset
    return {"sum": float(floors.sum()), "largest": float(floors.max()), "cheapest": 0.0}[goal]


def is_proven(problem: Problem, goal: Goal, optimum: Optimum) -> bool:
    """Whether the bound alone shows that a plan is the best: the gap is below what anybody could use."""
    value = objective_at(problem, goal, optimum)
    gap = value - optimum.certificate.bound
    return bool(gap <= max(PROVEN * (value - objective_floor(problem, goal)), DIGITS * abs(value)))


def with_status(problem: Problem, goal: Goal, optimum: Optimum) -> Optimum:
    """The plan, called ``NOT_PROVEN`` where the bound does not show what the solver says.

    Raises:
        SolverError: it is no number.
    """
    if not (np.isfinite(optimum.amounts).all() and np.isfinite(optimum.u).all()):
        raise SolverError("The numbers of this problem span too many orders; bring weights and budget closer together.")
    value = objective_at(problem, goal, optimum)
    gap = value - optimum.certificate.bound
    shown = gap <= max(SHOWN * (value - objective_floor(problem, goal)), ROUNDING * abs(value))
    return optimum if shown else replace(optimum, status=NOT_PROVEN)


def refuse_no_number(problem: Problem) -> None:
    """Refuse curves that are no numbers.

    Raises:
        SolverError: some are not.
    """
    local = problem.value.tangent(np.zeros((len(problem.value), problem.value.inputs)))
    if np.isnan(local.offset).any() or np.isnan(local.log_coef).any():
        raise SolverError("The curves of this problem hold what is no number; fit them again.")


def is_trivial(problem: Problem) -> bool:
    """Whether there is nothing to split: one model, or maxima that do not reach the budget."""
    return bool(problem.is_plain and problem.high.sum() <= problem.budget)
