"""``budget allocate``: the best plan of a budget."""

import click

from budget.commands.options.option_types import Words
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.planning_options import ASKING, PLANNED_ON, STRATEGY, Asking
from budget.commands.options.reading_options import COLUMN
from budget.commands.running.group import command


@command(
    "allocate",
    "budget allocate curves.json --budget 1e14 --tasks data/tasks.csv --out allocation.csv",
    "budget allocate curves.json --budget 1e14 --tasks data/tasks.csv --objective worst",
)
@click.argument("curves_path", metavar="CURVES")
@click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets, limits and prices of the tasks.")
@STRATEGY
@ASKING
@PLANNED_ON
@COLUMN
@OUTPUT
def allocate(
    curves_path: str,
    tasks_path: str | None,
    strategy: str | None,
    asking: Asking,
    plan_on: str | None,
    columns: Words,
    output: Output,
) -> None:
    """Find the plan with the best objective at a budget, with a proven bound."""
    from budget.allocation.answer import answer, curves_for
    from budget.allocation.spec.plan_question import PlanQuestion
    from budget.commands.inputs import read_usable_curves
    from budget.commands.running.output import echo_notes, emit
    from budget.commands.running.question_options import question_of, refuse_words
    from budget.report.progress import step
    from budget.report.sentences.plan_sentences import plan_summary
    from budget.tables.columns import column_mapping

    refuse_words(asking)
    asked = PlanQuestion(objective=asking.aiming.objective, measure=asking.aiming.measure, plan_on=plan_on)
    curves, tasks, notes = read_usable_curves(
        curves_path,
        tasks_path,
        columns,
        more_tables=bool(asking.tables),
        plan_on=asked.planned_on,
        scores=asked.is_of_scores,
        only=asking.only,
    )
    planned = tasks.select(curves.tasks)
    question = question_of(asking, planned, column_mapping(columns), strategy=strategy, plan_on=plan_on)
    spec = question.stated(curves, tasks, asking.budget)
    with step("plan") as bar:
        plan = answer(curves_for(curves, spec, question), spec, question, progress=bar)
    echo_notes(*plan.warnings, *notes, *plan.notes)
    emit(plan.table(), plan.record, output)
    echo_notes(plan_summary(plan))
