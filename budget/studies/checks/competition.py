"""Players with limited budgets compete for tasks: each task is held by whoever serves it best above a threshold.

One game, in rounds, for R replications side by side. In each round every task goes to the present player with the best
value among those that reach its threshold; equal values are decided by a random order that is drawn beforehand. Players
who hold fewer tasks than they need leave, all at once, and what they held passes to the next best in the next round.
Where players reinvest, those who remain then give up the tasks that others hold, and divide their budget anew over what
is left of their focus: tasks that they hold and tasks that nobody holds. Nobody returns to a task that it gave up or
comes back after leaving, so the game ends.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from budget.studies.focus.thresholds import Thresholds

NOBODY = -1


@dataclass(frozen=True)
class Outcome:
    """How R games of P players over T tasks ended.

    Attributes:
        holder: (R, T) position of the player who holds each task, ``NOBODY`` for none.
        present: (R, P) whether a player survived.
        value: (R, P, T) what players reach on the tasks that they spend on, infinite elsewhere.
        rounds: how many rounds the longest game took.
    """

    holder: np.ndarray
    present: np.ndarray
    value: np.ndarray
    rounds: int

    @property
    def held(self) -> np.ndarray:
        """(R, P) number of tasks that each player holds."""
        return _held(self.holder, self.present.shape[1]).sum(axis=2)


def compete(
    serve: Callable[[np.ndarray], np.ndarray],
    focus: np.ndarray,
    thresholds: Thresholds,
    level: int,
    order: np.ndarray,
    *,
    needs: int = 1,
    reinvest: bool = False,
) -> Outcome:
    """Play one level's games to their end.

    Args:
        serve: tasks that players spend on (R, P, T) → the values that they reach, infinite elsewhere.
        focus: (R, P, T) the tasks that each player begins with.
        thresholds: of the T tasks.
        level: which of them.
        order: (R, P, T) random numbers that decide between equal values: the greatest takes the task.
        needs: tasks that a player must hold to stay.
        reinvest: whether players move their budget away from tasks that others hold.
    """
    players = focus.shape[1]
    keeps, present = focus, np.ones(focus.shape[:2], dtype=bool)
    value = serve(keeps)
    rounds = 0
    while True:
        rounds += 1
        # who has left serves nobody: what it held is free in this round
        holder = holders(value, thresholds.reached(value, level) & present[..., None], order)
        held = _held(holder, players)
        leaves = present & (held.sum(axis=2) < needs)
        # first all who must leave, round after round; only then do those who remain move their budgets
        if leaves.any():
            present = present & ~leaves
            continue
        # tasks held by others; nobody takes one up again, so that focuses only shrink and the game ends
        lost = keeps & present[..., None] & (holder != NOBODY)[:, None, :] & ~held
        if not (reinvest and lost.any()):
            return Outcome(holder, present, value, rounds)
        keeps = keeps & ~lost
        value = serve(keeps)


def holders(value: np.ndarray, reaches: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Who takes each task (R, T): the best value (R, P, T) among those that reach it; ``order`` decides equal ones."""
    bid = np.where(reaches, value, np.inf)
    best = reaches & (bid == bid.min(axis=1, keepdims=True))
    return np.where(best.any(axis=1), np.where(best, order, -1.0).argmax(axis=1), NOBODY)


def _held(holder: np.ndarray, players: int) -> np.ndarray:
    """(R, P, T) whether a player holds a task."""
    return np.asarray(holder[:, None, :] == np.arange(players)[:, None])
