"""80 % intervals over draws or over orders, widened to hold the point that is reported."""

import numpy as np

from budget.curves.fitted import INTERVAL, QUANTILE


def interval(worlds: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 10 % and 90 % points of samples (B, …) beside their point (…); NaN where there is no sample."""
    if len(worlds) == 0:
        nothing = np.full_like(np.asarray(point, dtype=float), np.nan)
        return nothing, nothing.copy()
    low, high = np.percentile(worlds, INTERVAL, axis=0, method=QUANTILE)
    return np.minimum(low, point), np.maximum(high, point)


def mean_and_band(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, 10 % and 90 % point of each column of samples (O, T), those that are NaN left out; NaN where all are."""
    result = np.full((3, samples.shape[1]), np.nan)
    for column, there in enumerate(~np.isnan(samples).T):
        if there.any():
            kept = samples[there, column]
            mean = kept.mean()
            result[:, column] = mean, *interval(kept, mean)
    return result[0], result[1], result[2]
