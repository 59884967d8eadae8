"""Portfolios as mixed-integer linear programs for HiGHS; every matrix is built from whole arrays.

``y_j`` says whether model j is built, ``x_p`` whether pair p is chosen: ``Σ_{p of task i} x_p = 1`` and, pair by pair,
``x_p ≤ y_j``, whose linear relaxation is far tighter than one row a model.
"""

import time
from dataclasses import dataclass

import numpy as np
from highspy import HighsModelStatus
from scipy import sparse

from budget.allocation.nonconvex.highs import found_solution, run_highs
from budget.portfolio.selection import Selection

TOLERANCE = 1e-9
"""Feasibility and gap at which HiGHS counts a program as solved; objectives are scaled to order one."""


@dataclass(frozen=True)
class Outcome:
    """What HiGHS said.

    Attributes:
        x: the columns of the best solution, ``None`` where there is none.
        bound: no solution has a smaller objective; infinite where there is no solution at all.
        optimal: whether the search ended.
    """

    x: np.ndarray | None
    bound: float
    optimal: bool


@dataclass(frozen=True)
class Program:
    """Minimize ``cost·z`` over ``z ≥ lower``, ``matrix·z`` within its limits.

    Columns: ``y`` (M), ``x`` (P), then what the risk needs.

    Attributes:
        cost: (C,) coefficients of the objective.
        lower: (C,) least values.
        upper: (C,) greatest values.
        whole: (C,) whether the column is a whole number.
        matrix: (R, C) rows.
        row_lower: (R,) their least values.
        row_upper: (R,) their greatest values.
    """

    cost: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    whole: np.ndarray
    matrix: sparse.csr_matrix
    row_lower: np.ndarray
    row_upper: np.ndarray

    def instead(self, cost: np.ndarray, most: float) -> "Program":
        """The same rows with another objective, the present one being held at ``most`` or below."""
        row = sparse.csr_matrix(self.cost[None, :])
        return Program(
            np.concatenate([cost, np.zeros(len(self.cost) - len(cost))]),
            self.lower,
            self.upper,
            self.whole,
            sparse.vstack([self.matrix, row], format="csr"),
            np.append(self.row_lower, -np.inf),
            np.append(self.row_upper, most),
        )


def choice_program(problem: Selection) -> Program:
    """The program of a portfolio's whole objective."""
    models, pairs, tasks = len(problem.cost), len(problem.model), problem.n_tasks
    scenarios, terms = len(problem.loss), problem.terms
    each = np.arange(pairs)
    ones = np.ones(pairs)
    serve = _placed(ones, problem.task, models + each, (tasks, models + pairs))
    link = _placed(
        np.append(ones, -ones), np.tile(each, 2), np.append(models + each, problem.model), (pairs, models + pairs)
    )
    build = _limits(problem, models + pairs)
    rows = sparse.vstack([serve, link, build], format="csr")
    row_lower = np.concatenate([np.ones(tasks), np.full(rows.shape[0] - tasks, -np.inf)])
    row_upper = np.concatenate([np.ones(tasks), np.zeros(pairs), _limit_values(problem)])
    cost = np.zeros(models + pairs)
    if problem.is_linear:
        cost[models:] = terms.mean(axis=0)
        return Program(
            cost, np.zeros(len(cost)), np.ones(len(cost)), np.arange(len(cost)) < models, rows, row_lower, row_upper
        )
    if problem.objective.takes_largest:
        # one row a scenario and task: the loss of the task's pair is below the scenario's level
        heights = _placed(
            terms.ravel(),
            (np.arange(scenarios)[:, None] * tasks + problem.task).ravel(),
            np.tile(models + each, scenarios),
            (scenarios * tasks, models + pairs),
        )
        scenario = np.repeat(np.arange(scenarios), tasks)
    else:
        heights = sparse.hstack([sparse.csr_matrix((scenarios, models)), sparse.csr_matrix(terms)])
        scenario = np.arange(scenarios)
    over = _placed(-np.ones(len(scenario)), np.arange(len(scenario)), scenario, (len(scenario), scenarios))
    free, weight = np.full(scenarios, -np.inf), np.full(scenarios, 1 / scenarios)
    if problem.tail < 1:
        # the level is a common threshold plus what a scenario exceeds it by
        over = sparse.hstack([over, sparse.csr_matrix(-np.ones((len(scenario), 1)))])
        free, weight = np.append(np.zeros(scenarios), -np.inf), np.append(weight / problem.tail, 1.0)
    blank = sparse.csr_matrix((rows.shape[0], len(weight)))
    return Program(
        cost=np.append(cost, weight),
        lower=np.append(np.zeros(len(cost)), free),
        upper=np.append(np.ones(len(cost)), np.full(len(weight), np.inf)),
        whole=np.arange(len(cost) + len(weight)) < len(cost),
        matrix=sparse.vstack([sparse.hstack([rows, blank]), sparse.hstack([heights, over])], format="csr"),
        row_lower=np.append(row_lower, np.full(len(scenario), -np.inf)),
        row_upper=np.append(row_upper, np.zeros(len(scenario))),
    )


def cover_program(problem: Selection, cost: np.ndarray) -> Program:
    """The cheapest models, by ``cost`` (M,), that serve every task within budget and count; columns ``y`` alone."""
    models, pairs = len(problem.cost), len(problem.model)
    serve = _placed(np.ones(pairs), problem.task, problem.model, (problem.n_tasks, models))
    most = _limit_values(problem)
    return Program(
        cost=cost,
        lower=np.zeros(models),
        upper=np.ones(models),
        whole=np.ones(models, dtype=bool),
        matrix=sparse.vstack([serve, _limits(problem, models)], format="csr"),
        row_lower=np.append(np.ones(problem.n_tasks), np.full(len(most), -np.inf)),
        row_upper=np.append(np.full(problem.n_tasks, np.inf), most),
    )


def start_of(problem: Selection, chosen: np.ndarray) -> np.ndarray:
    """(M + P,) the columns ``y`` and ``x`` of chosen pairs (T,)."""
    models = len(problem.cost)
    result = np.zeros(models + len(problem.model))
    result[problem.model[chosen]] = 1
    result[models + chosen] = 1
    return result


def solve(program: Program, deadline: float, start: np.ndarray | None = None) -> Outcome:
    """Solve a program until it is proven or the time is over.

    Args:
        program: what is minimized.
        deadline: ``time.monotonic()`` at which to stop.
        start: a known solution's first columns; the rest is completed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        return Outcome(None, -np.inf, False)
    scale = float(np.abs(program.cost).max(initial=0)) or 1.0
    highs = run_highs(
        program.cost / scale,
        program.lower,
        program.upper,
        program.whole,
        sparse.csc_matrix(program.matrix),
        program.row_lower,
        program.row_upper,
        options={
            "time_limit": left,
            "mip_rel_gap": TOLERANCE,
            "mip_abs_gap": TOLERANCE,
            "mip_feasibility_tolerance": TOLERANCE,
            "primal_feasibility_tolerance": TOLERANCE,
        },
        start=start,
    )
    if highs is None:
        return Outcome(None, -np.inf, False)
    status = highs.getModelStatus()
    if status == HighsModelStatus.kInfeasible:
        return Outcome(None, np.inf, True)
    bound = highs.getInfo().mip_dual_bound * scale
    return Outcome(found_solution(highs), bound if np.isfinite(bound) else -np.inf, status == HighsModelStatus.kOptimal)


def _placed(values: np.ndarray, row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix((values, (row, column)), shape=shape)


def _limits(problem: Selection, columns: int) -> sparse.csr_matrix:
    """(1 or 2, C) the rows of budget and count over the first M columns."""
    rows = [problem.cost] + ([problem.counts.astype(float)] if np.isfinite(problem.most) else [])
    return sparse.hstack(
        [sparse.csr_matrix(np.array(rows)), sparse.csr_matrix((len(rows), columns - len(problem.cost)))]
    )


def _limit_values(problem: Selection) -> np.ndarray:
    return np.array([1.0, problem.most] if np.isfinite(problem.most) else [1.0])
