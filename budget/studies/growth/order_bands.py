"""Means and bands over the orders in which tasks join."""

import numpy as np

from budget.numerics.interval import interval, least_draws


def mean_and_band(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and 80 % band of each column of samples (O, T), those that are NaN left out; NaN where all are.

    Of fewer orders than an interval takes the band is all of them, from the least to the greatest.
    """
    # a task is in some orders' first k and not in others': only those that have it count
    count = (~np.isnan(samples)).sum(axis=0)
    low, high = interval(samples)
    few = (count > 0) & (count < least_draws())
    mean, some = np.full(samples.shape[1], np.nan), samples[:, count > 0]
    least = np.nanmin(some, axis=0)
    mean[count > 0] = least + np.nanmean(some - least, axis=0)  # of equal numbers the mean is that number
    low[few], high[few] = np.nanmin(samples[:, few], axis=0), np.nanmax(samples[:, few], axis=0)
    return mean, low, high
