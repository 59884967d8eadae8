"""Partial pooling: exponents pulled toward the tasks' common distribution, by empirical Bayes.

A task of a dozen runs says little about its exponents; the other tasks of the file say where exponents of such tasks
lie. Each exponent is taken as normal over the tasks, ``N(mean, between²)``; both are estimated from the fits of all
tasks and their sampling variances (Paule & Mandel 1982), and a pooled task is fitted again with that distribution as a
prior. In every draw the prior's centre is drawn anew, so that the draws spread as the posterior does.

See docs/decisions/019-pooling-up-to-two-runs-a-parameter.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from budget.curves.fitting.batch import Batch
from budget.curves.fitting.residual_scale import covariance, precision
from budget.curves.fitting.search import Estimator, Points
from budget.curves.fitting.solver import Prior
from budget.curves.laws.law import Law
from budget.numerics.roots import root_within
from budget.numerics.streams import keys, uniforms

MAX_RUNS_PER_PARAMETER = 2
"""Runs a parameter up to which a task is pooled where nothing is asked for."""

MIN_POOLED_TASKS = 4
"""Tasks of one metric whose exponents must be known for a common distribution."""

MIN_POOLED_DEVIATION = 0.01
"""Smallest standard deviation of the common distribution: no finite number of tasks proves them equal."""


@dataclass(frozen=True)
class PooledPrior:
    """The exponents' common distributions, for T tasks of which some are pooled.

    Attributes:
        pooled: (T,) whether a task is pulled.
        prior: pulls (T, P), the task's own ridge included.
        spread: (T, P) standard deviation of the prior's centre over the draws, 0 where there is no pull.
        notes: what was done, one sentence for each metric.
    """

    pooled: np.ndarray
    prior: Prior
    spread: np.ndarray
    notes: tuple[str, ...]

    def draws(self, count: int, seed: int, names: Sequence[str], parameters: Sequence[str]) -> Prior:
        """Pulls (B, T, P) of the draws; each random number belongs to a task and a parameter by their names."""
        every = [f"prior of {parameter} of {name}" for name in names for parameter in parameters]
        number = ndtri(uniforms(keys(every), seed, 0, count, 1)[0]).reshape(count, *self.spread.shape)
        centre = self.prior.centre + self.spread * number
        return Prior(centre, np.broadcast_to(self.prior.precision, centre.shape))


def no_pooling(law: Law, prior: Prior) -> PooledPrior:
    """Every task on its own, with the pull that its law always has."""
    return PooledPrior(np.zeros(len(prior.centre), dtype=bool), prior, _ridge_spread(law, prior), ())


def _ridge_spread(law: Law, prior: Prior) -> np.ndarray:
    """(T, P) how the centre of a law's own pull varies over the draws: a coefficient that no run shows is not known."""
    spread, weak = np.zeros_like(prior.centre), np.flatnonzero(np.isfinite(law.prior_deviation))
    spread[:, weak] = np.where(prior.precision[:, weak] > 0, law.prior_deviation[weak], 0.0)
    return spread


def find_pooled_prior(
    estimator: Estimator,
    batch: Batch,
    points: Points,
    scale: np.ndarray,
    prior: Prior,
    names: Sequence[str],
    metric: Sequence[str],
    candidates: np.ndarray,
) -> PooledPrior:
    """The common distributions and what they ask of the candidates.

    Args:
        estimator: what was minimized.
        batch: T tasks.
        points: their fits, each on its own.
        scale: (T,) scatter of their runs.
        prior: the fits' own pulls (T, P).
        names: (T,) task names.
        metric: (T,) only tasks of one metric are pooled together.
        candidates: (T,) which tasks are to be pooled.
    """
    law = estimator.law
    variance = np.einsum("tpp->tp", covariance(law, batch, points.theta, scale, estimator.loss))
    worth = precision(scale, estimator.loss)
    centre, strength = prior.centre.copy(), prior.precision.copy()
    spread, pooled, notes = _ridge_spread(law, prior), np.zeros(len(batch), dtype=bool), []
    inside = (points.theta > batch.lower) & (points.theta < batch.upper) & ~batch.pinned
    open_ones = [position for position in _exponents(law) if position in estimator.constraints.free(law)]
    for kind in dict.fromkeys(metric):
        mine = np.array([each == kind for each in metric])
        told = []
        for position in open_ones:
            # an estimate at its bound has no sampling variance to weigh it by, so it tells nothing about the others
            known = mine & inside[:, position] & (variance[:, position] > 0)
            if known.sum() < MIN_POOLED_TASKS:
                continue
            mean, deviation = distribution(points.theta[known, position], variance[known, position])
            pull = mine & candidates & ~batch.pinned[:, position]
            centre[pull, position], spread[pull, position] = mean, deviation
            # the loss is no likelihood: a prior of precision 1/deviation² enters it with what a unit of likelihood is
            # worth
            strength[pull, position] = worth[pull] / deviation**2
            pooled |= pull
            told.append(f"{law.names[position]} {mean:.3g} ± {deviation:.2g}")
        if not told and (mine & candidates).any():
            notes.append(
                f"Not pooled: fewer than {MIN_POOLED_TASKS} tasks of metric '{kind}' have exponents inside their "
                "range, so no common distribution can be seen."
            )
        if told and (mine & pooled).any():
            which = [name for name, one in zip(names, mine & pooled, strict=True) if one]
            listed = ", ".join(which[:8]) + (f" and {len(which) - 8} more" if len(which) > 8 else "")
            notes.append(
                f"Pooled: the exponents of {listed} are pulled toward the common distribution of the file's tasks "
                f"({'; '.join(told)}); --no-pool fits each task on its own."
            )
    return PooledPrior(pooled, Prior(centre, strength), spread, tuple(notes))


def distribution(value: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, over tasks, of what ``value`` (T,) measures with sampling variances (T,).

    The variance between tasks is where ``Σ (value − mean)²/(variance + between²)`` equals its expectation T − 1; the
    uncertainty of the mean is added to it.
    """

    def weighted(between: float) -> tuple[float, np.ndarray]:
        weight = 1 / (variance + between)
        return float((weight * value).sum() / weight.sum()), weight

    def excess(between: float) -> float:
        mean, weight = weighted(between)
        return float((weight * (value - mean) ** 2).sum() - (len(value) - 1))

    # ``excess`` falls as between² grows (Paule & Mandel 1982), so there is one root at most, and none where the
    # estimates differ by no more than their noise. At the sample variance the sum is at most T − 1, since every weight
    # is below 1/between² and no other centre than the weighted mean makes it smaller: that end always brackets the
    # root; 1e-12 is for estimates that are all the same
    most = float(value.var(ddof=1)) + 1e-12
    between = 0.0 if excess(0.0) <= 0 else most if excess(most) >= 0 else root_within(excess, 0.0, most)
    mean, weight = weighted(between)
    # predictive: a further task differs from the estimated mean by its own deviation and by the mean's error
    return mean, float(max(np.sqrt(between + 1 / weight.sum()), MIN_POOLED_DEVIATION))


def _exponents(law: Law) -> list[int]:
    """The parameters that are pooled: plain numbers of each task that no unit changes."""
    return [at for at, p in enumerate(law.parameters) if p.kind == "plain" and p.prior is None and not p.common]
