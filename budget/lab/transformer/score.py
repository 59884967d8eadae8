"""A held-out loss and how far it would move with other held-out data."""

from dataclasses import dataclass

import numpy as np

from budget.lab.synthetic_tasks.sources import HeldOut


@dataclass(frozen=True)
class Score:
    """A held-out loss: nats per scored token, and its standard error over clusters."""

    value: float
    stderr: float


def clustered_mean(losses: np.ndarray, held_out: HeldOut) -> Score:
    """Mean over sequences and its standard error, sequences of a cluster being dependent.

    `se² = G/(G-1) · Σ_g (Σ_{s in g} (y_s - mean))² / S²` over G clusters and S sequences.

    Args:
        losses: of each sequence, shape (S,).
        held_out: for its clusters.

    Returns:
        Mean and standard error.
    """
    mean = losses.mean()
    deviations = np.bincount(held_out.clusters, weights=losses - mean)
    groups = len(deviations)
    return Score(float(mean), float(np.sqrt(groups / (groups - 1) * np.sum(deviations**2)) / len(losses)))
