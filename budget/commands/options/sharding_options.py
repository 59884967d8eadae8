"""Which part of a command's work this process does."""

import click

from budget.commands.options.option_types import Decorator
from budget.tables.shards import Shard


class ShardType(click.ParamType):  # type: ignore[type-arg]  # takes an argument in click 8.5, and none before
    """``I/N``, counted from 0."""

    name = "shard"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """The part that a text names."""
        if isinstance(value, Shard):
            return value
        index, slash, of = str(value).partition("/")
        if not (slash and index.isdecimal() and of.isdecimal() and int(index) < int(of)):
            self.fail(
                f"'{value}' is no part; write I/N with I from 0 to N-1, such as 0/4 for the first of four.", param, ctx
            )
        return Shard(int(index), int(of))


def shard_option(what: str) -> Decorator:
    """``--shard`` of a command, whose work is ``what``."""
    return click.option(
        "--shard",
        type=ShardType(),
        metavar="I/N",
        help=f"Do only part I of N, from 0 on: {what} whose name's hash says so. See join.",
    )
