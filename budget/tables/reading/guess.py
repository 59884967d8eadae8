"""What the columns of a file of runs are, told by their names and cells; asked where two may be meant.

See docs/decisions/134-names-are-guessed-aloud.md.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.numerals import count_of
from budget.numerics.quoting import LONGEST_SENTENCE, listed, meant, shown
from budget.numerics.row_codes import row_codes
from budget.tables.reading.cells import each_text, is_number, levels
from budget.tables.reading.families import is_of_losses, numbers_of_tasks, task_families
from budget.tables.reading.header_units import header_unit, is_petaflop_days
from budget.tables.reading.synonyms import (
    HOUSEKEEPING,
    NAMES,
    NUMERIC,
    PERPLEXITIES,
    SCORES,
    STATES,
    SYNONYMS,
    known_as,
    may_be,
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
    half = _half_said(known, wide)
    if not (lacks_value or lacks_scale or lacks_task or half):
        return Guess({})
    taken = set(columns.values()) | {part for theirs in columns.values() for part in re.split("[+*]", theirs)}
    free = [str(name) for name in frame.columns if str(name) not in taken]
    found: dict[str, str] = {}
    asked: list[str] = []
    value_asked = False
    wanted = SYNONYMS if lacks_value or lacks_scale or lacks_task else half
    families = _families(frame, free) if lacks_value else {}
    for canonical in wanted:
        if canonical in known or (wide and canonical in ("value", "task", "metric", "stderr")):
            continue
        if canonical == "x" and known & set(SCALES) | set(found) & set(SCALES):
            continue
        if canonical == "task" and task is not None:
            continue
        name, question = _chosen(frame, canonical, free, bool(columns) or wanted is SYNONYMS)
        if question:
            asked.append(question + (_or_wide(families) if canonical == "value" and lacks_task else ""))
            value_asked |= canonical == "value"
        elif name is not None:
            found[canonical] = name
            free.remove(name)
    days = [name for name in free if is_petaflop_days(name) and _fits(frame, "flops", name)]
    sized = {"params", "tokens"} <= known | set(found)
    if len(days) == 1 and "flops" not in known | set(found) and (wanted is SYNONYMS or not sized):
        found["flops"] = f"{days[0]}*8.64e19"
        free.remove(days[0])
    asked += _unread_scales(frame, free, known | set(found))
    value = found.get("value", "")
    several = lacks_task and "task" not in found and not value_asked and _may_be_several(value, families)
    if several:
        asked.append(_ask_wide(families, value))
    elif lacks_value and not value and not value_asked:
        if not asked:
            raise DataError(_missing(frame, path, free, lacks_task and "task" not in found, _no_scale(known, found)))
        asked.append("column 'value' is missing; name yours with --column value=THEIRS")
    theirs = value or columns.get("value", "")
    one_task = None
    if lacks_task and "task" not in found and theirs and theirs != "value" and not several:
        size = columns.get("params", found.get("params", "params" if "params" in there else None))
        has_runs = "run" in known | set(found)
        one_task = without_prefix(theirs)
        unexplained = _unexplained(frame, free, used, one_task, size if size in there else None, has_runs)
        asked += [unexplained] if unexplained else []
    if asked:
        raise DataError(_questions(path, asked))
    if lacks_task and "task" not in found and one_task is None:
        return Guess({})  # the sentence that names the missing column says what to do
    higher = bool(value) and known_as(value) in SCORES and "higher_is_better" not in known | set(found)
    if value and known_as(value) in PERPLEXITIES:
        found["value"] = f"log({value})"
    run = columns.get("run", found.get("run", "run" if "run" in there else ""))
    has_steps = "step" in known | set(found)
    size = columns.get("params", found.get("params", "params"))
    last_of = "run" if run and has_steps and not every and _has_one_size(frame, run, size) else None
    kept = {canonical: theirs for canonical, theirs in found.items() if canonical != theirs}
    return Guess(kept, one_task, higher, last_of, _note(path, kept, one_task, higher, last_of))


def _questions(path: str | Path, asked: Sequence[str]) -> str:
    """As many questions as a sentence holds, so that one more call answers them."""
    said = f"{path}: {asked[0]}"
    for question in asked[1:]:
        if len(said) + len(question) + 7 > LONGEST_SENTENCE:
            break
        said += f"; and {question}"
    return f"{said}."


def _half_said(known: set[str], wide: bool) -> tuple[str, ...]:
    """What is told of a file that needs no guess: the other of params and tokens, of which a law needs both."""
    missing = [name for name in ("params", "tokens") if name not in known]
    if len(missing) == 1:
        return (missing[0],)
    return ("params", "tokens") if wide and missing and "flops" not in known else ()


def _no_scale(known: set[str], found: Mapping[str, str]) -> bool:
    return not (known | set(found)) & {*SCALES, "x"}


def _note(path: str | Path, columns: Mapping[str, str], task: str | None, higher: bool, last_of: str | None) -> str:
    """The options that would have said the same."""
    words = [f"--column {shlex.quote(f'{canonical}={theirs}')}" for canonical, theirs in columns.items()]
    words += [f"--task {shlex.quote(task)}"] if task else []
    words += ["--higher-is-better"] if higher else []
    words += [f"--last-of {last_of}"] if last_of else []
    return f"{Path(path).name} is read, by its columns' names, with: {' '.join(words)}" if words else ""


def _chosen(frame: pd.DataFrame, canonical: str, free: Sequence[str], single_letters: bool) -> tuple[str | None, str]:
    """The column that is meant by its name, or none; and what has to be asked where several may be."""
    candidates = [name for name in free if may_be(name) == canonical and _fits(frame, canonical, name)]
    candidates = [name for name in candidates if single_letters or len(known_as(name)) > 1]
    if not candidates:
        return None, ""
    groups = SYNONYMS[canonical]
    # one that is told by a part of its name comes last
    rank = {
        name: next((at for at, group in enumerate(groups) if known_as(name) in group), len(groups))
        for name in candidates
    }
    candidates.sort(key=lambda name: rank[name])
    first = candidates[0]
    if canonical == "value":
        rivals = [name for name in candidates[1:] if _rivals(rank[first], rank[name], first, name)]
    elif canonical in ("task", "run", "step", "seed"):
        rivals = [name for name in candidates[1:] if rank[name] == rank[first]]
    else:
        rivals = [name for name in candidates[1:] if rank[name] < len(groups) or rank[first] == len(groups)]
    rivals = [name for name in rivals if not _same(frame, first, name)]
    if canonical in SCALES and frame[first].nunique() > 1:
        rivals = [name for name in rivals if frame[name].nunique() > 1]  # of what never changes nothing is learnt
    if rivals and canonical == "step" and _has_a_row_a_run(frame):
        return None, ""  # nothing hangs on it
    if rivals:
        choices = " or ".join(f"--column {shlex.quote(f'{canonical}={name}')}" for name in (first, *rivals))
        names = listed(shown(name) for name in (first, *rivals))
        return None, f"{names} may each be meant by {canonical}; say which: {choices}"
    # of two that say the same the one that says it exactly
    equal = [name for name in candidates if name == first or _same(frame, first, name)]
    exact = next((name for name in equal if is_number(frame[name])), first)
    return exact if canonical in SCALES else first, ""


def _rivals(first_rank: int, rank: int, first: str, name: str) -> bool:
    """Whether two values cannot both be meant: of one rank, or a score beside a loss.

    A loss that was held out is meant before one of training, and a loss before the perplexity that is its exponential.
    """
    is_score = known_as(name) in SCORES, known_as(first) in SCORES
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
        others = {may_be(str(other)): str(other) for other in frame.columns}
        alike = all(_has_one_size(frame, name, others[kind]) for kind in ("params", "seed") if kind in others)
        return "step" in others and alike  # else it names no runs, but kinds of them
    if canonical not in NUMERIC:
        return True
    filled = each_text(cells, bool, bool)
    numeric = each_text(cells, lambda text: count_of(text) == count_of(text), bool)
    return bool(numeric.sum() >= NUMBERS * filled.sum())


def _has_a_row_a_run(frame: pd.DataFrame) -> bool:
    named = [name for name in map(str, frame.columns) if may_be(name) == "run"]
    return any(frame[name].nunique() == len(frame) for name in named)


def _has_one_size(frame: pd.DataFrame, run: str, size: str) -> bool:
    """Whether all rows of a name agree in another column, as rows of one model do in its size."""
    if run not in frame.columns or size not in frame.columns:
        return True
    codes, names = levels(frame[run])
    return int(row_codes([codes, levels(frame[size])[0]]).max()) + 1 == len(names)


def _unread_scales(frame: pd.DataFrame, free: Sequence[str], known: set[str]) -> list[str]:
    """What is asked where a column is called params or tokens, has no numbers, and nothing else says that scale."""
    if known & {"flops", "x"}:
        return []
    asked = []
    for scale in ("params", "tokens"):
        name = next((name for name in free if NAMES.get(known_as(name)) == scale and len(known_as(name)) > 1), None)
        if scale in known or name is None or _fits(frame, scale, name):
            continue
        cell = next((text for text in levels(frame[name])[1] if text and count_of(text) != count_of(text)), "")
        if cell:
            asked.append(
                f"column {shown(name)} is called {scale} and holds {shown(cell)}, which is no number; correct its "
                f"cells, or name another with --column {scale}=THEIRS"
            )
    return asked


def _same(frame: pd.DataFrame, first: str, second: str) -> bool:
    """Whether two columns say the same in every row where both are filled."""
    numbers = []
    for name in (first, second):
        cells = frame[name]
        counts = cells.to_numpy(dtype=float) if is_number(cells) else each_text(cells, count_of, float)
        numbers.append(counts * 10.0 ** (header_unit(name)[1] or 0))
    both = np.isfinite(numbers[0]) & np.isfinite(numbers[1])
    if not both.any():
        texts = [levels(frame[name]) for name in (first, second)]
        return bool(np.array_equal(np.array(texts[0][1], dtype=object)[texts[0][0]],
                                   np.array(texts[1][1], dtype=object)[texts[1][0]]))  # fmt: skip
    return bool(np.allclose(numbers[0][both], numbers[1][both], rtol=EQUAL, atol=0))


def _families(frame: pd.DataFrame, free: Sequence[str]) -> dict[str, list[str]]:
    """Pattern → columns that may be a task's values each: measured numbers, which differ from run to run."""
    return task_families([name for name in free if may_be(name) is None and _is_measured(frame, name)])


def _is_measured(frame: pd.DataFrame, name: str) -> bool:
    stated = name.lower().startswith(("config", "param", "hparam", "hyperparam", "arg"))
    return not stated and _fits(frame, "value", name) and frame[name].nunique() > 1


def _may_be_several(value: str, families: Mapping[str, Sequence[str]]) -> bool:
    """Whether columns of several tasks may be meant instead of one value, such as a loss of training or an average."""
    if not value or known_as(value) not in (*SYNONYMS["value"][0], *SYNONYMS["value"][1]):
        return bool(families)
    return any(is_of_losses(pattern) for pattern in families)


def _or_wide(families: Mapping[str, Sequence[str]]) -> str:
    pattern = next(iter(families), None)
    return f", or make a task of each with --wide{'' if pattern is None else f' {shlex.quote(pattern)}'}"


def _ask_wide(families: Mapping[str, Sequence[str]], value: str) -> str:
    """The question whether columns of one family are tasks."""
    pattern, *others = families
    names = listed(map(shown, families[pattern]), 4)
    other = f" (or {listed(map(shlex.quote, others), 2)})" if others else ""
    if value:
        return (
            f"{shown(value)} may be the value, or each of {names} a task's; say which: --column "
            f"{shlex.quote(f'value={value}')} or --wide {shlex.quote(pattern)}{other}"
        )
    return (
        f"column 'value' is missing; make a task of each of {names} with --wide {shlex.quote(pattern)}{other}, or name "
        "the one that holds the value with --column value=THEIRS"
    )


def _missing(frame: pd.DataFrame, path: str | Path, free: Sequence[str], no_task: bool, no_scale: bool) -> str:
    """What a file lacks, all of it at once, and how each is named."""
    lacking = ["value", *(["task"] if no_task else []), *(["params"] if no_scale else [])]
    there = [str(name) for name in frame.columns]
    measures = [
        name
        for name in free
        if may_be(name) is None and normalised(name) not in HOUSEKEEPING and _is_measured(frame, name)
    ]
    tasks = numbers_of_tasks(measures)
    quoted = listed([f"'{name}'" for name in lacking])
    said = f"column {quoted} is missing" if len(lacking) == 1 else f"columns {quoted} are missing"
    missing = said
    said += "; name yours with " + " ".join(f"--column {name}=THEIRS" for name in lacking)
    if no_scale:
        said += " (or tokens, flops or x: how large a run was)"
    unread = next((name for name in free if may_be(name) == "value" and not _fits(frame, "value", name)), None)
    if unread is not None:
        cell = next((text for text in levels(frame[unread])[1] if text and count_of(text) != count_of(text)), "")
        said += f", which may be {shown(unread)}, were cells such as {shown(cell)} numbers"
    elif no_task and len(measures) == 1:
        names = next((name for name in there if may_be(name) == "metric" and len(set(levels(frame[name])[1])) > 1), "")
        task = (
            f"--column {shlex.quote(f'task={names}')}"
            if names
            else f"--task {shlex.quote(without_prefix(measures[0]))}"
        )
        value = f"--column {shlex.quote(f'value={measures[0]}')}"
        said = f"{missing}; name yours, such as {value} {task}" if not no_scale else f"{said}, such as {value} {task}"
    elif no_task and tasks and (pattern := _pattern(tasks, free)):
        said += f", or make a task of each column of values with --wide {shlex.quote(pattern)}"
    elif no_task:
        said += ", or --task NAME in place of the task's, where all rows are of one"
    return f"{path}: {said} (the file has: {listed(there, 24)}){meant('value', there) or '.'}"


MOST_TASKS = 12
"""Columns that a sentence lists as an option."""


def _pattern(tasks: Sequence[str], free: Sequence[str]) -> str:
    """What ``--wide`` takes these columns by: all of them, or of many what they begin with; "" where there is none."""
    if len(tasks) <= MOST_TASKS:
        return ",".join(tasks)
    begin = tasks[0]
    while not all(name.startswith(begin) for name in tasks):
        begin = begin[:-1]
    return f"{begin}*" if begin and [name for name in free if name.startswith(begin)] == list(tasks) else ""


def _unexplained(
    frame: pd.DataFrame, free: Sequence[str], used: Sequence[str], value: str, size: str | None, has_runs: bool
) -> str:
    """What is asked where a column of words may name the tasks of a file that is taken for one task's; mostly ""."""
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
    if not words:
        return ""
    choices = " or ".join(f"--column {shlex.quote(f'task={name}')}" for name in words[:3])
    return (
        f"no column is called task, and {listed(shown(name) for name in words)} may tell tasks apart; say which: "
        f"{choices}, or --task {shlex.quote(value)} where all rows are of one task"
    )
