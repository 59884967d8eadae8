"""``budget import``: a plain file of runs out of another tool's store or export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from budget.commands.options.option_types import Condition, Pair, Words
from budget.commands.running.group import command

if TYPE_CHECKING:
    from budget.tables.imports.imported import Imported

SOURCES = ("wandb", "mlflow", "lm-eval", "eee", "trackio")


@command("import", "budget import wandb export.csv --out runs.csv", "budget import mlflow mlruns --out runs.csv")
@click.argument("source", type=click.Choice(SOURCES))
@click.argument("store", metavar="STORE")
@click.option("--out", required=True, metavar="FILE", help="The file of runs to write.")
@click.option(
    "--column",
    "columns",
    type=Pair(),
    multiple=True,
    metavar="CANONICAL=THEIRS",
    help="Take THEIRS as the column CANONICAL; what is not said is guessed by the names. Repeatable.",
)
@click.option(
    "--where",
    type=Condition(),
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Take rows with this value, see check. Repeatable.",
)
@click.option("--wide", metavar="PATTERN", help="Make a task of each metric that fits, such as 'summary.eval/*'.")
@click.option("--task", metavar="NAME", help="Name of the task, where all runs are of one.")
@click.option("--higher-is-better", is_flag=True, help="Larger values are better, where the store does not say.")
@click.option(
    "--models",
    metavar="CSV",
    help="Sizes of the runs by their names (run, params, tokens, flops), for results that lack them.",
)
@click.option("--every", is_flag=True, help="All steps that were logged, not only the last values (mlflow, trackio).")
def import_runs(
    source: str,
    store: str,
    out: str,
    columns: Words,
    where: Words,
    wide: str | None,
    task: str | None,
    higher_is_better: bool,
    models: str | None,
    every: bool,
) -> None:
    """Write a plain runs.csv out of STORE, and say what was taken and what was left. No server, no other package.

    wandb: a CSV or JSON export, or the local folder wandb. mlflow: mlruns or mlflow.db. lm-eval: the folder of results.
    eee: files of Every Eval Ever (lm-eval, HELM, Inspect). trackio: PROJECT.db.
    """
    from budget.commands.running.output import echo_notes
    from budget.tables.columns import column_mapping
    from budget.tables.files.text import csv_text
    from budget.tables.files.write_files import write_text
    from budget.tables.imports.runs_file import plain_runs

    frame, notes = plain_runs(
        _found(source, store, every),
        store,
        column_mapping(columns),
        where,
        task=task,
        higher_is_better=higher_is_better,
        wide=wide,
        last_of=None,
        every=every,
        models=models,
    )
    write_text(out, csv_text(frame))
    echo_notes(*notes, f"Wrote {len(frame)} rows to {out}; look at them with 'budget check {out}'.")


def _found(source: str, store: str, every: bool) -> Imported:
    if source == "wandb":
        from budget.tables.imports.wandb_export import import_wandb

        return import_wandb(store)
    if source == "mlflow":
        from budget.tables.imports.mlflow_store import import_mlflow

        return import_mlflow(store, every=every)
    if source == "trackio":
        from budget.tables.imports.trackio_store import import_trackio

        return import_trackio(store, every=every)
    if source == "lm-eval":
        from budget.tables.imports.lm_eval_results import import_lm_eval

        return import_lm_eval(store)
    from budget.tables.imports.every_eval_ever import import_every_eval_ever

    return import_every_eval_ever(store)
