"""Budgets in the units of those who give them: FLOPs, tokens, device-days, money.

See docs/decisions/135-budgets-in-the-users-units.md.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from budget.errors import DataError
from budget.numerics.numerals import count_of
from budget.numerics.quantities.devices import DEVICES, UTILISATION, find_device
from budget.numerics.quoting import shown

_PREFIX = {
    "": 1e0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21, "y": 1e24, "r": 1e27, "q": 1e30,
}  # fmt: skip
"""Prefix of FLOPs, in either case: nobody counts thousandths."""

_SECONDS = {
    "second": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "h": 3600.0, "day": 86400.0, "d": 86400.0,
    "week": 604800.0, "month": 2629800.0, "year": 31557600.0,
}  # fmt: skip
"""A month is a twelfth of a year of 365.25 days."""

_WORDS = {"thousand": "k", "million": "M", "billion": "B", "trillion": "T"}
_MONEY = {"$": "$", "€": "€", "£": "£", "usd": "$", "dollar": "$", "dollars": "$", "eur": "€", "euro": "€",
          "euros": "€", "gbp": "£"}  # fmt: skip
_GENERIC = ("gpu", "tpu", "device", "accelerator", "chip")

_FLOPS = re.compile(r"([kmgtpezyrq]?)flops?", re.IGNORECASE)
_RATE = re.compile(r"([kmgtpezyrq]?)flops?(?:/s|ps)", re.IGNORECASE)
_FLOPS_TIMES = re.compile(r"([kmgtpezyrq])f(?:lops?)?(?:/s)?[- ]?(\w+?)s?", re.IGNORECASE)
_DEVICE_TIME = re.compile(r"(.+?)(?::(\w+))?[- ](\w+?)s?(?:\s*@\s*(.+))?", re.IGNORECASE)
_NUMBER = re.compile(r"([$€£]?)\s*([+-]?[\d.,]+(?:e[+-]?\d+)?(?:\s?[kmbgt](?![a-z0-9/]))?)\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """What an amount was given in.

    Attributes:
        kind: ``flops``, ``tokens`` or ``money``; "" for a bare number.
        label: what a reader calls it, such as ``ZFLOP`` or ``H100-days``; "" where the kind's own name says it all.
        size: what one of it is, in FLOPs, tokens or units of money.
        note: a sentence on what was taken for granted, "" for nothing.
    """

    kind: str = ""
    label: str = ""
    size: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class Amount:
    """A number of FLOPs, tokens or units of money, and the unit it was given in."""

    number: float
    unit: Unit


GIVEN: ContextVar[Mapping[str, Unit]] = ContextVar("GIVEN", default={})  # noqa: B039  # never changed in place
"""Kind → the unit that the user gave amounts of that kind in, while a command runs: reports write it too."""


_KINDS = {"flops": "FLOPs", "money": "units of money", "x": "units of x"}


def stays_unspent(left: float, unit: str) -> str:
    """What a sentence says of an amount that is left of the budget, in the user's unit where one was given.

    >>> stays_unspent(1e15, "flops"), stays_unspent(0.03925, "money")
    ('1e+15 FLOPs stay unspent', '0.03925 units of money stay unspent')
    """
    given = GIVEN.get().get(unit)
    if given is None or not given.label:
        return f"{left:.4g} {_KINDS.get(unit, unit)} stay unspent"
    number = f"{left / given.size:.4g}"
    return f"{given.label}{number} stays unspent" if given.label in "$€£" else f"{number} {given.label} stay unspent"


def parse_amount(text: str, what: str, *, device: str | None = None, utilisation: float | None = None) -> Amount:
    """The amount that a text names.

    ``1e22``, ``10 ZFLOP``, ``3 PFLOP/s-days``, ``2T tokens``, ``$500k``, ``100 H100-days`` (at a utilisation of 0.4; or
    ``100 H100-days@50%``, ``100 H100:fp8-days``), ``3 GPU-days@400TFLOP/s`` (reached, not the peak).

    Args:
        text: what the user wrote.
        what: whose amount it is, such as ``--budget``.
        device: what ``GPU`` stands for.
        utilisation: share of the peak that training reaches where the text says none.

    Raises:
        DataError: the text names no amount.

    >>> parse_amount("10 ZFLOP", "--budget").number, parse_amount("2T tokens", "--budget").number
    (1e+22, 2000000000000.0)
    >>> parse_amount("3 GPU-days@400TFLOP/s", "--budget").number == 3 * 86400 * 400e12
    True
    """
    bare = text.strip()
    number = count_of(bare)
    if number == number:
        return Amount(_finite(number, text, what), Unit())
    found = _NUMBER.fullmatch(bare)
    if found is None:
        raise DataError(_refusal(text, what))
    sign, digits, rest = found.groups()
    first, _, after = rest.partition(" ")
    if first.lower() in _WORDS:
        digits, rest = f"{digits}{_WORDS[first.lower()]}", after.strip()
    number = _finite(count_of(digits), text, what)
    unit = _unit(rest, sign, text, what, device, utilisation)
    if unit is None:
        raise DataError(_refusal(text, what))
    return Amount(_finite(number * unit.size, text, what), unit)


def _unit(rest: str, sign: str, text: str, what: str, device: str | None, utilisation: float | None) -> Unit | None:
    if sign or rest.lower() in _MONEY:
        return Unit("money", sign or _MONEY[rest.lower()]) if not (sign and rest) else None
    if rest.lower() in ("token", "tokens"):
        return Unit("tokens")
    flops = _FLOPS.fullmatch(rest)
    if flops:
        prefix = flops.group(1)
        return Unit("flops", f"{_upper(prefix)}FLOP" if prefix else "", _PREFIX[prefix.lower()])
    times = _FLOPS_TIMES.fullmatch(rest)
    if times and times.group(2).lower() in _SECONDS:
        seconds = _SECONDS[times.group(2).lower()]
        label = f"{_upper(times.group(1))}FLOP/s-{times.group(2).lower()}s"
        return Unit("flops", label, _PREFIX[times.group(1).lower()] * seconds)
    of_device = _DEVICE_TIME.fullmatch(rest)
    if of_device and of_device.group(3).lower() in _SECONDS:
        name, precision, time, speed = of_device.groups()
        rate, label, note = speed_of(name, precision, speed, text, what, device, utilisation)
        return Unit("flops", f"{label}-{time.lower()}s", rate * _SECONDS[time.lower()], note)
    return None


def speed_of(
    name: str,
    precision: str | None,
    speed: str | None,
    text: str,
    what: str,
    device: str | None,
    utilisation: float | None,
) -> tuple[float, str, str]:
    """FLOP/s that one device reaches, its name, and a sentence on what was taken for granted.

    Raises:
        DataError: the device or its format is not in the table, or the speed is none.
    """
    rate = re.fullmatch(r"([\d.]+(?:e\d+)?)\s*(.*)", speed.strip(), re.IGNORECASE) if speed else None
    if speed and rate is None:
        raise DataError(f"{what} {shown(text)}: {shown(speed)} is no speed; write 400TFLOP/s, or 50% of the peak.")
    reached = _RATE.fullmatch(rate.group(2)) if rate else None
    if rate and reached:
        return float(rate.group(1)) * _PREFIX[reached.group(1).lower()], name, ""
    given_name = name
    if name.lower() in _GENERIC:
        if device is None:
            raise DataError(
                f'{what} {shown(text)}: say which {name} (100 H100-days; device = "H100" in budget.toml) or what it '
                f"reaches (3 {name}-days@400TFLOP/s)."
            )
        name = device
    found = find_device(name)
    if found is None:
        raise DataError(
            f"{what} {shown(text)}: {shown(name)} is not in the table of devices ({', '.join(DEVICES)}); write what it "
            f"reaches, such as 100 GPU-days@400TFLOP/s."
        )
    known, facts = found
    form = precision.lower() if precision else next(iter(facts.peak))
    if form not in facts.peak:
        raise DataError(
            f"{what} {shown(text)}: no peak of {known} is known in {shown(form)} but in {', '.join(facts.peak)}; "
            "choose one, or write @400TFLOP/s."
        )
    share = utilisation if utilisation is not None else UTILISATION
    if rate:
        share = float(rate.group(1)) / (100 if rate.group(2) == "%" else 1)
    if (rate and rate.group(2) not in ("%", "")) or not 0 < share <= 1:
        raise DataError(f"{what} {shown(text)}: the utilisation is a share of the peak, such as 0.4 or 40%.")
    note = (
        f"A day of one {known} is {86400 * facts.peak[form] * share:.4g} FLOPs: {facts.peak[form] / 1e12:g} TFLOP/s "
        f"dense {form} ({facts.source}) at a utilisation of {share:g} (another: {known}-days@50%)."
    )
    return facts.peak[form] * share, known if given_name.lower() not in _GENERIC else given_name, note


def parse_price(text: str, what: str = "--price") -> tuple[float, str | None]:
    """Money for an hour of a device, and the device where it is named: ``2.5``, ``$2.50/H100-hour``.

    Raises:
        DataError: it is no price.

    >>> parse_price("$2.50/H100-hour"), parse_price("2.5")
    ((2.5, 'H100'), (2.5, None))
    """
    found = re.fullmatch(r"[$€£]?\s*([\d.]+(?:e-?\d+)?)\s*(?:/\s*(?:([\w-]+?)[- ])?(?:hour|hr|h))?", text.strip())
    if found is None or not 0 < count_of(found.group(1)) < float("inf"):
        raise DataError(f"{what} is {shown(text)}, which is no price of an hour; give one such as 2.50/H100-hour.")
    return float(found.group(1)), found.group(2)


def _upper(prefix: str) -> str:
    return "k" if prefix.lower() == "k" else prefix.upper()


def _finite(number: float, text: str, what: str) -> float:
    if not abs(number) < float("inf"):
        raise DataError(_refusal(text, what))
    return number


def _refusal(text: str, what: str) -> str:
    return (
        f"{what} is {shown(text)}, which is not a number, nor an amount; give one such as 1e22, 10 ZFLOP, 2T tokens, "
        "100 H100-days, 3 GPU-days@400TFLOP/s or $500k."
    )
