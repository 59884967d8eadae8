"""The solved convex problem: solvers in turn, the plan put exactly within its limits, and the proven bound."""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.certificate import (
    Certificate,
    Duals,
    certify,
    dual_bound,
    lower_bound,
    marginal_return,
    plain_duals,
)
from budget.allocation.convex.minimax import minimax_split, spend_to_level
from budget.allocation.convex.newton_polish import polish
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.program import Answer, Goal, Program, equal_split
from budget.allocation.convex.restore_feasibility import dual_feasible, inputs_within, restore_feasibility, violation
from budget.allocation.plan.baselines import to_budget
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import InfeasibleError, SolverError
from budget.numerics.words import apart

PROVEN = 1e-6
"""Gap, relative to the reducible objective, below which a plan found without a solver is taken."""

SHOWN = 1e-3
"""Gap, relative to the reducible objective, beyond which a plan is not called optimal whatever the solver says."""

ROUNDING = 1e-7
"""The same relative to the objective itself, of which the reducible part may be little."""

NOT_PROVEN = "not proven optimal"
"""The status of a plan whose gap is larger."""

ROUNDS = 60
"""Most rounds of the dual method."""

CUTS = 24
"""Most rounds of tangents for values that are no sum of falling powers."""

FAR = 1e200
"""A spend from which none is looked for: its square would overflow."""

NOTHING = 1e-300
"""Stands for a weight of 0 where its logarithm is needed."""


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


def solve(
    problem: Problem, goal: Goal = "sum", program: Program | None = None, split: np.ndarray | None = None
) -> Optimum:
    """Solve a problem.

    One budget and each model's own limits: the split by the convex program, polished onto the budget (for the largest
    value and the cheapest plan: by the root of one equation). With further limits the same is tried first, and
    the program with all of them is solved where it does not obey them.

    Args:
        problem: the stated problem.
        goal: what is made small; for ``cheapest`` the values are counted from their targets.
        program: a compiled program of the problem's shape and goal, to save compiling again. For one budget it may
            be of more models than the problem has.
        split: (V,) spends that may be the best for the sum under one budget: taken where the bound proves it.

    Raises:
        SolverError: no solver found an optimum, or a curve is no number.
        InfeasibleError: a target lies beyond its curve's floor.
    """
    local = problem.value.tangent(np.zeros((len(problem.value), problem.value.inputs)))
    if np.isnan(local.offset).any() or np.isnan(local.log_coef).any():
        raise SolverError("The curves of this problem hold what is no number; fit them again.")
    if goal == "cheapest":
        _refuse_unreachable(problem)
    if not problem.is_plain:
        optimum = _without_further(problem, goal)
        if optimum is None:
            optimum = _solved(problem, goal, program or Program(problem, goal))
    else:
        optimum = _plain(problem, goal, program, split)
    if not (np.isfinite(optimum.amounts).all() and np.isfinite(optimum.u).all()):
        raise SolverError("The numbers of this problem span too many orders; bring weights and budget closer together.")
    return optimum if _is_proven(problem, goal, optimum) else replace(optimum, status=NOT_PROVEN)


def _is_proven(problem: Problem, goal: Goal, optimum: Optimum) -> bool:
    """Whether the bound shows what the solver says: the gap is a solver's tolerance or rounding."""
    value = _worth(problem, goal, optimum)
    gap, floors = value - optimum.certificate.bound, problem.value.offset
    floor = {"sum": float(floors.sum()), "largest": float(floors.max()), "cheapest": 0.0}[goal]
    return bool(gap <= max(SHOWN * (value - floor), ROUNDING * abs(value)))


def is_trivial(problem: Problem) -> bool:
    """Whether there is nothing to split: one model, or maxima that do not reach the budget."""
    return bool(problem.is_plain and problem.high.sum() <= problem.budget)


def _plain(problem: Problem, goal: Goal, program: Program | None, split: np.ndarray | None = None) -> Optimum:
    """The optimum under one budget and each model's own limits."""
    shared = len(problem.cost) < len(problem.value)
    if goal == "sum":
        return (None if split is None else _if_proven(problem, split)) or _plain_sum(problem, program)
    if shared:
        return _solved(problem, goal, program or Program(problem, goal))
    if goal == "cheapest":
        return _cheapest(problem)
    level = minimax_split(problem)
    u = best_inputs(problem.value, problem.cost, level.spend)
    value = weighted(problem.value, level.weight)
    marginal = marginal_return(value, problem.cost, u)
    prices = plain_duals(problem, level.spend, marginal)
    bound = lower_bound(value, problem, u, prices)
    return Optimum(u, level.spend[None], Certificate(bound, marginal, prices), "bisection", "optimal")


def _plain_sum(problem: Problem, program: Program | None) -> Optimum:
    if is_trivial(problem):
        u = best_inputs(problem.by_model, problem.cost, problem.high)
        return Optimum(u, problem.high[None].copy(), certify(problem, u, problem.high), "bisection", "optimal")
    least = 1e-12 * problem.budget / len(problem.cost)
    try:
        program = program or Program(problem)
        answer = program.solve(problem.padded(program.models))
    except SolverError as error:
        return _dual(problem, str(error))
    spend = polish(problem, to_budget(np.maximum(answer.amounts[0, : len(problem.cost)], least), problem))
    return _certified(problem, spend, answer.solver, answer.status)


def _dual(problem: Problem, why: str) -> Optimum:
    """The optimum without a solver: the price of the budget at which the spends that it implies use it up."""
    optimum = _if_proven(problem, polish(problem, to_budget(np.ones(len(problem.cost)), problem), ROUNDS))
    if optimum is None:
        raise SolverError(why)
    return optimum


def _if_proven(problem: Problem, spend: np.ndarray) -> Optimum | None:
    """The plan of a split that no solver made, where the bound shows that it is the best."""
    optimum = _certified(problem, spend, "dual bisection", "optimal")
    value = float(problem.by_model.value(optimum.u).sum())
    close = value - optimum.certificate.bound <= PROVEN * (value - problem.value.offset.sum())
    return optimum if close else None


def _certified(problem: Problem, spend: np.ndarray, solver: str, status: str) -> Optimum:
    u = best_inputs(problem.by_model, problem.cost, spend)
    return Optimum(u, spend[None], certify(problem, u, spend), solver, status)


def weighted(value: PlanningForm, weight: np.ndarray) -> PlanningForm:
    """The functions times weights (T,), some of which may be 0."""
    return value.scaled(np.maximum(weight, NOTHING), np.zeros(len(value)))


def _refuse_unreachable(problem: Problem) -> None:
    """Refuse targets that no spend reaches."""
    lost = np.flatnonzero(np.isinf(least_spends(problem)))
    if len(lost):
        listed = ", ".join(_task_names(problem)[task] for task in lost[:8])
        raise InfeasibleError(
            f"The target of {listed} lies beyond what the fitted curve reaches with any spend; set a target above its "
            "floor (see 'budget fit'), or ask for --at-least fewer."
        )


def least_spends(problem: Problem) -> np.ndarray:
    """The least spend (T,) that brings each task alone to its target, whatever the limits; infinite where none does.

    Values are counted from their targets, so a floor of 0 or more is out of reach, and so is what takes a spend that is
    no number: a floor a rounding below the target.
    """
    spend = np.full(len(problem.value), np.inf)
    pick = np.flatnonzero(problem.value.least < 0)
    value, cost = problem.value.take(pick), problem.cost.take(problem.serves[pick])
    with np.errstate(over="ignore"):
        near = np.maximum(equal_spend(replace(problem, value=value, cost=cost)), 1e-300)
    there = np.flatnonzero(near < FAR)
    pick = pick[there]
    if len(pick):
        spend[pick] = spend_to_level(value.take(there), cost.take(there), np.zeros(len(pick)), near[there])
    return spend


def _task_names(problem: Problem) -> tuple[str, ...]:
    count = len(problem.value)
    return problem.names if len(problem.names) == count else tuple(f"task {task + 1}" for task in range(count))


def _cheapest(problem: Problem) -> Optimum:
    """Each model's least spend to its target."""
    wanted = least_spends(problem)
    spend = np.maximum(wanted, problem.low)
    over = np.flatnonzero(spend > problem.high * (1 + 1e-12))
    if len(over):
        first = over[0]
        what = "its max" if problem.high[first] < problem.budget else "the budget"
        takes, limit = apart(float(spend[first]), float(problem.high[first]))
        raise InfeasibleError(
            f"The target of {_task_names(problem)[first]} takes {takes}, above {what} of "
            f"{limit}; raise that, or set an easier target."
        )
    if spend.sum() > problem.budget * (1 + 1e-12):
        takes, limit = apart(float(spend.sum()), problem.budget)
        raise InfeasibleError(
            f"Meeting every target takes {takes}, above the budget of {limit}; raise it, lower "
            "targets, or ask for --at-least fewer."
        )
    u = best_inputs(problem.value, problem.cost, spend)
    marginal = marginal_return(problem.value, problem.cost, u)
    at_low = wanted < problem.low
    price = np.where(at_low, 0.0, 1 / marginal)
    limits = Duals(np.ones(1), at_low.astype(float), np.zeros(len(spend)), np.zeros(0))
    bound = cheapest_bound(problem, u, price, limits)
    return Optimum(u, spend[None], Certificate(bound, marginal, limits), "bisection", "optimal")


def equal_spend(problem: Problem) -> np.ndarray:
    """A spend (V,) to start from where there is no budget: what log inputs at the curves' own scale cost."""
    local = problem.value.tangent(np.zeros((len(problem.value), problem.value.inputs)))
    exponent = local.exponent.sum(axis=2)
    scale = ((np.log(-local.offset / exponent.shape[1])[:, None] - local.log_coef) / exponent).max(axis=1)
    if len(problem.cost) < len(scale):
        scale = scale.max(keepdims=True)  # one model for all targets
    return problem.cost.value(np.repeat(scale[:, None], problem.cost.inputs, axis=1))


def cheapest_bound(problem: Problem, u: np.ndarray, price: np.ndarray, limits: Duals) -> float:
    """Lower bound on the spend of every plan that meets the targets, from prices (T,) of the targets.

    It is ``lower_bound`` with the spend as the objective: the values times their prices are what the limits add to it.
    """
    value = weighted(problem.value, price)
    at_no_budget = replace(problem, budget=np.inf, value=value)
    return max(dual_bound(at_no_budget.by_model, at_no_budget, u, limits), float(problem.low.sum()))


def _without_further(problem: Problem, goal: Goal) -> Optimum | None:
    """The optimum of one budget, if it obeys the further budgets and rows as well: then it is the optimum of all."""
    alone = replace(problem, further=(), rows=())
    if len(problem.cost) < len(problem.value) and goal != "sum":
        return None
    try:
        relaxed = _dual(alone, "") if goal == "sum" else _plain(alone, goal, None)
    except SolverError:
        return None
    given = np.vstack([relaxed.spend, *(each.cost.value(relaxed.u)[None] for each in problem.further)])
    if violation(problem, given) > 0:
        return None
    free = relaxed.certificate.duals
    prices = Duals(
        np.concatenate([free.budget, np.zeros(len(problem.further))]), free.low, free.high, np.zeros(len(problem.rows))
    )
    return replace(relaxed, amounts=given, certificate=replace(relaxed.certificate, duals=prices))


def _solved(problem: Problem, goal: Goal, program: Program) -> Optimum:
    """The optimum by the program with all limits; values with repeated data by tangents, until the gap is closed."""
    u = _origin(problem, goal)
    optimum = _answered(problem, goal, program, u)
    if isinstance(problem.value, Posynomial):
        if _worth(problem, goal, optimum) - optimum.certificate.bound <= PROVEN * abs(optimum.certificate.bound):
            return optimum
        again = _answered(problem, goal, program, optimum.u)  # counted from what was found, its digits are others
        bound = max(optimum.certificate.bound, again.certificate.bound)
        optimum = min(optimum, again, key=lambda each: _worth(problem, goal, each))
        return replace(optimum, certificate=replace(optimum.certificate, bound=bound))
    cuts = [problem.value.tangent(at[problem.serves]) for at in (u, optimum.u)]
    bound = optimum.certificate.bound
    for _ in range(CUTS):
        found = _answered(problem, goal, Program(problem, goal, len(cuts)), u, cuts)
        bound = max(bound, found.certificate.bound)
        optimum = min(optimum, found, key=lambda each: _worth(problem, goal, each))
        if _worth(problem, goal, optimum) - bound <= PROVEN * abs(bound):
            break
        cuts.append(problem.value.tangent(found.u[problem.serves]))
    return replace(optimum, certificate=replace(optimum.certificate, bound=bound))


def _worth(problem: Problem, goal: Goal, optimum: Optimum) -> float:
    if goal == "cheapest":
        return float(optimum.spend.sum())
    values = problem.value.value(optimum.u[problem.serves])
    return float(values.sum() if goal == "sum" else values.max())


def _answered(
    problem: Problem, goal: Goal, program: Program, origin: np.ndarray, cuts: list[Posynomial] | None = None
) -> Optimum:
    answer = program.solve(problem, origin, cuts)
    try:
        given = _paid(problem, answer)
    except SolverError:  # once more, counted from what was found
        answer = program.solve(problem, answer.u, cuts)
        given = _paid(problem, answer)
    u = inputs_within(problem, answer.u, given)
    prices = dual_feasible(problem, answer.duals)
    below = replace(problem, value=answer.cut)
    if goal == "cheapest":
        bound = cheapest_bound(below, answer.u, answer.task_price, prices)
        value = problem.by_model
    else:
        value = _merged(problem, answer, goal)
        bound = lower_bound(_merged(below, answer, goal), problem, answer.u, prices)
    return Optimum(
        u, given, Certificate(bound, marginal_return(value, problem.cost, u), prices), answer.solver, answer.status
    )


def _paid(problem: Problem, answer: Answer) -> np.ndarray:
    """What the models are given (R, V), and never less than their inputs cost.

    An amount far below the resource's largest may come back as nothing, though the inputs that it pays for are right.
    """
    costs = [problem.cost, *(each.cost for each in problem.further)]
    return restore_feasibility(
        problem, np.maximum(answer.amounts, [cost.value(answer.u) for cost in costs]), answer.solver
    )


def _origin(problem: Problem, goal: Goal) -> np.ndarray:
    """Log inputs (V, I) that the program is centred on: the best ones at an equal share of every budget."""
    if goal == "cheapest":
        spend = np.maximum(equal_spend(problem), problem.low)
        totals = [float(spend.sum())]
    else:
        totals = [problem.budget]
    totals += [each.budget for each in problem.further]
    costs = [problem.cost, *(each.cost for each in problem.further)]
    counted = [(cost, total) for cost, total in zip(costs, totals, strict=True) if np.isfinite(total)]
    if len(counted) == 1:
        return equal_split(problem) if goal != "cheapest" else best_inputs(problem.by_model, problem.cost, spend)
    # one unit alone may leave an input free, as money for data does the size: the parts of all budgets together do not
    shares = Posynomial(
        np.zeros(len(problem.cost)),
        np.concatenate([cost.log_coef - np.log(total) for cost, total in counted], axis=1),
        np.concatenate([cost.exponent for cost, _ in counted], axis=1),
        problem.cost.domain,
    )
    return best_inputs(problem.by_model, shares, np.full(len(problem.cost), 1 / len(problem.cost)))


def _merged(problem: Problem, answer: Answer, goal: Goal) -> PlanningForm:
    """What each model's inputs change of the objective: the sum of its values, or of their share in the largest."""
    if goal == "sum":
        return problem.by_model
    value = weighted(problem.value, answer.task_price / answer.task_price.sum())
    return value if len(value) == len(problem.cost) else value.summed
