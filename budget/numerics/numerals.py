"""A number as people write it: decimal digits, a point, an exponent; counts with thousands apart or a letter behind."""

import re

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:([, '\u2019\u00a0\u202f])\d{3})(?:\1\d{3})*(?:\.\d+)?", re.ASCII)
"""Thousands apart, all by the same mark."""

_SCALED = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))[ \u00a0]?([kKmMbBgGtT])", re.ASCII)
_LETTERS = {"k": 3, "m": 6, "b": 9, "g": 9, "t": 12}
"""Letter behind a count → its power of ten: 19M parameters, 300B tokens, in either case as model names have it."""

_MARKS = str.maketrans("", "", ", '\u2019\u00a0\u202f")


def number_of(text: str) -> float:
    """The float64 that a text names; NaN where it is no plain decimal number, infinity where it is too large.

    Python's own ``float`` also takes ``1_000``, digits of other scripts, ``nan`` and ``infinity``, which in a table are
    more often a slip than a number.

    >>> number_of("1.5e3")
    1500.0
    >>> number_of("1_500")
    nan
    """
    return float(text) if _NUMBER.fullmatch(text) else float("nan")


def count_of(text: str) -> float:
    """A number that counts something (parameters, tokens, FLOPs): also ``19M``, ``1.3B`` and ``190,000,000``.

    >>> count_of("1.3B"), count_of("190,000,000"), count_of("160'000'000"), count_of("7e9")
    (1300000000.0, 190000000.0, 160000000.0, 7000000000.0)
    >>> count_of("1,30")
    nan
    """
    scaled = _SCALED.fullmatch(text)
    if scaled:  # by its decimal text, so that 1.3B is the float that 1.3e9 is
        return float(f"{scaled.group(1)}e{_LETTERS[scaled.group(2).lower()]}")
    return float(text.translate(_MARKS)) if _GROUPED.fullmatch(text) else number_of(text)


def value_of(text: str) -> float:
    """A measured value: thousands apart only where no decimal comma can be meant, as in ``12,345,678``.

    >>> value_of("3.21"), value_of("12,345,678")
    (3.21, 12345678.0)
    >>> value_of("3,214")
    nan
    """
    number = number_of(text)
    return count_of(text) if number != number and text.count(",") > 1 else number
