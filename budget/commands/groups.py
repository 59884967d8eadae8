"""``budget groups``: which tasks help or harm each other, and which to train together."""

import os

import click

from budget.commands.options.choosing_options import CHOOSING, Choosing
from budget.commands.options.option_types import Number
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.reading_options import SELECTING, Selecting
from budget.commands.running.group import command


@command(
    "groups",
    "budget groups data/runs.csv --where strategy=specialist --where strategy=generalist --where 'n_tasks<=2' "
    "--where width=32 --where tokens=512000 --out groups.csv",
)
@click.argument("table_path", metavar="TABLE")
@click.option(
    "--budget", "budgets", type=Number(), multiple=True, metavar="NUMBER",
    help="What the models may cost together. Repeatable; without it the matrix alone is printed.",
)  # fmt: skip
@SELECTING
@click.option("--measured-only", is_flag=True, help="From a table of pairs, predict no larger groups.")
@CHOOSING
@OUTPUT
def groups(
    table_path: str,
    budgets: tuple[float, ...],
    selecting: Selecting,
    measured_only: bool,
    choosing: Choosing,
    output: Output,
) -> None:
    """Say which tasks help or harm each other, and choose which to train together at each budget.

    TABLE has candidates (model, cost, task, value), or pairs (task, value and partner or model_tasks; seed, stderr and
    cost where there are any). Of a curves file of law transfer the coefficients are printed.
    """
    from budget.commands.inputs import read_candidates_or_cotrained
    from budget.commands.running.output import echo_notes, emit
    from budget.report.sentences.groups_sentences import groups_summary, matrix_text, transfer_summary

    if table_path.endswith(".json") or os.path.isdir(table_path):
        from budget.curves.records.curves_files import read_curves
        from budget.studies.groups.law_transfer import law_transfer

        curves = read_curves(table_path)
        transfer = law_transfer(curves)
        echo_notes(*curves.left_out)
        emit(transfer.table(), transfer.record(), output, "transfer")
        echo_notes(transfer_summary(transfer))
        return
    from budget.studies.groups.groups import group_tasks

    table, tasks = read_candidates_or_cotrained(table_path, selecting)
    found = group_tasks(
        table,
        budgets,
        tasks=tasks,
        predict=not measured_only,
        objective=choosing.objective,
        risk=choosing.risk,
        level=choosing.level,
        allow_unserved=choosing.allow_unserved,
        max_models=choosing.max_models,
        time_limit=choosing.time_limit,
    )
    echo_notes(*tasks.notes, *found.notes, *found.matrix.notes)
    emit(found.table() if budgets else found.matrix.table(), found.record(), output)
    echo_notes(matrix_text(found.matrix), *groups_summary(found))
