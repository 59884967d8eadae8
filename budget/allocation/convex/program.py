"""The convex program in log variables, compiled once and solved for any coefficients (DPP).

Every posynomial is a sum of exponentials of affine functions of ``u = log(inputs)``, so the program is a set of
exponential cones. Limits act on linear amounts ``x ≥ cost(u)`` of each resource, so that minima and limits of mixed
sign stay convex.

See docs/decisions/039-amounts-from-their-own-size.md,
docs/decisions/048-one-compiled-program.md,
docs/decisions/060-cvxpy-loads-jax.md.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
from scipy import sparse

from budget.allocation.convex.implied_bounds import equal_split
from budget.allocation.convex.problem import LinearConstraint, Problem
from budget.allocation.convex.shadow_prices import Duals
from budget.allocation.spec.objectives import Goal
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import SolverError

BOX = 25.0
"""Bound on each log input about the equal split: 11 decades, there only to keep a flat direction finite.

Wider boxes make the solver's steps less exact: at 26 decades it sometimes ended as ``optimal_inaccurate``.
"""

LEAST_SHARE = 1e-20
"""Share of a resource below which an amount is not told from nothing."""

FARTHEST = 1e9
"""Amount, counted as the variables are, beyond which a limit is none."""

LEAST = -80.0
"""Logarithm below which a term is nothing: 1e-35 of the objective."""

COMPILED = 1000
"""Most terms for which the parametrised program is compiled once.

Compiling takes memory in the square of their number (1 GB at 2,000 terms); above it, building anew takes the same time.
"""

COARSE = {"tol_gap_abs": 1e-6, "tol_gap_rel": 1e-6, "tol_feas": 1e-6}
"""Clarabel's tolerances where the split is polished afterwards: the last digits would be its slowest."""

SOLVERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Clarabel", cp.CLARABEL, {}),
    ("SCS", cp.SCS, {"eps_abs": 1e-8, "eps_rel": 1e-8, "max_iters": 20_000}),
)
"""Solvers in the order in which they are asked."""


@dataclass(frozen=True)
class Answer:
    """What the solver returned.

    Attributes:
        amounts: (R, V) amounts of each resource, in its unit; they obey the limits within the solver's tolerance.
        u: (V, I) log inputs.
        cut: (T) the mean of each value's tangents, as the solver weights them: it lies below the value.
        duals: of every limit: fall of the goal per unit; 1 for the budget's unit where the spend itself is the goal.
        task_price: (T,) weight of each task in the largest value, or price of its target; none for the sum.
        solver: which solver answered.
        status: its status, ``optimal`` or ``optimal_inaccurate``.
    """

    amounts: np.ndarray
    u: np.ndarray
    cut: Posynomial
    duals: Duals
    task_price: np.ndarray
    solver: str
    status: str


class Feasible:
    """What the plans of V models obey, as cvxpy variables and constraints about an origin.

    Attributes:
        u: (V, I) log inputs about the origin.
        share: a variable (V,) for each resource: amounts over the resource's scale.
        constraints: all of them.
    """

    def __init__(self, problem: Problem, *, free_budget: bool = False) -> None:
        """Build the constraints for problems of this one's shape.

        Args:
            problem: of the shape.
            free_budget: whether the total of the budget's unit is not limited.
        """
        models, inputs = len(problem.cost), problem.cost.inputs
        costs = [problem.cost, *(resource.cost for resource in problem.further)]
        self.u = cp.Variable((models, inputs))
        # counted from each model's own amount at the origin, so that a tolerance is one of that
        self._own = [cp.Parameter(models, nonneg=True) for _ in costs]
        self._times = [cp.Variable(models) for _ in costs]
        self.share = [cp.multiply(own, times) for own, times in zip(self._own, self._times, strict=True)]
        self._log_cost = [cp.Parameter(cost.log_coef.size) for cost in costs]
        self._fixed = [cp.Parameter(models, nonneg=True) for _ in costs]
        self._low, self._high = cp.Parameter(models, nonneg=True), cp.Parameter(models, nonneg=True)
        self._rows = [cp.Parameter(models) for _ in problem.rows]
        self._most = [cp.Parameter() for _ in problem.rows]
        self._domain, self._ceiling = cp.Parameter((models, inputs)), cp.Parameter((models, inputs))
        self.constraints = [self._times[0] >= self._low, self._times[0] <= self._high]
        self.constraints += [self.u >= self._domain, self.u <= self._ceiling]
        for cost, logs, fixed, times in zip(costs, self._log_cost, self._fixed, self._times, strict=True):
            spread = repeat_rows(models, cost.log_coef.shape[1])
            exponent = cost.exponent.reshape(-1, inputs)
            terms = cp.exp(logs + cp.sum(cp.multiply(exponent, spread @ self.u), axis=1))
            self.constraints.append(spread.T @ terms + fixed <= times)
        self.budgets = {
            position: cp.sum(share) <= 1
            for position, share in enumerate(self.share)
            if (position == 0 and not free_budget) or (position and np.isfinite(problem.further[position - 1].budget))
        }
        self.rows = [
            cp.sum(cp.multiply(coefficient, self._times[row.resource])) <= most
            for row, coefficient, most in zip(problem.rows, self._rows, self._most, strict=True)
        ]
        self.constraints += [*self.budgets.values(), *self.rows]

    def set(self, problem: Problem, origin: np.ndarray) -> np.ndarray:
        """Fill in a problem's numbers.

        Args:
            problem: of the shape.
            origin: (V, I) log inputs that the variables are counted from.

        Returns:
            (R,) the scale of each resource.
        """
        costs = [problem.cost, *(resource.cost for resource in problem.further)]
        totals = [problem.budget, *(resource.budget for resource in problem.further)]
        scale = np.array(
            [
                total if np.isfinite(total) else cost.value(origin).sum()
                for total, cost in zip(totals, costs, strict=True)
            ]
        )
        for cost, logs, fixed, own, size in zip(costs, self._log_cost, self._fixed, self._own, scale, strict=True):
            amount = np.clip(cost.value(origin), LEAST_SHARE * size, size)
            if not isinstance(problem.value, Posynomial):
                amount = np.full_like(amount, size)  # measured: many tangents are solved closer on one common scale
            here = cost.log_coef + np.einsum("vmi,vi->vm", cost.exponent, origin)
            logs.value = np.maximum(here - np.log(amount)[:, None], LEAST).ravel()
            fixed.value = cost.offset / amount
            own.value = amount / size
        domain = np.full_like(origin, -BOX) if problem.cost.domain is None else problem.cost.domain - origin
        self._domain.value = np.clip(domain, -BOX, 0.0)
        ceiling = np.full_like(origin, BOX) if problem.cost.ceiling is None else problem.cost.ceiling - origin
        self._ceiling.value = np.clip(ceiling, 0.0, BOX)
        first = self._own[0].value * scale[0]
        self._low.value = problem.low / first
        self._high.value = np.minimum(problem.high / first, FARTHEST)
        for row, coefficient, most in zip(problem.rows, self._rows, self._most, strict=True):
            size = self._row_size(row)
            coefficient.value = row.coefficient * self._own[row.resource].value / size
            most.value = np.clip(row.upper / (size * scale[row.resource]), -FARTHEST, FARTHEST)
        return scale

    def _row_size(self, row: LinearConstraint) -> float:
        """What a row is divided by: its largest coefficient, amounts counted as the variables are.

        So a solver's tolerance is one of what the row weighs, not of the whole budget.
        """
        return float(np.abs(row.coefficient * self._own[row.resource].value).max())

    def prices(self, problem: Problem, scale: np.ndarray, unit: np.ndarray) -> Duals:
        """What the solver charges for every limit.

        Args:
            problem: whose numbers are filled in.
            scale: (R,) of each resource.
            unit: (R,) what a price of 1 in the program is worth for one unit of each resource.
        """
        budget = np.zeros(len(unit))
        for position, constraint in self.budgets.items():
            budget[position] = constraint.dual_value * unit[position]
        if 0 not in self.budgets:
            budget[0] = 1.0
        ends = (constraint.dual_value * unit[0] / self._own[0].value for constraint in self.constraints[:2])
        low, high = (np.maximum(price, 0.0) for price in ends)
        high = np.where(np.isfinite(problem.high), high, 0.0)
        row = np.array(
            [
                constraint.dual_value * unit[row.resource] / self._row_size(row)
                for constraint, row in zip(self.rows, problem.rows, strict=True)
            ]
        ).reshape(-1)
        return Duals(np.maximum(budget, 0.0), low, high, np.maximum(row, 0.0))


class Program:
    """One compiled program for V models, T values of K terms, and any number of resources and rows.

    A term may be the largest of several exponentials: tangents of one that is no exponential of its inputs.
    """

    def __init__(self, problem: Problem, goal: Goal = "sum", cuts: int = 1) -> None:
        """Build the program for problems of this one's shape, with so many tangents of each value."""
        tasks, terms, inputs = problem.value.tangent(equal_split(problem)[problem.serves]).exponent.shape
        self.goal = goal
        self.models = len(problem.cost)
        self._feasible = Feasible(problem, free_budget=goal == "cheapest")
        self._log_term = [cp.Parameter(tasks * terms) for _ in range(cuts)]
        self._exponent = [cp.Parameter((tasks * terms, inputs)) for _ in range(cuts)]
        self._offset = cp.Parameter(tasks)
        spread = repeat_rows(tasks, terms)
        u = self._feasible.u if len(problem.cost) == tasks else np.ones((tasks, 1)) @ self._feasible.u
        pieces = [
            logs + cp.sum(cp.multiply(exponent, spread @ u), axis=1)
            for logs, exponent in zip(self._log_term, self._exponent, strict=True)
        ]
        self._above: list[cp.Constraint] = []
        if cuts > 1:
            largest_piece = cp.Variable(tasks * terms)
            self._above = [largest_piece >= piece for piece in pieces]
            pieces = [largest_piece]
        of_term = cp.exp(pieces[0])
        self._tasks: list[cp.Constraint] = []
        if goal == "sum":
            objective = cp.sum(of_term)
        else:
            largest = cp.Variable()
            self._tasks = [spread.T @ of_term + self._offset <= (largest if goal == "largest" else 0.0)]
            objective = largest if goal == "largest" else cp.sum(self._feasible.share[0])
        self._program = cp.Problem(cp.Minimize(objective), self._feasible.constraints + self._tasks + self._above)
        self._once = tasks * terms > COMPILED
        self._is_polished = problem.is_plain and goal == "sum"

    def solve(self, problem: Problem, origin: np.ndarray | None = None, cuts: list[Posynomial] | None = None) -> Answer:
        """Solve a problem of the compiled shape.

        The variables are shifted to a plan and the values divided by their reducible part there, so that the solver
        sees numbers of order one whatever the units.

        Args:
            problem: of the shape.
            origin: (V, I) log inputs of that plan; the equal split by default.
            cuts: tangents (T) of the values, as many as compiled; by default the one at the origin, which for falling
                powers is the values themselves.

        Raises:
            SolverError: no solver found an optimum.
        """
        origin = equal_split(problem) if origin is None else origin
        size = self._feasible.set(problem, origin)
        cuts = cuts or [problem.value.tangent(origin[problem.serves])]
        each = [cut.log_coef + np.einsum("tki,ti->tk", cut.exponent, origin[problem.serves]) for cut in cuts]
        logs = np.max(each, axis=0)
        scale = _log_sum(logs) if self.goal == "sum" else _log_sum(logs) - np.log(len(logs))
        middle = problem.value.offset.mean() if self.goal == "largest" else 0.0
        for log_term, exponent, cut, here in zip(self._log_term, self._exponent, cuts, each, strict=True):
            log_term.value = np.maximum(here - scale, LEAST).ravel()
            exponent.value = cut.exponent.reshape(exponent.shape)
        self._offset.value = (problem.value.offset - middle) * np.exp(-scale)
        solver, status = self._ask()
        return Answer(
            np.array([share.value for share in self._feasible.share]) * size[:, None],
            self._feasible.u.value + origin,
            self._mean(cuts),
            self._feasible.prices(problem, size, (size[0] if self.goal == "cheapest" else np.exp(scale)) / size),
            self._task_prices(size[0] * np.exp(-scale)),
            solver,
            status,
        )

    def _mean(self, cuts: list[Posynomial]) -> Posynomial:
        """The tangents' mean, weighted by their prices: what the optimum of all of them is that of."""
        if not self._above:
            return cuts[0]
        prices = np.maximum([constraint.dual_value for constraint in self._above], 0.0) + 1e-300
        share = (prices / prices.sum(axis=0)).reshape(len(cuts), *cuts[0].log_coef.shape)
        log_coef = np.einsum("jtk,jtk->tk", share, np.array([cut.log_coef for cut in cuts]))
        exponent = np.einsum("jtk,jtki->tki", share, np.array([cut.exponent for cut in cuts]))
        return Posynomial(cuts[0].offset, log_coef, exponent)

    def _task_prices(self, unit: float) -> np.ndarray:
        if not self._tasks:
            return np.zeros(0)
        return np.maximum(self._tasks[0].dual_value, 0.0) * (unit if self.goal == "cheapest" else 1.0)

    def _ask(self) -> tuple[str, str]:
        """Ask one solver after the other until one finds an optimum; its name and its word."""
        words = []
        for name, solver, options in SOLVERS:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
                if solver == cp.CLARABEL and self._is_polished:
                    options = COARSE
                try:
                    self._program.solve(solver=solver, ignore_dpp=self._once, **options)
                except cp.error.SolverError as error:
                    words.append(f"{name} stopped ({error})")
                    continue
            if self._program.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
                return name, self._program.status
            words.append(f"{name} reports {self._program.status}")
        raise SolverError(f"{'; '.join(words)}; check the limits and the curves.")


def _log_sum(logs: np.ndarray) -> float:
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).sum()))


def repeat_rows(models: int, times: int) -> sparse.csr_matrix:
    """The matrix that repeats each model's row ``times`` times."""
    rows = np.arange(models * times)
    return sparse.csr_matrix((np.ones(models * times), (rows, rows // times)), shape=(models * times, models))
