"""Linear and mixed-integer programs for HiGHS, from whole arrays and without a word on standard output.

See docs/decisions/066-highspy-without-its-constructor.md.
"""

from collections.abc import Mapping
from typing import Any

import highspy
import numpy as np
from scipy import sparse


class _Quiet(highspy.Highs):
    """HiGHS without the lines that its Python class prints before it can be told not to."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()


def run_highs(
    cost: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    whole: np.ndarray,
    matrix: sparse.csc_matrix,
    row_lower: np.ndarray,
    row_upper: np.ndarray,
    *,
    options: Mapping[str, Any],
    start: np.ndarray | None = None,
) -> highspy.Highs | None:
    """Minimize ``cost·z`` over ``lower ≤ z ≤ upper``, ``row_lower ≤ matrix·z ≤ row_upper``.

    Args:
        cost: (C,).
        lower: (C,).
        upper: (C,).
        whole: (C,) whether the column is a whole number.
        matrix: (R, C).
        row_lower: (R,).
        row_upper: (R,).
        options: HiGHS's own, such as ``time_limit``.
        start: a known solution's first columns; the rest is completed.

    Returns:
        HiGHS after its run, or ``None`` where it refused the program.
    """
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = matrix.shape
    model.col_cost_, model.col_lower_, model.col_upper_ = cost, lower, upper
    model.row_lower_, model.row_upper_ = row_lower, row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    kinds = np.array([highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger])
    model.integrality_ = list(kinds[whole.astype(int)])
    highs = _Quiet()
    for option, setting in {"output_flag": False, **options}.items():
        highs.setOptionValue(option, setting)
    if highs.passModel(model) == highspy.HighsStatus.kError:
        return None
    if start is not None:
        highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), start)
    return None if highs.run() == highspy.HighsStatus.kError else highs


def found_solution(highs: highspy.Highs) -> np.ndarray | None:
    """(C,) the best solution that a run found, ``None`` where there is none."""
    if highs.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    return np.array(highs.getSolution().col_value)
