"""What the planner asks, before any program is solved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from budget.allocation.spec.measures import Measure
from budget.allocation.spec.objectives import MEAN, Objective
from budget.allocation.spec.resources import Prices
from budget.allocation.spec.risks import POINT, Risk
from budget.curves.curves import Curves
from budget.tables.limits import Limit
from budget.tables.splits import Split
from budget.tables.tasks import TaskSettings

SPECIALISTS, SHARED = STRATEGIES = ("specialists", "shared")
"""How a set of tasks is served: one training per task, or one model for all."""


REFERENCES = {"uniform": "a uniform split", "weight": "the split by weight", "current": "today's split"}
"""Splits by hand that a plan's gain is counted from → what they are called."""


@dataclass(frozen=True)
class Reference:
    """The split that a plan's gain is counted from: what would be done without a plan.

    Attributes:
        words: what it is called.
        split: what it gives the tasks.
        at_risk: what the worst share of the draws may lose against it, in the objective's unit.
    """

    words: str
    split: Split
    at_risk: float

    def record(self) -> dict[str, Any]:
        """The reference as JSON."""
        return {"reference": self.words, "reference_spend": self.split.spend.tolist(), "at_risk": self.at_risk}


EXTRAPOLATES_BEYOND = 3.0
"""Factor outside the measured range beyond which a plan says that it extrapolates."""


@dataclass(frozen=True)
class PlanSpec:
    """What the planner asks, before any program is solved.

    Attributes:
        tasks: weights, targets and limits of the T tasks; frozen ones have ``min = max``.
        budget: the total; infinity where the cheapest plan is asked for.
        unit: what it is counted in.
        strategy: one of ``STRATEGIES``.
        measure: what a task's value is.
        objective: what the tasks' measures are folded into.
        risk: what its draws are folded into.
        level: share of the draws that are not in the tail, for risks that have one.
        params: (T,) sizes of the models, where the plan does not choose them.
        further: budgets in other units, unit → total.
        limits: linear limits on what tasks are given.
        prices: of compute.
        sizes: the sizes that models may have; any where empty.
        allow_unserved: whether a task may be given nothing.
        at_least: how many targets the cheapest plan must meet; all where ``None``.
        frozen: tasks that keep their current spend, and so are given something whatever ``allow_unserved`` says.
        reach: factor on the largest params, tokens and spend measured of a task beyond which no plan of it goes.
        held: tasks whose curves failed their backtest: they keep their current spend, or get at most their share by
            weight.
        reserved: tasks without a curve, which keep the same: name, spend and status. The budget is what is left.
        reference: what the gain is counted from whose loss in the worst draws a risk limits; the mean over the draws is
            planned then. ``None`` where the risk itself is planned, or none.
    """

    tasks: TaskSettings
    budget: float
    unit: str
    strategy: str
    measure: Measure
    objective: Objective = MEAN
    risk: Risk = POINT
    level: float = 0.9
    params: np.ndarray | None = None
    further: Mapping[str, float] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    prices: Prices | None = None
    sizes: tuple[float, ...] = ()
    allow_unserved: bool = False
    at_least: int | None = None
    frozen: tuple[str, ...] = ()
    reach: float = float("inf")
    held: tuple[str, ...] = ()
    reserved: tuple[tuple[str, float, str], ...] = ()
    reference: Reference | None = None

    @property
    def weight(self) -> np.ndarray:
        """(T,) weights that sum to 1."""
        return self.tasks.weight / self.tasks.weight.sum()

    @property
    def objective_weight(self) -> np.ndarray:
        """(T,) weights as the objective takes them: shares of their sum, or as stated where it counts them."""
        return self.tasks.weight if self.objective.counts_weights else self.weight

    @property
    def sign(self) -> float:
        """From the objective that is made small to the number that a reader sees: −1 where more is better."""
        return self.measure.sign if self.objective.sign is None else self.objective.sign

    @property
    def is_one_model(self) -> bool:
        """Whether one model serves all tasks."""
        return self.strategy == SHARED

    @property
    def serves(self) -> np.ndarray:
        """(T,) position of the model that serves each task: one for all, or one each."""
        count = len(self.tasks.names)
        return np.zeros(count, dtype=int) if self.is_one_model else np.arange(count)

    @property
    def is_frozen(self) -> np.ndarray:
        """(T,) whether a task keeps its current spend."""
        return np.isin(self.tasks.names, self.frozen)

    @property
    def is_held(self) -> np.ndarray:
        """(T,) whether a task's curve failed, so that it keeps what it has or gets at most its share by weight."""
        return np.isin(self.tasks.names, self.held)

    @property
    def whole_budget(self) -> float:
        """The budget with what tasks without a curve keep of it."""
        return self.budget + sum(spend for _, spend, _ in self.reserved)

    @property
    def own_limits(self) -> tuple[np.ndarray, np.ndarray]:
        """(T,) least and greatest spends of each task, 0 and infinity where there is none."""
        every = np.arange(len(self.tasks.names))
        low, high = self.limits_in_sets(every[None], np.array([self.budget]))
        return low[0], high[0]

    def limits_in_sets(self, members: np.ndarray, budgets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same (Q, k) for sets of tasks that share a budget each: a share by weight is one of the set.

        Args:
            members: (Q, k) task positions.
            budgets: (Q,).
        """
        tasks, held = self.tasks, self.is_held[members]
        low = np.nan_to_num(tasks.min, nan=0.0)[members]
        high = np.where(np.isfinite(tasks.max), tasks.max, np.inf)[members]
        if self.is_one_model or not held.any():
            return low, high
        weight, current = tasks.weight[members], tasks.current[members]
        # a share by weight is one of what those leave that keep their current spend; of all where no curve is trusted
        none = held.all(axis=1, keepdims=True)
        stays = held & (current > 0) & ~none
        left = budgets[:, None] - np.where(stays, current, 0.0).sum(axis=1, keepdims=True)
        others = np.where(stays, 0.0, weight).sum(axis=1, keepdims=True)
        kept = np.where(stays, current, weight / others * np.maximum(left, 0.0))
        kept = np.clip(kept, low, high)
        held &= np.isfinite(kept)
        # a curve that lost to "nothing improves" was too hopeful: its task may get less than its share, and not more
        return np.where(held & (stays | none), kept, low), np.where(held, kept, high)

    def measure_of_targets(self, curves: Curves) -> np.ndarray:
        """(T,) measures of the targets of the curves' tasks, NaN where none is stated."""
        return self.measure.of_value(curves, np.arange(len(self.tasks.names)), self.tasks.target)

    @property
    def meets_targets_alone(self) -> bool:
        """Whether the cheapest plan is each task's own least spend to its target, so that the prediction decides it."""
        coupled = self.is_one_model or self.further or self.limits or self.risk.reads_draws
        return self.objective.minimizes_spend and not coupled

    @property
    def has_checkpoints(self) -> bool:
        """Whether a task has a model that can be trained on."""
        return bool(np.isfinite(self.tasks.checkpoint).any())


def default_unit(inputs: Sequence[str]) -> str:
    """The unit that a law's inputs suggest: FLOPs where params and tokens are traded, else the law's own scale."""
    return inputs[0] if len(inputs) == 1 else "flops"


def is_nonconvex(curves: Curves, spec: PlanSpec) -> bool:
    """Whether the problem is no convex program and is solved from each task's own response to its spend."""
    return has_steps(spec) or not curves.form.is_program


def has_steps(spec: PlanSpec) -> bool:
    """Whether what is asked is not convex, whatever the law: it counts, bends or chooses between what is given."""
    return bool(
        spec.objective.convex is None
        or not spec.measure.linear
        or spec.allow_unserved
        or spec.sizes
        or spec.has_checkpoints
        or spec.at_least is not None
    )
