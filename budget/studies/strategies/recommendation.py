"""The decision over every measured strategy: the models to train, what they reach, and what they are compared with.

See docs/decisions/082-bound-over-groupings.md,
docs/decisions/165-sharing-under-every-objective.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.steady import PREDICTED
from budget.numerics.brief import Brief
from budget.numerics.interval import interval
from budget.numerics.strict_json import json_value
from budget.studies.strategies.assumed import MARK
from budget.studies.strategies.gain_steps import GainStep
from budget.studies.strategies.partition import Partition, blocks_of
from budget.studies.strategies.strategy_curves import FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlan

DECIDED = 2 / 3
"""Share of the draws that must call a shared model better than one model for each of its tasks."""

SURE = 0.9
"""Share of the draws from which a gain counts as sure (the end of an 80 % interval on its side)."""


@dataclass(frozen=True)
class TrainedModel:
    """A model to train.

    Attributes:
        strategy: how it serves its tasks; ``specialists`` for one task alone.
        tasks: that it serves.
        spend: what its training takes, in the budget's unit.
        share: of the budget.
        inputs: scale → what it is trained with, such as its params and tokens.
        beyond: the largest factor by which one of these lies outside the measured ones.
        wins: share of the draws in which it is better than one model for each of its tasks, which share the same spend;
            NaN for a specialist, without draws, and where both meet the same targets in all of them.
        active_params: those of its params that one token meets; NaN where its runs do not say, or have no such size.
        experts: how many its runs have; NaN where they do not say, or differ.
        cost: the FLOPs of its strategy's runs as a formula; "" where they have no cost law.
    """

    strategy: str
    tasks: tuple[str, ...]
    spend: float
    share: float
    inputs: dict[str, float]
    beyond: float
    wins: float
    active_params: float = float("nan")
    experts: float = float("nan")
    cost: str = ""


@dataclass(frozen=True)
class RivalDecision:
    """A simpler decision at the same budget.

    Attributes:
        name: ``specialists``, ``specialists, equal split``, or the strategy of one model for all tasks.
        objective: what the question makes small of it, such as the weighted mean.
        gain: by how much the recommendation is better, as a share of the rival's objective.
        gains: (B,) the same in each draw.
        enough: share of the budget with which the recommended models are as good; NaN where that is not found.
    """

    name: str
    objective: float
    gain: float
    gains: np.ndarray
    enough: float

    @property
    def wins(self) -> float:
        """Share of the draws in which the recommendation is better; NaN without draws."""
        return float((self.gains > 0).mean()) if len(self.gains) else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """80 % interval of the gain, paired over the draws; NaN without draws."""
        if not len(self.gains):
            return float("nan"), float("nan")
        low, high = interval(self.gains)
        return float(low), float(high)

    def record(self) -> dict[str, Any]:
        """The rival as JSON."""
        low, high = self.interval
        return {
            "name": self.name, "objective": self.objective, "gain": json_value(self.gain), "gain_low": json_value(low),
            "gain_high": json_value(high), "wins": json_value(self.wins), "enough": json_value(self.enough),
        }  # fmt: skip


@dataclass(frozen=True)
class Undecided:
    """A shared model that the point fit would train and too few draws support.

    Attributes:
        strategy: how it serves its tasks.
        tasks: that it serves.
        wins: share of the draws in which it is better than one model for each of its tasks.
    """

    strategy: str
    tasks: tuple[str, ...]
    wins: float


@dataclass(frozen=True)
class Safer:
    """The decision without the shared models of which the draws are not sure.

    Attributes:
        apart: the tasks of each of these models, which then are served otherwise.
        objective: what it reaches, smaller being better.
        price: by how much it is predicted to be worse, as a share of the decision's own objective.
    """

    apart: tuple[tuple[str, ...], ...]
    objective: float
    price: float


@dataclass(frozen=True, repr=False)
class Recommendation(Brief):
    """The decision over every measured strategy at one budget.

    Attributes:
        models: to train, the largest spend first.
        plan: what each task is given and predicted to reach.
        weight: (T,) of the tasks, summing to 1.
        choice: how the models were chosen, on predictions, with the bound over every other choice.
        rivals: simpler decisions, those that the runs support.
        undecided: what was left out since fewer than ``DECIDED`` of the draws support it, the most supported first.
        steps: how an equal split among specialists becomes the decision; their changes add up to what is gained.
        asked: the question, where it is more than the best weighted mean within one budget.
        value: what that makes small.
        in_draws: (B,) the same in every draw.
        safer: what to do without the shared models that are better in fewer than ``SURE`` of the draws; ``None`` where
            there are none, or where only what shares competes.
    """

    models: tuple[TrainedModel, ...]
    plan: StrategyPlan
    weight: np.ndarray
    choice: Partition
    rivals: tuple[RivalDecision, ...]
    undecided: tuple[Undecided, ...] = ()
    steps: tuple[GainStep, ...] = ()
    asked: PlanSpec | None = None
    value: float = float("nan")
    in_draws: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    safer: Safer | None = None

    @property
    def shares(self) -> bool:
        """Whether some model serves several tasks."""
        return any(len(model.tasks) > 1 for model in self.models)

    @property
    def objective(self) -> float:
        """What is made small: the weighted mean measure, or what else was asked for."""
        return float(self.plan.measure @ self.weight) if self.asked is None else self.value

    @property
    def drawn(self) -> np.ndarray:
        """(B,) the same in every draw; empty without draws, and where spends are made small."""
        return self.plan.scenarios @ self.weight if self.asked is None else self.in_draws

    @property
    def gap(self) -> float:
        """By how much, at most, another decision over the same blocks is better as predicted."""
        return max(self.choice.objective - self.choice.bound, 0.0)

    def rival(self, name: str) -> RivalDecision | None:
        """A rival by its name, ``None`` where the runs do not support it."""
        return next((each for each in self.rivals if each.name == name), None)

    def table(self) -> pd.DataFrame:
        """``models.csv``: one row a model, the largest spend first."""
        return pd.DataFrame(
            [
                {
                    "model": number, "strategy": model.strategy, "tasks": "|".join(model.tasks),
                    "n_tasks": len(model.tasks), "spend": model.spend, "share": model.share, **model.inputs,
                    "active_params": model.active_params, "experts": model.experts, "beyond": model.beyond,
                    "wins": model.wins,
                }
                for number, model in enumerate(self.models, start=1)
            ]
        )  # fmt: skip

    def record(self) -> dict[str, Any]:
        """The decision as JSON."""
        return {
            "models": [json_value(vars(model)) for model in self.models],
            "objective": self.objective,
            "predicted": dict(zip(self.plan.tasks, json_value(self.plan.predicted), strict=True)),
            "chosen_objective": self.choice.objective,
            "bound": json_value(self.choice.bound),
            "compared": self.choice.compared,
            "complete": self.choice.complete,
            "rivals": [rival.record() for rival in self.rivals],
            "safer": None if self.safer is None else json_value(vars(self.safer)),
            "undecided": [json_value(vars(each)) for each in self.undecided],
            "steps": [json_value(vars(each)) for each in self.steps],
        }


def of_all(strategies: FittedStrategies, names: tuple[str, ...]) -> list[StrategyCurves]:
    """The shared models that were measured on just these tasks; none of an assumed strategy."""
    return [served for served in strategies.shared if set(served.tasks) == set(names) and MARK not in served.strategy]


def competing_blocks(
    strategies: FittedStrategies, names: tuple[str, ...], among: Sequence[str], apart: Sequence[str]
) -> list[StrategyCurves]:
    """What a decision about some tasks can be made of: measured shared models, and their specialists.

    Args:
        strategies: all of the file.
        names: the tasks.
        among: the strategies that compete; all where there are none.
        apart: tasks that share no model.
    """
    blocks = [*of_all(strategies, names), *blocks_of(strategies, names)]
    blocks = [block for block in blocks if not (block.one_model and set(block.tasks) & set(apart))]
    return [block for block in blocks if block.strategy in among] if among else blocks


def by_predictions(served: StrategyCurves) -> StrategyCurves:
    """The strategy by the convex curves near its predictions."""
    mine = served.curves  # named by its tasks, which the curves that were fitted were not
    there = replace(mine.planned_on(PREDICTED), tasks=mine.tasks, shared=mine.shared, group=mine.group)
    return replace(served, curves=there)
