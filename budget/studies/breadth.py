"""Two checks of breadth on the specialists' curves: no free lunch, and which breadth survives selection."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from budget.allocation.ask import ask
from budget.allocation.separable.ways import ways_of
from budget.studies.arms import Arms, Served
from budget.studies.entries import largest_inside
from budget.studies.focus import Focus
from budget.studies.free_lunch import FreeLunch, free_lunch_of
from budget.studies.players import every_pair
from budget.studies.selection import Selection, select
from budget.studies.thresholds import at_spends
from budget.tables.tasks import Tasks

LEVELS = 8
"""Thresholds, from what a third of an equal share reaches to what the whole budget reaches."""


@dataclass(frozen=True)
class Breadth:
    """The checks at one budget.

    Attributes:
        budget: each player's, and that of the plans.
        tasks: the T tasks.
        lunch: what is known about which curve belongs to which task, and what that is worth.
        selection: players of every breadth 1, 2, 4, …, T, competing for the same tasks.
    """

    budget: float
    tasks: tuple[str, ...]
    lunch: FreeLunch
    selection: Selection

    def record(self) -> dict[str, Any]:
        """The checks as JSON."""
        return {
            "budget": self.budget,
            "tasks": list(self.tasks),
            "free_lunch": self.lunch.record(),
            "selection": self.selection.record(),
        }


def breadth_of(arms: Arms, found: Focus, tasks: Tasks, *, seed: int = 0) -> Breadth | None:
    """Check the tasks of a comparison by its measure; ``None`` with fewer than two specialists.

    The budget is the largest with most sets inside the measured range, else the smallest.

    Args:
        arms: that were compared.
        found: the comparison.
        tasks: wishes for all tasks of the arms.
        seed: see ``breadth``.
    """
    alone, compared = arms.specialists, {name for names in found.sets for name in names}
    pick = [] if alone is None else [place for place, name in enumerate(alone.tasks) if name in compared]
    if alone is None or len(pick) < 2:
        return None
    mine = replace(alone, curves=alone.curves.take(np.array(pick)))
    budget = largest_inside([cell.budget for cell in found.cells], [cell.extrapolates for cell in found.cells])
    return breadth(mine, tasks, budget or float(found.budgets[0]), unit=found.unit, measure=found.measure, seed=seed)


def breadth(
    specialists: Served,
    tasks: Tasks,
    budget: float,
    *,
    unit: str | None = None,
    measure: str | None = None,
    seed: int = 0,
) -> Breadth:
    """Check breadth at one budget.

    Args:
        specialists: curves of T ≥ 2 tasks.
        tasks: wishes for these tasks, or more.
        budget: the total.
        unit: see ``ask.ask``.
        measure: see ``ask.ask``.
        seed: of assignments, focuses and ties.

    Raises:
        AllocationError: see ``ask.ask``, ``free_lunch`` and ``select``.
    """
    curves, count = specialists.curves, len(specialists.tasks)
    question = ask(curves, tasks.select(specialists.tasks), budget, unit=unit, strategy="specialists", measure=measure)
    value = ways_of(curves, question).worth
    thresholds = at_spends(value, np.geomspace(budget / count / 3, budget, LEVELS), count)
    breadths = sorted({*(2**power for power in range(int(np.log2(count)) + 1)), count})
    selection = select(value, thresholds, every_pair([budget], breadths), seed=seed)
    return Breadth(budget, specialists.tasks, free_lunch_of(curves, question, seed=seed), selection)
