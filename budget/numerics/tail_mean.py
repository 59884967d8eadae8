"""The mean of the worst outcomes: conditional value at risk, over equally likely draws.

``CVaR = min_t t + E max(outcome − t, 0)/share`` (Rockafellar & Uryasev 2000, "Optimization of conditional
value-at-risk", Journal of Risk 2(3), equations 4 and 5). Of equally likely outcomes the minimum is at a quantile, where
it is the mean of the worst ones, the one on the border counting in part, so that the shares sum to ``share`` exactly
(Rockafellar & Uryasev 2002, proposition 8).

See docs/decisions/127-one-of-each-in-numerics.md.
"""

import numpy as np


def worst_weights(outcome: np.ndarray, share: float) -> np.ndarray:
    """The weights (B,) of outcomes (B,) in the mean of the worst ``share`` of them, the largest being the worst.

    They solve the dual, ``max w·outcome`` over ``0 ≤ w ≤ 1/(share·B)`` and ``Σ w = 1``: of equal outcomes the earlier
    ones count first.

    Args:
        outcome: (B,) equally likely.
        share: of the outcomes, above 0 and at most 1; below 1/B the worst one counts alone.

    >>> worst_weights(np.array([1.0, 5.0, 3.0, 2.0]), 0.375).round(3).tolist()
    [0.0, 0.667, 0.333, 0.0]
    """
    count = len(outcome)
    tail = max(share * count, 1.0)
    weight = np.empty(count)
    # a share such as 1 − 0.9 is no tenth in floating point, and would let one outcome more count by a last digit
    part = np.clip(tail - np.arange(count), 0.0, 1.0)
    weight[np.argsort(-outcome, kind="stable")] = np.where(part < ROUNDING, 0.0, part) / tail
    return weight


ROUNDING = 1e-12
"""Part of an outcome that is rounding: of up to thousands of draws the share times their number is off by less."""


def tail_mean(outcome: np.ndarray, share: float) -> float:
    """The mean of the worst ``share`` of equally likely outcomes (B,), the largest being the worst.

    >>> tail_mean(np.array([1.0, 5.0, 3.0, 2.0]), 0.5)
    4.0
    """
    return float(worst_weights(outcome, share) @ outcome)
