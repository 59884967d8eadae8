"""The two steps of the main job: curves from files of runs, and everything that is planned by them.

The first takes long and knows nothing of budgets, so that one fit answers many questions. Heavy imports stay inside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from budget.numerics.quoting import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budget.allocation.spec.plan_question import PlanQuestion
    from budget.commands.options.fitting_options import Drawing, Estimating, Fitting
    from budget.commands.options.option_types import Words
    from budget.commands.options.planning_options import Asking
    from budget.commands.options.reading_options import Linking, Reading
    from budget.commands.running.scenario_file import ReadScenario
    from budget.curves.curves import Curves
    from budget.studies.make_plan import Study
    from budget.studies.scenario_study import Scenarios
    from budget.studies.strategies.judged_models import JudgeModel
    from budget.studies.strategies.strategy_curves import FittedStrategies
    from budget.tables.checks.quality import Finding
    from budget.tables.runs import Runs
    from budget.tables.tasks import TaskSettings


@dataclass(frozen=True)
class FittedRuns:
    """What is known before a budget is named.

    Attributes:
        runs: the measurements.
        findings: their data-quality report.
        curves: the fit, left-out tasks included.
        tasks: what the tasks file says of them.
        compared: every strategy's curves, and settings for all their tasks, where the runs hold several.
        input_files: role → name and SHA-256 of each file.
        columns: how these call the canonical columns, which further tables may do as well.
        judge: tells what a backtest says of a shared model's curves; ``None`` where none is asked for.
        every_run: the measurements of all strategies, where the runs hold several.
    """

    runs: Runs
    findings: list[Finding]
    curves: Curves
    tasks: TaskSettings
    compared: tuple[FittedStrategies, TaskSettings] | None
    input_files: Mapping[str, dict[str, str]]
    columns: Words = ()
    judge: JudgeModel | None = None
    every_run: Runs | None = None


def fit_runs(
    runs_path: str,
    reading: Reading,
    fitting: Fitting,
    estimating: Estimating,
    linking: Linking,
    drawing: Drawing,
    judged: bool,
    decide: bool,
    beyond: float,
    asking: Asking | None = None,
) -> FittedRuns:
    """Read, check, fit and judge, as the options of ``plan`` say.

    ``asking`` is the question where there is one already, which is refused before the fit where it has no answer.

    Raises:
        BudgetError: a file cannot be used, or no curve can be fitted to it.
    """
    from budget.commands.inputs import (
        find_doubts,
        is_of_all_strategies,
        read_beside,
        read_inputs,
        read_linked,
        refuse_named_scales,
        settings_of_losses,
    )
    from budget.commands.running.fitting import (
        add_link,
        fit_all,
        fit_strategies,
        judge_curves,
        judge_shared,
        with_decided,
    )
    from budget.curves.predictive.surfaces.ahead import shared_models_follow
    from budget.tables.files.contents import sha256_as_read

    refuse_named_scales(fitting.scales)
    runs, scores, tasks = read_linked(runs_path, reading, linking, fitting)
    settings = settings_of_losses(tasks, scores)
    findings = find_doubts(runs, settings.best, fitting.law, fitting.scale, estimating.residual == "log")
    if asking is not None and scores is None:
        _refuse_unanswerable(runs, tasks, findings, asking)
    beside = None if scores else read_beside(runs_path, reading, runs)
    share = runs.serves_both_ways and scores is None and not is_of_all_strategies(fitting.law)
    with shared_models_follow(share):
        curves = fit_all(runs, settings, runs_path, fitting, estimating, drawing, beside)
    if judged:
        curves = judge_curves(curves, runs, settings, estimating, drawing, beside)
    if decide:
        curves = with_decided(curves, runs, settings, beyond, fitting, estimating, drawing)
    curves = add_link(curves, runs, scores, tasks, estimating.device)
    compared, judge, every_run = None, None, None
    if share:
        every_run, every_task = read_inputs(runs_path, reading, fitting.mixtures, of_all_strategies=True)
        compared = fit_strategies(every_run, every_task, fitting, estimating, drawing, curves), every_task
        judge = judge_shared(every_run, every_task, curves, estimating, drawing) if judged else None
    paths = {"runs": runs_path, "tasks": reading.tasks_path, "mixtures": fitting.mixtures}
    files = {role: {"name": Path(path).name, "sha256": sha256_as_read(path)} for role, path in paths.items() if path}
    return FittedRuns(runs, findings, curves, tasks, compared, files, reading.columns, judge, every_run)


def _refuse_unanswerable(runs: Runs, tasks: TaskSettings, findings: Sequence[Finding], asking: Asking) -> None:
    """Refuse a question that needs unserved values which nobody states, as planning would after the fit.

    Raises:
        AllocationError: as planning does.
    """
    import numpy as np

    from budget.allocation.spec.measures import MEASURES, default_measure, refuse_unstated_unserved

    failed = {finding.task for finding in findings if finding.verdict == "FAIL"}
    planned = [name not in failed and (not asking.only or name in asking.only) for name in runs.tasks]
    if not any(planned):
        return
    rows = np.array(planned)[runs.task]
    names = [name for name, is_planned in zip(runs.tasks, planned, strict=True) if is_planned]
    kept = runs.select(rows, np.cumsum(planned)[runs.task[rows]] - 1, names, names)
    if MEASURES[asking.aiming.measure or default_measure([kept])].needs_unserved:
        refuse_unstated_unserved(kept, tasks.unserved[planned])


def question_for(fitted: FittedRuns, asking: Asking, strategies: Sequence[str] = ()) -> PlanQuestion:
    """The question that options ask of curves that are there.

    Args:
        fitted: the curves.
        asking: the options.
        strategies: that compete; by default all that the runs hold.

    Raises:
        BudgetError: a table that they name cannot be used, or no curve can be planned.
    """
    from budget.allocation.answer import only_of, usable_curves
    from budget.allocation.spec.plan_question import PlanQuestion
    from budget.allocation.spec.plan_spec import STRATEGIES
    from budget.commands.running.question_options import question_of
    from budget.tables.columns import column_mapping

    asked = PlanQuestion(objective=asking.aiming.objective, measure=asking.aiming.measure)
    curves, tasks = only_of(fitted.curves, fitted.tasks, asking.only)
    usable, _ = usable_curves(curves, tasks, asked.planned_on, asked.is_of_scores)
    # one of these two words alone says how all tasks are served; other words are of the runs
    only = strategies[0] if len(strategies) == 1 and strategies[0] in STRATEGIES else None
    question = question_of(asking, tasks.select(usable.tasks), column_mapping(fitted.columns), strategy=only)
    return question if only else replace(question, among=tuple(strategies))


def with_tables(fitted: FittedRuns, read: Sequence[ReadScenario]) -> FittedRuns:
    """The same, with the hashes of the tables that scenarios name."""
    from budget.tables.files.contents import sha256_as_read

    files = {
        f"{option} of {each.name}": {"name": Path(path).name, "sha256": sha256_as_read(path)}
        for each in read
        for option, path in each.asking.tables.items()
    }
    return replace(fitted, input_files={**fitted.input_files, **files})


def scenarios_of(fitted: FittedRuns, read: Sequence[ReadScenario]) -> Scenarios:
    """Every scenario of a file answered by curves that are there.

    Raises:
        DataError: a table that one names cannot be used.
    """
    from budget.errors import AllocationError, DataError, FitError
    from budget.report.progress import step
    from budget.studies.scenario_study import AskedScenario, solve_scenarios

    asked: list[AskedScenario] = []
    for each in read:
        try:
            question = question_for(fitted, each.asking, each.strategies)
        except (AllocationError, FitError) as error:
            asked.append(AskedScenario(each.name, each.asking.budget, None, each.told, str(error)))
        except DataError as error:
            raise DataError(f"Scenario {shown(each.name)}: {error}") from None
        else:
            asked.append(AskedScenario(each.name, each.asking.budget, question, each.told, after=each.after))
    with step("scenarios") as bar:
        return solve_scenarios(fitted.curves, fitted.tasks, asked, fitted.compared, progress=bar)


def study_of(
    fitted: FittedRuns,
    asking: Asking,
    strategies: Sequence[str] = (),
    order: str = "given",
    scenarios: Scenarios | None = None,
) -> Study:
    """Plan, grow and compare by curves that are there, as the options of ``plan`` say.

    Args:
        fitted: the curves.
        asking: what is asked of them.
        strategies: that compete; by default all that the runs hold.
        order: in which tasks join, see ``growth.grow``.
        scenarios: other questions to the same curves, answered already.

    Raises:
        BudgetError: no plan can be made as it is asked for.
    """
    from budget.report.progress import steps
    from budget.studies.make_plan import make_plan
    from budget.tables.files.contents import sha256_as_read

    question = question_for(fitted, asking, strategies)
    tables = {name: {"name": Path(path).name, "sha256": sha256_as_read(path)} for name, path in asking.tables.items()}
    with steps() as watch:
        return make_plan(
            fitted.runs,
            fitted.findings,
            fitted.curves,
            fitted.tasks,
            asking.budget,
            question=question,
            order=order,
            compared=fitted.compared,
            judge=fitted.judge,
            scenarios=scenarios,
            every_run=fitted.every_run,
            input_files={**fitted.input_files, **tables},
            progress=watch,
        )
