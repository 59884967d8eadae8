"""The best splits of one budget among many subsets of the tasks, each subset solved once.

Subsets of one size are one batch of ``water_filling.splits``; laws that are no sums of powers are searched one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from budget.allocation.convex.problem import Problem, build_problem, planned_cost, reach_of_models
from budget.allocation.convex.water_filling import BATCH_MODELS, water_fill
from budget.allocation.nonconvex.plan_nonconvex import plan_nonconvex
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.plan_spec import PlanSpec, is_nonconvex
from budget.curves.curves import Curves
from budget.tables.target_met import met_or_unstated, target_met


@dataclass(frozen=True)
class Splits:
    """The best splits of Q subsets of k tasks each.

    Attributes:
        members: (Q, k) task positions.
        spend: (Q, k) in the budget's unit.
        log_inputs: (Q, k, I) the law's log inputs.
        distance: (Q, k) to best, as predicted by the point fit: between those of the best and the unserved value.
    """

    members: np.ndarray
    spend: np.ndarray
    log_inputs: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class Subsets:
    """Solves subsets of T tasks and remembers them.

    Attributes:
        curves: of the T tasks.
        spec: about all of them: one training per task, the weighted mean at one budget.
        found: sorted members as bytes → spends (k,) and the law's log inputs (k, I).
    """

    curves: Curves
    spec: PlanSpec
    found: dict[bytes, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)

    @property
    def convex(self) -> bool:
        """Whether marginal returns fall, so that one price divides a budget."""
        return not is_nonconvex(self.curves, self.spec)

    @property
    def problem(self) -> Problem:
        """The convex problem of all T tasks."""
        return build_problem(self.curves, self.spec)

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """(T,) least and greatest spends of all tasks, within the reach; 0 and infinity where there is none."""
        low, high = self.spec.own_limits
        reach = reach_of_models(self.curves, self.spec, planned_cost(self.curves, self.spec, self.spec.unit))
        return np.minimum(low, reach), np.minimum(high, reach)

    def of(self, members: np.ndarray) -> Splits:
        """The best splits of subsets (Q, k), each row in its own order."""
        # a set has one best split whatever order its tasks joined in: sorted, orders share what was solved
        order = np.argsort(members, axis=1)
        rows, which = np.unique(np.take_along_axis(members, order, axis=1), axis=0, return_inverse=True)
        missing = np.array([row.tobytes() not in self.found for row in rows])
        self._solve(rows[missing])
        solved = [self.found[row.tobytes()] for row in rows]
        # the inverse permutation: each row in the order that it was asked in
        back = np.argsort(order, axis=1)
        spend = np.take_along_axis(np.array([each for each, _ in solved])[which.ravel()], back, axis=1)
        inputs = np.take_along_axis(np.array([each for _, each in solved])[which.ravel()], back[:, :, None], axis=1)
        told, task = self.curves.told, members.ravel()
        flat = told.within(task, told.distance(task, inputs.reshape(members.size, -1)))
        return Splits(members, spend, inputs, flat.reshape(members.shape))

    def measure(self, split: Splits) -> np.ndarray:
        """(Q, k) what counts of each task, smaller being better."""
        return self.spec.measure.of(split.members, split.distance)

    def objective(self, split: Splits) -> np.ndarray:
        """(Q,) weighted mean of each subset, smaller being better."""
        return self.weighted(split, self.measure(split))

    def weighted(self, split: Splits, values: np.ndarray) -> np.ndarray:
        """(…, Q) weighted means over the members of values (…, Q, k)."""
        weight = self.spec.tasks.weight[split.members]
        return (values * weight).sum(axis=-1) / weight.sum(axis=-1)

    def taken(self, split: Splits) -> np.ndarray:
        """(Q, k) what each task has of the budget."""
        return split.spend

    def met(self, split: Splits) -> np.ndarray:
        """(Q, k) 1 where a task's target is reached, 0 where not, NaN where none is stated."""
        return self.reached(split.members, split.distance)

    def reached(self, task: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """The same for tasks (…, k) at distances of that shape, or with more axes before them."""
        target = self.spec.tasks.target[task]
        predicted = self.curves.present(task, distance)
        return met_or_unstated(target_met(predicted, target, self.curves.higher_is_better[task]), target)

    def in_draws(self, split: Splits) -> Iterator[tuple[int, np.ndarray]]:
        """Row of the split, and distances (B, k) of its members in every draw: planned once, judged in each."""
        told = self.curves.told
        for row, (task, inputs) in enumerate(zip(split.members, split.log_inputs, strict=True)):
            yield row, told.within(task, told.distance_draws(task, inputs))

    def about(self, pick: np.ndarray) -> tuple[Curves, PlanSpec]:
        """Curves of some tasks and the plan spec about them."""
        curves, asked = self.curves.take(pick), self.spec
        measure = replace(asked.measure, scale=asked.measure.scale[pick], shift=asked.measure.shift[pick])
        params = None if asked.params is None else asked.params[pick]
        return curves, replace(asked, tasks=asked.tasks.select(curves.tasks), measure=measure, params=params)

    def _solve(self, rows: np.ndarray) -> None:
        """Split the budget among subsets (Q, k) that nobody has asked for yet."""
        if len(rows) == 0:
            return
        if not self.convex:
            for row in rows:
                outcome = plan_nonconvex(*self.about(row))
                self.found[row.tobytes()] = outcome.amounts[0], outcome.log_inputs
            return
        problem = self.problem
        reach = reach_of_models(self.curves, self.spec, problem.cost)
        for part in np.array_split(rows, -(-rows.size // BATCH_MODELS)):
            budgets = np.full(len(part), self.spec.budget)
            low, high = (np.minimum(ends, reach[part]) for ends in self.spec.limits_in_sets(part, budgets))
            spend, u = water_fill(problem, budgets, low, high, part)
            inputs = law_inputs_of(self.curves, self.spec, u.reshape(part.size, -1), part.ravel())
            for row, given, each in zip(part, spend, inputs.reshape(*part.shape, -1), strict=True):
                self.found[row.tobytes()] = given, each
