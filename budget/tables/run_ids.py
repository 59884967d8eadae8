"""Which rows of a file are one trained model.

See docs/decisions/032-which-runs-are-one-model.md.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.tables.columns import is_empty, numbers
from budget.tables.files.text import require_columns

PROGRESS = ("tokens", "flops", "x")
"""What says how far a run has come, in the order in which they are asked."""


def run_ids(frame: pd.DataFrame, scale: Mapping[str, np.ndarray]) -> tuple[np.ndarray, tuple[str, ...], bool, str]:
    """Run index of each row, the runs' names, whether the file names them, and a note.

    Without a ``run`` column, a ``model`` column serves where each model has one scale; else each row is a run.
    """
    note, column = "", None
    if not is_empty(frame, "run"):
        column = "run"
    elif not is_empty(frame, "model"):
        scales = pd.DataFrame(dict(scale), index=frame.index)
        one_scale = (scales.groupby(frame["model"].str.strip()).nunique() == 1).all(axis=None)
        if one_scale and frame["model"].str.strip().ne("").all():
            column = "model"
            note = "There is no column 'run': 'model' is taken as the run, since each model has one scale."
    if column is None:
        note = (
            "There is no column 'run': each row counts as a trained model of its own (else name it with --column run=)."
        )
        return np.arange(len(frame)), tuple(f"row {row}" for row in frame.index), False, note
    cells = frame[column].str.strip()
    cells = cells.where(cells != "", "row " + frame.index.astype(str).to_series(index=frame.index))
    names = tuple(dict.fromkeys(cells))
    return positions(cells, names), names, True, note


def last_rows(frame: pd.DataFrame, column: str, path: str | Path) -> tuple[pd.DataFrame, str]:
    """The last row of each run and task (and metric): that with the most tokens, flops or x, whichever is there first.

    Args:
        frame: text cells.
        column: the column that names runs; a row without a name is a run of its own.
        path: the file, for the error sentence.

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
    name = frame[column].str.strip()
    keys = [name.where(name != "", "row " + frame.index.astype(str).to_series(index=frame.index))]
    keys += [frame[key].str.strip() for key in ("task", "metric") if key in frame.columns and key != column]
    reached = pd.Series(numbers(frame, progress, path, above=0.0), index=frame.index)
    ahead = reached.iloc[::-1].groupby([key.iloc[::-1] for key in keys], sort=False).idxmax()  # of equals the last
    kept = frame.loc[np.sort(ahead.to_numpy())]
    return kept, (
        f"{len(frame) - len(kept)} of {len(frame)} rows are left out: --last-of {column} keeps the row with the "
        f"largest {progress} of each run and task."
    )


def refuse_restarting_ids(
    frame: pd.DataFrame, run: np.ndarray, task: np.ndarray, scale: Mapping[str, np.ndarray], path: str | Path
) -> None:
    """Refuse rows that share a run id but cannot be one model, as where every task counts its runs from 1."""
    first_of_run: dict[int, int] = {}
    seen: dict[int, dict[int, set[tuple[float, ...]]]] = {}
    cells = np.column_stack(list(scale.values()))
    for position, model in enumerate(run):
        first = first_of_run.setdefault(model, position)
        if "params" in scale and scale["params"][position] != scale["params"][first]:
            raise DataError(_restarting(frame, first, position, path))
        seen.setdefault(model, {}).setdefault(task[position], set()).add(tuple(cells[position]))
    for model, by_task in seen.items():
        scales = list(by_task.values())
        if any(scales[0].isdisjoint(other) for other in scales[1:]):
            rows = np.flatnonzero(run == model)
            other = next(row for row in rows if task[row] != task[rows[0]])
            raise DataError(_restarting(frame, int(rows[0]), int(other), path))


def _restarting(frame: pd.DataFrame, first: int, second: int, path: str | Path) -> str:
    return (
        f"{path}, rows {frame.index[first]} and {frame.index[second]}: the same run at different scales cannot be one "
        "model; if run ids start again in each task, join them with --column run=task+run."
    )


def positions(cells: pd.Series, names: Sequence[str]) -> np.ndarray:
    """Index of each cell among the names."""
    position = {name: index for index, name in enumerate(names)}
    return cells.map(position).to_numpy(dtype=int)
