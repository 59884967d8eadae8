"""What a question makes small, of any division's plan: as predicted, in every draw, and against another plan.

See docs/decisions/165-sharing-under-every-objective.md.
"""

import numpy as np

from budget.allocation.spec.plan_spec import PlanSpec
from budget.studies.strategies.strategy_plans import StrategyPlan
from budget.tables.target_met import target_met


def objective_of(spec: PlanSpec, target: np.ndarray, plan: StrategyPlan, total: float) -> tuple[float, np.ndarray]:
    """What a question makes small, of a plan as predicted, and in every draw (B,); of spends there are no draws.

    Args:
        spec: the question.
        target: (T,) measures of the targets.
        plan: of the T tasks.
        total: what its models take.
    """
    objective, nothing = spec.objective, np.empty(0)
    if objective.minimizes_spend:
        return total, nothing
    weight = spec.objective_weight
    value = float(objective.value(plan.measure, weight, target_met(plan.measure, target)))
    if not len(plan.scenarios):
        return value, nothing
    drawn = np.asarray(objective.value(plan.scenarios, weight, target_met(plan.scenarios, target)))
    if spec.risk.reads_draws:
        value = float(drawn.mean()) if spec.reference is not None else spec.risk.of(drawn, spec.level)
    return value, drawn


def lacking(spec: PlanSpec, target: np.ndarray, plan: StrategyPlan) -> int:
    """How many of the targets that the cheapest plan must meet a plan misses as predicted."""
    if not spec.objective.minimizes_spend:
        return 0
    asked = len(target) if spec.at_least is None else spec.at_least
    return max(asked - int(target_met(plan.measure, target).sum()), 0)


def gain_in_draws(value: float, drawn: np.ndarray, theirs: float, in_draws: np.ndarray) -> tuple[float, np.ndarray]:
    """By how much a decision is better as a share of a rival's objective, and the same in every draw."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = float(np.divide(theirs - value, abs(theirs)))
        if not len(drawn) or len(drawn) != len(in_draws):
            return gain, np.empty(0)
        # where a rival's objective is nothing in a draw, a gain over it is a share of what it is in others
        typical = float(np.abs(in_draws).mean())
        return gain, (in_draws - drawn) / np.where(in_draws != 0, np.abs(in_draws), typical if typical > 0 else 1.0)
