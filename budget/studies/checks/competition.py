"""Players with limited budgets compete for tasks: each task is held by whoever serves it best above a threshold.

Every player divides its budget equally over its focus. A task goes to the player with the best value among those that
reach its threshold; equal values are decided by a random order that is drawn beforehand. Who holds no task is out, and
frees nothing by that: one round decides.
"""

from dataclasses import dataclass

import numpy as np

from budget.studies.focus.thresholds import Thresholds, Value

NOBODY = -1


@dataclass(frozen=True)
class Outcome:
    """How R games of P players over T tasks ended.

    Attributes:
        holder: (R, T) position of the player who holds each task, ``NOBODY`` for none.
        held: (R, P) number of tasks that each player holds.
    """

    holder: np.ndarray
    held: np.ndarray

    @property
    def present(self) -> np.ndarray:
        """(R, P) whether a player survived: it holds a task."""
        return self.held > 0


def divide_equally(value: Value, budget: np.ndarray, focus: np.ndarray) -> np.ndarray:
    """What players reach with a k-th of their budgets on each of the k tasks of their focuses.

    Args:
        value: of T tasks.
        budget: (P,).
        focus: (R, P, T) the tasks that each player serves.

    Returns:
        (R, P, T) values, infinite where nothing is spent.
    """
    share = budget[:, None] / np.maximum(focus.sum(axis=2, keepdims=True), 1)
    reached = np.full(focus.shape, np.inf)
    reached[focus] = value(np.nonzero(focus)[2], np.broadcast_to(share, focus.shape)[focus])
    return reached


def compete(value: np.ndarray, thresholds: Thresholds, level: int, order: np.ndarray) -> Outcome:
    """Play one level's games.

    Args:
        value: (R, P, T) what players reach, infinite where they spend nothing.
        thresholds: of the T tasks.
        level: which of them.
        order: (R, P, T) random numbers that decide between equal values: the greatest takes the task.
    """
    reaches = thresholds.reached(value, level)
    bid = np.where(reaches, value, np.inf)
    best = reaches & (bid == bid.min(axis=1, keepdims=True))
    holder = np.where(best.any(axis=1), np.where(best, order, -1.0).argmax(axis=1), NOBODY)
    held = (holder[:, None, :] == np.arange(value.shape[1])[:, None]).sum(axis=2)
    return Outcome(holder, held)
