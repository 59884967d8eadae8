"""Cells that a spreadsheet would take for formulas, kept from it by an apostrophe that is taken away again.

See docs/decisions/109-apostrophe-before-formulas.md.
"""

import re
from math import isnan

from budget.numerics.numerals import number_of

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What a spreadsheet computes, or what has been kept from that already."""


def guarded(text: str) -> str:
    """The text of a cell as it is written to a CSV: ``=A1`` becomes ``'=A1``, and ``'=A1`` becomes ``''=A1``.

    Numbers such as ``-1.5`` stay, and so does a name such as ``'tis``.
    """
    return f"'{text}" if _FORMULA.match(text) and isnan(number_of(text)) else text


def unguarded(text: str) -> str:
    """The inverse: ``unguarded(guarded(text)) == text`` for every text."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text
