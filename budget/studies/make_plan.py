"""The main job: from measured runs to everything the planning report needs."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from budget.allocation.plan.plan import Plan
from budget.allocation.plan.size_tradeoff import SizeTradeoff, size_tradeoff
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.plan_spec import PlanSpec, has_steps
from budget.curves.curves import Curves
from budget.curves.records.writing import record_of
from budget.curves.steady import PREDICTED
from budget.errors import AllocationError
from budget.numerics.brief import Brief
from budget.studies.budget_response import Response, respond
from budget.studies.focus.focus import BUDGETS, DECADES, Focus, comparable, focus
from budget.studies.growth.budget_sharing import BudgetSharing, budget_sharing
from budget.studies.growth.growth import Growth, grow
from budget.studies.strategies.recommendation import Recommendation, recommend
from budget.studies.strategies.strategy_curves import FittedStrategies
from budget.studies.strategies.strategy_plans import StrategyPlanner
from budget.tables.checks.quality import Finding, check_table
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
        plan: the plan that the runs support.
        alternative: for shared models, the hypothetical split among specialists; else ``None``.
        sizes: what other sizes of the one model would reach, where the plan is of one and chooses its size.
        response: the plan's objective at other budgets.
        growth: what happens as tasks are added.
        sharing: each task alone with the budget, and as they share it.
        focus: specialists against every shared strategy, where the runs hold several; else ``None``.
        recommendation: the best decision over all of them for the plan's tasks, where some were measured together.
        input_files: role (runs, tasks) → name and SHA-256 of every file read.
        notes: what was assumed or not used, one sentence each.
    """

    runs: Runs
    findings: tuple[Finding, ...]
    curves: Curves
    planned: Curves
    plan: Plan
    alternative: Plan | None
    sizes: SizeTradeoff | None
    response: Response
    growth: Growth
    sharing: BudgetSharing
    focus: Focus | None
    recommendation: Recommendation | None
    input_files: dict[str, dict[str, str]]
    notes: tuple[str, ...]

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
            "format": "budget plan 1",
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
            "growth": self.growth.record(),
            "focus": None if self.focus is None else self.focus.record(),
            "recommendation": None if self.recommendation is None else self.recommendation.record(),
            "notes": list(self.notes),
        }


def make_plan(
    runs: Runs,
    findings: list[Finding],
    curves: Curves,
    tasks: TaskSettings,
    budget: float,
    *,
    unit: str | None = None,
    strategy: str | None = None,
    params: float | None = None,
    order: str = "given",
    reach: float = np.inf,
    compared: tuple[FittedStrategies, TaskSettings] | None = None,
    input_files: dict[str, dict[str, str]] | None = None,
    progress: Callable[[str], Callable[[int, int], None]] | None = None,
) -> Study:
    """Allocate, grow and respond for fitted curves.

    Args:
        runs: the measurements the curves were fitted to.
        findings: their data-quality report.
        curves: the fit, left-out tasks included.
        tasks: task settings for all of the curves' tasks.
        budget: the total.
        unit: see ``plan_spec.ask``.
        strategy: see ``plan_spec.ask``; by default what the runs support.
        params: see ``plan_spec.ask``.
        order: see ``growth.grow``.
        reach: see ``make_spec.plan_spec``.
        compared: every strategy's curves, and task settings for all their tasks, where the runs hold several.
        input_files: role → name and SHA-256 of each file.
        progress: step name → its (done, total) callback.

    Raises:
        FitError: no task is left to plan with.
        AllocationError: see ``plan_spec.ask``.
    """

    def watch(step: str) -> Callable[[int, int], None] | None:
        return None if progress is None else progress(step)

    planned = curves.usable()
    task_settings = tasks.select(planned.tasks)
    spec = plan_spec(planned, tasks, budget, unit=unit, strategy=strategy, params=params, measure="value", reach=reach)
    _refuse_unreported(planned, spec)
    # one model has no split that steadied curves would better: its size is a question of what is predicted
    sized = planned.planned_on(PREDICTED) if spec.is_one_model else planned
    plan = allocate(sized, spec, progress=watch("plan"))
    alternative = None
    if spec.is_one_model:
        split = plan_spec(
            planned,
            task_settings,
            budget,
            unit=unit,
            strategy="specialists",
            params=params,
            measure="value",
            reach=reach,
        )
        alternative = allocate(planned, split, progress=watch("hypothetical split"))
    trades_size = len(planned.planned_inputs) == 2 and spec.params is None
    growth = grow(
        planned,
        task_settings,
        spec.budget,  # what tasks without a curve keep is not there for the others
        unit=unit,
        params=params,
        order=order,
        intervals=False,
        reach=reach,
        progress=watch("growth"),
    )
    return Study(
        runs=runs,
        findings=tuple(findings),
        curves=curves,
        planned=sized,
        plan=plan,
        alternative=alternative,
        sizes=size_tradeoff(sized, plan) if spec.is_one_model and trades_size else None,
        response=respond(sized, spec),
        focus=_focus(compared, spec, params, watch("compare")),
        recommendation=_recommendation(compared, spec, params),
        growth=growth,
        sharing=budget_sharing(planned, growth),
        input_files=input_files or {},
        notes=(*tasks.notes, *curves.notes, *curves.left_out, *curves.score_note, *curves.unlinked, *plan.notes),
    )


def _focus(
    compared: tuple[FittedStrategies, TaskSettings] | None,
    spec: PlanSpec,
    params: float | None,
    progress: Callable[[int, int], None] | None,
) -> Focus | None:
    """The comparison of strategies around the plan's budget, ``None`` where no set of tasks has two of them."""
    if compared is None or len(comparable(compared[0])) == 0:
        return None
    budgets = spec.budget * np.geomspace(10.0 ** -(DECADES / 2), 10.0 ** (DECADES / 2), BUDGETS)
    return focus(
        *compared,
        budgets,
        unit=spec.unit,
        params=params,
        measure=spec.measure.name,
        progress=progress,
    )


def _recommendation(
    compared: tuple[FittedStrategies, TaskSettings] | None, spec: PlanSpec, params: float | None
) -> Recommendation | None:
    """The best decision over every measured strategy, ``None`` where the plan's tasks have only one."""
    if compared is None or spec.is_one_model:
        return None
    strategies, tasks = compared
    alone = strategies.specialists
    if alone is None or alone.tasks != spec.tasks.names:
        return None
    return recommend(
        strategies,
        StrategyPlanner(alone, tasks.select(alone.tasks), spec.measure, spec.unit, params, spec.reach),
        spec.budget,
    )


def _refuse_unreported(curves: Curves, spec: PlanSpec) -> None:
    """The report draws curves of one task each, along one scale or the best sizes."""
    if curves.form.is_of_one_model:
        raise AllocationError(
            f"The report shows plans of laws of one task, and law '{curves.law}' describes one model for several; plan "
            "it with 'budget fit' and 'budget allocate'."
        )
    if has_steps(spec):
        raise AllocationError(
            "The report does not show checkpoints that are trained on; plan them with 'budget fit' and 'budget "
            "allocate', or leave column 'checkpoint' out."
        )
