"""Many tests at once: p-values that hold for all of them together."""

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """P-values after Holm's step-down correction: the k-th smallest of m times ``m + 1 − k``, and never falling.

    Rejecting what is at most α errs once or more with probability at most α, whatever the dependence. SciPy corrects
    for the rate of false discoveries only (``scipy.stats.false_discovery_control``), which promises less.

    Args:
        p: of the tests, of any shape; NaN is none, stays, and does not count.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    result = np.full(p.shape, np.nan)
    there = np.isfinite(p)
    order = np.argsort(p[there], kind="stable")
    adjusted = np.maximum.accumulate(p[there][order] * np.arange(len(order), 0, -1))
    back = np.empty_like(adjusted)
    back[order] = np.minimum(adjusted, 1.0)
    result[there] = back
    return result
