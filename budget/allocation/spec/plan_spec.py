"""What the planner asks, before any program is solved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from budget.allocation.spec.measures import Measure
from budget.allocation.spec.objectives import MEAN, Objective
from budget.allocation.spec.resources import Prices
from budget.allocation.spec.risks import POINT, Risk
from budget.curves.curves import Curves
from budget.tables.limits import Limit
from budget.tables.tasks import TaskSettings

SPECIALISTS, SHARED = STRATEGIES = ("specialists", "shared")
"""How a set of tasks is served: one training per task, or one model for all."""


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
