"""The convex program in log variables, compiled once and solved for any coefficients (DPP).

Every posynomial is a sum of exponentials of affine functions of ``u = log(inputs)``, so the program is a set of
exponential cones for Clarabel. Limits act on the linear spends ``c ≥ cost(u)``.
"""

import warnings
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from scipy import sparse

from budget.allocation.problem import Problem
from budget.allocation.size import best_inputs
from budget.errors import SolverError

BOX = 25.0
"""Bound on each log input about the equal split: 11 decades, there only to keep a flat direction finite.

Wider boxes make the solver's steps less exact: at 26 decades it sometimes ended as ``optimal_inaccurate``.
"""


@dataclass(frozen=True)
class Answer:
    """What the solver returned.

    Attributes:
        spend: (V,) allotted, in the budget's unit; sums to at most the budget within the solver's tolerance.
        u: (V, I) log inputs.
        solver: which solver answered.
        status: its status, ``optimal`` or ``optimal_inaccurate``.
    """

    spend: np.ndarray
    u: np.ndarray
    solver: str
    status: str


class Program:
    """One compiled program for V models with K value terms and M cost terms over I inputs each."""

    def __init__(self, problem: Problem) -> None:
        """Build the program for problems of this one's shape."""
        models, terms, inputs = problem.value.exponent.shape
        parts = problem.cost.log_coef.shape[1]
        self._u = cp.Variable((models, inputs))
        self._share = cp.Variable(models)
        self._log_term = cp.Parameter(models * terms)
        self._exponent = cp.Parameter((models * terms, inputs))
        self._log_cost = cp.Parameter(models * parts)
        self._low = cp.Parameter(models, nonneg=True)
        self._high = cp.Parameter(models, nonneg=True)
        spread_value = _repeat(models, terms)
        spread_cost = _repeat(models, parts)
        of_term = self._log_term + cp.sum(cp.multiply(self._exponent, spread_value @ self._u), axis=1)
        cost_exponent = problem.cost.exponent.reshape(models * parts, inputs)
        of_cost = self._log_cost + cp.sum(cp.multiply(cost_exponent, spread_cost @ self._u), axis=1)
        self._program = cp.Problem(
            cp.Minimize(cp.sum(cp.exp(of_term))),
            [
                spread_cost.T @ cp.exp(of_cost) <= self._share,
                cp.sum(self._share) <= 1,
                self._share >= self._low,
                self._share <= self._high,
                cp.abs(self._u) <= BOX,
            ],
        )

    def solve(self, problem: Problem) -> Answer:
        """Solve a problem of the compiled shape.

        The variables are shifted to the equal split and the objective divided by its reducible part there, so that
        the solver sees numbers of order one whatever the units.

        Raises:
            SolverError: the solver stopped without an optimum.
        """
        models = len(problem.value)
        equal = np.clip(np.full(models, problem.budget / models), problem.low, problem.high)
        origin = best_inputs(problem.value, problem.cost, equal)
        log_terms = problem.value.log_coef + np.einsum("vki,vi->vk", problem.value.exponent, origin)
        top = log_terms.max()
        scale = top + np.log(np.exp(log_terms - top).sum())
        log_cost = problem.cost.log_coef + np.einsum("vmi,vi->vm", problem.cost.exponent, origin)
        self._log_term.value = np.maximum(log_terms - scale, -80.0).ravel()
        self._exponent.value = problem.value.exponent.reshape(self._exponent.shape)
        self._log_cost.value = (log_cost - np.log(problem.budget)).ravel()
        self._low.value = problem.low / problem.budget
        self._high.value = problem.high / problem.budget
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
            try:
                self._program.solve(solver=cp.CLARABEL)
            except cp.error.SolverError as error:
                raise SolverError(
                    f"Clarabel stopped without an answer ({error}); check the limits and the curves."
                ) from None
        status = self._program.status
        if status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            raise SolverError(f"Clarabel reports the program as {status}; check the limits and the curves.")
        return Answer(self._share.value * problem.budget, self._u.value + origin, "Clarabel", status)


def _repeat(models: int, times: int) -> sparse.csr_matrix:
    """The matrix that repeats each model's row ``times`` times."""
    rows = np.arange(models * times)
    return sparse.csr_matrix((np.ones(models * times), (rows, rows // times)), shape=(models * times, models))
