"""The one rule by which draws become an interval.

See docs/decisions/018-one-rule-for-an-interval.md.
"""

import numpy as np
from scipy.special import ndtri

LEVEL = 0.8
"""Share that every interval promises to hold where no other is asked for."""


def least_draws(level: float = LEVEL) -> int:
    """The fewest draws of which an interval can be told: ``k/(B + 1)`` must reach both of its ends.

    >>> least_draws(0.8), least_draws(0.95)
    (9, 39)
    """
    return round(2 / (1 - level)) - 1


def interval(draws: np.ndarray, axis: int = 0, *, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """The central interval of draws: of B draws the k-th smallest stands at ``k/(B + 1)``, lines between.

    The usual rule, ``(k − 1)/(B − 1)``, is too sure of few draws: 100 of them cover 78.4 % where 80 are due.

    A draw that is infinite counts like any other: between a finite draw and an infinite one the line is infinite
    everywhere, and between −∞ and ∞ the end is the outer one. A draw that is NaN has failed and is left out, for
    each interval by itself.

    Args:
        draws: (…, B, …) with the draws along ``axis``.
        axis: of the draws.
        level: share between the two ends, each of which has half of what is left beyond it.

    Returns:
        The low and the high ends, shaped like ``draws`` without ``axis``; NaN where fewer than ``least_draws(level)``
        draws are numbers, whose ends lie beyond the smallest and the largest of them.

    >>> low, high = interval(np.arange(1.0, 100.0))
    >>> print(f"{low:g} {high:g}")
    10 90
    """
    ordered = np.sort(np.moveaxis(np.asarray(draws, dtype=float), axis, 0), axis=0)  # NaN goes last
    count = np.sum(~np.isnan(ordered), axis=0)
    ends = np.full((2, *count.shape), np.nan)
    for numbers in np.unique(count[count >= least_draws(level)]).tolist():
        mine = count == numbers
        for end, outer in enumerate((-np.inf, np.inf)):
            ends[end, mine] = _at(ordered, (1 + (2 * end - 1) * level) / 2 * (numbers + 1), outer)[mine]
    return ends[0], ends[1]


def share_interval(share: np.ndarray, trials: int, *, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """The score interval of shares seen in so many trials (Wilson 1927, "Probable inference", JASA 22, p. 210).

    ``scipy.stats.binomtest`` has it for whole counts only; a share over trials that each hold several players, who are
    not independent, is counted over all of them and trusted as far as the number of trials allows.

    Args:
        share: (…) from 0 to 1, not always a whole number of trials.
        trials: independent ones.
        level: probability that the interval is to hold.

    >>> low, high = share_interval(np.array([0.0, 0.5]), 10)
    >>> print(low.round(3), high.round(3))
    [0.    0.312] [0.141 0.688]
    """
    z2 = ndtri((1 + level) / 2) ** 2 / trials
    centre = (share + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
    return np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)


def outside(point: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether points lie outside their own intervals by more than a millionth; an end that is no number holds them."""
    rounding = 1e-6 * np.abs(point)
    return np.asarray((point < low - rounding) | (point > high + rounding))


def _at(ordered: np.ndarray, place: float, outer: float) -> np.ndarray:
    """The values (…) at a place among sorted draws (B, …), counted from 1."""
    if abs(place - round(place)) < 1e-9:  # 0.9 · 100 is not 90 in floating point
        return np.asarray(ordered[round(place) - 1])
    share, (start, stop) = place % 1, ordered[int(place) - 1 : int(place) + 1]
    with np.errstate(invalid="ignore"):
        # both products, not the difference: draws near the largest number have no difference; and rounding leaves the
        # line between its ends, so that no interval passes a limit that no draw passes
        line = np.clip(start * (1 - share) + stop * share, start, stop)
    return np.where(np.isnan(line), outer, line)  # −∞ at one end and ∞ at the other
