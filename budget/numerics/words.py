"""Numbers as a sentence says them."""


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
