"""Where a decision's gain over an equal split comes from: first who shares a model, then where the budget moves.

From one model for each task with an equal part of the budget, the tasks of every shared model first join it with their
parts put together; then every model's part becomes what the decision gives it. Each step changes the value of that
model's tasks alone, so that the steps add up exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.studies.strategies.partition import Partition
from budget.studies.strategies.strategy_curves import SPECIALISTS, StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner


@dataclass(frozen=True)
class GainStep:
    """One step.

    Attributes:
        strategy: of the model.
        tasks: that it serves.
        joins: whether its tasks join one model; else its part of the budget changes.
        change: of the weighted mean measure, negative for better.
    """

    strategy: str
    tasks: tuple[str, ...]
    joins: bool
    change: float


def gain_steps(
    alone: StrategyPlanner,
    shared: Sequence[StrategyCurves],
    plan: StrategyPlan,
    partition: Partition,
    equal: StrategyPlan,
) -> tuple[GainStep, ...]:
    """The steps from an equal split among specialists to a decision; joining first.

    Args:
        alone: a planner of the specialists of all tasks.
        shared: the shared models that were measured.
        plan: the decision's plan.
        partition: its models.
        equal: the plan of the equal split.
    """
    weight = alone.task_settings.weight / alone.task_settings.weight.sum()
    place = {name: at for at, name in enumerate(plan.tasks)}
    served = {(each.strategy, each.tasks): each for each in shared}
    joins, moves = [], []
    for strategy, tasks in partition.blocks:
        mine = np.array([place[name] for name in tasks])
        before = float(equal.measure[mine] @ weight[mine])
        after = float(plan.measure[mine] @ weight[mine])
        if strategy != SPECIALISTS:
            together = np.array([plan.budget * len(tasks) / len(place)])
            (joined,) = alone.of(served[strategy, tasks]).best(together)
            value = float(joined.measure @ weight[mine])
            joins.append(GainStep(strategy, tasks, True, value - before))
            before = value
        moves.append(GainStep(strategy, tasks, False, after - before))
    return (*joins, *moves)
