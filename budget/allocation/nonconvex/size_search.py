"""The best size of a model at a spend by predictions, which are no convex curves.

See docs/decisions/169-levels-are-decided-by-predictions.md.
"""

from collections.abc import Callable

import numpy as np

from budget.allocation.convex.best_size import largest_size, last_input, within_ends
from budget.curves.planning_forms.posynomial import Posynomial

CELLS = 16
"""Intervals of sizes into which each round of the search for a model's size divides what is open."""

ROUNDS = 3
"""Rounds of that search: after these an interval's bound is above what its ends reach by more than they differ."""

BETWEEN = 7
"""Sizes that are looked at between the neighbours of the best one, which a round brings four times closer."""

CLOSER = 8
"""Rounds of that: the last sizes are some millionth apart, also where several tasks' values meet in a kink."""

Worth = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(rows (R,), log inputs (R, 2)) → what is made small (R,); falling with both inputs."""


def best_sizes(cost: Posynomial, log_spend: np.ndarray, worth: Worth) -> tuple[np.ndarray, np.ndarray]:
    """What V models reach with sizes that are the best at their spends (V,), and their log inputs (V, 2).

    An interval of sizes holds nothing better than its largest size with the tokens that its smallest leaves: what
    cannot beat the best that was seen is closed, where ``worth`` falls with both inputs. Such a bound comes closer in
    step with the interval, and values near the best one twice as fast, so that soon nothing more is closed: the rest is
    looked for about the best size that was seen.

    Args:
        cost: V costs over two inputs, with a domain.
        log_spend: (V,) each pays for the smallest model.
        worth: of models by their positions.
    """
    count = len(log_spend)
    left, right = smallest, largest = _ends(cost, log_spend)
    value, u = np.full(count, np.inf), np.zeros((count, 2))
    every, some = np.repeat(np.arange(count), CELLS + 1), np.arange(count)
    costs, logs = cost.take(every), log_spend[every]
    asked = np.repeat(some, 2 * CELLS + 1)
    for _ in range(ROUNDS):
        edges = np.linspace(left, right, CELLS + 1, axis=1)
        there = within_ends(costs, last_input(costs, edges.reshape(-1, 1), logs)).reshape(count, CELLS + 1, 2)
        hopeful = np.stack([edges[:, 1:], there[:, :-1, 1]], axis=2)
        both = np.concatenate([there, hopeful], axis=1).reshape(-1, 2)
        found = worth(asked, both).reshape(count, -1)
        reached, bound = found[:, : CELLS + 1], found[:, CELLS + 1 :]
        at = reached.argmin(axis=1)
        better = reached[some, at] < value
        value = np.where(better, reached[some, at], value)
        u = np.where(better[:, None], there[some, at], u)
        open_ = bound < value[:, None]
        first, last = open_.argmax(axis=1), CELLS - open_[:, ::-1].argmax(axis=1)
        none = ~open_.any(axis=1)
        if none.all():
            break
        left = np.where(none, edges[some, at], edges[some, first])
        right = np.where(none, edges[some, at], edges[some, last])
    best, half = u[:, 0], (edges[:, 1] - edges[:, 0])[:, None]
    costs, logs = cost.take(np.repeat(some, BETWEEN)), np.repeat(log_spend, BETWEEN)
    asked, part = np.repeat(some, BETWEEN), np.linspace(-1.0, 1.0, BETWEEN + 2)[1:-1]
    for _ in range(CLOSER):
        sizes = np.clip(best[:, None] + half * part, smallest[:, None], largest[:, None])
        there = within_ends(costs, last_input(costs, sizes.reshape(-1, 1), logs))
        found = worth(asked, there).reshape(count, BETWEEN)
        there, at = there.reshape(count, BETWEEN, 2), found.argmin(axis=1)
        better = found[some, at] < value
        value = np.where(better, found[some, at], value)
        u = np.where(better[:, None], there[some, at], u)
        best, half = u[:, 0], half * part[BETWEEN // 2 + 1]
    return value, u


def _ends(cost: Posynomial, log_spend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log params (V,) of the smallest and of the largest models that spends (V,) pay for."""
    assert cost.domain is not None
    left = cost.domain[:, 0].copy()
    right = np.maximum(largest_size(cost, log_spend), left)
    if cost.ceiling is not None:
        right = np.clip(right, left, np.maximum(cost.ceiling[:, 0], left))
    return left, right
