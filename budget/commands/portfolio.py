"""``budget portfolio``: which models to build, and which serves each task."""

import click

from budget.commands.options.choosing_options import CHOOSING, Choosing
from budget.commands.options.option_types import Number
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.reading_options import SELECTING, Selecting
from budget.commands.running.group import command
from budget.errors import DataError


@command("portfolio", "budget portfolio data/runs.csv --column model=run --column cost=flops --budget 1e12")
@click.argument("candidates_path", metavar="CANDIDATES")
@click.option(
    "--budget", type=Number(), required=True, metavar="NUMBER", help="What the built models may cost together."
)
@SELECTING
@CHOOSING
@OUTPUT
def portfolio(candidates_path: str, budget: float, selecting: Selecting, choosing: Choosing, output: Output) -> None:
    """Choose which models to build, and which of them serves each task, with a proven bound."""
    from budget.commands.inputs import read_selected_candidates
    from budget.commands.running.output import echo_notes, emit
    from budget.portfolio.portfolio import choose
    from budget.report.sentences.portfolio_sentences import portfolio_summary
    from budget.tables.candidates import COLUMNS
    from budget.tables.columns import column_mapping

    others = set(column_mapping(selecting.columns)) - set(COLUMNS)
    if others and not selecting.tasks_path:
        raise DataError(f"--column {min(others)}=… names a column of the tasks file; give that with --tasks.")
    candidates, tasks = read_selected_candidates(candidates_path, selecting)
    found = choose(
        candidates,
        budget,
        tasks=tasks,
        objective=choosing.objective,
        risk=choosing.risk,
        level=choosing.level,
        allow_unserved=choosing.allow_unserved,
        max_models=choosing.max_models,
        time_limit=choosing.time_limit,
    )
    echo_notes(*tasks.notes, *found.notes)
    emit(found.table(), found.record(), output)
    echo_notes(portfolio_summary(found))
