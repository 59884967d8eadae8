"""Which models to build, of candidates or of groups."""

from dataclasses import dataclass

import click

from budget.commands.options.option_types import Number, as_record


@dataclass(frozen=True)
class Choosing:
    """What makes a choice of models the best one, and what limits it."""

    objective: str
    risk: str
    level: float
    allow_unserved: bool
    max_models: int | None
    time_limit: float


CHOOSING = as_record(
    Choosing,
    "choosing",
    click.option("--objective", type=click.Choice(["mean", "worst", "targets"]), default="mean", show_default=True,
                 help="Weighted mean of the values, the worst task's value, or the weighted share of targets met."),
    click.option("--risk", type=click.Choice(["mean", "cvar"]), default="mean", show_default=True,
                 help="Over the draws: their mean, or the mean of their worst share."),
    click.option("--level", type=Number(), default=0.9, show_default=True, metavar="SHARE",
                 help="Share of the draws that cvar leaves out."),
    click.option("--allow-unserved", is_flag=True,
                 help="A task may go without a model, at the value in column unserved of the tasks file."),
    click.option("--max-models", type=click.IntRange(1), metavar="N", help="How many models may be built."),
    click.option("--time-limit", type=Number(), default=30, show_default=True, metavar="SECONDS",
                 help="Then the best choice so far is given, with its gap."),
)  # fmt: skip
