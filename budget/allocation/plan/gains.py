"""What a plan gains over a split by hand, draw by draw.

Both are worth more in some worlds than in others; what counts is by how much they differ in one and the same.

See docs/decisions/143-risk-on-the-difference.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from budget.numerics.interval import interval
from budget.numerics.strict_json import json_value


@dataclass(frozen=True)
class Gain:
    """How much better a plan is than a split, over B draws of both.

    Attributes:
        expected: mean over the draws, in the objective's unit.
        low: lower end of its 80 % interval, paired over the draws; NaN where these are too few for one.
        high: upper end.
        wins: share of the draws in which the plan is better.
        median: over the draws.
    """

    expected: float
    low: float
    high: float
    wins: float
    median: float

    @property
    def is_exploded(self) -> bool:
        """Whether the mean lies outside the interval: then a few draws make it, and it tells nothing."""
        return self.expected < self.low or self.expected > self.high

    @property
    def is_as_good(self) -> bool:
        """Whether the split is as good as can be told: the interval holds 0."""
        return self.low <= 0 <= self.high

    def record(self) -> dict[str, Any]:
        """The gain as JSON."""
        return {
            "expected": self.expected,
            "low": json_value(self.low),
            "high": json_value(self.high),
            "wins": self.wins,
            "median": self.median,
            "as_good_as_can_be_told": self.is_as_good,
        }


def paired_gain(plan: np.ndarray, split: np.ndarray, direction: float) -> Gain | None:
    """The gain of objectives (B,) of a plan over those of a split in the same draws; ``None`` where there are none.

    Args:
        plan: (B,) as a reader sees them.
        split: (B,) likewise.
        direction: 1 where larger is better, −1 where smaller is.
    """
    if len(plan) != len(split):
        return None
    gained = direction * (plan - split)
    gained = gained[np.isfinite(gained)]
    if not len(gained):
        return None
    low, high = interval(gained)
    return Gain(float(gained.mean()), float(low), float(high), float((gained > 0).mean()), float(np.median(gained)))
