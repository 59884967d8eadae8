"""Which strategy serves a growing set best at one budget, and at how many tasks that changes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.numerics.strict_json import json_rows, json_value
from budget.studies.focus.crossover import apart, first_best, over_draws, sign_change, win_shares
from budget.studies.strategies.specialist_subsets import Subsets


@dataclass(frozen=True)
class TaskCrossover:
    """A number of tasks at which the best strategy changes.

    Attributes:
        below: the best strategy with fewer tasks.
        above: the best strategy with more.
        n_tasks: where the two are equal by the point fit, interpolated in logarithms between two numbers of tasks.
        low: 10 % point over the draws; 0 where those that have ``above`` better at every number reach it.
        high: 90 % point; infinite where those that have ``below`` better at every number reach it.
        share: share of the draws in which the same two change the same way.
    """

    below: str
    above: str
    n_tasks: float
    low: float
    high: float
    share: float


@dataclass(frozen=True)
class BestByBreadth:
    """S strategies that serve the same 1, 2, …, K tasks at one budget.

    Attributes:
        strategies: (S,) names.
        objective: (S, K) weighted mean in the reader's direction; of many orders the mean.
        wins: (S, K) share of the draws in which each is the best; draw b of one file is paired with draw b of another.
        best: (K,) the best by the point fit.
        crossovers: where the best changes.
    """

    strategies: tuple[str, ...]
    objective: np.ndarray
    wins: np.ndarray
    best: tuple[str, ...]
    crossovers: tuple[TaskCrossover, ...]

    def table(self) -> pd.DataFrame:
        """One row for each number of tasks and strategy."""
        count = len(self.best)
        return pd.DataFrame(
            {
                "n_tasks": np.repeat(np.arange(1, count + 1), len(self.strategies)),
                "strategy": self.strategies * count,
                "objective": self.objective.T.ravel(),
                "wins": self.wins.T.ravel(),
                "best": [name == best for best in self.best for name in self.strategies],
            }
        )

    def record(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "best": json_rows(self.table()),
            "crossovers": [json_value(asdict(each)) for each in self.crossovers],
        }


def best_by_breadth(subsets: Mapping[str, Subsets], orders: np.ndarray) -> BestByBreadth:
    """Compare strategies along orders (O, K); plans are made once and judged in every draw.

    Args:
        subsets: strategy → what solves its sets; all have the same tasks, and one measure.
        orders: task positions in joining order.
    """
    followed = [_followed(each, orders) for each in subsets.values()]
    draws = min(scenarios.shape[1] for _, scenarios in followed)
    points = np.array([point for point, _ in followed])
    scenarios = np.array([each[:, :draws] for _, each in followed])
    names, best = tuple(subsets), first_best(points)
    logs = np.log(np.arange(1, points.shape[1] + 1))
    found = []
    for place in np.flatnonzero(best[1:] != best[:-1]):
        below, above = best[place], best[place + 1]
        gap = np.array([apart(*points[[below, above], at]) for at in (place, place + 1)])
        at = sign_change(logs[place : place + 2], gap) if gap[0] < gap[1] else float(place + 2)
        found.append(
            TaskCrossover(names[below], names[above], at, *over_draws(logs, scenarios[below] - scenarios[above], at))
        )
    sign = next(iter(subsets.values())).spec.measure.sign
    return BestByBreadth(names, sign * points, win_shares(scenarios), tuple(names[i] for i in best), tuple(found))


def _followed(subsets: Subsets, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Objectives (K,) of the sets of each size, smaller being better, and (K, B) in the draws; means over orders."""
    points, scenarios = [], []
    for size in range(1, orders.shape[1] + 1):
        split = subsets.of(orders[:, :size])
        points.append(subsets.objective(split).mean())
        total = np.zeros(len(subsets.curves.draws))
        for row, distance in subsets.in_draws(split):
            task = split.members[row]
            weight = subsets.spec.tasks.weight[task]
            total += subsets.spec.measure.of_draws(task, distance) @ (weight / weight.sum())
        scenarios.append(total / len(orders))
    return np.array(points), np.array(scenarios)
