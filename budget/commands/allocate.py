"""``budget allocate``: the best plan of a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from budget.commands.options.option_types import PRICE, Amount, Words, as_number
from budget.commands.options.output_options import OUTPUT, Output
from budget.commands.options.planning_options import (
    AIMING,
    BUDGET_HELP,
    LIMITING,
    PLANNED_ON,
    PRICING,
    REACH,
    SIZE,
    STRATEGY,
    Aiming,
    Limiting,
    Pricing,
)
from budget.commands.options.reading_options import COLUMN
from budget.commands.running.group import command
from budget.errors import DataError

if TYPE_CHECKING:
    from budget.allocation.plan.plan import Plan
    from budget.allocation.spec.resources import Prices


@command("allocate", example="budget allocate curves.json --budget 1e21 --out allocation.csv")
@click.argument("curves_path", metavar="CURVES")
@click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets, limits and prices of the tasks.")
@click.option("--budget", type=Amount(), metavar="AMOUNT", help=BUDGET_HELP)
@click.option("--unit", type=click.Choice(["flops", "tokens", "x", "money"]), help="By default what the law trades.")
@SIZE
@STRATEGY
@AIMING
@LIMITING
@PLANNED_ON
@REACH
@PRICING
@click.option("--evaluate", "split_path", metavar="CSV", help="Score this split (task, spend) instead of planning one.")
@COLUMN
@OUTPUT
def allocate(
    curves_path: str,
    tasks_path: str | None,
    budget: float | None,
    unit: str | None,
    params: float | None,
    strategy: str | None,
    aiming: Aiming,
    limiting: Limiting,
    plan_on: str | None,
    reach: float,
    pricing: Pricing,
    split_path: str | None,
    columns: Words,
    output: Output,
) -> None:
    """Find the plan with the best objective at a budget, with a proven bound."""
    from budget.allocation.spec.make_spec import plan_spec
    from budget.allocation.spec.measures import MEASURES
    from budget.allocation.spec.objectives import OBJECTIVES
    from budget.allocation.spec.plan_spec import REFERENCES
    from budget.allocation.spec.resources import UNITS
    from budget.allocation.spec.risks import RISKS
    from budget.commands.inputs import read_usable_curves
    from budget.commands.running.output import echo_notes, emit
    from budget.curves.steady import PREDICTED
    from budget.report.progress import step
    from budget.report.sentences.plan_sentences import plan_summary
    from budget.tables.columns import column_mapping
    from budget.tables.files.text import json_text
    from budget.tables.limits import read_limits
    from budget.tables.splits import Split, read_split

    if budget is None and not OBJECTIVES[aiming.objective].minimizes_spend:
        raise click.UsageError("Missing option '--budget'.")
    mapping = column_mapping(columns)
    # a mean is split by how fast values fall; all else asks for their levels, which predictions know best
    by_level = None if OBJECTIVES[aiming.objective].is_linear else PREDICTED
    curves, tasks, notes = read_usable_curves(
        curves_path,
        tasks_path,
        columns,
        more_tables=bool(split_path or limiting.limits_path or aiming.reference),
        plan_on=plan_on or by_level,
        scores=aiming.measure is not None and MEASURES[aiming.measure].needs_link,
    )
    split = read_split(split_path, curves.tasks, columns=mapping) if split_path else None
    path = limiting.limits_path
    if aiming.reference and not (aiming.prefer_simple or RISKS[aiming.risk].on_gain):
        raise click.UsageError("--reference is for --risk cvar or quantile, and for --prefer-simple; leave it out.")
    if aiming.prefer_simple and split is not None:
        raise click.UsageError("--prefer-simple chooses between a plan and a split, and --evaluate scores one.")
    reference: str | Split | None = aiming.reference
    if aiming.reference and aiming.reference not in REFERENCES:
        reference = read_split(aiming.reference, curves.tasks, columns=mapping)
    planned = tasks.select(curves.tasks)
    limits = read_limits(path, planned.names, planned.group, UNITS, columns=mapping) if path else ()
    spec = plan_spec(
        curves,
        tasks,
        budget,
        unit=unit,
        strategy=strategy,
        params=params,
        objective=aiming.objective,
        measure=aiming.measure,
        risk=aiming.risk,
        level=aiming.level,
        at_least=aiming.at_least,
        further=_further_budgets(limiting),
        limits=limits,
        freeze=limiting.freeze,
        sizes=_sizes(limiting),
        allow_unserved=limiting.allow_unserved,
        prices=_prices(pricing, unit),
        reach=reach,
        reference=reference if RISKS[aiming.risk].on_gain else None,
        at_risk=aiming.at_risk,
    )
    if spec.is_one_model and plan_on is None:
        curves = curves.planned_on(PREDICTED)  # no split that steadied curves would better: a size is asked for
    if curves.form.is_of_one_model:
        from budget.allocation.mixture.plan_mixture import plan_mixture

        if split is not None:
            raise DataError(f"--evaluate scores a split among specialists, and law '{curves.law}' plans one model.")
        with step("plan") as bar:
            plan: Plan = plan_mixture(curves, spec, progress=bar)
    else:
        from budget.allocation.evaluate import evaluate
        from budget.allocation.simple_instead import simple_instead
        from budget.allocation.solve import allocate as solve

        with step("plan") as bar:
            # of a given split only the best objective is asked, which the dual proves without a solver
            plan = solve(curves, spec, progress=bar, draws=split is None, route="program" if split is None else "dual")
        if split is not None:
            plan = evaluate(curves, spec, split, plan)
        elif aiming.prefer_simple:
            plan = simple_instead(curves, plan, reference)
    echo_notes(*plan.warnings, *notes, *plan.notes)
    emit(plan.table(), json_text(plan.record()), output)
    echo_notes(plan_summary(plan))


def _prices(pricing: Pricing, unit: str | None) -> Prices | None:
    """Of compute: by the options or, for a plan in money, by budget.toml."""
    from budget.allocation.spec.resources import Prices
    from budget.commands.running.output import echo_notes
    from budget.numerics.quantities.amounts import parse_price, speed_of

    of_folder = click.get_current_context().meta.get(PRICE) if unit == "money" else None
    price = pricing.price or of_folder
    if price is None and pricing.peak is None and pricing.mfu is None:
        return None
    an_hour, device = parse_price(price) if price is not None else (None, None)
    if an_hour is not None and device and pricing.peak is None:
        speed, _, note = speed_of(device, None, None, str(price), "--price", None, pricing.mfu)
        echo_notes(note)
        return Prices(an_hour, speed, 1.0)
    if an_hour is None or pricing.peak is None or pricing.mfu is None:
        raise DataError("--price, --peak and --mfu belong together: money for an hour, FLOP/s, and the share reached.")
    return Prices(an_hour, pricing.peak, pricing.mfu)


def _further_budgets(limiting: Limiting) -> dict[str, float]:
    """Unit → total of each ``--limit``."""
    from budget.numerics.quantities.amounts import parse_amount

    if len(dict(limiting.further)) < len(limiting.further):
        raise DataError("--limit names one unit twice; keep one of them.")
    found = {}
    for unit, total in limiting.further:
        amount = parse_amount(total, f"--limit {unit}")
        if amount.unit.kind not in ("", unit):
            raise DataError(
                f"--limit {unit}={total} is in {amount.unit.kind}; write --limit {amount.unit.kind}={total}."
            )
        found[unit] = amount.number
    return found


def _sizes(limiting: Limiting) -> list[float]:
    return [as_number(size.strip(), "A size of --sizes", "1e8") for size in (limiting.sizes or "").split(",") if size]
