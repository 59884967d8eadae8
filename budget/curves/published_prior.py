"""A published curve as a prior: what no unit changes of it, for files that have few runs of their own.

Exponents, and ratios such as those of repeated data, are taken as normal about the published numbers. Its floor and
coefficients say nothing of another text, tokenizer or metric, and no column tells that these are the same: they are
left to the runs.

See docs/decisions/137-published-constants-as-priors.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from budget.curves.fitting.batch import Batch
from budget.curves.fitting.pooling import MAX_RUNS_PER_PARAMETER, PooledPrior
from budget.curves.fitting.residual_scale import covariance, precision
from budget.curves.fitting.search import Estimator, Points
from budget.curves.fitting.solver import Prior
from budget.curves.laws.law import Law
from budget.curves.laws.table import published_curve
from budget.errors import DataError

DEVIATIONS: Mapping[str, float] = {"plain": 0.1, "log": float(np.log(2.0))}
"""Kind of parameter → standard deviation about the published number: published exponents of one law differ by that much
between texts (.28 to .37 for beta of the same runs alone), and ratios by a factor of two."""

LEAST_SCATTER = 0.01
"""Relative scatter that few runs are taken to have at least: a curve passes through as many runs as it has parameters,
and runs without scatter would leave a prior no say."""

APART, FAR_APART = 3.0, 10.0
"""Standard deviations from which prior and runs are said to disagree, and to contradict each other."""


@dataclass(frozen=True)
class PublishedPrior:
    """The constants of a published curve that pull a fit, as working parameters.

    Attributes:
        name: of the published curve.
        centre: parameter → the published number in its working coordinate.
        deviation: parameter → standard deviation.
    """

    name: str
    centre: Mapping[str, float]
    deviation: Mapping[str, float]

    @property
    def words(self) -> str:
        """What the estimator's description adds."""
        told = ", ".join(f"{name} {self.centre[name]:.3g} ± {self.deviation[name]:.2g}" for name in self.centre)
        return f"; pulled toward {self.name} ({told})"

    def settles(self, law: Law) -> set[str]:
        """The inputs whose exponent it tells: fewer distinct values of them suffice."""
        return {
            law.inputs[p.input]
            for p in law.parameters
            if p.kind == "coefficient" and law.parameters[p.exponent].name in self.centre
        }


def published_prior(name: str, law: Law) -> PublishedPrior:
    """The prior that a published curve is.

    Args:
        name: of the published curve.
        law: the law that is fitted.

    Raises:
        DataError: there is no such curve, or it is one of another law.
    """
    of, published = published_curve(name)
    if of.name != law.name:
        raise DataError(
            f"--prior {name} is a curve of law '{of.name}', and law '{law.name}' is fitted; give --law {of.name}, or "
            "leave the prior out."
        )
    told = [p for p in law.parameters if p.kind in DEVIATIONS]
    numbers = {p.name: published.constants[p.name] for p in told}
    centre = {p.name: float(np.log(numbers[p.name])) if p.kind == "log" else numbers[p.name] for p in told}
    return PublishedPrior(name, centre, {p.name: DEVIATIONS[p.kind] for p in told})


def pulled(
    published: PublishedPrior,
    estimator: Estimator,
    batch: Batch,
    points: Points,
    scale: np.ndarray,
    runs: Sequence[int],
) -> tuple[PooledPrior, np.ndarray]:
    """The pull of every task, and how far its own fit is from it.

    Args:
        published: the prior.
        estimator: what was minimized.
        batch: T tasks.
        points: their fits without it.
        scale: (T,) scatter of their runs.
        runs: (T,) number of trained models.

    Returns:
        The prior of the fit and of its draws, and (T,) the largest distance of an exponent or ratio in standard
        deviations of the prior and of the fit together.
    """
    law = estimator.law
    few = np.asarray(runs) <= MAX_RUNS_PER_PARAMETER * batch.free
    scale = np.where(few, np.maximum(scale, LEAST_SCATTER), scale)
    variance = np.einsum("tpp->tp", covariance(law, batch, points.theta, scale, estimator.loss))
    worth = precision(scale, estimator.loss)
    centre, strength, spread = (np.zeros_like(points.theta) for _ in range(3))
    apart = np.zeros(len(batch))
    for name, number in published.centre.items():
        at, deviation = law.position(name), published.deviation[name]
        free = ~batch.pinned[:, at]
        centre[:, at] = number
        strength[:, at] = np.where(free, worth / deviation**2, 0.0)
        spread[:, at] = np.where(free, deviation, 0.0)
        off = np.abs(points.theta[:, at] - number) / np.sqrt(deviation**2 + variance[:, at])
        apart = np.maximum(apart, np.where(free, off, 0.0))
    return PooledPrior(np.ones(len(batch), dtype=bool), Prior(centre, strength), spread, ()), apart


def disagreement(published: PublishedPrior, names: Sequence[str], apart: np.ndarray) -> tuple[list[str], list[str]]:
    """How far tasks' runs are from the prior: notes, and warnings where that is far.

    Args:
        published: the prior.
        names: (T,) of the tasks.
        apart: (T,) standard deviations.
    """
    worst = int(apart.argmax())
    notes = [
        f"Prior {published.name}: its exponents and ratios pull the fit, its floor and coefficients do not; the runs' "
        f"own fit lies at most {apart[worst]:.2g} standard deviations from it (task '{names[worst]}')."
    ]
    warnings = []
    for name, each in zip(names, apart, strict=True):
        if each >= FAR_APART:
            warnings.append(
                f"The runs of task '{name}' contradict the prior {published.name}: their own fit lies {each:.3g} "
                "standard deviations from it; leave --prior out."
            )
        elif each >= APART:
            warnings.append(
                f"The runs of task '{name}' and the prior {published.name} disagree by {each:.2g} standard deviations; "
                "compare with a fit without --prior."
            )
    return notes, warnings
