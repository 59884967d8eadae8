"""Units in the names of columns: ``params (M)`` and ``tokens_b`` count in millions and in billions.

See docs/decisions/161-units-in-headers-and-families-of-columns.md.
"""

import re
from collections.abc import Iterable
from unicodedata import normalize

_POWERS = {
    "k": 3, "thousand": 3, "thousands": 3, "tsd": 3, "kilo": 3,
    "m": 6, "mm": 6, "mn": 6, "mio": 6, "mill": 6, "million": 6, "millions": 6, "mega": 6,
    "millionen": 6, "millones": 6,
    "b": 9, "bn": 9, "g": 9, "mrd": 9, "md": 9, "mds": 9, "billion": 9, "billions": 9, "giga": 9,
    "milliarden": 9, "milliards": 9,
    "t": 12, "tn": 12, "trillion": 12, "trillions": 12, "tera": 12,
    "p": 15, "peta": 15, "e": 18, "exa": 18, "z": 21, "zetta": 21,
}  # fmt: skip
"""Word for a power of ten → its exponent, in either case."""

_FLOPS = re.compile(r"([kmgtpez])flops?")
_NUMERAL = re.compile(r"(?:[x×*·] ?)?(?:10\^|10\*\*|1?e)\+?(\d{1,2})")
_SUPERSCRIPT = re.compile(r"10([⁰¹²³⁴-⁹]+)")
_PLAIN = frozenset(
    {"%", "percent", "pct", "nats", "bits", "nats/token", "bits/byte", "bits/token", "count", "#", "flops"}
)
"""Units that leave the number as it is."""

_RARE = frozenset("tpez#")
"""Letters that are units in brackets only: ``x_t`` and ``layer_e`` count nothing."""

_BRACKETED = re.compile(r"(.*?\S)\s*(?:\(\s*([^()]+?)\s*\)|\[\s*([^\[\]]+?)\s*\])")
_WORDED = re.compile(r"(.*?\S)[\s_]+in[\s_]+(\w+)\.?", re.IGNORECASE)
_LETTERED = re.compile(r"(.*?\S)[\s_]([^\W_]+)")
_DIVIDED = re.compile(r"(.*?\S)(?:\s*/\s*|\s+|\s*[x×*·]\s*)((?:10\^|10\*\*|1e)\+?\d{1,2})", re.IGNORECASE)
_LEADING = re.compile(r"(\w+?)[\s_]+(?:of[\s_]+)?((?:params|parameters?|tokens|flops)\b.*)", re.IGNORECASE)

NAMES = {3: "thousands", 6: "millions", 9: "billions", 12: "trillions"}
"""Power of ten → how a sentence calls it."""


def header_unit(name: str) -> tuple[str, int | None]:
    """A column's name without the unit at its end, and the power of ten that the unit stands for.

    Returns:
        The name and 0 for a unit that leaves the number as it is; the whole name and ``None`` where it states none.

    >>> header_unit("params (M)"), header_unit("Tokens [bn]"), header_unit("train_tokens_b"), header_unit("loss (nats)")
    (('params', 6), ('Tokens', 9), ('train_tokens', 9), ('loss', 0))
    >>> header_unit("loss (c4)"), header_unit("tokens in billions"), header_unit("FLOPs (1e18)")
    (('loss (c4)', None), ('tokens', 9), ('FLOPs', 18))
    >>> header_unit("Million params"), header_unit("tokens / 1e9"), header_unit("params (×10⁶)")
    (('params', 6), ('tokens', 9), ('params', 6))
    """
    bare = _SUPERSCRIPT.sub(lambda found: f"10^{normalize('NFKC', found.group(1))}", name.strip())
    leading = _LEADING.fullmatch(bare)
    if leading and leading.group(1).lower() in _POWERS and leading.group(1).lower() not in _RARE:
        return leading.group(2), _POWERS[leading.group(1).lower()]
    for pattern in (_BRACKETED, _WORDED, _DIVIDED, _LETTERED):
        found = pattern.fullmatch(bare)
        unit = next((group for group in found.groups()[1:] if group), "") if found else ""
        if found and not (pattern is _LETTERED and unit.lower() in _RARE):
            power = _power(unit)
            if power is not None:
                return found.group(1), power
    return name.strip(), None


def has_unit_words(words: Iterable[str]) -> bool:
    """Whether some word of a name is one for a power of ten, or says that its numbers are logarithms or bytes."""
    return any((word in _POWERS and word not in _RARE) or word in _NO_COUNTS for word in words)


_NO_COUNTS = frozenset({"log", "ln", "lg", "sqrt", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "bytes"})


def is_petaflop_days(name: str) -> bool:
    """Whether a column's name says that it counts petaFLOP/s-days, of 8.64e19 FLOPs each.

    >>> [is_petaflop_days(name) for name in ("Compute (PF-days)", "petaflop/s-days", "pfs_days", "GPU days", "pf")]
    [True, True, True, False, False]
    """
    return bool(_PETAFLOP_DAYS.search(re.sub(r"[^a-z]", "", name.lower())))


_PETAFLOP_DAYS = re.compile(r"(?:petaflops?|pflops?|pf)s?days?$")


def power_name(power: int) -> str:
    """What a column that is so counted holds."""
    return NAMES.get(power, f"units of 1e{power}")


def _power(unit: str) -> int | None:
    word = unit.lower().strip(".")
    word = re.sub(r"^in ", "", word)
    word = re.sub(r" of$", "", word)
    word = re.sub(r"[\s_](?:params|parameters|tokens|tok|of tokens|of parameters)$", "", word)
    if word in _PLAIN:
        return 0
    flops = _FLOPS.fullmatch(word)
    numeral = _NUMERAL.fullmatch(word)
    if numeral:
        return int(numeral.group(1))
    return _POWERS.get(flops.group(1) if flops else word.strip("."))
