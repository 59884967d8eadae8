"""What was measured and what failed: two CSVs side by side, each replaced as a whole, and a journal before them.

A run that ends is one line of the journal, whatever the size of the CSVs. These are written anew from what they held
and the journal's lines: at once where that is a small part of the time since they were written last, else later.

See docs/decisions/149-finished-runs-go-to-a-journal.md.
"""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd

from budget.errors import DataError, MeasureError
from budget.tables.files import claims, places, write_files
from budget.tables.files import text as files
from budget.tables.files.journal import Entry, Journal

Row = dict[str, str | int | float]

DIVERGED = "diverged"
"""Reason of a run that ended with a value that is no finite number: repeating it would not help."""


@dataclass(frozen=True)
class Failure:
    """A run without a result, a line of the side file.

    Attributes:
        run: its name.
        reason: `DIVERGED`, or in a word or two what went wrong.
        detail: the same in a phrase, with figures.
        attempts: how often the last call tried it.
        log: path of what it printed, empty where it has none.
    """

    run: str
    reason: str
    detail: str
    attempts: int = 1
    log: str = ""


FAILURE_COLUMNS = tuple(Failure.__dataclass_fields__)


REST = 50.0
"""How many times as long as writing the CSVs takes they are left alone: 2 % of a process's time goes into it."""


class Ledger:
    """A file of runs and, beside it, the file of those that failed, and the journal of what they do not hold yet.

    Either CSV is complete at every moment but for the journal's last lines, and read again only when somebody changed
    it by hand. Several processes may write to them: each change is made by one of them alone. At the end of a `with`
    block the CSVs hold everything, and the journal is gone.

    Attributes:
        path: the file of runs; where that is a link, what it leads to, so that all processes lock the same folder.
        failed_path: `<stem>-failed.csv` in the same folder; there only while there are failures.
        claims: `<stem>-claims` in the same folder; there only while runs are being trained.
    """

    def __init__(
        self, path: str | Path, read: Callable[[str | Path], pd.DataFrame], inputs: Iterable[str | Path] = ()
    ) -> None:
        """Check that both files can be used.

        Args:
            path: the file of runs, which need not be there yet.
            read: reads and checks a file of runs that is there: all cells text, among them a column `run`.
            inputs: the plan, which neither file may be.

        Raises:
            DataError: one of the files was not written by `measure`, or their folder cannot be written.
        """
        if not write_files.can_write(os.path.dirname(os.path.realpath(path))):
            raise DataError(f"{path}: its folder cannot be written; give another path before anything is trained.")
        place = places.place_of(path)
        if place.file is None:
            raise DataError(f"{path}: this is no regular file, which runs are kept in; give the path of a CSV.")
        self.path = place.file if Path(path).is_symlink() else Path(path)
        self.failed_path = self.path.with_name(f"{self.path.stem}-failed.csv")
        self.claims = self.path.with_name(f"{self.path.stem}-claims")
        for output in (path, self.failed_path):
            places.refuse_inputs(output, inputs, "the plan")
        self._journal = Journal(self.path.with_name(f"{self.path.stem}-journal.jsonl"))
        self._runs = _Table(self.path, read)
        self._failed = _Table(self.failed_path, _read_failures)
        self._pending: list[Entry] = []
        self._finished: set[str] = set()
        self._rows: list[Row] = []
        self._failures: dict[str, Row] = {}
        self._stamps: list[Stamp] | None = None
        self._written, self._took = -np.inf, 0.0
        self._later: threading.Timer | None = None
        self._lock = threading.RLock()
        self._look()

    def finished(self) -> set[str]:
        """Names of the runs that have a result."""
        with self._lock:
            self._look()
            return self._finished

    def failures(self) -> Mapping[str, Row]:
        """The recorded failure of each run that has one."""
        with self._lock:
            self._follow()
            return self._failures

    def diverged(self) -> set[str]:
        """Names of the runs that are recorded as diverged."""
        return {run for run, row in self.failures().items() if row["reason"] == DIVERGED}

    def add(self, run: str, rows: list[Row]) -> None:
        """Keep the rows of a run, unless another process has added that run meanwhile, and forget its failures.

        Raises:
            MeasureError: they cannot be written; the file is what it was.
        """
        with self._alone():
            if run not in self._finished:
                self._append({"run": run, "rows": rows})
            elif run in self._failures:
                self._append({"forget": [run]})
            self._write_in_time()

    def fail(self, failure: Failure) -> None:
        """Record a failure, in the place of an earlier one of that run.

        Raises:
            MeasureError: it cannot be written; the file is what it was.
        """
        with self._alone():
            self._append({"failure": asdict(failure)})
            self._write_in_time()

    def forget(self, runs: set[str]) -> None:
        """Remove the recorded failures of these runs.

        Raises:
            MeasureError: the side file cannot be written; it is what it was.
        """
        with self._alone():
            known = sorted(runs & self._failures.keys())
            if known:
                self._append({"forget": known})
                self._write_in_time()

    def __enter__(self) -> "Ledger":
        """Nothing more is to be done."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; an error that ends the block is the one that is told."""
        with suppress(MeasureError) if error else nullcontext():
            self.close()

    def close(self) -> None:
        """Write what the journal holds into the CSVs, and remove it.

        Raises:
            MeasureError: a file cannot be written; the journal stays.
        """
        with self._alone():
            if self._later is not None:
                self._later.cancel()
            self._write()
            with keeping():
                self._journal.remove()
            self._journal.read()

    def frame(self) -> pd.DataFrame:
        """All rows of the file of runs; columns of numbers are numbers, an empty cell among them NaN."""
        self.finished()
        table = pd.DataFrame(self._rows, columns=_columns(self._rows), dtype=object).fillna("").astype(str)
        for name in table.columns.difference(["task", "run"]):
            table[name] = _numbers(table[name])
        return table

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process, nor thread, changes anything inside; all that is there is known."""
        with self._lock, claims.alone_in(self.path.parent):
            self._look()
            yield

    def _append(self, entry: Entry) -> None:
        with keeping():
            self._journal.append(entry)
        self._follow()

    def _look(self) -> None:
        """Take note of what others have appended, and of what somebody changed in the CSVs."""
        self._follow()
        stamps = [table.stamp() for table in (self._runs, self._failed)]
        if stamps != self._stamps:
            self._rows = self._runs.read()
            self._finished = {str(row["run"]) for row in self._rows}
            self._failures = {str(row["run"]): row for row in self._failed.read()}
            self._stamps = stamps
            for entry in self._pending:
                self._apply(entry)

    def _follow(self) -> None:
        """Take note of what was appended to the journal."""
        is_other, entries = self._journal.read()
        if is_other:
            self._pending, self._stamps = [], None
        for entry in entries:
            if "written" in entry:  # the CSVs hold all that stands before
                self._pending = []
                # who wrote them may have read what somebody changed by hand, of which nothing is known here
                known = self._stamps in (_stamps(entry["over"]), _stamps(entry["written"]))
                self._stamps = _stamps(entry["written"]) if known else None
            else:
                self._pending.append(entry)
                self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        match entry:
            case {"run": str(run), "rows": list(rows)}:
                if run not in self._finished:
                    self._finished.add(run)
                    self._rows += rows
                self._failures.pop(run, None)
            case {"failure": dict(failure)}:
                self._failures.pop(failure["run"], None)
                self._failures[failure["run"]] = failure
            case {"forget": list(runs)}:
                for run in runs:
                    self._failures.pop(run, None)

    def _write_in_time(self) -> None:
        """Write the CSVs, now or when they were left alone for long enough."""
        if not self._pending:
            return
        wait = self._written + REST * self._took - time.monotonic()
        if wait <= 0:
            self._write()
        elif self._later is None or not self._later.is_alive():
            self._later = threading.Timer(wait, self._write_later)
            self._later.daemon = True
            self._later.start()

    def _write_later(self) -> None:
        with suppress(MeasureError), self._alone():  # whoever writes next says it
            self._write()

    def _write(self) -> None:
        """Write the CSVs anew, where the journal holds what they do not."""
        if not self._pending:
            return
        begin = time.monotonic()
        if any("rows" in entry for entry in self._pending):
            self._runs.replace(self._rows)
        self._failed.replace(list(self._failures.values()))
        self._append({"written": [table.stamp() for table in (self._runs, self._failed)], "over": self._stamps})
        self._written = time.monotonic()
        self._took = self._written - begin


Stamp = tuple[int, int, int] | None
"""What tells that a file was changed (``text.stamp``)."""


def _stamps(listed: list[list[int] | None] | None) -> list[Stamp]:
    return [None if each is None else (each[0], each[1], each[2]) for each in listed or []]


class _Table:
    """The rows of a CSV."""

    def __init__(self, path: Path, read: Callable[[str | Path], pd.DataFrame]) -> None:
        self._path, self._read = path, read

    def stamp(self) -> Stamp:
        return files.stamp(self._path)

    def read(self) -> list[Row]:
        if self.stamp() is None:
            return []
        frame = _whole_rows(self._read(self._path), self._path)
        return [dict(zip(frame.columns, row, strict=True)) for row in frame.values]

    def replace(self, rows: list[Row]) -> None:
        with keeping():
            if rows:
                frame = pd.DataFrame(rows, columns=_columns(rows), dtype=object)
                write_files.write_text(self._path, files.csv_text(frame))
            else:
                write_files.remove(self._path)


@contextmanager
def keeping() -> Iterator[None]:
    """Say what to do when what was measured cannot be written.

    Raises:
        MeasureError: for a `DataError` inside.
    """
    try:
        yield
    except DataError as error:
        what, _, _ = str(error).rpartition("; ")
        raise MeasureError(
            f"{what or error}; make room or make it writable, then start the same command again: the runs that are "
            "finished are kept."
        ) from None


def _whole_rows(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The rows but for a last one that is cut short: what is missing of it cannot be told."""
    if not files.ends_in_a_cut_row(path):
        return frame
    warnings.warn(
        f"{path}: its last row is cut short, as a copy or a full disk leaves it; its run is done again.",
        RuntimeWarning,
        stacklevel=2,
    )
    return frame.iloc[:-1]


def _read_failures(path: str | Path) -> pd.DataFrame:
    frame = files.read_csv(path, "failed runs")
    if tuple(frame.columns) != FAILURE_COLUMNS:
        raise DataError(
            f"{path}: its columns are not those of failed runs ({', '.join(FAILURE_COLUMNS)}); it was left as it is, "
            "rename it or write the runs to another path."
        )
    return frame


def _columns(rows: list[Row]) -> list[str]:
    """Every column of any row, in order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _numbers(column: pd.Series) -> pd.Series:
    for kind in (int, float):
        with suppress(ValueError, OverflowError):
            return column.replace("", "nan").astype(kind)
    return column
