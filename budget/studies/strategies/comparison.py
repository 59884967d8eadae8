"""All strategies on one set of tasks at one budget: who is best by the point fit, and in how many draws."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from budget.numerics.interval import interval
from budget.studies.focus.crossover import first_best, win_shares
from budget.studies.strategies.partition import GROUPS
from budget.studies.strategies.served_subset import FOCUS
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL, Entry

NO_MODEL_FOR_ALL = (SPECIALISTS, EQUAL, GROUPS, FOCUS)
"""Strategies in which no single model serves all tasks."""


@dataclass(frozen=True)
class Cell:
    """All strategies on one set of tasks at one budget.

    Attributes:
        tasks: the set, K tasks.
        budget: in all.
        entries: the strategies' plans.
        weight: (K,) weights that sum to 1.
        targets: tasks with a stated target.
    """

    tasks: tuple[str, ...]
    budget: float
    entries: tuple[Entry, ...]
    weight: np.ndarray
    targets: int = 0

    @property
    def extrapolates(self) -> bool:
        """Whether a plan lies far outside the measured scales; the equal split decides nothing."""
        return any(entry.extrapolates for entry in self.entries if entry.strategy != EQUAL)

    @property
    def serving_all(self) -> tuple[Entry, ...]:
        """The plans that are made for all tasks."""
        return tuple(entry for entry in self.entries if entry.strategy != FOCUS)

    @property
    def objective(self) -> np.ndarray:
        """(S,) weighted mean measure of each strategy, smaller being better."""
        return np.array([entry.measure @ self.weight for entry in self.entries])

    @property
    def worlds(self) -> np.ndarray:
        """(S, B) the same in each draw."""
        return np.array([entry.worlds @ self.weight for entry in self.entries])

    @property
    def wins(self) -> np.ndarray:
        """(S,) share of the draws in which each strategy is the best; NaN for the equal split, which does not compete.

        It is a worse split of the same specialists, and would only take draws from them. Of plans that differ by
        rounding the first wins, so that focusing wins only where it leaves tasks out.
        """
        result = np.full(len(self.entries), np.nan)
        result[self.competing] = win_shares(self.worlds[self.competing])
        return result

    @property
    def competing(self) -> np.ndarray:
        """Positions of the strategies that can win: all but the equal split."""
        return np.array([place for place, entry in enumerate(self.entries) if entry.strategy != EQUAL])

    @property
    def winner(self) -> Entry:
        """The best strategy by the point fit."""
        return self.entries[self.competing[int(first_best(self.objective[self.competing]))]]

    def place(self, strategy: str) -> int:
        """Position of a strategy that has a plan here."""
        return [entry.strategy for entry in self.entries].index(strategy)

    @property
    def advantage(self) -> tuple[str, float, np.ndarray] | None:
        """The best model of all tasks, and (shared − specialists) / |specialists| by the point fit and in draws (B,).

        ``None`` where the set has no specialists or no shared model.
        """
        names = [entry.strategy for entry in self.entries]
        shared = [place for place, name in enumerate(names) if name not in NO_MODEL_FOR_ALL]
        if SPECIALISTS not in names or not shared:
            return None
        objective, worlds, alone = self.objective, self.worlds, names.index(SPECIALISTS)
        best = min(shared, key=lambda place: float(objective[place]))
        point = float((objective[best] - objective[alone]) / abs(objective[alone]))
        return names[best], point, (worlds[best] - worlds[alone]) / np.abs(worlds[alone])


def rows_of(cell: Cell, sign: float) -> list[dict[str, Any]]:
    """Rows of ``focus.csv``: one for each strategy; ``sign`` makes objectives the reader's numbers."""
    objective, worlds, wins = cell.objective, cell.worlds, cell.wins
    best = cell.place(cell.winner.strategy)
    rows = []
    for place, entry in enumerate(cell.entries):
        low, high = (float(end) for end in interval(worlds[place]))
        ends = sorted((sign * low, sign * high))
        rows.append(
            {
                "budget": cell.budget,
                "n_tasks": len(cell.tasks),
                "tasks": "|".join(cell.tasks),
                "strategy": entry.strategy,
                "objective": sign * float(objective[place]),
                "low": ends[0],
                "high": ends[1],
                "targets_met": entry.targets_met,
                "wins": float(wins[place]),
                "best": place == best,
                "beyond": entry.beyond,
                "status": entry.status,
            }
        )
    return rows
