"""The best model for each of many subsets of the tasks, under the law of several tasks: one batch for all of a size.

See docs/decisions/062-own-tokens-need-no-interior-point.md.
"""

import numpy as np

from budget.allocation.mixture.mixture_problem import build_subset_problems
from budget.allocation.mixture.plan_mixture import SPAN
from budget.allocation.mixture.solve_mixture import solve_mixture
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.errors import SolverError

AT_ONCE = 500_000
"""Numbers in the largest array of a batch: subsets times the square of their tasks."""


def best_mixtures(curves: Curves, spec: PlanSpec, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Size and tokens of the one model that is best for each subset, K being its number of tasks.

    Args:
        curves: of T tasks, fitted by ``shared``.
        spec: about all of them, with strategy ``shared``; no source runs out.
        members: (Q, k) task positions.

    Returns:
        Log params (Q,) and tokens (Q, k) of each task.

    Raises:
        SolverError: the numbers span too many orders for a plan.
    """
    sizes, tokens = [], []
    each = max(1, AT_ONCE // members.shape[1] ** 2)
    for start in range(0, len(members), each):
        part = members[start : start + each]
        best = solve_mixture(build_subset_problems(curves, spec, part), np.full(part.shape, 1 / part.shape[1]))
        if not (np.isfinite(best.n).all() and np.isfinite(best.value).all()):
            raise SolverError(SPAN)
        sizes.append(best.n)
        tokens.append(best.tokens)
    return np.concatenate(sizes), np.concatenate(tokens)
