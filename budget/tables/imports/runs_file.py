"""What an importer found as a plain file of runs: canonical columns first, then what else tells runs apart."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed
from budget.tables.columns import is_empty, numbers, view
from budget.tables.files.text import read_csv
from budget.tables.imports.imported import Imported
from budget.tables.reading.cells import is_number, levels, text_of
from budget.tables.reading.runs_table import runs_table_of
from budget.tables.reading.synonyms import HOUSEKEEPING, STATES, normalised

SCALES = ("params", "tokens", "flops", "x", "unique_tokens")
WORDS = ("task", "run", "strategy", "model_tasks", "seed")
MEASURED = ("step", "metric", "higher_is_better", "value", "stderr")

MOST_OTHERS = 12
"""Further columns that are kept; a configuration has hundreds."""


def plain_runs(
    found: Imported,
    path: str | Path,
    columns: Mapping[str, str],
    where: Sequence[tuple[str, str]],
    *,
    task: str | None,
    higher_is_better: bool,
    wide: str | None,
    last_of: str | None,
    every: bool,
    models: str | None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table of ``runs.csv``, and what was taken and left.

    Args:
        found: what an importer read.
        path: where, for sentences.
        columns: canonical name → the store's own.
        where: conditions on rows, see ``rows_where``.
        task: the name of the one task, where no column says it.
        higher_is_better: the direction, likewise.
        wide: the metrics that hold one task's values each.
        last_of: the column of runs of which the last row counts.
        every: keep all rows of a run.
        models: a table with the sizes of runs (run, params, tokens, flops), joined by their names.

    Raises:
        DataError: nothing says what was measured or how large a run was.
    """
    frame, notes = found.frame, list(found.notes)
    if models is not None:
        frame, said = _with_models(frame, path, columns, models)
        notes += said
    table = runs_table_of(
        frame,
        path,
        columns,
        where,
        task=task,
        higher_is_better=higher_is_better,
        wide=wide,
        last_of=last_of,
        every=every,
    )
    frame, notes = table.frame, [*notes, *table.notes]
    scales = [name for name in SCALES if not is_empty(frame, name)]
    if not scales:
        raise DataError(
            f"{path}: nothing says how large a run was; give --models CSV (run, params, tokens), or name a column with "
            f"--column params=THEIRS (there are: {listed(frame.columns, 12)})."
        )
    plain: dict[str, np.ndarray] = {}
    if table.task is not None:
        plain["task"] = np.full(len(frame), table.task, dtype=object)
    for name in WORDS:
        if not is_empty(frame, name):
            plain[name] = text_of(frame[name]).to_numpy()
    for name in scales:
        plain[name] = numbers(frame, name, path, above=0.0)
    for name in MEASURED:
        if name in ("value", "stderr") and not is_empty(frame, name):
            plain[name] = numbers(frame, name, path, empty=None if name == "value" else np.nan)
        elif not is_empty(frame, name):
            plain[name] = text_of(frame[name]).to_numpy()
    if "higher_is_better" not in plain and table.higher_is_better:
        plain["higher_is_better"] = np.ones(len(frame), dtype=int)
    others, left = _others(frame, table.columns, set(plain))
    notes.append(f"Taken: {', '.join([*plain, *others])}." + (f" Left: {listed(left, 12)}." if left else ""))
    return pd.DataFrame({**plain, **others}), tuple(notes)


def _others(
    frame: pd.DataFrame, columns: Mapping[str, str], taken: set[str]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Columns that tell runs apart and are no canonical ones, under their bare names; and those that are left."""
    others: dict[str, np.ndarray] = {}
    left: list[str] = []
    used = {
        part
        for theirs in columns.values()
        for part in (theirs, *theirs.removeprefix("log(").rstrip(")").replace("*", "+").split("+"))
    }
    for name in map(str, frame.columns):
        bare = name.partition(".")[2] if name.startswith(("config.", "params.")) else name
        if name in taken | used:
            continue
        texts = levels(frame[name])[1]
        is_config = name.startswith(("config.", "params.")) or "." not in name
        about = normalised(name) in HOUSEKEEPING or normalised(name) in STATES or normalised(name) in ("id", "name")
        few = 1 < len(texts) <= max(2, len(frame) // 2)
        if is_config and few and not about and bare not in taken | set(others) and len(others) < MOST_OTHERS:
            others[bare] = (
                frame[name].to_numpy(dtype=float) if is_number(frame[name]) else text_of(frame[name]).to_numpy()
            )
        else:
            left.append(name)
    return others, left


def _with_models(
    frame: pd.DataFrame, path: str | Path, columns: Mapping[str, str], models: str
) -> tuple[pd.DataFrame, list[str]]:
    """The records with the sizes of their runs; a record whose run the table lacks is left out, and counted."""
    table = read_csv(models, "models")
    key = next((name for name in ("run", "model", "id", "name") if name in table.columns), None)
    own = columns.get("run") or next((name for name in ("run", "id", "name") if name in frame.columns), None)
    sizes = [name for name in SCALES if name in table.columns]
    if key is None or own is None or own not in frame.columns or not sizes:
        raise DataError(
            f"{models}: a table of models has a column run and at least one of {', '.join(SCALES)} (the file has: "
            f"{listed(table.columns)})."
        )
    names = table[key].str.strip()
    if names.duplicated().any():
        row = names.index[names.duplicated()][0]
        raise DataError(f"{models}, row {row}: run '{names[row]}' stands twice; keep one row a run.")
    runs = text_of(frame[own])
    known = runs.isin(set(names)).to_numpy()
    if not known.any():
        raise DataError(
            f"{models}: none of its runs ({listed(names)}) is in {path} ({listed(dict.fromkeys(runs))}); write the "
            "names as they are there."
        )
    by_run = table.set_index(names)
    kept = frame[known].copy(deep=False)
    for name in sizes:
        kept[name] = by_run[name].reindex(runs[known]).to_numpy()
    kept.attrs = frame.attrs
    lacking = list(dict.fromkeys(runs[~known]))
    return view(kept, path), [f"{(~known).sum()} records of runs that {Path(models).name} lacks are left: "
                              f"{listed(lacking)}."] if lacking else []  # fmt: skip
