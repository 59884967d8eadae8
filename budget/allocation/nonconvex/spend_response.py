"""How a spend becomes a model: of the best size, of a size on the menu, or the checkpoint trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs, last_input, within_ends
from budget.allocation.convex.problem import reach_of_models
from budget.allocation.convex.shadow_prices import AT_LIMIT
from budget.allocation.nonconvex.size_search import best_sizes
from budget.allocation.plan.assembly import law_inputs_of, measured, measured_draws, reached, told_measures
from budget.allocation.served import is_served
from budget.allocation.spec.objectives import MEAN, Objective, not_computed
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.resources import cost_of, within_reach
from budget.allocation.spec.scenarios import scenarios_of
from budget.curves.curves import Curves
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial

PAYS = 1e-9
"""Share of a spend that must be left for training beside the cost of serving."""


def only_in_name(spec: PlanSpec, spend: np.ndarray, smallest: np.ndarray) -> np.ndarray:
    """Whether spends (T,) pay for no more than one parameter on one token, where no model at all has a stated value.

    A law is asked there far from all runs: a task that a plan of targets leaves out is left out.

    Args:
        spec: the question.
        spend: of its tasks.
        smallest: (T,) what their smallest models take, 0 where there is none.
    """
    if spec.sizes or spec.has_checkpoints:
        return np.zeros(len(spend), dtype=bool)
    return np.isfinite(spec.tasks.unserved) & (spend <= smallest * (1 + AT_LIMIT)) & ~spec.is_held


@dataclass(frozen=True)
class SpendResponse:
    """Every way in which T tasks can be given a spend; the best of them is each task's response.

    Attributes:
        curves: of the tasks.
        spec: what is asked.
        cost: (T) costs in the budget's unit over the plan's log inputs.
        value: (T) distances over the same inputs, where the plan chooses a size; ``None`` for one input.
        spent_already: (T,) what the checkpoint's training took, NaN where there is none.
        told: whether spends and sizes are chosen by what a reader is told, and not by the curves planned on.
    """

    curves: Curves
    spec: PlanSpec
    cost: Posynomial
    value: PlanningForm | None
    spent_already: np.ndarray
    told: bool = False

    def log_inputs(self, task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        """The law's log inputs (R, I) of the best model of tasks (R,) at positive spends (R,).

        Among several ways it is the best by what is asked, on average over the draws where these are read, and of
        those that are equally good the one of the best measure: whichever way is taken, more spend is never worse.
        """
        if len(task) == 0:
            return np.empty((0, len(self.curves.scale_columns)))
        ways = self._candidates(task, spend)
        return self._law_inputs(task, ways[0]) if len(ways) == 1 else self._best(task, ways, None)[0]

    def value_at(self, task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        """The measure (R,) that they reach: by the point fit, or on average over the draws where that is asked for."""
        return self._best(task, self._candidates(task, spend), MEAN)[1] if len(task) else np.empty(0)

    def term(self, task: np.ndarray, spend: np.ndarray, objective: Objective | None = None) -> np.ndarray:
        """What they add to the objective (R,), or to another one; infinite where the spend pays for no model.

        Over the draws it is the mean of the terms, such as the share of the draws in which a target is met.
        """
        return self._best(task, self._candidates(task, spend), objective)[2] if len(task) else np.empty(0)

    def _best(
        self, task: np.ndarray, ways: list[np.ndarray], objective: Objective | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The law's log inputs (R, I) of the best way, its measure (R,) and its term (R,); infinite if none pays."""
        every = np.tile(task, len(ways))
        inputs = self._law_inputs(every, np.concatenate(ways))
        risk, served = self.spec.risk, is_served(inputs)
        if risk.reads_draws and not risk.is_mean:  # no sum over the tasks: see ``refusals``
            raise not_computed("risk", risk.name)
        if risk.reads_draws:
            measures = measured_draws(self.curves, self.spec, every, inputs)
        else:
            measures = self._measure(every, inputs)
        # a spend that pays for no model serves nobody, whatever an unserved task is worth
        measure, term = (
            np.where(served, numbers.mean(axis=0) if risk.reads_draws else numbers, np.inf).reshape(
                len(ways), len(task)
            )
            for numbers in (measures, self.term_of(every, measures, objective))
        )
        best = np.lexsort((measure, term), axis=0)[0] if len(ways) > 1 else np.zeros(len(task), dtype=int)
        here = np.arange(len(task))
        return inputs.reshape(*measure.shape, inputs.shape[1])[best, here], measure[best, here], term[best, here]

    def term_of(self, task: np.ndarray, measures: np.ndarray, objective: Objective | None = None) -> np.ndarray:
        """The terms (…, R) of measures (…, R) of tasks (R,)."""
        objective = self.spec.objective if objective is None else objective
        met = reached(self.curves, self.spec, measures, task)
        weight = self.spec.tasks.weight if objective.counts_weights else self.spec.weight
        return objective.term(measures, weight[task], met)

    @property
    def idle_term(self) -> np.ndarray:
        """(T,) the term of a task given nothing, NaN where that is unknown or it must be served."""
        return self.term_of(np.arange(len(self.spent_already)), self.unserved_value)

    @property
    def least(self) -> np.ndarray:
        """(T,) the least spend that pays for a model: the smallest there is, or on the menu with serving it; else 0."""
        return np.where(np.isfinite(self.spent_already), 0.0, self.smallest)

    @property
    def smallest(self) -> np.ndarray:
        """(T,) what the smallest model takes from the start, 0 where there is no smallest."""
        return least_on_menu(self.cost, self.spec.sizes) if self.spec.sizes else self.cost.at_domain

    @property
    def reach(self) -> np.ndarray:
        """(T,) the greatest spends within the plan's reach; training on is paid beside what a checkpoint took."""
        return reach_of_models(self.curves, self.spec, self.cost)

    @property
    def unserved_value(self) -> np.ndarray:
        """(T,) the measure of a task given nothing: of its checkpoint, or unserved; NaN if unknown or frozen."""
        every = np.arange(len(self.spent_already))
        spec = self.spec
        stated = spec.tasks.unserved if spec.allow_unserved else np.full(len(every), np.nan)
        unserved_value = spec.measure.of_value(self.curves, every, stated)
        kept = np.flatnonzero(np.isfinite(self.spent_already))
        if len(kept):
            unserved_value[kept] = self._measure(kept, self.checkpoint_inputs(kept))
        return np.where(spec.is_frozen | spec.is_held, np.nan, unserved_value)

    def checkpoint_inputs(self, task: np.ndarray) -> np.ndarray:
        """The law's log inputs (R, I) of the checkpoints of tasks (R,) as they are."""
        return self._law_inputs(task, self._checkpoint(task))

    @property
    def reads_predictions(self) -> bool:
        """Whether spends and sizes are chosen by what a reader is told."""
        return self.told or self.spec.meets_targets_alone

    def _measure(self, task: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        # the least spend to a target has to reach it by what is told of the plan: the curves planned on may miss it
        of = told_measures if self.reads_predictions else measured
        return of(self.curves, self.spec, task, inputs)

    def _candidates(self, task: np.ndarray, spend: np.ndarray) -> list[np.ndarray]:
        """Log inputs (R, I) of each way, minus infinity where the spend does not pay for it."""
        cost = self.cost.take(task)
        candidates, sizes = [], np.log(self.spec.sizes)
        if len(sizes):
            every = self._sized(
                cost.take(np.tile(np.arange(len(task)), len(sizes))),
                np.repeat(sizes, len(task)),
                np.tile(spend, len(sizes)),
            )
            candidates += list(every.reshape(len(sizes), len(task), 2))
        else:
            candidates.append(self._free(task, cost, spend))
        if np.isfinite(self.spent_already).any():
            kept = np.isfinite(self.spent_already[task])
            total = spend + np.where(kept, self.spent_already[task], 0.0)
            there = self._checkpoint(task)
            if self.cost.inputs == 1:
                more = within_ends(cost, last_input(cost, np.empty((len(task), 0)), np.log(total)))
            else:
                more = self._sized(cost, np.where(kept, there[:, 0], 0.0), total)
            candidates.append(np.where(kept[:, None], more, -np.inf))
        return candidates

    def _free(self, task: np.ndarray, cost: Posynomial, spend: np.ndarray) -> np.ndarray:
        pays = spend >= cost.at_domain * (1 - PAYS)
        if self.value is None:
            u = within_ends(cost, last_input(cost, np.empty((len(task), 0)), np.log(spend)))
        elif self.reads_predictions and self.curves.told is not self.curves and cost.domain is not None:
            _, u = best_sizes(
                cost,
                np.log(np.where(pays, spend, cost.at_domain)),
                lambda row, inputs: self._measure(task[row], self._law_inputs(task[row], inputs)),
            )
        else:
            u = best_inputs(self.value.take(task), cost, np.where(pays, spend, cost.at_domain))
        return np.where(pays[:, None], u, -np.inf)

    def _sized(self, cost: Posynomial, log_size: np.ndarray, spend: np.ndarray) -> np.ndarray:
        """Log inputs (R, 2) of models of given sizes."""
        fixed = cost.fix_input(0, log_size)
        left = spend - fixed.offset  # what serving a model of this size takes is not there for training it
        pays = left > 0.5 * PAYS * spend
        tokens = last_input(_without_offset(fixed), np.empty((len(spend), 0)), np.log(np.where(pays, left, 1.0)))
        if cost.domain is not None and fixed.domain is not None:
            pays &= (tokens[:, 0] >= fixed.domain[:, 0] - PAYS) & (log_size >= cost.domain[:, 0] - PAYS)
        if cost.ceiling is not None and fixed.ceiling is not None:
            pays &= log_size <= cost.ceiling[:, 0] + PAYS
            tokens = np.minimum(tokens, fixed.ceiling)
        return np.where(pays[:, None], np.column_stack([log_size, tokens]), -np.inf)

    def _checkpoint(self, task: np.ndarray) -> np.ndarray:
        tasks = self.spec.tasks
        trained = np.log(tasks.checkpoint[task])
        return (
            trained[:, None]
            if self.cost.inputs == 1
            else np.column_stack([np.log(tasks.checkpoint_params[task]), trained])
        )

    def _law_inputs(self, task: np.ndarray, u: np.ndarray) -> np.ndarray:
        return law_inputs_of(self.curves, self.spec, u, task)


def least_on_menu(cost: Posynomial, sizes: Sequence[float]) -> np.ndarray:
    """(T,) the least spend that pays for a model of one of the sizes, and for serving it; infinite beyond the reach."""
    sized = [cost.fix_input(0, np.full(len(cost), np.log(size))) for size in sizes]
    least = np.array([np.maximum(each.offset * (1 + PAYS), each.at_domain) for each in sized])
    for end, sign in ((cost.domain, 1.0), (cost.ceiling, -1.0)):
        if end is not None:
            least = np.where(sign * (np.log(sizes)[:, None] - end[:, 0]) >= -PAYS, least, np.inf)
    return np.asarray(least.min(axis=0))


def spend_response(curves: Curves, spec: PlanSpec) -> SpendResponse:
    """The ways of a question about T tasks."""
    tasks = spec.tasks
    cost = within_reach(curves, cost_of(curves, tasks, spec.unit, spec.prices), spec.reach)
    training = cost_of(curves, replace(tasks, served_tokens=np.full(len(tasks.names), np.nan)), spec.unit, spec.prices)
    value = None
    if spec.params is not None:
        cost, training = (each.fix_input(0, np.log(spec.params)) for each in (cost, training))
    elif cost.inputs == 2:
        value = scenarios_of(curves, tasks).values
    spent_already = np.full(len(tasks.names), np.nan)
    kept = np.isfinite(tasks.checkpoint)
    if kept.any():
        columns = [tasks.checkpoint] if cost.inputs == 1 else [tasks.checkpoint_params, tasks.checkpoint]
        there = np.log(np.where(kept[:, None], np.column_stack(columns), 1.0))
        spent_already = np.where(kept, training.value(there), np.nan)
    return SpendResponse(curves, spec, cost, value, spent_already)


def _without_offset(cost: Posynomial) -> Posynomial:
    """The same cost without its constant part."""
    return Posynomial(np.zeros(len(cost)), cost.log_coef, cost.exponent)
