"""Rows of a score that reached its best possible value: they have no distance whose logarithm a fit could take.

See docs/decisions/180-a-saturated-row-leaves-itself-out.md.
"""

from collections.abc import Mapping

import numpy as np

from budget.tables.runs import Runs

SHOWN = 8
"""Rows that a sentence names before it counts the others."""


def without_saturated(runs: Runs, ceiling: np.ndarray) -> tuple[Runs, Mapping[int, str]]:
    """The runs without rows that are at the best possible score, and what is said of each task that had some.

    A task all of whose rows are there keeps them, and one with a row better than the best score, too: there the best
    score is wrong, and not the row too good.

    Args:
        runs: the measurements.
        ceiling: (T,) best possible scores, NaN for losses.

    Returns:
        The other rows; and task → sentence.
    """
    most = np.where(runs.higher_is_better, ceiling, np.nan)[runs.task]
    reached = runs.value == most
    past = np.bincount(runs.task, runs.value > most, minlength=len(runs.tasks)) > 0
    there = np.bincount(runs.task, reached, minlength=len(runs.tasks))
    several = (there > 0) & (there < np.bincount(runs.task, minlength=len(runs.tasks))) & ~past
    reached &= several[runs.task]
    if not reached.any():
        return runs, {}
    told = {}
    for task in np.flatnonzero(several).tolist():
        rows = np.sort(runs.row[reached & (runs.task == task)])
        named = ", ".join(str(row) for row in rows[:SHOWN])
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        told[task] = (
            f"{f'row {named} reaches' if len(rows) == 1 else f'rows {named}{more} reach'} the best possible score "
            f"{ceiling[task]:g} and {'is' if len(rows) == 1 else 'are'} left out: {len(rows)} of "
            f"{int((runs.task == task).sum())}"
        )
    return runs.keep(~reached), told
