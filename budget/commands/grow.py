"""``budget grow``: what happens to every task as the set grows at one budget."""

from typing import Any

import click

from budget.commands.options.option_types import Words
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.planning_options import (
    JOINING,
    MEASURE,
    PLANNED_ON,
    REACH,
    SPENDING,
    TASKS,
    Joining,
    Spending,
)
from budget.commands.options.reading_options import COLUMN
from budget.commands.running.group import command


@command("grow", "budget grow curves.json --tasks data/tasks.csv --budget 1e14 --out growth.csv")
@click.argument("paths", nargs=-1, required=True, metavar="CURVES...")
@TASKS
@MEASURE
@SPENDING
@JOINING
@PLANNED_ON
@REACH
@COLUMN
@OUTPUT
def grow(
    paths: tuple[str, ...],
    tasks_path: str | None,
    measure: str | None,
    spending: Spending,
    joining: Joining,
    plan_on: str | None,
    reach: float,
    columns: Words,
    output: Output,
) -> None:
    """Show what happens to every task as the set grows from 1 to K tasks at one budget, by every strategy.

    CURVES are one file for each strategy: at most one of specialists, and any of law shared, which plan one model for
    the k tasks there are. A shared strategy has the name in the runs' column strategy, or else that of its file. Every
    row of a shared model has the spend of the whole model. Tasks that some file lacks are left out and named.

    It ends with the best strategy by the number of tasks, the law of the decline, the most tasks that keep their
    targets, why tasks lose (dilution, interference less transfer), what more tasks cost at unchanged values, and, of
    specialists, what the budget is worth to more tasks than these. With --order random the rows are means over the
    orders, and column basis says so. Of more than 64 tasks rows are shown for some numbers only, see --every-size.
    """
    import pandas as pd

    from budget.commands.inputs import read_strategies
    from budget.commands.running.output import echo_notes, emit
    from budget.report.progress import step
    from budget.report.sentences.growth_sentences import growth_summary, strategies_summary
    from budget.studies.growth.growth import Growth
    from budget.studies.growth.growth import grow as grow_specialists
    from budget.studies.growth.growth_by_strategy import StrategiesGrowth, grow_strategies, strategy_name
    from budget.studies.growth.task_orders import RANDOM_ORDERS

    if joining.order != "random":
        if joining.orders is not None:
            raise click.UsageError("--orders belongs to --order random; give that too, or leave it out.")
    strategies, tasks, notes = read_strategies(paths, tasks_path, columns, strategy_name, plan_on)
    only = next(iter(strategies.values()))
    alone = len(strategies) == 1 and not only.form.counts_tasks
    orders = RANDOM_ORDERS if joining.orders is None else joining.orders
    beyond = joining.counts
    asked: dict[str, Any] = {
        "unit": spending.unit,
        "params": spending.params,
        "measure": measure,
        "order": joining.order,
        "orders": orders,
        "seed": joining.seed or 0,
        "today": joining.today,
        "reach": reach,
        "beyond": beyond,
        "every_size": joining.every_size,
    }
    with step("growth") as bar:
        found: Growth | StrategiesGrowth
        own: Growth | None
        if alone:
            found = grow_specialists(only, tasks.select(only.tasks), spending.budget, **asked, progress=bar)
            summary, own = growth_summary(found), found
        else:
            found = grow_strategies(strategies, tasks, spending.budget, **asked, progress=bar)
            summary, own = strategies_summary(found), found.specialists
    echo_notes(*found.warnings, *notes, *found.notes)
    table = found.table()
    if beyond and own is not None and own.beyond is not None:
        rows = own.beyond.growth_rows(own.plans[-1].spec.strategy)
        table = pd.concat([table, rows.astype({"target_met": table["target_met"].dtype})], ignore_index=True)
    emit(table, found.record, output)
    echo_notes(*summary)
