"""Players of a selection: how much each has and over how many tasks it spreads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.errors import AllocationError


@dataclass(frozen=True)
class Players:
    """P players.

    Attributes:
        budget: (P,) what each has.
        breadth: (P,) how many tasks each serves.

    Raises:
        AllocationError: there is only one, or a number is not allowed.
    """

    budget: np.ndarray
    breadth: np.ndarray

    def __post_init__(self) -> None:
        """Check what was received."""
        if len(self.budget) < 2:
            raise AllocationError(f"{len(self.budget)} player has nobody to compete with; give at least two players.")
        if len(self.breadth) != len(self.budget):
            raise AllocationError(
                f"There are {len(self.budget)} budgets and {len(self.breadth)} breadths; give one of each for a player."
            )
        for player in np.flatnonzero(~(np.isfinite(self.budget) & (self.budget > 0))):
            raise AllocationError(f"Player {player} has a budget of {self.budget[player]:g}; give a positive number.")
        for player in np.flatnonzero(~(self.breadth >= 1)):
            raise AllocationError(f"Player {player} has a breadth of {self.breadth[player]}; give at least one task.")

    def groups(self) -> list[tuple[tuple[float, int], np.ndarray]]:
        """Players of one budget and breadth: these two, and their positions; by budget, then breadth."""
        pairs = sorted(set(zip(self.budget.tolist(), self.breadth.tolist(), strict=True)))
        return [
            ((budget, breadth), np.flatnonzero((self.budget == budget) & (self.breadth == breadth)))
            for budget, breadth in pairs
        ]

    def focuses(self, count: int, replications: int, random: np.random.Generator) -> np.ndarray:
        """(R, P, T) the tasks that each player serves; drawn uniformly among all sets of its breadth.

        Raises:
            AllocationError: a breadth exceeds the number of tasks.
        """
        for player in np.flatnonzero(self.breadth > count):
            raise AllocationError(
                f"Player {player} has a breadth of {self.breadth[player]} with {count} tasks; give at most {count}."
            )
        rank = random.random((replications, len(self.budget), count)).argsort(axis=2).argsort(axis=2)
        return np.asarray(rank < self.breadth[:, None])


def every_pair(budgets: Sequence[float], breadths: Sequence[int]) -> Players:
    """One player for each pair of a budget and a breadth, all in one game."""
    budget, breadth = np.meshgrid(np.asarray(budgets, dtype=float), np.asarray(breadths, dtype=int), indexing="ij")
    return Players(budget.ravel(), breadth.ravel())
