"""How numbers are written for a reader: digits that carry meaning, with the unit beside them."""

import math

from budget.numerics import interval
from budget.numerics.quantities.amounts import GIVEN, Unit

NOTHING = "–"
"""What stands in a cell for which there is no number."""

UNIT_WORDS = {
    "flops": "FLOPs",
    "tokens": "tokens",
    "params": "parameters",
    "x": "units of x",
    "money": "units of money",
}
"""A scale column → how the report calls its unit."""

LEVEL = f"{100 * interval.LEVEL:g} %"
"""The level of every interval, in words."""

SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
LONG_SUFFIXES = {"T": "trillion", "B": "billion", "M": "million", "k": "thousand"}
SCIENTIFIC_FROM = 1e15

MOST_DIGITS = 5
"""Significant digits of values that would otherwise look alike, at most."""


def value(number: float) -> str:
    """A measured or predicted value, to four significant digits."""
    return _digits(number, 4)


def told_apart(*numbers: float) -> tuple[str, ...]:
    """Values that stand beside each other: three significant digits, more only where two that differ would look alike.

    Of two that differ by less than ``MOST_DIGITS`` show, both are written alike.
    """
    known = [number for number in numbers if math.isfinite(number)]
    for digits in range(3, MOST_DIGITS):
        if len({_digits(number, digits) for number in known}) == len({*known}):
            return tuple(_digits(number, digits) for number in numbers)
    return tuple(_digits(number, MOST_DIGITS) for number in numbers)


def difference(number: float) -> str:
    """The size of a difference, to two significant digits, without its sign."""
    return _digits(abs(number), 2)


def percent(fraction: float) -> str:
    """A share of one as a percentage with one decimal, two below 1 %; the whole is ``100 %``."""
    if not math.isfinite(fraction):
        return NOTHING
    shown = 100 * fraction
    return "100 %" if math.isclose(shown, 100) else f"{shown:.{2 if 0 < abs(shown) < 1 else 1}f} %"


def factor(number: float) -> str:
    """A multiple, such as ``1.26×`` or ``0.15×``."""
    return f"{_digits(number, 3 if number >= 1 else 2)}×" if math.isfinite(number) else NOTHING


def count(number: float) -> str:
    """Parameters or tokens, such as ``21.9 B``."""
    if not math.isfinite(number):
        return NOTHING
    if number >= SCIENTIFIC_FROM:
        return scientific(number)
    for size, suffix in SUFFIXES:
        if number >= 0.9995 * size:
            return f"{_digits(number / size, 3)} {suffix}"
    return _digits(number, 3)


def count_in_words(number: float) -> str:
    """The same for a sentence, such as ``21.9 billion``."""
    digits, _, suffix = count(number).partition(" ")
    return f"{digits} {LONG_SUFFIXES[suffix]}" if suffix else digits


def scientific(number: float) -> str:
    """A number of many digits, such as ``1.00e22``."""
    if not math.isfinite(number):
        return NOTHING
    mantissa, _, exponent = f"{number:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def amount(number: float, unit: str) -> str:
    """A spend or budget without the name of its unit."""
    if unit in ("tokens", "params"):
        return count(number)
    return _digits(number, 4) if 1e-3 <= abs(number) < 1e6 else scientific(number)


def quantity(number: float, unit: str) -> str:
    """A spend or budget with its unit, such as ``1.00e22 FLOPs``, and in the user's where there is one."""
    given = GIVEN.get().get(unit)
    theirs = f" ({in_unit(number, given)})" if given and given.label and math.isfinite(number) else ""
    return f"{amount(number, unit)} {UNIT_WORDS[unit]}{theirs}"


def in_unit(number: float, given: Unit) -> str:
    """An amount in the unit that the user gave, such as ``100 H100-days`` or ``$500 k``."""
    shown = count(number / given.size) if abs(number / given.size) >= 1e-2 else _digits(number / given.size, 3)
    return f"{given.label}{shown}" if given.label in "$€£" else f"{shown} {given.label}"


def span(low: str, high: str) -> str:
    """Two written numbers as a range; nothing where either is missing."""
    return NOTHING if NOTHING in (low, high) else low if low == high else f"{low} to {high}"


def count_span(low: float, high: float) -> str:
    """A range of parameters or tokens: ``1.2 B to 3.4 B``, ``1.2 B or more`` without an end, ``up to 3.4 B`` from none.

    What a law extrapolates to may be less than one parameter, which is none.
    """
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    if math.isinf(high):
        return "any" if low < 1 else f"{count(low)} or more"
    return f"up to {count(max(high, 1.0))}" if low < 1 else span(count(low), count(high))


def plural(number: int, singular: str, many: str = "") -> str:
    """A counted noun, such as ``1 task`` or ``8 tasks``."""
    return f"{number:,} {singular if number == 1 else many or singular + 's'}"


def _digits(number: float, significant: int) -> str:
    """Fixed notation with the given significant digits; scientific for what would be mostly zeros."""
    if not math.isfinite(number):
        return NOTHING
    if number == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(float(f"{number:.{significant - 1}e}"))))
    if not -4 <= magnitude < 6:
        mantissa, _, exponent = f"{number:.{min(significant, 2) - 1}e}".partition("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−", 1 if number < 0 else 0)
    return f"{number:,.{max(0, significant - 1 - magnitude)}f}".replace("-", "−")
