"""A split of the budget averaged over assignments of curves to tasks (Wolpert & Macready 1997)."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from budget.allocation.nonconvex.responses import Responses

MAX_ENUMERATED_TASKS = 7
"""Most tasks of which all assignments are looked at: 7! = 5,040."""


@dataclass(frozen=True)
class Averaging:
    """One split averaged over assignments of curves to tasks, against the mean curve.

    Attributes:
        averaged: mean over the assignments looked at.
        expected: ``Σ_i F̄(x_i) / T``.
        error: Monte Carlo standard error of ``averaged``; 0 where every assignment was looked at.
        assignments: how many were looked at.
    """

    averaged: float
    expected: float
    error: float
    assignments: int


def values_anywhere(curves: Responses, spend: np.ndarray) -> np.ndarray:
    """(T, T) value of each curve (rows) at each slot's spend (columns), unserved where that is 0."""
    count = len(spend)
    served = np.flatnonzero(spend > 0)
    values = np.repeat(curves.unserved[:, None], count, axis=1)
    at = curves(np.repeat(np.arange(count), len(served)), np.tile(spend[served], count))
    values[:, served] = at.reshape(count, -1)
    return values


def average(values: np.ndarray, samples: int, seed: int) -> Averaging:
    """Average a split over assignments: all of them for few tasks, else a seeded sample.

    Args:
        values: (T, T) value of each curve (rows) in each slot (columns); with an infinite one, so is the mean.
        samples: assignments drawn for many tasks.
        seed: of these draws.
    """
    count = len(values)
    expected = float(values.mean())
    if count <= MAX_ENUMERATED_TASKS:
        # all of them while they are few: then the mean is exact, and its error 0
        assigned = np.array(list(permutations(range(count))))
    else:
        assigned = np.random.default_rng(seed).permuted(np.tile(np.arange(count), (samples, 1)), axis=1)
    if not np.isfinite(expected):
        return Averaging(expected, expected, 0.0, 0)
    means = values[assigned, np.arange(count)].mean(axis=1)
    error = 0.0 if count <= MAX_ENUMERATED_TASKS else float(means.std(ddof=1) / np.sqrt(samples))
    return Averaging(float(means.mean()), expected, error, len(assigned))
