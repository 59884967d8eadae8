"""The advantage of specialists by the number of tasks: means of the sets that happen to be measured, no law.

See docs/decisions/139-breadth-by-relatedness.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.numerics.interval import interval


@dataclass(frozen=True)
class BreadthMeans:
    """The advantage of specialists over the best shared model by number of tasks, at one budget.

    Attributes:
        budget: in all.
        counts: (J,) numbers of tasks that were measured.
        sets: (J,) how many sets of each.
        advantage: (J,) mean over the sets of (shared − specialists) / |specialists|; positive where specialists win.
        low: (J,) 10 % point over sets, drawn again with replacement, and draws; of one set over draws alone.
        high: (J,) 90 % point.
    """

    budget: float
    counts: np.ndarray
    sets: np.ndarray
    advantage: np.ndarray
    low: np.ndarray
    high: np.ndarray


def by_breadth(
    budget: float, counts: Sequence[int], points: Sequence[float], scenarios: Sequence[np.ndarray], seed: int = 0
) -> BreadthMeans:
    """Gather sets by their number of tasks.

    Args:
        budget: in all.
        counts: number of tasks of each set.
        points: relative advantage of specialists on each set, by the point fit.
        scenarios: (B,) the same in each draw.
        seed: of the sets that are drawn again, one lot a draw.
    """
    numbers, point, random = np.array(counts), np.array(points), np.random.default_rng(seed)
    kinds = np.unique(numbers)
    means, ends = [], []
    for kind in kinds:
        mine = np.flatnonzero(numbers == kind)
        means.append(point[mine].mean())
        drawn = np.array([scenarios[int(place)] for place in mine])
        again = random.integers(len(mine), size=drawn.shape)
        ends.append(interval(np.take_along_axis(drawn, again, axis=0).mean(axis=0)))
    low, high = np.array(ends).T
    sets = np.array([(numbers == kind).sum() for kind in kinds])
    return BreadthMeans(budget, kinds, sets, np.array(means), low, high)
