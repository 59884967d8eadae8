"""What each run was trained on: ``mixtures.csv``, one row a run and source."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import shown
from budget.tables.columns import numbers, read_table, refuse_unreadable
from budget.tables.files.text import require_columns
from budget.tables.runs import Mixture, Runs, text_cells

COLUMNS = ("run", "source", "tokens")


def with_mixtures(runs: Runs, path: str | Path, *, columns: Mapping[str, str] | None = None) -> Runs:
    """Join ``mixtures.csv`` to the runs.

    Args:
        runs: the measurements, whose file names its runs.
        path: a CSV of ``run, source, tokens``; a source that a run has no row for gave it nothing.
        columns: canonical column name → the file's own, where the file has it.

    Returns:
        The runs with ``mixture``, sources in the file's order.

    Raises:
        DataError: a column is missing, a row stands twice, a source has the name of a scale, or a run has no row.
    """
    return _joined(runs, read_table(path, "mixtures", columns, own=COLUMNS), path)


def with_mixture_frame(runs: Runs, frame: pd.DataFrame) -> Runs:
    """The same from a table in memory with the columns ``run, source, tokens``."""
    refuse_unreadable(frame, "the mixtures table")
    return _joined(runs, text_cells(frame), "the mixtures table")


def _joined(runs: Runs, frame: pd.DataFrame, path: str | Path) -> Runs:
    require_columns(frame, COLUMNS, path)
    tokens = numbers(frame, "tokens", path, least=0.0)
    names, sources = frame["run"].str.strip(), frame["source"].str.strip()
    both = names + "\0" + sources
    if both.duplicated().any():
        row = both.index[both.duplicated()][0]
        raise DataError(
            f"{path}, row {row}: run {shown(names[row])} has source {shown(sources[row])} twice; add them up."
        )
    kinds = tuple(dict.fromkeys(sources))
    for name in kinds:
        if name in (*runs.scale, *runs.extra):
            raise DataError(
                f"{path}: a source cannot be called {shown(name)}, which is a column of the runs; rename it."
            )
    position = {name: index for index, name in enumerate(runs.run_names)}
    by_run = np.zeros((len(runs.run_names), len(kinds)))
    at = names.map(position)
    known = at.notna().to_numpy()
    by_run[at[known].astype(int), sources[known].map({name: i for i, name in enumerate(kinds)})] = tokens[known]
    for run in np.unique(runs.run):
        if not by_run[run].any():
            raise DataError(
                f"{path}: run '{runs.run_names[run]}' of {runs.source} has no tokens; say what it was trained on."
            )
    return replace(runs, mixture=Mixture(kinds, by_run[runs.run]))
