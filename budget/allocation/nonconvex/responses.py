"""What the nonconvex planner knows of each task: its value at any spend, its limits, and what it has when unserved.

See docs/decisions/065-gap-as-a-share-of-the-range.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from budget.errors import AllocationError, InfeasibleError, SolverError
from budget.numerics.words import apart

BUDGET_ROUNDING = 1e-12
"""Share by which a plan may exceed the budget, so that ten tasks of a tenth each fit: the rounding of a sum of spends
(1.1e-16 a term) with room for thousands. The bound allows it too."""

MAX_VALUE = 1e150
"""Value above which a spend counts as paying for nothing: the square root of the largest double, so that slopes, prices
and sums stay numbers where a curve diverges at a threshold."""

FIRST_SPEND_SHARE = 1e-6
"""First spend of the grid as a share of an equal split, where neither ``low`` nor ``first_step`` says more; six decades
below it, since a tangent point there would count as the grid's start."""


@dataclass(frozen=True)
class Responses:
    """V tasks whose weighted values fall, or stay, as their spend rises.

    Attributes:
        value: ``value(tasks (R,), spends (R,)) → (R,)``, smaller is better; never asked below ``low`` or at 0.
        low: (V,) least spend of a served task; 0 where there is none.
        high: (V,) greatest spend.
        budget: the total.
        unserved: (V,) value at spend 0; NaN where the task must be served.
        first_step: (V,) smallest sensible spend of tasks without ``low``, where their grid begins.

    Raises:
        AllocationError: a number is missing or no plan could use it.
        InfeasibleError: a task's limits contradict each other, or what must be spent exceeds the budget.
    """

    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    low: np.ndarray
    high: np.ndarray
    budget: float
    unserved: np.ndarray
    first_step: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check what was received."""
        count = len(self.low)
        if count == 0:
            raise AllocationError("There is no task to plan; give at least one.")
        for name, column in (("high", self.high), ("unserved", self.unserved), ("first_step", self.first_step)):
            if column is not None and np.shape(column) != (count,):
                raise AllocationError(
                    f"{name} has shape {np.shape(column)} for {count} tasks; give one number for each."
                )
        if not np.isfinite(self.budget) or self.budget <= 0:
            raise AllocationError(f"The budget is {self.budget:g}; give a positive number.")
        for task in np.flatnonzero(~(np.isfinite(self.low) & (self.low >= 0) & (self.high > 0))):
            raise AllocationError(
                f"Task {task} has limits {self.low[task]:g} and {self.high[task]:g}; give positive ones."
            )
        for task in np.flatnonzero(self.low > self.high):
            low, high = apart(float(self.low[task]), float(self.high[task]))
            raise InfeasibleError(f"Task {task} has low {low} above high {high}; change one.")
        if np.isinf(self.unserved).any():
            raise AllocationError(
                "An unserved value is infinite; give a finite one, or NaN where a task must be served."
            )
        if self.first_step is not None and not (np.isfinite(self.first_step) & (self.first_step > 0)).all():
            raise AllocationError("A first_step is not a positive number; leave it out or give one for each task.")
        # together the minima decide, whatever each alone would allow
        if self.least.sum() > self.budget * (1 + BUDGET_ROUNDING):
            need, limit = apart(float(self.least.sum()), self.budget)
            raise InfeasibleError(
                f"The tasks that must be served need {need} of a budget of {limit}; "
                "raise the budget, lower their minima, or let some go unserved."
            )
        for task in np.flatnonzero(~self.optional & (self.most <= 0)):
            raise InfeasibleError(
                f"Task {task} must be served, and the minima of the others leave nothing of the {self.budget:g}; "
                "raise the budget, lower their minima, or let it go unserved."
            )

    @property
    def optional(self) -> np.ndarray:
        """(V,) whether a plan may give the task nothing."""
        return ~np.isnan(self.unserved)

    @property
    def least(self) -> np.ndarray:
        """(V,) what must be spent on each task."""
        return np.where(self.optional, 0.0, self.low)

    @property
    def most(self) -> np.ndarray:
        """(V,) the greatest spend that leaves the others what they must have; below ``low`` where there is none."""
        return np.minimum(self.high, self.budget - (self.least.sum() - self.least))

    @property
    def span(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last spend of each task's grid, (V,) each; the last is below the first where none fits."""
        most = np.maximum(self.most, np.where(self.optional, 0.0, self.low))  # rounding may put it an ulp below low
        first = FIRST_SPEND_SHARE * self.budget / len(self.low) if self.first_step is None else self.first_step
        # together the first spends must fit beside the others' least
        return np.where(self.low > 0, self.low, np.minimum(first, most / len(self.low))), most

    def __call__(self, task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        """Values (R,) of some tasks at some positive spends, infinite above ``MAX_VALUE``.

        Raises:
            SolverError: a value is NaN or minus infinity, or their number is wrong.
        """
        values = np.asarray(self.value(task, spend), dtype=float)
        if values.shape != task.shape:
            raise SolverError(
                f"The response returned shape {values.shape} for {len(task)} spends; return one value each."
            )
        wrong = np.flatnonzero(np.isnan(values) | (values == -np.inf))
        if len(wrong):
            row = wrong[0]
            raise SolverError(
                f"The response of task {task[row]} is {values[row]} at a spend of {spend[row]:g}; "
                "leave the task out or mend its curve."
            )
        return np.where(values > MAX_VALUE, np.inf, values)

    def objective(self, spend: np.ndarray) -> float:
        """The sum of values at spends (V,), unserved where 0."""
        served = np.flatnonzero(spend > 0)
        values = self.unserved.copy()
        values[served] = self(served, spend[served])
        return float(values.sum())
