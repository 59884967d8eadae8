"""What each strategy makes of one budget for one set of tasks: planned by the point fit, judged in every draw.

A plan is made once, without knowing which draw is true, and each draw then says what that plan would reach: planning
again in every draw would flatter whichever strategy has the less certain curves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.problem import state
from budget.allocation.convex.water_filling import splits
from budget.allocation.nonconvex.one_model import plan_one_model
from budget.allocation.nonconvex.plan_nonconvex import plan_separately
from budget.allocation.nonconvex.spend_response import ways_of
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.plan.plan import MEETS
from budget.allocation.spec.make_spec import ask
from budget.allocation.spec.measure import Measure
from budget.allocation.spec.plan_spec import FAR, Question, is_separable
from budget.studies.strategies.assumed import MARK
from budget.studies.strategies.strategy_curves import Served
from budget.tables.tasks import Tasks

EQUAL = "specialists, equal split"
"""One model a task, each with the same share of the budget."""


@dataclass(frozen=True)
class Entry:
    """One strategy's plan for a set of T tasks at one budget, judged in B draws. Smaller measures are better.

    Attributes:
        strategy: its name.
        tasks: the set.
        budget: FLOPs, or the unit of the question, in all.
        spend: (T,) what each task's model takes; a shared model's whole training stands in every row.
        inputs: (T, I) the law's log inputs of each task's model.
        predicted: (T,) values in the tasks' own metrics.
        measure: (T,) the same as something to make small.
        worlds: (B, T) measure in each draw.
        targets_met: tasks at their stated target; NaN where no target is stated.
        beyond: the largest factor by which a planned scale lies outside the measured ones; 1 inside.

    A task that is given nothing has a spend of 0, log inputs of minus infinity, and counts at its unserved value.
    """

    strategy: str
    tasks: tuple[str, ...]
    budget: float
    spend: np.ndarray
    inputs: np.ndarray
    predicted: np.ndarray
    measure: np.ndarray
    worlds: np.ndarray
    targets_met: float
    beyond: float

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """The tasks that are given nothing."""
        return tuple(name for name, given in zip(self.tasks, self.spend, strict=True) if given == 0)

    @property
    def extrapolates(self) -> bool:
        """Whether a model lies further outside the measured scales than plans trust without saying so."""
        return self.beyond > FAR

    @property
    def status(self) -> str:
        """Where the plan comes from: assumed, or read off curves inside their measured range or outside."""
        if MARK in self.strategy:
            return MARK
        return "extrapolated" if self.extrapolates else "measured range"


@dataclass(frozen=True)
class Planner:
    """Plans of one arm at any budgets.

    Attributes:
        served: the arm.
        wishes: weights and targets of its tasks.
        measure: how the tasks' distances are compared, the same for all strategies of a set.
        unit: what budgets are counted in; by default what the law suggests.
        params: size of every model, for budgets in tokens under a law of params and tokens.
    """

    served: Served
    wishes: Tasks
    measure: Measure
    unit: str | None = None
    params: float | None = None

    @property
    def unknown_unserved(self) -> tuple[str, ...]:
        """The tasks whose value is unknown when they are given nothing."""
        known = np.isfinite(self.wishes.unserved)
        return tuple(name for name, there in zip(self.wishes.names, known, strict=True) if not there)

    def question(self, budget: float) -> Question:
        """What is asked of the arm.

        Raises:
            AllocationError: see ``ask.ask``.
        """
        strategy, wishes = "specialists", self.wishes
        if self.served.one_model:  # limits of a task's own spend are for tasks that have one
            nothing = np.full(len(wishes.names), np.nan)
            strategy, wishes = "shared", replace(wishes, min=nothing, max=nothing)
        asked = ask(
            self.served.curves, wishes, budget,
            unit=self.unit, strategy=strategy, params=self.params, measure=self.measure.name,
        )  # fmt: skip
        return replace(asked, measure=self.measure)

    def best(self, budgets: np.ndarray) -> list[Entry]:
        """The plans with the least weighted mean by the point fit, one for each budget (Q,)."""
        question, curves = self.question(float(budgets[0])), self.served.curves
        if is_separable(curves, question):
            return [self._searched(float(budget)) for budget in budgets]
        problem, count = state(curves, question), len(budgets)
        if self.served.one_model:
            alike = np.zeros(count, dtype=int)
            spend = np.repeat(budgets[:, None], len(self.served.tasks), axis=1)
            u = best_inputs(problem.by_model.take(alike), problem.cost.take(alike), budgets)[:, None]
        else:
            low, high = self.wishes.min, self.wishes.max
            spend, u = splits(problem, budgets, np.nan_to_num(low), np.where(np.isfinite(high), high, np.inf))
        inputs = [law_inputs_of(curves, question, each[question.serves]) for each in u]
        return [self.judge(self.served.strategy, *plan) for plan in zip(budgets.tolist(), spend, inputs, strict=True)]

    def _searched(self, budget: float) -> Entry:
        """The plan of laws that are no sums of powers."""
        question, curves = self.question(budget), self.served.curves
        solved = plan_one_model if self.served.one_model else plan_separately
        outcome = solved(curves, question)
        return self.judge(self.served.strategy, budget, outcome.given[0][question.serves], outcome.inputs)

    def split(self, budgets: np.ndarray, spend: np.ndarray, name: str) -> list[Entry]:
        """Given splits (Q, T) among specialists, each model of its best size."""
        curves, (count, tasks) = self.served.curves, spend.shape
        ways = ways_of(curves, self.question(float(budgets[0])))
        inputs = ways.inputs(np.tile(np.arange(tasks), count), spend.ravel()).reshape(count, tasks, -1)
        return [self.judge(name, *plan) for plan in zip(budgets.tolist(), spend, inputs, strict=True)]

    def equal(self, budgets: np.ndarray) -> list[Entry]:
        """Equal shares among specialists."""
        tasks = len(self.served.tasks)
        return self.split(budgets, np.repeat(budgets[:, None] / tasks, tasks, axis=1), EQUAL)

    def of(self, served: Served) -> "Planner":
        """Plans of another arm on some of the tasks, measured as they are here."""
        pick = np.array([self.served.tasks.index(name) for name in served.tasks])
        measure = replace(self.measure, scale=self.measure.scale[pick], shift=self.measure.shift[pick])
        return Planner(served, self.wishes.select(served.tasks), measure, self.unit, self.params)

    def judge(self, strategy: str, budget: float, spend: np.ndarray, inputs: np.ndarray) -> Entry:
        """A plan: spends (T,) and the law's log inputs (T, I), judged by the point fit and in every draw."""
        curves, every = self.served.curves, np.arange(len(self.served.tasks))
        served = np.isfinite(inputs).all(axis=1)
        nothing = self.measure.of_value(curves, every, self.wishes.unserved)
        there = np.where(served[:, None], inputs, 0.0)
        distance = curves.distance(every, there)
        predicted = np.where(served, curves.present(every, distance), self.wishes.unserved)
        return Entry(
            strategy,
            self.served.tasks,
            budget,
            spend,
            inputs,
            predicted,
            np.where(served, self.measure.of(every, distance), nothing),
            np.where(served, self.measure.of_draws(every, curves.distance_draws(every, there)), nothing),
            float(self.met(predicted).sum()) if np.isfinite(self.wishes.target).any() else float("nan"),
            float(self.factors(inputs).max()),
        )

    def factors(self, inputs: np.ndarray) -> np.ndarray:
        """(T,) the largest factor by which log inputs (T, I) lie outside the measured scales; 1 inside or unserved."""
        curves, served = self.served.curves, np.isfinite(inputs).all(axis=1)
        largest, smallest = (
            np.log(np.stack([ends[name] for name in curves.inputs], axis=1))
            for ends in (curves.largest, curves.smallest)
        )
        there = np.where(served[:, None], inputs, largest)
        return np.exp(np.maximum(there - largest, smallest - there).max(axis=1, initial=0.0))

    def met(self, predicted: np.ndarray) -> np.ndarray:
        """(T,) whether values reach their stated targets; not where none is stated."""
        target = self.wishes.target
        direction = np.where(self.served.curves.higher_is_better, 1.0, -1.0)
        return np.isfinite(target) & (direction * (predicted - target) >= -MEETS * np.abs(target))


def largest_inside(budgets: Sequence[float], beyond: Sequence[bool]) -> float | None:
    """The largest budget at which at most half of the cases lie beyond the measured range; ``None`` where none is.

    Args:
        budgets: of each case.
        beyond: whether it lies beyond.
    """
    cases = list(zip(budgets, beyond, strict=True))
    shares = {budget: np.mean([far for each, far in cases if each == budget]) for budget in set(budgets)}
    return max((budget for budget, far in shares.items() if far <= 0.5), default=None)


def joined(strategy: str, tasks: tuple[str, ...], parts: Sequence[Entry]) -> Entry:
    """One plan for a set from plans for parts of it that share a budget, each task in one of them."""
    names = [name for part in parts for name in part.tasks]
    order = np.array([names.index(name) for name in tasks])
    spend, inputs, predicted, measure = (
        np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("spend", "inputs", "predicted", "measure")
    )
    worlds = np.concatenate([part.worlds for part in parts], axis=1)[:, order]
    met = [part.targets_met for part in parts if np.isfinite(part.targets_met)]
    targets_met = float(sum(met)) if met else float("nan")
    beyond = max(part.beyond for part in parts)
    return Entry(strategy, tasks, parts[0].budget, spend, inputs, predicted, measure, worlds, targets_met, beyond)
