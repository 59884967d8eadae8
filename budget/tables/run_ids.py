"""Which rows of a file are one trained model.

See docs/decisions/032-which-runs-are-one-model.md.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.row_codes import row_codes
from budget.tables.columns import is_empty, numbers
from budget.tables.files.text import require_columns
from budget.tables.reading.cells import levels, text_of

PROGRESS = ("tokens", "flops", "x", "step")
"""What says how far a run has come, in the order in which they are asked."""


def run_ids(frame: pd.DataFrame, scale: Mapping[str, np.ndarray]) -> tuple[np.ndarray, tuple[str, ...], bool, str]:
    """Run index of each row, the runs' names, whether the file names them, and a note.

    Without a ``run`` column, a ``model`` column serves where each model has one scale; else each row is a run.
    """
    note, column = "", None
    if not is_empty(frame, "run"):
        column = "run"
    elif not is_empty(frame, "model"):
        codes, names = levels(frame["model"])
        if "" not in names and row_codes([codes, *scale.values()]).max() + 1 == len(names):
            column = "model"
            note = "There is no column 'run': 'model' is taken as the run, since each model has one scale."
    if column is None:
        note = (
            "There is no column 'run': each row counts as a trained model of its own (else name it with --column run=)."
        )
        return np.arange(len(frame)), tuple(f"row {row}" for row in frame.index), False, note
    codes, names = _named(frame, column)
    return codes, tuple(names), True, note


def _named(frame: pd.DataFrame, column: str) -> tuple[np.ndarray, list[str]]:
    """The names of a column, a row without one being called by its number."""
    codes, names = levels(frame[column])
    if "" not in names:
        return codes, names
    cells = text_of(frame[column]).to_numpy(copy=True)
    blank = codes == names.index("")
    cells[blank] = [f"row {row}" for row in frame.index[blank]]
    return levels(pd.Series(cells))


def last_rows(frame: pd.DataFrame, column: str, path: str | Path, rows: str = "rows") -> tuple[pd.DataFrame, str]:
    """The last row of each run and task (and metric): with the most tokens, flops, x or step, whichever is there first.

    Args:
        frame: cells.
        column: the column that names runs; a row without a name is a run of its own.
        path: the file, for the error sentence.
        rows: what they are rows of, for the sentence.

    Returns:
        The rows in the file's order, and a sentence on how many were left out.

    Raises:
        DataError: there is no such column, or none that says how far a run has come.
    """
    require_columns(frame, [column], path)
    progress = next((name for name in PROGRESS if not is_empty(frame, name)), None)
    if progress is None:
        raise DataError(
            f"{path}: --last-of {column} takes the row with the largest {', '.join(PROGRESS[:-1])} or {PROGRESS[-1]}, "
            "and the file has none of them; name one with --column."
        )
    keys = [_named(frame, column)[0]]
    keys += [levels(frame[key])[0] for key in ("task", "metric") if key in frame.columns and key != column]
    first = 0.0 if progress == "step" else None
    reached = numbers(frame, progress, path, least=first, above=None if progress == "step" else 0.0)
    group = row_codes(keys)
    order = np.lexsort((np.arange(len(group)), reached, group))  # of equals the last
    last = order[np.append(np.diff(group[order]) != 0, True)]
    kept = frame.iloc[np.sort(last)]
    return kept, (
        f"{len(frame) - len(kept)} of {len(frame)} {rows} are left out: --last-of {column} keeps the row with the "
        f"largest {progress} of each run and task."
    )


def refuse_restarting_ids(
    frame: pd.DataFrame, run: np.ndarray, task: np.ndarray, scale: Mapping[str, np.ndarray], path: str | Path
) -> None:
    """Refuse rows that share a run id but cannot be one model, as where every task counts its runs from 1."""
    first = first_rows(run)[run]
    if "params" in scale:
        other = scale["params"] != scale["params"][first]
        if other.any():
            position = int(other.argmax())
            raise DataError(_restarting(frame, int(first[position]), position, path))
    if (task == task[first]).all():
        return
    # a task must share a scale with the run's first task, or it was measured on another model
    at_scale = row_codes([run, *scale.values()])
    of_first = np.zeros(at_scale.max() + 1, dtype=bool)
    of_first[at_scale[task == task[first]]] = True
    of_task = row_codes([run, task])
    meets = np.zeros(of_task.max() + 1, dtype=bool)
    meets[of_task[of_first[at_scale]]] = True
    apart = ~meets[of_task]
    if apart.any():
        start = int(first[apart].min())
        others = np.flatnonzero((run == run[start]) & (task != task[start]))
        raise DataError(_restarting(frame, start, int(others[0]), path))


def first_rows(codes: np.ndarray) -> np.ndarray:
    """Position of the first row of each code."""
    first = np.full(codes.max(initial=-1) + 1, len(codes))
    np.minimum.at(first, codes, np.arange(len(codes)))
    return first


def _restarting(frame: pd.DataFrame, first: int, second: int, path: str | Path) -> str:
    return (
        f"{path}, rows {frame.index[first]} and {frame.index[second]}: the same run at different scales cannot be one "
        "model; if run ids start again in each task, join them with --column run=task+run."
    )
