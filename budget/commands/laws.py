"""``budget laws``: which laws there are, where they come from, and whose constants are printed."""

import click

from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.running.group import command


@command("laws", "budget laws", "budget laws --published chinchilla2024 --out published.json")
@click.option(
    "--published",
    metavar="NAME",
    help="Write instead a curves file of this published curve, to plan with before anything is measured.",
)
@click.option(
    "--task", "tasks", multiple=True, metavar="NAME", help="A task of that file. Repeatable.  [default: text]"
)
@OUTPUT
def laws(published: str | None, tasks: tuple[str, ...], output: Output) -> None:
    """List the laws and the curves that others published; or make a curves file of one of these.

    A plan from such a file says that nothing of its tasks was measured.
    """
    from budget.commands.running.output import echo_notes, emit
    from budget.curves.laws.table import laws_table
    from budget.curves.published import curves_of_published
    from budget.curves.records.checksum import sealed
    from budget.curves.records.curves_files import write_curves
    from budget.curves.records.writing import record_of
    from budget.errors import DataError
    from budget.numerics.strict_json import json_rows

    if published is None:
        if tasks:
            raise DataError("--task is for a curves file of a published curve; give --published NAME as well.")
        table = laws_table()
        emit(table, json_rows(table), output)
        return
    curves = curves_of_published(published, tasks or ("text",))
    written: tuple[str, ...] = ()
    if output.out:
        written = write_curves(output.out, curves)
    else:
        emit(curves.table(), lambda: sealed(record_of(curves)), output, "curves")
    echo_notes(*curves.warnings, *curves.notes, *written)
