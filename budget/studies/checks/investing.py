"""How players divide their budgets over the tasks that they keep, and what they reach."""

from collections.abc import Callable

import numpy as np

from budget.allocation.nonconvex.envelope import solve_nonconvex
from budget.allocation.nonconvex.responses import Responses
from budget.studies.focus.thresholds import Value

SPLIT_GAP = 1e-3
"""Share of a focus's range at which the search for its best split ends."""

Serve = Callable[[np.ndarray], np.ndarray]
"""Tasks that players spend on (R, P, T) → the values that they reach, infinite where nothing is spent."""


def equally(value: Value, budget: np.ndarray, unserved: np.ndarray | None = None) -> Serve:
    """Each of a player's k tasks is given ``budget/k``.

    Args:
        value: of T tasks.
        budget: (P,).
        unserved: not read: every task of a focus is served.
    """

    def serve(keeps: np.ndarray) -> np.ndarray:
        share = budget[:, None] / np.maximum(keeps.sum(axis=2, keepdims=True), 1)
        return _reached(value, np.where(keeps, share, 0.0))

    return serve


def best(value: Value, budget: np.ndarray, unserved: np.ndarray | None = None) -> Serve:
    """Each player's split has the least sum of values over its tasks, each distinct focus solved once.

    The solver's gap is ``SPLIT_GAP``; near the optimum the sum is flat, so spends are not as sharp as the sum.

    Args:
        value: of T tasks.
        budget: (P,).
        unserved: (T,) value of a task given nothing; ``None`` where every task of a focus must be served.
    """
    known: dict[tuple[float, bytes], np.ndarray] = {}

    def split(total: float, keep: np.ndarray) -> np.ndarray:
        """(T,) the best spends of a player's budget over the tasks that it keeps."""
        # games repeat budgets and focuses, and a split is dear
        key = (total, keep.tobytes())
        if key not in known:
            tasks = np.flatnonzero(keep)
            count = len(tasks)
            idle = np.full(count, np.nan) if unserved is None else unserved[tasks]

            def of_kept(position: np.ndarray, spend: np.ndarray) -> np.ndarray:
                return value(tasks[position], spend)

            responses = Responses(of_kept, np.zeros(count), np.full(count, total), total, idle)
            spend = np.zeros(len(keep))
            spend[tasks] = solve_nonconvex(responses, gap=SPLIT_GAP).spend
            known[key] = spend
        return known[key]

    def serve(keeps: np.ndarray) -> np.ndarray:
        games = [[split(float(total), keep) for total, keep in zip(budget, game, strict=True)] for game in keeps]
        return _reached(value, np.array(games))

    return serve


SPLITS: dict[str, Callable[[Value, np.ndarray, np.ndarray | None], Serve]] = {"equal": equally, "best": best}
"""How budgets are divided, by name."""


def _reached(value: Value, spend: np.ndarray) -> np.ndarray:
    """Values at spends (R, P, T), infinite where nothing is spent."""
    reached = np.full(spend.shape, np.inf)
    served = spend > 0
    reached[served] = value(np.nonzero(served)[2], spend[served])
    return reached
