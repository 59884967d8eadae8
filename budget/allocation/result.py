"""A plan: what each task is given, what it is predicted to reach, and how far the plan can be from the best."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.problem import Question


@dataclass(frozen=True)
class Baseline:
    """A plan to compare with.

    Attributes:
        name: ``uniform``, ``proportional`` or ``20 tokens per parameter``.
        objective: weighted mean of the predicted values.
        spend: (T,) spends.
        predicted: (T,) predicted values.
    """

    name: str
    objective: float
    spend: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True)
class Plan:
    """The answer to a question; arrays have shape (T,) over ``question.tasks.names``.

    Attributes:
        question: what was asked.
        metric: the common metric of the tasks.
        higher_is_better: its direction.
        hypothetical_tasks: (T,) whether the plan trains a specialist where only a generalist was measured.
        spend: what each task is given, in the question's unit. One shared model's spend stands in every row.
        spend_low: 10 % point of the best plan's spend over the draws.
        spend_high: 90 % point.
        params: parameters of the task's model, NaN where the law does not read them.
        tokens: tokens of its training, NaN likewise.
        predicted: value by the point fit.
        low: lower end of its 80 % interval.
        high: upper end.
        marginal: improvement of the objective per unit of extra spend on the task.
        binding: what stops the spend: ``budget``, ``min`` or ``max``.
        extrapolation: spend over the largest measured.
        beyond: scale → (T,) planned scale over the nearest measured one of the task: 1 inside the measured range.
        status: status code of the task's curve.
        objective: weighted mean of ``predicted``.
        bound: no plan of the stated problem has a better objective than this.
        shadow_price: improvement of the objective per unit of extra budget.
        solver: which solver answered.
        solver_status: its own word.
        failed_draws: draws whose plan could not be solved and is not in ``spend_low, spend_high``.
        baselines: plans at the same budget.
        inputs: range over the draws of the best params and tokens, for one shared model.
        notes: sentences for the reader.
    """

    question: Question
    metric: str
    higher_is_better: bool
    hypothetical_tasks: np.ndarray
    spend: np.ndarray
    spend_low: np.ndarray
    spend_high: np.ndarray
    params: np.ndarray
    tokens: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    marginal: np.ndarray
    binding: tuple[str, ...]
    extrapolation: np.ndarray
    beyond: dict[str, np.ndarray]
    status: tuple[str, ...]
    objective: float
    bound: float
    shadow_price: float
    solver: str
    solver_status: str
    failed_draws: int
    baselines: tuple[Baseline, ...]
    inputs: dict[str, tuple[float, float]]
    notes: tuple[str, ...]

    @property
    def hypothetical(self) -> bool:
        """Whether the plan trains any specialist that nobody measured."""
        return bool(self.hypothetical_tasks.any())

    @property
    def gap(self) -> float:
        """How much better than this plan any plan could be, in the objective's unit; never negative."""
        return max(0.0, (self.bound - self.objective) if self.higher_is_better else (self.objective - self.bound))

    @property
    def total(self) -> float:
        """What is used of the budget."""
        return float(self.spend[0] if self.question.strategy == "shared" else self.spend.sum())

    def gain_over(self, baseline: Baseline) -> float:
        """How much better the plan's objective is than a baseline's, in the objective's unit."""
        return (self.objective - baseline.objective) * (1 if self.higher_is_better else -1)

    def table(self) -> pd.DataFrame:
        """``allocation.csv``: one row a task."""
        return pd.DataFrame(
            {
                "task": self.question.tasks.names,
                "strategy": self.question.strategy,
                "spend": self.spend,
                "spend_low": self.spend_low,
                "spend_high": self.spend_high,
                "params": self.params,
                "tokens": self.tokens,
                "predicted": self.predicted,
                "low": self.low,
                "high": self.high,
                "marginal": self.marginal,
                "binding": self.binding,
                "extrapolation": self.extrapolation,
                "status": [
                    f"{code}; hypothetical" if unseen else code
                    for code, unseen in zip(self.status, self.hypothetical_tasks, strict=True)
                ],
            }
        )

    def record(self) -> dict[str, Any]:
        """The plan as JSON."""
        rows = self.table().to_dict("records")
        return {
            "strategy": self.question.strategy,
            "hypothetical": self.hypothetical,
            "budget": self.question.budget,
            "unit": self.question.unit,
            "spent": self.total,
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "shadow_price": self.shadow_price,
            "shadow_price_per_percent": self.shadow_price * self.question.budget / 100,
            "solver": self.solver,
            "status": self.solver_status,
            "failed_draws": self.failed_draws,
            "inputs_over_draws": {name: list(ends) for name, ends in self.inputs.items()},
            "baselines": [
                {
                    "name": baseline.name,
                    "objective": baseline.objective,
                    "gain": self.gain_over(baseline),
                    "spend": baseline.spend.tolist(),
                    "predicted": baseline.predicted.tolist(),
                }
                for baseline in self.baselines
            ],
            "tasks": [{name: _finite(cell) for name, cell in row.items()} for row in rows],
            "notes": list(self.notes),
        }


def _finite(cell: Any) -> Any:
    return None if isinstance(cell, float) and not np.isfinite(cell) else cell
