"""``budget fit``: from runs to the curves file that the other commands read."""

import click

from budget.commands.options.fitting_options import (
    DRAWING,
    ESTIMATING,
    FITTING,
    Drawing,
    Estimating,
    Fitting,
    backtest_option,
    beyond_option,
    decide_option,
)
from budget.commands.options.output_options import JSON, Output
from budget.commands.options.placing_options import PLACING, Placing
from budget.commands.options.reading_options import LINKING, READING, Linking, Reading
from budget.commands.options.sharding_options import shard_option
from budget.commands.running.group import command
from budget.tables.shards import Shard


@command(
    "fit",
    "budget fit data/runs.csv --tasks data/tasks.csv --out curves.json",
    "budget fit data/runs.csv --where task=code --law chinchilla --backtest",
    "budget fit data/runs.csv --shard 0/2 --out part-0.npz",
    "budget fit data/runs.csv --shard 1/2 --out part-1.npz",
    takes_long=True,
)
@click.argument("runs_path", metavar="RUNS")
@READING
@FITTING
@ESTIMATING
@LINKING
@DRAWING
@backtest_option(default=False)
@decide_option
@beyond_option
@click.option(
    "--sensitivity", is_flag=True,
    help="Print instead how every parameter shifts under the other losses and without each flagged row.",
)  # fmt: skip
@shard_option("tasks")
@PLACING
@JSON
@click.option(
    "--out", metavar="FILE|DIR",
    help="Write the curves here, beside the printed table: curves.json, or curves/, a folder a sixth as "
         "large (for 1,000 tasks or more also where only 'curves' is said).",
)  # fmt: skip
def fit(
    runs_path: str,
    reading: Reading,
    fitting: Fitting,
    estimating: Estimating,
    linking: Linking,
    drawing: Drawing,
    judged: bool,
    decide: bool,
    beyond: float,
    sensitivity: bool,
    shard: Shard | None,
    placing: Placing,
    as_json: bool,
    out: str | None,
) -> None:
    """Fit a law to every task at once; --out writes the curves file that the other commands read."""
    from budget.commands.inputs import read_beside, read_linked, settings_of_losses
    from budget.commands.joining.fitted_parts import fitting_shard, refuse_with_shard
    from budget.commands.joining.spread import refuse_misplaced, spread
    from budget.commands.running.fitting import add_link, fit_all, fit_sensitivity, judge_curves, with_decided
    from budget.commands.running.output import cost_notes, echo_notes, emit
    from budget.curves.records.checksum import sealed
    from budget.curves.records.curves_files import write_curves
    from budget.curves.records.writing import record_of
    from budget.numerics.strict_json import json_rows

    refuse_misplaced(placing, shard, out, measures=False)
    refuse_with_shard(shard, out, {"--decide": decide, "--sensitivity": sensitivity}, placing.shards)
    if placing.shards and out:
        spread(placing, out, ".npz")
        return
    runs, scores, tasks = read_linked(runs_path, reading, linking, fitting)
    settings = settings_of_losses(tasks, scores)
    beside = None if scores else read_beside(runs_path, reading, runs)
    with fitting_shard(shard, out):
        curves = fit_all(runs, settings, runs_path, fitting, estimating, drawing, beside)
        if judged:
            curves = judge_curves(curves, runs, settings, estimating, drawing, beside)
    if shard:
        return
    if decide:
        curves = with_decided(curves, runs, settings, beyond, fitting, estimating, drawing)
    curves = add_link(curves, runs, scores, tasks, estimating.device)
    curves.usable()
    echo_notes(*curves.warnings, *tasks.notes, *curves.notes, *cost_notes(curves), *curves.left_out, *curves.unlinked)
    printed = Output(as_json, None)
    shifts = fit_sensitivity(runs, settings, curves, fitting, estimating, drawing) if sensitivity else None
    if out:
        echo_notes(*write_curves(out, curves))
    if shifts is None:
        emit(curves.table(), lambda: sealed(record_of(curves)), printed, "curves")
    else:
        emit(shifts, json_rows(shifts), printed, "sensitivity")
