"""How far a law itself may be off beyond the runs: a factor ``exp(g)``, 1 within what was measured.

Beyond either end of what was measured of a scale, ``g`` is a slope that the runs do not tell times the distance in the
logarithm, plus a term in its power 1.5, by which an integrated Wiener process spreads. A drift may flatten a curve and
not turn it: beyond the largest runs it takes back at most what the law itself says of the way there.

See docs/decisions/136-named-laws-with-their-own-error.md.
"""

from dataclasses import dataclass

import numpy as np

from budget.curves.laws.convexity import GIVEN_BY_TASKS
from budget.curves.laws.law import Law

SPREAD = 1.5
"""Power of the distance by which an integrated Wiener process spreads."""

ENDS = 2
"""Numbers of a drift at each end of an axis: its slope, and what the spread is multiplied by."""

DRIFT_NUMBERS = 2 * ENDS
"""The same beyond the largest measured place on it, and then below the smallest."""

LARGEST_LOG = 700.0
"""The logarithm at which a drift far from the runs is cut, so that it stays a number."""


LEAST = float(np.finfo(float).tiny)
"""A law without a floor may fall to 0 far beyond the runs, which has no logarithm."""


@dataclass(frozen=True)
class Axes:
    """Along what a law may drift: each scale that is a run's size, and their product where there are several.

    A run of many parameters on many tokens may lie beyond the measured ones though neither number does.

    Attributes:
        groups: the columns of each scale; several are those of a mixture's sources, whose tokens count together.
    """

    groups: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, law: Law) -> "Axes":
        """Those of a law over its sources; what tasks give, such as their unique tokens, is no axis."""
        sources = tuple(at for at, name in enumerate(law.inputs) if name in law.sources)
        scales = [(at,) for at, name in enumerate(law.inputs) if name not in law.sources and name not in GIVEN_BY_TASKS]
        return cls((*scales, sources) if sources else tuple(scales))

    @property
    def count(self) -> int:
        """Their number A."""
        return len(self.groups) + (len(self.groups) > 1)

    def along(self, logs: np.ndarray) -> np.ndarray:
        """Log inputs (…, I) as places (…, A) on the axes."""
        scales = np.stack([np.logaddexp.reduce(logs[..., group], axis=-1) for group in self.groups], axis=-1)
        return scales if len(self.groups) == 1 else np.concatenate([scales, scales.sum(axis=-1, keepdims=True)], -1)

    def brought_within(self, logs: np.ndarray, largest: np.ndarray) -> np.ndarray:
        """Log inputs (…, I), none beyond the largest measured place (…, A) on any axis, all sources being alike."""
        result = np.array(logs, dtype=float)
        scales = self.along(logs)[..., : len(self.groups)]
        back = np.maximum(scales - largest[..., : len(self.groups)], 0.0)
        if len(self.groups) > 1:
            left = (scales - back).sum(axis=-1) - largest[..., -1]
            back = back + np.maximum(left, 0.0)[..., None] / len(self.groups)
        for at, group in enumerate(self.groups):
            result[..., group] -= back[..., at, None]
        return result


def log_factor(drift: np.ndarray, places: np.ndarray, smallest: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """The logarithm ``g`` of the factor (…).

    Args:
        drift: (…, A, DRIFT_NUMBERS).
        places: (…, A) on the axes, natural logarithms.
        smallest: (…, A) of the smallest measured ones.
        largest: (…, A) of the largest.
    """
    total = 0.0
    for end, away in enumerate((places - largest, smallest - places)):
        away = np.maximum(away, 0.0)
        slope, spread = np.moveaxis(drift[..., end * ENDS : (end + 1) * ENDS], -1, 0)
        total = total + (slope * away + spread * away**SPREAD).sum(axis=-1)
    return np.clip(total, -LARGEST_LOG, LARGEST_LOG)


def drifting_values(
    law: Law,
    theta: np.ndarray,
    log_inputs: np.ndarray,
    log_reference: np.ndarray,
    drift: np.ndarray,
    ends: np.ndarray,
) -> np.ndarray:
    """The law's values times their factors, (…, L).

    Args:
        law: over its sources.
        theta: (…, L, P) working parameters.
        log_inputs: (…, L, I) natural logarithms.
        log_reference: (L, I).
        drift: (…, L, A, DRIFT_NUMBERS).
        ends: (2, L, A) places of the smallest and of the largest measured runs on the axes.
    """
    axes, (smallest, largest) = Axes.of(law), ends
    value = law.value(theta, log_inputs - log_reference)
    places = axes.along(log_inputs)
    told = law.value(theta, axes.brought_within(log_inputs, largest) - log_reference)
    # more of a scale need not be used: a drift takes back at most what the law says of the way beyond the runs
    log_value, log_told = (np.log(np.maximum(each, LEAST)) for each in (value, told))
    most = np.abs(log_value - log_told)
    factor = log_factor(drift, places, smallest, largest)
    beyond = (places > largest).any(axis=-1)
    return value * np.exp(np.where(beyond, np.minimum(factor, most), factor))
