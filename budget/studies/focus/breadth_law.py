"""The advantage of specialists as a law of the number of tasks and of how related they are, over sets.

Sets of many tasks are seldom as related as sets of few, so that the mean by number of tasks confounds the two. The law
is a regression over sets,

    advantage = level + doubling · log2 K + related · r + curved · r² + what is the set's own,

whose intervals are over sets (Student's t of what is left) and over scenarios (the draws), added as those of multiple
imputations (Rubin 1987). The noise of r would leave part of its effect to K, so r enters as what is to be expected of
it given its estimate and K (regression calibration; Carroll et al. 2006). Something is claimed of the number of tasks
only where the interval of ``doubling`` leaves out 0.

See docs/decisions/139-breadth-by-relatedness.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from budget.studies.focus.relatedness import TOKENS

CLAIM = 0.975
"""Level of the intervals that decide a claim: of simulated worlds in which only relatedness matters, fewer than 5 %
then make one, with relatedness as noisy and curved as there (``benchmarks/breadth_law.py``)."""

SPARE = 3
"""Sets that there must be beyond the law's coefficients."""

LEAST_CURVED = 8
"""Sets from which relatedness has a square."""


@dataclass(frozen=True)
class BreadthLaw:
    """A regression over S sets at one budget with P coefficients.

    Attributes:
        budget: in all.
        n_tasks: (S,) of each set.
        relatedness: (S,) mean over the draws, see ``relatedness``.
        advantage: (S,) of specialists over the best shared model, positive where they win.
        coefficient: (P,) the level at mean log2 K and mean relatedness, both slopes, and the latter's square.
        low: (P,) ends of their intervals at ``CLAIM``, over sets and scenarios.
        high: (P,) the other ends.
        between: deviation of the sets about the law.
        left_out: (S,) the advantage that the law of the other sets predicts for each.
        turns_at: number of tasks at which a set of mean relatedness turns; NaN without a claim, or outside those seen.
        measured_by: what relatedness was read off, a name of ``relatedness``: ``pairs`` or ``tokens``.
    """

    budget: float
    n_tasks: np.ndarray
    relatedness: np.ndarray
    advantage: np.ndarray
    coefficient: np.ndarray
    low: np.ndarray
    high: np.ndarray
    between: float
    left_out: np.ndarray
    turns_at: float
    measured_by: str = TOKENS

    @property
    def claims(self) -> int:
        """1 where more equally related tasks favour specialists, −1 where they favour sharing, 0 without a claim."""
        return int(self.low[1] > 0) - int(self.high[1] < 0)

    @property
    def named_right(self) -> int:
        """Sets whose winner is named by the law of the others."""
        return int((np.sign(self.left_out) == np.sign(self.advantage)).sum())


def breadth_law(
    budget: float,
    n_tasks: Sequence[int],
    advantage: np.ndarray,
    scenarios: np.ndarray,
    related: np.ndarray,
    measured_by: str = TOKENS,
) -> BreadthLaw | None:
    """Fit the law; ``None`` where sets or numbers of tasks are too few, or relatedness does not vary.

    Args:
        budget: in all.
        n_tasks: (S,) of each set.
        advantage: (S,) of specialists, relative, by the point fit.
        scenarios: (S, B) the same in each draw.
        related: (S, B) relatedness in each draw.
        measured_by: what it was read off.
    """
    logs, sets = np.log2(np.asarray(n_tasks, dtype=float)), len(n_tasks)
    terms = 4 if sets >= LEAST_CURVED else 3
    if sets < terms + SPARE or np.ptp(logs) == 0 or scenarios.shape[1] < 2:
        return None
    expected = _expected(logs, related)
    if np.ptp(expected) == 0:
        return None
    columns = _columns(logs, expected, terms)
    coefficient, spread, between = _regression(columns, advantage)
    in_draws = np.linalg.lstsq(columns, scenarios, rcond=None)[0]
    draws = scenarios.shape[1]
    error = np.sqrt(np.diag(spread) + (1 + 1 / draws) * in_draws.var(axis=1, ddof=1))
    half = stdtrit(sets - terms, (1 + CLAIM) / 2) * error
    low, high = coefficient - half, coefficient + half
    turns = float("nan")
    if low[1] > 0 or high[1] < 0:
        at = logs.mean() - coefficient[0] / coefficient[1]
        turns = float(2**at) if logs.min() <= at <= logs.max() else turns
    return BreadthLaw(
        budget, np.asarray(n_tasks), related.mean(axis=1), advantage, coefficient, low, high, between,
        _left_out(columns, advantage), turns, measured_by,
    )  # fmt: skip


def _expected(logs: np.ndarray, related: np.ndarray) -> np.ndarray:
    """(S,) what is to be expected of each set's relatedness, given its estimate and its number of tasks."""
    estimate, noise = related.mean(axis=1), related.var(axis=1, ddof=1)
    line = np.column_stack([np.ones_like(logs), logs])
    usual = line @ np.linalg.lstsq(line, estimate, rcond=None)[0]
    own = estimate - usual
    spread = own @ own / max(len(logs) - 2, 1)
    return np.asarray(usual + own * (max(0.0, 1 - noise.mean() / spread) if spread > 0 else 0.0))


def _columns(logs: np.ndarray, related: np.ndarray, terms: int) -> np.ndarray:
    """(S, P) about the means, so that the level is that of a typical set."""
    away = related - related.mean()
    return np.column_stack([np.ones_like(logs), logs - logs.mean(), away, away**2])[:, :terms]


def _regression(columns: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Least squares: coefficients (P,), their covariance (P, P), and the deviation of what is left."""
    inverse = np.linalg.pinv(columns.T @ columns)
    coefficient = inverse @ columns.T @ y
    left = y - columns @ coefficient
    variance = float(left @ left / (len(y) - columns.shape[1]))
    return coefficient, variance * inverse, float(np.sqrt(variance))


def _left_out(columns: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(S,) what the others predict of each: y − residual/(1 − leverage), the same as fitting again without it."""
    hat = columns @ np.linalg.pinv(columns.T @ columns) @ columns.T
    leverage = np.clip(np.diag(hat), 0.0, 1 - 1e-9)
    return np.asarray(y - (y - hat @ y) / (1 - leverage))
