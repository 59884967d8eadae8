"""``budget schema``: what a command's JSON holds."""

import click

from budget.commands.running.group import command
from budget.commands.running.schemas import VERSIONS, schema_id, schema_text


@command("schema", "budget schema", "budget schema plan > plan.schema.json")
@click.argument("name", type=click.Choice(tuple(VERSIONS)), required=False)
def schema(name: str | None) -> None:
    """Print the JSON schema of what a command prints with --json, or the names of all.

    Each output says in its key "schema" which one it follows, such as budget/plan/1. Keys may be added within a
    version; one that goes, or means something else, makes the next.
    """
    if name:
        click.echo(schema_text(name), nl=False)
    else:
        click.echo("\n".join(schema_id(each) for each in VERSIONS))
