"""Files whose runs serve tasks in several ways: which rows belong to which curves."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from budget.tables.runs import Runs
from budget.tables.strategy_runs import SPECIALIST


def of_specialists(runs: Runs) -> Runs:
    """The specialists' rows of a file that states several strategies, with a note that names the rest.

    Args:
        runs: as read; those of one strategy, and those without specialists, come back as they are.

    Returns:
        The runs whose models serve one task each, over the tasks that have any.
    """
    mine = np.array([arm.strategy in SPECIALIST for arm in runs.strategy_runs])[runs.strategy_index]
    if not runs.strategy.strip("|") or mine.all() or not mine.any():
        return runs
    kept, task = np.unique(runs.task[mine], return_inverse=True)
    names = [runs.tasks[i] for i in kept]
    others = ", ".join(dict.fromkeys(arm.strategy for arm in runs.strategy_runs if arm.strategy not in SPECIALIST))
    said = (
        f"{runs.source} holds several strategies: the curves are the specialists' ({mine.sum()} rows), and the "
        f"{(~mine).sum()} rows of {others} are left to 'budget focus' (or --where strategy=…)."
    )
    chosen = runs.select(mine, task, names, names)
    return replace(chosen, strategy=SPECIALIST[0], notes=(*chosen.notes, said))


def specialists_beside(every: Runs, tasks: Sequence[str]) -> Runs | None:
    """The specialists' rows of some tasks, ``None`` where there are none.

    Args:
        every: all runs of a file.
        tasks: names.
    """
    alone = np.array([arm.strategy in SPECIALIST for arm in every.strategy_runs])[every.strategy_index]
    mine = alone & np.isin(every.task, [at for at, name in enumerate(every.tasks) if name in set(tasks)])
    if not every.strategy.strip("|") or not mine.any():
        return None
    kept, task = np.unique(every.task[mine], return_inverse=True)
    names = [every.tasks[at] for at in kept]
    return replace(every.select(mine, task, names, names), strategy=SPECIALIST[0])
