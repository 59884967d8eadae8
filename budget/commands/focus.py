"""``budget focus``: specialists against every shared strategy that the runs hold, at equal budget."""

import click

from budget.commands.options.fitting_options import DRAWING, ESTIMATING, FITTING, Drawing, Estimating, Fitting
from budget.commands.options.option_types import Amount
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.placing_options import PLACING, Placing
from budget.commands.options.planning_options import COMPARED_WITHIN, MEASURE, SIZE, UNIT
from budget.commands.options.reading_options import READING, Reading
from budget.commands.options.sharding_options import shard_option
from budget.commands.running.group import command
from budget.tables.shards import Shard


@command(
    "focus",
    "budget focus data/runs.csv --tasks data/tasks.csv --budget 1e13 --budget 1e14 --out focus.csv",
    takes_long=True,
)
@click.argument("runs_path", metavar="RUNS")
@click.option(
    "--budget", "budgets", type=Amount(), multiple=True, metavar="AMOUNT",
    help="A total to compare at, such as 1e22 or 100 H100-days, see plan. Repeatable; by default 13 over six "
         "decades from the smallest models on.",
)  # fmt: skip
@UNIT
@SIZE
@MEASURE
@COMPARED_WITHIN
@click.option(
    "--assume", type=click.Choice(["atlas"]),
    help="Add a generalist that was not measured, from published constants; it is marked as assumed.",
)  # fmt: skip
@click.option(
    "--set", "sets", multiple=True, metavar="A|B|C",
    help="A set of tasks that no model was trained on together: who would lead, told by the other sets. Repeatable.",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True,
    help="Processes that compare sets of tasks at once; for many sets, or laws that are searched.",
)  # fmt: skip
@READING
@FITTING
@ESTIMATING
@DRAWING
@shard_option("tasks")
@PLACING
@OUTPUT
def focus(
    runs_path: str,
    budgets: tuple[float, ...],
    unit: str | None,
    params: float | None,
    measure: str | None,
    reach: float,
    assume: str | None,
    sets: tuple[str, ...],
    jobs: int,
    reading: Reading,
    fitting: Fitting,
    estimating: Estimating,
    drawing: Drawing,
    shard: Shard | None,
    placing: Placing,
    output: Output,
) -> None:
    """Compare specialists with every shared strategy that the runs hold, at equal total budget.

    RUNS says by its columns strategy and model_tasks (or by rows that share a run) which tasks each model serves.
    """
    from budget.commands.inputs import read_inputs, refuse_named_scales
    from budget.commands.joining.fitted_parts import fitting_shard, refuse_with_shard
    from budget.commands.joining.spread import refuse_misplaced, spread
    from budget.commands.running.fitting import fit_strategies
    from budget.commands.running.output import echo_notes, emit
    from budget.report.progress import step
    from budget.report.sentences.breadth_sentences import breadth_sentences
    from budget.report.sentences.focus_answer import focus_answer
    from budget.report.sentences.focus_sentences import assumptions, focus_summary
    from budget.studies.checks.breadth_checks import breadth_of
    from budget.studies.focus.comparable_sets import refuse_one_strategy
    from budget.studies.focus.focus import focus as compare
    from budget.studies.focus.focus import with_leaders
    from budget.studies.strategies.assumed import with_assumed

    refuse_misplaced(placing, shard, output.out, measures=False)
    refuse_with_shard(shard, output.out, {}, placing.shards)
    refuse_named_scales(fitting.scales)
    if placing.shards and output.out:
        spread(placing, output.out, ".npz")
        return
    runs, tasks = read_inputs(runs_path, reading, fitting.mixtures, of_all_strategies=True)
    if not assume:
        refuse_one_strategy(runs)
    with fitting_shard(shard, output.out):
        strategies = fit_strategies(runs, tasks, fitting, estimating, drawing, judged=True)
    if shard:
        return
    if assume:
        strategies = with_assumed(strategies, assume)
    with step("compare") as bar:
        found = compare(
            strategies,
            tasks,
            list(budgets) or None,
            unit=unit,
            params=params,
            measure=measure,
            jobs=jobs,
            reach=reach,
            progress=bar,
        )
        asked = [tuple(name.strip() for name in each.split("|")) for each in sets]
        found = with_leaders(found, runs, tasks, asked, drawing.seed)
        checks = breadth_of(strategies, found, tasks, params=params, seed=drawing.seed)
    echo_notes(*strategies.warnings, *runs.notes, *tasks.notes, *strategies.notes, *assumptions(found))
    record = (
        {"warnings": list(strategies.warnings)}
        | found.record()
        | {"breadth_checks": None if checks is None else checks.record()}
    )
    emit(found.table(), record, output)
    details = (*focus_summary(found), *(breadth_sentences(checks, found.unit) if checks else ()))
    echo_notes(" ".join(focus_answer(found)), "In detail:", *(f"- {detail}" for detail in details))
