"""What runs and rows are by themselves, wherever in a file they stand."""

import numpy as np

from budget.numerics.streams import keys
from budget.tables.runs import Runs


def run_keys(runs: Runs) -> np.ndarray:
    """The key (M,) of each run's random numbers: a hash of its name.

    A row that the file gives no run is a run named by what stands in it: its task, its scales, its value. So exact
    copies of such a row have one key.
    """
    names: list[bytes] = [b"run " + name.encode() for name in runs.run_names]
    first = np.full(len(names), -1)
    first[runs.run[::-1]] = np.arange(len(runs.run))[::-1]
    cells = _content(runs)
    for run in np.flatnonzero(first >= 0):
        row = first[run]
        if runs.run_names[run] == f"row {runs.row[row]}":
            names[run] = b"row of " + runs.tasks[runs.task[row]].encode() + b" " + cells[row].tobytes()
    return keys(names)


def rows_by_task(runs: Runs, tasks: np.ndarray, key: np.ndarray | None = None) -> list[np.ndarray]:
    """The rows of each of some tasks, sorted by what stands in them: sums over them are then the same to a digit.

    Args:
        runs: the measurements.
        tasks: positions of tasks.
        key: (M,) of the runs, by which rows of the same numbers are told apart.
    """
    cells = _content(runs)
    last = () if key is None else (key[runs.run],)
    order = np.lexsort((*last, runs.weight, *cells.T[::-1], runs.task))
    first, end = (np.searchsorted(runs.task[order], tasks, side) for side in ("left", "right"))
    return [order[a:b] for a, b in zip(first, end, strict=True)]


def _content(runs: Runs) -> np.ndarray:
    """(R, C) the numbers of each row: scales from the first, further columns, the value."""
    columns = {**runs.scale, **runs.columns}
    return np.column_stack([*columns.values(), runs.value]) + 0.0  # −0 is 0
