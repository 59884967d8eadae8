"""How the runs of a file served their tasks: which strategy, and which tasks together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import shown
from budget.tables.columns import is_empty


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
    """The strategies of a file, and each row's."""
    stated = [""] * len(frame) if is_empty(frame, "strategy") else frame["strategy"].str.strip().tolist()
    served = [""] * len(frame) if is_empty(frame, "model_tasks") else frame["model_tasks"].str.strip().tolist()
    measured: dict[int, list[str]] = {}
    for model, number in zip(run, task, strict=True):
        measured.setdefault(model, [])
        if names[number] not in measured[model]:
            measured[model].append(names[number])
    place = {name: position for position, name in enumerate(names)}
    arms: dict[StrategyRuns, int] = {}
    known: dict[tuple[str, tuple[str, ...]], int] = {}
    found = np.empty(len(frame), dtype=int)
    for row, (strategy, several, model) in enumerate(zip(stated, served, run, strict=True)):
        named = dict.fromkeys(part.strip() for part in several.split("|") if part.strip())
        tasks = tuple(named or measured[model])
        if names[task[row]] not in tasks:
            raise DataError(
                f"{path}, row {frame.index[row]}, column 'model_tasks': {shown(several)} does not name the row's own "
                "task "
                f"{shown(names[task[row]])}; add it."
            )
        strategy = strategy or ("generalist" if len(tasks) > 1 else SPECIALIST[0])
        alone = strategy in SPECIALIST
        if alone and len(tasks) > 1:
            raise DataError(
                f"{path}, row {frame.index[row]}, column 'strategy': a specialist serves one task, and its run "
                f"serves {', '.join(tasks[:4])}; correct 'strategy', 'run' or 'model_tasks'."
            )
        strategy = SPECIALIST[0] if alone else strategy
        if (strategy, tasks) not in known:  # one model, in whatever order its tasks are named
            order = sorted(tasks, key=lambda name: (place.get(name, len(place)), name))
            known[strategy, tasks] = arms.setdefault(StrategyRuns(strategy, () if alone else tuple(order)), len(arms))
        found[row] = known[strategy, tasks]
    return tuple(arms), found
