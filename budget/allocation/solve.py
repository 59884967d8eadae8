"""From curves and a question to a plan with its certificate.

Convex problems have two routes. The plan that is shown is solved by the cvxpy program; whatever is planned many times,
or only to judge something else by, goes through the batched dual and loads no solver. Both carry a certificate of their
own, and ``tests/allocation/convex/test_two_routes.py`` holds them together.

See docs/decisions/035-two-routes-to-a-plan.md.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from budget.allocation.convex.certificate import proven_bound
from budget.allocation.convex.conflict import refuse_conflict, refuse_nothing
from budget.allocation.convex.optimum import Optimum
from budget.allocation.convex.problem import Problem, build_problem, build_problems
from budget.allocation.convex.solve_by_dual import solve_by_dual
from budget.allocation.evaluate import log_inputs_of_split
from budget.allocation.nonconvex.one_model import one_model_baselines, plan_one_model
from budget.allocation.nonconvex.plan_nonconvex import nonconvex_baselines, plan_nonconvex
from budget.allocation.plan.assembly import (
    SolvedPlan,
    drawn_objective,
    law_inputs_of,
    objective_interval,
    planned_objective,
    reached,
    told_draws,
)
from budget.allocation.plan.baseline_scores import convex_baselines
from budget.allocation.plan.better_of_both import asks_levels, better_by_levels, better_of_both
from budget.allocation.plan.binding_limits import (
    beyond_reach,
    binding,
    broken_limits,
    broken_words,
    limit_lines,
    reach_lines,
    unspent,
)
from budget.allocation.plan.moved_targets import moved_targets
from budget.allocation.plan.plan import AT_PREDICTIONS, Plan
from budget.allocation.plan.size_ranges import with_size_ranges
from budget.allocation.risk.drawn_plans import convex_drawn_plans, no_plans, nonconvex_drawn_plans
from budget.allocation.risk.gain_at_risk import best_gain
from budget.allocation.risk.minimize_risk import minimize_risk
from budget.allocation.spec.objectives import Goal, not_computed
from budget.allocation.spec.plan_spec import PlanSpec, is_nonconvex
from budget.allocation.spec.scenarios import Scenarios
from budget.curves.curves import Curves
from budget.errors import AllocationError, InfeasibleError
from budget.numerics.interval import interval
from budget.numerics.words import shortened

CONTRADICTS = 1e-5
"""By how much a plan may be better than its bound, relatively: ten times what a solver may miss of a limit."""

BREAKS = 1e-6
"""Relative distance by which a reference may miss a limit: what is lost by writing it to a file."""

ROUNDING = 1e-9
"""The same where one budget is all, which plans meet exactly."""

Route = Literal["program", "dual"]
"""By which a convex problem is solved: cvxpy's program, or the batched dual."""


def goal_of(spec: PlanSpec) -> Goal:
    """What a convex program makes small for a question.

    Raises:
        AllocationError: nothing is solved for its objective.
    """
    if spec.objective.convex is None:
        raise not_computed("objective", spec.objective.name)
    return spec.objective.fold.goal


def allocate(
    curves: Curves,
    spec: PlanSpec,
    *,
    progress: Callable[[int, int], None] | None = None,
    draws: bool = True,
    compared: bool = True,
    route: Route = "program",
) -> Plan:
    """The optimal plan for a question.

    Args:
        curves: usable curves of the question's T tasks, in its order.
        spec: see ``make_spec.plan_spec``.
        progress: called with (draws done, draws in all).
        draws: whether to solve again for every draw, which gives ``spend_low`` and ``spend_high``.
        compared: whether a convex plan's baselines are made, which one of many has no reader for.
        route: by which a convex problem is solved: ``program`` for a plan that is shown, ``dual`` for one of many.
            Plans under risk have a method of their own (``risk``), and start from the dual.

    Returns:
        The plan, its certificate, its baselines and what it cannot promise.

    Raises:
        SolverError: no solver found an optimum.
        InfeasibleError: the limits contradict each other, or targets cannot be met.
    """
    notes: tuple[str, ...] = ()
    curves, bounded = curves.bounded_by(spec.tasks.unserved)
    if is_nonconvex(curves, spec):
        if spec.is_one_model:
            outcome, rivals = plan_one_model(curves, spec), one_model_baselines(curves, spec)
        else:
            outcome = plan_nonconvex(curves, spec)
            rivals = nonconvex_baselines(curves, spec, _spent(outcome), drawn=draws)
        plan = better_of_both(curves, spec, _by_levels(curves, spec, outcome, route), rivals)
        drawn = nonconvex_drawn_plans(curves, spec, progress) if draws else no_plans(spec)
    else:
        problem = build_problem(curves, spec)
        refuse_conflict(problem, spec.unit)
        refuse_nothing(problem)
        goal = goal_of(spec)
        if spec.meets_targets_alone and curves.told is not curves:
            outcome = plan_nonconvex(curves, spec)  # by each task's prediction, which the convex curves may miss
        else:
            if spec.risk.reads_draws:
                best, notes = _at_risk(curves, spec, problem, solve_by_dual(problem, goal))
            elif spec.objective.minimizes_spend and curves.told is not curves:
                problem, best, notes = _meeting_targets(curves, spec, problem, goal, route)
            else:
                best = solved(problem, goal, route)
            outcome = solved_plan_of(curves, spec, problem, best)
            outcome = replace(outcome, notes=(*outcome.notes, *notes))
        rivals = convex_baselines(curves, spec, problem, _spent(outcome), drawn=draws) if compared else ()
        plan = better_of_both(curves, spec, _by_levels(curves, spec, outcome, route), rivals)
        drawn = convex_drawn_plans(curves, spec, goal, progress) if draws else no_plans(spec)
        if route == "program":
            plan = replace(plan, notes=(*plan.notes, *_lifted(curves, spec, goal, plan)))
    _refuse_contradiction(plan)
    low, high = interval(drawn.spend[:, spec.serves])
    plan = replace(
        plan,
        spend_low=low,
        spend_high=high,
        endless=drawn.endless[spec.serves],
        drawn=len(drawn.spend),
        failed_draws=drawn.failed,
        notes=(*plan.notes, *bounded, *drawn.notes(spec)),
    )
    if not draws:
        return plan
    plan = replace(
        plan,
        drawn_objective=drawn_objective(curves, spec, plan.log_inputs),
        notes=(*plan.notes, *_met_in_draws(curves, spec, plan)),
    )
    objective_low, objective_high = objective_interval(plan)
    return with_size_ranges(curves, replace(plan, objective_low=objective_low, objective_high=objective_high), drawn)


def _spent(outcome: SolvedPlan) -> float:
    return float(outcome.amounts[0].sum())


def _met_in_draws(curves: Curves, spec: PlanSpec, plan: Plan) -> tuple[str, ...]:
    """How many targets a plan meets in the draws whose spends just suffice by the point fit."""
    if not spec.objective.minimizes_spend or not len(curves.draws):
        return ()
    measures = told_draws(curves, spec, np.arange(len(curves.tasks)), plan.log_inputs)
    met = float(reached(curves, spec, measures).sum(axis=1).mean())
    by_point = int(plan.target_met.sum())
    return (
        f"By the best guess the plan just meets {by_point} of {len(curves.tasks)} targets; on average over the draws "
        f"it meets {met:.3g}. Harder targets make them surer.",
    )


def _lifted(curves: Curves, spec: PlanSpec, goal: Goal, plan: Plan) -> tuple[str, ...]:
    """What a plan that is stopped by its reach would gain without it, on the curves that it is made on."""
    stopped = [line for line in plan.limits if line.name.startswith("reach of ") and line.price > 0]
    if not stopped or spec.risk.reads_draws:
        return ()
    free = replace(spec, reach=float("inf"))
    try:
        best = solve_by_dual(build_problem(curves, free), goal)
    except AllocationError:
        return ()
    inputs = law_inputs_of(curves, spec, best.u[spec.serves])
    gain = abs(planned_objective(curves, free, inputs, best.spend) * spec.sign - plan.planned_objective)
    names = np.log(np.column_stack([curves.largest[name] for name in curves.planned_inputs]))
    far = float(np.exp((inputs[:, : names.shape[1]] - names).max()))
    return (
        f"Lifting the reach (--reach inf) would bring {gain:.3g} on the curves planned on, with scales up to {far:.3g} "
        f"times the largest measured; {shortened([line.name for line in stopped], 4)} "
        f"stop{'s' if len(stopped) == 1 else ''} the plan.",
    )


def _refuse_contradiction(plan: Plan) -> None:
    """Refuse a plan that is better than what is proven of every plan."""
    spec, sign = plan.spec, -1.0 if plan.larger_is_better else 1.0
    tolerance = CONTRADICTS if spec.limits or spec.further else ROUNDING
    found, bound = plan.planned_objective, plan.bound
    proven_bound(sign * found, sign * bound, tolerance * max(abs(found), abs(bound)), sign)


def solved(problem: Problem, goal: Goal, route: Route) -> Optimum:
    """The optimum of a convex problem by one of the two routes.

    Raises:
        SolverError: nobody found an optimum.
        InfeasibleError: targets cannot be met.
    """
    if route == "dual":
        return solve_by_dual(problem, goal)
    from budget.allocation.convex.solve_by_program import solve_by_program  # loads cvxpy: seconds that not all must pay

    return solve_by_program(problem, goal)


def _by_levels(curves: Curves, spec: PlanSpec, outcome: SolvedPlan, route: Route) -> SolvedPlan:
    """What was solved, or spends chosen by predictions where the shown plan asks for levels and these reach more."""
    if route != "program" or not asks_levels(curves, spec):
        return outcome
    try:
        return better_by_levels(curves, spec, outcome, plan_nonconvex(curves, spec, told=True))
    except InfeasibleError:
        return outcome


def _meeting_targets(
    curves: Curves, spec: PlanSpec, problem: Problem, goal: Goal, route: Route
) -> tuple[Problem, Optimum, tuple[str, ...]]:
    """The cheapest plan and its program, targets moved so that the predictions meet the stated ones, if they do.

    And what is said where they do not.
    """

    def log_inputs(asked: PlanSpec) -> np.ndarray:
        best = solve_by_dual(build_problem(curves, asked), goal)
        return law_inputs_of(curves, spec, best.u[spec.serves])

    try:
        with np.errstate(over="ignore", invalid="ignore"):  # on the way a moved target may be out of the curves' reach
            moved, met = moved_targets(curves, spec, log_inputs)
        if met.all():
            there = build_problem(curves, moved)
            return there, replace(solved(there, goal, route), solver=AT_PREDICTIONS), ()
        why = "moving them does not settle"
    except InfeasibleError:
        why = "moved so that predictions meet them, targets lie beyond what the curves planned on reach"
    except AllocationError as error:  # such as a solver that stopped on the way there
        why = f"moved so that predictions meet them, targets are not solved for ({str(error).rstrip('.')})"
    said = f"Targets are met on the curves that plans are made on, and may be missed as predicted: {why}."
    return problem, solved(problem, goal, route), (said,)


def solved_plan_of(curves: Curves, spec: PlanSpec, problem: Problem, best: Optimum) -> SolvedPlan:
    """What the solved convex problem says of the plan."""
    prices = best.certificate.duals
    return SolvedPlan(
        log_inputs=law_inputs_of(curves, spec, best.u[spec.serves]),
        amounts=best.amounts,
        bound=best.certificate.bound,
        marginal=best.certificate.marginal,
        shadow_price=0.0 if spec.objective.minimizes_spend else best.certificate.shadow_price,
        efficient=np.full(len(best.spend), np.nan),
        binding=binding(problem, best.amounts, prices, spec.serves, spec.objective.stops_at, spec.is_held),
        limits=(*limit_lines(spec, problem, best.amounts, prices), *reach_lines(curves, problem, best)),
        notes=unspent(spec, problem, best.amounts, prices),
        solver=best.solver,
        status=best.status,
    )


def _at_risk(curves: Curves, spec: PlanSpec, problem: Problem, start: Optimum) -> tuple[Optimum, tuple[str, ...]]:
    """The plan with the least risk, or the best within what may be lost; and which draws are not counted in it."""
    problems = build_problems(curves, spec, range(len(curves.draws)))
    if spec.reference is None:
        best = minimize_risk(problems, spec.risk, spec.level, start=start)
        return best, _not_counted(best.lost)
    reference = log_inputs_of_split(spec, problem, spec.reference.split)
    given = np.vstack([spec.reference.split.spend, *(each.cost.value(reference)[None] for each in problem.further)])
    broken = broken_limits(problem, given, np.zeros(len(problem.cost), dtype=bool), BREAKS)
    broken += tuple(name for name in beyond_reach(problem, reference) if name not in broken)
    if broken:
        raise InfeasibleError(
            f"The reference, {spec.reference.words}, {broken_words(broken)}; give another --reference, or loosen that."
        )
    reached = Scenarios.of([each.by_model for each in problems]).totals(reference)
    best = best_gain(problems, spec.risk, spec.level, spec.reference.at_risk, reached, start=start)
    said = _lost(curves, spec, problems, best.u, reference)
    return best, (*_not_counted(best.lost), said)


def _lost(curves: Curves, spec: PlanSpec, problems: list[Problem], u: np.ndarray, reference: np.ndarray) -> str:
    """What the worst draws lose against the reference: on the curves planned on, which is limited, and as predicted."""
    assert spec.reference is not None
    totals = Scenarios.of([each.by_model for each in problems])
    lost = spec.risk.of(_known(totals.totals(u) - totals.totals(reference)), spec.level)
    told, other = (drawn_objective(curves, spec, law_inputs_of(curves, spec, each)) for each in (u, reference))
    predicted = spec.risk.of(_known(spec.sign * (told - other)), spec.level)
    return (
        f"Against {spec.reference.words} the plan loses {lost:.3g}{spec.risk.title(spec.level)} on the curves planned "
        f"on, where at most {spec.reference.at_risk:g} is at risk, and {predicted:.3g} as predicted (below 0 it gains)."
    )


def _known(draws: np.ndarray) -> np.ndarray:
    return draws[np.isfinite(draws)]


def _not_counted(lost: tuple[int, ...]) -> tuple[str, ...]:
    if not lost:
        return ()
    named = ", ".join(str(draw + 1) for draw in lost)
    return (f"Draw{'s' if len(lost) > 1 else ''} {named} (counted from 1) are no numbers and are not in the risk.",)
