"""From the options of a planning command to the question that they ask; ``allocate`` and ``plan`` have the same ones.

See docs/decisions/150-one-way-from-words-to-a-question.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from budget.commands.options.option_types import PRICE, as_number
from budget.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budget.allocation.spec.plan_question import PlanQuestion
    from budget.allocation.spec.resources import Prices
    from budget.commands.options.planning_options import Asking, Limiting, Pricing
    from budget.tables.splits import Split
    from budget.tables.tasks import TaskSettings


def refuse_words(asking: Asking) -> None:
    """Refuse options that contradict each other, before anything is read.

    Raises:
        UsageError: they do.
    """
    from budget.allocation.spec.objectives import OBJECTIVES
    from budget.allocation.spec.risks import RISKS

    aiming = asking.aiming
    stated = asking.budget is not None or asking.add is not None
    if not stated and not OBJECTIVES[aiming.objective].minimizes_spend:
        raise click.UsageError("Missing option '--budget'.")
    if asking.budget is not None and asking.add is not None:
        raise click.UsageError("--budget is the whole and --add what comes on top of today's split; give one of them.")
    on_gain = aiming.risk is not None and RISKS[aiming.risk].on_gain
    if aiming.reference and not (aiming.prefer_simple or on_gain):
        raise click.UsageError("--reference is for --risk cvar or quantile, and for --prefer-simple; leave it out.")
    if aiming.prefer_simple and asking.split_path is not None:
        raise click.UsageError("--prefer-simple chooses between a plan and a split, and --evaluate scores one.")


def question_of(
    asking: Asking,
    tasks: TaskSettings,
    columns: Mapping[str, str],
    *,
    strategy: str | None = None,
    plan_on: str | None = None,
) -> PlanQuestion:
    """The question, with the tables that it names.

    Args:
        asking: the options.
        tasks: settings of the planned tasks, which the tables speak of, in their order.
        columns: canonical column name → the files' own.
        strategy: how the tasks are served, where that is asked.
        plan_on: what plans are made on, where that is asked.

    Raises:
        DataError: a table or an amount cannot be used.
    """
    from budget.allocation.spec.plan_question import PlanQuestion
    from budget.allocation.spec.plan_spec import REFERENCES
    from budget.allocation.spec.resources import UNITS
    from budget.tables.limits import read_limits
    from budget.tables.splits import read_split

    aiming, limiting = asking.aiming, asking.limiting
    split = read_split(asking.split_path, tasks.names, columns=columns) if asking.split_path else None
    current = read_split(asking.current_path, tasks.names, columns=columns) if asking.current_path else None
    reference: str | Split | None = aiming.reference
    if aiming.reference and aiming.reference not in REFERENCES:
        reference = read_split(aiming.reference, tasks.names, columns=columns)
    path = limiting.limits_path
    return PlanQuestion(
        unit=asking.unit,
        strategy=strategy,
        params=asking.params,
        objective=aiming.objective,
        measure=aiming.measure,
        risk=aiming.risk,
        level=aiming.level,
        further=_further_budgets(limiting),
        limits=read_limits(path, tasks.names, tasks.group, UNITS, columns=columns) if path else (),
        freeze=limiting.freeze,
        prices=_prices(asking.pricing, asking.unit),
        sizes=_sizes(limiting),
        allow_unserved=limiting.allow_unserved,
        at_least=aiming.at_least,
        reach=asking.reach,
        reference=reference,
        at_risk=aiming.at_risk,
        split=split,
        prefer_simple=aiming.prefer_simple,
        only=asking.only,
        current=current,
        add=asking.add,
        plan_on=plan_on,
    )


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


def _sizes(limiting: Limiting) -> tuple[float, ...]:
    sizes = (limiting.sizes or "").split(",")
    return tuple(as_number(size.strip(), "A size of --sizes", "1e8") for size in sizes if size)
