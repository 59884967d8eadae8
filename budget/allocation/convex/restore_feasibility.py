"""A solver's answer put exactly within the limits: amounts, inputs and prices."""

from dataclasses import replace

import numpy as np

from budget.allocation.convex.best_size import into_domain, last_input, within_ends
from budget.allocation.convex.certificate import Certificate, cheapest_bound, lower_bound, weighted
from budget.allocation.convex.optimum import Optimum
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import Duals, marginal_return
from budget.allocation.spec.objectives import Goal
from budget.curves.planning_forms.form import PlanningForm
from budget.errors import SolverError

WITHIN = 1e-6
"""Relative distance by which a plan may miss a limit: the solver's, once its budgets are met exactly."""


def violation(problem: Problem, given: np.ndarray) -> float:
    """By how much amounts (R, V) break the worst limit, relative to what that limit is about."""
    totals = np.array([problem.budget, *(each.budget for each in problem.further)])
    worst = float((given.sum(axis=1) / totals - 1).max())
    size = max(float(given[0].max()), 1e-300)
    worst = max(worst, float(((problem.low - given[0]) / size).max()), float((given[0] / problem.high - 1).max()))
    for row in problem.rows:
        used = row.coefficient * given[row.resource]
        worst = max(worst, float((used.sum() - row.upper) / max(abs(row.upper), np.abs(used).max(), 1e-300)))
    return worst


def restore_feasibility(problem: Problem, given: np.ndarray, solver: str) -> np.ndarray:
    """Amounts (R, V) that a solver found, with every budget obeyed exactly.

    Raises:
        SolverError: they miss a limit by more than the solver's tolerance.
    """
    given = np.maximum(given, 1e-300)
    given[0] = np.clip(given[0], problem.low, problem.high)
    totals = np.array([problem.budget, *(each.budget for each in problem.further)])
    fill = totals / given.sum(axis=1)
    # what the solver's tolerance leaves of a budget that it meant to use is used, if no row could object
    close = (fill <= 1 + WITHIN) & (len(problem.rows) == 0)
    given = given * np.where(close, fill, np.minimum(fill, 1.0))[:, None]
    given[0] = np.minimum(given[0], problem.high)
    if violation(problem, given) > WITHIN:
        raise SolverError(f"{solver} left a limit broken by {violation(problem, given):.1g}; loosen the limits.")
    return given


def inputs_within(problem: Problem, u: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The solver's log inputs, the last lowered until every cost is within what is given.

    Where the last would fall below its least, it stays there and the first is lowered.
    """
    costs = [problem.cost, *(each.cost for each in problem.further)]
    u = within_ends(problem.cost, u)
    logs = [np.log(np.maximum(amount - cost.offset, 1e-300)) for cost, amount in zip(costs, given, strict=True)]
    last = np.min([last_input(cost, u[:, :-1], each)[:, -1] for cost, each in zip(costs, logs, strict=True)], axis=0)
    u = np.column_stack([u[:, :-1], last])
    if problem.cost.domain is not None and u.shape[1] == 2:
        u = within_ends(problem.cost, u)
        short = u[:, 1] <= problem.cost.domain[:, 1]
        moved = [
            into_domain(replace(cost, domain=problem.cost.domain), u, each)
            for cost, each in zip(costs, logs, strict=True)
        ]
        u = np.where(short[:, None], np.min(moved, axis=0), u)
    return within_ends(problem.cost, u)


def dual_feasible(problem: Problem, prices: Duals) -> Duals:
    """Prices under which nothing is paid for taking more, which a solver's rounding can make of them.

    What pays (rows and minima) is shrunk until what charges (budgets and maxima) covers it: any prices that are not
    negative give a bound.
    """
    paid = replace(prices, budget=np.zeros_like(prices.budget), high=np.zeros_like(prices.high)).shadow_prices(problem)
    charged = prices.shadow_prices(problem) - paid
    with np.errstate(divide="ignore", invalid="ignore"):
        covered = np.where(paid < -charged, charged / -paid, 1.0)
    share = covered.min(axis=1) * np.where(covered.min(axis=1) < 1, 1 - 1e-15, 1.0)  # of each resource apart
    rows = np.array([price * share[row.resource] for row, price in zip(problem.rows, prices.row, strict=True)])
    return replace(prices, low=prices.low * share[0], row=rows.reshape(-1))


def restored_optimum(
    problem: Problem,
    goal: Goal,
    u: np.ndarray,
    given: np.ndarray,
    prices: Duals,
    task_price: np.ndarray,
    solver: str,
    status: str,
    below: PlanningForm | None = None,
) -> Optimum:
    """A solver's answer put within the limits, with the bound that its multipliers prove.

    Args:
        problem: the stated problem.
        goal: what was made small.
        u: (V, I) log inputs.
        given: (R, V) amounts of each resource.
        prices: of every limit.
        task_price: (T,) weights of the tasks in the largest value, or prices of the targets; not read for the sum.
        solver: who answered.
        status: its own word.
        below: functions that lie below the values, whose bound is one of theirs: a solver's tangents.

    Raises:
        SolverError: it misses a limit by more than a solver's tolerance.
    """
    costs = [problem.cost, *(each.cost for each in problem.further)]
    # never less than the inputs cost: an amount far below the resource's largest may come back as nothing
    given = restore_feasibility(problem, np.maximum(given, [cost.value(u) for cost in costs]), solver)
    inside, prices = inputs_within(problem, u, given), dual_feasible(problem, prices)
    lower = problem if below is None else replace(problem, value=below)
    if goal == "cheapest":
        bound = cheapest_bound(lower, u, task_price, prices)
        value = problem.by_model
    else:
        value = _in_objective(problem, goal, task_price)
        bound = lower_bound(_in_objective(lower, goal, task_price), problem, u, prices)
    certificate = Certificate(bound, marginal_return(value, problem.cost, inside), prices)
    return Optimum(inside, given, certificate, solver, status)


def _in_objective(problem: Problem, goal: Goal, task_price: np.ndarray) -> PlanningForm:
    """What each model's inputs change of the objective: the sum of its values, or of their share in the largest."""
    if goal == "sum":
        return problem.by_model
    value = weighted(problem.value, task_price / task_price.sum())
    return value if len(value) == len(problem.cost) else value.summed


def lowered_to_use(problem: Problem, u: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The amounts (R, V) lowered to what the models take, where no limit asks for more."""
    costs = [problem.cost, *(each.cost for each in problem.further)]
    used = np.minimum(np.array([cost.value(u) for cost in costs]), given)
    used[0] = np.maximum(used[0], problem.low)
    return used if violation(problem, used) <= max(violation(problem, given), 0.0) else given
