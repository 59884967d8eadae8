"""Responses that the tests of the separable planner share."""

import numpy as np

from budget.allocation.nonconvex.responses import Responses


def s_curves(count: int, seed: int, *, share: float = 0.3, unit: float = 1.0, scale: float = 1.0) -> Responses:
    """Sigmoids in the logarithm of spend, from the weight down to a best value."""
    random = np.random.default_rng(seed)
    middle, slope = unit * 10 ** random.uniform(-1.5, 1.5, count), random.uniform(0.5, 4, count)
    weight, best = scale * 10 ** random.uniform(-0.5, 0.5, count), random.uniform(0.0, 0.3, count)

    def value(task, spend):
        return weight[task] * (1 - (1 - best[task]) / (1 + (spend / middle[task]) ** -slope[task]))

    budget = share * float(middle.sum())
    return Responses(value, np.zeros(count), np.full(count, budget), budget, weight.copy())


def mixed(count: int, seed: int, *, must: bool = False) -> Responses:
    """S-curves, steps, menus (the least of two power laws) and jumps, in turn, with limits."""
    random = np.random.default_rng(seed)
    middle, slope, weight = 10 ** random.uniform(-1, 1, (3, count))
    low = np.where(random.random(count) < 0.5, 0.0, middle * 0.05)

    def value(task, spend):
        ratio = spend / middle[task]
        kinds = np.stack(
            [
                1 / (1 + ratio ** slope[task]),
                1.0 - (ratio >= 1) * 0.6 - (ratio >= 2) * 0.3,
                np.minimum(1 / (1 + ratio), 0.1 + 0.9 / (1 + (ratio / 20) ** 2)),
                0.5 / (1 + ratio) ** 0.3,
            ]
        )
        return weight[task] * kinds[task % 4, np.arange(len(task))]

    high = np.maximum(middle * random.uniform(0.5, 10, count), low)
    budget = float(random.uniform(0.2, 1.2) * middle.sum() + low.sum())
    unserved = np.where(must | (random.random(count) < 0.2), np.nan, weight)
    return Responses(value, low, high, budget, unserved)


def of_tables(tables: np.ndarray) -> Responses:
    """Values that change at whole units of spend only; the first column is the unserved value."""
    most = tables.shape[1] - 1

    def value(task, spend):
        return tables[task, np.minimum(np.floor(spend), most).astype(int)]

    count = len(tables)
    return Responses(value, np.zeros(count), np.full(count, float(most)), float(most), tables[:, 0])


def power_laws(weight, coefficient, exponent, budget, low=None, high=None) -> Responses:
    """``w·A·x^-a``, which must be served."""
    count = len(weight)

    def value(task, spend):
        return weight[task] * coefficient[task] * spend ** -exponent[task]

    return Responses(
        value,
        np.zeros(count) if low is None else low,
        np.full(count, budget) if high is None else high,
        budget,
        np.full(count, np.nan),
    )
