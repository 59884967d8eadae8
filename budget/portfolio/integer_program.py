"""Portfolios as mixed-integer linear programs for HiGHS; every matrix is built from whole arrays.

``y_j`` says whether model j is built, ``x_p`` whether pair p is chosen: ``Σ_{p of task i} x_p = 1`` and, pair by pair,
``x_p ≤ y_j``, whose linear relaxation is far tighter than one row a model.
"""

import time
from dataclasses import replace

import numpy as np
from scipy import sparse

from budget.numerics.linear_programs import LinearProgram, ProgramSolution, solve_program
from budget.portfolio.portfolio_problem import Selection

SOLVER_TOLERANCE = 1e-9
"""Feasibility and gap at which HiGHS counts a program as solved; objectives are scaled to order one, and a tenth of it
(1e-10) is the least that HiGHS takes."""


def with_objective(program: LinearProgram, cost: np.ndarray, most: float) -> LinearProgram:
    """The same rows with another objective, the present one being held at ``most`` or below."""
    row = sparse.csr_matrix(program.cost[None, :])
    return replace(
        program,
        cost=np.concatenate([cost, np.zeros(len(program.cost) - len(cost))]),
        matrix=sparse.vstack([program.matrix, row], format="csr"),
        row_lower=np.append(program.row_lower, -np.inf),
        row_upper=np.append(program.row_upper, most),
    )


def choice_program(problem: Selection) -> LinearProgram:
    """The program of a portfolio's whole objective; columns ``y`` (M), ``x`` (P), then what the risk needs."""
    models, pairs, tasks = len(problem.cost), len(problem.model), problem.n_tasks
    scenarios, terms = len(problem.loss), problem.terms
    each = np.arange(pairs)
    ones = np.ones(pairs)
    # each task is served once; a pair needs its model, which is one row a pair, since a row a model relaxes far worse
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
        return LinearProgram(
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
        # CVaR as a linear program (Rockafellar & Uryasev 2000): a scenario's level is a common threshold plus what it
        # exceeds it by, and the threshold plus the mean excess over the tail is minimized
        over = sparse.hstack([over, sparse.csr_matrix(-np.ones((len(scenario), 1)))])
        free, weight = np.append(np.zeros(scenarios), -np.inf), np.append(weight / problem.tail, 1.0)
    # columns of the risk follow those of the choice, so that a known choice stays a start (``start_of``)
    blank = sparse.csr_matrix((rows.shape[0], len(weight)))
    return LinearProgram(
        cost=np.append(cost, weight),
        lower=np.append(np.zeros(len(cost)), free),
        upper=np.append(np.ones(len(cost)), np.full(len(weight), np.inf)),
        whole=np.arange(len(cost) + len(weight)) < len(cost),
        matrix=sparse.vstack([sparse.hstack([rows, blank]), sparse.hstack([heights, over])], format="csr"),
        row_lower=np.append(row_lower, np.full(len(scenario), -np.inf)),
        row_upper=np.append(row_upper, np.zeros(len(scenario))),
    )


def cover_program(problem: Selection, cost: np.ndarray) -> LinearProgram:
    """The cheapest models, by ``cost`` (M,), that serve every task within budget and count; columns ``y`` alone."""
    models, pairs = len(problem.cost), len(problem.model)
    serve = _placed(np.ones(pairs), problem.task, problem.model, (problem.n_tasks, models))
    most = _limit_values(problem)
    return LinearProgram(
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


def solve(program: LinearProgram, deadline: float, start: np.ndarray | None = None) -> ProgramSolution:
    """Solve a program until it is proven or the time is over.

    Args:
        program: what is minimized.
        deadline: ``time.monotonic()`` at which to stop.
        start: a known solution's first columns; the rest is completed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        return ProgramSolution(None, -np.inf, "stopped")
    # HiGHS's gaps are absolute too: objectives of order one make them shares
    scale = float(np.abs(program.cost).max(initial=0)) or 1.0
    found = solve_program(
        replace(program, cost=program.cost / scale),
        options={
            "time_limit": left,
            "mip_rel_gap": SOLVER_TOLERANCE,
            "mip_abs_gap": SOLVER_TOLERANCE,
            "mip_feasibility_tolerance": SOLVER_TOLERANCE,
            "primal_feasibility_tolerance": SOLVER_TOLERANCE,
        },
        start=start,
    )
    return replace(found, bound=found.bound * scale)


def _placed(values: np.ndarray, row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """A sparse matrix of values at rows and columns."""
    return sparse.csr_matrix((values, (row, column)), shape=shape)


def _limits(problem: Selection, columns: int) -> sparse.csr_matrix:
    """(1 or 2, C) the rows of budget and count over the first M columns."""
    rows = [problem.cost] + ([problem.counts.astype(float)] if np.isfinite(problem.most) else [])
    return sparse.hstack(
        [sparse.csr_matrix(np.array(rows)), sparse.csr_matrix((len(rows), columns - len(problem.cost)))]
    )


def _limit_values(problem: Selection) -> np.ndarray:
    """(1 or 2,) right sides of the rows of budget and count."""
    return np.array([1.0, problem.most] if np.isfinite(problem.most) else [1.0])
