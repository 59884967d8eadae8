"""The stated problem of a portfolio: which models are built, which of them serves each task, what that is worth.

Everything is minimized and free of units: costs are shares of the budget, losses run from 0 to 1.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.spec.objectives import Objective
from budget.numerics.tail_mean import tail_mean

BUDGET_SLACK = 1e-9
"""Relative amount by which the budget is widened before anything is compared with it, for sums that round up; what
HiGHS does not tell apart either (``integer_program.SOLVER_TOLERANCE``)."""


@dataclass(frozen=True)
class Selection:
    """M models, T tasks, P pairs of which exactly one a task is chosen; a model of a chosen pair is built.

    Minimize ``goal`` subject to ``Σ cost_j y_j ≤ 1`` and ``Σ counts_j y_j ≤ most``.

    Attributes:
        cost: (M,) share of the budget, which was widened by ``BUDGET_SLACK``; at most 1.
        counts: (M,) whether the model counts among those built; the pseudo-model that serves nothing does not.
        model: (P,) model of each pair.
        task: (P,) task of each pair.
        loss: (W, P) loss of each pair in each scenario, from 0 to 1.
        met: (W, P) whether the pair reaches its task's target there.
        weight: (T,) weights that sum to 1.
        most: how many models may be built.
        objective: one that is scale free.
        tail: share of the worst scenarios whose mean counts; 1 is the mean over all.
    """

    cost: np.ndarray
    counts: np.ndarray
    model: np.ndarray
    task: np.ndarray
    loss: np.ndarray
    met: np.ndarray
    weight: np.ndarray
    most: float
    objective: Objective
    tail: float

    @property
    def n_tasks(self) -> int:
        """How many tasks there are."""
        return len(self.weight)

    @property
    def is_linear(self) -> bool:
        """Whether the objective is a sum over the chosen pairs."""
        return not self.objective.takes_largest and (self.tail == 1 or len(self.loss) == 1)

    @property
    def terms(self) -> np.ndarray:
        """(W, P) a chosen pair's term of the objective in a scenario: what it adds, or for the worst task its loss."""
        return self.objective.terms(self.loss, self.weight[self.task], self.met)

    @property
    def mean_loss(self) -> np.ndarray:
        """(P,) what a chosen pair adds to the weighted mean loss over the scenarios, which breaks ties."""
        return self.weight[self.task] * self.loss.mean(axis=0)

    def value(self, chosen: np.ndarray) -> float:
        """The objective of chosen pairs (T,), one a task."""
        return tail_mean(self.objective.fold.over(self.terms[:, chosen]), self.tail)

    def grid(self, coefficient: np.ndarray) -> np.ndarray:
        """(M, T) a pair's coefficient (P,) by model and task, infinite where the pair does not exist."""
        result = np.full((len(self.cost), self.n_tasks), np.inf)
        result[self.model, self.task] = coefficient
        return result

    def is_allowed(self, built: np.ndarray) -> bool:
        """Whether the models (M,) fit the budget and the count."""
        return bool(self.cost[built].sum() <= 1 and self.counts[built].sum() <= self.most)

    def best_pairs(self, built: np.ndarray, coefficient: np.ndarray) -> np.ndarray | None:
        """(T,) the pair of the built models (M,) with each task's least coefficient (P,).

        Equal coefficients are decided by the mean loss. ``None`` where a task is served by none of them.
        """
        pairs = np.flatnonzero(built[self.model])
        # by task, then coefficient, then mean loss: the first of each task is its pair
        order = pairs[np.lexsort((self.mean_loss[pairs], coefficient[pairs], self.task[pairs]))]
        tasks, first = np.unique(self.task[order], return_index=True)
        return order[first] if len(tasks) == self.n_tasks else None

    def keep(self, pairs: np.ndarray) -> "Selection":
        """The same with some pairs (positions) and their models only."""
        models, model = np.unique(self.model[pairs], return_inverse=True)
        return replace(
            self,
            cost=self.cost[models],
            counts=self.counts[models],
            model=model,
            task=self.task[pairs],
            loss=self.loss[:, pairs],
            met=self.met[:, pairs],
        )

    def averaged(self) -> "Selection":
        """The problem with one scenario, the mean of all.

        Its optimum is a lower bound: the risk is never below the mean over scenarios, and the mean of a worst task is
        never below the worst of the means (Jensen).
        """
        loss, met = (part.mean(axis=0, keepdims=True) for part in (self.loss, self.met))
        return replace(self, loss=loss, met=met, tail=1.0)
