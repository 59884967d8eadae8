"""What a backtest says of each task's curve, in one word and one sentence: PASS, REVIEW or FAIL.

See docs/decisions/131-backtest-verdicts.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln, stdtrit

from budget.errors import BudgetError
from budget.numerics.interval import LEVEL
from budget.numerics.row_codes import rows_of_each
from budget.studies.backtest import NO_LAW, Backtest, backtest
from budget.tables.runs import Runs

LEAST_JUDGED = 3
"""Hidden runs (of different models and sizes) that are judged: of fewer, chance decides whether intervals hold them."""

LEAST_REACH = 4.0
"""Factor beyond the fitted runs from which a law that loses to "nothing improves" fails.

A guard by this verdict helped plans where hidden runs spanned 4 times and more (share of the possible gain .65 → .80),
and harmed them at a factor of 2 (.84 → .72): so near, nothing improves by much, and any law may lose by a little.
"""

FAILING = 0.05
"""Level of the one-sided t test that a law is worse than "nothing improves"."""

RARE = 0.1
"""Chance of so low a coverage, were the intervals right, below which they are doubted: of 270 planted curves whose law
is right, 14 are."""

FEWEST_INSIDE = 0.5
"""Share of the hidden runs that must be inside their intervals, whatever chance allows: intervals that miss more often
than they hold are nothing to plan by."""

TOLD_APART = 0.05
"""By how much the shares of runs and of predictions inside differ for a sentence to have both."""

TOGETHER = 0.3
"""Correlation between whether two hidden runs of a task are inside their intervals.

One curve predicts all of them, so that where it is off, it is off for most. Measured where the law is right: .27 to .44
of one scale, .04 of two; .23 on own runs. See docs/decisions/131-backtest-verdicts.md.
"""


@dataclass(frozen=True)
class Figures:
    """What a verdict's sentence counts.

    Attributes:
        inside: predictions of hidden runs inside their interval.
        predictions: of hidden runs in all.
        off: their median relative error.
    """

    inside: int
    predictions: int
    off: float


@dataclass(frozen=True)
class Verdict:
    """Of one task's curve.

    Attributes:
        code: ``PASS``, ``REVIEW`` (its intervals are too narrow, or it could not be judged) or ``FAIL`` (the best of
            the runs so far predicts the hidden ones better).
        sentence: what it rests on, with its figures.
        figures: these as numbers, where intervals were judged.
    """

    code: str
    sentence: str
    figures: Figures | None = None


def figures_of(verdicts: Sequence[Verdict]) -> np.ndarray:
    """(T, 3) the figures of verdicts, as curves keep them: ``Curves.held``."""
    none = (np.nan, np.nan, np.nan)
    told = [each.figures for each in verdicts]
    rows = [none if each is None else (each.inside, each.predictions, each.off) for each in told]
    return np.array(rows, dtype=float).reshape(len(rows), 3)


def figures_from(held: np.ndarray) -> Figures | None:
    """The figures (3,) that curves keep of a verdict; ``None`` where there are none."""
    return Figures(int(held[0]), int(held[1]), float(held[2])) if np.isfinite(held).all() else None


def verdicts(found: Backtest, law: str, tasks: Sequence[str]) -> tuple[Verdict, ...]:
    """What the backtest says of one law's curve of each task.

    Args:
        found: the backtest, with that law among its own.
        law: its name.
        tasks: (T,) names; those whose rows could not be divided are not judged.

    Returns:
        (T,) verdicts.
    """
    at = found.laws.index(law)
    of = dict(zip(found.tasks, rows_of_each(found.task, len(found.tasks)), strict=True))
    return tuple(
        _verdict(found, at, of[name]) if name in of else _not_judged("its runs are all of one size") for name in tasks
    )


def judge(runs: Runs, law: str, **options: Any) -> tuple[Verdict, ...]:
    """The verdicts on a law that could be fitted to all of the runs.

    Args:
        runs: of T tasks.
        law: a name in ``LAWS``.
        options: what ``backtest`` takes beside these, as the fit of all runs took it.

    Returns:
        (T,) verdicts; where the fit without the largest runs is refused, none is judged.
    """
    try:
        found = backtest(runs, [law], **options)
    except BudgetError as error:
        # all runs could be fitted, so what is refused is for want of those that are hidden
        return tuple(_not_judged(f"without its largest runs there is no fit ({error})") for _ in runs.tasks)
    return verdicts(found, law, runs.tasks)


def _not_judged(why: str) -> Verdict:
    return Verdict("REVIEW", f"not judged, for {why}")


def _verdict(found: Backtest, law: int, rows: np.ndarray) -> Verdict:
    """Of one task, whose predictions stand at the positions ``rows``."""
    if not np.isfinite(found.predicted[law, rows]).all():
        return _not_judged("without its largest runs it has no curve")
    hidden = len(np.unique(found.group[rows]))
    if hidden < LEAST_JUDGED:
        runs = "1 run can" if hidden == 1 else f"{hidden} runs can"
        return _not_judged(f"only {runs} be hidden, and {LEAST_JUDGED} are needed")
    lost = _lost(found, law, rows)
    if lost:
        return Verdict("FAIL", lost)
    inside = found.inside[law, rows]
    off = float(np.median(np.abs(found.off[law, rows])))
    far = f"hidden runs up to {found.distance[rows].max():.3g} × larger"
    typically = f"{100 * off:.2g} % off in the median"
    if np.isnan(inside).any():
        return Verdict("PASS", f"{far} are predicted {typically}; no intervals were drawn")
    held = f"{int(inside.sum())} of {len(inside)} predictions of {far}"
    share, chance = _so_low(found.group[rows], inside)
    # what is judged is told, too, where the predictions count otherwise
    apart = abs(share - inside.mean()) > TOLD_APART
    once = f" ({100 * share:.0f} % where those of one model and size count once)" if apart else ""
    said = f"{held} inside the {100 * LEVEL:g} % interval{once}, {typically}"
    doubted = share < FEWEST_INSIDE or chance < RARE
    return Verdict("REVIEW" if doubted else "PASS", said, Figures(int(inside.sum()), len(inside), off))


def _so_low(group: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Share of hidden runs inside their intervals, and the chance of so few, were these as wide as they say.

    Rows of one group are one observation. How many of n such observations are inside is beta-binomial: binomial with a
    chance that varies about ``LEVEL`` from task to task, by which any two observations are correlated (``TOGETHER``).
    """
    _, position, rows = np.unique(group, return_inverse=True, return_counts=True)
    held = float((np.bincount(position, inside) / rows).sum())
    spread = 1 / TOGETHER - 1
    return held / len(rows), _beta_binomial(round(held), len(rows), LEVEL * spread, (1 - LEVEL) * spread)


def _beta_binomial(most: int, count: int, a: float, b: float) -> float:
    """Chance of at most so many of ``count``; SciPy's takes longer to load than most commands to run."""
    number = np.arange(most + 1)
    log_choose = gammaln(count + 1) - gammaln(number + 1) - gammaln(count - number + 1)
    return float(np.exp(log_choose + betaln(number + a, count - number + b) - betaln(a, b)).sum())


def _lost(found: Backtest, law: int, rows: np.ndarray) -> str:
    """That "nothing improves" predicts the hidden runs better, beyond noise and far enough; "" where it does not.

    Asked is the origin that hides the fewest of those that reach far: what a curve of still fewer runs got wrong, the
    curve of all of them may have right.
    """
    hidden = (rows[found.origin[rows] == origin] for origin in np.unique(found.origin[rows]))
    far = (each for each in hidden if found.distance[each].max() >= LEAST_REACH)
    one = next(far, None)
    if one is None:
        return ""
    nothing = found.laws.index(NO_LAW)
    off = np.abs(found.predicted[:, one] - found.measured[one])
    _, position, count = np.unique(found.group[one], return_inverse=True, return_counts=True)
    worse = np.bincount(position, off[law] - off[nothing]) / count
    if len(worse) < LEAST_JUDGED:
        return ""
    # the hidden runs' own noise is in how these differ; that of the best run so far is shared by all of them
    error = worse.std(ddof=1) / np.sqrt(len(worse))
    if worse.mean() <= max(found.noise[law, one].mean(), stdtrit(len(worse) - 1, 1 - FAILING) * error):
        return ""
    shares = 100 * np.abs(found.off[:, one]).mean(axis=1)
    return (
        f"hidden runs up to {found.distance[one].max():.3g} × larger are predicted {shares[law]:.3g} % off on "
        f'average, and {shares[nothing]:.3g} % off by the best run so far: the curve is worse than "nothing improves"'
    )
