"""Several questions to the same curves, side by side: what each budget, objective, limit or set of tasks would give.

Every scenario is answered as if it were asked alone (``plan_decision``). What one gives beyond the first is told where
both speak of the same number of the same tasks, paired over the draws; elsewhere there is no difference to tell.

See docs/decisions/159-scenarios-are-questions-side-by-side.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.plan.assembly import drawn_objective
from budget.allocation.spec.plan_question import PlanQuestion
from budget.allocation.spec.plan_spec import default_unit
from budget.curves.curves import Curves
from budget.errors import AllocationError, FitError
from budget.numerics.interval import interval
from budget.numerics.strict_json import json_rows
from budget.studies.plan_decision import Compared, PlanDecision, decide
from budget.studies.strategies.strategy_plans import StrategyPlan
from budget.tables.splits import Split
from budget.tables.target_met import met_or_none, met_or_unstated, target_met
from budget.tables.tasks import TaskSettings

OK = "ok"
"""The status of a scenario that has a plan; of another one it is the sentence that says why not."""


@dataclass(frozen=True)
class AskedScenario:
    """A scenario before it is answered.

    Attributes:
        name: its own.
        budget: the total, ``None`` where the question has another.
        question: what is asked; ``None`` where that cannot be asked of these curves.
        words: option → what the scenario says of it, beyond what all of them say.
        why: the sentence that says why it cannot be asked.
        after: the earlier scenario whose plan is spent already; empty for none.
    """

    name: str
    budget: float | None
    question: PlanQuestion | None
    words: dict[str, Any]
    why: str = ""
    after: str = ""


@dataclass(frozen=True)
class Scenario:
    """A scenario and its answer.

    Attributes:
        asked: the question.
        found: its answer; ``None`` where there is none.
        why: the sentence that says why not, empty where there is one.
        drawn: (B,) the objective in every draw, as a reader sees it; empty without draws.
    """

    asked: AskedScenario
    found: PlanDecision | None
    why: str
    drawn: np.ndarray

    @property
    def shared(self) -> StrategyPlan | None:
        """The plan in which some tasks share a model, where that is what is recommended."""
        if self.found is None or self.found.recommendation is None or not self.found.recommendation.shares:
            return None
        return self.found.recommendation.plan

    @property
    def objective(self) -> float:
        """What is reached, as a reader sees it; NaN without an answer."""
        if self.found is None:
            return float("nan")
        if self.shared is not None and self.found.recommendation is not None:
            return self.found.spec.sign * self.found.recommendation.objective
        return self.found.plan.objective

    @property
    def larger_is_better(self) -> bool:
        """Direction of the objective."""
        return self.found is not None and self.found.plan.larger_is_better

    @property
    def ends(self) -> tuple[float, float]:
        """80 % interval of the objective, which holds it; NaN without draws."""
        if not len(self.drawn):
            return float("nan"), float("nan")
        low, high = interval(self.drawn)
        return min(float(low), self.objective), max(float(high), self.objective)


@dataclass(frozen=True)
class Scenarios:
    """Scenarios side by side.

    Attributes:
        every: in the order in which they were stated.
    """

    every: tuple[Scenario, ...]

    @property
    def first(self) -> Scenario | None:
        """The first that has an answer, from which the others differ."""
        return next((each for each in self.every if each.found is not None), None)

    def table(self) -> pd.DataFrame:
        """``scenarios.csv``: one row a scenario.

        ``difference`` is the objective less that of the first scenario with an answer, ``better`` the share of the
        draws in which it is the better one; both are empty where the two are not the same number of the same tasks.
        """
        return pd.DataFrame([_row(each, self.first) for each in self.every])

    def tasks(self) -> pd.DataFrame:
        """``scenario_tasks.csv``: one row for each task of each scenario that has an answer."""
        rows = [row for each in self.every for row in _rows_of_tasks(each, self.first)]
        return pd.DataFrame(rows)

    def record(self) -> list[dict[str, Any]]:
        """The scenarios as JSON."""
        tasks = self.tasks()
        return [
            {**row, "asked": each.asked.words, "tasks": json_rows(_of(tasks, each.asked.name))}
            for each, row in zip(self.every, json_rows(self.table()), strict=True)
        ]


def solve_scenarios(
    curves: Curves,
    tasks: TaskSettings,
    asked: Sequence[AskedScenario],
    compared: Compared | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Scenarios:
    """Answer every scenario; one that has no plan says why, and the others stand.

    Args:
        curves: the fit, of all tasks.
        tasks: their settings.
        asked: the scenarios.
        compared: every strategy's curves, and settings for all their tasks, where the runs hold several.
        progress: called with (scenarios done, how many there are).
    """
    every: list[Scenario] = []
    for number, each in enumerate(asked, start=1):
        try:
            if each.question is None:
                raise AllocationError(each.why)
            question = _on_top_of(every, each, each.question)
            found = decide(curves, tasks, each.budget, question, compared, draws=False)
            every.append(Scenario(each, found, "", _drawn(found)))
        except (AllocationError, FitError) as error:
            every.append(Scenario(each, None, str(error), np.empty(0)))
        if progress is not None:
            progress(number, len(asked))
    return Scenarios(tuple(every))


def _on_top_of(every: Sequence[Scenario], each: AskedScenario, question: PlanQuestion) -> PlanQuestion:
    """The question with the plan of the scenario before it as today's split; tasks that share a model part its spend.

    Raises:
        AllocationError: that one has no plan, or is of other tasks or in another unit.
    """
    if not each.after:
        return question
    before = next(one for one in every if one.asked.name == each.after)
    if before.found is None:
        raise AllocationError(f"It comes after {each.after}, which has no plan.")
    if before.found.question.only != question.only:
        raise AllocationError(f"It comes after {each.after}, which plans other tasks; name the same with --only.")
    unit = question.unit or default_unit(before.found.planned.scale_columns)
    if before.found.spec.unit != unit:
        raise AllocationError(
            f"It comes after {each.after}, which is planned in {before.found.spec.unit}, and is in {unit} itself; "
            "state both in one unit."
        )
    partners = _partners(before)
    shared = np.array([len(partners[name]) for name in before.found.spec.tasks.names])
    nothing = np.full(len(shared), np.nan)
    return replace(question, current=Split(_spends(before) / shared, nothing, nothing))


def _drawn(found: PlanDecision) -> np.ndarray:
    decision = found.recommendation
    if decision is not None and decision.shares:
        return np.asarray(found.spec.sign * decision.drawn)
    if found.planned.form.is_of_one_model:  # a mixture's plan is judged by its point
        return np.empty(0)
    return drawn_objective(found.planned, found.spec, found.plan.log_inputs)


def _speak_alike(one: Scenario, other: Scenario) -> bool:
    """Whether the objectives of two scenarios are the same number of the same tasks."""
    if one.found is None or other.found is None:
        return False
    first, second = one.found.spec, other.found.spec
    return (
        first.tasks.names == second.tasks.names
        and first.objective is second.objective
        and first.measure.name == second.measure.name
        and (first.unit == second.unit or not first.objective.minimizes_spend)
        and np.array_equal(first.weight, second.weight)
    )


def _row(each: Scenario, first: Scenario | None) -> dict[str, Any]:
    found, asked, nothing = each.found, each.asked, float("nan")
    row: dict[str, Any] = {"scenario": asked.name, "status": each.why or OK}
    low, high = each.ends
    difference, ends, better = _difference(each, first)
    met = [] if found is None else [answer for answer in _met(each) if answer is not None]
    row |= {
        "objective": None if asked.question is None else asked.question.objective,
        "measure": None if found is None else found.spec.measure.metric,
        "unit": None if found is None else found.spec.unit,
        "budget": nothing if found is None else found.spec.whole_budget,
        "spent": nothing if found is None else _spent(each),
        "models": nothing if found is None else _models(each),
        "served": nothing if found is None else int((_spends(each) > 0).sum()),
        "targets_met": sum(met) if met else nothing,
        "value": each.objective,
        "low": low,
        "high": high,
        "difference": difference,
        "difference_low": ends[0],
        "difference_high": ends[1],
        "better": better,
    }
    if not np.isfinite(row["budget"]):
        row["budget"] = nothing
    return row


def _difference(each: Scenario, first: Scenario | None) -> tuple[float, tuple[float, float], float]:
    """What a scenario's objective is above the first one's, its 80 % interval, and the share of draws it is better."""
    nothing = float("nan")
    if first is None or first is each or not _speak_alike(each, first):
        return nothing, (nothing, nothing), nothing
    difference = each.objective - first.objective
    if not len(each.drawn) or len(each.drawn) != len(first.drawn):
        return difference, (nothing, nothing), nothing
    drawn = each.drawn - first.drawn
    low, high = interval(drawn)
    won = drawn > 0 if each.larger_is_better else drawn < 0
    return difference, (float(low), float(high)), float(won.mean())


def _spends(each: Scenario) -> np.ndarray:
    assert each.found is not None
    return each.found.plan.spend if each.shared is None else each.shared.spend


def _predicted(each: Scenario) -> np.ndarray:
    assert each.found is not None
    return each.found.plan.predicted if each.shared is None else each.shared.predicted


def _met(each: Scenario) -> list[bool | None]:
    assert each.found is not None
    plan = each.found.plan
    target = plan.spec.tasks.target
    return met_or_none(met_or_unstated(target_met(_predicted(each), target, plan.directions > 0), target))


def _models(each: Scenario) -> int:
    assert each.found is not None
    if each.found.spec.is_one_model:
        return 1
    if each.shared is not None and each.found.recommendation is not None:
        return sum(model.spend > 0 for model in each.found.recommendation.models)
    return int((each.found.plan.spend > 0).sum())


def _spent(each: Scenario) -> float:
    assert each.found is not None
    if each.shared is not None and each.found.recommendation is not None:
        return float(sum(model.spend for model in each.found.recommendation.models))
    return each.found.plan.total


def _partners(each: Scenario) -> dict[str, tuple[str, ...]]:
    """Task → the tasks of its model."""
    assert each.found is not None
    names = each.found.spec.tasks.names
    if each.found.spec.is_one_model:
        return dict.fromkeys(names, names)
    alone: dict[str, tuple[str, ...]] = {name: (name,) for name in names}  # a task that is given nothing is in no model
    if each.shared is not None and each.found.recommendation is not None:
        return alone | {name: model.tasks for model in each.found.recommendation.models for name in model.tasks}
    return alone


def _rows_of_tasks(each: Scenario, first: Scenario | None) -> list[dict[str, Any]]:
    if each.found is None:
        return []
    plan, partners = each.found.plan, _partners(each)
    spends, predicted = _spends(each), _predicted(each)
    before: dict[str, tuple[float, float]] = {}
    if first is not None and first is not each and first.found is not None:
        known = zip(first.found.spec.tasks.names, _spends(first), _predicted(first), strict=True)
        alike = first.found.spec.unit == each.found.spec.unit
        before = {name: (float(spend) if alike else float("nan"), float(value)) for name, spend, value in known}
    rows = []
    for name, spend, value, metric, met in zip(
        plan.spec.tasks.names, spends, predicted, plan.metrics, _met(each), strict=True
    ):
        spend_before, value_before = before.get(name, (float("nan"), float("nan")))
        rows.append(
            {
                "scenario": each.asked.name, "task": name, "model": "|".join(partners[name]), "spend": float(spend),
                "metric": metric, "predicted": float(value), "target_met": met,
                "spend_difference": float(spend) - spend_before, "difference": float(value) - value_before,
            }
        )  # fmt: skip
    return rows


def _of(tasks: pd.DataFrame, name: str) -> pd.DataFrame:
    return tasks[tasks["scenario"] == name].drop(columns="scenario") if len(tasks) else tasks
