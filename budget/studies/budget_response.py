"""What more or less budget would bring: the best objective at a range of budgets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.answer import answer
from budget.allocation.convex.problem import build_problem
from budget.allocation.convex.solve_by_dual import solve_by_dual
from budget.allocation.nonconvex.one_model import plan_one_model
from budget.allocation.nonconvex.plan_nonconvex import plan_nonconvex
from budget.allocation.plan.assembly import law_inputs_of, told_measures, value_of_measures
from budget.allocation.solve import goal_of
from budget.allocation.spec.plan_question import PlanQuestion
from budget.allocation.spec.plan_spec import PlanSpec, is_nonconvex
from budget.allocation.spec.risks import RISKS
from budget.curves.curves import Curves
from budget.errors import InfeasibleError
from budget.studies.monotone_cubic import MonotoneCubics

FACTORS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Budgets looked at, as multiples of the planned one."""


@dataclass(frozen=True)
class Response:
    """Best plans at Q budgets.

    Attributes:
        budget: (Q,) budgets.
        objective: (Q,) objectives as predicted, NaN where the limits exclude the budget; everywhere NaN for an
            objective that makes the spend small.
        predicted: (Q, T) predicted values.
    """

    budget: np.ndarray
    objective: np.ndarray
    predicted: np.ndarray

    @property
    def is_known(self) -> bool:
        """Whether more than one budget has an objective."""
        return bool(np.isfinite(self.objective).sum() > 1)

    def at_factor(self, factor: float) -> float:
        """The best objective at a multiple of the planned budget, one of ``FACTORS``."""
        return float(self.objective[FACTORS.index(factor)])

    def budget_for(self, objective: float) -> float:
        """The budget at which the best plan has an objective, between the budgets looked at; NaN beyond them.

        The logarithm of the budget is interpolated over the objective by cubics that keep its order (Fritsch & Carlson
        1980), where the objective never turns.
        """
        known = np.isfinite(self.objective)
        logs, values = np.log(self.budget[known]), self.objective[known]
        order = np.argsort(values)
        if known.sum() < 2 or not values.min() <= objective <= values.max() or (np.diff(values[order]) <= 0).any():
            return float("nan")
        unit = np.abs(values).max()  # so that slopes stay finite whatever the metric's unit
        along = MonotoneCubics.through((values[order] / unit)[None], logs[order][None])
        return float(np.exp(along.at(np.array([[objective / unit]]))[0, 0]))


def respond(curves: Curves, spec: PlanSpec, budget: float | None = None) -> Response:
    """Solve the question at ``FACTORS`` times its budget, by the dual where it is convex.

    What may be lost against a reference is no part of it, which is stated for one budget: the mean over the draws is.

    Args:
        curves: that the question is planned on.
        spec: what is asked.
        budget: of which multiples are looked at; the question's by default.
    """
    every, budgets = np.arange(len(curves.tasks)), (budget or spec.budget) * np.array(FACTORS)
    predicted, objective = np.full((len(budgets), len(every)), np.nan), np.full(len(budgets), np.nan)
    if spec.objective.minimizes_spend:
        return Response(budgets, objective, predicted)
    if curves.form.is_of_one_model or spec.risk.reads_draws or spec.further or spec.limits:
        return _one_by_one(curves, spec, budgets)
    inputs_at = _nonconvex if is_nonconvex(curves, spec) else _convex
    for position, inputs in enumerate(inputs_at(curves, spec, budgets)):
        if inputs is not None:
            predicted[position], _, _ = curves.predict(every, inputs)
            measures = told_measures(curves, spec, every, inputs)
            objective[position] = spec.sign * float(value_of_measures(curves, spec, measures))
    return Response(budgets, objective, predicted)


def _one_by_one(curves: Curves, spec: PlanSpec, budgets: np.ndarray) -> Response:
    """By whole plans, for what neither the dual nor a search solves alone."""
    if spec.reference is not None:
        spec = replace(spec, reference=None, risk=RISKS["mean"])
    objective, predicted = np.full(len(budgets), np.nan), np.full((len(budgets), len(curves.tasks)), np.nan)
    for position, budget in enumerate(budgets.tolist()):
        try:
            plan = answer(curves, replace(spec, budget=budget), PlanQuestion(), draws=False)
        except InfeasibleError:
            continue
        objective[position], predicted[position] = plan.objective, plan.predicted
    return Response(budgets, objective, predicted)


def _convex(curves: Curves, spec: PlanSpec, budgets: np.ndarray) -> Iterator[np.ndarray | None]:
    """Log inputs (T, I) of the law at each budget, ``None`` where the limits exclude it: one problem, stated once."""
    problem = build_problem(curves, replace(spec, budget=float(budgets.max())))
    for budget in budgets:
        if problem.low.sum() > budget:
            yield None
            continue
        one = replace(problem, budget=float(budget), high=np.minimum(problem.high, budget))
        yield law_inputs_of(curves, spec, solve_by_dual(one, goal_of(spec)).u[spec.serves])


def _nonconvex(curves: Curves, spec: PlanSpec, budgets: np.ndarray) -> Iterator[np.ndarray | None]:
    """The same for values that are not convex in the spend."""
    solve = plan_one_model if spec.is_one_model else plan_nonconvex
    for budget in budgets:
        try:
            yield solve(curves, replace(spec, budget=float(budget))).log_inputs
        except InfeasibleError:
            yield None
