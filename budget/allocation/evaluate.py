"""A given split scored like a plan: the same columns, and how far it is from the best."""

from dataclasses import replace

import numpy as np

from budget.allocation.convex.best_size import last_input, split_inputs
from budget.allocation.convex.problem import Problem, build_problem, planned_cost
from budget.allocation.convex.shadow_prices import marginal_return
from budget.allocation.nonconvex.one_model import plan_one_model
from budget.allocation.nonconvex.plan_nonconvex import solved_plan_of_spends, spend_bounds
from budget.allocation.nonconvex.spend_response import spend_response
from budget.allocation.plan.assembly import (
    NOT_OPTIMAL,
    SolvedPlan,
    assemble_plan,
    drawn_objective,
    law_inputs_of,
    objective_interval,
)
from budget.allocation.plan.binding_limits import broken_limits, broken_words
from budget.allocation.plan.plan import Baseline, Plan
from budget.allocation.plan.plan_warnings import curve_warnings, far_warnings, kept_spends, unique_in_plan
from budget.allocation.spec.plan_spec import PlanSpec, is_nonconvex
from budget.curves.curves import Curves
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import AllocationError
from budget.tables.splits import Split

TOLERANCE = 1e-6
"""Relative distance by which a given split may miss a limit without a word."""


def evaluate(curves: Curves, spec: PlanSpec, split: Split, best: Plan) -> Plan:
    """Score a split.

    Args:
        curves: usable curves of the question's T tasks.
        spec: what the best plan was asked for.
        split: what the tasks are given; sizes that are not stated are the best at the spend.
        best: the best plan, whose bound and prices hold for every split.

    Raises:
        AllocationError: a task is given nothing and its unserved value is not stated, or a shared model several spends.
    """
    if spec.is_one_model and np.ptp(split.spend) > 0:
        raise AllocationError("One shared model has one spend, and this split names several; give every task the same.")
    curves, _ = curves.bounded_by(spec.tasks.unserved)
    # the best size of one model for its worst task is not the best for the sum
    minimax = spec.is_one_model and spec.objective.takes_largest and not spec.further
    if minimax or is_nonconvex(curves, spec):
        each = _one_model if spec.is_one_model else _separately
        outcome = each(curves, spec, split, best)
    else:
        outcome = _convexly(curves, spec, split, best)
    plan = assemble_plan(curves, spec, outcome, best.baselines)
    planned = best.planned_objective
    optimal = Baseline(
        "optimal",
        best.objective,
        best.total,
        best.spend,
        best.predicted,
        planned_objective=planned,
        drawn_objective=best.drawn_objective,
    )
    if len(curves.draws):
        plan = replace(plan, drawn_objective=drawn_objective(curves, spec, plan.log_inputs))
        low, high = objective_interval(plan)
        plan = replace(plan, objective_low=low, objective_high=high)
    return replace(
        plan,
        bound=best.bound,
        baselines=(optimal, *plan.baselines),
        warnings=(
            *kept_spends(spec),
            *curve_warnings(curves),
            *far_warnings(plan),
            *unique_in_plan(curves, plan),
        ),  # a given split claims nothing against today's
        notes=(*_without_claim(plan.notes), *_missed(plan)),
    )


def _convexly(curves: Curves, spec: PlanSpec, split: Split, best: Plan) -> SolvedPlan:
    problem = build_problem(curves, spec)
    u = log_inputs_of_split(spec, problem, split)
    models = len(problem.cost)
    spend = split.spend[:models]
    given = np.vstack([spend, *(each.cost.value(u)[None] for each in problem.further)])
    served = spend > 0
    marginal = np.zeros(models)
    some = np.flatnonzero(served)
    marginal[some] = marginal_return(problem.by_model.take(some), problem.cost.take(some), u[some])
    return SolvedPlan(
        log_inputs=law_inputs_of(curves, spec, u[spec.serves]),
        amounts=given,
        bound=0.0,
        marginal=marginal,
        shadow_price=best.shadow_price,
        efficient=best.efficient[:models],
        binding=("given",) * len(curves.tasks),
        limits=best.limits,
        notes=_notes(problem, given, given[0], u),
        solver="given split",
        status="evaluated",
    )


def _one_model(curves: Curves, spec: PlanSpec, split: Split, best: Plan) -> SolvedPlan:
    """The same for one model that serves all tasks, where that is no convex program."""
    spend = split.spend[:1]
    _refuse_nothing(spec, split.spend, np.zeros(len(split.spend), dtype=bool))
    outcome = plan_one_model(curves, replace(spec, budget=float(spend[0])))
    cost = planned_cost(curves, spec, spec.unit)
    u = outcome.log_inputs[:1, : cost.inputs] if spec.params is None else outcome.log_inputs[:1, 1:2]
    if cost.inputs == 2:
        u = _stated_sizes(u, cost, spend, split, np.flatnonzero(split.params[:1] > 0))
    limits = Problem(cost, cost, spec.budget, np.zeros(1), np.full(1, spec.budget), names=("the model",))
    return replace(
        outcome,
        log_inputs=law_inputs_of(curves, spec, np.repeat(u, len(split.spend), axis=0)),
        shadow_price=best.shadow_price,
        binding=("given",) * len(split.spend),
        limits=best.limits,
        notes=_notes(limits, spend[None], spend, u),
        solver="given split",
        status="evaluated",
    )


def _separately(curves: Curves, spec: PlanSpec, split: Split, best: Plan) -> SolvedPlan:
    """The same where each task's best way at its spend may be a size of the menu or its checkpoint trained on."""
    response = spend_response(curves, spec)
    _refuse_nothing(spec, split.spend, np.isfinite(spec.tasks.unserved) | np.isfinite(response.spent_already))
    low, high = spend_bounds(response)
    limits = Problem(response.cost, response.cost, spec.budget, low, high, names=spec.tasks.names)
    outcome = solved_plan_of_spends(
        response, split.spend, 0.0, best.shadow_price, best.efficient, "given split", "evaluated"
    )
    trained_on = np.isfinite(response.spent_already)
    if len(curves.scale_columns) > 1:  # a model of the checkpoint's size is the checkpoint; of one scale it always is
        size = np.where(split.params > 0, split.params, np.exp(outcome.log_inputs[:, 0]))
        trained_on &= np.isclose(size, spec.tasks.checkpoint_params, rtol=1e-9)  # as a written plan has it
    paid = split.spend + np.where(trained_on, np.nan_to_num(response.spent_already), 0.0)
    u = np.where(split.spend[:, None] > 0, outcome.log_inputs[:, : response.cost.inputs], -np.inf)
    if response.cost.inputs == 2:
        u = _stated_sizes(u, response.cost, paid, split, np.flatnonzero((split.spend > 0) & (split.params > 0)))
    inputs = np.where(split.spend[:, None] > 0, law_inputs_of(curves, spec, u), outcome.log_inputs)
    return replace(
        outcome,
        log_inputs=inputs,
        binding=("given",) * len(curves.tasks),
        limits=best.limits,
        notes=_notes(limits, split.spend[None], paid, u),
    )


def _missed(plan: Plan) -> tuple[str, ...]:
    """That a cheap split is cheap because it misses targets which the cheapest plan must meet."""
    spec = plan.spec
    asked = spec.at_least or len(spec.tasks.names)
    if not spec.objective.minimizes_spend or plan.breadth >= asked:
        return ()
    return (f"This split meets {plan.breadth:.0f} of the {asked} targets; the bound is for plans that meet them.",)


def _without_claim(notes: tuple[str, ...]) -> tuple[str, ...]:
    """A given split claims no optimality, so that others beat it is no news."""
    return tuple(note for note in notes if not note.startswith(NOT_OPTIMAL))


def log_inputs_of_split(spec: PlanSpec, problem: Problem, split: Split) -> np.ndarray:
    """Log inputs (V, I): the stated sizes, or the best at the spend; minus infinity where nothing is given."""
    models, inputs = len(problem.cost), problem.cost.inputs
    spend = split.spend[:models]
    _refuse_nothing(spec, split.spend, np.isfinite(spec.tasks.unserved))
    u = np.full((models, inputs), -np.inf)
    some = np.flatnonzero(spend > 0)
    value, cost = problem.by_model.take(some), problem.cost.take(some)
    u[some] = split_inputs(value, cost, spend[some])
    return _stated_sizes(u, problem.cost, spend, split, some[split.params[some] > 0]) if inputs == 2 else u


def _refuse_nothing(spec: PlanSpec, spend: np.ndarray, known: np.ndarray) -> None:
    names = [name for name, lost in zip(spec.tasks.names, (spend == 0) & ~known, strict=True) if lost]
    if names:
        raise AllocationError(
            f"This split gives {', '.join(names)} nothing, and what a task is worth then is unknown: fill column "
            "'unserved' of the tasks file."
        )


def _stated_sizes(u: np.ndarray, cost: Posynomial, spend: np.ndarray, split: Split, sized: np.ndarray) -> np.ndarray:
    """Log inputs (V, 2) with the sizes that the split states for the models ``sized``, and their tokens if it does."""
    result = u.copy()
    if len(sized):
        result[sized] = last_input(cost.take(sized), np.log(split.params[sized])[:, None], np.log(spend[sized]))
    both = sized[split.tokens[sized] > 0]
    result[both, 1] = np.log(split.tokens[both])
    return result


def _notes(problem: Problem, given: np.ndarray, paid: np.ndarray, u: np.ndarray) -> tuple[str, ...]:
    """What the split breaks, ``paid`` (V,) being what each model is trained for."""
    notes = []
    some = np.flatnonzero(given[0] > 0)
    taken = problem.cost.take(some).value(u[some]) / paid[some]
    if taken.max(initial=0.0) > 1 + TOLERANCE:
        worst = some[taken.argmax()]
        notes.append(
            f"The params and tokens of {problem.names[worst]} take {taken.max():.4g} times its spend: it cannot be "
            "trained for that."
        )
    optional = given[0] == 0  # a task that is given nothing has its unserved value, or the split is refused
    broken = broken_limits(problem, given, optional, TOLERANCE)
    if broken:
        notes.append(f"This split {broken_words(broken)}; the bound is for plans that keep all limits.")
    return tuple(notes)
