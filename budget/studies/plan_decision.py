"""What a question's plan is, by curves that are there: the split or the one model, and who shares a model.

The main job and every scenario decide here, so that a scenario's line says what its plan alone would say.

See docs/decisions/159-scenarios-are-questions-side-by-side.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.answer import answer, curves_for, only_of, settings_of, usable_curves
from budget.allocation.plan.plan import Plan
from budget.allocation.spec.plan_question import PlanQuestion
from budget.allocation.spec.plan_spec import SHARED, SPECIALISTS, PlanSpec
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.numerics.quoting import listed, shown
from budget.studies.sharing.recommend_sharing import recommend_sharing
from budget.studies.sharing.share_tasks import why_not_shared
from budget.studies.strategies.recommendation import Recommendation, recommend
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
    spec = question.stated(usable, settings_of(usable, tasks, question.is_of_scores), budget)
    planned = curves_for(usable, spec, question)
    plan = answer(planned, spec, question, draws=draws or question.prefer_simple, progress=progress)
    rivals, recommendation, why = _recommendation(compared, spec, question, plan)
    notes = (*said, *plan.notes, *why)
    return PlanDecision(question, usable, planned, tasks, compared, spec, plan, rivals, recommendation, notes)


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
    compared: tuple[FittedStrategies, TaskSettings] | None, spec: PlanSpec, asked: PlanQuestion, plan: Plan
) -> tuple[tuple[FittedStrategies, StrategyPlanner] | None, Recommendation | None, list[str]]:
    """The best decision over every measured strategy, after what competes for it; ``None`` of one; and notes."""
    if compared is None or spec.is_one_model or asked.strategy == SPECIALISTS:
        return None, None, []
    strategies, _ = compared
    alone = strategies.specialists
    if alone is None or alone.tasks != spec.tasks.names:
        return _without(asked, "some task has no curve of a model of its own to compare with")
    if asked.split is not None or asked.prefer_simple:
        word = "--evaluate" if asked.split is not None else "--prefer-simple"
        return _without(asked, f"{word} is about a split among one model for each task")
    why = why_not_shared(spec)
    if why:
        return _without(asked, why)
    planner = StrategyPlanner(alone, spec.tasks, spec.measure, spec.unit, asked.params, spec.reach, asked.prices)
    try:
        if [word for word in asked.beyond_the_mean if word != "--freeze"]:
            found = recommend_sharing(
                strategies,
                planner,
                spec,
                plan,
                among=asked.among,
                kept=None if asked.add is None else np.nan_to_num(spec.tasks.current),
                on_predictions=not asked.asks_for_a_mean,
            )
        else:
            known = spec.sign * plan.objective
            found = recommend(strategies, planner, spec.budget, among=asked.among, apart=spec.frozen, known=known)
    except AllocationError as error:  # such as prices of data that differ between tasks
        return _without(asked, str(error).rstrip("."))
    if found is None and asked.among:
        return _without(asked, "their models do not make up the tasks")
    return (strategies, planner), found, []


def _without(asked: PlanQuestion, why: str) -> tuple[None, None, list[str]]:
    """No decision over strategies, and why.

    Raises:
        AllocationError: the reader asked for strategies that share.
    """
    if asked.among:
        raise AllocationError(f"Nothing can be planned by --strategy {' and '.join(asked.among)} alone: {why}.")
    return None, None, [f"Shared models are left out of this question: {why}."]
