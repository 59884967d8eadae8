"""How the runs of a file served their tasks: which strategy, and which tasks together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import shown
from budget.numerics.row_codes import distinct_pairs, row_codes
from budget.tables.columns import is_empty
from budget.tables.reading.cells import levels


@dataclass(frozen=True)
class StrategyRuns:
    """Runs that served the same tasks in the same way, so that their values lie on the same curves.

    Attributes:
        strategy: the file's word, or ``specialist`` or ``generalist`` by the tasks of a run where it has none.
        tasks: the tasks that one run serves together; empty for specialists, whose runs serve one each.
    """

    strategy: str
    tasks: tuple[str, ...]


SPECIALIST = ("specialist", "specialists")
"""Names of the strategy whose runs serve one task each."""


def strategy_runs_of(
    frame: pd.DataFrame, run: np.ndarray, task: np.ndarray, names: Sequence[str], path: str | Path
) -> tuple[tuple[StrategyRuns, ...], np.ndarray]:
    """The strategies of a file, and each row's.

    Rows that state the same, of runs measured on the same tasks, are looked at once.
    """
    stated, strategies = _cells(frame, "strategy")
    served, several = _cells(frame, "model_tasks")
    measured, of_run = _measured(run, task)
    kind = row_codes([stated, served, of_run[run]])
    place = {name: position for position, name in enumerate(names)}
    arms: dict[StrategyRuns, int] = {}
    arm_of_kind: list[int] = []
    wrong: list[tuple[int, str]] = []
    tasks_of_kind = _grouped(kind, task)
    for row, own in zip(_firsts(kind), tasks_of_kind, strict=True):
        strategy, listing = strategies[stated[row]], several[served[row]]
        tasks = tuple(dict.fromkeys(part.strip() for part in listing.split("|") if part.strip())) or tuple(
            names[number] for number in measured[of_run[run[row]]]
        )
        missing = [number for number in own if names[number] not in tasks]
        if missing:
            first = int(np.flatnonzero((kind == kind[row]) & np.isin(task, missing))[0])
            wrong.append((first, _not_named(frame, first, listing, names[task[first]], path)))
        strategy = strategy or ("generalist" if len(tasks) > 1 else SPECIALIST[0])
        alone = strategy in SPECIALIST
        if alone and len(tasks) > 1:
            wrong.append(
                (
                    row,
                    f"{path}, row {frame.index[row]}, column 'strategy': a specialist serves one task, and its run "
                    f"serves {', '.join(tasks[:4])}; correct 'strategy', 'run' or 'model_tasks'.",
                )
            )
        order = sorted(tasks, key=lambda name: (place.get(name, len(place)), name))
        arm = StrategyRuns(SPECIALIST[0] if alone else strategy, () if alone else tuple(order))
        arm_of_kind.append(arms.setdefault(arm, len(arms)))
    if wrong:
        raise DataError(min(wrong)[1])
    return tuple(arms), np.array(arm_of_kind, dtype=int)[kind]


def _cells(frame: pd.DataFrame, column: str) -> tuple[np.ndarray, list[str]]:
    return (np.zeros(len(frame), dtype=int), [""]) if is_empty(frame, column) else levels(frame[column])


def _not_named(frame: pd.DataFrame, row: int, listing: str, name: str, path: str | Path) -> str:
    return (
        f"{path}, row {frame.index[row]}, column 'model_tasks': {shown(listing)} does not name the row's own task "
        f"{shown(name)}; add it."
    )


def _measured(run: np.ndarray, task: np.ndarray) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """The sets of tasks that runs were measured on, and each run's."""
    pairs = distinct_pairs(run, task)
    counts = np.bincount(pairs[:, 0])
    starts = np.cumsum(counts) - counts
    sets: dict[tuple[int, ...], int] = {}
    found = np.empty(len(counts), dtype=int)
    single = counts == 1
    alone = pairs[starts[single], 1]
    for number in np.unique(alone):
        sets[(int(number),)] = len(sets)
    position = np.zeros(int(task.max(initial=0)) + 1, dtype=int)
    position[np.unique(alone)] = np.arange(len(sets))
    found[single] = position[alone]
    for model in np.flatnonzero(~single):
        tasks = tuple(pairs[starts[model] : starts[model] + counts[model], 1].tolist())
        found[model] = sets.setdefault(tasks, len(sets))
    return list(sets), found


def _firsts(codes: np.ndarray) -> list[int]:
    """Position of the first row of each code; codes are in order of first appearance."""
    return np.unique(codes, return_index=True)[1].tolist()


def _grouped(codes: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    """The distinct values of each code."""
    pairs = distinct_pairs(codes, values)
    return np.split(pairs[:, 1], np.cumsum(np.bincount(pairs[:, 0]))[:-1])
