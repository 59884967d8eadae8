"""How many tasks each strategy serves as thresholds become strict: where focusing on a few wins.

A threshold of strictness f asks of every task what its specialist reaches with the share f of the whole budget. Up to
f = 1/K equal shares serve all K tasks; above, they serve none, and focusing serves ⌊1/f⌋, or more with a model of some
of the tasks that was measured. A shared model passes only where what tasks give each other outweighs what they take,
and at f = 1 the threshold is what a task reaches alone with everything (Goldfeder, Wyder, LeCun & Shwartz-Ziv 2026,
arXiv 2602.23643, argue that no generalist passes it).

In a draw the threshold is what the specialist reaches in that draw: were it that of the point fit, a plan which is
exactly at it would pass in half of the draws, and the interval would say how uncertain a curve is, not who is better.

See docs/decisions/093-thresholds-move-with-the-draw.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.numerics.interval import interval
from budget.numerics.strict_json import json_value
from budget.studies.focus.thresholds import most_tasks
from budget.studies.strategies.served_subset import SUBSET
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner
from budget.tables.target_met import loosened

LAX_SHARES = (0.25, 0.5, 1.0)
"""Shares looked at up to an equal one, as multiples of 1/K; above it, 1/k for every k from K − 1 to 1."""


@dataclass(frozen=True)
class Strictness:
    """Tasks served on one set at one budget, for J thresholds and S strategies; K tasks, B draws.

    Attributes:
        tasks: the set.
        budget: in all.
        share: (J,) strictness, rising.
        value: (J, K) the thresholds, as values in the tasks' own metrics.
        strategies: (S,) names.
        served: (S, J) tasks at their threshold by the point fit.
        low: (S, J) 10 % point over the draws, each with thresholds of its own.
        high: (S, J) 90 % point.
        focused: (J,) tasks that serving a subset brings to their thresholds: ``min(K, ⌊1/f⌋)`` by specialists, or what
            a measured model of a subset does with the whole budget, whichever is more.
        focused_low: (J,) 10 % point over the draws.
        focused_high: (J,) 90 % point.
        scenarios: (B, J) the value of focus in each draw: of the best subset beyond the best plan for all there.
    """

    tasks: tuple[str, ...]
    budget: float
    share: np.ndarray
    value: np.ndarray
    strategies: tuple[str, ...]
    served: np.ndarray
    low: np.ndarray
    high: np.ndarray
    focused: np.ndarray
    focused_low: np.ndarray
    focused_high: np.ndarray
    scenarios: np.ndarray

    @property
    def best_shared(self) -> np.ndarray:
        """(J,) tasks that the best strategy which serves all of them brings to their thresholds."""
        return self.served.max(axis=0)

    @property
    def value_of_focus(self) -> np.ndarray:
        """(J,) tasks that focusing serves beyond the best plan for all; negative where serving all wins."""
        return self.focused - self.best_shared

    @property
    def value_interval(self) -> tuple[np.ndarray, np.ndarray]:
        """(J,) each: its 10 % and 90 % points over the draws."""
        return interval(self.scenarios)

    def record(self) -> dict[str, Any]:
        """The counts as JSON."""
        low, high = self.value_interval
        mine = {name: each for name, each in vars(self).items() if name != "scenarios"}
        more = {"value_of_focus": self.value_of_focus, "value_of_focus_low": low, "value_of_focus_high": high}
        return {str(name): each for name, each in json_value(mine | more).items()}

    def table(self) -> pd.DataFrame:
        """One row for each threshold and strategy."""
        rows: list[dict[str, Any]] = []
        for level, share in enumerate(self.share):
            common = {
                "budget": self.budget, "n_tasks": len(self.tasks), "tasks": "|".join(self.tasks), "strictness": share,
            }  # fmt: skip
            rows.append(
                common | {"strategy": SUBSET, "served": self.focused[level], "low": self.focused_low[level],
                          "high": self.focused_high[level]}
            )  # fmt: skip
            rows += [
                common | {"strategy": name, "served": self.served[place, level], "low": self.low[place, level],
                          "high": self.high[place, level]}
                for place, name in enumerate(self.strategies)
            ]  # fmt: skip
        return pd.DataFrame(rows)


def strictness(
    specialists: StrategyPlanner,
    compared: Sequence[tuple[StrategyPlan, ...]],
    parts: Sequence[Sequence[StrategyPlan]],
) -> list[Strictness]:
    """Count what each plan for all tasks serves, and what focusing would, at each of Q budgets.

    Args:
        specialists: the set's own specialists, by which thresholds are stated.
        compared: (Q,) the strategies' plans at each budget.
        parts: (Q,) plans of one model for some of the tasks, each with the whole budget.
    """
    count, budgets = len(specialists.served.tasks), np.array([plans[0].budget for plans in compared])
    share = np.array([part / count for part in LAX_SHARES] + [1 / k for k in range(count - 1, 0, -1)])
    # each threshold is what every specialist reaches with its share; together they may take many budgets, which nobody
    # has to afford
    each = np.repeat(budgets, len(share))
    spend = np.repeat((np.tile(share, len(budgets)) * each)[:, None], count, axis=1)
    plans = specialists.split(each, spend, "one task's share")
    thresholds = [plans[at * len(share) : (at + 1) * len(share)] for at in range(len(budgets))]
    return [_at_budget(specialists, share, *at_budget) for at_budget in zip(thresholds, compared, parts, strict=True)]


def _at_budget(
    specialists: StrategyPlanner,
    share: np.ndarray,
    plans: Sequence[StrategyPlan],
    compared: tuple[StrategyPlan, ...],
    parts: Sequence[StrategyPlan],
) -> Strictness:
    """The same at one budget, with the plans (J,) that state the thresholds."""
    count = len(specialists.served.tasks)
    limit = loosened(np.array([plan.measure for plan in plans]))
    limits = loosened(np.stack([plan.scenarios.T for plan in plans], axis=1))  # (K, J, B) in each draw

    def reached(measure: np.ndarray) -> np.ndarray:
        """(J,) tasks served by measures (K,) of the point fit."""
        return (measure <= limit).sum(axis=-1)

    def reached_in_draws(scenarios: np.ndarray) -> np.ndarray:
        """(J, B) the same by measures (B, K) of draws."""
        return (scenarios.T[:, None] <= limits).sum(axis=0)  # not along the few tasks

    served = np.array([reached(plan.measure) for plan in compared])
    drawn = np.array([reached_in_draws(plan.scenarios) for plan in compared])
    alone = most_tasks(1.0, share, count)  # by their own shares, in every draw
    focused, focused_drawn = alone, np.repeat(alone[:, None], drawn.shape[2], axis=1)
    for part in parts:
        place = np.array([specialists.served.tasks.index(name) for name in part.tasks])
        # a model of some tasks passes nobody else's threshold
        nothing, in_draws = np.full(count, np.inf), np.full((len(part.scenarios), count), np.inf)
        nothing[place], in_draws[:, place] = part.measure, part.scenarios
        focused = np.maximum(focused, reached(nothing))
        focused_drawn = np.maximum(focused_drawn, reached_in_draws(in_draws))
    return Strictness(
        specialists.served.tasks,
        compared[0].budget,
        share,
        np.array([plan.predicted for plan in plans]),
        tuple(plan.strategy for plan in compared),
        served,
        *interval(drawn, axis=2),
        focused,
        *interval(focused_drawn, axis=1),
        (focused_drawn - drawn.max(axis=0)).T,
    )
