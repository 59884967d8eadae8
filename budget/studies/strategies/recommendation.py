"""What to train: the models, and the tasks of each, that make the most of one budget by everything that was measured.

Every measured way to serve tasks competes in one decision: a specialist of a task, and each shared model on the set of
tasks that it was measured on. The partition of all tasks into such blocks and the split of the budget among them are
chosen together, with a bound over the whole family (``partition``). Who shares is a question of levels, which
predictions tell; the curves that are steadied for a split do not, and split the budget among the chosen models. The
best of many choices is flattered by them: a shared model that too few draws call better than its tasks apart is left
out, named, and the decision made again. What it gains over simpler ones is told in every draw, which judges both sides.

See docs/decisions/082-bound-over-groupings.md,
docs/decisions/080-plans-made-once-judged-in-every-draw.md.
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
from budget.studies.strategies.gain_steps import GainStep, gain_steps
from budget.studies.strategies.partition import Partition, blocks_of, partitions
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner, joined

DECIDED = 2 / 3
"""Share of the draws that must call a shared model better than one model for each of its tasks."""

SURE = 0.9
"""Share of the draws from which a gain counts as sure (the end of an 80 % interval on its side)."""

SMALLER_BUDGETS = np.geomspace(0.1, 1.0, 13)
"""Shares of the budget among which the one is sought that would do for a rival's value."""


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
            NaN for a specialist, and without draws.
    """

    strategy: str
    tasks: tuple[str, ...]
    spend: float
    share: float
    inputs: dict[str, float]
    beyond: float
    wins: float


@dataclass(frozen=True)
class RivalDecision:
    """A simpler decision at the same budget.

    Attributes:
        name: ``specialists``, ``specialists, equal split``, or the strategy of one model for all tasks.
        objective: its weighted mean measure, smaller being better.
        gain: by how much the recommendation is better, as a share of the rival's objective.
        gains: (B,) the same in each draw.
        enough: share of the budget with which the recommended kind of decision is as good; NaN where that is not found.
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
        partition: the split among the chosen models, on the curves that plans are made on.
        choice: how these were chosen, on predictions, with the bound over every other choice.
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
    partition: Partition
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
                    "beyond": model.beyond, "wins": model.wins,
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


def recommend(
    strategies: FittedStrategies,
    alone: StrategyPlanner,
    budget: float,
    *,
    among: Sequence[str] = (),
    apart: Sequence[str] = (),
    known: float = np.inf,
) -> Recommendation | None:
    """The best decision over specialists and every shared model that was measured on some or all of their tasks.

    Args:
        strategies: all of the file.
        alone: a planner of the specialists of all tasks.
        budget: in all, in the planner's unit.
        among: the strategies that compete, ``SPECIALISTS`` among them; all where there are none.
        apart: tasks that share no model.
        known: what the plan of one model for each task is predicted to reach, which may be a split by hand: nothing is
            shared that is predicted worse.

    Returns:
        The decision; ``None`` where no shared model serves tasks that have specialists, no models of these strategies
        make up the tasks, or the law is no sum of powers.
    """
    names = alone.served.tasks
    whole = of_all(strategies, names)
    blocks = competing_blocks(strategies, names, among, apart)
    if not any(block.one_model for block in blocks):
        return None

    budgets = budget * SMALLER_BUDGETS
    budgets = budgets[budgets >= float(np.nansum(alone.task_settings.min))]
    if not len(budgets):
        return None
    by_level = replace(alone, served=by_predictions(alone.served))
    # what a reader allows only to share has nothing that doubt could leave it for
    only_sharing = bool(among) and SPECIALISTS not in among
    settled = _settled(by_level, blocks, budgets[-1:], 0.0 if only_sharing else DECIDED)
    if settled is None:
        return None
    choice, blocks, undecided = settled
    if not only_sharing and _loses(alone, blocks, choice, budgets[-1:], known):
        blocks = [block for block in blocks if not block.one_model]
        found = partitions(by_level, [by_predictions(block) for block in blocks], budgets[-1:], shared=False)
        _, choice = found[0]
    chosen = [block for block in blocks if (block.strategy, block.tasks) in choice.blocks]
    found = partitions(alone, chosen, budgets, shared=False)
    plan, partition = found[-1]
    weight = alone.task_settings.weight / alone.task_settings.weight.sum()
    reached = np.array([float(each.measure @ weight) for each, _ in found])
    last = budgets[-1:]
    (best,), (equal,) = alone.best(last), alone.equal(last)
    plans = [best, equal]
    plans += [joined(served.strategy, names, alone.of(served).best(last)) for served in whole]
    mine = plan.scenarios @ weight
    rivals = []
    for rival in plans:
        objective, theirs = float(rival.measure @ weight), rival.scenarios @ weight
        rivals.append(
            RivalDecision(
                rival.strategy,
                objective,
                (objective - reached[-1]) / abs(objective),
                (theirs - mine) / np.abs(theirs),
                _enough(budgets / budget, reached, objective),
            )
        )
    models = _models(alone, strategies, plan, partition)
    doubts = tuple(sorted(undecided, key=lambda each: -each.wins))
    steps = gain_steps(alone, strategies.shared, plan, partition, equal)
    decision = Recommendation(models, plan, weight, partition, choice, tuple(rivals), doubts, steps)
    doubted = unsure(models)
    if not doubted or only_sharing:
        return decision
    # without these others may share, of which the draws need not be sure either
    surer = _settled(by_level, [block for block in blocks if block.tasks not in doubted], last, SURE)
    if surer is None:
        return decision
    kept = [block for block in surer[1] if (block.strategy, block.tasks) in surer[0].blocks]
    ((other, _),) = partitions(alone, kept, last, shared=False)
    return replace(decision, safer=safer_than(decision.objective, doubted, float(other.measure @ weight)))


def _settled(
    alone: StrategyPlanner, blocks: list[StrategyCurves], budget: np.ndarray, least: float
) -> tuple[Partition, list[StrategyCurves], list[Undecided]] | None:
    """The best division whose shared models each are better in so many of the draws, what is left, and what is not.

    ``None`` where no models make up the tasks.
    """
    undecided: list[Undecided] = []
    while True:
        found = partitions(alone, [by_predictions(block) for block in blocks], budget, shared=False)
        if not found:
            return None
        doubtful = _doubtful(alone, *found[0], least) if least > 0 else []
        if not doubtful:
            return found[0][1], blocks, undecided
        undecided += doubtful
        out = {(each.strategy, each.tasks) for each in doubtful}
        blocks = [block for block in blocks if (block.strategy, block.tasks) not in out]


def unsure(models: Sequence[TrainedModel]) -> tuple[tuple[str, ...], ...]:
    """The tasks of each shared model that is better than its tasks apart in fewer than ``SURE`` of the draws."""
    return tuple(model.tasks for model in models if model.wins < SURE)


def safer_than(objective: float, apart: tuple[tuple[str, ...], ...], other: float) -> Safer:
    """The safer decision and its price."""
    return Safer(apart, other, (other - objective) / max(abs(objective), 1e-300))


def _loses(
    alone: StrategyPlanner, blocks: Sequence[StrategyCurves], choice: Partition, budget: np.ndarray, known: float
) -> bool:
    """Whether a choice that shares is predicted worse than one model for each, the budget split as plans are."""
    chosen = [block for block in blocks if (block.strategy, block.tasks) in choice.blocks]
    if not any(block.one_model for block in chosen):
        return False
    weight = alone.task_settings.weight / alone.task_settings.weight.sum()
    ((plan, _),), (best,) = partitions(alone, chosen, budget, shared=False), alone.best(budget)
    return bool(plan.measure @ weight > min(float(best.measure @ weight), known))


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
    """The strategy by the convex curves nearest to its predictions."""
    mine = served.curves  # named by its tasks, which the curves that were fitted were not
    there = replace(mine.planned_on(PREDICTED), tasks=mine.tasks, shared=mine.shared, group=mine.group)
    return replace(served, curves=there)


def _doubtful(alone: StrategyPlanner, plan: StrategyPlan, partition: Partition, least: float) -> list[Undecided]:
    """The shared models of a decision that too few draws call better than their tasks apart."""
    shared = [
        Undecided(strategy, tasks, _wins(alone, plan, tasks, spend))
        for (strategy, tasks), spend in zip(partition.blocks, partition.spend, strict=True)
        if strategy != SPECIALISTS
    ]
    return [each for each in shared if each.wins < least]  # never without draws, which give no number


def _enough(shares: np.ndarray, reached: np.ndarray, objective: float) -> float:
    """Share of the budget at which the decisions reach an objective, NaN outside of what was tried."""
    if not reached[-1] <= objective <= reached[0]:
        return float("nan")
    # the objective falls with the budget but for where the choice changes by curves that plans read otherwise
    falling = np.minimum.accumulate(reached)
    return float(np.exp(np.interp(-objective, -falling, np.log(shares))))


def _models(
    alone: StrategyPlanner, strategies: FittedStrategies, plan: StrategyPlan, partition: Partition
) -> tuple[TrainedModel, ...]:
    """The models of a decision, the largest spend first."""
    place = {name: at for at, name in enumerate(plan.tasks)}
    served = {(each.strategy, each.tasks): each for each in strategies.shared}
    models = []
    for (strategy, tasks), spend in zip(partition.blocks, partition.spend, strict=True):
        mine = np.array([place[name] for name in tasks])
        planner = alone.restricted_to(mine) if strategy == SPECIALISTS else alone.of(served[strategy, tasks])
        beyond = float(planner.factors(plan.log_inputs[mine]).max())
        named = dict(zip(planner.served.curves.scale_columns, np.exp(plan.log_inputs[mine[0]]).tolist(), strict=True))
        wins = float("nan") if strategy == SPECIALISTS else _wins(alone, plan, tasks, float(spend))
        models.append(TrainedModel(strategy, tasks, float(spend), float(spend / plan.budget), named, beyond, wins))
    return tuple(sorted(models, key=lambda model: -model.spend))


def _wins(alone: StrategyPlanner, plan: StrategyPlan, tasks: tuple[str, ...], spend: float) -> float:
    """Share of the draws in which a shared model is better than specialists of its tasks with the same spend."""
    pick = np.array([alone.served.tasks.index(name) for name in tasks])
    weight = alone.task_settings.weight[pick]
    least = float(np.nansum(alone.task_settings.min[pick]))
    if not len(plan.scenarios) or spend < least:
        return float("nan")
    (rival,) = alone.restricted_to(pick).best(np.array([spend]))
    return float((plan.scenarios[:, pick] @ weight < rival.scenarios @ weight).mean())
