"""What a command says and writes. Heavy imports stay inside."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from budget.commands.running.schemas import stamped
from budget.numerics.quoting import escaped
from budget.report.verbosity import VERBOSITY, VERDICT_COLORS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from budget.commands.options.output_options import Output
    from budget.curves.curves import Curves


def emit(table: pd.DataFrame, record: object | Callable[[], object], output: Output, schema: str | None = None) -> None:
    """The result as JSON or CSV, to a file or to standard output; on a terminal, as a table.

    Args:
        table: one row for each thing found.
        record: the same and more, for JSON; or what makes it, where that takes time and CSV may be asked for.
        output: where it goes, and as what.
        schema: of the record; by default the command's.
    """
    from budget.tables.files.text import csv_text, json_text
    from budget.tables.files.write_files import write_text

    if output.as_json:
        made = record() if callable(record) else record
        content = json_text(stamped(made, schema or str(click.get_current_context().command.name)))
    elif not output.out and sys.stdout.isatty():
        from budget.report.terminal import print_table

        print_table(table, color=VERBOSITY.get().color)
        return
    else:
        content = csv_text(in_given_units(table))
    if output.out:
        write_text(output.out, content)
    else:
        click.echo(content, nl=False, color=True)  # a name keeps its characters, as in --out


def show(table: pd.DataFrame) -> None:
    """A table on standard output: set in columns on a terminal, as CSV elsewhere."""
    from budget.tables.files.text import csv_text

    if sys.stdout.isatty():
        from budget.report.terminal import print_table

        print_table(table)
    else:
        click.echo(csv_text(table), nl=False, color=True)


def in_given_units(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its spends and budgets once more, in the unit that the user gave, as its last columns."""
    from budget.numerics.quantities.amounts import GIVEN

    units = [unit for kind, unit in GIVEN.get().items() if unit.label and kind != "money"]
    if len(units) != 1:
        return table
    columns = [name for name in ("budget", "spend", "spend_low", "spend_high") if name in table.columns]
    named = _MARKS.get(units[0].label, units[0].label)
    return table.assign(**{f"{name} ({named})": table[name] / units[0].size for name in columns})


_MARKS = {"$": "USD", "€": "EUR", "£": "GBP"}


def echo_notes(*notes: str) -> None:
    """Say sentences on standard error, each once, unless nothing is to be said; verdicts in them in colour."""
    asked = VERBOSITY.get()
    for note in () if asked.quiet else dict.fromkeys(notes):
        click.echo(_colored(escaped(note, keep="\n")), err=True, color=asked.color)


def _colored(text: str) -> str:
    return re.sub(
        rf"\b({'|'.join(VERDICT_COLORS)})\b",
        lambda verdict: click.style(verdict[0], fg=VERDICT_COLORS[verdict[0]]),
        text,
    )


def cost_notes(curves: Curves) -> tuple[str, ...]:
    """What FLOPs were fitted to, one sentence, where the runs count them."""
    cost = curves.cost
    if cost is None or cost.assumed:
        return ()
    return (
        f"Cost law: {cost.formula} FLOPs (root mean square error {cost.rms_error:.2%}, largest {cost.max_error:.2%}).",
    )
