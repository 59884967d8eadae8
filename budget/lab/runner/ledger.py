"""What was measured and what failed: two CSVs side by side, each replaced as a whole at every change."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from budget.errors import DataError, MeasureError
from budget.tables.files import claims, places, write_files
from budget.tables.files import text as files

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


class Ledger:
    """A file of runs and, beside it, the file of those that failed.

    Either is complete at every moment, and read again only when another process changed it. Several processes may
    write to them: each change is made by one of them alone.

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
        self._runs = _Table(self.path, read)
        self._failed = _Table(self.failed_path, _read_failures)
        self._runs.rows()
        self._failed.rows()

    def finished(self) -> set[str]:
        """Names of the runs that have a result."""
        return self._runs.runs()

    def failures(self) -> dict[str, Row]:
        """The recorded failure of each run that has one."""
        return {str(row["run"]): row for row in self._failed.rows()}

    def diverged(self) -> set[str]:
        """Names of the runs that are recorded as diverged."""
        return {run for run, row in self.failures().items() if row["reason"] == DIVERGED}

    def add(self, run: str, rows: list[Row]) -> None:
        """Keep the rows of a run, unless another process has added that run meanwhile, and forget its failures.

        Raises:
            MeasureError: they cannot be written; the file is what it was.
        """
        with claims.alone_in(self.path.parent):
            if run not in self.finished():
                self._runs.replace([*self._runs.rows(), *rows])
            self._forget({run})

    def fail(self, failure: Failure) -> None:
        """Record a failure, in the place of an earlier one of that run.

        Raises:
            MeasureError: it cannot be written; the file is what it was.
        """
        with claims.alone_in(self.path.parent):
            others = [row for row in self._failed.rows() if row["run"] != failure.run]
            self._failed.replace([*others, asdict(failure)])

    def forget(self, runs: set[str]) -> None:
        """Remove the recorded failures of these runs.

        Raises:
            MeasureError: the side file cannot be written; it is what it was.
        """
        with claims.alone_in(self.path.parent):
            self._forget(runs)

    def _forget(self, runs: set[str]) -> None:
        rows = self._failed.rows()
        others = [row for row in rows if row["run"] not in runs]
        if len(others) < len(rows):
            self._failed.replace(others)

    def frame(self) -> pd.DataFrame:
        """All rows of the file of runs; columns of numbers are numbers, an empty cell among them NaN."""
        rows = self._runs.rows()
        table = pd.DataFrame(rows, columns=_columns(rows), dtype=object).fillna("").astype(str)
        for name in table.columns.difference(["task", "run"]):
            table[name] = _numbers(table[name])
        return table


class _Table:
    """The rows of a CSV."""

    def __init__(self, path: Path, read: Callable[[str | Path], pd.DataFrame]) -> None:
        self._path, self._read = path, read
        self._rows: list[Row] = []
        self._names: set[str] = set()
        self._stamp: tuple[int, int, int] | None = None

    def rows(self) -> list[Row]:
        stamp = files.stamp(self._path)
        if stamp != self._stamp:
            frame = None if stamp is None else _whole_rows(self._read(self._path), self._path)
            rows: list[Row] = (
                [] if frame is None else [dict(zip(frame.columns, row, strict=True)) for row in frame.values]
            )
            self._keep(rows, stamp)
        return self._rows

    def runs(self) -> set[str]:
        self.rows()
        return self._names

    def replace(self, rows: list[Row]) -> None:
        with keeping():
            if rows:
                write_files.write_text(
                    self._path, files.csv_text(pd.DataFrame(rows, columns=_columns(rows), dtype=object))
                )
            else:
                write_files.remove(self._path)
        self._keep(rows, files.stamp(self._path))

    def _keep(self, rows: list[Row], stamp: tuple[int, int, int] | None) -> None:
        self._rows, self._names, self._stamp = rows, {str(row["run"]) for row in rows}, stamp


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
