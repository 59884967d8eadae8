"""Linear inequalities over the rationals by eliminating one variable after the other (Fourier 1826, Motzkin 1936)."""

from collections.abc import Sequence
from fractions import Fraction

Inequality = tuple[tuple[Fraction, ...], Fraction]
"""Coefficients and right side of ``Σ coefficient·x ≤ right``."""


def can_be_met(rows: Sequence[tuple[Sequence[Fraction], Fraction]]) -> bool:
    """Whether some real numbers meet all of ``Σ coefficient·x ≤ right``."""
    system = {_scaled((tuple(coefficient), right)) for coefficient, right in rows}
    while system and len(next(iter(system))[0]):
        system = _without_last(system)
    return all(right >= 0 for _, right in system)


def _without_last(system: set[Inequality]) -> set[Inequality]:
    over = [row for row in system if row[0][-1] > 0]
    under = [row for row in system if row[0][-1] < 0]
    result = {_scaled((row[0][:-1], row[1])) for row in system if row[0][-1] == 0}
    for above, most in over:
        for below, least in under:
            p, q = above[-1], -below[-1]
            mixed = tuple(q * a + p * b for a, b in zip(above[:-1], below[:-1], strict=True))
            result.add(_scaled((mixed, q * most + p * least)))
    return result


def _scaled(row: Inequality) -> Inequality:
    """The row over its largest coefficient, so that equal ones are found to be equal."""
    size = max((abs(each) for each in row[0]), default=Fraction(0)) or abs(row[1]) or Fraction(1)
    return tuple(each / size for each in row[0]), row[1] / size
