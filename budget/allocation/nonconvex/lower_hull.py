"""Choices of every task, their lower convex hulls, and the budget filled along the hulls' slopes.

Choices lie flat, ordered by task, then spend, so that thousands of tasks with grids of different lengths are one array.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Choices:
    """R choices of V tasks, ordered by task, then by spend, no spend twice in a task, at least one for each task.

    Attributes:
        task: (R,) position of the task, rising from 0 to V − 1.
        spend: (R,) what the choice costs.
        value: (R,) what it brings; smaller is better.
    """

    task: np.ndarray
    spend: np.ndarray
    value: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """(V,) position of each task's first choice."""
        return np.flatnonzero(np.diff(self.task, prepend=-1))

    def take(self, rows: np.ndarray) -> "Choices":
        """The choices at some rows, given as a mask or as rising positions."""
        return Choices(self.task[rows], self.spend[rows], self.value[rows])

    def least(self, price: float) -> np.ndarray:
        """(V,) each task's ``min value + price·spend``."""
        return np.minimum.reduceat(self.value + price * self.spend, self.first)


@dataclass(frozen=True)
class HullSplit:
    """The solution of the linear program over the hulls.

    Attributes:
        price: fall of the objective per unit of budget, 0 where no more spend helps.
        spend: (V,) the hull vertices taken.
        split: the one task that the budget leaves between two vertices, or −1.
        upper: the vertex above it.
        left: what the vertices leave of the budget.
    """

    price: float
    spend: np.ndarray
    split: int
    upper: float
    left: float

    @property
    def blended(self) -> np.ndarray:
        """(V,) the spends with the split task given what is left."""
        spend = self.spend.copy()
        if self.split >= 0:
            spend[self.split] += self.left
        return spend


def tidy(task: np.ndarray, spend: np.ndarray, value: np.ndarray) -> Choices:
    """Choices in order; of equal spends the best value is kept. What is in order already costs no sort."""
    step, move = np.diff(task), np.diff(spend)
    if not ((step > 0) | ((step == 0) & (move >= 0))).all():
        order = np.lexsort((spend, task))
        task, spend, value = task[order], spend[order], value[order]
        step, move = np.diff(task), np.diff(spend)
    new = np.flatnonzero(np.append(True, (step > 0) | (move > 0))[: len(task)])
    if len(new) == len(task):
        return Choices(task, spend, value)
    return Choices(task[new], spend[new], np.minimum.reduceat(value, new))


def lower_hull(choices: Choices) -> Choices:
    """The vertices of each task's lower convex hull.

    The first edge is the steepest descent from the first choice. Then every pass removes all points on or above the
    line through their present neighbours: neighbours are choices themselves, so no vertex is lost, and what remains
    when nothing more is removed is convex. Tasks in which a pass removes nothing are left alone by the next.
    """
    # S-shaped values have a long first edge, above which a pass at a time would remove point after point
    alive = _outside_first_edge(choices)
    rows = np.flatnonzero(alive)
    changed = np.zeros(int(choices.task[-1]) + 1, dtype=bool)
    while len(rows) > 2:
        task = choices.task[rows]
        width = np.diff(choices.spend[rows])
        slope = np.zeros(len(width))
        np.divide(np.diff(choices.value[rows]), width, out=slope, where=width > 0)  # it is not from task to task
        above = np.zeros(len(rows), dtype=bool)
        # a point is on or above the line of its neighbours where the slope does not rise through it; ends of a task
        # stay
        above[1:-1] = (task[:-2] == task[2:]) & (slope[:-1] >= slope[1:])
        if not above.any():
            break
        alive[rows[above]] = False
        changed[:] = False
        changed[task[above]] = True
        # a task in which nothing was removed is convex and stays so: most are settled in the first passes
        rows = rows[~above & changed[task]]
    return choices.take(alive)


def _outside_first_edge(choices: Choices) -> np.ndarray:
    """Which choices are not between each task's first one and the one that the steepest line from it leads to."""
    first = choices.first
    length = np.diff(first, append=len(choices.task))
    origin = np.repeat(first, length)
    width = choices.spend - choices.spend[origin]
    slope = np.full(len(width), np.inf)
    np.divide(choices.value - choices.value[origin], width, out=slope, where=width > 0)
    steepest = slope == np.repeat(np.minimum.reduceat(slope, first), length)
    row = np.arange(len(width))
    # of equally steep points the last, or the first edge would be two edges on one line
    tangent = np.maximum.reduceat(np.where(steepest, row, -1), first)
    return (row == origin) | (row >= np.repeat(tangent, length))


def fill_along_hull(hull: Choices, budget: float) -> HullSplit:
    """Spend a budget along the hulls, steepest first: the linear program over all mixtures of a task's choices.

    Args:
        hull: what ``lower_hull`` returned.
        budget: at least the sum of the tasks' first spends, up to rounding.
    """
    # with convex hulls the greedy order of slopes solves the linear program, so that no solver is needed (Dantzig
    # 1957's rule for the knapsack, carried to hulls by Sinha & Zoltners 1979)
    width, drop = np.diff(hull.spend), -np.diff(hull.value)
    segment = np.flatnonzero((np.diff(hull.task) == 0) & (drop > 0))
    slope = drop[segment] / width[segment]
    # stable, so that ties are taken in the order of tasks and a plan does not hang on the sort
    segment = segment[np.argsort(-slope, kind="stable")]
    start = hull.first
    used = hull.spend[start].sum() + np.cumsum(width[segment])
    taken = int(np.searchsorted(used, budget, side="right"))
    # slopes of one task fall along its hull, so its taken segments are its first ones: their number is the vertex
    level = start + np.bincount(hull.task[segment[:taken]], minlength=len(start))
    spend = hull.spend[level]
    if taken == len(segment):
        return HullSplit(0.0, spend, -1, np.nan, budget - spend.sum())
    split = segment[taken]
    left = float(np.clip(budget - spend.sum(), 0.0, width[split]))
    return HullSplit(
        float(drop[split] / width[split]), spend, int(hull.task[split]), float(hull.spend[split + 1]), left
    )
