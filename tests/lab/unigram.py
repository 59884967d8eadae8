"""What the best constant guess loses on a task: an oracle beside which trained models and stated values are put."""

import numpy as np
from scipy.stats import entropy

from budget.lab.synthetic_tasks.sources import Source
from budget.lab.transformer.shape import SYMBOLS


def unigram_loss(source: Source) -> float:
    """Nats per scored token of the held-out set: the targets' own entropy."""
    targets = source.held_out().sequences[:, 1:][:, source.scored]
    return float(entropy(np.bincount(targets.ravel(), minlength=SYMBOLS)))
