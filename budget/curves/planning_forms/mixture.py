"""How one model for several tasks looks to a planner: the terms of its size and of its mixture of sources."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MixtureForm:
    """One model of log size ``n`` on log tokens ``t`` in all, a share ``s_j`` of them from each of S sources.

    Task i of T is at ``floor_i + exp(capacity_i − alpha_i·n) + exp(data_i − beta_i·(t + log Σ_j tau_ij·s_j))``. Where
    effective data are a sum, ``−log Σ_j tau_ij·s_j`` is convex in ``s`` whatever the signs of tau, so every term is the
    exponential of a convex function and the value is convex in ``(n, t, s)`` jointly.

    Attributes:
        floor: (…, T) in the curve's distance, like all that follows.
        capacity: (…, T) logarithms of the terms of size at ``n = 0``.
        alpha: (…, T) their exponents.
        data: (…, T) logarithms of the terms of data at ``t = 0`` and effective share 1.
        beta: (…, T) their exponents.
        tau: (…, T, S) what a token of each source is worth to each task.
        least_share: the effective share of the tokens that every task must keep: the law is a sum down to it; 0 where
            it always is.
    """

    floor: np.ndarray
    capacity: np.ndarray
    alpha: np.ndarray
    data: np.ndarray
    beta: np.ndarray
    tau: np.ndarray
    least_share: float
