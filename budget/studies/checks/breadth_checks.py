"""Two checks of breadth on the specialists' curves: no free lunch, and which breadth survives selection.

Selection is played at several budgets with the same thresholds: what each task must reach stays what it is while all
players become richer. Thresholds that moved with the budget would show nothing, for they leave every player the same
share of what it needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.nonconvex.spend_response import spend_response
from budget.allocation.spec.make_spec import plan_spec
from budget.studies.checks.no_free_lunch import FreeLunch, free_lunch_of
from budget.studies.checks.players import every_pair
from budget.studies.checks.selection import Selection, select
from budget.studies.focus.focus import Focus
from budget.studies.focus.thresholds import at_spends
from budget.studies.strategies.strategy_curves import FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import largest_inside
from budget.tables.tasks import TaskSettings

THRESHOLD_LEVELS = 8
"""Thresholds, from what a third of an equal share of the checks' budget reaches to what all of it reaches."""

MAX_GAME_BUDGETS = 5
"""Budgets at which selection is played, at most."""


@dataclass(frozen=True)
class Breadth:
    """The checks.

    Attributes:
        budget: of the plans of the first check, and by which the thresholds of the second are stated.
        tasks: the T tasks.
        lunch: what is known about which curve belongs to which task, and what that is worth.
        budgets: (N,) rising; what each player has in a game; the checks' own budget is one of them.
        selections: (N,) players of every breadth 1, 2, 4, …, T, competing for the same tasks at the same thresholds.
    """

    budget: float
    tasks: tuple[str, ...]
    lunch: FreeLunch
    budgets: tuple[float, ...]
    selections: tuple[Selection, ...]

    @property
    def selection(self) -> Selection:
        """The games at the checks' own budget."""
        return self.selections[self.budgets.index(self.budget)]

    def widest(self) -> pd.DataFrame:
        """The greatest breadth that survives half of the games, for every budget and threshold; see ``Selection``."""
        return pd.concat([each.widest() for each in self.selections], ignore_index=True)

    def record(self) -> dict[str, Any]:
        """The checks as JSON."""
        return {
            "budget": self.budget,
            "tasks": list(self.tasks),
            "free_lunch": self.lunch.record(),
            "selection": self.selection.record(),
            "selection_by_budget": [
                {"budget": budget} | each.record() for budget, each in zip(self.budgets, self.selections, strict=True)
            ],
        }


def breadth_of(
    strategies: FittedStrategies, found: Focus, tasks: TaskSettings, *, params: float | None = None, seed: int = 0
) -> Breadth | None:
    """Check the tasks of a comparison by its measure; ``None`` with fewer than two specialists.

    The budget is the largest with most sets inside the measured range, else the smallest; selection is played at up to
    ``MAX_GAME_BUDGETS`` of the compared ones.

    Args:
        strategies: that were compared.
        found: the comparison.
        tasks: task settings for all tasks of the strategies.
        params: size of every model, see ``make_spec.plan_spec``.
        seed: see ``breadth``.
    """
    alone, compared = strategies.specialists, {name for names in found.sets for name in names}
    pick = [] if alone is None else [place for place, name in enumerate(alone.tasks) if name in compared]
    if alone is None or len(pick) < 2:
        return None
    mine = replace(alone, curves=alone.curves.take(np.array(pick)))
    budget = largest_inside(
        [cell.budget for cell in found.comparisons], [cell.extrapolates for cell in found.comparisons]
    )
    budget = budget or float(found.budgets[0])
    return breadth(
        mine,
        tasks,
        budget,
        others=spread(found.budgets.tolist(), budget, MAX_GAME_BUDGETS),
        unit=found.unit,
        params=params,
        measure=found.measure,
        seed=seed,
    )


def spread(budgets: Sequence[float], own: float, most: int) -> tuple[float, ...]:
    """At most so many of some budgets, rising, evenly among them: the first, the last and one's own are kept."""
    if len(budgets) <= most:
        return tuple(budgets)
    places = np.linspace(0, len(budgets) - 1, most).round().astype(int)
    at = list(budgets).index(own)
    if at not in places:
        inner = np.abs(places[1:-1] - at).argmin() + 1
        places[inner] = at
    return tuple(budgets[place] for place in np.sort(places))


def breadth(
    specialists: StrategyCurves,
    tasks: TaskSettings,
    budget: float,
    *,
    others: Sequence[float] = (),
    unit: str | None = None,
    params: float | None = None,
    measure: str | None = None,
    seed: int = 0,
) -> Breadth:
    """Check breadth at one budget, and selection at others too.

    Args:
        specialists: curves of T ≥ 2 tasks.
        tasks: task settings for these tasks, or more; minima and maxima are not read, since players divide equally.
        budget: the total.
        others: further budgets of the players, at the thresholds of ``budget``.
        unit: see ``make_spec.plan_spec``.
        params: see ``make_spec.plan_spec``.
        measure: see ``make_spec.plan_spec``.
        seed: of assignments, focuses and ties.

    Raises:
        AllocationError: see ``make_spec.plan_spec``, ``free_lunch`` and ``select``.
    """
    curves, count = specialists.curves, len(specialists.tasks)
    nothing = np.full(count, np.nan)
    # limits belong to tasks, and here any curve may stand in any slot
    task_settings = replace(tasks.select(specialists.tasks), min=nothing, max=nothing)
    spec = plan_spec(curves, task_settings, budget, unit=unit, strategy="specialists", params=params, measure=measure)
    value = spend_response(curves, spec).value_at
    thresholds = at_spends(value, np.geomspace(budget / count / 3, budget, THRESHOLD_LEVELS), count)
    # doubling breadths: each halves a player's share
    breadths = sorted({*(2**power for power in range(int(np.log2(count)) + 1)), count})
    budgets = tuple(sorted({budget, *others}))
    selections = [select(value, thresholds, every_pair([each], breadths), seed=seed) for each in budgets]
    return Breadth(budget, specialists.tasks, free_lunch_of(curves, spec, seed=seed), budgets, tuple(selections))
