"""``budget plan``: from measured runs to the planning report."""

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
from budget.commands.options.planning_options import ASKING, ORDER, STRATEGY, Asking
from budget.commands.options.reading_options import LINKING, READING
from budget.commands.running.group import INVOCATION, command, is_input

FITTED = together(
    READING, FITTING, ESTIMATING, LINKING, DRAWING, backtest_option(default=True), decide_option, beyond_option
)
"""The options of ``fit_runs``."""

ASKED = together(STRATEGY, ASKING, ORDER)
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
@FITTED
@JSON
def plan(
    runs_path: str,
    out: str,
    strategy: str | None,
    asking: Asking,
    order: str,
    as_json: bool,
    **fitting: Any,
) -> None:
    """From measured runs to the planning report: check, fit, allocate and grow in one go."""
    from budget.commands.running.output import echo_notes
    from budget.commands.running.plan_file import PLAN_FILE, RUNS, plan_file
    from budget.commands.running.planned_study import fit_runs, study_of
    from budget.commands.running.question_options import refuse_words
    from budget.report.page.report_files import OPTIONAL, report_files
    from budget.report.sentences.headline import study_summary
    from budget.tables.files.text import json_text
    from budget.tables.files.write_files import write_folder

    refuse_words(asking)
    study = study_of(fit_runs(runs_path, **fitting), asking, strategy, order)
    ctx = click.get_current_context()
    said = ctx.meta[INVOCATION]()
    files_of = {RUNS, *(param.opts[0].removeprefix("--") for param in ctx.command.params if is_input(param))}
    files = report_files(study, {PLAN_FILE: plan_file(said, Path(out), files_of)})
    write_folder(out, files, absent=OPTIONAL - set(files))
    echo_notes(*study.plan.warnings, *study.notes)
    if as_json:
        click.echo(json_text(study.record()), nl=False)
    else:
        echo_notes(*study_summary(study), f"Wrote {', '.join(sorted(files))} to {out}.")
