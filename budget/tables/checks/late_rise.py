"""Whether only a task's largest runs get better: a jump that ranks cannot see, which do not say how far one is off.

See docs/decisions/178-only-the-largest-runs-rise.md.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from budget.tables.runs import Runs

SHIFT_LEVEL = 0.001
"""One-sided level of this test over all groups of largest runs together; with the rank tests' it is 1 %."""

MOST_LARGEST = 3
"""Largest runs that may stand alone: where more do, ranks see it."""

SHARE_LARGEST = 4
"""One run in so many may count among the largest; the others must show what scatter is."""


@dataclass(frozen=True)
class LateRise:
    """A task's largest runs, better than all others.

    Attributes:
        largest: their number.
        scale: the scale by which they are the largest.
        others: how many other runs there are.
        p: p-value that the others scatter so far, over all groups that were looked at.
        reached: mean value of the largest runs.
        low: least mean value of another run.
        high: largest of them.
    """

    largest: int
    scale: str
    others: int
    p: float
    reached: float
    low: float
    high: float


def late_rise(runs: Runs, task: int) -> LateRise | None:
    """The group of one to three largest runs that stands out most, ``None`` where none does.

    The k largest of n runs by a scale, each of which is better than all others, are compared with these by a one-sided
    t test of two means with one variance, taken from the others alone (n − k − 1 degrees of freedom): what the largest
    do must not count as scatter. Bonferroni over the distinct groups, by any scale. Runs count by the means of their
    rows, since rows of one run are not independent.
    """
    mine = runs.rows_of(task)
    _, run = np.unique(runs.run[mine], return_inverse=True)
    rows = np.bincount(run)
    # better is more, whichever way the metric goes
    sign = 1.0 if runs.higher_is_better[task] else -1.0
    better = sign * np.bincount(run, runs.value[mine]) / rows
    groups: dict[tuple[int, ...], str] = {}
    for name in sorted(runs.scale, key=lambda name: name != "flops"):
        size = np.bincount(run, np.log(runs.scale[name][mine])) / rows
        order = np.argsort(-size, kind="stable")
        for count in range(1, min(MOST_LARGEST, len(rows) // SHARE_LARGEST) + 1):
            # runs of one size are in together or not at all
            if size[order[count - 1]] > size[order[count]] + 1e-9:
                groups.setdefault(tuple(sorted(order[:count].tolist())), name)
    found = None
    for group, name in groups.items():
        p = min(1.0, len(groups) * _p_value(better, np.array(group)))
        if p <= SHIFT_LEVEL and (found is None or p < found.p):
            others = sign * np.delete(better, group)
            reached = sign * float(better[list(group)].mean())
            found = LateRise(len(group), name, len(others), p, reached, float(others.min()), float(others.max()))
    return found


def _p_value(better: np.ndarray, group: np.ndarray) -> float:
    """That runs which scatter as the others do are so much better in a group; 1 where it does not stand alone."""
    large, others = better[group], np.delete(better, group)
    if large.min() <= others.max():
        return 1.0
    spare = len(others) - 1
    error = others.std(ddof=1) * np.sqrt(1 / len(large) + 1 / len(others))
    # others that are all the same show no scatter to compare with: any step is a jump
    return float(stdtr(spare, -(large.mean() - others.mean()) / error)) if error > 0 else 0.0
