"""All strategies on one set of tasks at one budget: who is best by the point fit, and in how many draws.

See docs/decisions/090-measured-subset-and-groups.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from budget.numerics.interval import interval
from budget.studies.focus.crossover import first_best, win_shares
from budget.studies.strategies.partition import GROUPS
from budget.studies.strategies.served_subset import SUBSET
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL, StrategyPlan

NO_MODEL_FOR_ALL = (SPECIALISTS, EQUAL, GROUPS, SUBSET)
"""Strategies in which no single model serves all tasks."""


@dataclass(frozen=True)
class Comparison:
    """All strategies on one set of tasks at one budget.

    Attributes:
        tasks: the set, K tasks.
        budget: in all.
        plans: the strategies' plans.
        weight: (K,) weights that sum to 1.
        targets: tasks with a stated target.
    """

    tasks: tuple[str, ...]
    budget: float
    plans: tuple[StrategyPlan, ...]
    weight: np.ndarray
    targets: int = 0

    @property
    def extrapolates(self) -> bool:
        """Whether a plan lies far outside the measured scales; the equal split decides nothing."""
        return any(plan.extrapolates for plan in self.plans if plan.strategy != EQUAL)

    @property
    def serving_all(self) -> tuple[StrategyPlan, ...]:
        """The plans that are made for all tasks."""
        return tuple(plan for plan in self.plans if plan.strategy != SUBSET)

    @property
    def objective(self) -> np.ndarray:
        """(S,) weighted mean measure of each strategy, smaller being better."""
        return np.array([plan.measure @ self.weight for plan in self.plans])

    @property
    def scenarios(self) -> np.ndarray:
        """(S, B) the same in each draw."""
        return np.array([plan.scenarios @ self.weight for plan in self.plans])

    @property
    def wins(self) -> np.ndarray:
        """(S,) share of the draws in which each strategy is the best; NaN for the equal split, which does not compete.

        It is a worse split of the same specialists, and would only take draws from them. Of plans that differ by
        rounding the first wins, so that focusing wins only where it leaves tasks out.
        """
        result = np.full(len(self.plans), np.nan)
        result[self.competing] = win_shares(self.scenarios[self.competing])
        return result

    @property
    def competing(self) -> np.ndarray:
        """Positions of the strategies that can win: all but the equal split."""
        return np.array([place for place, plan in enumerate(self.plans) if plan.strategy != EQUAL])

    @property
    def best_strategy(self) -> StrategyPlan:
        """The best strategy by the point fit."""
        return self.plans[self.competing[int(first_best(self.objective[self.competing]))]]

    def place(self, strategy: str) -> int:
        """Position of a strategy that has a plan here."""
        return [plan.strategy for plan in self.plans].index(strategy)

    @property
    def advantage(self) -> tuple[str, float, np.ndarray] | None:
        """The best model of all tasks, and (shared − specialists) / |specialists| by the point fit and in draws (B,).

        ``None`` where the set has no specialists or no shared model.
        """
        names = [plan.strategy for plan in self.plans]
        shared = [place for place, name in enumerate(names) if name not in NO_MODEL_FOR_ALL]
        if SPECIALISTS not in names or not shared:
            return None
        objective, scenarios, alone = self.objective, self.scenarios, names.index(SPECIALISTS)
        best = min(shared, key=lambda place: float(objective[place]))
        point = float((objective[best] - objective[alone]) / abs(objective[alone]))
        return names[best], point, (scenarios[best] - scenarios[alone]) / np.abs(scenarios[alone])


def rows_of(comparison: Comparison, sign: float) -> list[dict[str, Any]]:
    """Rows of ``focus.csv``: one for each strategy; ``sign`` makes objectives the reader's numbers."""
    objective, wins = comparison.objective, comparison.wins
    ends = np.sort(sign * np.stack(interval(comparison.scenarios, axis=1)), axis=0).T.tolist()
    best = comparison.place(comparison.best_strategy.strategy)
    rows = []
    for place, plan in enumerate(comparison.plans):
        rows.append(
            {
                "budget": comparison.budget,
                "n_tasks": len(comparison.tasks),
                "tasks": "|".join(comparison.tasks),
                "strategy": plan.strategy,
                "objective": sign * float(objective[place]),
                "low": ends[place][0],
                "high": ends[place][1],
                "targets_met": plan.targets_met,
                "wins": float(wins[place]),
                "best": place == best,
                "beyond": plan.extrapolation_factor,
                "status": plan.status,
            }
        )
    return rows
