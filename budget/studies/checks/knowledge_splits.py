"""Ways of dividing a budget under some knowledge, and what more knowledge is worth. Smaller values are better."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """One way of dividing the budget.

    Attributes:
        spend: (T,) spends, of slots where the assignment is unknown, else of tasks.
        value: mean over the tasks, expected over assignments where these are unknown.
        bound: no split has a smaller value under the same knowledge.
    """

    spend: np.ndarray
    value: float
    bound: float

    @property
    def served(self) -> int:
        """Tasks that are given anything."""
        return int((self.spend > 0).sum())

    @property
    def effective(self) -> float:
        """The effective number of tasks served, ``(Σx)² / Σx²`` (inverse Simpson): k for k equal shares."""
        share = self.spend / self.spend.max() if self.spend.any() else self.spend
        return float(share.sum() ** 2 / (share**2).sum()) if self.spend.any() else 0.0


@dataclass(frozen=True)
class Gain:
    """What knowing something is worth: value without it minus value with it, so positive where knowing helps.

    Attributes:
        value: between the two plans found; the optima differ by 0 or more, the plans perhaps by less within their gaps.
        low: the optima differ by at least this, from the bound without and the plan with it, and never below 0.
        high: and by at most this.
    """

    value: float
    low: float
    high: float


def gain(without: Split, with_it: Split) -> Gain:
    """What is gained by the knowledge behind the second split, within the bounds of both."""
    low = max(without.bound - with_it.value, 0.0)
    return Gain(without.value - with_it.value, low, max(without.value - with_it.bound, low))
