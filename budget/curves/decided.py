"""What plans by curves like these realised when the large runs were hidden: the figures of a decision backtest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decided:
    """Figures over sets of a file's tasks; gains are over an equal split, as shares of its objective.

    Attributes:
        tasks: that were planned.
        sets: of them.
        beyond: largest cost of a hidden run over the largest that the fit saw.
        factor: a set's budget over its largest runs that the fit saw.
        prize: mean gain of a clairvoyant, who knows what was measured.
        share: what the plans realised of it; NaN where it is none.
        by_weight: what the split by weight realised of it.
        worse: share of the sets in which the plan was worse than an equal split.
        worst: gain in the set where it was least.
        told: predicted over realised gain; NaN where none was realised.
        covered: share of the sets whose 80 % interval of the gain held what was realised; NaN without draws.
    """

    tasks: float
    sets: float
    beyond: float
    factor: float
    prize: float
    share: float
    by_weight: float
    worse: float
    worst: float
    told: float
    covered: float
