"""Where a result goes, and as what."""

from dataclasses import dataclass

import click

from budget.commands.options.option_types import as_record


@dataclass(frozen=True)
class Output:
    """A result as JSON or as a table, in a file or on standard output."""

    as_json: bool
    out: str | None


JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
OUTPUT = as_record(
    Output, "output", JSON, click.option("--out", metavar="FILE", help="Write the result here instead of printing it.")
)
