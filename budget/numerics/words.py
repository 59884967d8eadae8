"""Names and numbers as English sentences have them."""

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


def apart(first: float, second: float, digits: int = 6) -> tuple[str, str]:
    """Two numbers that a sentence compares, with as few digits as tell them apart, but no fewer than asked for.

    Equal numbers are written alike.

    >>> apart(1000.002, 1000)
    ('1000.002', '1000')
    >>> apart(2e22, 1e22)
    ('2e+22', '1e+22')
    """
    for precision in range(digits, 18):
        words = f"{first:.{precision}g}", f"{second:.{precision}g}"
        if words[0] != words[1] or first == second:
            break
    return words


def exactly(number: float, digits: int = 6) -> str:
    """A number as it was stated: with as few digits as give it back, but no fewer than asked for.

    >>> exactly(1000.002), exactly(1e11)
    ('1000.002', '1e+11')
    """
    return next(
        (word for precision in range(digits, 17) if float(word := f"{number:.{precision}g}") == number), repr(number)
    )
