"""A number as people write it: decimal digits, a point, an exponent."""

import re

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


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
