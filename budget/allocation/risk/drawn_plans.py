"""The best plan in every draw's scenario: what a plan's ranges are made of.

See docs/decisions/054-draws-are-planned-again.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.cheapest import least_spends, without_limits
from budget.allocation.convex.problem import Problem, build_problems
from budget.allocation.convex.solve_by_dual import NO_SOLVER, solve_by_dual, solve_each
from budget.allocation.nonconvex.one_model import plan_one_model
from budget.allocation.nonconvex.plan_nonconvex import needed_spends, plan_nonconvex
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.objectives import Goal
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.risks import POINT
from budget.curves.curves import Curves
from budget.errors import AllocationError, InfeasibleError, SolverError
from budget.numerics.interval import interval

DRAWS_GAP = 3e-3
"""Gap to which plans that are no convex program are searched for in each draw's scenario."""

MOST_DRAWS = 50
"""Draws in which such a problem is planned again: each search takes as long as some ten convex programs."""

Progress = Callable[[int, int], None] | None


@dataclass(frozen=True)
class DrawnPlans:
    """Plans of B draws for V models and T tasks.

    A draw in which no plan meets the targets within the limits counts as what the targets need whatever the limits:
    leaving it out would call the dearest scenarios impossible and the range too low.

    Attributes:
        spend: (B, V) what each model is given: infinite where no spend meets its target, NaN where the draw failed.
        log_inputs: (B, T, I) the law's log inputs of each task, NaN where the draw failed or has no plan.
        skipped: a sentence on draws that were not looked at, "" where all were.
        by_solver: in how many draws the dual proved no plan, so that a solver was asked.
    """

    spend: np.ndarray
    log_inputs: np.ndarray
    skipped: str = ""
    by_solver: int = 0

    @property
    def failed(self) -> int:
        """How many draws could not be planned."""
        return int(np.isnan(self.spend).any(axis=1).sum())

    @property
    def endless(self) -> np.ndarray:
        """(V,) share of the planned draws in which no finite spend meets the target."""
        planned = max(len(self.spend) - self.failed, 1)
        return np.isinf(self.spend).sum(axis=0) / planned

    def notes(self, spec: PlanSpec) -> tuple[str, ...]:
        """What of these draws a reader must know."""
        notes, draws = [self.skipped] if self.skipped else [], len(self.spend)
        if self.failed:
            notes.append(f"{self.failed} of {draws} draws could not be planned and are not in the spends' intervals.")
        if self.by_solver:
            notes.append(
                f"{self.by_solver} of {draws} draws were planned by a solver: the dual alone did not prove them."
            )
        spend = self.spend[:, spec.serves]
        infinite, (_, high) = np.isinf(spend).sum(axis=0), interval(spend)
        for task in np.flatnonzero(infinite):
            so = ", so that its spend has no upper end ('inf' in a table, null in JSON)" if np.isinf(high[task]) else ""
            name = spec.tasks.names[task]
            notes.append(f"In {infinite[task]} of {draws} draws no spend meets the target of '{name}'{so}.")
        return tuple(notes)


def no_plans(spec: PlanSpec) -> DrawnPlans:
    """Where draws are not asked for."""
    models = int(spec.serves.max()) + 1
    return DrawnPlans(np.empty((0, models)), np.empty((0, 0, 0)))


def convex_drawn_plans(curves: Curves, spec: PlanSpec, goal: Goal, progress: Progress) -> DrawnPlans:
    """The plans of a convex problem in every draw, all by the batched dual; a solver where it proves nothing."""
    count = len(curves.draws)
    found = _nothing(curves, spec, count)
    draws = [draw for draw in range(count) if _is_number(curves, spec, draw)]
    problems = build_problems(curves, spec, draws)
    by_solver = 0
    plans = solve_each(problems, goal, lambda done: _tell(progress, done + count - len(problems), count))
    for draw, problem, best in zip(draws, problems, plans, strict=True):
        if not isinstance(best, AllocationError):
            by_solver += best.solver not in NO_SOLVER
            found.spend[draw] = best.spend
            found.log_inputs[draw] = law_inputs_of(curves, spec, best.u[spec.serves])
        elif isinstance(best, InfeasibleError) and goal == "cheapest":
            found.spend[draw], found.log_inputs[draw] = _whatever_the_limits(curves, spec, problem)
        # of a solver's failure the draw stays no number, and is counted and said
    return replace(found, by_solver=by_solver)


def _tell(progress: Progress, done: int, count: int) -> None:
    if progress is not None:
        progress(done, count)


def _whatever_the_limits(curves: Curves, spec: PlanSpec, problem: Problem) -> tuple[np.ndarray, np.ndarray | float]:
    """What targets take without a limit: spends (V,), and the law's log inputs (T, I)."""
    least = least_spends(problem)
    if len(problem.cost) == len(problem.value):
        spend = np.maximum(least, problem.low)
        u = np.full((len(spend), problem.cost.inputs), np.inf)
        some = np.flatnonzero(np.isfinite(spend))
        u[some] = best_inputs(problem.value.take(some), problem.cost.take(some), spend[some])
        return spend, np.where(np.isinf(spend)[:, None], np.inf, law_inputs_of(curves, spec, u))
    if np.isinf(least).any():
        return np.array([np.inf]), np.inf
    try:
        best = solve_by_dual(without_limits(problem), "cheapest")
    except SolverError:
        return np.array([np.nan]), np.nan
    return best.spend, law_inputs_of(curves, spec, best.u[spec.serves])


def nonconvex_drawn_plans(curves: Curves, spec: PlanSpec, progress: Progress) -> DrawnPlans:
    """The plans of a problem that is no convex program, in at most ``MOST_DRAWS`` draws."""
    total = len(curves.draws)
    count = min(total, MOST_DRAWS)
    found = _nothing(curves, spec, count)
    for position, draw in enumerate(np.linspace(0, total - 1, count).astype(int)):
        if _is_number(curves, spec, draw):
            scenario = in_scenario(curves, draw)
            measure = spec.measure if spec.measure.link is None else replace(spec.measure, link=scenario.link)
            asked = replace(spec, measure=measure, risk=POINT)
            try:
                if spec.is_one_model:
                    outcome = plan_one_model(scenario, asked, DRAWS_GAP)
                else:
                    outcome = plan_nonconvex(scenario, asked, gap=DRAWS_GAP)
                found.spend[position], found.log_inputs[position] = outcome.amounts[0], outcome.log_inputs
            except InfeasibleError:
                if spec.objective.minimizes_spend:
                    found.spend[position] = needed_spends(scenario, asked)
            except SolverError:
                pass  # the draw stays no number, and is counted and said
        _tell(progress, position + 1, count)
    fewer = f"The intervals of the spends are from {count} of {total} draws." if count < total else ""
    return replace(found, skipped=fewer)


def _nothing(curves: Curves, spec: PlanSpec, draws: int) -> DrawnPlans:
    """Plans yet to be found, no numbers."""
    models = int(spec.serves.max()) + 1
    return DrawnPlans(
        np.full((draws, models), np.nan), np.full((draws, len(curves.tasks), len(curves.scale_columns)), np.nan)
    )


def _is_number(curves: Curves, spec: PlanSpec, draw: int) -> bool:
    """Whether every task has a curve in a draw, and a link where scores are planned."""
    link = spec.measure.link
    return bool(np.isfinite(curves.draws[draw]).all() and (link is None or np.isfinite(link.draws[draw]).all()))


def in_scenario(curves: Curves, draw: int) -> Curves:
    """The curves as one draw has them, told as they are planned on: a draw of the prediction drifts from its law."""
    link = curves.link
    return replace(
        curves,
        parameters=curves.draws[draw],
        prediction=None,
        link=None if link is None else replace(link, parameters=link.draws[draw]),
    )
