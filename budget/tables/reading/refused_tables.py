"""Tables of which every curve would be wrong: exports without sizes, and values of several splits of the data in one.

See docs/decisions/161-units-in-headers-and-families-of-columns.md.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed, shown
from budget.numerics.row_codes import row_codes
from budget.tables.reading.cells import is_number, levels
from budget.tables.reading.synonyms import normalised

_SPLITS = frozenset({"split", "data_split", "dataset_split", "eval_split", "subset", "phase", "stage", "partition"})
"""Names of columns that say on which part of the data a row was measured."""

_PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval", "evaluation",
                    "heldout", "held_out", "held-out", "holdout"})  # fmt: skip
"""Their words."""


def refuse_splits(frame: pd.DataFrame, columns: Mapping[str, str], used: Sequence[str], path: str | Path) -> None:
    """Refuse a table with values of training beside held-out ones of the same task, which no condition chooses from.

    Args:
        frame: cells under the file's own names.
        columns: canonical name → the file's own.
        used: the file's columns that conditions speak of.
        path: the file, for the error sentence.

    Raises:
        DataError: with the condition that chooses.
    """
    for name in map(str, frame.columns):
        if normalised(name) not in _SPLITS or name in used or is_number(frame[name]):
            continue
        codes, texts = levels(frame[name])
        parts = [text for text in texts if text]
        if len(parts) < 2 or not {part.lower() for part in parts} <= _PARTS:
            continue
        task = columns.get("task", "task")
        if name in task.split("+"):
            continue
        tasks = levels(frame[task])[0] if task in frame.columns else codes * 0
        if row_codes([tasks, codes]).max() == tasks.max():
            continue  # each task has one split
        held_out = next((part for part in parts if not part.lower().startswith("train")), parts[0])
        apart = f"task={task}+{name}" if task in frame.columns else f"task={name}"
        raise DataError(
            f"{path}: column {shown(name)} holds {listed(parts)}, which one curve cannot be of; choose one with "
            f"--where {name}={held_out}, or make tasks of them with --column {apart}."
        )


def refuse_chart(frame: pd.DataFrame, path: str | Path) -> None:
    """Refuse the export of a chart of W&B: a column a run, each beside its least and largest, and no run's size.

    Raises:
        DataError: with what to export instead.
    """
    names = set(map(str, frame.columns))
    if any({f"{name}__MIN", f"{name}__MAX"} <= names for name in names):
        raise DataError(
            f"{path}: this is the export of a W&B chart, a column a run, which says no run's size; export the table of "
            "runs with its configuration, and 'budget import wandb' makes runs of it."
        )
