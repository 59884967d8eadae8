"""The plan that is shown: solved by the cvxpy program, put exactly within its limits, and proven.

The program (``program``) is the stated problem in a form that any conic solver understands, and so the reference for
everything else here. A solver's answer is good to some 1e-8 and may miss a limit by as much. So the answer is put
within the limits (``restore_feasibility``), and where one budget is all, improved to the last digits by the dual's own
step, warm-started at it (``water_filling.polish``, ``minimax``): the shadow price is read off marginal returns, which
rounding of a spend near a limit would blur.

This module loads cvxpy, and is itself loaded only where a plan is shown or the dual is not proven.

See docs/decisions/125-shown-by-program-many-by-dual.md,
docs/decisions/164-the-shown-program-is-built-from-its-numbers.md.
"""

from dataclasses import replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.certificate import certify
from budget.allocation.convex.cheapest import least_spends, refuse_unreachable
from budget.allocation.convex.implied_bounds import origin
from budget.allocation.convex.optimum import (
    PROVEN,
    Optimum,
    is_proven,
    is_trivial,
    objective_at,
    refuse_no_number,
    with_status,
)
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.program import Answer, Program
from budget.allocation.convex.restore_feasibility import restored_optimum
from budget.allocation.convex.solve_by_dual import by_dual, cheapest, largest, sums, with_all_prices, without_further
from budget.allocation.convex.water_filling import polish
from budget.allocation.spec.objectives import Goal
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import AllocationError, SolverError
from budget.numerics.fill_to_budget import fill_to_budget

MAX_CUT_ROUNDS = 24
"""Most rounds of tangents for values that are no sum of falling powers."""

LEAST_START = 1e-12
"""Share of an even part below which no spend starts: a solver may call it nothing, and powers need a logarithm.

It is below the solver's own tolerance, 1e-8.
"""


def solve_by_program(problem: Problem, goal: Goal = "sum") -> Optimum:
    """Solve a problem by the convex program.

    Args:
        problem: the stated problem.
        goal: what is made small; for ``cheapest`` the values are counted from their targets.

    Raises:
        SolverError: no solver found an optimum, or a curve is no number.
        InfeasibleError: a target lies beyond its curve's floor, or beyond the limits.
    """
    refuse_no_number(problem)
    if goal == "cheapest":
        refuse_unreachable(problem, least_spends(problem))
    if problem.is_plain:
        optimum = _plain(problem, goal)
    else:
        # limits that the optimum of one budget obeys change nothing; the dual says so in a moment
        optimum = _relaxed(problem, goal) or _with_all_limits(problem, goal)
    return with_status(problem, goal, optimum)


def _plain(problem: Problem, goal: Goal) -> Optimum:
    """The optimum under one budget and each model's own limits: the program's, to the last digits."""
    if goal == "sum":
        return _plain_sum(problem)
    if len(problem.cost) < len(problem.value):
        return _with_all_limits(problem, goal)
    if is_trivial(problem) and goal == "largest":
        return largest([problem])[0]
    try:
        answer = Program(problem, goal, origin(problem, goal)).solve()
    except SolverError:  # the dual needs none here
        answer = None
    near = None if answer is None else np.maximum(answer.amounts[0], _least_start(problem))[None]
    (found,) = largest([problem], near) if goal == "largest" else cheapest([problem])
    if isinstance(found, AllocationError):
        raise found
    return found if answer is None else replace(found, solver=answer.solver, status=answer.status)


def _plain_sum(problem: Problem) -> Optimum:
    """The least sum under one budget: the program's split, polished; by the dual alone where no solver answers.

    The program's variables are counted from the dual's plan. That changes nothing in what it states or in what proves
    its answer, and all that a solver looks for is then near 0, whatever the tasks' own scales.
    """
    (near,) = sums([problem])
    if is_trivial(problem):
        return near
    try:
        answer = Program(problem, "sum", near.u if np.isfinite(near.u).all() else None).solve()
    except SolverError as error:
        if not is_proven(problem, "sum", near):
            raise SolverError(str(error)) from error
        return near
    start = np.maximum(answer.amounts[0], _least_start(problem))
    spend = polish(problem, fill_to_budget(start, problem.budget, problem.low, problem.high))
    u = best_inputs(problem.by_model, problem.cost, spend)
    return Optimum(u, spend[None], certify(problem, u, spend), answer.solver, answer.status)


def _least_start(problem: Problem) -> float:
    total = problem.budget if np.isfinite(problem.budget) else 0.0
    return LEAST_START * total / len(problem.cost)


def _relaxed(problem: Problem, goal: Goal) -> Optimum | None:
    """The plan where the further limits change nothing: the program of the one budget."""
    (relaxed,) = without_further([problem], goal)
    if relaxed is None:
        return None
    found = _plain(replace(problem, further=(), rows=()), goal)
    # the two are the same optimum: where rounding puts the program's beyond a limit, the dual's is within it
    return with_all_prices(problem, found) or replace(relaxed, solver=found.solver, status=found.status)


def _with_all_limits(problem: Problem, goal: Goal) -> Optimum:
    """The optimum by the program with all limits, to the last digits where the dual has them.

    As in ``_plain_sum`` the program's variables are counted from the dual's plan, where it has one; but for the worst
    task, at which many tasks have the same value there and Clarabel stops.
    """
    (near,) = by_dual([problem], goal)
    if not isinstance(near, Optimum) or not np.isfinite(near.u).all():
        return _by_cuts(problem, goal, origin(problem, goal))
    try:
        found = _by_cuts(problem, goal, origin(problem, goal) if goal == "largest" else near.u)
    except SolverError:
        found = _by_cuts(problem, goal, near.u if goal == "largest" else origin(problem, goal))
    # what the solver's tolerance leaves of a target is no gain: where the dual's least spend is proven it stands
    stands = goal == "cheapest" and is_proven(problem, goal, near)
    best = near if stands else _better(problem, goal, found, near)
    return replace(best, solver=found.solver, status=found.status)


def _better(problem: Problem, goal: Goal, optimum: Optimum, other: Optimum) -> Optimum:
    """The better of two plans, with the better of their bounds, each of which holds for every plan."""
    bound = max(optimum.certificate.bound, other.certificate.bound)
    optimum = min(optimum, other, key=lambda each: objective_at(problem, goal, each))
    return replace(optimum, certificate=replace(optimum.certificate, bound=bound))


def _by_cuts(problem: Problem, goal: Goal, u: np.ndarray) -> Optimum:
    """The program's optimum counted from log inputs; values with repeated data by tangents, until the gap is closed."""
    optimum = _answered(problem, goal, u)
    if isinstance(problem.value, Posynomial):
        if objective_at(problem, goal, optimum) - optimum.certificate.bound <= PROVEN * abs(optimum.certificate.bound):
            return optimum
        # counted from what was found, its digits are others
        return _better(problem, goal, optimum, _answered(problem, goal, optimum.u))
    cuts = [problem.value.tangent(at[problem.serves]) for at in (u, optimum.u)]
    for _ in range(MAX_CUT_ROUNDS):
        optimum = _better(problem, goal, optimum, found := _answered(problem, goal, u, cuts))
        bound = optimum.certificate.bound
        if objective_at(problem, goal, optimum) - bound <= PROVEN * abs(bound):
            break
        cuts.append(problem.value.tangent(found.u[problem.serves]))
    return optimum


def _answered(problem: Problem, goal: Goal, origin: np.ndarray, cuts: list[Posynomial] | None = None) -> Optimum:
    """The program's answer, put within the limits and certified."""
    answer = Program(problem, goal, origin, cuts).solve()
    try:
        return _restored(problem, goal, answer)
    except SolverError:  # once more, counted from what was found
        return _restored(problem, goal, Program(problem, goal, answer.u, cuts).solve())


def _restored(problem: Problem, goal: Goal, answer: Answer) -> Optimum:
    return restored_optimum(
        problem,
        goal,
        answer.u,
        answer.amounts,
        answer.duals,
        answer.task_price,
        answer.solver,
        answer.status,
        answer.cut,
    )
