"""What somebody wrote, quoted in a sentence: escaped, so that a terminal obeys none of it, and cut where it is long.

See docs/decisions/111-errors-cut-their-middle.md.
"""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_CELL = 80
"""Characters of a cell or a name that a sentence repeats."""

LONGEST_SENTENCE = 300
"""Characters of a sentence that says a mistake."""

SHOWN = 8
"""Names of a list that a sentence repeats."""

_ENDING = 120
"""Characters kept at the end of a sentence that is too long: the next step stands there."""

_OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that move the cursor, colour, hide or reorder what follows, or end a line."""


def escaped(text: str, keep: str = "") -> str:
    r"""Text in which every control or format character stands as its Python escape, such as ``\x1b`` or ``\u202e``.

    Args:
        text: anything.
        keep: control characters that stay, such as a line feed between sentences.
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode()
        if character not in keep and unicodedata.category(character) in _OBEYED
        else character
        for character in text
    )


def shortened(text: str, most: int = LONGEST_CELL) -> str:
    """Text on one line, escaped, with an ellipsis where it is longer than ``most`` characters."""
    plain = escaped(text[: most + 1])  # a cell may have a million characters
    return plain if len(text) <= most and len(plain) <= most else plain[: most - 1] + "…"


def shown(cell: object) -> str:
    """A cell or a name in quotation marks, as a sentence repeats it; an empty one is called so.

    >>> shown("a")
    "'a'"
    >>> shown("")
    'empty'
    """
    text = str(cell)
    return f"'{shortened(text)}'" if text else "empty"


def listed(names: Iterable[object], most: int = SHOWN) -> str:
    """The first names of a list, separated by commas, and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    every = [str(name) for name in names]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(shortened(name, LONGEST_CELL // 2) for name in every[:most]) + more


def meant(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest of the names there are; nothing where none is near.

    >>> meant("cod", ["code", "prose"]), meant("x", ["code", "prose"])
    ("; did you mean 'code'?", '')
    """
    near = get_close_matches(name[:LONGEST_CELL], [*known], 1, 0.7)
    return f"; did you mean {shown(near[0])}?" if near else ""


def sentence(text: str, most: int = LONGEST_SENTENCE) -> str:
    """A message on one line of at most ``most`` characters: of a longer one the middle is left out.

    The beginning names the place (file, row, column) and the end the next step.
    """
    # a message may repeat a cell of a million characters
    near = text if len(text) <= 4 * most else text[: 2 * most] + text[-2 * most :]
    plain = escaped(near)
    return plain if len(plain) <= most else f"{plain[: most - _ENDING - 3]} … {plain[-_ENDING:]}"
