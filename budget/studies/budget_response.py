"""What more or less budget would bring: the best objective at a range of budgets."""

from contextlib import suppress
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
    serves = spec.serves
    budgets = spec.budget * np.array(FACTORS)
    predicted = np.full((len(budgets), len(curves.tasks)), np.nan)
    for position, budget in enumerate(budgets):
        asked = replace(spec, budget=float(budget))
        if is_nonconvex(curves, spec):
            with suppress(InfeasibleError):
                inputs = (plan_one_model if spec.is_one_model else plan_nonconvex)(curves, asked).log_inputs
                predicted[position], _, _ = curves.predict(np.arange(len(serves)), inputs)
            continue
        problem = build_problem(curves, asked)
        if problem.low.sum() > budget:
            continue
        best = solve_by_dual(problem)
        predicted[position], _, _ = curves.predict(np.arange(len(serves)), law_inputs_of(curves, spec, best.u[serves]))
    return Response(budgets, predicted @ spec.weight, predicted)
