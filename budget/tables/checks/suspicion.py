"""Rows that look wrong before any fit: a cell in another unit, a value in percent or a perplexity, a diverged run.

Each is found by a robust curve through the rows (``robust_curve``) and named with what would explain it. A wild value
is named only where it contradicts other rows outright: it is worse than a row that had less of everything, or better
than one that had more, so that a score that rises late is no suspicion.

See docs/decisions/028-another-unit-shows-in-the-value.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from budget.numerics.robust_curve import RobustCurve, robust_curve, robust_curves
from budget.tables.checks.units import flops_ratio, is_usual, power_name, ratio_name
from budget.tables.runs import Runs

LONE_GAP = 1.0
"""Decades from which a lone cell is looked at."""

SUSPECT_GAP = 2.5
"""Decades from which it is suspect where the values do not say whether it is right."""

EVIDENT_GAP = 4.0
"""Decades from which it is suspect whatever the values say."""

MIN_GAP_RATIO = 2.0
"""How many times wider its gap must be than the widest usual one among the other rows."""

MAX_DECADES_OUTSIDE = 0.5
"""Decades beyond the other rows' range where a cell may lie once its unit is right."""

WILD_DEVIATIONS = 8.0
"""Standard deviations off its neighbours from which a row counts as wild."""

MIN_WILD_LOG_FACTOR = 0.25
"""Log of the factor from which it does however little the rows scatter, since the curve itself is rough."""

AGREEING_DEVIATIONS = 4.0
"""Standard deviations within which a row agrees with its neighbours."""

AGREEING_LOG_FACTOR = 0.1
"""How near (log) a value comes to the rough curve, at least, once the cell's unit is right."""

MIN_SCATTER = 0.01
"""Relative scatter below which that of the rough curve itself counts."""

MAX_WILD_SHARE = 0.15
"""Largest share of rows that can be wild; where more are it is the rough curve that does not fit."""

MAX_COMPARED_ROWS = 2000
"""Rows of a task up to which they are compared in pairs."""

MAX_FLOPS_FACTOR = 20.0
"""Factor between a row's flops over 6·params·tokens and that of the other rows from which it is suspect."""

MAX_ROWS_NAMED = 6
"""Rows that a sentence names."""

Finding = tuple[str, str]
"""Status code and one sentence."""


@dataclass(frozen=True)
class Suspicions:
    """What is suspect of one task's rows.

    Attributes:
        findings: codes of ``STATUS`` with a sentence each.
        wild: a sentence on rows whose values contradict others without an explanation; the fit judges them anew.
    """

    findings: tuple[Finding, ...]
    wild: str


def suspicions_of(runs: Runs, tasks: Sequence[int]) -> list[Suspicions]:
    """Look at the rows of several tasks, the curves of tasks with equally many rows in one call."""
    ratio = flops_ratio(runs)
    usual = np.nan if ratio is None else float(np.median(ratio))  # of the whole file: once, and not once a task
    looked = [_look(runs, task, ratio, usual) for task in tasks]
    curves: list[RobustCurve | None] = [None] * len(looked)
    alike: dict[int, list[int]] = {}
    for at, each in enumerate(looked):
        if 0 < len(each.rows) <= MAX_COMPARED_ROWS and (each.value > 0).all():
            alike.setdefault(len(each.rows), []).append(at)
    for places in alike.values():
        z, value = (np.stack([getattr(looked[at], name) for at in places]) for name in ("z", "value"))
        for at, curve in zip(places, robust_curves(z, value), strict=True):
            curves[at] = curve
    result = []
    for each, curve in zip(looked, curves, strict=True):
        explained, wild = ([], "") if curve is None else _odd_values(runs, each, curve)
        more = [("suspect_values", sentence) for sentence in explained]
        result.append(Suspicions((*each.found, *more), wild))
    return result


@dataclass(frozen=True)
class _Looked:
    """What was found of a task's scales, and the rows (M,) whose values are looked at, with their inputs (M, I)."""

    found: tuple[Finding, ...]
    rows: np.ndarray
    z: np.ndarray
    value: np.ndarray
    perplexity: bool


def _look(runs: Runs, task: int, ratio: np.ndarray | None, usual: float) -> _Looked:
    """Look at the scales of one task's rows; ``ratio`` is the file's ``flops_ratio``, ``usual`` its median."""
    rows = runs.rows_of(task)
    names = _inputs(runs)
    z = np.log(np.column_stack([runs.scale[name][rows] for name in names]))
    value = runs.value[rows]
    found, doubtful = [], np.zeros(len(rows), dtype=bool)
    for column, name in enumerate(names):
        for side, sentence in _lone_cells(runs, rows, z, column, name, ratio):
            found.append(("suspect_scale", sentence))
            doubtful |= side
    # rows whose scale is in doubt have no say about values: each suspicion is about what the ones before have left
    doubtful, sentence = _odd_flops(runs, rows, doubtful, ratio, usual)
    if sentence:
        found.append(("suspect_flops", sentence))
    perplexity = any(word in runs.metric[task].lower() for word in ("ppl", "perplexity"))
    if perplexity and not runs.higher_is_better[task]:
        found.append(
            (
                "suspect_values",
                f"the metric is called '{runs.metric[task]}': a perplexity does not follow a loss's law and cannot be "
                "averaged with losses; its logarithm is the loss",
            )
        )
    if doubtful.any():
        rows, z, value = rows[~doubtful], z[~doubtful], value[~doubtful]
    return _Looked(tuple(found), rows, z, value, perplexity)


def _inputs(runs: Runs) -> tuple[str, ...]:
    """The columns that say how large a run was, without what follows from the others."""
    if {"params", "tokens"} <= set(runs.scale):
        return ("params", "tokens")
    return tuple(runs.scale)


def _lone_cells(
    runs: Runs, rows: np.ndarray, z: np.ndarray, column: int, name: str, ratio: np.ndarray | None
) -> list[tuple[np.ndarray, str]]:
    """Rows (masks) whose cells of one column lie apart from most others as another unit would put them."""
    decades = z[:, column] / np.log(10)
    # most tasks have no gap that is wide enough, but for what rounding adds to it
    if len(decades) < 2 or np.diff(np.sort(decades)).max() < LONE_GAP - 1e-5:
        return []
    levels = np.unique(decades.round(6))
    ends = _ends(np.diff(levels))
    # the groups that the wide gaps part; the largest is taken for right, if it has most rows
    cluster = np.searchsorted((levels[ends] + levels[ends + 1]) / 2, decades)
    main = cluster == np.bincount(cluster).argmax()
    if main.all() or main.sum() < len(rows) / 2:
        return []
    found = []
    for each in np.unique(cluster[~main]):
        side = cluster == each
        below = bool(decades[side].max() < decades[main].min())
        gap = float(decades[main].min() - decades[side].max() if below else decades[side].min() - decades[main].max())
        shifts = _shifts(decades, side, main, below)
        if not len(shifts) or _flops_agree(ratio, rows, side, main):
            continue
        power, good = _verdict(runs, rows, z, column, side, main, shifts, gap, below)
        if good:
            found.append((side, _scale_sentence(runs, rows[side], name, gap, below, abs(power))))
    return found


def _ends(gaps: np.ndarray) -> np.ndarray:
    """Positions of the gaps (decades) behind which lone cells may lie: far wider than the usual ones."""
    # a gap that would be suspect itself is no measure of what is usual: of two wild cells each would hide the other
    usual = np.where(gaps < SUSPECT_GAP, gaps, 0.0)
    if not (gaps >= LONE_GAP).any():
        return np.empty(0, dtype=int)
    # the widest of the others: the second of all for the widest itself
    second, first = np.partition(np.concatenate([usual, [0.0, 0.0]]), -2)[-2:]
    others = np.where(np.arange(len(usual)) == usual.argmax(), second, first)
    return np.flatnonzero((gaps >= LONE_GAP) & (gaps >= MIN_GAP_RATIO * others))


def _flops_agree(ratio: np.ndarray | None, rows: np.ndarray, side: np.ndarray, main: np.ndarray) -> bool:
    """Whether counted FLOPs vouch for the cells of some rows."""
    if ratio is None:
        return False
    return bool(1 / MAX_FLOPS_FACTOR < np.median(ratio[rows[side]]) / np.median(ratio[rows[main]]) < MAX_FLOPS_FACTOR)


def _shifts(decades: np.ndarray, side: np.ndarray, main: np.ndarray, below: bool) -> np.ndarray:
    """Powers of ten that bring the lone cells among the others: those of a thousand, where some of these do."""
    # units differ by powers of ten, mostly of a thousand; from 2 on, since one decade off is an ordinary run
    lowest, highest = decades[main].min() - MAX_DECADES_OUTSIDE, decades[main].max() + MAX_DECADES_OUTSIDE
    powers = np.arange(2, 16) if below else -np.arange(2, 16)
    own = decades[side]
    fits = powers[(own.min() + powers >= lowest) & (own.max() + powers <= highest)]
    return fits[fits % 3 == 0] if (fits % 3 == 0).any() else fits


def _verdict(
    runs: Runs,
    rows: np.ndarray,
    z: np.ndarray,
    column: int,
    side: np.ndarray,
    main: np.ndarray,
    shifts: np.ndarray,
    gap: float,
    below: bool,
) -> tuple[int, bool]:
    """The shift (decades) that explains the lone cells best, and whether they are suspect."""
    value = runs.value[rows]
    curve = robust_curve(z[main], value[main]) if (value > 0).all() else None
    if curve is None:
        return int(shifts[0]), gap >= SUSPECT_GAP
    # the rows' own scatter says how near is near, but for the roughness of the curve itself
    near = AGREEING_DEVIATIONS * max(curve.scatter, MIN_SCATTER)
    off = np.array([_typical(curve, z[side], value[side], column, shift) for shift in shifts])
    as_it_is = _typical(curve, z[side], value[side], column, 0)
    usual = int(shifts[off.argmin()])
    # some unit brings the cells' values onto the curve of the others: suspect if they are far off it as they stand
    if off.min() <= max(near, AGREEING_LOG_FACTOR):
        return usual, gap >= SUSPECT_GAP or as_it_is > max(near, 2 * float(off.min()))
    if gap >= EVIDENT_GAP:
        return usual, True
    if gap < SUSPECT_GAP:
        return usual, False
    # no unit agrees: the cells are right only where the values are as extreme as they
    merit = value if runs.higher_is_better[runs.task[rows[0]]] else -value
    extreme = merit[side].max() < merit[main].min() if below else merit[side].min() > merit[main].max()
    return usual, not extreme


def _typical(curve: RobustCurve, z: np.ndarray, value: np.ndarray, column: int, shift: int) -> float:
    """How far rows typically lie off the curve once one column is shifted by so many decades."""
    moved = z.copy()
    moved[:, column] += shift * np.log(10)
    return float(np.median(np.abs(curve.off(moved, value))))


def _scale_sentence(runs: Runs, rows: np.ndarray, name: str, gap: float, below: bool, power: int) -> str:
    """The sentence that names lone cells, where they lie, and the unit that would explain them."""
    cells = runs.scale[name][rows]
    shown = f"{cells[0]:.4g}" if np.ptp(cells) == 0 else f"{cells.min():.4g} to {cells.max():.4g}"
    verb = "lies" if len(rows) == 1 else "lie"
    unit = f"{power_name(power)}" if below else f"the others in {power_name(power)}"
    return (
        f"{row_names(runs.row[rows])}: {name} {shown} {verb} {gap:.1f} decades {'below' if below else 'above'} every "
        f"other run; another unit ({unit})?"
    )


def _odd_flops(
    runs: Runs, rows: np.ndarray, known: np.ndarray, ratio: np.ndarray | None, usual: float
) -> tuple[np.ndarray, str]:
    """The suspect rows with those (mask) whose flops do not belong to their params and tokens, and a sentence."""
    if ratio is None:
        return known, ""
    mine = ratio[rows]
    # rows are compared with the file's own median, since a file may count FLOPs in its own way throughout
    off = (np.abs(np.log(mine / usual)) > np.log(MAX_FLOPS_FACTOR)) & ~known
    if is_usual(np.array(usual)):
        off &= ~is_usual(mine)
    if not off.any():
        return known, ""
    worst = mine[off]
    shown = f"{worst[0]:.3g}" if np.ptp(np.log(worst)) < 0.1 else f"{worst.min():.3g} to {worst.max():.3g}"
    return known | off, (
        f"{row_names(runs.row[rows[off]])}: flops are {shown} times 6·params·tokens, and {usual:.3g} times in the "
        f"other rows; one of the three cells in another unit ({ratio_name(float(worst[0] / usual))})"
    )


def _odd_values(runs: Runs, looked: _Looked, curve: RobustCurve) -> tuple[list[str], str]:
    """Sentences on values in another unit, and one on wild values that no unit explains."""
    rows, z, value = looked.rows, looked.z, looked.value
    scatter = max(curve.scatter, MIN_SCATTER)
    off = curve.off(z, value)
    wild = np.abs(off) > max(WILD_DEVIATIONS * scatter, MIN_WILD_LOG_FACTOR)
    if not wild.any():
        return [], ""
    expected, others = curve.expected(z), value[~wild]
    # another unit puts a value outside all others; one among them is wild, but in their unit
    beyond = wild & ((value < others.min()) | (value > others.max()))
    score = bool(runs.higher_is_better[runs.task[rows[0]]])
    transforms = _transforms(score, looked.perplexity)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs([np.log(transformed(value)) - np.log(expected) for transformed, _, _ in transforms])
    if score and others.max() <= 1:
        distance[0] = np.where((value > 1) & (value <= 100), 0.0, np.inf)  # no share is above 1, whatever is expected
    distance = np.where(np.isnan(distance), np.inf, distance)
    closest = distance.argmin(axis=0)
    sentences = []
    for position, (_, most, words) in enumerate(transforms):
        agrees = beyond & (closest == position) & (distance[position] <= most)
        if agrees.any():
            first = int(agrees.argmax())
            sentences.append(
                f"{row_names(runs.row[rows[agrees]])}: value {value[first]:.4g} {words} what the other rows let expect"
                f"{_about(expected[first])}; another unit?"
            )
            wild &= ~agrees
    better = 1.0 if score else -1.0
    # the curve is too rough to accuse by: only a row that contradicts others outright is named
    wild &= _contradicts(z, better * np.log(value), wild, WILD_DEVIATIONS * scatter)
    if not wild.any() or wild.sum() > max(1, MAX_WILD_SHARE * len(rows)):
        return sentences, ""
    first, others = int(wild.argmax()), value[~wild]
    return sentences, (
        f"{row_names(runs.row[rows[wild]])}: value {value[first]:.4g} among {others.min():.4g} to {others.max():.4g} "
        f"of the others, far from what its neighbours let expect{_about(expected[first])}"
    )


def _about(expected: float) -> str:
    return f" ({expected:.3g})" if expected > 0 else ""


def _transforms(score: bool, perplexity: bool) -> list[tuple[Callable[[np.ndarray], np.ndarray], float, str]]:
    """What turns a value into its right unit, how near (log) it must come to its neighbours then, and the words."""
    most = 1.0 if score else 0.3  # the rough curve is rougher where scores rise in an S
    percent: list[tuple[Callable[[np.ndarray], np.ndarray], float, str]] = [
        (lambda value: value / 100, most, "is 100 times (percent?)"),
        (lambda value: value * 100, most, "is a hundredth (a share among percent?) of"),
    ]
    return percent if score or perplexity else [*percent, (np.log, 0.05, "is the exponential (a perplexity?) of")]


def _contradicts(z: np.ndarray, merit: np.ndarray, wild: np.ndarray, margin: float) -> np.ndarray:
    """Which wild rows are worse than another row with less of everything, or better than one with more."""
    result = np.zeros(len(z), dtype=bool)
    for row in np.flatnonzero(wild):
        # scales that differ by rounding of their logarithms are the same
        less = np.all(z <= z[row] + 1e-9, axis=1) & ~wild
        more = np.all(z >= z[row] - 1e-9, axis=1) & ~wild
        result[row] = (merit[less] > merit[row] + margin).any() or (merit[more] < merit[row] - margin).any()
    return result


def row_names(rows: Sequence[int] | np.ndarray) -> str:
    """Rows of the file by their numbers, a few of them."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    shown = ", ".join(str(row) for row in rows[:MAX_ROWS_NAMED])
    return f"rows {shown}{f' and {len(rows) - MAX_ROWS_NAMED} more' if len(rows) > MAX_ROWS_NAMED else ''}"
