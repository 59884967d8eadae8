"""The main job: from measured runs to everything the planning report needs."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from budget.allocation.answer import answer
from budget.allocation.plan.plan import BY_HAND, BY_LEVELS, Plan
from budget.allocation.plan.size_ranges import chooses_sizes
from budget.allocation.plan.size_tradeoff import SizeTradeoff, size_tradeoff
from budget.allocation.spec.measures import MEASURES
from budget.allocation.spec.plan_question import PlanQuestion
from budget.allocation.spec.plan_spec import SPECIALISTS, PlanSpec
from budget.curves.curves import Curves
from budget.curves.records.writing import record_of
from budget.errors import AllocationError
from budget.numerics.brief import Brief
from budget.numerics.interval import interval
from budget.numerics.strict_json import json_value
from budget.numerics.words import listing
from budget.studies.budget_response import Response, respond
from budget.studies.checks.breadth_checks import Breadth, breadth_of
from budget.studies.decided_sizes import SizeRange, decided_sizes
from budget.studies.decision_tables import DecisionTables, decision_tables
from budget.studies.focus.comparable_sets import comparable
from budget.studies.focus.focus import BUDGETS, DECADES, Focus, focus
from budget.studies.growth.beyond_tasks import if_doubled
from budget.studies.growth.breadth_curve import BreadthCurve, breadth_curve
from budget.studies.growth.budget_sharing import BudgetSharing, budget_sharing
from budget.studies.growth.growth import Growth, grow
from budget.studies.plan_decision import decide
from budget.studies.scenario_study import Scenarios
from budget.studies.strategies.judged_models import JudgedCurve, JudgeModel, judged_models
from budget.studies.strategies.recommendation import Recommendation
from budget.studies.strategies.specialist_subsets import Subsets
from budget.studies.strategies.strategy_curves import FittedStrategies
from budget.studies.value_of_knowing import value_of_knowing
from budget.tables.checks.quality import Finding, check_table
from budget.tables.files.manifest import SCHEMA
from budget.tables.runs import Runs
from budget.tables.tasks import TaskSettings

PACKAGES = ("budget", "jax", "optax", "cvxpy", "clarabel", "numpy", "scipy", "pandas")


@dataclass(frozen=True, repr=False)
class Study(Brief):
    """All results behind one planning report.

    Attributes:
        runs: the measurements.
        findings: the data-quality report.
        curves: curves of all tasks, the left-out ones included.
        planned: curves of the tasks that the plans use.
        question: what was asked.
        plan: the plan that the runs support.
        alternative: for shared models, the hypothetical split among specialists; else ``None``.
        sizes: what other sizes of the only model would reach, where the plan is of one and chooses its size.
        response: the plan's objective at other budgets.
        growth: what happens as tasks are added; ``None`` where the question has no growing set.
        sharing: each task alone with the budget, and as they share it; ``None`` without growth.
        focus: specialists against every shared strategy, where the runs hold several; else ``None``.
        recommendation: the best decision over all of them for the plan's tasks, where some were measured together.
        tables: with which a page splits other budgets of what is decided; ``None`` where that needs a solver.
        input_files: role (runs, tasks) → name and SHA-256 of every file read.
        notes: what was assumed or not used, one sentence each.
        judged_sharing: what a backtest says of the shared models' curves that the decision rests on; empty where none
            is asked for.
        scenarios: other questions to the same curves, side by side with this one.
        every_run: the measurements of all strategies, where the runs hold several; else ``None``.
        breadth: no free lunch and selection by the specialists' curves, where strategies are compared; else ``None``.
        tasks_path: the file of tasks as the plan's folder sees it; empty where the study has no folder or no such file.
        breadth_curve: what tasks keep of their gain alone as more of them share; ``None`` where that is not told.
        size_ranges: how sure the sizes of the decision's models are, in their order, where some tasks share one.
        pairs: two tasks that some model serves → how much they help each other in every draw (B,), see
            ``sharing_effects.pair_effects``.
        knowing: (V,) what knowing the curve of each of the tables' models would be worth, see ``value_of_knowing``.
    """

    runs: Runs
    findings: tuple[Finding, ...]
    curves: Curves
    planned: Curves
    question: PlanQuestion
    plan: Plan
    alternative: Plan | None
    sizes: SizeTradeoff | None
    response: Response
    growth: Growth | None
    sharing: BudgetSharing | None
    focus: Focus | None
    recommendation: Recommendation | None
    tables: DecisionTables | None
    input_files: dict[str, dict[str, str]]
    notes: tuple[str, ...]
    judged_sharing: tuple[JudgedCurve, ...] = ()
    scenarios: Scenarios | None = None
    every_run: Runs | None = None
    breadth: Breadth | None = None
    tasks_path: str = ""
    breadth_curve: BreadthCurve | None = None
    size_ranges: tuple[SizeRange, ...] = ()
    pairs: Mapping[frozenset[str], np.ndarray] = field(default_factory=dict)
    knowing: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def versions(self) -> dict[str, str]:
        """Package → its version."""
        return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}

    def record(self) -> dict[str, Any]:
        """The content of ``plan.json``."""
        fitted = record_of(self.curves)
        for task in fitted["tasks"]:
            del task["working_draws"]
            for name in ("planned_draws", "drift_draws"):
                task.pop(name, None)
        for task in fitted["link"]["tasks"] if fitted["link"] else ():
            del task["draws"], task["noise_draws"]
        return {
            "schema": SCHEMA,
            "versions": self.versions,
            "seeds": {"draws": self.curves.seed},
            "inputs": self.input_files,
            "check": check_table(self.findings).to_dict("records"),
            "fit": fitted,
            "left_out": list(self.curves.left_out),
            "plan": self.plan.record(),
            "alternative": None if self.alternative is None else self.alternative.record(),
            "response": {
                "budget": self.response.budget.tolist(),
                "objective": [None if value != value else value for value in self.response.objective.tolist()],
            },
            "growth": None if self.growth is None else _without_rows(self.growth.record()),
            "breadth_curve": None if self.breadth_curve is None else self.breadth_curve.record(),
            "pairs": [
                {"tasks": sorted(pair), "effect": float(effect.mean()), "low": float(low), "high": float(high)}
                for pair, effect in self.pairs.items()
                for low, high in [interval(effect)]
            ],
            "focus": None if self.focus is None else _without_rows(self.focus.record()),
            "recommendation": None if self.recommendation is None else self.recommendation.record(),
            "value_of_knowing": [
                {"tasks": [self.plan.spec.tasks.names[task] for task in model.tasks], "value": json_value(worth)}
                for model, worth in zip(self.tables.models if self.tables else (), self.knowing.tolist(), strict=True)
            ],
            "size_ranges": [json_value(vars(each)) for each in self.size_ranges],
            "judged_sharing": [
                {
                    "strategy": each.strategy,
                    "task": each.task,
                    "verdict": each.verdict.code,
                    "found": each.verdict.sentence,
                }
                for each in self.judged_sharing
            ],
            "scenarios": None if self.scenarios is None else self.scenarios.record(),
            "notes": list(self.notes),
        }


def _without_rows(record: dict[str, Any]) -> dict[str, Any]:
    """A record without its longest table, whose rows are a file beside ``plan.json`` or too many for one."""
    return {name: part for name, part in record.items() if name != "rows"}


def make_plan(
    runs: Runs,
    findings: list[Finding],
    curves: Curves,
    tasks: TaskSettings,
    budget: float | None,
    *,
    question: PlanQuestion | None = None,
    order: str = "given",
    compared: tuple[FittedStrategies, TaskSettings] | None = None,
    judge: JudgeModel | None = None,
    scenarios: Scenarios | None = None,
    every_run: Runs | None = None,
    input_files: dict[str, dict[str, str]] | None = None,
    progress: Callable[[str], Callable[[int, int], None]] | None = None,
) -> Study:
    """Allocate, grow and respond for fitted curves.

    Args:
        runs: the measurements the curves were fitted to.
        findings: their data-quality report.
        curves: the fit, left-out tasks included.
        tasks: task settings for all of the curves' tasks.
        budget: the total; ``None`` for the cheapest plan.
        question: what is asked; by default the best weighted mean.
        order: see ``growth.grow``.
        compared: every strategy's curves, and task settings for all their tasks, where the runs hold several.
        judge: tells what a backtest says of a shared model's curves.
        scenarios: other questions to the same curves, answered already.
        every_run: the measurements of all strategies, where the runs hold several.
        input_files: role → name and SHA-256 of each file.
        progress: step name → its (done, total) callback.

    Raises:
        FitError: no task is left to plan with.
        AllocationError: see ``make_spec.plan_spec``.
    """

    def watch(step: str) -> Callable[[int, int], None] | None:
        return None if progress is None else progress(step)

    asked = question or PlanQuestion()
    found = decide(curves, tasks, budget, asked, compared, progress=watch("plan"))
    spec, plan, planned, settings = found.spec, found.plan, found.usable, found.tasks.select(found.usable.tasks)
    beside: list[str] = []
    of_one = curves.form.is_of_one_model
    alternative = None
    if spec.is_one_model and not of_one:
        alternative, why = _split_instead(planned, settings, asked, budget, watch)
        beside += why
    growth, kept, why = _growth(planned, settings, spec, asked, order, watch)
    beside += why
    trades_size = spec.is_one_model and len(planned.planned_inputs) == 2 and spec.params is None and not of_one
    trades_size = trades_size or (len(spec.tasks.names) == 1 and chooses_sizes(found.planned, spec))
    if found.compared is not None and spec.unit == "money":
        beside.append("How strategies compare by the budget is left out: it is told of FLOPs and tokens, not of money.")
    decision = found.recommendation
    shown = decision if decision is not None and decision.shares else None
    shared = () if shown is None else [(each.strategy, each.tasks) for each in shown.models if len(each.tasks) > 1]
    map_of = _focus(found.compared, spec, asked.params, plan.total, watch("compare"))
    checks = None
    if map_of is not None and found.compared is not None:
        checks = breadth_of(found.compared[0], map_of, found.compared[1], params=asked.params, seed=curves.seed)
    is_best = asked.split is None and not asked.prefer_simple and not of_one
    is_best = is_best and (plan.solver not in (BY_HAND, BY_LEVELS) if shown is None else shown.asked is None)
    tables = decision_tables(found.planned, spec, plan.spend, found.tasks, shown, found.rivals) if is_best else None
    return Study(
        runs=runs,
        findings=tuple(findings),
        curves=curves,
        planned=found.planned,
        question=asked,
        plan=plan,
        alternative=alternative,
        sizes=size_tradeoff(found.planned, plan) if trades_size and np.isfinite(plan.shadow_price) else None,
        response=respond(found.planned, spec, spec.budget if np.isfinite(spec.budget) else plan.total),
        focus=map_of,
        breadth=checks,
        recommendation=decision,
        tables=tables,
        knowing=np.empty(0) if tables is None else value_of_knowing(tables, spec.weight, spec.whole_budget),
        growth=growth,
        breadth_curve=kept,
        sharing=None if growth is None else budget_sharing(planned, growth),
        input_files=input_files or {},
        notes=(*tasks.notes, *curves.notes, *found.notes, *beside),
        scenarios=scenarios,
        every_run=every_run,
        judged_sharing=() if judge is None else judged_models(judge, shared),
        size_ranges=() if shown is None or found.rivals is None else decided_sizes(shown, *found.rivals, spec),
        pairs={} if found.compared is None else found.compared[0].pairs,
    )


def _split_instead(
    planned: Curves,
    tasks: TaskSettings,
    asked: PlanQuestion,
    budget: float | None,
    watch: Callable[[str], Callable[[int, int], None] | None],
) -> tuple[Plan | None, list[str]]:
    """The hypothetical split beside one shared model, or why there is none."""
    apart = replace(asked, strategy=SPECIALISTS, split=None, prefer_simple=False)
    try:
        return answer(planned, apart.stated(planned, tasks, budget), apart, progress=watch("hypothetical split")), []
    except AllocationError as error:
        return None, [f"What one model for each task would reach is left out: {error}"]


def _growth(
    planned: Curves,
    tasks: TaskSettings,
    spec: PlanSpec,
    asked: PlanQuestion,
    order: str,
    watch: Callable[[str], Callable[[int, int], None] | None],
) -> tuple[Growth | None, BreadthCurve | None, list[str]]:
    """What breadth costs by the weighted mean, and what of the question it leaves out; or why it is not told."""
    able = asked.measure is None or MEASURES[asked.measure].follows_growth
    reasons = {
        f"law '{planned.law}' is of one model for all tasks": planned.form.is_of_one_model,
        "the cheapest plan has no budget to share": not np.isfinite(spec.budget),
        f"no growing set is followed by --measure {asked.measure}": not able,
        "checkpoints are trained on": spec.has_checkpoints,
    }
    for reason, holds in reasons.items():
        if holds:
            return None, None, [f"What breadth costs is left out: {reason}."]
    try:
        growth = grow(
            planned,
            tasks,
            spec.budget,  # what tasks without a curve keep is not there for the others
            unit=spec.unit,
            params=asked.params,
            measure=asked.measure,
            order=order,
            intervals=False,
            reach=asked.reach,
            prices=asked.prices,
            progress=watch("growth"),
        )
    except AllocationError as error:  # of specialists: the question may be of one model, or need what a mean does not
        return None, None, [f"What breadth costs is left out: {error}"]
    whole = growth.plans[-1].spec
    there = planned.take(np.array([planned.tasks.index(name) for name in whole.tasks.names]))
    subsets = Subsets(there, whole)
    growth = replace(growth, beyond=if_doubled(subsets))
    more = asked.beyond_the_mean
    kept = breadth_curve(subsets, planned.seed)
    return growth, kept, [f"What breadth costs is told of the weighted mean, without {listing(more)}."] if more else []


def _focus(
    compared: tuple[FittedStrategies, TaskSettings] | None,
    spec: PlanSpec,
    params: float | None,
    total: float,
    progress: Callable[[int, int], None] | None,
) -> Focus | None:
    """The comparison of strategies around the plan's budget, ``None`` where no set of tasks has two of them."""
    if compared is None or len(comparable(compared[0])) == 0 or spec.unit == "money":
        return None
    middle = spec.budget if np.isfinite(spec.budget) else total
    budgets = middle * np.geomspace(10.0 ** -(DECADES / 2), 10.0 ** (DECADES / 2), BUDGETS)
    return focus(
        *compared,
        budgets,
        unit=spec.unit,
        params=params,
        measure=spec.measure.name,
        progress=progress,
    )
