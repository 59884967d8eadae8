"""From curves and a question to a plan with its certificate."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from budget.allocation.assemble import Outcome, assembled, convex_baselines, law_inputs_of
from budget.allocation.conflict import refuse_conflict, refuse_nothing
from budget.allocation.explain import binding, limit_lines, unspent
from budget.allocation.many import split_each
from budget.allocation.one_model import one_model_baselines, plan_one_model
from budget.allocation.optimum import Optimum, is_trivial, solve
from budget.allocation.problem import Problem, state
from budget.allocation.program import Goal, Program
from budget.allocation.question import Question, is_separable
from budget.allocation.result import Plan
from budget.allocation.risk import minimize_risk
from budget.allocation.separable.separate import plan_separately, separate_baselines
from budget.curves.fitted import INTERVAL, Curves
from budget.errors import InfeasibleError, SolverError

DRAWS_GAP = 3e-3
"""Gap to which plans that are no convex program are searched for in each draw's world."""

CONTRADICTS = 1e-4
"""By how much a plan may be better than its bound, relatively: a solver's tolerance in meeting limits, and rounding."""

MOST_DRAWS = 50
"""Draws in which such plans are searched for: each search takes as long as some ten convex programs."""

GOALS: dict[str, Goal] = {"mean": "sum", "worst": "largest", "cheapest": "cheapest"}
"""What a convex program makes small for each objective."""


def allocate(
    curves: Curves,
    question: Question,
    *,
    progress: Callable[[int, int], None] | None = None,
    draws: bool = True,
    program: Program | None = None,
) -> Plan:
    """The optimal plan for a question.

    Args:
        curves: usable curves of the question's T tasks, in its order.
        question: see ``ask.ask``.
        progress: called with (draws done, draws in all).
        draws: whether to solve again for every draw, which gives ``spend_low`` and ``spend_high``.
        program: see ``compiled``; for the same question about these tasks or more.

    Returns:
        The plan, its certificate, its baselines and what it cannot promise.

    Raises:
        SolverError: no solver found an optimum.
        InfeasibleError: the limits contradict each other, or targets cannot be met.
    """
    notes: tuple[str, ...] = ()
    if is_separable(curves, question):
        if question.strategy == "shared":
            outcome, rivals = plan_one_model(curves, question), one_model_baselines(curves, question)
        else:
            outcome, rivals = plan_separately(curves, question), separate_baselines(curves, question)
        plan = assembled(curves, question, outcome, rivals)
        spends, worlds, failed = _separate_draws(curves, question, progress) if draws else _NO_DRAWS
        if draws and len(curves.draws) > MOST_DRAWS:
            fewer = f"The intervals of the spends are from {MOST_DRAWS} of {len(curves.draws)} draws."
            plan = replace(plan, notes=(*plan.notes, fewer))
    else:
        problem = state(curves, question)
        refuse_conflict(problem, question.unit)
        refuse_nothing(problem, question.unit)
        goal = GOALS[question.objective]
        program = program or _compiled(problem, goal)
        best = solve(problem, goal, program)
        if question.risk != "point":
            best, notes = _at_risk(curves, question, best)
        outcome = outcome_of(curves, question, problem, best)
        plan = assembled(
            curves,
            question,
            replace(outcome, notes=(*outcome.notes, *notes)),
            convex_baselines(curves, question, problem),
        )
        spends, worlds, failed = _over_draws(curves, question, goal, program, progress) if draws else _NO_DRAWS
    _refuse_contradiction(plan)
    low, high = _interval(spends, plan.spend, question.serves)
    return replace(
        plan,
        spend_low=low,
        spend_high=high,
        drawn=len(spends) + failed,
        failed_draws=failed,
        inputs=_ranges(curves, question, worlds),
        notes=(*plan.notes, *_failed(failed, failed + len(spends))),
    )


def _refuse_contradiction(plan: Plan) -> None:
    """Refuse a plan that is better than what is proven of every plan."""
    better = (plan.objective - plan.bound) * (1 if plan.larger_is_better else -1)
    if better > CONTRADICTS * max(abs(plan.objective), abs(plan.bound)):
        raise SolverError(
            f"The plan found ({plan.objective:.6g}) is better than what is proven of every plan ({plan.bound:.6g}): "
            "the numbers span too many orders. Loosen limits, or leave out tasks that get next to nothing."
        )


def compiled(curves: Curves, question: Question) -> Program | None:
    """The program of a question, to be solved for other budgets, draws and subsets of its tasks; ``None`` for none."""
    if is_separable(curves, question):
        return None
    return _compiled(state(curves, question), GOALS[question.objective])


def _compiled(problem: Problem, goal: Goal) -> Program | None:
    """A program for what is solved by one: further limits, a sum over models that share a budget, one model's worst."""
    if problem.is_plain and goal == "sum":
        return None if is_trivial(problem) else Program(problem)
    return Program(problem, goal) if not problem.is_plain or len(problem.cost) < len(problem.value) else None


_NO_DRAWS = (np.empty((0, 0)), np.empty(0), 0)


def outcome_of(curves: Curves, question: Question, problem: Problem, best: Optimum) -> Outcome:
    """What the solved convex problem says of the plan."""
    prices = best.certificate.prices
    return Outcome(
        inputs=law_inputs_of(curves, question, best.u[question.serves]),
        given=best.given,
        bound=best.certificate.bound,
        marginal=best.certificate.marginal,
        shadow_price=0.0 if question.objective == "cheapest" else best.certificate.shadow_price,
        efficient=np.full(len(best.spend), np.nan),
        binding=binding(
            problem, best.given, prices, question.serves, "target" if question.objective == "cheapest" else "budget"
        ),
        limits=limit_lines(question, problem, best.given, prices),
        notes=unspent(question, problem, best.given, prices),
        solver=best.solver,
        status=best.status,
    )


def _at_risk(curves: Curves, question: Question, start: Optimum) -> tuple[Optimum, tuple[str, ...]]:
    """The plan with the least risk, and which draws are not counted in it."""
    problems = [state(curves, question, draw) for draw in range(len(curves.draws))]
    best = minimize_risk(problems, question.risk, question.level, start=start)
    return best, _not_counted(best.lost)


def _over_draws(
    curves: Curves,
    question: Question,
    goal: Goal,
    program: Program | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray, int]:
    """The best plan in every draw's world: spends (B', V), law's log inputs (B', T, I), and how many draws failed."""
    spends, inputs, problems = [], [], []
    count = len(curves.draws)
    for draw in range(count):
        with suppress(SolverError):
            _refuse_draw(curves, question, draw)
            problems.append(state(curves, question, draw))
    together = goal == "sum" and bool(problems) and problems[0].is_plain
    ahead = split_each(problems) if together else [None] * len(problems)
    for done, (problem, split) in enumerate(zip(problems, ahead, strict=True), start=1):
        with suppress(SolverError, InfeasibleError):
            best = solve(problem, goal, program, split)
            spends.append(best.spend)
            inputs.append(law_inputs_of(curves, question, best.u[question.serves]))
        if progress is not None:
            progress(done + count - len(problems), count)
    return np.array(spends), np.array(inputs), count - len(spends)


def _refuse_draw(curves: Curves, question: Question, draw: int) -> None:
    """Refuse a draw in which a task has no curve, or no link where scores are planned.

    Raises:
        SolverError: a parameter is not a number.
    """
    link = question.measure.link
    if not (np.isfinite(curves.draws[draw]).all() and (link is None or np.isfinite(link.draws[draw]).all())):
        raise SolverError(f"Draw {draw} holds a parameter that is not a number; fit again.")


def _separate_draws(
    curves: Curves, question: Question, progress: Callable[[int, int], None] | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Spends (B', V) and inputs (B', T, I) of the best plan in every draw's world, and how many draws failed."""
    spends, inputs, failed = [], [], 0
    count = min(len(curves.draws), MOST_DRAWS)
    for position, draw in enumerate(np.linspace(0, len(curves.draws) - 1, count).astype(int)):
        world = in_world(curves, draw)
        measure = question.measure if question.measure.link is None else replace(question.measure, link=world.link)
        asked = replace(question, measure=measure, risk="point")
        try:
            _refuse_draw(curves, question, draw)
            if question.strategy == "shared":
                outcome = plan_one_model(world, asked, DRAWS_GAP)
            else:
                outcome = plan_separately(world, asked, gap=DRAWS_GAP)
            spends.append(outcome.given[0])
            inputs.append(outcome.inputs)
        except (SolverError, InfeasibleError):
            failed += 1
        if progress is not None:
            progress(position + 1, count)
    return np.array(spends), np.array(inputs), failed


def in_world(curves: Curves, draw: int) -> Curves:
    """The curves as one draw has them."""
    link = curves.link
    return replace(
        curves,
        parameters=curves.draws[draw],
        link=None if link is None else replace(link, parameters=link.draws[draw]),
    )


def _interval(spends: np.ndarray, point: np.ndarray, serves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Range (T,) of the spends over the draws (B', V), widened to hold the plan's; NaN without draws."""
    if len(spends) == 0:
        return np.full_like(point, np.nan), np.full_like(point, np.nan)
    low, high = np.percentile(spends, INTERVAL, axis=0)[:, serves]
    return np.minimum(low, point), np.maximum(high, point)


def _ranges(curves: Curves, question: Question, worlds: np.ndarray) -> dict[str, tuple[float, float]]:
    """80 % range over the draws of one shared model's inputs."""
    if question.strategy != "shared" or len(worlds) == 0:
        return {}
    low, high = np.exp(np.percentile(worlds[:, 0], INTERVAL, axis=0))
    stated = {"unique_tokens", *(["params"] if question.params is not None else [])}
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(curves.inputs) if name not in stated}


def _not_counted(lost: tuple[int, ...]) -> tuple[str, ...]:
    if not lost:
        return ()
    named = ", ".join(str(draw + 1) for draw in lost)
    return (f"Draw{'s' if len(lost) > 1 else ''} {named} (counted from 1) are no numbers and are not in the risk.",)


def _failed(failed: int, tried: int) -> tuple[str, ...]:
    if not failed:
        return ()
    return (f"{failed} of {tried} draws could not be planned and are not in the spends' intervals.",)
