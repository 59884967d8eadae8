"""What a new run would teach: the joint draws reweighted by the likelihood of its outcome.

The draws of a group of tasks that are measured on the same models are particles of one posterior. An outcome gives
each of them a weight, its normal likelihood (importance sampling; Doucet, de Freitas & Gordon 2001). Tasks of other
groups share no run with them, so their draws are independent by construction and keep their weights: the posterior is
local to the group, and many tasks do not wear the particles out.

Two measures keep few particles honest. The draw that made an outcome has no weight in the posterior of that outcome,
or few particles would recognize it and be too sure. And where the effective sample size ``1/Σ π²`` (Kong, Liu & Wong
1994) would fall below ``LEAST_EFFECTIVE_SHARE`` of the draws, the likelihood is tempered (raised to a power below 1)
until it does not, which can only understate what is learnt.

See docs/decisions/153-new-runs-shown-by-predictions.md.
"""

from dataclasses import dataclass

import numpy as np

from budget.curves.curves import Curves
from budget.numerics.roots import rising_root

LEAST_EFFECTIVE_SHARE = 0.1
"""Smallest effective sample size of a posterior, as a share of the draws."""

LEAST_EFFECTIVE_DRAWS = 5
"""The same as a number of draws."""

LEAST_NOISE = 1e-9
"""Least noise of a run, relative where residuals are logarithms, where the measured ones lie on their curve: no
measurement repeats to nine digits, and without it the likelihood would divide by 0."""

NOISE_SHRINKAGE = 0.1
"""Weight of independence in the covariance of the noise of tasks that are measured on one model."""

LEAST_LOG_POWER = -25.0
"""Least logarithm of a tempering power: of log likelihoods up to e25, which nobody sees, nothing would be kept."""

TEMPERED_SIZE = 0.005
"""Relative distance to which a tempered effective sample size is found, above its least: it needs no more digits."""


@dataclass(frozen=True)
class Observer:
    """Outcomes of new runs of one group of k tasks, in the measure of the fit's residuals (log or raw).

    Attributes:
        curves: usable curves whose draws and noise are all finite. What a run would show is said by the prediction:
            the curves that plans read are near to it only where plans go, and runs are smaller.
        group: (k,) task positions.
        root: (k, k) Cholesky factor of the covariance of a new run's noise.
    """

    curves: Curves
    group: np.ndarray
    root: np.ndarray

    @classmethod
    def of(cls, curves: Curves, group: np.ndarray) -> "Observer":
        """The observer of the tasks at the positions ``group``; the noise's size is its root mean square."""
        # about 0 and not about their mean: what the residuals are off by on average is noise of a new run too
        noise = curves.noise[:, group]
        covariance = noise.T @ noise / len(noise)
        variance = np.maximum(np.diag(covariance), LEAST_NOISE**2)
        # shrunk towards independence (in the manner of Ledoit & Wolf 2004): of few runs the sample covariance is nearly
        # singular, and its inverse would be sure of what nobody measured
        covariance = (1 - NOISE_SHRINKAGE) * covariance
        np.fill_diagonal(covariance, variance)
        return cls(curves, group, np.linalg.cholesky(covariance))

    def predicted(self, log_inputs: np.ndarray) -> np.ndarray:
        """What each draw predicts (B, k) for a run at log inputs (k, I), one row a task."""
        distance = self.curves.told.distance_draws(self.group, log_inputs)
        return distance if self.curves.residual == "raw" else np.log(distance)

    def log_likelihood(self, predicted: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Logarithms (B, B) of each draw's likelihood (second axis) of the outcome that each draw (first axis) shows.

        Args:
            predicted: (B, k) what the draws predict.
            order: (B,) whose noise is added to each draw's prediction.
        """
        outcome = predicted + self.curves.noise[order][:, self.group]
        # whitened: of noise with covariance LLᵀ, L⁻¹ times a miss is standard normal, and constants cancel in the
        # weights
        unit = np.linalg.inv(self.root).T
        miss = (outcome @ unit)[:, None, :] - (predicted @ unit)[None, :, :]
        return -0.5 * np.einsum("mbk,mbk->mb", miss, miss)


def weights(log_likelihood: np.ndarray) -> np.ndarray:
    """Posterior weights (B, B) of the draws (second axis) for each outcome (first axis), tempered where needed.

    Args:
        log_likelihood: (B, B); the outcome in row m comes from draw m, which gets no weight.
    """
    # the draw that made the outcome knows it too well
    others = ~np.eye(len(log_likelihood), dtype=bool)
    # the greatest weight is 1 before they are normalised: none overflows, and not all underflow
    logs = log_likelihood - log_likelihood.max(axis=1, keepdims=True, where=others, initial=-np.inf)
    result = _normal(logs, others)
    # never more than half of the draws: of few draws the floor would leave nothing to learn
    least = min(max(LEAST_EFFECTIVE_SHARE * len(logs), LEAST_EFFECTIVE_DRAWS), 0.5 * len(logs))
    poor = np.flatnonzero(effective(result) < least)
    if len(poor):
        mine, apart = logs[poor], others[poor]

        def tempered(log_power: np.ndarray) -> np.ndarray:
            return _normal(mine * np.exp(log_power)[:, None], apart)

        def lacking(log_power: np.ndarray) -> np.ndarray:
            """How far the effective sample size is below the least one, or a hair above it, in logarithms."""
            return np.log(least * (1 + TEMPERED_SIZE) / effective(tempered(log_power)))

        # the size falls as the power grows, nearly as a power of it where it is to be found
        low, high = np.full(len(poor), LEAST_LOG_POWER), np.zeros(len(poor))
        result[poor] = tempered(rising_root(lacking, low, high, TEMPERED_SIZE))
    return result


def effective(weight: np.ndarray) -> np.ndarray:
    """Effective sample sizes (M,) of weights (M, B) that sum to 1."""
    return 1 / (weight**2).sum(axis=1)


def _normal(logs: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Weights that sum to 1 from their logarithms, 0 where not counted."""
    weight = np.exp(np.minimum(logs, 0.0)) * counted
    return weight / weight.sum(axis=1, keepdims=True)
