"""``budget check``: whether the runs can carry curves."""

import click

from budget.commands.options.fitting_options import FITTING, Fitting
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.reading_options import READING, Reading
from budget.commands.running.group import command


@command("check", example="budget check runs.csv --where train_set=rpj")
@click.argument("runs_path", metavar="RUNS")
@READING
@FITTING
@OUTPUT
def check(runs_path: str, reading: Reading, fitting: Fitting, output: Output) -> None:
    """Report whether the runs can carry curves: PASS, REVIEW or FAIL for each task."""
    from budget.commands.inputs import find_doubts, is_of_all_strategies, read_inputs
    from budget.commands.running.output import echo_notes, emit
    from budget.tables.checks.quality import check_table
    from budget.tables.files.text import json_text

    across = is_of_all_strategies(fitting.law)
    runs, tasks = read_inputs(runs_path, reading, fitting.mixtures, scales=fitting.scales, of_all_strategies=across)
    findings = find_doubts(runs, tasks.best, fitting.law, fitting.scale)
    echo_notes(*runs.notes, *tasks.notes)
    emit(check_table(findings), json_text([vars(finding) for finding in findings]), output)
