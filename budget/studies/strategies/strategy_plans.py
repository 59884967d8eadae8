"""What each strategy makes of one budget for one set of tasks: planned by the point fit, judged in every draw.

A plan is made once, without knowing which draw is true, and each draw then says what that plan would reach: planning
again in every draw would flatter whichever strategy has the less certain curves.

See docs/decisions/080-plans-made-once-judged-in-every-draw.md,
docs/decisions/092-equal-split-does-not-compete.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.problem import build_problem, reach_of_models
from budget.allocation.convex.water_filling import water_fill
from budget.allocation.nonconvex.one_model import plan_one_model
from budget.allocation.nonconvex.plan_nonconvex import plan_nonconvex
from budget.allocation.nonconvex.spend_response import spend_response
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.served import is_served
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import Measure
from budget.allocation.spec.plan_spec import EXTRAPOLATES_BEYOND, PlanSpec, is_nonconvex
from budget.allocation.spec.resources import Prices
from budget.numerics.interval import interval
from budget.studies.strategies.assumed import MARK
from budget.studies.strategies.strategy_curves import StrategyCurves
from budget.tables.target_met import target_met
from budget.tables.tasks import TaskSettings

EQUAL = "specialists, equal split"
"""One model a task, each with the same share of the budget."""

MOST_NUMBERS = 4_000_000
"""Numbers of draws that are read at once, which bounds the memory of judging many plans."""


@dataclass(frozen=True)
class StrategyPlan:
    """One strategy's plan for a set of T tasks at one budget, judged in B draws. Smaller measures are better.

    Attributes:
        strategy: its name.
        tasks: the set.
        budget: FLOPs, or the unit of the plan spec, in all.
        spend: (T,) what each task's model takes; a shared model's whole training stands in every row.
        log_inputs: (T, I) the law's log inputs of each task's model.
        predicted: (T,) values in the tasks' own metrics.
        low: (T,) lower ends of their 80 % intervals, NaN without draws.
        high: (T,) upper ends.
        measure: (T,) the same as something to make small.
        scenarios: (B, T) measure in each draw.
        targets_met: tasks at their stated target; NaN where no target is stated.
        extrapolation_factor: the largest factor by which a planned scale lies outside the measured ones; 1 inside.

    A task that is given nothing has a spend of 0, log inputs of minus infinity, and counts at its unserved value.
    """

    strategy: str
    tasks: tuple[str, ...]
    budget: float
    spend: np.ndarray
    log_inputs: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    measure: np.ndarray
    scenarios: np.ndarray
    targets_met: float
    extrapolation_factor: float

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """The tasks that are given nothing."""
        return tuple(name for name, given in zip(self.tasks, self.spend, strict=True) if given == 0)

    @property
    def extrapolates(self) -> bool:
        """Whether a model lies further outside the measured scales than plans trust without saying so."""
        return self.extrapolation_factor > EXTRAPOLATES_BEYOND

    @property
    def status(self) -> str:
        """Where the plan comes from: assumed, or read off curves inside their measured range or outside."""
        if MARK in self.strategy:
            return MARK
        return "extrapolated" if self.extrapolates else "measured range"


@dataclass(frozen=True)
class StrategyPlanner:
    """Plans of one strategy at any budgets.

    Attributes:
        served: the strategy.
        task settings: weights and targets of its tasks.
        measure: how the tasks' distances are compared, the same for all strategies of a set.
        unit: what budgets are counted in; by default what the law suggests.
        params: size of every model, for budgets in tokens under a law of params and tokens.
        reach: see ``make_spec.plan_spec``.
        prices: of compute, for budgets in money.
    """

    served: StrategyCurves
    task_settings: TaskSettings
    measure: Measure
    unit: str | None = None
    params: float | None = None
    reach: float = np.inf
    prices: Prices | None = None

    @property
    def unknown_unserved(self) -> tuple[str, ...]:
        """The tasks whose value is unknown when they are given nothing."""
        known = np.isfinite(self.task_settings.unserved)
        return tuple(name for name, there in zip(self.task_settings.names, known, strict=True) if not there)

    def spec(self, budget: float) -> PlanSpec:
        """What is asked of the strategy.

        Raises:
            AllocationError: see ``make_spec.plan_spec``.
        """
        strategy, task_settings = "specialists", self.task_settings
        if self.served.one_model:  # limits of a task's own spend are for tasks that have one
            nothing = np.full(len(task_settings.names), np.nan)
            strategy, task_settings = "shared", replace(task_settings, min=nothing, max=nothing)
        asked = plan_spec(
            self.served.curves, task_settings, budget,
            unit=self.unit, strategy=strategy, params=self.params, measure=self.measure.name, reach=self.reach,
            prices=self.prices,
        )  # fmt: skip
        return replace(asked, measure=self.measure)

    def best(self, budgets: np.ndarray) -> list[StrategyPlan]:
        """The plans with the least weighted mean by the point fit, one for each budget (Q,)."""
        return self.judge_all(self.served.strategy, budgets, *self._best(self.spec(float(budgets[0])), budgets))

    def best_measure(self, spec: PlanSpec) -> np.ndarray:
        """(T,) measure of the best plan of what is asked (``spec``) by the point fit."""
        return self._measured(self._best(spec, np.array([spec.budget]))[1])[0][0]

    def _best(self, spec: PlanSpec, budgets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spends (Q, T) and log inputs (Q, T, I) of the best plans of one question at several budgets."""
        curves = self.served.curves
        if is_nonconvex(curves, spec):
            found = [self._searched(float(budget)) for budget in budgets]
            return np.array([each for each, _ in found]), np.array([each for _, each in found])
        problem, count = build_problem(curves, spec), len(budgets)
        if self.served.one_model:
            # one model has no split: the whole budget goes to it, and only its size is chosen
            alike = np.zeros(count, dtype=int)
            given = np.minimum(budgets, reach_of_models(curves, spec, problem.cost))
            spend = np.repeat(given[:, None], len(self.served.tasks), axis=1)
            u = best_inputs(problem.by_model.take(alike), problem.cost.take(alike), given)[:, None]
        else:
            members = np.tile(np.arange(len(problem.cost)), (count, 1))
            reach = reach_of_models(curves, spec, problem.cost)
            low, high = (np.minimum(ends, reach) for ends in spec.limits_in_sets(members, budgets))
            spend, u = water_fill(problem, budgets, low, high)
        return spend, np.array([law_inputs_of(curves, spec, each[spec.serves]) for each in u])

    def _searched(self, budget: float) -> tuple[np.ndarray, np.ndarray]:
        """Spends (T,) and log inputs (T, I) of the plan of laws that are no sums of powers."""
        spec, curves = self.spec(budget), self.served.curves
        solved = plan_one_model if self.served.one_model else plan_nonconvex
        outcome = solved(curves, spec)
        return outcome.amounts[0][spec.serves], outcome.log_inputs

    def split(self, budgets: np.ndarray, spend: np.ndarray, name: str) -> list[StrategyPlan]:
        """Given splits (Q, T) among specialists, each model of its best size."""
        curves, (count, tasks) = self.served.curves, spend.shape
        response = spend_response(curves, self.spec(float(budgets[0])))
        inputs = response.log_inputs(np.tile(np.arange(tasks), count), spend.ravel()).reshape(count, tasks, -1)
        return self.judge_all(name, budgets, spend, inputs)

    def equal(self, budgets: np.ndarray) -> list[StrategyPlan]:
        """Equal shares among specialists."""
        tasks = len(self.served.tasks)
        return self.split(budgets, np.repeat(budgets[:, None] / tasks, tasks, axis=1), EQUAL)

    def of(self, served: StrategyCurves) -> "StrategyPlanner":
        """Plans of another strategy on some of the tasks, measured as they are here."""
        pick = np.array([self.served.tasks.index(name) for name in served.tasks])
        measure = replace(self.measure, scale=self.measure.scale[pick], shift=self.measure.shift[pick])
        mine = self.task_settings.select(served.tasks)
        return StrategyPlanner(served, mine, measure, self.unit, self.params, self.reach, self.prices)

    def restricted_to(self, pick: np.ndarray) -> "StrategyPlanner":
        """Plans of specialists of the tasks at some positions alone."""
        return self.of(replace(self.served, curves=self.served.curves.take(pick)))

    def judge(self, strategy: str, budget: float, spend: np.ndarray, inputs: np.ndarray) -> StrategyPlan:
        """A plan: spends (T,) and the law's log inputs (T, I), judged by the point's predictions and in every draw."""
        return self.judge_all(strategy, np.array([budget]), spend[None], inputs[None])[0]

    def judge_all(
        self, strategy: str, budgets: np.ndarray, spend: np.ndarray, inputs: np.ndarray
    ) -> list[StrategyPlan]:
        """Plans at Q budgets: spends (Q, T) and the law's log inputs (Q, T, I), judged together as ``judge`` does."""
        curves, tasks = self.served.curves.told, len(self.served.tasks)
        each_plan = max(1, tasks * curves.draws.shape[0] * curves.draws.shape[2])
        at_once = max(1, MOST_NUMBERS // each_plan)
        return [
            plan
            for first in range(0, len(budgets), at_once)
            for plan in self._judge(strategy, *(each[first : first + at_once] for each in (budgets, spend, inputs)))
        ]

    def _judge(self, strategy: str, budgets: np.ndarray, spend: np.ndarray, inputs: np.ndarray) -> list[StrategyPlan]:
        """``judge_all`` for plans whose draws fit in memory together."""
        curves, served, unserved = self.served.curves.told, is_served(inputs), self.task_settings.unserved
        every = np.arange(len(self.served.tasks))
        drawn = curves.within(every, curves.distance_draws(every, _read_at(inputs)))
        measure, distance = self._measured(inputs)
        predicted = np.where(served, curves.present(every, distance), unserved)
        ends = np.stack(interval(drawn)) if len(drawn) else np.full((2, *served.shape), np.nan)
        low, high = np.sort(np.where(served, curves.present(every, ends), unserved), axis=0)
        scenarios = np.where(served, self.measure.of_draws(every, drawn), self._nothing).swapaxes(0, 1)
        has_targets = np.isfinite(self.task_settings.target).any()
        met = self.met(predicted).sum(axis=1) if has_targets else np.full(len(budgets), np.nan)
        factor = self.factors(inputs).max(axis=1)
        return [
            StrategyPlan(
                strategy,
                self.served.tasks,
                float(budgets[at]),
                spend[at],
                inputs[at],
                predicted[at],
                low[at],
                high[at],
                measure[at],
                scenarios[at],
                float(met[at]),
                float(factor[at]),
            )
            for at in range(len(budgets))
        ]

    @property
    def _nothing(self) -> np.ndarray:
        """(T,) measure of tasks that are given nothing."""
        every = np.arange(len(self.served.tasks))
        return self.measure.of_value(self.served.curves.told, every, self.task_settings.unserved)

    def _measured(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Measure and distance (Q, T) at log inputs (Q, T, I) by the point fit."""
        curves, served = self.served.curves.told, is_served(inputs)
        every = np.arange(len(self.served.tasks))
        distance = curves.within(every, curves.distance(every, _read_at(inputs)))
        return np.where(served, self.measure.of(every, distance), self._nothing), distance

    def factors(self, inputs: np.ndarray) -> np.ndarray:
        """(…, T) the largest factor by which log inputs (…, T, I) lie outside the measured scales, else 1."""
        curves, served = self.served.curves, is_served(inputs)
        largest, smallest = (
            np.log(np.stack([ends[name] for name in curves.scale_columns], axis=1))
            for ends in (curves.largest, curves.smallest)
        )
        there = np.where(served[..., None], inputs, largest)
        return np.exp(np.maximum(there - largest, smallest - there).max(axis=-1, initial=0.0))

    def met(self, predicted: np.ndarray) -> np.ndarray:
        """(…, T) whether values reach their stated targets; not where none is stated."""
        return target_met(predicted, self.task_settings.target, self.served.curves.higher_is_better)


def _read_at(inputs: np.ndarray) -> np.ndarray:
    """Log inputs (Q, T, I) at which curves are read: any number for a task without a model, whose value is replaced."""
    return np.where(is_served(inputs)[..., None], inputs, 0.0)


def largest_inside(budgets: Sequence[float], beyond: Sequence[bool]) -> float | None:
    """The largest budget at which at most half of the cases lie beyond the measured range; ``None`` where none is.

    Args:
        budgets: of each case.
        beyond: whether it lies beyond.
    """
    cases = list(zip(budgets, beyond, strict=True))
    shares = {budget: np.mean([far for each, far in cases if each == budget]) for budget in set(budgets)}
    return max((budget for budget, far in shares.items() if far <= 0.5), default=None)


def joined(strategy: str, tasks: tuple[str, ...], parts: Sequence[StrategyPlan]) -> StrategyPlan:
    """One plan for a set from plans for parts of it that share a budget, each task in one of them."""
    names = [name for part in parts for name in part.tasks]
    order = np.array([names.index(name) for name in tasks])
    spend, inputs, predicted, low, high, measure = (
        np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("spend", "log_inputs", "predicted", "low", "high", "measure")
    )
    scenarios = np.concatenate([part.scenarios for part in parts], axis=1)[:, order]
    met = [part.targets_met for part in parts if np.isfinite(part.targets_met)]
    targets_met = float(sum(met)) if met else float("nan")
    beyond = max(part.extrapolation_factor for part in parts)
    return StrategyPlan(
        strategy, tasks, parts[0].budget, spend, inputs, predicted, low, high, measure, scenarios, targets_met, beyond
    )
