"""What was measured and what failed: two CSVs side by side, each replaced as a whole at every change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from budget.errors import DataError, MeasureError
from budget.tables import files, writing

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
        path: the file of runs.
        failed_path: `<stem>-failed.csv` in the same folder; there only while there are failures.
    """

    def __init__(self, path: str | Path, read: Callable[[str | Path], pd.DataFrame]) -> None:
        """Check that both files can be used.

        Args:
            path: the file of runs, which need not be there yet.
            read: reads and checks a file of runs that is there: all cells text, among them a column `run`.

        Raises:
            DataError: one of the files was not written by `measure`, or their folder cannot be written.
        """
        self.path = Path(path)
        self.failed_path = self.path.with_name(f"{self.path.stem}-failed.csv")
        if not writing.can_write(self.path.parent):
            raise DataError(f"{path}: its folder cannot be written; give another path before anything is trained.")
        self._runs = _Table(self.path, read)
        self._failed = _Table(self.failed_path, _read_failures)
        self._runs.rows()
        self._failed.rows()

    def finished(self) -> set[str]:
        """Names of the runs that have a result."""
        return {str(row["run"]) for row in self._runs.rows()}

    def diverged(self) -> set[str]:
        """Names of the runs that are recorded as diverged."""
        return {str(row["run"]) for row in self._failed.rows() if row["reason"] == DIVERGED}

    def add(self, run: str, rows: list[Row]) -> None:
        """Keep the rows of a run, unless another process has added that run meanwhile, and forget its failures.

        Raises:
            MeasureError: they cannot be written; the file is what it was.
        """
        with writing.alone_in(self.path.parent):
            if run not in self.finished():
                self._runs.replace([*self._runs.rows(), *rows])
            self._forget({run})

    def fail(self, failure: Failure) -> None:
        """Record a failure, in the place of an earlier one of that run.

        Raises:
            MeasureError: it cannot be written; the file is what it was.
        """
        with writing.alone_in(self.path.parent):
            others = [row for row in self._failed.rows() if row["run"] != failure.run]
            self._failed.replace([*others, asdict(failure)])

    def forget(self, runs: set[str]) -> None:
        """Remove the recorded failures of these runs.

        Raises:
            MeasureError: the side file cannot be written; it is what it was.
        """
        with writing.alone_in(self.path.parent):
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
        self._stamp: tuple[int, int, int] | None = None

    def rows(self) -> list[Row]:
        stamp = files.stamp(self._path)
        if stamp != self._stamp:
            frame = None if stamp is None else self._read(self._path)
            self._rows = [] if frame is None else [dict(zip(frame.columns, row, strict=True)) for row in frame.values]
            self._stamp = stamp
        return self._rows

    def replace(self, rows: list[Row]) -> None:
        with keeping():
            if rows:
                writing.write_text(self._path, files.csv_text(pd.DataFrame(rows, columns=_columns(rows), dtype=object)))
            else:
                writing.remove(self._path)
        self._rows, self._stamp = rows, files.stamp(self._path)


@contextmanager
def keeping() -> Iterator[None]:
    """Say what to do when what was measured cannot be written.

    Raises:
        MeasureError: for a `DataError` inside.
    """
    try:
        yield
    except DataError as error:
        raise MeasureError(
            f"{str(error).removesuffix('.')}; make room or make it writable, then start the same command again: "
            "the runs that are finished are kept."
        ) from None


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
