"""A plan of runs, and training what it still lacks. Importing this loads no JAX."""

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd

from budget.errors import DataError
from budget.lab.runner.collect import Outcome, Progress, collect
from budget.lab.runner.ledger import DIVERGED, Failure, Ledger
from budget.lab.transformer.measured_cells import COLUMNS, Cell, Run, measure_cell
from budget.lab.transformer.planned_runs import read_plan
from budget.tables.files import text as files
from budget.tables.shards import Shard


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
    for row, run in frame.loc[frame.duplicated(["run", "task"]), "run"].items():
        raise DataError(f"{path}, row {row}: run '{run}' stands twice; delete one.")
    return frame


def measure(
    plan_path: str | Path,
    out_path: str | Path,
    jobs: int = 1,
    progress: Progress | None = None,
    shard: Shard | None = None,
) -> pd.DataFrame:
    """Train each run of a plan that is not yet in the file of runs, and add it there as soon as it ends.

    The file is replaced as a whole for each run, so it is complete at every moment: killing the program loses
    no more than the runs in flight, one per job, and the same call goes on from there. Several processes may share the
    work, see `collect`. A run whose loss is
    not finite is recorded in the side file `<stem>-failed.csv` and not repeated while it stands there; a warning
    names it, and the others go on.

    Args:
        plan_path: the plan, see `planned_runs.read_plan`.
        out_path: the file of runs; made if it is not there.
        jobs: processes that train at once; 1 trains in this one.
        progress: see `collect.Progress`.
        shard: the runs of the plan that are done here; all, where not given.

    Returns:
        All rows of the file of runs, `COLUMNS`, numbers as numbers.

    Raises:
        DataError: the plan or one of the files cannot be used.
        MeasureError: runs diverged (the others are in the file), or a file can no longer be written.
        BudgetError: a worker process died.
    """
    if jobs < 1:
        raise DataError(f"jobs: {jobs} is not a number of processes; give 1 or more.")
    cells = {cell.run: cell for cell in read_plan(plan_path)}
    ledger = Ledger(out_path, read_runs, [plan_path])

    def train(names: Iterator[str]) -> Generator[Outcome, None, None]:
        with closing(_runs((cells[name] for name in names), jobs)) as runs:
            yield from map(_outcome, runs)

    planned = {name: cell.flops for name, cell in cells.items() if shard is None or shard.holds(name)}
    collect(ledger, planned, train, progress)
    return ledger.frame()


def _outcome(run: Run) -> Outcome:
    name = run.cell.run
    if run.diverged:
        return Outcome(name, failure=Failure(name, DIVERGED, "its loss is not finite"))
    return Outcome(name, tuple(run.rows))


def _runs(cells: Iterator[Cell], jobs: int) -> Generator[Run, None, None]:
    """Trained cells, as they end; closing it ends the workers."""
    if jobs == 1:
        yield from map(measure_cell, cells)
    else:
        from budget.lab.transformer.workers import measure_in_parallel

        yield from measure_in_parallel(cells, jobs)
