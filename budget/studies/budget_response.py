"""What more or less budget would bring: the best objective at a range of budgets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

from budget.allocation.convex.problem import build_problem
from budget.allocation.convex.solve_by_dual import solve_by_dual
from budget.allocation.nonconvex.one_model import plan_one_model
from budget.allocation.nonconvex.plan_nonconvex import plan_nonconvex
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.plan_spec import PlanSpec, is_nonconvex
from budget.curves.curves import Curves
from budget.errors import InfeasibleError

FACTORS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Budgets looked at, as multiples of the planned one."""


@dataclass(frozen=True)
class Response:
    """Best plans at Q budgets.

    Attributes:
        budget: (Q,) budgets.
        objective: (Q,) weighted mean of the predicted values, NaN where the limits exclude the budget.
        predicted: (Q, T) predicted values.
    """

    budget: np.ndarray
    objective: np.ndarray
    predicted: np.ndarray

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
        return float(np.exp(PchipInterpolator(values[order] / unit, logs[order])(objective / unit)))


def respond(curves: Curves, spec: PlanSpec) -> Response:
    """Solve the question at ``FACTORS`` times its budget, by the dual where it is convex."""
    every, budgets = np.arange(len(curves.tasks)), spec.budget * np.array(FACTORS)
    inputs_at = _nonconvex if is_nonconvex(curves, spec) else _convex
    predicted = np.full((len(budgets), len(every)), np.nan)
    for position, inputs in enumerate(inputs_at(curves, spec, budgets)):
        if inputs is not None:
            predicted[position], _, _ = curves.predict(every, inputs)
    return Response(budgets, predicted @ spec.weight, predicted)


def _convex(curves: Curves, spec: PlanSpec, budgets: np.ndarray) -> Iterator[np.ndarray | None]:
    """Log inputs (T, I) of the law at each budget, ``None`` where the limits exclude it: one problem, stated once."""
    problem = build_problem(curves, replace(spec, budget=float(budgets.max())))
    for budget in budgets:
        if problem.low.sum() > budget:
            yield None
            continue
        best = solve_by_dual(replace(problem, budget=float(budget), high=np.minimum(problem.high, budget)))
        yield law_inputs_of(curves, spec, best.u[spec.serves])


def _nonconvex(curves: Curves, spec: PlanSpec, budgets: np.ndarray) -> Iterator[np.ndarray | None]:
    """The same for values that are not convex in the spend."""
    solve = plan_one_model if spec.is_one_model else plan_nonconvex
    for budget in budgets:
        try:
            yield solve(curves, replace(spec, budget=float(budget))).log_inputs
        except InfeasibleError:
            yield None
