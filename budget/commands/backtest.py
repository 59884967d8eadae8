"""``budget backtest``: how well laws predict the largest runs from the others."""

import click

from budget.commands.options.fitting_options import (
    DRAWING,
    ESTIMATING,
    HOLDOUT,
    Drawing,
    Estimating,
    Holdout,
    beyond_option,
    decide_option,
)
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.placing_options import PLACING, Placing
from budget.commands.options.reading_options import READING, Reading
from budget.commands.options.sharding_options import shard_option
from budget.commands.running.group import command
from budget.tables.shards import Shard


@command(
    "backtest",
    "budget backtest data/runs.csv --where task=code --where task=prose --law auto --law chinchilla",
    "budget backtest data/runs.csv --tasks data/tasks.csv --decide --dry-run",
    takes_long=True,
)
@click.argument("runs_path", metavar="RUNS")
@HOLDOUT
@decide_option
@beyond_option
@READING
@ESTIMATING
@DRAWING
@shard_option("tasks")
@PLACING
@OUTPUT
def backtest(
    runs_path: str,
    holdout: Holdout,
    decide: bool,
    beyond: float,
    reading: Reading,
    estimating: Estimating,
    drawing: Drawing,
    shard: Shard | None,
    placing: Placing,
    output: Output,
) -> None:
    """Hide each task's largest runs, fit laws to the others, and say how well they predict the hidden ones.

    Law 'none' predicts that nothing improves on the best run that is not hidden. With --decide, plans are judged
    instead of predictions: what they would have reached, beside an equal split and one who knew.
    """
    from budget.commands.inputs import is_of_all_strategies, read_beside, read_inputs, refuse_named_scales
    from budget.commands.joining.fitted_parts import fitting_shard, refuse_with_shard
    from budget.commands.joining.spread import refuse_misplaced, spread
    from budget.commands.running.fitting import backtest_laws, decide_laws
    from budget.commands.running.output import echo_notes, emit
    from budget.curves.laws.table import AUTO
    from budget.numerics.strict_json import json_rows
    from budget.report.sentences.backtest_sentences import backtest_summary, decided_sentence
    from budget.studies.decision_backtest import decision_table

    refuse_misplaced(placing, shard, output.out, measures=False)
    refuse_with_shard(shard, output.out, {"--decide": decide}, placing.shards)
    if placing.shards and output.out:
        spread(placing, output.out, ".npz")
        return
    across = any(is_of_all_strategies(law) for law in holdout.laws)
    runs, tasks = read_inputs(runs_path, reading, holdout.mixtures, scales=holdout.scales, of_all_strategies=across)
    if decide:
        refuse_named_scales(holdout.scales)
        decided = decide_laws(runs, tasks, holdout.laws or (AUTO,), beyond, holdout.scale, estimating, drawing)
        table = decision_table(decided)
        echo_notes(*runs.notes, *tasks.notes, *dict.fromkeys(said for each in decided for said in each.notes))
        emit(table, json_rows(table), output, "decisions")
        echo_notes(*(f"{each.law}: {decided_sentence(each.figures)}" for each in decided))
        return
    with fitting_shard(shard, output.out):
        found = backtest_laws(runs, tasks, holdout, estimating, drawing, read_beside(runs_path, reading, runs))
    if shard:
        return
    echo_notes(*runs.notes, *tasks.notes, *found.notes)
    emit(found.table(), found.record(), output)
    echo_notes(*backtest_summary(found))
