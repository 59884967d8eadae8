"""How a program of the user's trains the runs of a plan."""

from dataclasses import dataclass

import click

from budget.commands.options.option_types import Number, as_record


@dataclass(frozen=True)
class Training:
    """What is said of ``--command``; ``None`` where nothing is."""

    timeout: float | None
    retries: int | None
    logs: str | None


TRAINING = as_record(
    Training,
    "training",
    click.option("--timeout", type=Number(), metavar="SECONDS",
                 help="End an attempt of --command that takes longer.  [default: never]"),
    click.option("--retries", type=click.IntRange(0), metavar="N",
                 help="Further attempts of --command after a failure other than a diverged value.  [default: 1]"),
    click.option("--logs", metavar="DIR",
                 help="Where the output of --command goes, a file a run.  [default: OUT's name with -logs, beside it]"),
)  # fmt: skip
COMMAND = click.option(
    "--command", metavar="COMMAND",
    help="Run this program for each row instead, {column} standing for the row's cell. It prints a JSON "
         "line: {\"value\": 2.31}, or {\"values\": {\"task_a\": 2.3, …}}, and whatever else is a column.",
)  # fmt: skip
