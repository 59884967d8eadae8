"""``budget predict``: what curves say at given scales."""

import click

from budget.commands.options.option_types import Words
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.reading_options import COLUMN
from budget.commands.running.group import command


@command("predict", "budget predict curves.json --at data/loop_runs.csv --out predicted.csv")
@click.argument("curves_path", metavar="CURVES")
@click.option("--at", required=True, metavar="CSV", help="Points: task and the scales the law reads.")
@click.option("--new-run", is_flag=True, help="Interval for the value of one new run, not for the mean curve.")
@COLUMN
@OUTPUT
def predict(curves_path: str, at: str, new_run: bool, columns: Words, output: Output) -> None:
    """Predict values at given scales: the points with predicted, low and high (80 % interval) beside them.

    For curves that were fitted with --score-metric these are the score's, and the predicted loss follows.
    """
    from budget.commands.running.output import echo_notes, emit
    from budget.curves.records.curves_files import read_curves
    from budget.numerics.strict_json import json_rows
    from budget.studies.predictions import predict_points
    from budget.tables.columns import column_mapping

    table, notes = predict_points(read_curves(curves_path), at, columns=column_mapping(columns), new_run=new_run)
    echo_notes(*notes)
    emit(table, json_rows(table), output)
