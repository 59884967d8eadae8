"""Wide tables, which have a column a task, as the rows of runs: one a task and run.

See docs/decisions/133-one-door-for-tables.md.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed, shown
from budget.tables.columns import logarithms
from budget.tables.reading.cells import as_text, is_number, text_of
from budget.tables.reading.header_units import header_unit
from budget.tables.reading.synonyms import PERPLEXITIES, SCORES, normalised


def wide_columns(names: Sequence[str], wide: str, path: str | Path) -> dict[str, str]:
    """Column → task, of those that ``--wide`` names: a pattern, or a list separated by commas, of either.

    A task is called by what the stars of a pattern stand for, or by its column where that is a number or would not tell
    them apart.

    Raises:
        DataError: a pattern or name fits no column.

    >>> wide_columns(["N", "eval/arc", "eval/piqa"], "eval/*", "runs.csv")
    {'eval/arc': 'arc', 'eval/piqa': 'piqa'}
    >>> wide_columns(["N", "bench00"], "bench*", "runs.csv")
    {'bench00': 'bench00'}
    """
    found: dict[str, str] = {}
    for part in (each.strip() for each in wide.split(",")):
        columns = [part] if part in names else [name for name in names if fnmatchcase(name, part)]
        if not columns:
            raise DataError(
                f"{path}: --wide {shown(part)} fits no column; give a pattern such as 'eval/*' or a list of columns "
                f"(the file has: {listed(names)})."
            )
        pattern = re.compile("".join("(.*)" if mark == "*" else re.escape(mark) for mark in part))
        for name in columns:
            stars = pattern.fullmatch(name) if "*" in part else None
            task = "/".join(stars.groups()).strip("/") if stars else name
            # a number is no name: bench* of bench00 is called by its column
            found.setdefault(name, task if re.search(r"[^\W\d_]", task) else name)
    if len(set(found.values())) < len(found) or not all(found.values()):
        return {name: name for name in found}
    return found


def long_table(
    frame: pd.DataFrame, columns: dict[str, str], path: str | Path, run: str | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A row for each task and run of a wide table.

    Args:
        frame: cells under the file's own names.
        columns: column → task, see ``wide_columns``.
        path: the file, for sentences.
        run: the column that names runs; without one each row is a run, which its number names.

    Returns:
        The table, with the columns ``task``, ``value`` and, where columns differ in that, ``higher_is_better`` and
        ``metric``, by their names, so that nothing adds nats to accuracies; perplexities as their logarithms. The notes
        say so. Its index is that of the wide rows, each as often as it has tasks; cells that are empty stay, for
        whoever counts the rows that are left out.
    """
    if "task" in frame.columns:
        raise DataError(
            f"{path}: --wide makes a task of each column, and the file has a task column; leave --wide out, or rename "
            "that column."
        )
    notes = []
    others = frame.drop(columns=list(columns))
    if run is None and "run" not in others.columns:
        others = others.assign(run=[f"row {row}" for row in frame.index])
        notes.append("Each row of the wide table is taken as one trained model.")
    bare = {name: normalised(header_unit(name)[0]) for name in columns}
    units = {name: _unit(bare[name]) for name in columns}
    mixed = len(set(units.values()) - {"value"}) > 1 and "metric" not in others.columns
    scores = {name: units[name] in SCORES for name in columns}
    perplexities = [name for name in columns if _is_perplexity(name)]
    parts = []
    for name, task in columns.items():
        cells = frame[name]
        if name in perplexities:
            cells = logarithms(frame, name, path)
        part = others.assign(task=pd.Categorical([task] * len(frame)))
        part["value"] = as_text(cells.to_frame())[name] if not is_number(cells) else cells
        if any(scores.values()) and not all(scores.values()):
            part["higher_is_better"] = "1" if scores[name] else "0"
        if mixed:
            part["metric"] = units[name]
        parts.append(part)
    table = pd.concat(parts)
    for name in table.columns:
        if not is_number(table[name]) and not isinstance(table[name].dtype, pd.CategoricalDtype):
            table[name] = pd.Categorical(text_of(table[name]))
    if perplexities:
        notes.append(f"The logarithms of {listed(perplexities)} are taken: perplexities, whose logarithm is the loss.")
    if any(scores.values()):
        higher = [task for name, task in columns.items() if scores[name]]
        notes.append(f"Higher is better for {listed(higher)}, by the columns' names.")
    if mixed:
        of = {unit: listed(columns[name] for name in columns if units[name] == unit) for unit in units.values()}
        notes.append(
            f"These columns are of different metrics ({'; '.join(f'{unit}: {of[unit]}' for unit in of)}), of which "
            "no mean is taken: a plan needs --measure progress and column 'unserved' of the tasks file, or "
            "--wide with columns of one metric."
        )
    table.attrs = {**frame.attrs, "all_scores": all(scores.values())}
    order = np.argsort(np.tile(np.arange(len(frame)), len(columns)), kind="stable")
    return table.iloc[order], tuple(notes)


def _is_perplexity(name: str) -> bool:
    parts = normalised(name).split("_")
    return normalised(name) in PERPLEXITIES or parts[-1] in ("ppl", "perplexity")


_BITS = ("bpb", "bits_per_byte")
_LOSSES = frozenset({"loss", "nll", "ce", "entropy", "ppl", "perplexity"})
_ACCURACIES = frozenset({"acc", "accuracy"})


def _unit(bare: str) -> str:
    """What a column's normalised name says that it holds; ``value`` where it says nothing.

    >>> [_unit(name) for name in ("eval_loss_web", "eval_acc_qa", "bpb_code", "qa_f1", "c4_ppl", "eval_arc")]
    ['loss', 'accuracy', 'bits per byte', 'f1', 'loss', 'value']
    """
    words = bare.split("_")
    if any(f"_{name}_" in f"_{bare}_" for name in _BITS):
        return "bits per byte"
    if _LOSSES & set(words):
        return "loss"  # of a perplexity the logarithm is taken
    if _ACCURACIES & set(words):
        return "accuracy"
    return next((name for name in (bare, words[-1]) if name in SCORES), "value")
