"""What a question's plan is, by curves that are there: the split or the one model, and who shares a model.

The main job and every scenario decide here, so that a scenario's line says what its plan alone would say.

See docs/decisions/159-scenarios-are-questions-side-by-side.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.answer import answer, curves_for, only_of, settings_of, usable_curves
from budget.allocation.plan.assembly import worst_task
from budget.allocation.plan.plan import Plan
from budget.allocation.spec.make_reference import reference_of
from budget.allocation.spec.plan_question import PlanQuestion
from budget.allocation.spec.plan_spec import SHARED, SPECIALISTS, PlanSpec
from budget.curves.curves import Curves
from budget.errors import AllocationError, InfeasibleError
from budget.numerics.interval import interval
from budget.numerics.quoting import listed, shown
from budget.studies.sharing.objective_value import gain_in_draws, objective_of
from budget.studies.sharing.recommend_sharing import recommend
from budget.studies.sharing.share_tasks import why_not_shared
from budget.studies.strategies.recommendation import Recommendation
from budget.studies.strategies.strategy_curves import FittedStrategies
from budget.studies.strategies.strategy_plans import StrategyPlanner
from budget.tables.tasks import TaskSettings

Compared = tuple[FittedStrategies, TaskSettings]
"""Every strategy's curves, and settings for all their tasks."""


@dataclass(frozen=True)
class PlanDecision:
    """A question and its answer.

    Attributes:
        question: as it was asked.
        usable: curves of the tasks that can be planned.
        planned: the same as the plan reads them.
        tasks: settings of all tasks that are meant, those without a curve among them.
        compared: every strategy's curves of these tasks, and their settings, where the runs hold several.
        spec: the question stated of the curves.
        plan: one model for each task, or one for all.
        rivals: the strategies that compete for it, with a planner of the specialists.
        recommendation: the best decision over all strategies, where some tasks were measured together.
        notes: what was left out or not used, one sentence each.
    """

    question: PlanQuestion
    usable: Curves
    planned: Curves
    tasks: TaskSettings
    compared: Compared | None
    spec: PlanSpec
    plan: Plan
    rivals: tuple[FittedStrategies, StrategyPlanner] | None
    recommendation: Recommendation | None
    notes: tuple[str, ...]


def decide(
    curves: Curves,
    tasks: TaskSettings,
    budget: float | None,
    question: PlanQuestion,
    compared: Compared | None = None,
    *,
    draws: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> PlanDecision:
    """Answer a question.

    Args:
        curves: of all tasks, those that cannot be planned among them.
        tasks: their settings.
        budget: the total; ``None`` for the cheapest plan, or for what is added to today's split.
        question: what is asked.
        compared: every strategy's curves, and settings for all their tasks, where the runs hold several.
        draws: whether to plan again for every draw, which gives the ranges of spends.
        progress: called with (draws done, draws in all).

    Raises:
        FitError: no task is left to plan with.
        AllocationError: see ``make_spec.plan_spec``.
    """
    question = _restricted(question, compared)
    curves, tasks = only_of(curves, tasks, question.only)
    compared = _among(compared, curves.tasks) if question.only and compared else compared
    usable, said = usable_curves(curves, tasks, question.planned_on, question.is_of_scores)
    spec, conflict = _stated(question, usable, settings_of(usable, tasks, question.is_of_scores), budget, compared)
    planned = curves_for(usable, spec, question)
    try:
        if conflict is not None:
            raise conflict
        plan = answer(planned, spec, question, draws=draws or question.prefer_simple, progress=progress)
    except InfeasibleError as error:
        # a task is given what its model takes, so that shared models may do where one for each cannot
        rivals, recommendation, _ = _recommendation(compared, spec, question, None)
        if recommendation is None or not recommendation.shares:
            raise
        plan, without = _loosened(planned, spec, question, error)
        why = [f"One model for each task cannot answer this, and stands beside the decision without {without}: {error}"]
    else:
        best = plan if question.split is None else answer(planned, spec, replace(question, split=None), draws=False)
        rivals, recommendation, why = _recommendation(compared, spec, question, best)
        if question.split is not None and recommendation is not None:
            assert rivals is not None
            why = [*why, _beside_split(rivals[1], spec, plan, recommendation)]
            rivals, recommendation = None, None  # what is told is the split
    notes = (*said, *plan.notes, *why)
    return PlanDecision(question, usable, planned, tasks, compared, spec, plan, rivals, recommendation, notes)


def _stated(
    question: PlanQuestion, usable: Curves, tasks: TaskSettings, budget: float | None, compared: Compared | None
) -> tuple[PlanSpec, InfeasibleError | None]:
    """The question about curves, and why one model for each cannot answer it where shared models may.

    Raises:
        AllocationError: see ``make_spec.plan_spec``.
    """
    try:
        return question.stated(usable, tasks, budget), None
    except InfeasibleError as error:
        if compared is None or not np.isfinite(tasks.min).any():
            raise
        spec = question.stated(usable, replace(tasks, min=np.full(len(tasks.names), np.nan)), budget)
        return replace(spec, tasks=replace(spec.tasks, min=tasks.select(spec.tasks.names).min)), error


def _loosened(planned: Curves, spec: PlanSpec, question: PlanQuestion, error: InfeasibleError) -> tuple[Plan, str]:
    """One model for each task where the question leaves none: the plan without what it cannot keep, and what that is.

    Raises:
        InfeasibleError: this one; without minima or targets there is no plan either.
    """
    tasks = spec.tasks

    def solved(instead: PlanSpec) -> Plan | None:
        try:
            return replace(answer(planned, instead, question, draws=False), spec=spec)
        except InfeasibleError:
            return None

    if spec.objective.minimizes_spend:
        asked = len(tasks.names) if spec.at_least is None else spec.at_least
        most, too_many, kept = 0, asked, None  # fewer targets are never harder to meet
        while too_many - most > 1:
            count = (most + too_many) // 2
            plan = solved(replace(spec, at_least=count))
            most, too_many, kept = (most, count, kept) if plan is None else (count, too_many, plan)
        if kept is not None:
            return kept, f"{asked - most} of its targets"
    if np.isfinite(tasks.min).any():
        nothing = np.full(len(tasks.names), np.nan)
        plan = solved(replace(spec, tasks=replace(tasks, min=nothing), frozen=()))
        if plan is not None:
            return plan, "the tasks' minima"
    raise error


def _restricted(question: PlanQuestion, compared: Compared | None) -> PlanQuestion:
    """The question with its strategies as the runs call them: ``shared`` is every one that is no specialist.

    Raises:
        AllocationError: they hold no such strategy.
    """
    if compared is None or question.strategy == SPECIALISTS:
        if question.among:
            raise AllocationError(f"--strategy {shown(question.among[0])}: these runs hold one strategy; leave it out.")
        return question
    known = compared[0].strategies
    sharing = tuple(name for name in known if name != SPECIALISTS)
    if SHARED in question.among:
        question = replace(question, among=tuple(dict.fromkeys((*question.among, *sharing))))
        question = replace(question, among=tuple(name for name in question.among if name != SHARED))
    for name in question.among:
        if name not in known:
            raise AllocationError(f"--strategy {shown(name)}: these runs hold {listed(known)}; choose among them.")
    if question.strategy == SHARED:
        return replace(question, strategy=None, among=sharing)
    return question


def _among(compared: Compared, names: tuple[str, ...]) -> Compared:
    """The strategies on some tasks: their specialists, and the shared models of these tasks alone."""
    strategies, tasks = compared
    return strategies.among(names), tasks


def _recommendation(
    compared: tuple[FittedStrategies, TaskSettings] | None, spec: PlanSpec, asked: PlanQuestion, plan: Plan | None
) -> tuple[tuple[FittedStrategies, StrategyPlanner] | None, Recommendation | None, list[str]]:
    """The best decision over every measured strategy, after what competes for it; ``None`` of one; and notes.

    Without a plan of one model for each nothing is compared with it.
    """
    if compared is None or spec.is_one_model or asked.strategy == SPECIALISTS:
        return None, None, []
    strategies, _ = compared
    alone = strategies.specialists
    if alone is None or alone.tasks != spec.tasks.names:
        return _without(asked, "some task has no curve of a model of its own to compare with")
    if asked.split is not None and asked.among:
        return _without(asked, "--evaluate scores a split among one model for each task; leave --strategy out")
    why = why_not_shared(spec)
    if why:
        return _without(asked, why)
    planner = StrategyPlanner(alone, spec.tasks, spec.measure, spec.unit, asked.params, spec.reach, asked.prices)
    try:
        found = recommend(
            strategies,
            planner,
            spec,
            plan,
            among=asked.among,
            kept=None if asked.add is None else np.nan_to_num(spec.tasks.current),
            on_predictions=not asked.asks_for_a_mean,
            is_plain=not [word for word in asked.beyond_the_mean if word != "--freeze"],
        )
    except AllocationError as error:  # such as prices of data that differ between tasks
        return _without(asked, str(error).rstrip("."))
    if found is None and asked.among:
        return _without(asked, "their models do not make up the tasks")
    if found is not None and found.shares and asked.prefer_simple:
        why = _as_simple(planner, spec, asked, found)
        if why:
            return _without(asked, why)
    said = []
    if found is not None and found.shares and spec.objective.takes_largest and not spec.risk.reads_draws:
        apart = [False] * len(spec.tasks.names)  # what a shared model may have is not one task's
        said = [f"With shared models: {worst_task(spec, found.plan.measure, found.plan.spend, apart)}"]
    return (strategies, planner), found, said


def _beside_split(planner: StrategyPlanner, spec: PlanSpec, split: Plan, found: Recommendation) -> str:
    """How a split that is scored compares with the decision over every measured strategy, both as predicted."""
    budget = spec.budget if np.isfinite(spec.budget) else split.total
    given = planner.judge(SPECIALISTS, budget, split.spend, split.log_inputs)
    theirs, in_draws = objective_of(spec, spec.measure_of_targets(planner.served.curves), given, split.total)
    gain, gains = gain_in_draws(found.objective, found.drawn, theirs, in_draws)
    how = "better" if gain >= 0 else "worse"
    sure = f", better in {100 * float((gains > 0).mean()):.3g} % of the draws" if len(gains) else ""
    shared = sum(len(model.tasks) > 1 for model in found.models)
    return (
        f"Of every measured way to serve the tasks, {len(found.models)} models, {shared} of them shared, are predicted "
        f"to reach {spec.sign * found.objective:.4g} where this split reaches {spec.sign * theirs:.4g}: "
        f"{100 * abs(gain):.2g} % {how}{sure}. Leave out --evaluate for that plan."
    )


def _as_simple(planner: StrategyPlanner, spec: PlanSpec, asked: PlanQuestion, found: Recommendation) -> str:
    """Why a reference split is preferred to shared models: their gain over it cannot be told from 0; empty if it can.

    Raises:
        AllocationError: see ``reference_of``.
    """
    reference = spec.reference or reference_of(planner.served.curves, spec, asked.reference)
    (simple,) = planner.split(np.array([reference.split.spend.sum()]), reference.split.spend[None], reference.words)
    gains = objective_of(spec, spec.measure_of_targets(planner.served.curves), simple, spec.budget)[1] - found.drawn
    low, high = interval(gains)
    if not low <= 0:  # few draws have no interval
        return ""
    return f"what they gain over {reference.words} cannot be told from 0 (80 % interval {low:.3g} to {high:.3g})"


def _without(asked: PlanQuestion, why: str) -> tuple[None, None, list[str]]:
    """No decision over strategies, and why.

    Raises:
        AllocationError: the reader asked for strategies that share.
    """
    if asked.among:
        raise AllocationError(f"Nothing can be planned by --strategy {' and '.join(asked.among)} alone: {why}.")
    return None, None, [f"Shared models are left out of this question: {why}."]
