"""``budget measure``: train the runs of a plan, and append what they found."""

import warnings

import click

from budget.commands.options.output_options import JSON
from budget.commands.options.placing_options import PLACING, Placing
from budget.commands.options.sharding_options import shard_option
from budget.commands.options.training_options import COMMAND, TRAINING, Training
from budget.commands.running.group import command
from budget.tables.shards import Shard


@command(
    "measure",
    "budget measure data/loop_plan.csv --out measured.csv --jobs 2",
    "budget measure data/loop_plan.csv --out measured.csv --jobs 2 "
    '--command "python train.py --task {task} --width {width} --tokens {tokens} --seed {seed}"',
    takes_long=True,
)
@click.argument("plan_path", metavar="PLAN")
@click.option(
    "--out",
    required=True,
    metavar="CSV",
    help="The runs file; finished rows in it are kept and not trained again.",
)
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True,
    help="Runs at once; without --command worker processes, one core each.",
)  # fmt: skip
@COMMAND
@TRAINING
@shard_option("runs")
@PLACING
@JSON
def measure(
    plan_path: str,
    out: str,
    jobs: int,
    command: str | None,
    training: Training,
    shard: Shard | None,
    placing: Placing,
    as_json: bool,
) -> None:
    """Train the runs of a plan and append rows for each; stop and start again at will, or in several processes at once.

    Without --command it trains the small transformers of this package. Failed runs are listed beside OUT, in a file
    whose name ends with -failed.csv; the same command repeats them, but for those whose value was no finite number.
    """
    from budget.commands.joining.spread import refuse_misplaced, spread
    from budget.commands.running.output import echo_notes
    from budget.commands.running.schemas import stamped
    from budget.report.measuring_progress import sweep
    from budget.tables.files.text import json_text

    refuse_misplaced(placing, shard, out, measures=True)
    if placing.shards:
        spread(placing, out, ".csv")
        return
    if placing.place and command is None:
        raise click.UsageError("--on starts --command there; give that too, or --shards and --detach.")
    stated = {name: value for name, value in vars(training).items() if value is not None}
    if stated and command is None:
        raise click.UsageError(f"--{min(stated)} belongs to --command; give that too, or leave it out.")
    warnings.showwarning = lambda message, *_: echo_notes(f"Warning: {message}")
    with sweep(echo_notes) as progress:
        if command is None:
            from budget.lab.transformer.sweep import measure as train

            runs = train(plan_path, out, jobs=jobs, progress=progress, shard=shard)
        else:
            from budget.lab.runner.command import measure_command

            runs = measure_command(
                plan_path,
                out,
                command,
                jobs=jobs,
                timeout=training.timeout,
                retries=1 if training.retries is None else training.retries,
                logs=training.logs,
                progress=progress,
                shard=shard,
                place=placing.place or "local",
                needs=placing.needs or "",
            )
    if shard:
        from budget.lab.runner.measured_shard import write_shard

        write_shard(out, plan_path, command, shard)
    if as_json:
        click.echo(json_text(stamped({"out": out, "rows": len(runs)}, "measure")), nl=False)
    else:
        echo_notes(f"{out} holds {len(runs)} rows.")
