"""How sure the sizes of a decision's models are: over the draws at the model's spend, and by how flat its value is.

Other than of a plan among specialists (``size_ranges``) every model keeps its spend, for a decision is followed model
by model: asked is which size to train for what it is given.

See docs/decisions/056-two-ranges-of-a-size.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.problem import planned_cost, sized_values
from budget.allocation.plan.size_ranges import chooses_sizes, near_sizes
from budget.allocation.spec.plan_spec import PlanSpec
from budget.numerics.interval import interval
from budget.studies.strategies.recommendation import Recommendation, TrainedModel
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies
from budget.studies.strategies.strategy_plans import StrategyPlanner


@dataclass(frozen=True)
class SizeRange:
    """How sure a model's number of parameters is; NaN where nothing tells.

    Attributes:
        low: 10 % point of the best size at the model's spend over the draws.
        high: 90 % point.
        near_low: the smallest size whose value at this spend is within .1 % of the best.
        near_high: the largest.
    """

    low: float = float("nan")
    high: float = float("nan")
    near_low: float = float("nan")
    near_high: float = float("nan")


UNKNOWN = SizeRange()
"""Where nothing tells."""


def decided_sizes(
    found: Recommendation, strategies: FittedStrategies, alone: StrategyPlanner, spec: PlanSpec
) -> tuple[SizeRange, ...]:
    """The ranges of a decision's models, in their order; none where sizes are given, or spends made small.

    A shared model's size is that of the best weighted mean: nothing is said of one that another objective chose.

    Args:
        found: the decision.
        strategies: what it chose among.
        alone: the planner of the specialists of all its tasks.
        spec: the question.
    """
    if spec.objective.minimizes_spend or not chooses_sizes(alone.served.curves, spec):
        return ()  # the least spends may have been found for sizes that are best by other curves
    single = [model for model in found.models if model.strategy == SPECIALISTS]
    ranges = {}
    if single:
        pick = np.array([alone.served.tasks.index(model.tasks[0]) for model in single])
        told = _ranges(alone.restricted_to(pick), single)
        ranges = {model.tasks: each for model, each in zip(single, told, strict=True)}
    for served in strategies.shared if found.asked is None or found.asked.objective.is_linear else ():
        chosen = [each for each in found.models if (each.strategy, each.tasks) == (served.strategy, served.tasks)]
        if chosen:
            ranges[served.tasks] = _ranges(alone.of(served), chosen)[0]
    return tuple(ranges.get(model.tasks, UNKNOWN) for model in found.models)


def _ranges(planner: StrategyPlanner, models: Sequence[TrainedModel]) -> list[SizeRange]:
    """Of models of one strategy: several specialists, or one that is shared."""
    curves, spend = planner.served.curves, np.array([model.spend for model in models])
    spec, draws = planner.spec(float(spend.sum())), len(curves.draws)
    cost, names = planned_cost(curves, spec, spec.unit), curves.planned_inputs
    low = high = np.full(len(models), np.nan)
    known = np.flatnonzero(np.isfinite(curves.draws).all(axis=(1, 2)))
    if draws and len(known):
        values, every = sized_values(curves, spec, known.tolist()).values, np.tile(np.arange(len(models)), len(known))
        u = best_inputs(values, cost.take(every), spend[every])
        low, high = interval(np.exp(u[:, names.index("params")]).reshape(len(known), len(models)))
    of_task = np.zeros(len(curves.tasks), dtype=int) if planner.served.one_model else np.arange(len(models))
    params = np.array([model.inputs["params"] for model in models])
    near, _ = near_sizes(curves, spec, spend[of_task], params[of_task])
    rows = zip(low.tolist(), high.tolist(), near[: len(models)].tolist(), strict=True)
    return [SizeRange(least, most, *ends) for least, most, ends in rows]
