"""The best values that tasks can have: as stated, or told by the range of a metric; and the runs that beat them."""

import numpy as np

from budget.tables.runs import Runs

SURE = 3.0
"""Standard errors by which a value must be better than the best one before its row is named."""

SHOWN = 5
"""Rows that a sentence names beside the first."""


def ceiling_of_range(values: np.ndarray, task: np.ndarray, count: int) -> np.ndarray:
    """The best possible score of each of T tasks of one metric by the range of its values on all of them.

    1 where they lie in [0, 1], else 100 in [0, 100]: a task whose largest score is 0.6 per cent is not one of shares. A
    task whose own values are negative or above 100 is in neither, and says nothing of the others.

    Args:
        values: (R,) of tasks of this metric only.
        task: (R,) position of each row's task.
        count: the number T.

    Returns:
        (T,), NaN where it cannot be told.
    """
    inside = np.zeros(count, dtype=bool)
    inside[task] = True
    inside[task[(values < 0) | (values > 100)]] = False
    told = values[inside[task]]
    return np.where(inside, 100.0 if (told > 1).any() else 1.0, np.nan)


def score_ceilings(runs: Runs, stated: np.ndarray) -> np.ndarray:
    """(T,) best possible scores: as stated, else by the range of all values of the task's metric; NaN for losses."""
    metric, count = np.array(runs.metric), len(runs.tasks)
    found = np.full(count, np.nan)
    for name in dict.fromkeys(runs.metric):
        mine = (metric == name) & runs.higher_is_better
        rows = mine[runs.task]
        found = np.where(mine, ceiling_of_range(runs.value[rows], runs.task[rows], count), found)
    return np.where(runs.higher_is_better & np.isfinite(stated), stated, found)


def better_rows(runs: Runs, task: int, best: float) -> np.ndarray:
    """(M,) positions of a task's rows that are better than its best value (NaN for none), the best of them first."""
    mine = runs.rows_of(task)
    gain = (runs.value[mine] - best) * (1.0 if runs.higher_is_better[task] else -1.0)
    return mine[gain > 0][np.argsort(-gain[gain > 0], kind="stable")]


def beating_rows(runs: Runs, task: int, best: float, noise: float = 0.0) -> np.ndarray:
    """Positions of a task's rows that are better than its stated best value by more than ``SURE`` times their noise.

    Args:
        runs: the measurements.
        task: index of the task.
        best: NaN where none is stated.
        noise: standard deviation of rows that state no standard error.

    Returns:
        (M,) positions in the file's rows, the best value first.
    """
    rows = better_rows(runs, task, best)
    stderr = runs.stderr[rows]
    return rows[np.abs(runs.value[rows] - best) > SURE * np.where(np.isfinite(stderr), stderr, noise)]


def beats_best(runs: Runs, rows: np.ndarray, best: float) -> str:
    """The sentence that names the rows (M,) which are better than the best value, the best of them first."""
    first, others = rows[0], runs.row[rows[1:]]
    named = ", ".join(str(row) for row in np.sort(others[:SHOWN]))
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    also = f" (and so {'is row' if len(others) == 1 else 'are rows'} {named}{more})" if len(others) else ""
    return f"row {runs.row[first]}: {runs.value[first]:g} is better than the stated best {best:g}{also}"


def contradicted(runs: Runs, task: int, best: float, positive: bool = True) -> str:
    """Why no curve can be held to a stated best value, "" where one can.

    All rows of the task are better than it; or one is, where logarithms of distances to a best score are fitted.
    """
    rows = better_rows(runs, task, best)
    some, all_runs = len(rows), len(runs.rows_of(task))
    if some and some == all_runs:
        return f"all {some} rows are better than the stated best: {beats_best(runs, rows[:1], best)}"
    return beats_best(runs, rows, best) if some and positive and runs.higher_is_better[task] else ""
