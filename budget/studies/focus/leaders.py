"""Who leads on a set at a budget, by all runs of a file together; also on sets that nobody measured, marked so.

Curves of one strategy on one set need runs enough of that set and strategy. Here a few runs of it are enough, or none:
what they leave open, other sets tell (``sharing_effects``). Every model has the best of the measured sizes by the mean,
each of K tasks a Kth of the compute, and every draw judges. A winner of less than ``STATED_SHARE`` of the draws is
undecided.

See docs/decisions/141-who-leads-by-all-runs.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from budget.errors import AllocationError
from budget.numerics.interval import interval
from budget.numerics.quoting import listed
from budget.numerics.strict_json import json_value
from budget.studies.focus.sharing_effects import Measured, Served, predict_served
from budget.tables.strategy_runs import SPECIALIST

STATED_SHARE = 0.8
"""Share of the draws from which a winner is named."""

UNDECIDED = "undecided"

SIZES = 9
"""Sizes that are compared, over the measured ones."""

DRAWS = 200

FARTHEST = 10.0
"""How far from the measured compute of a task a leader is named."""


@dataclass(frozen=True)
class Leader:
    """Strategies on one set at one budget.

    Attributes:
        tasks: the set.
        budget: FLOPs in all.
        measured: whether some shared model of the set was measured; else it is predicted from other sets.
        strategies: (S,) names, specialists first.
        share: (S,) share of the draws in which each is best.
        advantage: of specialists over the best shared strategy: the mean over tasks of ln distance of that less
            that of specialists, positive where specialists lead.
        low: its 10 % point.
        high: its 90 % point.
    """

    tasks: tuple[str, ...]
    budget: float
    measured: bool
    strategies: tuple[str, ...]
    share: np.ndarray
    advantage: float
    low: float
    high: float

    @property
    def winner(self) -> str:
        """The strategy that most draws have best, or ``UNDECIDED``."""
        first = int(self.share.argmax())
        return self.strategies[first] if self.share[first] >= STATED_SHARE else UNDECIDED

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {name: json_value(each) for name, each in vars(self).items()} | {"winner": self.winner}


def leaders(
    measured: Measured, sets: Sequence[tuple[str, ...]], budgets: np.ndarray, seed: int = 0
) -> tuple[Leader, ...]:
    """Compare specialists and every shared strategy on sets of tasks.

    Args:
        measured: runs of all strategies.
        sets: of two tasks and more, each measured alone; on one that was measured together the strategies that were are
            compared, on others all.
        budgets: (Q,) FLOPs in all, or the file's one scale.
        seed: of the draws.

    Returns:
        One for each set and budget within ``reach``.

    Raises:
        AllocationError: a task of a set was never measured alone, or a set has fewer than two.
    """
    there = measured.served
    alone = {str(task) for task, name in zip(there.task, there.strategy, strict=True) if name == SPECIALIST[0]}
    together: dict[frozenset[str], dict[str, None]] = {}
    for members, strategy in zip(there.members, there.strategy, strict=True):
        if strategy != SPECIALIST[0]:
            together.setdefault(frozenset(members), {})[str(strategy)] = None
    every = tuple(dict.fromkeys(name for names in together.values() for name in names))
    sizes = np.linspace(there.size.min(), there.size.max(), SIZES) if np.ptp(there.size) > 0 else there.size[:1]
    questions = []
    for names in sets:
        missing = [name for name in names if name not in alone]
        if missing or len(set(names)) < 2:
            raise AllocationError(
                f"A set of tasks to predict has two tasks or more that were measured alone; "
                f"{listed(missing, 4) if missing else names[0]} is not such a one."
            )
        own = tuple(together.get(frozenset(names), every))
        questions += [(names, float(budget), own) for budget in budgets if reach(measured, len(names), float(budget))]
    if not questions or not every:
        return ()
    rows = [_rows(names, budget, (SPECIALIST[0], *own), sizes) for names, budget, own in questions]
    mean, draws = predict_served(measured, rows[0].joined(*rows[1:]), DRAWS, seed)
    found, first = [], 0
    for (names, budget, own), part in zip(questions, rows, strict=True):
        shape = (1 + len(own), len(sizes), len(names))
        here = slice(first, first + len(part))
        found.append(
            _leader(names, budget, frozenset(names) in together, own, mean[here].reshape(shape),
                    draws[:, here].reshape(-1, *shape))
        )  # fmt: skip
        first += len(part)
    return tuple(found)


def reach(measured: Measured, count: int, budget: float) -> bool:
    """Whether a Kth of a budget lies within ``FARTHEST`` of what measured models spent on a task."""
    cost = measured.served.size + measured.served.tokens
    each, far = np.log(budget / count), np.log(FARTHEST)
    return bool(cost.min() - far <= each <= cost.max() + far)


def _rows(names: tuple[str, ...], budget: float, strategies: tuple[str, ...], sizes: np.ndarray) -> Served:
    """Every strategy at every size on every task, at a Kth of the budget each."""
    shape = (len(strategies), len(sizes), len(names))
    size = np.broadcast_to(sizes[None, :, None], shape).ravel()
    task = np.broadcast_to(np.array(names)[None, None, :], shape).ravel()
    strategy = np.broadcast_to(np.array(strategies)[:, None, None], shape).ravel()
    members = tuple(
        (str(one),) if by == SPECIALIST[0] else tuple(names) for one, by in zip(task, strategy, strict=True)
    )
    return Served(task, strategy, members, size, np.log(budget / len(names)) - size)


def _leader(
    names: tuple[str, ...], budget: float, measured: bool, own: tuple[str, ...], mean: np.ndarray, draws: np.ndarray
) -> Leader:
    """Of means (S, Z, K) over strategies, sizes and tasks, and draws (B, S, Z, K)."""
    strategies, every = np.arange(mean.shape[0]), np.arange(len(names))
    shared = mean.mean(axis=2).argmin(axis=1)  # one size for all tasks of a model
    place = np.repeat(shared[:, None], len(names), axis=1)
    place[0] = mean[0].argmin(axis=0)  # specialists have each their own
    chosen = (strategies[:, None], place, every[None, :])
    value = draws[(slice(None), *chosen)].mean(axis=2)
    best = 1 + int(mean[chosen].mean(axis=1)[1:].argmin())
    ahead = value[:, best] - value[:, 0]
    low, high = (float(end) for end in interval(ahead))
    share = np.bincount(value.argmin(axis=1), minlength=len(strategies)) / len(value)
    point = float(mean[chosen].mean(axis=1)[best] - mean[chosen].mean(axis=1)[0])
    return Leader(names, budget, measured, (SPECIALIST[0], *own), share, point, low, high)
