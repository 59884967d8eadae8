"""In which order tasks join a growing set, and means and bands over several orders."""

from itertools import permutations
from math import factorial

import numpy as np

from budget.errors import AllocationError
from budget.numerics.interval import interval, least_draws
from budget.studies.strategies.specialist_subsets import Subsets

SEQUENCES = ("given", "weight", "greedy")
"""One order: as in the file; the heaviest first; or at each step the task that costs the others least (``greedy``)."""

ORDERS = (*SEQUENCES, "random")
"""The same, or many orders at random."""

RANDOM_ORDERS = 100
"""Random orders where no number is asked for."""

EVERY_SIZE = 64
"""Most tasks of which every set is shown: a row for each task of each set makes a file of K(K + 1)/2 rows."""

FIRST_SIZES = 32
"""Of more tasks the sets shown without a gap; then each is a tenth larger, so that rows grow as the tasks do."""

SIZE_STEP = 1.1
"""Ratio of the numbers of tasks of one shown set and the next."""

TIE_ROUNDING = 1e-12
"""Relative difference of objectives that is rounding of the sum over tasks (1.1e-16 a term); of such ties the task that
stands first in the file joins, so that orders do not hang on the machine."""


def joining_orders(subsets: Subsets, order: str, count: int = RANDOM_ORDERS, seed: int = 0) -> np.ndarray:
    """The orders (O, K) in which K tasks join, as task positions.

    Args:
        subsets: solves the sets of tasks.
        order: one of ``ORDERS``.
        count: random orders; where there are no more than so many orders in all, each of them once.
        seed: of the random orders.

    Raises:
        AllocationError: the order is unknown, or fewer than one is asked for.
    """
    tasks = len(subsets.curves.tasks)
    if order == "given":
        return np.arange(tasks)[None]
    if order == "weight":
        return np.argsort(-subsets.spec.tasks.weight, kind="stable")[None]
    if order == "greedy":
        return greedy_order(subsets)[None]
    if order != "random":
        raise AllocationError(f"Order '{order}' is unknown; choose {', '.join(ORDERS)}.")
    if count < 1:
        raise AllocationError(f"{count} orders cannot be compared; ask for at least one with --orders.")
    if are_all(tasks, count):
        return np.array(list(permutations(range(tasks))))
    by_name = np.argsort(subsets.curves.tasks)  # the same orders of the tasks wherever they stand in the file
    return np.random.default_rng(seed).permuted(np.tile(by_name, (count, 1)), axis=1)


def shown_sizes(tasks: int, *, every: bool = False) -> list[int]:
    """The numbers of tasks whose sets have a plan and rows of their own.

    Args:
        tasks: all there are.
        every: whether each number is asked for, however many there are.

    >>> shown_sizes(100)[29:]
    [30, 31, 32, 35, 39, 43, 47, 52, 57, 62, 69, 75, 83, 91, 100]
    """
    if every or tasks <= EVERY_SIZE:
        return list(range(1, tasks + 1))
    steps = int(np.log(tasks / FIRST_SIZES) / np.log(SIZE_STEP))
    spaced = [round(FIRST_SIZES * SIZE_STEP**step) for step in range(1, steps + 1)]
    return sorted({*range(1, FIRST_SIZES + 1), *spaced, tasks})


def are_all(tasks: int, count: int) -> bool:
    """Whether there are no more than so many orders of the tasks."""
    return tasks <= 20 and factorial(tasks) <= count


def greedy_order(subsets: Subsets) -> np.ndarray:
    """The order (K,) in which at each step that task joins with which the set does best.

    Best is the set that has the most of its stated targets met under its best split for the mean; of these, the one
    with the best weighted mean; of these, the one whose new task stands first in the file. It is a myopic rule: no
    later step is looked at.
    """
    rest, chosen = list(range(len(subsets.curves.tasks))), np.empty(0, dtype=int)
    while rest:
        # all candidates of a step are one batch
        sets = np.column_stack([np.tile(chosen, (len(rest), 1)), rest])
        split = subsets.of(sets)
        # targets first, then the mean: a set that keeps its targets is not traded for a lower loss
        met, objective = np.nansum(subsets.met(split), axis=1), subsets.objective(split)
        objective = np.where(met == met.max(), objective, np.inf)
        least = objective.min()
        joins = int(np.flatnonzero(objective <= least + TIE_ROUNDING * abs(least))[0])
        chosen = sets[joins]
        del rest[joins]
    return chosen


def mean_and_band(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and 80 % band of each column of samples (O, T), those that are NaN left out; NaN where all are.

    Of fewer orders than an interval takes the band is all of them, from the least to the greatest.
    """
    # a task is in some orders' first k and not in others': only those that have it count
    count = (~np.isnan(samples)).sum(axis=0)
    low, high = interval(samples)
    few = (count > 0) & (count < least_draws())
    mean, some = np.full(samples.shape[1], np.nan), samples[:, count > 0]
    least = np.nanmin(some, axis=0)
    mean[count > 0] = least + np.nanmean(some - least, axis=0)  # of equal numbers the mean is that number
    low[few], high[few] = np.nanmin(samples[:, few], axis=0), np.nanmax(samples[:, few], axis=0)
    return mean, low, high
