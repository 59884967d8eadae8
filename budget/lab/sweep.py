"""A plan of runs, and training what it still lacks. Importing this loads no JAX."""

import warnings
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.lab.runs import COLUMNS, Cell, Row, Run, measure_cell
from budget.lab.shape import Shape
from budget.lab.tasks import TASKS
from budget.tables import files

PLAN_COLUMNS = ("task", "width", "layers", "tokens", "seed")
"""Columns a plan must have; others are ignored."""

Progress = Callable[[int, int, float, float, str], None]
"""Called after each run with (runs done, runs in all, FLOPs done, FLOPs in all, the run's name).

The counts include the runs that were there before.
"""

_TYPES = {
    **dict.fromkeys(("params", "tokens", "n_tasks", "seed", "width", "layers", "batch"), int),
    **dict.fromkeys(("flops", "value", "stderr", "seconds"), float),
}
_LEAST = {"width": 1, "layers": 1, "tokens": 1, "seed": 0}


def read_plan(path: str | Path) -> list[Cell]:
    """Read and check a plan.

    Args:
        path: a CSV with the columns `PLAN_COLUMNS`, one row a run.

    Returns:
        The cells in the file's order.

    Raises:
        DataError: names file, row, column and remedy of the first cell that cannot be used.
    """
    frame = files.read_csv(path, "plan")
    missing = [name for name in PLAN_COLUMNS if name not in frame.columns]
    if missing:
        raise DataError(
            f"{path}: column '{missing[0]}' is missing; a plan has the columns {', '.join(PLAN_COLUMNS)} "
            f"(this file has: {', '.join(frame.columns)})."
        )
    cells: dict[Cell, int] = {}
    for row, record in frame.iterrows():
        where = f"{path}, row {row}"
        task = str(record["task"]).strip()
        if task not in TASKS:
            raise DataError(f"{where}, column 'task': unknown task '{task}'; choose one of {', '.join(TASKS)}.")
        width, layers, tokens, seed = (
            _whole_number(str(record[name]), least, f"{where}, column '{name}'") for name, least in _LEAST.items()
        )
        cell = Cell(task, Shape(width, layers), tokens, seed)
        if cell in cells:
            raise DataError(f"{where}: the same run as row {cells[cell]}; delete one, or give it another seed.")
        cells[cell] = int(str(row))
    return list(cells)


def _whole_number(text: str, least: int, where: str) -> int:
    """A count such as `16` or `1.28e5`."""
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not (np.isfinite(number) and number >= least and number == int(number)):
        raise DataError(f"{where}: '{text}' is not a whole number of at least {least}; write one such as {least + 15}.")
    return int(number)


def read_runs(path: str | Path) -> pd.DataFrame:
    """Read a file that `measure` writes.

    Args:
        path: the file.

    Returns:
        Its rows, all cells text.

    Raises:
        DataError: the file was not written by `measure`.
    """
    frame = files.read_csv(path, "runs")
    if tuple(frame.columns) != COLUMNS:
        raise DataError(
            f"{path}: its columns are not those of measured runs ({', '.join(COLUMNS)}); it was left as it is, "
            "give another path to write to."
        )
    for row, run in frame.loc[frame["run"].duplicated(), "run"].items():
        raise DataError(f"{path}, row {row}: run '{run}' stands twice; delete one.")
    return frame


def measure(
    plan_path: str | Path, out_path: str | Path, jobs: int = 1, progress: Progress | None = None
) -> pd.DataFrame:
    """Train each run of a plan that is not yet in the file of runs, and add it there as soon as it ends.

    The file is replaced as a whole for each row, so it is complete at every moment: killing the program loses
    no more than the runs in flight, one per job, and the same call goes on from there. A run whose loss is
    not finite is never written; a warning names it, and the others go on.

    Args:
        plan_path: the plan, see `read_plan`.
        out_path: the file of runs; made if it is not there.
        jobs: processes that train at once; 1 trains in this one.
        progress: called after each run.

    Returns:
        All rows of the file of runs, `COLUMNS`, numbers as numbers.

    Raises:
        DataError: the plan or the file of runs cannot be used.
        BudgetError: a worker process died.
    """
    if jobs < 1:
        raise DataError(f"jobs: {jobs} is not a number of processes; give 1 or more.")
    cells = read_plan(plan_path)
    if not files.can_write(Path(out_path).parent):
        raise DataError(f"{out_path}: its folder cannot be written; give another path before anything is trained.")
    finished = {str(row["run"]) for row in _rows(out_path)}
    missing = [cell for cell in cells if cell.run not in finished]
    done = len(cells) - len(missing)
    flops_all = sum(cell.flops for cell in cells)
    flops_done = flops_all - sum(cell.flops for cell in missing)
    with closing(_runs(missing, jobs)) as runs:
        for run in runs:
            done, flops_done = done + 1, flops_done + run.cell.flops
            if run.diverged:
                said = f"run '{run.cell.run}' diverged: its loss is not finite, and it was not written."
                warnings.warn(said, RuntimeWarning, stacklevel=2)
            else:
                rows = _rows(out_path)  # anew: another process may have added its own
                if all(row["run"] != run.cell.run for row in rows):
                    rows.append(run.row)
                    files.write_text(out_path, files.csv_text(pd.DataFrame(rows, columns=list(COLUMNS))))
            if progress:
                progress(done, len(cells), flops_done, flops_all, run.cell.run)
    return pd.DataFrame(_rows(out_path), columns=list(COLUMNS)).astype(_TYPES)


def _rows(path: str | Path) -> list[Row]:
    """The rows of the file of runs, none where it is not there yet."""
    if not Path(path).exists():
        return []
    return [dict(zip(COLUMNS, row, strict=True)) for row in read_runs(path).to_numpy()]


def _runs(cells: list[Cell], jobs: int) -> Generator[Run, None, None]:
    """Trained cells, as they end; closing it ends the workers."""
    if jobs == 1 or len(cells) < 2:
        yield from map(measure_cell, cells)
    else:
        from budget.lab.workers import measure_in_parallel

        yield from measure_in_parallel(cells, min(jobs, len(cells)))
