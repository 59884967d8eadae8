"""``budget compare``: what changed between two plans, and why."""

import click

from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.running.group import command


@command("compare", "budget compare plan plan-2e14 --out changes.csv")
@click.argument("before", metavar="PLAN_A")
@click.argument("after", metavar="PLAN_B")
@OUTPUT
def compare(before: str, after: str, output: Output) -> None:
    """Say what changed from the plan in one folder to that in another, and why: inputs, options, curves, the answer."""
    from budget.commands.running.output import echo_notes, emit
    from budget.report.changes import changes_told
    from budget.studies.plan_changes import plan_changes, read_plan

    found = plan_changes(read_plan(before), read_plan(after))
    emit(found.table, found.record(), output)
    echo_notes(*changes_told(found))
