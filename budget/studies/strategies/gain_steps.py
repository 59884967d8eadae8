"""Where a decision's gain over an equal split comes from: first who shares a model, then where the budget moves.

From one model for each task with an equal part of the budget, the tasks of every shared model first join it with their
parts put together; then every model's part becomes what the decision gives it, and tasks that it leaves out get
nothing. Each step is what the objective changes by, one after another, so that they add up exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.studies.strategies.strategy_curves import SPECIALISTS, StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner


@dataclass(frozen=True)
class GainStep:
    """One step.

    Attributes:
        strategy: of the model.
        tasks: that it serves.
        joins: whether its tasks join one model; else its part of the budget changes.
        change: of what is made small, negative for better.
    """

    strategy: str
    tasks: tuple[str, ...]
    joins: bool
    change: float


def gain_steps(
    alone: StrategyPlanner,
    shared: Sequence[StrategyCurves],
    plan: StrategyPlan,
    models: Sequence[tuple[str, tuple[str, ...]]],
    equal: StrategyPlan,
    value: Callable[[StrategyPlan], float],
) -> tuple[GainStep, ...]:
    """The steps from an equal split among specialists to a decision; joining first.

    Args:
        alone: a planner of the specialists of all tasks.
        shared: the shared models that were measured.
        plan: the decision's plan.
        models: strategy and tasks of each of its models.
        equal: the plan of the equal split.
        value: what is made small, of a plan.
    """
    place = {name: at for at, name in enumerate(plan.tasks)}
    served = {(each.strategy, each.tasks): each for each in shared}
    here, at = equal, value(equal)
    steps = []

    def step(strategy: str, tasks: tuple[str, ...], part: StrategyPlan, joins: bool) -> None:
        nonlocal here, at
        mine, theirs = (np.array([of.tasks.index(name) for name in tasks]) for of in (here, part))
        measure, scenarios = here.measure.copy(), here.scenarios.copy()
        measure[mine], scenarios[:, mine] = part.measure[theirs], part.scenarios[:, theirs]
        here = replace(here, measure=measure, scenarios=scenarios)
        after = value(here)
        steps.append(GainStep(strategy, tasks, joins, after - at))
        at = after

    for strategy, tasks in models:
        if strategy != SPECIALISTS:
            together = np.array([plan.budget * len(tasks) / len(place)])
            (joined,) = alone.of(served[strategy, tasks]).best(together)
            step(strategy, tasks, joined, True)
    for strategy, tasks in (*models, *((SPECIALISTS, (name,)) for name in plan.leaves_out)):
        step(strategy, tasks, plan, False)
    return tuple(steps)
