"""The worst value, then the next one, is as good as any split makes it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.allocation.nonconvex.best_levels import best_levels
from budget.errors import InfeasibleError


def falling(floor: np.ndarray, height: np.ndarray, power: np.ndarray, flat: np.ndarray):
    """Values that stay at their height until some spend, and fall from there on."""

    def value(task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        fall = np.minimum((flat[task] / spend) ** power[task], 1.0)
        return floor[task] + height[task] * fall

    return value


def test_a_task_at_its_best_leaves_the_rest_to_the_next_worst() -> None:
    value = falling(np.array([5.0, 0.0, 0.0]), np.ones(3), np.array([1.0, 1.0, 1.0]), np.full(3, 0.1))
    high = np.array([2.0, 100.0, 100.0])
    found = best_levels(value, np.full(3, 1e-9), high, 10.0, np.full(3, np.nan))
    np.testing.assert_allclose(found.spend, [2.0, 4.0, 4.0], rtol=1e-9)
    assert found.worst == pytest.approx(5.05, rel=1e-12)
    assert found.bound <= found.worst
    assert found.bound == pytest.approx(found.worst, rel=1e-9)


def test_what_brings_nothing_is_not_spent() -> None:
    def value(task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        return np.where(task == 0, np.maximum(1.0 / spend, 0.5), 1.0 / spend)

    found = best_levels(value, np.full(2, 1e-6), np.array([50.0, 4.0]), 100.0, np.full(2, np.nan))
    np.testing.assert_allclose(found.spend, [2.0, 4.0], rtol=1e-6)


def test_a_step_that_nothing_pays_for_holds_its_task_and_no_other() -> None:
    value = falling(np.zeros(3), np.array([9.0, 2.0, 2.0]), np.ones(3), np.array([50.0, 0.1, 0.1]))
    found = best_levels(value, np.full(3, 1e-9), np.full(3, 10.0), 10.0, np.array([9.0, np.nan, np.nan]))
    np.testing.assert_allclose(found.spend, [0.0, 5.0, 5.0], rtol=1e-8)
    assert found.worst == 9.0


def test_limits_above_the_budget_are_refused() -> None:
    value = falling(np.zeros(2), np.ones(2), np.ones(2), np.ones(2))
    with pytest.raises(InfeasibleError, match="raise the budget"):
        best_levels(value, np.full(2, 6.0), np.full(2, 9.0), 10.0, np.full(2, np.nan))


@given(st.integers(0, 10_000), st.booleans())
def test_no_split_of_a_grid_is_better_in_the_order_of_the_worst(seed: int, optional: bool) -> None:
    rng = np.random.default_rng(seed)
    tasks, parts = int(rng.integers(2, 5)), 12
    low = rng.uniform(0.01, 0.3, tasks)
    high = low + rng.uniform(0.2, 6.0, tasks)
    # a value that stays first is one that has a step: at most one task has it, since several make a knapsack
    flat = np.where(np.arange(tasks) == 0, rng.uniform(0.01, 2.0, tasks), low / 2)
    height = rng.uniform(1.0, 3.0, tasks) * np.where(np.arange(tasks) == 0, 1.0, (low / flat) ** 0.3)
    value = falling(rng.uniform(0.0, 2.0, tasks), height, rng.uniform(0.2, 1.5, tasks), flat)
    every = np.arange(tasks)
    nothing = np.where((every == 0) & optional, value(every, low) + rng.uniform(0.0, 2.0, tasks), np.nan)
    budget = float(low.sum() + rng.uniform(0.1, 5.0))
    found = best_levels(value, low, high, budget, nothing)

    assert found.spend.sum() <= budget * (1 + 1e-12)
    served = found.spend > 0
    assert ((found.spend >= low * (1 - 1e-12)) | ~served).all()
    assert (found.spend <= high * (1 + 1e-12)).all()
    mine = nothing.copy()
    mine[served] = value(every[served], found.spend[served])
    mine = np.sort(mine)[::-1]
    assert found.bound <= found.worst == mine[0]
    points = [np.geomspace(lowest, highest, parts) for lowest, highest in zip(low, high, strict=True)]
    offered = [np.append(each, 0.0) if free else each for each, free in zip(points, np.isfinite(nothing), strict=True)]
    for split in itertools.product(*offered):
        spend = np.array(split)
        if spend.sum() > budget:
            continue
        theirs = np.sort(np.where(spend > 0, value(every, np.maximum(spend, 1e-9)), nothing))[::-1]
        differ = np.flatnonzero(np.abs(theirs - mine) > 1e-7)
        assert not len(differ) or theirs[differ[0]] > mine[differ[0]]
