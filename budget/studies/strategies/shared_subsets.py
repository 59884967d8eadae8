"""The best shared model for each of many subsets of the tasks, under the law of several tasks."""

from dataclasses import dataclass

import numpy as np

from budget.allocation.mixture.best_mixtures import best_mixtures
from budget.allocation.mixture.plan_mixture import plan_mixture
from budget.studies.strategies.specialist_subsets import Splits, Subsets


@dataclass(frozen=True)
class SharedSubsets(Subsets):
    """One model for each subset, the number of its tasks being the law's K. Every task's spend is the whole model's.

    Attributes:
        curves: of law ``shared``, over T tasks.
        spec: about all of them, with strategy ``shared``.
    """

    @property
    def convex(self) -> bool:
        """No price divides a budget among the tasks of one model."""
        return False

    @property
    def measured(self) -> tuple[int, int]:
        """The least and the greatest number of tasks of the measured models: phi and psi are read off all of them."""
        smallest, largest = self.curves.smallest["n_tasks"].min(), self.curves.largest["n_tasks"].max()
        return int(smallest), int(largest)

    def beyond(self, split: Splits) -> float:
        """The largest factor by which a size or a task's tokens lie outside the measured ones; 1 inside."""
        scales = np.exp(split.log_inputs)
        names = list(self.curves.scale_columns[:2])
        largest, smallest = (
            np.stack([ends[name][split.members] for name in names], axis=-1)
            for ends in (self.curves.largest, self.curves.smallest)
        )
        # too small is as far outside as too large
        outside = np.maximum(scales[..., :2] / largest, smallest / scales[..., :2])
        return float(np.maximum(outside, 1.0).max())

    def taken(self, split: Splits) -> np.ndarray:
        """(Q, k) the part of the model's spend that a task's tokens are of all its tokens."""
        tokens = np.exp(split.log_inputs[:, :, 1])
        return split.spend * tokens / tokens.sum(axis=1, keepdims=True)

    def _solve(self, rows: np.ndarray) -> None:
        """Plan the models of subsets (Q, k) that nobody has asked for yet."""
        if len(rows) == 0:
            return
        if np.isfinite(self.spec.tasks.unique_tokens).any():  # a search of its own for each
            for row in rows:
                plan = plan_mixture(*self.about(row), draws=False)
                self._keep(row, plan.spend, float(plan.params[0]), plan.source_tokens)
            return
        sizes, tokens = best_mixtures(self.curves, self.spec, rows)
        spend = np.full(rows.shape[1], self.spec.budget)
        for row, size, each in zip(rows, np.exp(sizes).tolist(), tokens, strict=True):
            self._keep(row, spend, size, each)

    def _keep(self, row: np.ndarray, spend: np.ndarray, size: float, tokens: np.ndarray) -> None:
        """Remember a subset's plan: the model's spend at each task, and the law's log inputs (size, tokens, K)."""
        tasks = len(row)
        inputs = np.column_stack([np.full(tasks, np.log(size)), np.log(tokens), np.full(tasks, np.log(tasks))])
        self.found[row.tobytes()] = spend, inputs
