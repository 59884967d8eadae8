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
@click.option(
    "--at", metavar="CSV", help="Points to predict well instead of a plan: task and the scales the law reads."
)
@click.option(
    "--among", metavar="CSV", help="With --at, runs that could be had: task, scales, and cost where that is not FLOPs."
)
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
    at: str | None,
    among: str | None,
    planned: Planned,
    reach: float,
    seed: int,
    plan_on: str | None,
    columns: Words,
    output: Output,
) -> None:
    """Rank the runs to measure next by what each is expected to bring to the plan of a budget.

    Runs have tokens a parameter from a third of the fewest measured of their task to three times the most; --reach inf
    lifts that. Of several CURVES, one file for each strategy, it also weighs which strategy wins, and runs of all are
    candidates.
    With --at and --among, choose of a table's runs those that tell most of the values at given points.
    """
    if at is not None or among is not None:
        _telling(curves_paths, spend, tasks_path, at, among, planned, plan_on, columns, output)
        return
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
    emit(found.table(), found.record, output)
    echo_notes(next_summary(found))


def _telling(
    curves_paths: tuple[str, ...],
    spend: float,
    tasks_path: str | None,
    at: str | None,
    among: str | None,
    planned: Planned,
    plan_on: str | None,
    columns: Words,
    output: Output,
) -> None:
    """Choose runs for predictions."""
    from budget.commands.running.output import echo_notes, emit
    from budget.curves.records.curves_files import read_curves
    from budget.report.sentences.next_runs_sentences import telling_summary
    from budget.studies.next_runs.telling_runs import telling_runs
    from budget.tables.columns import column_mapping

    if at is None or among is None:
        raise click.UsageError("--at names the points to predict and --among the runs to choose from: give both.")
    if len(curves_paths) > 1:
        raise click.UsageError("--at is for one CURVES file: each is fitted to runs of its own.")
    of_plans = {
        "--budget": planned.budget, "--tasks": tasks_path, "--unit": planned.unit, "--params": planned.params,
        "--strategy": planned.strategy, "--measure": planned.measure, "--plan-on": plan_on,
    }  # fmt: skip
    for name, given in of_plans.items():
        if given is not None:
            raise click.UsageError(f"{name} speaks of a plan, and --at asks for predictions: leave one of them out.")
    found = telling_runs(read_curves(curves_paths[0]), at, among, spend, planned.count, columns=column_mapping(columns))
    emit(found.table, found.record(), output, "telling-runs")
    echo_notes(telling_summary(found))
