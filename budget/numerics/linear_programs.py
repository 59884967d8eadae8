"""Linear and mixed-integer programs for HiGHS, from whole arrays and without a word on standard output.

The only module that knows HiGHS, which is loaded when the first program is solved: see
docs/decisions/066-highspy-without-its-constructor.md,
docs/decisions/127-one-of-each-in-numerics.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

MAX_OBJECTIVE_ERROR = 1e-9
"""Difference, relative to the terms, from which a solution is another than the one whose objective HiGHS states; the
rounding of a sum of thousands of terms stays below."""


@dataclass(frozen=True)
class LinearProgram:
    """Minimize ``cost·z`` over ``lower ≤ z ≤ upper`` and ``row_lower ≤ matrix·z ≤ row_upper``.

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


@dataclass(frozen=True)
class ProgramSolution:
    """What HiGHS said of a program.

    Attributes:
        x: (C,) the best solution found, ``None`` where there is none.
        bound: no solution has a smaller objective: infinite where there is no solution at all, minus infinity where
            nothing is known.
        status: ``optimal``, ``infeasible``, ``stopped`` by a limit, or ``refused``: the numbers are too far apart.
    """

    x: np.ndarray | None
    bound: float
    status: str

    @property
    def ended(self) -> bool:
        """Whether the search went on until the answer was proven."""
        return self.status in ("optimal", "infeasible")


def solve_program(
    program: LinearProgram, *, options: Mapping[str, Any], start: np.ndarray | None = None
) -> ProgramSolution:
    """Solve a program by HiGHS (Huangfu & Hall 2018).

    Args:
        program: what is minimized.
        options: HiGHS's own, such as ``time_limit``.
        start: a known solution's first columns; the rest is completed.
    """
    import highspy

    class Quiet(highspy.Highs):
        """HiGHS without the lines that its Python class prints before it can be told not to."""

        def __init__(self) -> None:
            super(highspy.Highs, self).__init__()

    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = program.matrix.shape
    model.col_cost_, model.col_lower_, model.col_upper_ = program.cost, program.lower, program.upper
    model.row_lower_, model.row_upper_ = program.row_lower, program.row_upper
    columns = sparse.csc_matrix(program.matrix)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = columns.indptr, columns.indices
    model.a_matrix_.value_ = columns.data
    kinds = np.array([highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger])
    model.integrality_ = list(kinds[program.whole.astype(int)])
    highs = Quiet()
    for option, setting in {"output_flag": False, **options}.items():
        highs.setOptionValue(option, setting)
    refused = ProgramSolution(None, -np.inf, "refused")
    if highs.passModel(model) == highspy.HighsStatus.kError:
        return refused
    if start is not None:
        highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), start)
    if highs.run() == highspy.HighsStatus.kError:
        return refused
    if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return ProgramSolution(None, np.inf, "infeasible")
    found = None
    if highs.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        found = np.array(highs.getSolution().col_value)
    ended = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    if ended and found is not None and start is not None:
        # presolve may turn the start into a better one; HiGHS 1.16 then can prove that one and return the start itself
        error = abs(float(program.cost @ found) - highs.getInfo().objective_function_value)
        if error > MAX_OBJECTIVE_ERROR * max(1.0, float(np.abs(program.cost) @ np.abs(found))):
            left = {"time_limit": options.get("time_limit", np.inf) - highs.getRunTime()}
            return solve_program(program, options={**options, **left})
    # without whole numbers nothing is branched on, and HiGHS states no other bound than the optimum itself
    bound = highs.getInfo().mip_dual_bound if program.whole.any() else highs.getInfo().objective_function_value
    known = np.isfinite(bound) and (ended or program.whole.any())
    return ProgramSolution(found, bound if known else -np.inf, "optimal" if ended else "stopped")
