"""The best split by trying all, written without the package."""

import itertools

import numpy as np


def by_units(tables: np.ndarray) -> float:
    """Least ``Σ_v tables[v, n_v]`` with ``Σ n ≤`` the last column: a dynamic programme over whole units."""
    best = tables[0]
    for table in tables[1:]:
        best = np.array([(best[: units + 1] + table[units::-1]).min() for units in range(len(best))])
    return float(np.minimum.accumulate(best)[-1])


def by_subsets(cost: np.ndarray, gain: np.ndarray, budget: float, wanted: float) -> tuple[float, float]:
    """Over all subsets: the greatest gain within a budget, and the least cost of a gain of at least ``wanted``."""
    most, least = 0.0, np.inf
    for size in range(len(cost) + 1):
        for subset in itertools.combinations(range(len(cost)), size):
            price, weight = cost[list(subset)].sum(), gain[list(subset)].sum()
            if price <= budget * (1 + 1e-12):
                most = max(most, float(weight))
            if weight >= wanted * (1 - 1e-12):
                least = min(least, float(price))
    return most, least


def by_grid(value, budget: float, count: int, points: int) -> float:
    """Least objective of two or three tasks over a grid of shares that use the whole budget."""
    share = np.linspace(0.0, 1.0, points)
    if count == 2:
        plans = np.column_stack([share, 1 - share])
    else:
        first, second = (axis.ravel() for axis in np.meshgrid(share, share))
        plans = np.column_stack([first, second, 1 - first - second])
        plans = plans[plans[:, 2] >= 0]
    return float(sum(value(np.full(len(plans), task), plans[:, task] * budget) for task in range(count)).min())
