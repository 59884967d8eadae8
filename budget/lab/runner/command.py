"""Measuring with any program: a plan's rows become its arguments, and a line of JSON becomes a row."""

import itertools
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.lab.runner.attempt import Stopped, attempt
from budget.lab.runner.collect import Outcome, Progress, collect
from budget.lab.runner.compute_places import parse_needs, place_at
from budget.lab.runner.guard import Guard
from budget.lab.runner.ledger import DIVERGED, Failure, Ledger, keeping
from budget.lab.runner.printed import RunFailed
from budget.lab.runner.template import fill, read_rows, split_command
from budget.tables.files import text as files
from budget.tables.files import write_files as writing
from budget.tables.files.file_names import file_stem
from budget.tables.files.places import refuse_inputs
from budget.tables.shards import Shard


@dataclass(frozen=True)
class Trainer:
    """How each run is made.

    Attributes:
        words: the program and its arguments, with placeholders.
        timeout: seconds that an attempt may take, ``None`` for any.
        retries: further attempts after a failure other than a diverged value.
        logs: folder of the logs, one a run.
        start: the command line that starts another one where it is to run.
    """

    words: tuple[str, ...]
    timeout: float | None
    retries: int
    logs: Path
    start: Callable[[Sequence[str]], list[str]]

    def log_of(self, run: str) -> Path:
        """A run's log; where its name is not that of the run, its first line is."""
        return self.logs / f"{file_stem(run)}.log"


def measure_command(
    plan_path: str | Path,
    out_path: str | Path,
    command: str,
    jobs: int = 1,
    timeout: float | None = None,
    retries: int = 1,
    logs: str | Path | None = None,
    progress: Progress | None = None,
    shard: Shard | None = None,
    place: str = "local",
    needs: str = "",
) -> pd.DataFrame:
    """Run a program for each row of a plan that is not yet in the file of runs, and keep what it prints.

    The last line of its standard output that is a JSON object with `value`, or with `values` by task, makes a row,
    or a row a task; see `printed.rows_of`. Files and failures are kept as `sweep.measure` does. A failed run is
    recorded with its reason, and tried again by the next call unless its value was no finite number. Programs end
    when this process does: asked to by a Ctrl-C, SIGTERM or SIGHUP, they have `guard.GRACE` seconds to do so.

    Args:
        plan_path: a CSV of any columns, see `template.read_rows`.
        out_path: the file of runs; made if it is not there. It may have other columns, and gets those it lacks.
        command: see `template.split_command`.
        jobs: programs that run at once.
        timeout: seconds that an attempt may take.
        retries: further attempts after a failure other than a diverged value.
        logs: folder of the logs, one a run; by default `<stem>-logs` beside the file of runs.
        progress: see `collect.Progress`; the FLOPs are the plan's, or 6·params·tokens where it has those.
        shard: the runs of the plan that are done here; all, where not given.
        place: where the programs run, see `compute_places.place_at`.
        needs: what each asks for there, see `compute_places.parse_needs`.

    Returns:
        All rows of the file of runs; columns of numbers are numbers.

    Raises:
        DataError: the plan, the command or one of the files cannot be used; nothing was started.
        MeasureError: runs failed (the others are in the file), or a file can no longer be written.
    """
    if os.name != "posix":
        raise DataError("--command needs Linux or macOS; run it there.")
    if jobs < 1:
        raise DataError(f"jobs: {jobs} is not a number of programs; give 1 or more.")
    if timeout is not None and not timeout > 0:
        raise DataError(f"timeout: {timeout:g} is no time that a run can take; give seconds, more than 0.")
    if retries < 0:
        raise DataError(f"retries: {retries} is not a number of further attempts; give 0 or more.")
    rows = read_rows(plan_path)
    words = split_command(command, next(iter(rows.values())))
    at, kind, address = place_at(place)
    asked = parse_needs(needs, kind)
    ledger = Ledger(out_path, _read_named_runs, [plan_path])
    beside = ledger.path.with_name(f"{ledger.path.stem}-logs")
    trainer = Trainer(tuple(words), timeout, retries, Path(logs) if logs else beside, partial(at.words, address, asked))
    for name in rows:
        refuse_inputs(trainer.log_of(name), [plan_path], "the plan")
    if not writing.can_write(trainer.logs):
        raise DataError(f"{trainer.logs}: this folder of logs cannot be written; give another with --logs.")

    def train(names: Iterator[str]) -> Generator[Outcome, None, None]:
        yield from _run_all((rows[name] for name in names), trainer, jobs)

    with _signals_as_exit():
        planned = {name: _flops(row) for name, row in rows.items() if shard is None or shard.holds(name)}
        collect(ledger, planned, train, progress)
    return ledger.frame()


def _run_all(rows: Iterator[dict[str, str]], trainer: Trainer, jobs: int) -> Iterator[Outcome]:
    """Outcomes as the runs end; closing it ends those in flight."""
    stop = threading.Event()
    with Guard() as guard, ThreadPoolExecutor(jobs) as pool, _setting(stop):

        def start(most: int) -> set[Future[Outcome]]:
            return {pool.submit(_run, row, trainer, guard, stop) for row in itertools.islice(rows, most)}

        running = start(jobs)
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            running |= start(len(ended))
            for future in ended:
                yield future.result()


def _run(row: dict[str, str], trainer: Trainer, guard: Guard, stop: threading.Event) -> Outcome:
    """Try a run as often as it may be tried."""
    name = row["run"]
    path = trainer.log_of(name)
    words = trainer.start(fill(trainer.words, row))
    for attempts in range(1, trainer.retries + 2):
        if stop.is_set():
            raise Stopped
        try:
            with keeping(), writing.appending(path) as log:
                if path.stem != name and not log.tell():
                    log.write(f"# run {name}\n".encode(errors="replace"))
                return Outcome(name, attempt(words, row, log, trainer.timeout, guard, stop))
        except RunFailed as error:
            failure = Failure(name, error.reason, error.detail, attempts, str(path))
            if error.reason == DIVERGED:
                break
    return Outcome(name, failure=failure)


def _read_named_runs(path: str | Path) -> pd.DataFrame:
    frame = files.read_csv(path, "runs")
    if "run" not in frame.columns:
        raise DataError(
            f"{path}: it has no column run (but {', '.join(frame.columns)}), by which finished runs are told; it was "
            "left as it is, add that column or give another path to write to."
        )
    return frame


def planned_flops(plan_path: str | Path, command: str) -> dict[str, float]:
    """Run → its FLOPs as far as the plan tells them, for a command that would make the runs.

    Raises:
        DataError: the plan or the command cannot be used.
    """
    rows = read_rows(plan_path)
    split_command(command, next(iter(rows.values())))
    return {name: _flops(row) for name, row in rows.items()}


def _flops(row: dict[str, str]) -> float:
    """FLOPs of a run as far as its plan tells them, NaN where it does not."""
    if "flops" in row:
        return _positive(row["flops"])
    return 6 * _positive(row.get("params", "")) * _positive(row.get("tokens", ""))


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return np.nan
    return number if 0 < number < np.inf else np.nan


@contextmanager
def _setting(stop: threading.Event) -> Iterator[None]:
    try:
        yield
    finally:
        stop.set()


@contextmanager
def _signals_as_exit() -> Iterator[None]:
    """Turn the signals that would end this process at once into `SystemExit`, so that what it started ends too."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    known = (signal.SIGTERM, signal.SIGHUP) if threading.current_thread() is threading.main_thread() else ()
    taken = [number for number in known if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
