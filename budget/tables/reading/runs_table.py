"""A file of runs under canonical names: columns guessed or as said, wide ones made long, rows judged.

See docs/decisions/133-one-door-for-tables.md.
"""

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed
from budget.tables.columns import COUNTS, view
from budget.tables.reading.cells import NUMBERS, is_number, levels
from budget.tables.reading.conditions import column_of, rows_where
from budget.tables.reading.guess import Guess, guess_columns
from budget.tables.reading.header_units import header_unit, power_name
from budget.tables.reading.left_out import (
    left_out_note,
    without_headers,
    without_percent_signs,
    without_totals,
    without_unfinished,
    without_value,
)
from budget.tables.reading.open_table import read_cells
from budget.tables.reading.refused_tables import refuse_chart, refuse_splits
from budget.tables.reading.synonyms import may_be, normalised
from budget.tables.reading.wide import long_table, wide_columns
from budget.tables.run_ids import last_rows

TEXT = ("task", "run", "model", "metric", "strategy", "model_tasks", "higher_is_better")
"""Canonical columns that hold words, whatever their cells look like."""


@dataclass(frozen=True)
class RunsTable:
    """The rows of a file that count.

    Attributes:
        frame: cells under canonical names, index = row number in the file.
        task: the name of the file's one task, ``None`` where a column says it.
        higher_is_better: the direction of every task, where no column says it.
        notes: what was assumed and left out, one sentence each.
        columns: canonical name → the file's own, as said and as guessed.
    """

    frame: pd.DataFrame
    task: str | None
    higher_is_better: bool
    notes: tuple[str, ...]
    columns: Mapping[str, str]


def read_runs_table(
    path: str | Path,
    columns: Mapping[str, str],
    where: Sequence[tuple[str, str]],
    *,
    task: str | None = None,
    higher_is_better: bool = False,
    last_of: str | None = None,
    wide: str | None = None,
    every: bool = False,
) -> RunsTable:
    """Read the rows of a file of runs, see ``budget.tables.runs.read_runs``."""
    frame = read_cells(path, "runs", _Numeric(columns))
    return runs_table_of(
        frame,
        path,
        columns,
        where,
        task=task,
        higher_is_better=higher_is_better,
        last_of=last_of,
        wide=wide,
        every=every,
    )


def runs_table_of(
    frame: pd.DataFrame,
    path: str | Path,
    columns: Mapping[str, str],
    where: Sequence[tuple[str, str]],
    *,
    task: str | None = None,
    higher_is_better: bool = False,
    last_of: str | None = None,
    wide: str | None = None,
    every: bool = False,
) -> RunsTable:
    """The rows of cells that were read from a file, or taken out of a store."""
    if every and last_of:
        raise DataError("--every keeps all rows of a run and --last-of the last one; leave one of them out.")
    used = [column_of(column, list(frame.columns))[0] for column, _ in where]
    read = len(frame)
    refuse_chart(frame, path)
    frame, gone, named = without_headers(frame)
    columns = _renamed(columns, named)
    frame, percent = without_percent_signs(frame)
    guess = guess_columns(frame, path, columns, task, wide=wide is not None, used=used, every=every)
    mapping = {**columns, **guess.columns}
    notes = [*frame.attrs["notes"], *([guess.note] if guess.note else []), *_unit_notes(mapping, frame, path)]
    notes += [f"{Path(path).name}: {listed(percent)} are read as percentages, from 0 to 100."] if percent else []
    notes += _untold(frame, mapping, wide, path)
    refuse_splits(frame, mapping, used, path)
    frame, unfinished = without_unfinished(frame, used)
    gone += unfinished
    rows = "rows"
    if wide is not None:
        # what was left out so far is rows of the file, and what follows is rows of one task each
        notes += _left_out(gone, read, path)
        frame, said = _long(frame, wide, mapping, path)
        notes += said
        read, rows = len(frame), "rows by task"
        higher_is_better |= bool(frame.attrs.get("all_scores"))
        mapping = {canonical: theirs for canonical, theirs in mapping.items() if canonical not in ("task", "value")}
    frame = view(frame, path, mapping)
    frame, totals = without_totals(frame, ("params", "tokens", "flops", "x"))
    if where:
        before = len(frame)
        frame = rows_where(frame, where, path)
        read -= before - len(frame)
    frame, empty = without_value(frame, diverged=False)
    gone += totals + empty
    kept_of = last_of or guess.last_of
    if len(frame) and kept_of:
        last, note = last_rows(frame, kept_of, path, rows)
        if last_of or len(last) < len(frame):
            notes += [*_left_out(gone, read, path, rows), note]
            read = len(last)
        frame = last
    frame, diverged = without_value(frame, diverged=True)
    gone += diverged
    notes += _left_out(gone, read, path, rows)
    notes += _averages(frame)
    one_task = guess.task if task is None else task
    return RunsTable(frame, one_task, higher_is_better or guess.higher_is_better, tuple(notes), mapping)


def guess_of(
    path: str | Path,
    columns: Mapping[str, str],
    where: Sequence[tuple[str, str]],
    *,
    task: str | None,
    wide: str | None,
    every: bool,
) -> Guess:
    """What ``read_runs_table`` guesses of a file."""
    frame, _, named = without_headers(read_cells(path, "runs", _Numeric(columns)))
    frame = without_percent_signs(frame)[0]
    columns = _renamed(columns, named)
    used = [column_of(column, list(frame.columns))[0] for column, _ in where]
    return guess_columns(frame, path, columns, task, wide=wide is not None, used=used, every=every)


def _renamed(columns: Mapping[str, str], named: Mapping[str, str]) -> dict[str, str]:
    """What was said of columns, and what units below the header say, by the names that the columns have with these."""
    counted = {name: name for name in named if name in COUNTS and name not in columns}
    return {canonical: named.get(theirs, theirs) for canonical, theirs in {**counted, **columns}.items()}


def _left_out(gone: Counter[str], read: int, path: str | Path, rows: str = "rows") -> list[str]:
    """The note on rows that were left out, which are then counted."""
    note = left_out_note(gone, read, path, rows)
    gone.clear()
    return [note] if note else []


def _averages(frame: pd.DataFrame) -> list[str]:
    """What is said of tasks that are called means of others."""
    tasks = levels(frame["task"])[1] if "task" in frame.columns else []
    means = [task for task in tasks if task.lower() in _MEANS]
    if not means or len(tasks) - len(means) < 2:
        return []
    conditions = " ".join(f"--where {shlex.quote(f'task!={task}')}" for task in means)
    return [f"Task {listed(means)} counts as a task of its own, and is called a mean of others: leave it out with "
            f"{conditions}, where it is one."]  # fmt: skip


_MEANS = frozenset(
    {"average", "avg", "mean", "overall", "macro_avg", "macro avg", "total", "durchschnitt", "mittelwert"}
)
"""Names of tasks that are means of the others."""


def _unit_notes(mapping: Mapping[str, str], frame: pd.DataFrame, path: str | Path) -> list[str]:
    """What is said of columns whose names state another unit than plain counts."""
    said = []
    for canonical, theirs in mapping.items():
        power = header_unit(theirs)[1] if canonical in COUNTS and theirs in frame.columns else None
        said += [f"{Path(path).name}: '{theirs}' is in {power_name(power)}, by its name."] if power else []
    return said


def _untold(frame: pd.DataFrame, mapping: Mapping[str, str], wide: str | None, path: str | Path) -> list[str]:
    """What is said where params are known and other columns than ``tokens`` may tell how long a run was trained."""
    there = [str(name) for name in frame.columns]
    known = {*there, *mapping}
    if not mapping and wide is None:
        return []  # a plain file of runs says what it means
    scales = known & {"params", "tokens", "flops", "x"}
    if scales not in ({"params"}, {"tokens"}):
        return []
    (scale,) = scales
    other = {"params": "tokens", "tokens": "params"}[scale]
    about = [name for name in there if _TELLING[other] & set(re.split(r"[\s./:_-]+", normalised(name)))]
    about = [name for name in about if name not in mapping.values() and _counts(frame[name])][:3]
    said = f"{Path(path).name}: no column is {other}, so that curves are of {scale} alone"
    if not about:
        return [f"{said}."]
    may = f"{said}; {listed(map(repr, about))} may tell them"
    if scale == "tokens":
        return [f"{may}: name one with --column params=THEIRS, or add such a column."]
    return [f"{may}: name them, or their product, with --column 'tokens=A*B'."]


def _counts(cells: pd.Series) -> bool:
    """Whether a column holds counts, or words that begin or end with one, such as ``3B tokens`` and ``gpt-70m``."""
    return is_number(cells) or all(_COUNTED.search(text) for text in levels(cells)[1][:5])


_COUNTED = re.compile(r"^\d|\d[kmbt]$", re.IGNORECASE)
_TELLING = {
    "tokens": frozenset({"steps", "step", "epochs", "epoch", "iters", "iterations", "batch", "examples", "samples",
                         "tokens", "data"}),
    "params": frozenset({"params", "parameters", "size", "model", "width", "layers", "depth", "dim", "hidden", "name"}),
}  # fmt: skip
"""Scale → words of columns that may tell it: how long a run was trained, and how large its model is."""


class _Numeric:
    """The names of columns that are wanted as numbers: by what they were said to be, or may be by their names."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._numeric = {theirs for canonical, theirs in columns.items() if canonical in NUMBERS}
        joined = [part.strip() for theirs in columns.values() for part in theirs.split("+") if "+" in theirs]
        self._words = {theirs for canonical, theirs in columns.items() if canonical in TEXT} | set(joined)

    def __contains__(self, name: object) -> bool:
        text = str(name)
        if text in self._words:
            return False
        return text in self._numeric or text in NUMBERS or may_be(text) in NUMBERS


def _long(
    frame: pd.DataFrame, wide: str, mapping: Mapping[str, str], path: str | Path
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    names = [str(name) for name in frame.columns]
    chosen = wide_columns(names, wide, path)
    # in the order of the scales: a sentence is the same in every process
    scales = [name for scale in ("params", "tokens", "flops", "x") if (name := mapping.get(scale, scale)) in chosen]
    if scales:
        raise DataError(
            f"{path}: --wide takes {listed(scales)} as tasks, which say how large a run was; give a narrower pattern."
        )
    return long_table(frame, chosen, path, mapping.get("run"))
