"""``budget next``: which runs to measure next."""

import click

from budget.commands.options.option_types import Amount, Words
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.planning_options import PLANNED, PLANNED_ON, REACH, SEED, Planned
from budget.commands.options.reading_options import COLUMN
from budget.commands.running.group import command


@command("next", "budget next curves.json --tasks data/tasks.csv --spend 1e13 --budget 1e14 --out next.csv")
@click.argument("curves_paths", metavar="CURVES...", nargs=-1, required=True)
@click.option("--spend", type=Amount(), required=True, metavar="AMOUNT", help="FLOPs there are for new runs.")
@click.option("--tasks", "tasks_path", metavar="CSV", help="Weights and limits of the tasks.")
@PLANNED
@PLANNED_ON
@REACH
@SEED
@COLUMN
@OUTPUT
def next(  # the builtin is not wanted here
    curves_paths: tuple[str, ...],
    spend: float,
    tasks_path: str | None,
    planned: Planned,
    reach: float,
    seed: int,
    plan_on: str | None,
    columns: Words,
    output: Output,
) -> None:
    """Rank the runs to measure next by what each is expected to bring to the plan of a budget.

    Of several CURVES, one file for each strategy, it also weighs which strategy wins, and runs of all are candidates.
    """
    from budget.commands.inputs import read_strategies
    from budget.commands.running.output import echo_notes, emit
    from budget.report.progress import step
    from budget.report.sentences.next_runs_sentences import next_summary
    from budget.studies.next_runs.next_runs import next_runs
    from budget.studies.next_runs.rival_strategies import strategy_of

    curves, tasks, notes = read_strategies(curves_paths, tasks_path, columns, strategy_of, plan_on)
    with step("next") as bar:
        found = next_runs(
            curves,
            tasks,
            planned.budget,
            spend,
            unit=planned.unit,
            params=planned.params,
            strategy=planned.strategy,
            measure=planned.measure,
            count=planned.count,
            seed=seed,
            reach=reach,
            progress=bar,
        )
    echo_notes(*found.warnings, *notes, *found.notes)
    emit(found.table(), found.record(), output)
    echo_notes(next_summary(found))
