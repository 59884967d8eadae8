"""On which machines a command's work is done."""

from dataclasses import dataclass

import click

from budget.commands.options.option_types import as_record


@dataclass(frozen=True)
class Placing:
    """Where the work goes.

    Attributes:
        place: ``--on``, ``None`` for this process.
        needs: ``--with``.
        shards: into how many parts it is divided.
        detach: whether it is left behind.
    """

    place: str | None
    needs: str | None
    shards: int | None
    detach: bool


PLACING = as_record(
    Placing,
    "placing",
    click.option(
        "--on", "place", metavar="PLACE",
        help="Where programs run: local, slurm (by srun), or ray, ray://HOST.",
    ),
    click.option("--with", "needs", metavar="NEEDS", help="What each gets there, such as 'gpus=1 time=2h mem=16G'."),
    click.option("--shards", type=click.IntRange(1), metavar="N", help="Divide the work into N parts, see join."),
    click.option(
        "--detach", is_flag=True, help="Submit the shards as a job array of Slurm, say how to join them, and end."
    ),
)  # fmt: skip
