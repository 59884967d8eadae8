"""Whether linear limits can be met together, decided in exact rational arithmetic.

A floating-point linear program has one tolerance for all its rows, so limits that are small beside others are lost in
it whatever they are divided by: amounts of 1 and of 1e21 stand in one row of a plan. Here nothing is divided. The
method is the simplex for bounds (Dutertre & de Moura 2006, "A fast linear-arithmetic solver"): every row is a variable
with bounds, and a row that breaks its bound is pivoted with a variable that can move. With the first of a fixed order
always taken (Bland 1977) it ends, either at a point within all bounds or at a row whose variables all stand at the
wrong one: those bounds contradict each other.

See docs/decisions/040-feasibility-in-exact-arithmetic.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

LIMIT_ROUNDING = Fraction(1, 10**12)
"""Share by which computed totals and shares may be off: a sum of a thousand float64 is, by 1e-13 at most."""


MAX_FILTERED_BOUNDS = 40
"""Most bounds of a conflict of which each is tried without; nobody reads on, and they hardly ever can be left out."""

CLEARLY = 1e-9
"""Share of a row's terms by which it must be obeyed for floating point to be believed: many times its rounding."""

INTERIOR_SHARE = 1e-6
"""Share of an amount by which a good point must be away from its ends to count as between them."""


@dataclass(frozen=True)
class Bound:
    """One of the bounds of a system of limits.

    Attributes:
        kind: ``low`` or ``high`` of a column, or ``row``.
        position: of the column or row.
    """

    kind: str
    position: int


def conflict(
    matrix: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray, rounding: Fraction = LIMIT_ROUNDING
) -> tuple[Bound, ...]:
    """Bounds that no amounts ``x`` obey together, of ``matrix·x ≤ most`` and ``low ≤ x ≤ high``.

    Args:
        matrix: (M, C).
        most: (M,).
        low: (C,), not negative.
        high: (C,), infinite where there is none.
        rounding: share by which ends and right sides may be off, to the side that makes them easier to meet.

    Returns:
        A smallest set, columns first: without any one of them the others can be met. Empty where all can be met.
    """
    found = _conflict(matrix, most, low, high, rounding)
    # a deletion filter (Chinneck & Dravnieks 1991): what can be left out of a conflict is no part of it, and one pass
    # leaves a set of which nothing can be spared
    for bound in found if len(found) <= MAX_FILTERED_BOUNDS else ():
        less = tuple(each for each in found if each != bound)
        if bound in found and _conflict(*_only(matrix, most, low, high, less), rounding):
            found = less
    return tuple(sorted(found, key=lambda bound: (bound.kind == "row", bound.position, bound.kind == "high")))


def _only(
    matrix: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray, bounds: Sequence[Bound]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same system with no other bounds than these, and amounts that are not negative."""
    kept = {kind: [each.position for each in bounds if each.kind == kind] for kind in ("low", "high", "row")}
    columns = np.arange(len(low))
    return (
        matrix[kept["row"]],
        most[kept["row"]],
        np.where(np.isin(columns, kept["low"]), low, 0.0),
        np.where(np.isin(columns, kept["high"]), high, np.inf),
    )


def _conflict(
    matrix: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray, rounding: Fraction
) -> tuple[Bound, ...]:
    """Bounds that contradict each other, empty where there are none; not always a smallest set."""
    # both ends are loosened by ``rounding``, so only what crosses by more than twice that does
    crossed = np.flatnonzero(low > high * (1 + 2 * float(rounding)))
    if len(crossed):
        return Bound("low", int(crossed[0])), Bound("high", int(crossed[0]))
    # what every column's least obeys by more than rounding needs no exact arithmetic
    if (low <= high).all() and (matrix @ low <= most - CLEARLY * (np.abs(matrix) @ low + np.abs(most))).all():
        return ()
    system = _System(matrix, most, low, high, rounding)
    if system.wrong() is None:
        return ()
    guess = _guess(matrix, most, low, high)
    system.begin(guess >= low + 0.5 * (high - low))
    # those columns first that a good point has between their ends
    inside = np.minimum(guess - low, high - guess) > INTERIOR_SHARE * np.minimum(np.maximum(guess, 0.0), high)
    # any fixed order keeps the method from circling (Bland 1977); this one moves first what is least likely to end at a
    # bound
    rank = {int(column): place for place, column in enumerate(np.argsort(~inside, kind="stable"))}
    while (basic := system.wrong()) is not None:
        able = system.able(basic)
        if not able:
            return system.explained(basic)
        system.pivot(basic, min(able, key=lambda column: rank.get(column, column)))
    return ()


class _System:
    """Columns, and rows as variables after them, each within its ends and with its present value.

    Attributes:
        under: least value of each variable, ``None`` where there is none.
        over: greatest value, likewise.
        value: present one; a variable without a row stands at one of its ends.
        rows: those with a row, as sums of the others.
    """

    def __init__(
        self, matrix: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray, rounding: Fraction
    ) -> None:
        """Read the numbers as written, loosen every end by ``rounding``, and put the columns at their least."""
        self.columns = len(low)
        self.under: list[Fraction | None] = [_exact(each) * (1 - rounding) for each in low.tolist()]
        self.under += [None] * len(matrix)
        self.over = [_exact(each) * (1 + rounding) if np.isfinite(each) else None for each in high.tolist()]
        self.over += [right + abs(right) * rounding for right in map(_exact, most.tolist())]
        # rows are sparse: most limits are about few columns
        self.rows: dict[int, dict[int, Fraction]] = {}
        for at, line in enumerate(matrix):
            self.rows[self.columns + at] = {int(column): _exact(line[column]) for column in np.flatnonzero(line)}
        self.value = [Fraction(0)] * len(self.over)
        self.begin(np.zeros(self.columns, dtype=bool))

    def begin(self, at_high: np.ndarray) -> None:
        """Put the columns (C,) at their greatest or least values."""
        for column, is_high in enumerate(at_high.tolist()):
            end = self.over[column] if is_high else self.under[column]
            assert end is not None  # every column has a least value, and none is put at an infinite greatest one
            self.value[column] = end
        for basic, row in self.rows.items():
            self.value[basic] = sum((each * self.value[column] for column, each in row.items()), Fraction(0))

    def wrong(self) -> int | None:
        """The first variable with a row that is not within its ends."""
        return min((basic for basic in self.rows if self._misses(basic)), default=None)

    def _misses(self, variable: int) -> bool:
        least, most, value = self.under[variable], self.over[variable], self.value[variable]
        return (least is not None and value < least) or (most is not None and value > most)

    def _must_rise(self, basic: int) -> bool:
        least = self.under[basic]
        return least is not None and self.value[basic] < least

    def able(self, basic: int) -> list[int]:
        """The variables that can move so that a wrong one comes nearer to its end."""
        up = self._must_rise(basic)
        return [column for column, each in self.rows[basic].items() if self._moves(column, up == (each > 0))]

    def _moves(self, variable: int, up: bool) -> bool:
        least, most, value = self.under[variable], self.over[variable], self.value[variable]
        return (most is None or value < most) if up else (least is None or value > least)

    def explained(self, basic: int) -> tuple[Bound, ...]:
        """The end that a variable misses, and those that keep the others of its row from moving."""
        up = self._must_rise(basic)
        others = [self._bound(column, up != (each > 0)) for column, each in sorted(self.rows[basic].items())]
        return (self._bound(basic, up), *others)

    def _bound(self, variable: int, is_low: bool) -> Bound:
        if variable >= self.columns:
            return Bound("row", variable - self.columns)
        return Bound("low" if is_low else "high", variable)

    def pivot(self, basic: int, column: int) -> None:
        """Bring a wrong variable to its end by moving another, which takes over its row."""
        goal = self.under[basic] if self._must_rise(basic) else self.over[basic]
        assert goal is not None  # only an end that there is can be missed
        row = self.rows.pop(basic)
        pivot = row.pop(column)
        step = (goal - self.value[basic]) / pivot
        self.value[basic] = goal
        self.value[column] += step
        # row: basic = Σ each·other + pivot·column, solved for the column, which is put into all other rows
        entering = {other: -each / pivot for other, each in row.items()}
        entering[basic] = 1 / pivot
        for other, line in self.rows.items():
            part = line.pop(column, None)
            if part is None:
                continue
            self.value[other] += part * step
            for name, each in entering.items():
                total = line.get(name, Fraction(0)) + part * each
                # exact zeros are dropped, else every row would fill up with them
                if total:
                    line[name] = total
                else:
                    line.pop(name, None)
        self.rows[column] = entering


def _guess(matrix: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Amounts (C,) that break the rows least, nearly: where the exact method begins, which saves nearly all its steps.

    Every column in units of the most that it can be, every row over its largest coefficient.
    """
    from scipy.optimize import linprog  # few questions need it, and it takes long to load

    # a row of nothing negative bounds each of its columns by itself: no column can be larger than the least of these
    lifts = (matrix >= 0).all(axis=1) & (most >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(matrix[lifts] > 0, most[lifts, None] / matrix[lifts], np.inf).min(axis=0, initial=np.inf)
    size = np.minimum(high, room)
    size = np.where(np.isfinite(size) & (size > 0), size, max(float(np.abs(most).max()), float(low.max()), 1e-300))
    row = np.abs(matrix * size).max(axis=1)
    row = np.where(row > 0, row, 1.0)
    # every row may be broken at a price of 1: the least sum of what is broken is always found, and is a good point
    elastic = np.hstack([matrix * size / row[:, None], -np.eye(len(matrix))])
    found = linprog(
        np.repeat([0.0, 1.0], [len(low), len(matrix)]),
        elastic,
        most / row,
        bounds=[*zip(low / size, np.maximum(high, low) / size, strict=True), *[(0, None)] * len(matrix)],
        method="highs",
    )
    return low if found.x is None else found.x[: len(low)] * size


def _exact(number: float) -> Fraction:
    """The decimal number that was written: 0.1 is a tenth."""
    return Fraction(repr(float(number)))
