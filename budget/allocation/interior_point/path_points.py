"""A point of the central path for each of many problems."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from budget.allocation.interior_point.predictor_corrector import Pair


@dataclass(frozen=True)
class PathPoints:
    """A point of the path for each of Q problems: primal variables, and slacks with multipliers."""

    u: np.ndarray
    x: np.ndarray
    eta: np.ndarray
    equal: np.ndarray
    cost: Pair
    task: Pair
    low: Pair
    high: Pair
    least: Pair
    most: Pair
    rows: Pair

    @property
    def pairs(self) -> list[Pair]:
        """The limits', in one order."""
        return [self.cost, self.task, self.low, self.high, self.least, self.most, self.rows]


def take(state: Any, pick: np.ndarray) -> Any:
    """The state, or a part of it, at some problems."""
    if isinstance(state, np.ndarray):
        return state[pick]
    return replace(state, **{each.name: take(getattr(state, each.name), pick) for each in fields(state)})


def put(state: Any, at: np.ndarray, other: Any) -> Any:
    """The state with that of some problems replaced."""
    if isinstance(state, np.ndarray):
        result = state.copy()
        result[at] = other
        return result
    parts = {each.name: put(getattr(state, each.name), at, getattr(other, each.name)) for each in fields(state)}
    return replace(state, **parts)


def are_numbers(state: PathPoints) -> np.ndarray:
    """(Q,) whether every number of a point is one."""
    parts = [
        state.u,
        state.x,
        state.eta,
        state.equal,
        *(each for pair in state.pairs for each in (pair.slack, pair.price)),
    ]
    return np.all([np.isfinite(part).reshape(len(part), -1).all(axis=1) for part in parts], axis=0)
