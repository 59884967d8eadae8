"""What one budget is worth to more tasks than are given, if the others are drawn as these were.

It rests on exchangeable tasks: the next one is as hard as those given are among themselves (``population``).

See docs/decisions/148-tasks-as-draws.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.errors import AllocationError
from budget.numerics.interval import interval
from budget.numerics.roots import root_within
from budget.numerics.strict_json import json_rows, json_value
from budget.studies.growth.population import Population, Reached
from budget.studies.strategies.specialist_subsets import Subsets
from budget.tables.target_met import met_or_none

LEAST_TASKS = 5
"""Tasks that tell a population: of fewer the variance of its mean is not finite (``CONCENTRATION_LESS``)."""

FARTHEST = 10
"""Times as many tasks as are given that are looked at where no number is asked for."""

STEPS = 10
"""Numbers of tasks looked at up to there."""

ROOT_TOLERANCE = 1e-12
"""Precision of a number of tasks by the point curves, in its logarithm."""


@dataclass(frozen=True)
class NumberOfTasks:
    """At how many tasks something happens: 0 where it has with those given, infinite with none that was looked at.

    Attributes:
        point: by the point curves, with the given tasks copied in equal parts.
        low: 10 % point over the scenarios.
        high: 90 % point.
    """

    point: float
    low: float
    high: float


@dataclass(frozen=True)
class BeyondTasks:
    """One budget shared by J numbers of tasks, of which the first T are given; values in the reader's direction.

    Points are those of the point curves with the given tasks copied in equal parts; ends are 10 and 90 % points over
    the scenarios.

    Attributes:
        given: T.
        counts: (J,) rising numbers of tasks, from T on.
        spend: (J,) mean spend of a task.
        value: (J,) weighted mean over the tasks.
        low: (J,) its lower end.
        high: (J,) its upper end.
        met: (J,) 1 where the average task is at the average target, 0 where not; NaN where none is stated.
        worth: (J,) what the tasks' shares of the budget are worth, as a part of what the same tasks have where T share
            it: the weighted mean distance from the value of a task that is given nothing; NaN where that is not stated
            for all.
        worth_low: (J,) its lower end.
        worth_high: (J,) its upper end.
        targets: (J,) share of the tasks with a target that meet it; NaN where none states one.
        targets_low: (J,) its lower end.
        targets_high: (J,) its upper end.
        falls_at: where the average task falls below the average target; ``None`` where none is stated.
        halves_at: where the worth is half of what it is with T tasks; ``None`` where that is unknown.
        exponent: what is left to reduce grows as the number of equal tasks to this power, from T to the last.
        exponent_low: its lower end.
        exponent_high: its upper end.
        measured_to: number of tasks up to which the average share is no smaller than the smallest run of most tasks;
            infinite where the runs do not say what they took of the budget's unit.
        seed: of the tasks that join.
    """

    given: int
    counts: np.ndarray
    spend: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    met: np.ndarray
    worth: np.ndarray
    worth_low: np.ndarray
    worth_high: np.ndarray
    targets: np.ndarray
    targets_low: np.ndarray
    targets_high: np.ndarray
    falls_at: NumberOfTasks | None
    halves_at: NumberOfTasks | None
    exponent: float
    exponent_low: float
    exponent_high: float
    measured_to: float
    seed: int

    def table(self) -> pd.DataFrame:
        """One row for each number of tasks."""
        columns = (
            "spend", "value", "low", "high", "worth", "worth_low", "worth_high", "targets", "targets_low",
            "targets_high",
        )  # fmt: skip
        return pd.DataFrame({"n_tasks": self.counts} | {name: getattr(self, name) for name in columns})

    def growth_rows(self, strategy: str) -> pd.DataFrame:
        """The average task of each number beyond those given, as rows of ``growth.csv`` of order ``beyond``."""
        more = self.table().iloc[1:]
        return pd.DataFrame(
            {
                "order": "beyond",
                "n_tasks": more["n_tasks"],
                "task": "average task",
                "strategy": strategy,
                "spend": more["spend"],
                "predicted": more["value"],
                "low": more["low"],
                "high": more["high"],
                "target_met": pd.array(met_or_none(self.met[1:]), dtype="boolean"),
            }
        )

    def record(self) -> dict[str, Any]:
        """The study as JSON."""
        numbers = {"falls_at": self.falls_at, "halves_at": self.halves_at}
        return {
            "given": self.given,
            **{name: None if each is None else json_value(vars(each)) for name, each in numbers.items()},
            **{
                name: json_value(getattr(self, name))
                for name in ("exponent", "exponent_low", "exponent_high", "measured_to", "seed")
            },
            "rows": json_rows(self.table()),
        }


def why_not_beyond(subsets: Subsets) -> str:
    """Why nothing is said of more tasks than are given, one sentence; "" where something is."""
    count = len(subsets.curves.tasks)
    if count < LEAST_TASKS:
        return (
            f"Of more tasks than the {count} given nothing is said: it takes {LEAST_TASKS} to tell how tasks like them "
            "differ."
        )
    if not subsets.convex:
        return "Of more tasks than are given nothing is said: here no single price divides a budget."
    if Population(subsets).most <= count:
        return "Of more tasks than are given nothing is said: the minima of these take the whole budget."
    return ""


def beyond_tasks(subsets: Subsets, counts: Sequence[int] = (), seed: int = 0) -> BeyondTasks:
    """Follow one budget as tasks join that are drawn as the given ones were.

    Args:
        subsets: solves sets of the T tasks, among specialists.
        counts: numbers of tasks, above T; where none is given, up to ``FARTHEST`` times as many.
        seed: of the tasks that join.

    Raises:
        AllocationError: see ``why_not_beyond``; or a number is not above T, or too large for the tasks' minima.
    """
    refusal = why_not_beyond(subsets)
    if refusal:
        raise AllocationError(refusal)
    population = Population(subsets)
    numbers = _numbers(population, counts)
    drawn = population.reached(population.drawn(numbers, seed), in_draws=True)
    point = population.reached(population.equal_parts(numbers.astype(float)), in_draws=False)

    def along(slack: Callable[[Reached], np.ndarray]) -> NumberOfTasks | None:
        return _number(population, numbers, slack, point, drawn)

    sign = subsets.spec.measure.sign
    low, high = np.sort([sign * end for end in interval(drawn.value)], axis=0)
    (worth_low, worth_high), (targets_low, targets_high) = interval(drawn.worth), interval(drawn.targets)
    exponent_low, exponent_high = interval(_exponents(drawn, numbers))
    return BeyondTasks(
        given=population.given,
        counts=numbers,
        spend=point.spend[0],
        value=sign * point.value[0],
        low=low,
        high=high,
        met=np.where(np.isnan(point.slack[0]), np.nan, point.slack[0] >= 0),
        worth=point.worth[0],
        worth_low=worth_low,
        worth_high=worth_high,
        targets=point.targets[0],
        targets_low=targets_low,
        targets_high=targets_high,
        falls_at=along(lambda found: found.slack),
        halves_at=along(lambda found: found.worth - 0.5),
        exponent=float(_exponents(point, numbers)[0]),
        exponent_low=float(exponent_low),
        exponent_high=float(exponent_high),
        measured_to=_measured_to(subsets),
        seed=seed,
    )


def if_doubled(subsets: Subsets, seed: int = 0) -> BeyondTasks | None:
    """The same for twice the tasks given; ``None`` where nothing is said of more, or minima leave no room for them."""
    doubled = 2 * len(subsets.curves.tasks)
    if why_not_beyond(subsets) or Population(subsets).most < doubled:
        return None
    return beyond_tasks(subsets, (doubled,), seed)


def _numbers(population: Population, asked: Sequence[int]) -> np.ndarray:
    """The numbers of tasks (J,) looked at, those given first."""
    given, most = population.given, population.most
    if not asked:
        numbers = np.unique(np.round(given * np.geomspace(1, FARTHEST, STEPS + 1)).astype(int))
        return numbers[numbers <= most]
    low, high = min(asked), max(asked)
    if low <= given:
        raise AllocationError(f"{low} is no more than the {given} tasks given; ask beyond them for larger numbers.")
    if high > most:
        raise AllocationError(f"The minima of {high} tasks like these exceed the budget; it serves up to {most:.0f}.")
    return np.unique([given, *asked])


def _measured_to(subsets: Subsets) -> float:
    """The number of tasks at which an equal share is the median of the tasks' smallest runs."""
    smallest = subsets.curves.smallest.get(subsets.spec.unit)
    return float("inf") if smallest is None else float(subsets.spec.budget / np.median(smallest))


def _exponents(found: Reached, numbers: np.ndarray) -> np.ndarray:
    """(S,) by which power of the number of tasks what is left to reduce grows."""
    return np.asarray(np.log(found.reducible[:, -1]) / np.log(numbers[-1] / numbers[0]))


def _number(
    population: Population,
    numbers: np.ndarray,
    slack: Callable[[Reached], np.ndarray],
    point: Reached,
    drawn: Reached,
) -> NumberOfTasks | None:
    """Where a slack (S, J) becomes negative; ``None`` where it is unknown."""
    logs, mine = np.log(numbers), slack(point)[0]
    if np.isnan(mine).any():
        return None

    def at(log: float) -> float:
        parts = population.equal_parts(np.array([numbers[0], np.exp(log)]))
        return float(slack(population.reached(parts, in_draws=False))[0, 1])

    place = _first_negative(mine[None])[0]
    if place in (0, len(numbers)):
        exact = -np.inf if place == 0 else np.inf
    else:
        exact = root_within(at, float(logs[place - 1]), float(logs[place]), ROOT_TOLERANCE)
    # a line between two numbers is enough for the scenarios: their spread is far wider than its error
    low, high = interval(_crossings(logs, slack(drawn)))
    return NumberOfTasks(*(float(np.exp(each)) for each in (exact, low, high)))


def _first_negative(slack: np.ndarray) -> np.ndarray:
    """(S,) position of the first negative one of (S, J), J where there is none."""
    return np.where((slack < 0).any(axis=1), (slack < 0).argmax(axis=1), slack.shape[1])


def _crossings(logs: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """(S,) logarithms of where slacks (S, J) become negative; −∞ where they are from the first on, ∞ where never."""
    place, row = _first_negative(slack), np.arange(len(slack))
    after = np.clip(place, 1, slack.shape[1] - 1)
    left, right = slack[row, after - 1], slack[row, after]
    inside = (place > 0) & (place < slack.shape[1])
    share = np.divide(left, left - right, out=np.zeros(len(slack)), where=inside)
    crossed = logs[after - 1] + share * (logs[after] - logs[after - 1])
    return np.where(inside, crossed, np.where(place == 0, -np.inf, np.inf))
