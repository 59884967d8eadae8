"""What the columns of a file of runs are, told by their names and cells; asked where two may be meant.

See docs/decisions/134-names-are-guessed-aloud.md.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.numerals import count_of
from budget.numerics.quoting import listed, shown
from budget.numerics.row_codes import row_codes
from budget.tables.reading.cells import each_text, is_number, levels
from budget.tables.reading.synonyms import (
    HOUSEKEEPING,
    NAMES,
    NUMERIC,
    PERPLEXITIES,
    SCORES,
    STATES,
    SYNONYMS,
    normalised,
    without_prefix,
)

SCALES = ("params", "tokens", "flops")
"""What says how large a run was; ``x`` is asked for only where none of them is there."""

EQUAL = 0.02
"""Relative difference within which two columns say the same, such as 124M and 124439808."""

NUMBERS = 0.5
"""Share of the filled cells of a column that must be numbers."""


@dataclass(frozen=True)
class Guess:
    """What was told of a file.

    Attributes:
        columns: canonical name → the file's own, ``log(…)`` of a perplexity.
        task: the task's name where the file has one task only.
        higher_is_better: whether the value is a score by its name.
        last_of: the column of runs whose last rows count, where there are steps.
        note: one sentence with the options to keep, "" where nothing was guessed.
    """

    columns: Mapping[str, str]
    task: str | None = None
    higher_is_better: bool = False
    last_of: str | None = None
    note: str = ""


def may_be(name: str) -> str | None:
    """The canonical column that a file's own may be by its name."""
    return NAMES.get(normalised(name))


def guess_columns(
    frame: pd.DataFrame,
    path: str | Path,
    columns: Mapping[str, str],
    task: str | None,
    *,
    wide: bool = False,
    used: Sequence[str] = (),
    every: bool = False,
) -> Guess:
    """Tell the columns of a file, where what was said of them does not suffice.

    Args:
        frame: cells under the file's own names.
        path: the file, for sentences.
        columns: what was said: canonical name → the file's own.
        task: the name of the file's one task, where it was said.
        wide: whether several columns hold the values, one a task.
        used: the file's columns that options speak of.
        every: whether all rows of a run are wanted.

    Raises:
        DataError: several columns may be meant; the sentence names the options that choose.
    """
    there = {str(name) for name in frame.columns}
    known = there | set(columns)
    lacks_value = "value" not in known and not wide
    lacks_scale = not known & {*SCALES, "x"}
    lacks_task = "task" not in known and task is None and not wide
    if not (lacks_value or lacks_scale or lacks_task):
        return Guess({})
    taken = set(columns.values()) | {part for theirs in columns.values() for part in theirs.split("+")}
    free = [str(name) for name in frame.columns if str(name) not in taken]
    found: dict[str, str] = {}
    for canonical in SYNONYMS:
        if canonical in known or (wide and canonical in ("value", "task", "metric", "stderr")):
            continue
        if canonical == "x" and known & set(SCALES) | set(found) & set(SCALES):
            continue
        if canonical == "task" and task is not None:
            continue
        name = _chosen(frame, canonical, free, path)
        if name is not None:
            found[canonical] = name
            free.remove(name)
    if lacks_value and "value" not in found and "value" not in known:
        _suggest_wide(frame, free, path)
        return Guess({})  # the sentence that names the missing column says what to do
    value = found.get("value", "")
    higher = bool(value) and normalised(value) in SCORES and "higher_is_better" not in known | set(found)
    one_task = None
    if lacks_task and "task" not in found:
        if not value or value == "value":
            return Guess({})
        size = columns.get("params", found.get("params", "params" if "params" in there else None))
        has_runs = "run" in known | set(found)
        _refuse_unexplained(frame, free, used, path, without_prefix(value), size if size in there else None, has_runs)
        one_task = without_prefix(value)
    if value and normalised(value) in PERPLEXITIES:
        found["value"] = f"log({value})"
    run = columns.get("run", found.get("run", "run" if "run" in there else ""))
    has_steps = "step" in known | set(found)
    last_of = "run" if run and has_steps and not every else None
    kept = {canonical: theirs for canonical, theirs in found.items() if canonical != theirs}
    return Guess(kept, one_task, higher, last_of, _note(path, kept, one_task, higher, last_of))


def _note(path: str | Path, columns: Mapping[str, str], task: str | None, higher: bool, last_of: str | None) -> str:
    """The options that would have said the same."""
    words = [f"--column {shlex.quote(f'{canonical}={theirs}')}" for canonical, theirs in columns.items()]
    words += [f"--task {shlex.quote(task)}"] if task else []
    words += ["--higher-is-better"] if higher else []
    words += [f"--last-of {last_of}"] if last_of else []
    return f"{Path(path).name} is read, by its columns' names, with: {' '.join(words)}" if words else ""


def _chosen(frame: pd.DataFrame, canonical: str, free: Sequence[str], path: str | Path) -> str | None:
    """The column that is meant by its name; none, or an error where several may be."""
    candidates = [name for name in free if may_be(name) == canonical and _fits(frame, canonical, name)]
    if not candidates:
        return None
    groups = SYNONYMS[canonical]
    rank = {name: next(at for at, group in enumerate(groups) if normalised(name) in group) for name in candidates}
    candidates.sort(key=lambda name: rank[name])
    first = candidates[0]
    if canonical == "value":
        rivals = [name for name in candidates[1:] if _rivals(rank[first], rank[name], first, name)]
    elif canonical in ("task", "run", "step", "seed"):
        rivals = [name for name in candidates[1:] if rank[name] == rank[first]]
    else:
        rivals = candidates[1:]
    rivals = [name for name in rivals if not _same(frame, first, name)]
    if rivals:
        choices = " or ".join(f"--column {shlex.quote(f'{canonical}={name}')}" for name in (first, *rivals))
        more = ", or make a task of each with --wide" if canonical == "value" else ""
        raise DataError(
            f"{path}: {listed(shown(name) for name in (first, *rivals))} may each be meant by {canonical}; say which: "
            f"{choices}{more}."
        )
    # of two that say the same the one that says it exactly
    equal = [name for name in candidates if name == first or _same(frame, first, name)]
    exact = next((name for name in equal if is_number(frame[name])), first)
    return exact if canonical in SCALES else first


def _rivals(first_rank: int, rank: int, first: str, name: str) -> bool:
    """Whether two values cannot both be meant: of one rank, or a score beside a loss.

    A loss that was held out is meant before one of training, and a loss before the perplexity that is its exponential.
    """
    is_score = normalised(name) in SCORES, normalised(first) in SCORES
    return rank == first_rank or is_score[0] != is_score[1]


def _fits(frame: pd.DataFrame, canonical: str, name: str) -> bool:
    """Whether a column's cells are of the kind: numbers where numbers are due, and anything at all."""
    cells = frame[name]
    if is_number(cells):
        return canonical not in ("metric", "strategy")
    texts = levels(cells)[1]
    if not any(texts):
        return False
    if canonical == "run" and normalised(name) == "name" and len(texts) < len(frame):
        return any(may_be(other) == "step" for other in frame.columns)  # else it names no runs, but kinds of them
    if canonical not in NUMERIC:
        return True
    filled = each_text(cells, bool, bool)
    numeric = each_text(cells, lambda text: count_of(text) == count_of(text), bool)
    return bool(numeric.sum() >= NUMBERS * filled.sum())


def _same(frame: pd.DataFrame, first: str, second: str) -> bool:
    """Whether two columns say the same in every row where both are filled."""
    numbers = []
    for name in (first, second):
        cells = frame[name]
        numbers.append(cells.to_numpy(dtype=float) if is_number(cells) else each_text(cells, count_of, float))
    both = np.isfinite(numbers[0]) & np.isfinite(numbers[1])
    if not both.any():
        texts = [levels(frame[name]) for name in (first, second)]
        return bool(np.array_equal(np.array(texts[0][1], dtype=object)[texts[0][0]],
                                   np.array(texts[1][1], dtype=object)[texts[1][0]]))  # fmt: skip
    return bool(np.allclose(numbers[0][both], numbers[1][both], rtol=EQUAL, atol=0))


def _suggest_wide(frame: pd.DataFrame, free: Sequence[str], path: str | Path) -> None:
    """Say how columns of one family become tasks, where no column holds the value.

    Raises:
        DataError: several columns of numbers begin alike, such as ``eval/arc`` and ``eval/piqa``.
    """
    families: dict[str, list[str]] = {}
    for name in free:
        family, mark, _ = name.rpartition("/" if "/" in name else ".")
        stated = name.lower().startswith(("config", "param", "hparam", "hyperparam", "arg"))  # not measured
        if mark and not stated and may_be(name) is None and _fits(frame, "value", name):
            families.setdefault(family + mark, []).append(name)
    family, names = max(families.items(), key=lambda each: len(each[1]), default=("", []))
    if len(names) > 1:
        pattern = shlex.quote(f"{family}*")
        raise DataError(
            f"{path}: column 'value' is missing; make a task of each of {listed(map(shown, names), 4)} with --wide "
            f"{pattern}, or name the one that holds the value with --column value=THEIRS."
        )


def _refuse_unexplained(
    frame: pd.DataFrame, free: Sequence[str], used: Sequence[str], path: str | Path, value: str, size: str | None,
    has_runs: bool,
) -> None:  # fmt: skip
    """Refuse to take a file for one task's where a column of words may name its tasks.

    Raises:
        DataError: names the columns and the options that say what they are.
    """
    words = []
    for name in free:
        kind = may_be(name)
        told = normalised(name) in HOUSEKEEPING or normalised(name) in STATES or kind not in (None, "run")
        told |= kind == "run" and has_runs
        if name in used or told or is_number(frame[name]):
            continue
        codes, texts = levels(frame[name])
        if size and row_codes([codes, levels(frame[size])[0]]).max() + 1 == len(texts):
            continue  # each word goes with one size: the models' names
        filled = [text for text in texts if text]
        # a name for every row, or one for all, tells no tasks apart
        if 1 < len(filled) <= len(codes) / 2 and not all(count_of(text) == count_of(text) for text in filled):
            words.append(name)
    if words:
        choices = " or ".join(f"--column {shlex.quote(f'task={name}')}" for name in words[:3])
        raise DataError(
            f"{path}: no column is called task, and {listed(shown(name) for name in words)} may tell tasks apart; say "
            f"which: {choices}, or --task {shlex.quote(value)} where all rows are of one task."
        )
