"""Which strategy wins a budget, how sure that is today, and how sure it is expected to be after new runs.

In a scenario the winner is the strategy whose plan of today is the best there: plans are made once and judged in every
draw, as everywhere. The probability of naming it is the probability of correct selection of ranking and selection.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from budget.studies.next_runs.value_of_information import Sampling, State, error


@dataclass(frozen=True)
class BestStrategy:
    """What is known of the best of A strategies.

    Attributes:
        names: (A,) of the strategies.
        expected: (A,) mean measure of their plans of today, smaller being better.
        share: (A,) share of the draws in which each is the winner.
        today: the strategy that would be chosen today.
        after: expected probability of naming the winner after the batch.
        more: how much that is above today's, and the standard error of this.
        more_error: of ``more``, over the draws.
        alone: (C,) expected probability of naming the winner after one candidate alone.
    """

    names: tuple[str, ...]
    expected: np.ndarray
    share: np.ndarray
    today: int
    after: float
    more: float
    more_error: float
    alone: np.ndarray

    @classmethod
    def of(cls, study: Sampling, after: State, alone: np.ndarray) -> "BestStrategy":
        """Of a study, the state after its batch, and what was counted for each candidate alone."""
        best_strategy, chosen = study.best_strategy, study.start.chosen
        names = tuple(strategy.name for strategy in study.strategies)
        better = (after.chosen == best_strategy).astype(float) - (chosen == best_strategy)
        return cls(
            names=names,
            expected=study.today.mean(axis=1),
            share=np.array([(best_strategy == at).mean() for at in range(len(names))]),
            today=int(chosen[0]),
            after=float((after.chosen == best_strategy).mean()),
            more=float(better.mean()),
            more_error=error(better),
            alone=alone,
        )

    @property
    def name(self) -> str:
        """Of the strategy that would be chosen today."""
        return self.names[self.today]

    @property
    def sure(self) -> float:
        """Probability that it is the winner."""
        return float(self.share[self.today])

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "strategy": self.name,
            "probability": self.sure,
            "probability_after_batch": self.after,
            "increase": self.more,
            "increase_error": self.more_error,
        }
