"""The population that some tasks show, and what one budget brings to tasks that are drawn from it.

Tasks beyond the T given are copies of these. In a scenario the population is made of the given tasks in shares that a
Dirichlet distribution leaves open (the Bayesian bootstrap of Rubin 1981), the tasks that join are drawn from it (Lo
1988, "A Bayesian bootstrap for a finite population"), and all follow one joint draw of the curves. Since marginal
returns fall, copies have equal spends: the best split of a budget among K tasks is one of T, each at n times the cost
and n times the value, n being its number. Plans are made by the point curves, and judged by the scenario's.

See docs/decisions/148-tasks-as-draws.md.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from budget.allocation.convex.problem import Problem
from budget.allocation.convex.water_filling import BATCH_MODELS, Batch, water_fill_batch
from budget.allocation.plan.assembly import law_inputs_of
from budget.curves.curves import Curves
from budget.studies.growth.decline_exponent import above_floor
from budget.studies.strategies.specialist_subsets import Subsets

CONCENTRATION_LESS = 4
"""What the Dirichlet's concentrations sum to less than T: the mean over the population then has the variance of
Student's t about T tasks, ``Σ (v − mean)²/(T(T − 3))``. With T itself, intervals that promise 80 % held the mean of 50
tasks in 54 to 68 % where five were given, and with this in 71 to 90 %."""

SCENARIOS, LEAST_SCENARIOS = 200, 40
"""Most draws of the curves that are followed, and draws of the tasks where the curves have none; of many tasks fewer,
which then differ less, but enough for an interval."""

KINDS = 40_000
"""Scenarios times tasks from which scenarios are fewer."""


@dataclass(frozen=True)
class Reached:
    """What S scenarios of J numbers of tasks reach, in the measure (smaller is better).

    Attributes:
        value: (S, J) weighted mean over all tasks; NaN where their minima take more than the budget.
        slack: (S, J) weighted mean distance to the target of the tasks that state one, positive where it is kept, −∞
            where minima do not fit; NaN where none states one.
        worth: (S, J) what the tasks' spends are worth, as a part of what the same tasks have with the first number: the
            weighted mean distance from the unserved value; 0 where minima do not fit, NaN where that value is not known
            of all, or nothing is better.
        targets: (S, J) share of the tasks with a target that meet it.
        spend: (S, J) mean spend of a task.
        reducible: (S, J) what is left above the floors of the curves, as a multiple of what the same tasks have with
            the first number; NaN where a task is at its floor.
    """

    value: np.ndarray
    slack: np.ndarray
    worth: np.ndarray
    targets: np.ndarray
    spend: np.ndarray
    reducible: np.ndarray


@dataclass(frozen=True)
class Population:
    """The population shown by the T tasks of one question: one training per task, the weighted mean at one budget."""

    subsets: Subsets

    @property
    def given(self) -> int:
        """T."""
        return len(self.subsets.curves.tasks)

    @cached_property
    def problem(self) -> Problem:
        """The convex problem of the T tasks."""
        return self.subsets.problem

    @cached_property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """(T,) least and greatest spends of one task, a share that is kept not counted."""
        free = replace(self.subsets, spec=replace(self.subsets.spec, held=()))
        low, high = free.ends
        return np.maximum(low, self.problem.smallest), high

    @property
    def most(self) -> float:
        """The number of tasks whose minima take the whole budget, were the given ones copied in equal parts."""
        least = float(self.limits[0].mean())
        return self.subsets.spec.budget / least if least > 0 else float("inf")

    def equal_parts(self, counts: np.ndarray) -> np.ndarray:
        """Numbers of each kind (1, J, T): the given tasks in equal parts, for numbers of tasks (J,), not all whole."""
        return np.repeat(counts[None, :, None] / self.given, self.given, axis=2)

    def drawn(self, counts: np.ndarray, seed: int) -> np.ndarray:
        """Numbers of each kind (S, J, T): the given tasks and others drawn from the population, for rising counts (J,).

        A scenario's tasks stay as more join.
        """
        tasks = self.given
        total = len(self.subsets.curves.draws)
        random = np.random.default_rng(seed)
        scenarios = min(total or SCENARIOS, SCENARIOS, max(LEAST_SCENARIOS, KINDS // tasks))
        shares = random.dirichlet(np.full(tasks, (tasks - CONCENTRATION_LESS) / tasks), scenarios)
        joining = np.diff(counts, prepend=tasks)
        added = np.stack([random.multinomial(number, shares) for number in joining], axis=1)
        copies = np.empty((scenarios, len(counts), tasks))
        # the same numbers for the same names, wherever they stand in the file
        copies[:, :, np.argsort(self.subsets.curves.tasks)] = 1.0 + np.cumsum(added, axis=1)
        return copies

    def reached(self, copies: np.ndarray, *, in_draws: bool) -> Reached:
        """Plan by the point curves and judge by them, or each scenario in a draw of its own.

        Args:
            copies: (S, J, T) numbers of each kind.
            in_draws: whether scenario s is judged by draw s, where there are draws.
        """
        spec, curves = self.subsets.spec, self.subsets.curves
        spend, inputs = self._plans(copies)
        scenarios, sizes, tasks = copies.shape
        every = np.arange(tasks)
        told, planned = (_side_by_side(each, scenarios, in_draws) for each in (curves.told, curves))
        kind, flat = np.tile(every, scenarios), np.arange(scenarios * tasks)
        unserved = np.where(np.isfinite(spec.tasks.unserved), spec.tasks.unserved, curves.unserved)
        idle, target = (spec.measure.of_value(curves, every, each) for each in (unserved, spec.tasks.target))
        weight = copies * spec.tasks.weight
        has_target = np.isfinite(target)
        measure, met, reducible = (np.empty(copies.shape) for _ in range(3))
        for at in range(sizes):
            logs = inputs[:, at].reshape(len(flat), -1)
            distance = told.within(flat, told.distance_draws(flat, logs)[0])
            measure[:, at] = spec.measure.of(kind, distance).reshape(scenarios, tasks)
            met[:, at] = self.subsets.reached(kind, distance).reshape(scenarios, tasks)
            above = above_floor(planned.distance_draws(flat, logs)[0], planned.form.floor(planned.draws[0]))
            reducible[:, at] = above.reshape(scenarios, tasks)
        fits = (copies * self.limits[0]).sum(axis=2) <= spec.budget * (1 + 1e-9)
        with np.errstate(invalid="ignore"):
            return Reached(
                np.where(fits, _mean(measure, weight), np.nan),
                np.where(fits, _mean(np.nan_to_num(target - measure), weight * has_target), -np.inf),
                np.where(fits, _of_the_first(idle - measure, weight), 0.0),
                np.where(fits, _mean(np.nan_to_num(met), copies * has_target), 0.0),
                spend.sum(axis=2) / copies.sum(axis=2),
                _of_the_first(reducible, weight * spec.measure.scale),
            )

    def _plans(self, copies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spends (S, J, T) of all tasks of a kind together, and the law's log inputs (S, J, T, I) of each of them."""
        spec, problem = self.subsets.spec, self.problem
        low, high = self.limits
        rows = copies.reshape(-1, self.given)
        least, most = rows * low, rows * high
        # a task whose curve failed has at most its share by weight, like those given: new ones have no current spend
        weight = rows * spec.tasks.weight
        kept = np.clip(spec.budget * weight / weight.sum(axis=1, keepdims=True), least, most)
        least = np.where(spec.is_held.all(), kept, least)
        most = np.where(spec.is_held, kept, most)
        every, spends, inputs = np.arange(self.given), [], []
        for part in np.array_split(np.arange(len(rows)), -(-rows.size // BATCH_MODELS)):
            number, members = rows[part].ravel(), np.tile(every, len(part))
            batch = Batch(
                problem.by_model.take(members).scaled(number, np.zeros(len(number))),
                problem.cost.take(members).scaled(number, np.zeros(len(number))),
                np.full(len(part), spec.budget),
                least[part],
                np.minimum(most[part], spec.budget),
            )
            spend, u = water_fill_batch(batch)
            spends.append(spend)
            inputs.append(law_inputs_of(self.subsets.curves, spec, u, members))
        return np.concatenate(spends).reshape(copies.shape), np.concatenate(inputs).reshape(*copies.shape, -1)


def _mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted means over the last axis; NaN where nothing has a weight."""
    return np.asarray((values * weight).sum(axis=-1) / weight.sum(axis=-1))


def _of_the_first(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted sums (S, J) of values (S, J, T), over those of the same tasks' values at the first J."""
    first = (values[:, :1] * weight).sum(axis=2)
    return np.asarray((values * weight).sum(axis=2) / np.where(first > 0, first, np.nan))


def _side_by_side(curves: Curves, scenarios: int, in_draws: bool) -> Curves:
    """Each scenario's tasks as tasks of their own (S·T), all in one draw."""
    every = np.tile(np.arange(len(curves.tasks)), scenarios)
    drawn = in_draws and len(curves.draws) > 0
    draws = curves.draws[:scenarios] if drawn else np.repeat(curves.parameters[None], scenarios, axis=0)
    drift = curves.drift[:scenarios] if drawn else curves.drift[:0]
    nothing = {name: getattr(curves, name)[:0] for name in ("draws", "noise", "drift", "planned_draws")}
    many = replace(curves, prediction=None, **nothing).take(every)
    if not drawn:
        drift, ends = np.empty((1, len(every), 0, curves.drift.shape[3])), many.drift_ends[:, :, :0]
        return replace(many, draws=draws.reshape(1, len(every), -1), drift=drift, drift_ends=ends)
    return replace(
        many, draws=draws.reshape(1, len(every), -1), drift=drift.reshape(1, len(every), *curves.drift.shape[2:])
    )
