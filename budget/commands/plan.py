"""``budget plan``: from measured runs to the planning report."""

from pathlib import Path

import click

from budget.commands.options.fitting_options import (
    DRAWING,
    ESTIMATING,
    FITTING,
    Drawing,
    Estimating,
    Fitting,
    backtest_option,
    beyond_option,
    decide_option,
)
from budget.commands.options.output_options import JSON
from budget.commands.options.planning_options import ORDER, REACH, SPENDING, STRATEGY, Spending
from budget.commands.options.reading_options import LINKING, READING, Linking, Reading
from budget.commands.running.group import INVOCATION, command, is_input


@command("plan", example="budget plan runs.csv --budget 1e21 --out plan")
@click.argument("runs_path", metavar="RUNS")
@click.option("--out", required=True, metavar="DIR", help="Folder for report.html, report.md, the CSVs and plan.json.")
@SPENDING
@STRATEGY
@REACH
@ORDER
@READING
@FITTING
@ESTIMATING
@LINKING
@DRAWING
@backtest_option(default=True)
@decide_option
@beyond_option
@JSON
def plan(
    runs_path: str,
    out: str,
    spending: Spending,
    strategy: str | None,
    reach: float,
    order: str,
    reading: Reading,
    fitting: Fitting,
    estimating: Estimating,
    linking: Linking,
    drawing: Drawing,
    judged: bool,
    decide: bool,
    beyond: float,
    as_json: bool,
) -> None:
    """From measured runs to the planning report: check, fit, allocate and grow in one go."""
    from budget.commands.inputs import (
        find_doubts,
        is_of_all_strategies,
        read_beside,
        read_inputs,
        read_linked,
        refuse_named_scales,
        settings_of_losses,
    )
    from budget.commands.running.fitting import add_link, fit_all, fit_strategies, judge_curves, with_decided
    from budget.commands.running.output import echo_notes
    from budget.commands.running.plan_file import PLAN_FILE, RUNS, plan_file
    from budget.report.page.report_files import OPTIONAL, report_files
    from budget.report.progress import steps
    from budget.report.sentences.headline import study_summary
    from budget.studies.make_plan import make_plan
    from budget.tables.files.contents import sha256_as_read
    from budget.tables.files.text import json_text
    from budget.tables.files.write_files import write_folder

    refuse_named_scales(fitting.scales)
    runs, scores, tasks = read_linked(runs_path, reading, linking, fitting)
    settings = settings_of_losses(tasks, scores)
    findings = find_doubts(runs, settings.best, fitting.law, fitting.scale, estimating.residual == "log")
    beside = None if scores else read_beside(runs_path, reading, runs)
    curves = fit_all(runs, settings, runs_path, fitting, estimating, drawing, beside)
    if judged:
        curves = judge_curves(curves, runs, settings, estimating, drawing, beside)
    if decide:
        curves = with_decided(curves, runs, settings, beyond, fitting, estimating, drawing)
    curves = add_link(curves, runs, scores, tasks, estimating.device)
    compared = None
    if runs.serves_both_ways and scores is None and not is_of_all_strategies(fitting.law):
        every_run, every_task = read_inputs(runs_path, reading, fitting.mixtures, of_all_strategies=True)
        compared = fit_strategies(every_run, every_task, fitting, estimating, drawing, curves), every_task
    paths = {"runs": runs_path, "tasks": reading.tasks_path, "mixtures": fitting.mixtures}
    with steps() as watch:
        study = make_plan(
            runs,
            findings,
            curves,
            tasks,
            spending.budget,
            unit=spending.unit,
            strategy=strategy,
            params=spending.params,
            order=order,
            reach=reach,
            compared=compared,
            input_files={
                role: {"name": Path(path).name, "sha256": sha256_as_read(path)} for role, path in paths.items() if path
            },
            progress=watch,
        )
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
