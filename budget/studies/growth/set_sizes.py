"""What each size of the set reaches: the mean, the worst task, targets and shares, over one order or many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from budget.numerics.interval import interval
from budget.studies.growth.task_orders import mean_and_band
from budget.studies.strategies.specialist_subsets import Splits, Subsets


@dataclass(frozen=True)
class SetSizes:
    """Sets of several numbers of tasks at one budget; every array has shape (S,), one for each number.

    With one order, ``low`` and ``high`` are the 80 % interval over the draws of the plan that the point fit makes. With
    many, values are means over the orders and ``low`` and ``high`` the 80 % band of the orders.

    Attributes:
        n_tasks: the numbers of tasks, the last being all K.
        objective: weighted mean value, in the reader's direction.
        objective_low: its lower end.
        objective_high: its upper end.
        worst: value of the worst task.
        worst_low: its lower end.
        worst_high: its upper end.
        targets_met: tasks at their target; NaN where none is stated.
        targets_met_low: its lower end.
        targets_met_high: its upper end.
        mean_spend: what a task is given on average: the budget over the number of tasks, unless maxima leave some. A
            task of a shared model has the part of it that its tokens are of all tokens.
        largest_share: of what is spent, the largest task's part.
        smallest_share: the smallest task's part.
    """

    n_tasks: np.ndarray
    objective: np.ndarray
    objective_low: np.ndarray
    objective_high: np.ndarray
    worst: np.ndarray
    worst_low: np.ndarray
    worst_high: np.ndarray
    targets_met: np.ndarray
    targets_met_low: np.ndarray
    targets_met_high: np.ndarray
    mean_spend: np.ndarray
    largest_share: np.ndarray
    smallest_share: np.ndarray

    def table(self) -> pd.DataFrame:
        """One row for each number of tasks."""
        return pd.DataFrame(vars(self))


@dataclass(frozen=True)
class Spread:
    """Each of T tasks over many orders, by the size of the set; every array has shape (S, T), NaN where it is in none.

    Attributes:
        n_tasks: (S,) the numbers of tasks of the sets.
        names: (T,) the tasks.
        orders: how many orders have the task among their first k.
        spend: mean over these orders.
        spend_low: 10 % point over them.
        spend_high: 90 % point.
        predicted: mean value, in the task's own metric.
        low: 10 % point.
        high: 90 % point.
        target_met: share of these orders in which the target is met.
        basis: what the means are over, in words.
    """

    n_tasks: np.ndarray
    names: tuple[str, ...]
    orders: np.ndarray
    spend: np.ndarray
    spend_low: np.ndarray
    spend_high: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    target_met: np.ndarray
    basis: str

    def table(self, strategy: str) -> pd.DataFrame:
        """Rows of ``growth.csv``; sizes at which no order has the task are not in it."""
        size, task = np.nonzero(self.orders)
        return pd.DataFrame(
            {
                "order": "random",
                "n_tasks": self.n_tasks[size],
                "task": [self.names[i] for i in task],
                "strategy": strategy,
                **{
                    name: getattr(self, name)[size, task]
                    for name in ("spend", "predicted", "low", "high", "target_met", "spend_low", "spend_high", "orders")
                },
                "basis": self.basis,
            }
        )


def set_sizes(
    subsets: Subsets,
    orders: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
    sizes: Sequence[int] | None = None,
) -> SetSizes:
    """Follow orders (O, K) from one task to all.

    Args:
        subsets: solves the sets.
        orders: task positions in joining order.
        progress: called with (the size that is done, K).
        sizes: the numbers of tasks that are told of, rising to K; each of them by default.
    """
    rows, sizes = [], range(1, orders.shape[1] + 1) if sizes is None else sizes
    for size in sizes:
        split = subsets.of(orders[:, :size])
        rows.append([*_values(subsets, split), *_shares(subsets.taken(split))])
        if progress is not None:
            progress(size, orders.shape[1])
    return SetSizes(np.array(sizes), *np.array(rows).T)


def spread_of(subsets: Subsets, orders: np.ndarray, basis: str, sizes: Sequence[int] | None = None) -> Spread:
    """Each task's spend and value over orders (O, K), for some numbers of tasks or for each (see ``set_sizes``)."""
    curves = subsets.curves
    count, tasks = orders.shape
    rows, sizes = [], range(1, tasks + 1) if sizes is None else sizes
    for size in sizes:
        split = subsets.of(orders[:, :size])
        spend, value, met = (np.full((count, tasks), np.nan) for _ in range(3))
        row = np.arange(count)[:, None]
        spend[row, split.members] = split.spend
        value[row, split.members] = curves.present(split.members, split.distance)
        met[row, split.members] = subsets.met(split)
        rows.append(
            [(~np.isnan(spend)).sum(axis=0), *mean_and_band(spend), *mean_and_band(value), mean_and_band(met)[0]]
        )
    there, *cells = np.array(rows).swapaxes(0, 1)
    columns = ("spend", "spend_low", "spend_high", "predicted", "low", "high", "target_met")
    return Spread(
        n_tasks=np.array(sizes),
        names=curves.tasks,
        orders=there.astype(int),
        basis=basis,
        **dict(zip(columns, cells, strict=True)),
    )


def _values(subsets: Subsets, split: Splits) -> list[float]:
    """Objective, worst value and targets met, each with its ends."""
    sign = subsets.spec.measure.sign
    measure = subsets.measure(split)
    points = [sign * subsets.objective(split), sign * measure.max(axis=1), _counted(subsets.met(split))]
    # over many orders the band is theirs: draws would be a second axis, and their spread is another question
    if len(split.members) > 1:
        return [float(end) for samples in points for end in _over_orders(samples)]
    # one order: its plan is fixed, and each draw says what it reaches
    _, distance = next(subsets.in_draws(split))
    task = split.members[0]
    scenarios = subsets.spec.measure.of_draws(task, distance)
    samples = [
        sign * subsets.weighted(split, scenarios[:, None, :])[:, 0],
        sign * scenarios.max(axis=1),
        _counted(subsets.reached(task, distance)),
    ]
    ends = [(point[0], *interval(each)) for each, point in zip(samples, points, strict=True)]
    return [float(end) for three in ends for end in three]


def _over_orders(samples: np.ndarray) -> list[float]:
    """Mean and band of one number of each order (O,), orders without it left out."""
    return [float(each[0]) for each in mean_and_band(samples[:, None])]


def _counted(met: np.ndarray) -> np.ndarray:
    """(…,) tasks at their target; NaN where none is stated."""
    return np.where(np.isfinite(met).any(axis=-1), np.nansum(met, axis=-1), np.nan)


def _shares(spend: np.ndarray) -> list[float]:
    """Mean spend, largest and smallest share of what tasks have (O, k), on average over the orders."""
    total = spend.sum(axis=1)
    return [
        float(total.mean() / spend.shape[1]),
        float((spend.max(axis=1) / total).mean()),
        float((spend.min(axis=1) / total).mean()),
    ]
