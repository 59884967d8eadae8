"""``budget plan``: from measured runs to the planning report."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from budget.commands.options.fitting_options import (
    DRAWING,
    ESTIMATING,
    FITTING,
    backtest_option,
    beyond_option,
    decide_option,
)
from budget.commands.options.option_types import together
from budget.commands.options.output_options import JSON
from budget.commands.options.planning_options import ASKING, COMPETING, ORDER, Asking
from budget.commands.options.reading_options import LINKING, READING
from budget.commands.running.group import INVOCATION, command, is_input

FITTED = together(
    READING, FITTING, ESTIMATING, LINKING, DRAWING, backtest_option(default=True), decide_option, beyond_option
)
"""The options of ``fit_runs``."""

SCENARIOS = click.option(
    "--scenarios", "scenarios_path", metavar="CSV",
    help="Answer these questions too, side by side: a row a scenario, with its name and any options of a question as "
         "columns; or TOML with [[scenario]] tables. The report is of the command line's own question, or without "
         "--budget of the first.",
)  # fmt: skip

ASKED = together(COMPETING, ASKING, ORDER)
"""The options of ``study_of``."""


@command(
    "plan",
    "budget plan data/runs.csv --tasks data/tasks.csv --budget 1e14 --out plan",
    "budget plan data/runs.csv --budget '20 T4-seconds' --out plan --dry-run",
    "budget plan plan/plan.toml --budget 2e14 --out plan-2e14",
    takes_long=True,
)
@click.argument("runs_path", metavar="RUNS")
@click.option("--out", required=True, metavar="DIR", help="Folder for report.html, report.md, the CSVs and plan.json.")
@ASKED
@SCENARIOS
@FITTED
@JSON
def plan(
    runs_path: str,
    out: str,
    strategies: tuple[str, ...],
    asking: Asking,
    order: str,
    scenarios_path: str | None,
    as_json: bool,
    **fitting: Any,
) -> None:
    """From measured runs to the planning report: check, fit, allocate and grow in one go."""
    from budget.commands.running.output import echo_notes, show
    from budget.commands.running.plan_file import PLAN_FILE, RUNS, plan_file, way_from
    from budget.commands.running.planned_study import fit_runs, scenarios_of, study_of, with_tables
    from budget.commands.running.question_options import refuse_words
    from budget.commands.running.scenario_file import AS_ASKED, read_scenarios, scenarios_text
    from budget.errors import AllocationError
    from budget.report.page.report_files import OPTIONAL, report_files
    from budget.report.scenario_section import scenarios_summary
    from budget.report.sentences.headline import study_summary
    from budget.tables.files.text import json_text
    from budget.tables.files.write_files import write_folder

    ctx = click.get_current_context()
    said = ctx.meta[INVOCATION]()
    if scenarios_path is None:
        refuse_words(asking)
        study = study_of(fit_runs(runs_path, asking=asking, **fitting), asking, strategies, order)
        scenarios = ""
    else:
        read, heard = read_scenarios(scenarios_path, runs_path, said)
        fitted = with_tables(fit_runs(runs_path, **fitting), read)
        answers = scenarios_of(fitted, read)
        if answers.first is None:
            raise AllocationError(f"No scenario can be planned. {answers.every[0].asked.name}: {answers.every[0].why}")
        first = next(each for each in read if each.name == answers.first.asked.name)
        study = study_of(fitted, first.asking, first.strategies, first.order, answers)
        of_file = [each for each in read if each.name != AS_ASKED]
        scenarios = scenarios_text(of_file, str(said.pop("scenarios")), out)
        echo_notes(*heard)
    if "tasks" in said:
        study = replace(study, tasks_path=way_from(Path(out), said["tasks"]))
    files_of = {RUNS, *(param.opts[0].removeprefix("--") for param in ctx.command.params if is_input(param))}
    files = report_files(study, {PLAN_FILE: plan_file(said, Path(out), files_of) + scenarios})
    write_folder(out, files, absent=OPTIONAL - set(files))
    echo_notes(*study.plan.warnings, *study.notes)
    if as_json:
        click.echo(json_text(study.record()), nl=False)
    else:
        if study.scenarios is not None:
            show(study.scenarios.table())
            echo_notes(scenarios_summary(study.scenarios))
        where = "this folder" if Path(out) == Path() else out
        echo_notes(*study_summary(study), f"Wrote {', '.join(sorted(files))} to {where}.")
