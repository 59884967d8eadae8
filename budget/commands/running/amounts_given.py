"""Amounts that options were given in a user's units, settled before a command runs, and the units kept for its output.

See docs/decisions/135-budgets-in-the-users-units.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from budget.commands.options.option_types import PRICE, Amount
from budget.commands.running.output import echo_notes
from budget.errors import DataError
from budget.numerics.quantities.amounts import GIVEN, Unit, parse_amount, parse_price, speed_of

SPENT = "spend"
"""An amount for new runs, always FLOPs: it says nothing of what is planned."""


@contextmanager
def settled_amounts(ctx: click.Context, device: str | None, utilisation: float | None) -> Iterator[None]:
    """Turn the texts of amounts into numbers, say what was taken for granted, and let outputs know the units.

    An amount with a unit chooses ``--unit``. Money is planned as such where a command can, and is else turned into the
    FLOPs that it buys by ``--price``.

    Raises:
        DataError: a text names no amount, or units contradict each other.
    """
    given: dict[str, Unit] = {}
    planned: set[str] = set()
    for param in ctx.command.params:
        if not isinstance(param.type, Amount) or param.name is None or ctx.params.get(param.name) is None:
            continue
        texts = ctx.params[param.name]
        several = texts if isinstance(texts, tuple) else (texts,)
        numbers = []
        for text in several:
            number, unit = _settled(ctx, text, param.opts[0], device, utilisation)
            numbers.append(number)
            if unit.kind:
                if param.name != SPENT:
                    planned.add(unit.kind)
                if unit.kind in given and given[unit.kind].label != unit.label:
                    raise DataError(
                        f"{param.opts[0]} is given in {given[unit.kind].label} and in {unit.label}; give all "
                        "amounts in one unit."
                    )
                given[unit.kind] = unit
        ctx.params[param.name] = tuple(numbers) if isinstance(texts, tuple) else numbers[0]
    _choose_unit(ctx, planned)
    for unit in given.values():
        if unit.note:
            echo_notes(unit.note)
    before = GIVEN.set(given)
    try:
        yield
    finally:
        GIVEN.reset(before)


def _settled(
    ctx: click.Context, text: object, what: str, device: str | None, utilisation: float | None
) -> tuple[float, Unit]:
    if isinstance(text, (int, float)):
        return float(text), Unit()
    amount = parse_amount(str(text), what, device=device, utilisation=utilisation)
    if amount.unit.kind != "money" or "money" in _units(ctx) or not _units(ctx):
        return amount.number, amount.unit
    price = ctx.meta.get(PRICE)
    if not price:
        raise DataError(f"{what} is in money; say what an hour of a device costs, such as --price 2.50/H100-hour.")
    an_hour, named = parse_price(str(price))
    if named is None and device is None:
        raise DataError('--price names no device; write it as 2.50/H100-hour, or put device = "H100" into budget.toml.')
    speed, _, note = speed_of(named or str(device), None, None, str(price), "--price", device, utilisation)
    flops = 3600 * speed / an_hour
    sign = amount.unit.label
    said = f"{sign}1 buys {flops:.4g} FLOPs at {sign}{an_hour:g} an hour. {note}"
    return amount.number * flops, Unit("flops", sign, flops, said)


def _units(ctx: click.Context) -> tuple[str, ...]:
    """What ``--unit`` may be."""
    kinds = [param.type for param in ctx.command.params if param.name == "unit"]
    return tuple(kinds[0].choices) if kinds and isinstance(kinds[0], click.Choice) else ()


def _choose_unit(ctx: click.Context, kinds: set[str]) -> None:
    """Let an amount's unit be the plan's.

    Raises:
        DataError: two units are given, or another one by ``--unit``.
    """
    units = sorted(kinds)
    if not units or not _units(ctx):
        return
    stated = ctx.params.get("unit")
    if len(units) > 1 or (stated is not None and stated != units[0]):
        raise DataError(
            f"Amounts are given in {' and in '.join(units)}{f' and --unit is {stated}' if stated else ''}; give all in "
            "one unit, further budgets by --limit."
        )
    ctx.params["unit"] = units[0]
