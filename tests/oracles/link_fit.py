"""The link by an independent optimizer: SciPy's L-BFGS-B from many random starts, in the textbook's own formula."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

DELTA = 0.01


def objective(slope, centre, chance, loss, score, weight, best, span):
    """Huber(0.01) on score residuals over the span, summed with weights; the sigmoid is shifted to pass (0, best)."""
    anchor = expit(-slope * centre)
    share = (expit(slope * (loss - centre)) - anchor) / (1 - anchor)
    residual = np.abs(score - (best - (best - chance) * share)) / abs(span)
    return (weight * np.where(residual <= DELTA, 0.5 * residual**2, DELTA * (residual - 0.5 * DELTA))).sum()


def best_loss(loss, score, *, best, chance=None, weight=None, starts=60, seed=0):
    """The lowest objective that many starts reach; a chance of ``None`` is fitted between 0 and the median score."""
    weight = np.ones_like(loss) if weight is None else weight
    middle = np.median(loss)
    random = np.random.default_rng(seed)
    span = best - (0.0 if chance is None else chance)

    def at(theta):
        slope, centre = np.exp(theta[0]) / middle, theta[1] * middle
        guess = theta[2] * np.median(score) if chance is None else chance
        return objective(slope, centre, guess, loss, score, weight, best, span)

    free = [(0.0, 6.0), (0.0, 4.0), (0.0, 1.0)][: 2 if chance is not None else 3]
    found = np.inf
    for _ in range(starts):
        start = [random.uniform(0.5, 4), random.uniform(0.3, 1.6), random.uniform()][: len(free)]
        # the objective is about 1e-3 in size: unscaled, L-BFGS-B stops early and reports success
        ended = minimize(lambda theta: 1e5 * at(theta), start, method="L-BFGS-B", bounds=free, options={"ftol": 1e-15})
        found = min(found, ended.fun / 1e5)
    return found
