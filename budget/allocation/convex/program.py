"""The convex program in log variables of the plan that is shown, built from its numbers.

Every posynomial is a sum of exponentials of affine functions of ``u = log(inputs)``, so the program is a set of
exponential cones. Limits act on linear amounts ``x ≥ cost(u)`` of each resource, so that minima and limits of mixed
sign stay convex.

See docs/decisions/039-amounts-from-their-own-size.md,
docs/decisions/164-the-shown-program-is-built-from-its-numbers.md.
"""

import importlib.util
import sys
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from scipy import sparse

from budget.allocation.convex.implied_bounds import equal_split
from budget.allocation.convex.problem import LinearConstraint, Problem
from budget.allocation.convex.shadow_prices import Duals
from budget.allocation.spec.objectives import Goal
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import SolverError


def _entropy(*arguments: Any, **options: Any) -> Any:
    """``scipy.stats.entropy``, loaded when it is called."""
    from scipy.stats import entropy

    return entropy(*arguments, **options)


def _deferred() -> dict[str, ModuleType | None]:
    """What cvxpy need not load when it is imported: half of the time that its import takes.

    JAX it imports to learn whether a solver written in it (MPAX) can be imported after it; where that is not installed
    JAX may as well be said to be missing. Of ``scipy.stats`` it takes one function, which ``_entropy`` stands for.
    """
    stats = ModuleType("scipy.stats")
    stats.entropy = _entropy  # type: ignore[attr-defined]
    wanted: dict[str, ModuleType | None] = {"scipy.stats": stats}
    if importlib.util.find_spec("mpax") is None:
        wanted["jax"] = None
    return {name: module for name, module in wanted.items() if name not in sys.modules}


_held_back = _deferred()
sys.modules.update(_held_back)  # type: ignore[arg-type]
try:
    import cvxpy as cp
finally:
    for _name in _held_back:
        del sys.modules[_name]

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

LEAST_FACTOR = -20.0
"""Logarithm of the least factor of an exponential, 2e-9: what is less stands inside, for a solver drops it outside."""

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

    Everything is counted from each model's own amount at the origin, so that a solver's tolerance is one of that.

    Attributes:
        u: (V·I,) log inputs about the origin, model by model.
        share: an expression (V,) for each resource: amounts over the resource's scale.
        scale: (R,) the scale of each resource, in its unit.
        constraints: all of them.
    """

    def __init__(self, problem: Problem, origin: np.ndarray, *, free_budget: bool, polished: bool) -> None:
        """Build the constraints of a problem.

        Args:
            problem: the stated problem.
            origin: (V, I) log inputs that the variables are counted from.
            free_budget: whether the total of the budget's unit is not limited.
            polished: whether the answer is polished afterwards: stated for speed then, else for the last digits.
        """
        models = len(problem.cost)
        costs = [problem.cost, *(resource.cost for resource in problem.further)]
        totals = [problem.budget, *(resource.budget for resource in problem.further)]
        self._problem = problem
        self.u = cp.Variable(origin.size)
        self.scale = np.array(
            [
                total if np.isfinite(total) else cost.value(origin).sum()
                for total, cost in zip(totals, costs, strict=True)
            ]
        )
        self._own, self._times, of_cost = [], [], []
        for cost, size in zip(costs, self.scale, strict=True):
            amount = np.clip(cost.value(origin), LEAST_SHARE * size, size)
            if not isinstance(problem.value, Posynomial):
                amount = np.full_like(amount, size)  # measured: many tangents are solved closer on one common scale
            times = cp.Variable(models)
            logs = cost.log_coef + np.einsum("vmi,vi->vm", cost.exponent, origin) - np.log(amount)[:, None]
            terms = exponentials(logs, cost.exponent, self.u, polished=polished)
            of_cost.append(repeat_rows(models, logs.shape[1]).T @ terms + cost.offset / amount <= times)
            self._own.append(amount / size)
            self._times.append(times)
        self.share = [cp.multiply(own, times) for own, times in zip(self._own, self._times, strict=True)]
        first = self._own[0] * self.scale[0]
        low, high = problem.low / first, np.minimum(problem.high / first, FARTHEST)
        # costs keep the spends above 0 and the budget keeps them below itself, so that few ends say anything more
        self._low = np.flatnonzero((low > 0) | (not polished))
        self._high = np.flatnonzero((problem.high < problem.budget) | (not polished))
        self._ends = self._times[0][self._low] >= low[self._low], self._times[0][self._high] <= high[self._high]
        self.constraints = [*self._ends, *self._box(origin, boxed=not polished), *of_cost]
        self.budgets = {
            position: own @ times <= 1
            for position, (own, times) in enumerate(zip(self._own, self._times, strict=True))
            if (position == 0 and not free_budget) or (position and np.isfinite(totals[position]))
        }
        self.rows = [
            (row.coefficient * self._own[row.resource] / size) @ self._times[row.resource]
            <= float(np.clip(row.upper / (size * self.scale[row.resource]), -FARTHEST, FARTHEST))
            for row in problem.rows
            for size in [self._row_size(row)]
        ]
        self.constraints += [*self.budgets.values(), *self.rows]

    def _box(self, origin: np.ndarray, *, boxed: bool) -> list[cp.Constraint]:
        """The ends of the log inputs: those of the models, and of the box for all or for what nothing else holds."""
        problem = self._problem
        domain, ceiling = problem.cost.domain, problem.cost.ceiling
        least = np.full_like(origin, -np.inf) if domain is None else domain - origin
        most = np.full_like(origin, np.inf) if ceiling is None else ceiling - origin
        # an input with a price and a gain runs nowhere: only one that lacks either is held by nothing else
        at_origin = problem.by_model.tangent(origin)
        held = (problem.cost.exponent != 0).any(axis=1) & (at_origin.exponent != 0).any(axis=1)
        free = np.full_like(held, boxed) | ~held
        low = np.flatnonzero((least > -BOX) | free)
        high = np.flatnonzero((most < BOX) | free)
        return [
            self.u[low] >= np.clip(least, -BOX, 0.0).ravel()[low],
            self.u[high] <= np.clip(most, 0.0, BOX).ravel()[high],
        ]

    def _row_size(self, row: LinearConstraint) -> float:
        """What a row is divided by: its largest coefficient, amounts counted as the variables are.

        So a solver's tolerance is one of what the row weighs, not of the whole budget.
        """
        return float(np.abs(row.coefficient * self._own[row.resource]).max())

    def prices(self, unit: np.ndarray) -> Duals:
        """What the solver charges for every limit.

        Args:
            unit: (R,) what a price of 1 in the program is worth for one unit of each resource.
        """
        problem = self._problem
        budget = np.zeros(len(unit))
        for position, constraint in self.budgets.items():
            budget[position] = constraint.dual_value * unit[position]
        if 0 not in self.budgets:
            budget[0] = 1.0
        low, high = np.zeros(len(problem.low)), np.zeros(len(problem.low))
        for price, at, constraint in zip((low, high), (self._low, self._high), self._ends, strict=True):
            price[at] = np.maximum(constraint.dual_value * unit[0] / self._own[0][at], 0.0)
        high = np.where(np.isfinite(problem.high), high, 0.0)
        row = np.array(
            [
                constraint.dual_value * unit[row.resource] / self._row_size(row)
                for constraint, row in zip(self.rows, problem.rows, strict=True)
            ]
        ).reshape(-1)
        return Duals(np.maximum(budget, 0.0), low, high, np.maximum(row, 0.0))


class Program:
    """The program of one problem of V models, T values of K terms, and any number of resources and rows.

    The variables are shifted to a plan and the values divided by their reducible part there, so that the solver sees
    numbers of order one whatever the units. A term may be the largest of several exponentials: tangents of one that is
    no exponential of its inputs.
    """

    def __init__(
        self,
        problem: Problem,
        goal: Goal = "sum",
        origin: np.ndarray | None = None,
        cuts: list[Posynomial] | None = None,
    ) -> None:
        """Build the program.

        Args:
            problem: the stated problem.
            goal: what is made small.
            origin: (V, I) log inputs of that plan; the equal split by default.
            cuts: tangents (T) of the values; by default the one at the origin, which for falling powers is the values
                themselves.
        """
        self.goal, self._problem = goal, problem
        self._origin = origin = equal_split(problem) if origin is None else origin
        self._cuts = cuts = cuts or [problem.value.tangent(origin[problem.serves])]
        self._is_polished = problem.is_plain and goal == "sum"
        self._feasible = Feasible(problem, origin, free_budget=goal == "cheapest", polished=self._is_polished)
        each = [cut.log_coef + np.einsum("tki,ti->tk", cut.exponent, origin[problem.serves]) for cut in cuts]
        logs = np.max(each, axis=0)
        self._log_scale = scale = _log_sum(logs) - (0.0 if goal == "sum" else np.log(len(logs)))
        middle = problem.value.offset.mean() if goal == "largest" else 0.0
        offset = (problem.value.offset - middle) * np.exp(-scale)
        self._above: list[cp.Constraint] = []
        if len(cuts) == 1:
            terms = exponentials(each[0] - scale, cuts[0].exponent, self._feasible.u, polished=self._is_polished)
        else:
            largest_piece = cp.Variable(logs.size)
            self._above = [
                largest_piece >= affine(cut.exponent, self._feasible.u) + np.maximum(here - scale, LEAST).ravel()
                for cut, here in zip(cuts, each, strict=True)
            ]
            terms = cp.exp(largest_piece)
        self._tasks: list[cp.Constraint] = []
        if goal == "sum":
            objective = cp.sum(terms)
        else:
            largest = cp.Variable()
            of_task = repeat_rows(len(logs), logs.shape[1]).T @ terms + offset
            self._tasks = [of_task <= (largest if goal == "largest" else 0.0)]
            objective = largest if goal == "largest" else cp.sum(self._feasible.share[0])
        constraints = self._feasible.constraints + self._tasks + self._above
        self._program = cp.Problem(cp.Minimize(objective), constraints)

    def solve(self) -> Answer:
        """Solve it.

        Raises:
            SolverError: no solver found an optimum.
        """
        solver, status = self._ask()
        size, scale = self._feasible.scale, self._log_scale
        return Answer(
            np.array([share.value for share in self._feasible.share]) * size[:, None],
            self._feasible.u.value.reshape(self._origin.shape) + self._origin,
            self._mean(self._cuts),
            self._feasible.prices((size[0] if self.goal == "cheapest" else np.exp(scale)) / size),
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
                    self._program.solve(solver=solver, **options)
                except cp.error.SolverError as error:
                    words.append(f"{name} stopped ({error})")
                    continue
            if self._program.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
                return name, self._program.status
            words.append(f"{name} reports {self._program.status}")
        raise SolverError(f"{'; '.join(words)}; check the limits and the curves.")


def exponentials(logs: np.ndarray, exponent: np.ndarray, u: cp.Variable, *, polished: bool) -> cp.Expression:
    """The terms (N·K,) ``exp(logs + exponent · u)`` of N functions.

    Their factors stand outside the exponentials where the answer is polished: Clarabel takes 15 to 20 steps then, and
    24 to 63 with them inside. Inside its last digits are better.

    Args:
        logs: (N, K) at the origin.
        exponent: (N, K, I).
        u: (N·I,) or, for all alike, (I,).
        polished: whether the answer is.
    """
    logs = np.maximum(logs, LEAST).ravel()
    if not polished:
        return cp.exp(affine(exponent, u) + logs)
    factor = np.maximum(logs, LEAST_FACTOR)
    return cp.multiply(np.exp(factor), cp.exp(affine(exponent, u) + (logs - factor)))


def affine(exponent: np.ndarray, u: cp.Variable) -> cp.Expression:
    """What exponents (N, K, I) make of the log inputs (N·I,), or of (I,) that all functions share: (N·K,)."""
    count, terms, inputs = exponent.shape
    if u.size == inputs:
        return exponent.reshape(-1, inputs) @ u
    rows = np.repeat(np.arange(count * terms), inputs)
    columns = np.broadcast_to(np.arange(count * inputs).reshape(count, 1, inputs), exponent.shape).ravel()
    return sparse.csr_matrix((exponent.ravel(), (rows, columns)), shape=(count * terms, count * inputs)) @ u


def _log_sum(logs: np.ndarray) -> float:
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).sum()))


def repeat_rows(models: int, times: int) -> sparse.csr_matrix:
    """The matrix that repeats each model's row ``times`` times."""
    rows = np.arange(models * times)
    return sparse.csr_matrix((np.ones(models * times), (rows, rows // times)), shape=(models * times, models))
