"""Stated targets at one budget: what the best subset meets against what the best plan for all tasks meets.

Focusing takes the cheapest targets first, each with the least spend that meets it; that is the most targets which
specialists can meet (``min(K, ⌊B/s⌋)`` for equal ones). A measured model of some of the tasks may meet more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.studies.focus.thresholds import THRESHOLD_ROUNDING
from budget.studies.strategies.comparison import Comparison
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner


@dataclass(frozen=True)
class StatedTargets:
    """Targets met on one set at one budget, by the point fit.

    Attributes:
        tasks: the set.
        budget: in all.
        stated: tasks with a target.
        focused: those that the best subset meets.
        focused_by: its strategy.
        serving_all: those that the best plan for all meets.
        serving_all_by: its strategy, the first of those that meet most.
    """

    tasks: tuple[str, ...]
    budget: float
    stated: int
    focused: tuple[str, ...]
    focused_by: str
    serving_all: tuple[str, ...]
    serving_all_by: str

    @property
    def gain(self) -> int:
        """Targets that focusing meets beyond the best plan for all; negative where serving all meets more."""
        return len(self.focused) - len(self.serving_all)


def stated_targets(
    specialists: StrategyPlanner,
    comparison: Comparison,
    required: np.ndarray,
    parts: Sequence[tuple[str, StrategyPlan]] = (),
) -> StatedTargets | None:
    """Count the targets of one set at one budget; ``None`` where none is stated.

    Args:
        specialists: the set's own, for its targets.
        comparison: the plans.
        required: (K,) least spend that meets each target, NaN where none is stated.
        parts: strategy and plan of one model for some of the tasks, each with the whole budget.
    """
    stated = np.isfinite(specialists.task_settings.target)
    if not stated.any():
        return None
    cheapest = np.flatnonzero(stated)[np.argsort(required[stated], kind="stable")]
    most = int((np.cumsum(required[cheapest]) <= comparison.budget * (1 + THRESHOLD_ROUNDING)).sum())
    best = (tuple(comparison.tasks[task] for task in np.sort(cheapest[:most])), SPECIALISTS)
    for strategy, part in parts:
        place = np.array([comparison.tasks.index(name) for name in part.tasks])
        value = np.full(len(comparison.tasks), np.nan)
        value[place] = part.predicted
        best = max(best, (_met(specialists, value), strategy), key=lambda each: len(each[0]))
    all_of_them = [(_met(specialists, plan.predicted), plan.strategy) for plan in comparison.serving_all]
    met, by = max(all_of_them, key=lambda each: len(each[0]))
    return StatedTargets(comparison.tasks, comparison.budget, int(stated.sum()), *best, met, by)


def _met(specialists: StrategyPlanner, predicted: np.ndarray) -> tuple[str, ...]:
    """The tasks at their targets."""
    return tuple(
        name for name, there in zip(specialists.served.tasks, specialists.met(predicted), strict=True) if there
    )
