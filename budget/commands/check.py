"""``budget check``: whether the runs can carry curves."""

import click

from budget.commands.options.fitting_options import FITTING, Fitting
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.reading_options import READING, Reading
from budget.commands.running.group import command
from budget.errors import DataError
from budget.numerics.quoting import listed


@command(
    "check",
    "budget check data/runs.csv --tasks data/tasks.csv",
    "budget check data/runs.csv --where 'params>20k' --where task=code --strict",
)
@click.argument("runs_path", metavar="RUNS")
@READING
@FITTING
@click.option("--strict", is_flag=True, help="Exit with 1 where a task's verdict is FAIL, for scripts.")
@OUTPUT
def check(runs_path: str, reading: Reading, fitting: Fitting, strict: bool, output: Output) -> None:
    """Report whether the runs can carry curves: PASS, REVIEW or FAIL for each task."""
    from budget.commands.inputs import find_doubts, is_of_all_strategies, read_inputs
    from budget.commands.running.output import echo_notes, emit
    from budget.tables.checks.quality import check_table

    across = is_of_all_strategies(fitting.law)
    runs, tasks = read_inputs(runs_path, reading, fitting.mixtures, scales=fitting.scales, of_all_strategies=across)
    findings = find_doubts(runs, tasks.best, fitting.law, fitting.scale)
    echo_notes(*runs.notes, *tasks.notes)
    emit(check_table(findings), [vars(finding) for finding in findings], output)
    failed = dict.fromkeys(finding.task or "(file)" for finding in findings if finding.verdict == "FAIL")
    if strict and failed:
        raise DataError(
            f"{runs_path}: FAIL for {listed(failed)}; their advice stands in the table, --where leaves out."
        )
