"""Names written one after the other, as English sentences do."""

from collections.abc import Sequence


def listing(names: Sequence[str]) -> str:
    """Names as English: ``a``, ``a and b``, ``a, b and c``.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def shortened(names: Sequence[str], most: int = 8) -> str:
    """The same, the names beyond ``most`` being counted.

    >>> shortened(["a", "b", "c", "d", "e"], 2)
    'a, b and 3 more'
    """
    return listing([*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])])
