"""The batched dual: many problems solved at once without a solver, each proven by its own certificate.

Draws, subsets, growing sets, responses to the budget: whatever is planned many times comes here. One budget with each
model's own limits has a dual of one unknown for every goal (``water_filling``, ``minimax``, ``cheapest``); with further
budgets and linear limits the KKT conditions are solved by Newton's method (``many_plans``), for all together.

A plan is taken where its own bound proves it (``optimum.PROVEN``). Where it does not (curves whose marginal returns are
far from powers, values with kinks, numbers that span too many orders) the problem is handed to the cvxpy program, which
is imported only then; ``Optimum.solver`` names who answered, so that callers can count and say it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.certificate import Certificate, certify, cheapest_bound, lagrangian_minima, weighted
from budget.allocation.convex.cheapest import least_spends, least_spends_each, refuse_too_dear, refuse_unreachable
from budget.allocation.convex.minimax import minimax_splits
from budget.allocation.convex.optimum import Optimum, is_proven, is_trivial, refuse_no_number, with_status
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.restore_feasibility import lowered_to_use, restored_optimum, violation
from budget.allocation.convex.shadow_prices import Duals, marginal_return, plain_duals
from budget.allocation.convex.water_filling import BATCH_MODELS, Batch, polish, water_fill_batch
from budget.allocation.interior_point.many_plans import KktPoint, solve_kkt
from budget.allocation.spec.objectives import Goal
from budget.curves.planning_forms.form import PlanningForm
from budget.errors import AllocationError, InfeasibleError, SolverError
from budget.numerics.fill_to_budget import fill_to_budget

MAX_DUAL_STEPS = 60
"""Most steps of Newton's method where the first batch did not prove a split: far from powers they are short."""

DUAL = "dual bisection"
"""Who answered for a sum of values."""

BISECTION = "bisection"
"""Who answered where the dual is one root: the worst task, the cheapest plan, maxima below the budget."""

INTERIOR = "interior point"
"""Who answered under further budgets and limits."""

NO_SOLVER = frozenset({DUAL, BISECTION, INTERIOR})
"""What ``Optimum.solver`` says where no solver was asked."""

Found = Optimum | AllocationError
"""A plan, or why there is none."""


def solve_by_dual(problem: Problem, goal: Goal = "sum") -> Optimum:
    """Solve one problem without a solver where its own bound proves the plan, else with one.

    Args:
        problem: the stated problem.
        goal: what is made small; for ``cheapest`` the values are counted from their targets.

    Raises:
        SolverError: nobody found an optimum, or a curve is no number.
        InfeasibleError: a target lies beyond its curve's floor, or beyond the limits.
    """
    (found,) = solve_each([problem], goal)
    if isinstance(found, AllocationError):
        raise found
    return found


def solve_each(
    problems: Sequence[Problem], goal: Goal = "sum", progress: Callable[[int], None] | None = None
) -> list[Found]:
    """Solve many problems that differ in their values only, such as the draws of one question.

    Args:
        problems: alike but for their values.
        goal: see ``solve_by_dual``.
        progress: called with how many are done.

    Returns:
        For each its plan, or the error that says why there is none: a failed draw is no failed batch.
    """
    found: list[Found] = []
    each = max(1, BATCH_MODELS // len(problems[0].cost)) if problems else 1
    for start in range(0, len(problems), each):
        found += _solve_batch(problems[start : start + each], goal)
        if progress is not None:
            progress(len(found))
    return found


def _solve_batch(problems: Sequence[Problem], goal: Goal) -> list[Found]:
    """The plans of one batch: by the dual, and what it leaves unproven by the program."""
    found: list[Found | None] = [_refusal(problem) for problem in problems]
    numbers = [at for at, error in enumerate(found) if error is None]
    for at, plan in zip(numbers, by_dual([problems[at] for at in numbers], goal), strict=True):
        found[at] = plan
    return [_proven_or_solved(problem, goal, plan) for problem, plan in zip(problems, found, strict=True)]


def _refusal(problem: Problem) -> AllocationError | None:
    try:
        refuse_no_number(problem)
    except SolverError as error:
        return error
    return None


def _proven_or_solved(problem: Problem, goal: Goal, found: Found | None) -> Found:
    """The dual's plan where its bound proves it; else whichever of it and the solver's is better, or an error."""
    if isinstance(found, AllocationError):
        return found
    if found is not None and is_proven(problem, goal, found):
        return with_status(problem, goal, found)
    from budget.allocation.convex.solve_by_program import solve_by_program  # cvxpy is loaded only where it is needed

    try:
        return solve_by_program(problem, goal)
    except AllocationError as error:
        if found is None or isinstance(error, InfeasibleError):
            return error
    try:
        return with_status(problem, goal, found)
    except SolverError as error:
        return error


def by_dual(problems: Sequence[Problem], goal: Goal) -> Sequence[Found | None]:
    """The dual's plans, proven or not; ``None`` where it has none."""
    if not problems:
        return []
    one_model = len(problems[0].cost) < len(problems[0].value) and goal != "sum"
    if one_model or not problems[0].is_plain:
        return limited(problems, goal)
    if goal == "sum":
        return sums(problems)
    return largest(problems) if goal == "largest" else cheapest(problems)


def sums(problems: Sequence[Problem]) -> list[Optimum]:
    """The least sums of values under one budget: water-filling."""
    if is_trivial(problems[0]):
        return [_at_maxima(problem) for problem in problems]
    batch = Batch.of(problems)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number proves nothing
        spend, _ = water_fill_batch(batch)
    plans = _certified(problems, batch, spend, None, DUAL)
    return [plan if is_proven(problem, "sum", plan) else _polished(problem, plan) for problem, plan in
            zip(problems, plans, strict=True)]  # fmt: skip


def _at_maxima(problem: Problem) -> Optimum:
    """The plan where every model can have its maximum."""
    u = best_inputs(problem.by_model, problem.cost, problem.high)
    return Optimum(u, problem.high[None].copy(), certify(problem, u, problem.high), BISECTION, "optimal")


def _polished(problem: Problem, plan: Optimum) -> Optimum:
    """A split that the batch did not prove, improved by steps that never make it worse, from the even split on."""
    even = fill_to_budget(np.ones(problem.low.shape), problem.budget, problem.low, problem.high)
    spend = polish(problem, even, MAX_DUAL_STEPS)
    u = best_inputs(problem.by_model, problem.cost, spend)
    again = Optimum(u, spend[None], certify(problem, u, spend), DUAL, "optimal")
    return again if is_proven(problem, "sum", again) or not np.isfinite(plan.spend).all() else plan


def largest(problems: Sequence[Problem], near: np.ndarray | None = None) -> list[Optimum]:
    """The least largest values under one budget, one task a model: minimax.

    Args:
        problems: alike but for their values.
        near: (Q, V) spends that are not far from the best ones, where some are known.
    """
    batch = Batch.of(problems)
    level = minimax_splits(batch, near)
    return _certified(problems, batch, level.spend, level.weight, BISECTION)


def cheapest(problems: Sequence[Problem]) -> list[Found]:
    """The least spends to the targets under one budget, one task a model."""
    batch = Batch.of(problems)
    least = least_spends_each(batch)
    spend = np.maximum(least, batch.low)
    found: list[Found] = []
    for problem, wanted, given in zip(problems, least, spend, strict=True):
        try:
            refuse_unreachable(problem, wanted)
            refuse_too_dear(problem, given)
        except InfeasibleError as error:
            found.append(error)
            continue
        u = best_inputs(problem.value, problem.cost, given)
        marginal = marginal_return(problem.value, problem.cost, u)
        at_low = wanted < problem.low
        price = np.where(at_low, 0.0, 1 / marginal)
        limits = Duals(np.ones(1), at_low.astype(float), np.zeros(len(given)), np.zeros(0))
        bound = cheapest_bound(problem, u, price, limits)
        found.append(Optimum(u, given[None], Certificate(bound, marginal, limits), BISECTION, "optimal"))
    return found


def _certified(
    problems: Sequence[Problem], batch: Batch, spend: np.ndarray, weight: np.ndarray | None, solver: str
) -> list[Optimum]:
    """The plans of splits (Q, V) with their bounds: those of the values' sum, or of their sum by weights (Q, V)."""
    value: PlanningForm = batch.value if weight is None else weighted(batch.value, weight.ravel())
    u = batch.best_inputs(spend)
    marginal = marginal_return(value, batch.cost, u).reshape(spend.shape)
    inputs = u.reshape(*spend.shape, -1)
    prices = [plain_duals(*each) for each in zip(problems, inputs, spend, marginal, strict=True)]
    charge = np.concatenate([each.shadow_prices(problem)[0] for each, problem in zip(prices, problems, strict=True)])
    minima = lagrangian_minima(value, [batch.cost], u, charge[None]).reshape(spend.shape)
    floors = value.least.reshape(spend.shape)
    plans = []
    for at, problem in enumerate(problems):
        bound = max(float(minima[at].sum()) - prices[at].limits(problem), float(floors[at].sum()))
        certificate = Certificate(bound, marginal[at], prices[at])
        plans.append(Optimum(inputs[at], spend[at][None], certificate, solver, "optimal"))
    return plans


def limited(problems: Sequence[Problem], goal: Goal) -> list[Found | None]:
    """The plans under further budgets and rows, or of one model for the worst of its tasks; ``None`` where none is met.

    Where the limits change nothing the plan of one budget is the best, and simpler, so that is looked at first. What
    targets one budget cannot reach, further limits cannot either.
    """
    found: list[Found | None] = list(without_further(problems, goal))
    if goal == "cheapest":
        for at, problem in enumerate(problems):
            try:
                refuse_unreachable(problem, least_spends(problem))
            except InfeasibleError as error:
                found[at] = error
    rest = [at for at, plan in enumerate(found) if plan is None]
    points = solve_kkt([problems[at] for at in rest], goal) if rest else []
    for at, point in zip(rest, points, strict=True):
        found[at] = _restored(problems[at], goal, point)
    return found


def _restored(problem: Problem, goal: Goal, point: KktPoint) -> Optimum | None:
    """A point of the interior method put within the limits; ``None`` where it misses one."""
    if not (np.isfinite(point.u).all() and np.isfinite(point.amounts).all()):
        return None
    try:
        with np.errstate(all="ignore"):  # what is no number proves nothing
            plan = restored_optimum(
                problem, goal, point.u, point.amounts, point.duals, point.task_price, INTERIOR, "optimal"
            )
    except SolverError:
        return None
    return replace(plan, amounts=lowered_to_use(problem, plan.u, plan.amounts))


def without_further(problems: Sequence[Problem], goal: Goal) -> list[Optimum | None]:
    """The optima of one budget where they obey the further budgets and rows as well: then they are those of all."""
    if len(problems[0].cost) < len(problems[0].value) and goal != "sum":
        return [None] * len(problems)
    alone = [replace(problem, further=(), rows=()) for problem in problems]
    return [
        with_all_prices(problem, relaxed) if isinstance(relaxed, Optimum) and is_proven(plain, goal, relaxed) else None
        for problem, plain, relaxed in zip(problems, alone, by_dual(alone, goal), strict=True)
    ]


def with_all_prices(problem: Problem, relaxed: Optimum) -> Optimum | None:
    """The optimum of one budget as one of all limits, which charge nothing; ``None`` where it breaks one of them."""
    given = np.vstack([relaxed.spend, *(each.cost.value(relaxed.u)[None] for each in problem.further)])
    if violation(problem, given) > 0:
        return None
    free = relaxed.certificate.duals
    prices = Duals(
        np.concatenate([free.budget, np.zeros(len(problem.further))]), free.low, free.high, np.zeros(len(problem.rows))
    )
    return replace(relaxed, amounts=given, certificate=replace(relaxed.certificate, duals=prices))
