"""Good choices of models without proof: greedy, then exchanges."""

import time
from collections.abc import Sequence

import numpy as np

from budget.portfolio.portfolio_problem import Selection

UNSERVED_PENALTIES = (2.0, 100.0)
"""What a task without a model costs, in units of the largest coefficient: at first, and where some stay unserved."""

LEAST_COST = 1e-12
"""A cost below this share of the budget counts as this where gain per cost is compared, so that free models do not
divide by 0."""


def search(problem: Selection, coefficient: np.ndarray, deadline: float, kicks: int) -> np.ndarray | None:
    """Choose models for the least sum of coefficients over the served tasks.

    Args:
        problem: the stated problem; its objective is not read.
        coefficient: (P,) what choosing a pair adds.
        deadline: ``time.monotonic()`` at which to stop.
        kicks: how many local optima to leave at random.

    Returns:
        (M,) whether each model is built, or ``None`` where no choice was found that serves every task.
    """
    # counted from the least coefficient, so that a penalty is above every one of them
    table = problem.grid(coefficient - coefficient.min())
    top = float(np.ptp(coefficient)) or 1.0
    random = np.random.default_rng(0)
    for penalty in UNSERVED_PENALTIES:
        neighbourhood = _Neighbourhood(problem, table, penalty * top)
        best, least = neighbourhood.exchange(neighbourhood.fill([]), deadline)
        for _ in range(kicks):
            if time.monotonic() > deadline:
                break
            # a quarter of the models is taken out and may not come back at once, or the search would fall into the same
            # optimum
            drop = random.permutation(len(best))[: max(1, len(best) // 4)]
            start = [model for place, model in enumerate(best) if place not in set(drop.tolist())]
            tried, value = neighbourhood.exchange(
                neighbourhood.fill(start, drop=[best[each] for each in drop]), deadline
            )
            if value < least:
                best, least = tried, value
        # a high penalty serves all, but drives the search; so it is tried only where the low one left a task out
        if np.isfinite(table[best].min(axis=0, initial=np.inf)).all():
            return _mask(problem, best)
    return None


def greedy(problem: Selection, coefficient: np.ndarray) -> np.ndarray | None:
    """Build by gain per cost until nothing gains; (M,), or ``None`` where a task stays unserved."""
    table = problem.grid(coefficient - coefficient.min())
    top = float(np.ptp(coefficient)) or 1.0
    for penalty in UNSERVED_PENALTIES:
        built = _Neighbourhood(problem, table, penalty * top).fill([])
        if np.isfinite(table[built].min(axis=0, initial=np.inf)).all():
            return _mask(problem, built)
    return None


def _mask(problem: Selection, built: list[int]) -> np.ndarray:
    """(M,) whether each model is among the built ones."""
    result = np.zeros(len(problem.cost), dtype=bool)
    result[built] = True
    return result


class _Neighbourhood:
    """Moves between lists of built models, with a penalty for tasks without any."""

    def __init__(self, problem: Selection, table: np.ndarray, penalty: float) -> None:
        self.problem, self.penalty = problem, penalty
        self.table = np.minimum(table, penalty)
        self.price = np.maximum(problem.cost, LEAST_COST)

    def room(self, built: list[int], without: int | None = None) -> np.ndarray:
        """(M,) which models can be added to the built ones, one of them left out."""
        kept = [model for model in built if model != without]
        cost, counts = self.problem.cost, self.problem.counts
        fits = cost[kept].sum() + cost <= 1
        fits &= counts[kept].sum() + counts <= self.problem.most
        fits[built] = False
        return fits

    def fill(self, built: list[int], drop: Sequence[int] = ()) -> list[int]:
        """Add by gain per cost while anything gains; models of ``drop`` are not taken."""
        built = list(built)
        served = self.table[built].min(axis=0, initial=self.penalty)
        while True:
            fits = self.room(built)
            fits[list(drop)] = False
            gain = np.where(fits, np.maximum(served - self.table, 0).sum(axis=1) / self.price, 0)
            model = int(gain.argmax())
            if gain[model] <= 0:
                return built
            built.append(model)
            served = np.minimum(served, self.table[model])

    def exchange(self, built: list[int], deadline: float) -> tuple[list[int], float]:
        """Add one, or put one in another's place, as long as the best such move gains."""
        built = list(built)
        while True:
            now = self.table[built].min(axis=0, initial=self.penalty).sum()
            # a gain within rounding is none, or two equal choices would be exchanged for ever
            best, move = now * (1 - 1e-9), None
            # one place beyond the last: nothing is taken out, a model is only added
            for place in range(len(built) + 1):
                without = built[place] if place < len(built) else None
                rest = [model for model in built if model != without]
                served = self.table[rest].min(axis=0, initial=self.penalty)
                total = np.where(self.room(built, without), np.minimum(served, self.table).sum(axis=1), np.inf)
                model = int(total.argmin())
                if total[model] < best:
                    best, move = float(total[model]), (place, model)
            if move is None or time.monotonic() > deadline:
                return built, float(now)
            place, model = move
            built[place : place + 1] = [model]
