"""What to train, for any objective, limit or risk: the decision over every strategy, as ``recommend`` makes it.

Who shares is chosen on predictions, and a shared model that too few draws call better than its tasks apart is left out,
named, and the choice made again: better by what the question asks of these tasks, with what the model takes. The same
question is then asked of the chosen models on the curves that plans are made on.

See docs/decisions/165-sharing-under-every-objective.md.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from budget.allocation.plan.plan import Plan
from budget.allocation.spec.objectives import OBJECTIVES
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.risks import POINT
from budget.errors import AllocationError, InfeasibleError
from budget.studies.sharing.blocks import Blocks, blocks_for
from budget.studies.sharing.share_tasks import share_tasks
from budget.studies.sharing.sharing import Sharing
from budget.studies.strategies.partition import GROUPS, Partition
from budget.studies.strategies.recommendation import (
    DECIDED,
    SURE,
    Recommendation,
    RivalDecision,
    TrainedModel,
    Undecided,
    by_predictions,
    competing_blocks,
    of_all,
    safer_than,
    unsure,
)
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner, joined
from budget.tables.target_met import target_met

STEPS = OBJECTIVES["targets"]
"""What models are compared by where the question makes the spend small: how many targets a spend meets."""

LEAST_GAIN = 5e-5
"""Gain over one model for each, as a share of its objective, below which nothing is shared for it."""

EQUALLY_GOOD = 1e-12
"""Relative difference of two objectives up to which neither is better in a draw."""


def recommend_sharing(
    strategies: FittedStrategies,
    alone: StrategyPlanner,
    spec: PlanSpec,
    apart: Plan,
    *,
    among: Sequence[str] = (),
    kept: np.ndarray | None = None,
    on_predictions: bool = True,
) -> Recommendation | None:
    """The best decision over specialists and every shared model for a question.

    Args:
        strategies: all of the file.
        alone: a planner of the specialists of all tasks.
        spec: the question of one model for each task.
        apart: its plan.
        among: the strategies that compete, ``SPECIALISTS`` among them; all where there are none.
        kept: see ``blocks_for``.
        on_predictions: whether the budget is split on predictions, too, as who shares is always chosen.

    Returns:
        The decision; ``None`` where no shared model competes.

    Raises:
        InfeasibleError: no division keeps the limits.
        AllocationError: nothing solves the question.
    """
    served = competing_blocks(strategies, alone.served.tasks, among, spec.frozen)
    if not any(block.one_model for block in served) or not alone.served.curves.form.is_power_sum:
        return None
    by_level = replace(alone, served=by_predictions(alone.served))
    only_sharing = bool(among) and SPECIALISTS not in among
    blocks, found, undecided = _settled(by_level, served, spec, kept, 0.0 if only_sharing else DECIDED)
    out = {(each.strategy, each.tasks) for each in undecided}
    served = [block for block in served if (block.strategy, block.tasks) not in out]
    plan = _plan(blocks, found)
    simple = _one_each(by_level, served, spec, apart, kept)
    if not only_sharing and _gains_nothing(blocks, found, plan, simple):
        served = [block for block in served if not block.one_model]
        blocks, found, _ = _settled(by_level, served, spec, kept, 0.0)
        plan = _plan(blocks, found)
    choice = _partition(blocks, found)
    if not on_predictions:
        blocks, found = _as_planned(alone, blocks, found, served, spec, kept)
        plan = _plan(blocks, found)
    value, drawn = objective_of(spec, blocks.target_of_tasks, plan, float(found.spend.sum()))
    models = _models(alone, blocks, found, plan)
    doubts = tuple(sorted(undecided, key=lambda each: -each.wins))
    rivals = []
    for rival, total in (simple, *_rivals(alone, strategies, spec, blocks, kept)):
        theirs, in_draws = objective_of(spec, blocks.target_of_tasks, rival, total)
        rivals.append(RivalDecision(rival.strategy, theirs, *_gain(value, drawn, theirs, in_draws), float("nan")))
    decision = Recommendation(
        models, plan, spec.weight, _partition(blocks, found), choice, tuple(rivals), doubts, (), spec, value, drawn
    )
    doubted = unsure(models)
    if not doubted or only_sharing:
        return decision
    rest = [block for block in served if block.tasks not in doubted]
    try:
        # without these others may share, of which the draws need not be sure either
        surer, other, _ = _settled(by_level, rest, spec, kept, SURE)
        if not on_predictions:
            surer, other = _as_planned(alone, surer, other, rest, spec, kept)
    except AllocationError:  # what is asked needs them
        return decision
    reached, _ = objective_of(spec, surer.target_of_tasks, _plan(surer, other), float(other.spend.sum()))
    return replace(decision, safer=safer_than(value, doubted, reached))


def _settled(
    by_level: StrategyPlanner, served: list[StrategyCurves], spec: PlanSpec, kept: np.ndarray | None, least: float
) -> tuple[Blocks, Sharing, list[Undecided]]:
    """The best division whose shared models each are better in so many of the draws, and what was left out for it.

    Raises:
        InfeasibleError: no division keeps the limits.
        AllocationError: nothing solves the question.
    """
    undecided: list[Undecided] = []
    while True:
        blocks = blocks_for(by_level, [by_predictions(block) for block in served], spec, kept)
        found = share_tasks(blocks)
        doubtful = _doubtful(by_level, blocks, found, _plan(blocks, found), least) if least > 0 else []
        if not doubtful:
            return blocks, found, undecided
        undecided += doubtful
        out = {(each.strategy, each.tasks) for each in doubtful}
        served = [block for block in served if (block.strategy, block.tasks) not in out]


def _as_planned(
    alone: StrategyPlanner,
    blocks: Blocks,
    found: Sharing,
    served: list[StrategyCurves],
    spec: PlanSpec,
    kept: np.ndarray | None,
) -> tuple[Blocks, Sharing]:
    """The same models, and the budget split on the curves that plans are made on."""
    cover = {(blocks.served[at].strategy, blocks.served[at].tasks) for at in found.cover}
    chosen = [block for block in served if (block.strategy, block.tasks) in cover]
    again = blocks_for(alone, chosen, spec, kept)
    nothing = np.isin(np.arange(len(again.idle)), found.idle)
    again = replace(again, idle=np.where(nothing, again.idle, np.nan))
    return again, share_tasks(again)


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


def _one_each(
    alone: StrategyPlanner, served: list[StrategyCurves], spec: PlanSpec, apart: Plan, kept: np.ndarray | None
) -> tuple[StrategyPlan, float]:
    """One model for each task and what it spends: the plan, or what is predicted better where levels are asked for.

    Sharing is decided on predictions there, and must not gain what splitting by predictions gains alone.
    """
    plan = alone.judge(SPECIALISTS, spec.budget, apart.spend, apart.log_inputs), float(apart.spend.sum())
    singles = [by_predictions(block) for block in served if not block.one_model]
    if spec.objective.is_linear or spec.risk.reads_draws or len(singles) < len(spec.tasks.names):
        return plan
    try:
        blocks = blocks_for(alone, singles, spec, kept)
        found = share_tasks(blocks)
    except InfeasibleError:
        return plan
    other = replace(_plan(blocks, found), strategy=SPECIALISTS), float(found.spend.sum())
    return min(plan, other, key=lambda each: _rank(spec, blocks.target_of_tasks, *each))


def _rank(spec: PlanSpec, target: np.ndarray, plan: StrategyPlan, total: float) -> tuple[int, float]:
    """What a plan is preferred by: that it meets as many targets as the cheapest one must, then the objective."""
    lacks = 0
    if spec.objective.minimizes_spend:
        asked = len(target) if spec.at_least is None else spec.at_least
        lacks = max(asked - int(target_met(plan.measure, target).sum()), 0)
    return lacks, objective_of(spec, target, plan, total)[0]


def _gains_nothing(blocks: Blocks, found: Sharing, plan: StrategyPlan, simple: tuple[StrategyPlan, float]) -> bool:
    """Whether a decision that shares is no better than one model for each: then nothing speaks for sharing."""
    if not any(blocks.served[at].one_model for at in found.cover):
        return False
    (lacks, mine), (lack, theirs) = (
        _rank(blocks.spec, blocks.target_of_tasks, *each) for each in ((plan, float(found.spend.sum())), simple)
    )
    return lacks > lack or (lacks == lack and bool(theirs - mine <= LEAST_GAIN * abs(theirs)))


def _gain(value: float, drawn: np.ndarray, theirs: float, in_draws: np.ndarray) -> tuple[float, np.ndarray]:
    """By how much a decision is better as a share of a rival's objective, and the same in every draw."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = float(np.divide(theirs - value, abs(theirs)))
        if not len(drawn) or len(drawn) != len(in_draws):
            return gain, np.empty(0)
        # where a rival's objective is nothing in a draw, a gain over it is a share of what it is in others
        typical = float(np.abs(in_draws).mean())
        return gain, (in_draws - drawn) / np.where(in_draws != 0, np.abs(in_draws), typical if typical > 0 else 1.0)


def _plan(blocks: Blocks, found: Sharing) -> StrategyPlan:
    parts = [*blocks.judged(found.cover, found.spend, found.u), *blocks.left_out(found.idle)]
    budget = blocks.spec.budget if np.isfinite(blocks.spec.budget) else float(found.spend.sum())
    return replace(joined(GROUPS, blocks.spec.tasks.names, parts), budget=budget)


def _partition(blocks: Blocks, found: Sharing) -> Partition:
    close = bool(found.value - found.bound <= 1e-6 * abs(found.value))
    return Partition(
        blocks.spec.tasks.names,
        blocks.spec.budget,
        tuple((blocks.served[at].strategy, blocks.served[at].tasks) for at in found.cover),
        tuple(found.spend.tolist()),
        found.value,
        found.bound,
        float("inf"),
        found.compared,
        close,
    )


def _doubtful(
    alone: StrategyPlanner, blocks: Blocks, found: Sharing, plan: StrategyPlan, least: float
) -> list[Undecided]:
    """The shared models of a decision that too few draws call better than their tasks apart."""
    shared = [
        Undecided(served.strategy, served.tasks, _wins(alone, blocks, plan, served.tasks, spend))
        for served, spend in zip([blocks.served[at] for at in found.cover], found.spend.tolist(), strict=True)
        if served.one_model
    ]
    return [each for each in shared if each.wins < least]  # never without draws, which give no number


def _wins(alone: StrategyPlanner, blocks: Blocks, plan: StrategyPlan, tasks: tuple[str, ...], spend: float) -> float:
    """Share of the draws that tell in which a shared model is better than specialists of its tasks with its spend.

    NaN where none does: without draws, or where both meet the same targets in all of them.
    """
    spec, names = blocks.spec, blocks.spec.tasks.names
    pick = np.array([names.index(name) for name in tasks])
    if not len(plan.scenarios) or spend <= 0:
        return float("nan")
    few = alone.restricted_to(pick)
    objective = STEPS if spec.objective.minimizes_spend else spec.objective
    part = replace(
        spec, tasks=spec.tasks.select(tasks), budget=spend, measure=few.measure, objective=objective, risk=POINT,
        params=None if spec.params is None else spec.params[pick], limits=(), further={}, reference=None,
        at_least=None, frozen=(), held=(), reserved=(), sizes=spec.sizes,
    )  # fmt: skip
    single = [
        replace(alone.served, curves=alone.served.curves.take(np.array([alone.served.tasks.index(name)])))
        for name in tasks
    ]
    try:
        own = blocks_for(few, single, part)
        rival = _plan(own, share_tasks(own))
    except InfeasibleError:  # apart they cannot have what they need of this spend
        return 1.0
    target = blocks.target_of_tasks[pick]
    mine, theirs = (
        objective.value(each, part.objective_weight, target_met(each, target))
        for each in (plan.scenarios[:, pick], rival.scenarios)
    )
    slack = EQUALLY_GOOD * np.maximum(np.abs(mine), np.abs(theirs))
    better, worse = int((mine < theirs - slack).sum()), int((mine > theirs + slack).sum())
    return better / (better + worse) if better + worse else float("nan")


def _models(alone: StrategyPlanner, blocks: Blocks, found: Sharing, plan: StrategyPlan) -> tuple[TrainedModel, ...]:
    """The models of a decision, the largest spend first."""
    place = {name: at for at, name in enumerate(plan.tasks)}
    total = plan.budget
    models = []
    for at, spend in zip(found.cover, found.spend.tolist(), strict=True):
        served, planner = blocks.served[at], blocks.planners[at]
        mine = np.array([place[name] for name in served.tasks])
        beyond = float(planner.factors(plan.log_inputs[mine]).max())
        scales = np.exp(plan.log_inputs[mine[0]]).tolist()
        named = dict(zip(planner.served.curves.scale_columns, scales, strict=True))
        wins = _wins(alone, blocks, plan, served.tasks, spend) if served.one_model else float("nan")
        models.append(TrainedModel(served.strategy, served.tasks, spend, spend / total, named, beyond, wins))
    return tuple(sorted(models, key=lambda model: -model.spend))


def _rivals(
    alone: StrategyPlanner,
    strategies: FittedStrategies,
    spec: PlanSpec,
    blocks: Blocks,
    kept: np.ndarray | None,
) -> list[tuple[StrategyPlan, float]]:
    """Other simpler answers to the same question, and what they spend: equal parts, one for all."""
    found = []
    if np.isfinite(spec.budget) and not (spec.limits or spec.further or spec.sizes):
        (equal,) = alone.equal(np.array([spec.budget]))
        found.append((equal, spec.budget))
    names = spec.tasks.names
    for each in of_all(strategies, names):
        try:
            one = blocks_for(alone, [each], spec, kept)
            one = replace(one, idle=np.full(len(names), np.nan))
            solved = share_tasks(one)
        except AllocationError:  # it breaks a limit, or misses what is asked for: no rival
            continue
        found.append((joined(each.strategy, names, one.judged(solved.cover, solved.spend, solved.u)),
                      float(solved.spend.sum())))  # fmt: skip
    return found
