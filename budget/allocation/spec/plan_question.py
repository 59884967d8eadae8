"""A question as it is asked, before there are curves to answer it or a budget to spend.

See docs/decisions/150-one-way-from-words-to-a-question.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np

from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import MEASURES
from budget.allocation.spec.objectives import OBJECTIVES, record_of
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.resources import Prices
from budget.allocation.spec.risks import MEAN_RISK, POINT, RISKS
from budget.curves.curves import Curves
from budget.curves.steady import PREDICTED
from budget.errors import AllocationError, InfeasibleError
from budget.numerics.words import shortened
from budget.tables.limits import Limit
from budget.tables.splits import Split
from budget.tables.tasks import TaskSettings

BESIDE = frozenset({"reference", "split", "prefer_simple", "plan_on", "only", "current", "add", "among"})
"""What a question asks beside that which ``make_spec.plan_spec`` states."""


@dataclass(frozen=True)
class PlanQuestion:
    """What is asked of curves and a budget; every default asks for the weighted mean by the point fit.

    Attributes:
        unit: see ``make_spec.plan_spec``, as all up to ``at_risk``.
        strategy: how the tasks are served.
        params: size of every model.
        objective: what the tasks' measures are folded into.
        measure: what a task's value is.
        risk: what its draws are folded into; by default the point fit is planned, and what counts targets by the mean
            over the draws, where there are any.
        level: share of the draws that are not in the tail.
        further: budgets in other units.
        limits: linear limits over the planned tasks.
        freeze: tasks that keep their current spend.
        prices: of compute.
        sizes: that models may have.
        allow_unserved: whether tasks may be given nothing.
        at_least: how many targets the cheapest plan must meet.
        reach: factor on the largest measured scales beyond which no plan goes.
        reference: what gains are counted from: one of ``REFERENCES``, or a split.
        at_risk: what the worst draws may lose against it.
        split: that is scored in place of a plan.
        prefer_simple: whether the reference is given where the plan's gain over it cannot be told from 0.
        among: strategies that compete, by the runs' names for them and ``specialists``; all where empty.
        only: the tasks that are planned; all where empty.
        current: today's split of the planned tasks, in place of what their settings say.
        add: more than today's split, which every task keeps at least: in place of a budget.
        plan_on: one of ``steady.PLAN_ON``; by default what the curves were fitted for, where a mean is asked for: it is
            split by how fast values fall, and all else asks for their levels, which predictions know best.
    """

    unit: str | None = None
    strategy: str | None = None
    params: float | None = None
    objective: str = "mean"
    measure: str | None = None
    risk: str | None = None
    level: float | None = None
    further: Mapping[str, float] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    freeze: tuple[str, ...] = ()
    prices: Prices | None = None
    sizes: tuple[float, ...] = ()
    allow_unserved: bool = False
    at_least: int | None = None
    reach: float = np.inf
    reference: str | Split | None = None
    at_risk: float | None = None
    split: Split | None = None
    prefer_simple: bool = False
    among: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    current: Split | None = None
    add: float | None = None
    plan_on: str | None = None

    @property
    def asks_for_a_mean(self) -> bool:
        """Whether the objective is a weighted mean of the measures.

        Raises:
            AllocationError: there is no such objective.
        """
        return record_of("Objective", self.objective, OBJECTIVES).is_linear

    @property
    def beyond_the_mean(self) -> tuple[str, ...]:
        """The options that ask for more than the best weighted mean by the point fit within one budget."""
        asked = {
            f"--objective {self.objective}": not self.asks_for_a_mean,
            f"--risk {self.risk}": self.risk is not None and record_of("Risk", self.risk, RISKS).reads_draws,
            "--limit": bool(self.further),
            "--limits": bool(self.limits),
            "--freeze": bool(self.freeze),
            "--sizes": bool(self.sizes),
            "--allow-unserved": self.allow_unserved,
            "--evaluate": self.split is not None,
            "--prefer-simple": self.prefer_simple,
            "--add": self.add is not None,
        }
        return tuple(name for name, given in asked.items() if given)

    @property
    def is_of_scores(self) -> bool:
        """Whether only tasks with a link to a score can be planned."""
        return self.measure in MEASURES and MEASURES[self.measure].needs_link

    @property
    def planned_on(self) -> str | None:
        """What plans are made on; ``None`` for what the curves were fitted for."""
        return self.plan_on or (None if self.asks_for_a_mean else PREDICTED)

    def stated(self, curves: Curves, tasks: TaskSettings, budget: float | None) -> PlanSpec:
        """The question about curves: arguments and errors as ``make_spec.plan_spec``; the curves' tasks come first."""
        if self.current is not None:
            behind = tasks.current[len(self.current.spend) :]
            tasks = replace(tasks, current=np.concatenate([self.current.spend, behind]))
        if self.add is not None:
            tasks, budget = _kept(tasks, self.add)
        spec = self._stated(curves, tasks, budget)
        if self.add is not None and spec.is_one_model:
            raise AllocationError("--add keeps what each task has, and one shared model has one spend; give --budget.")
        return spec

    def _stated(self, curves: Curves, tasks: TaskSettings, budget: float | None) -> PlanSpec:
        """The same with today's split and the whole budget known."""
        words = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in BESIDE}
        if self.risk is None:
            words["risk"] = POINT.name
            spec = plan_spec(curves, tasks, budget, **words)
            counts = spec.objective.counts_targets and not spec.is_one_model and len(curves.draws) > 0
            return plan_spec(curves, tasks, budget, **words | {"risk": MEAN_RISK.name}) if counts else spec
        on_gain = record_of("Risk", self.risk, RISKS).on_gain
        return plan_spec(curves, tasks, budget, reference=self.reference if on_gain else None, **words)


def _kept(tasks: TaskSettings, more: float) -> tuple[TaskSettings, float]:
    """The settings of tasks that keep today's spends at least, and these spends with what is added to them.

    Raises:
        AllocationError: nobody states today's split, it is beyond a task's maximum, or what is added is no amount.
    """
    known = tasks.current > 0
    if not known.any():
        raise AllocationError(
            "--add is counted from today's split, which is not stated: fill column 'current' of the tasks file, or "
            "give --current CSV."
        )
    if not (np.isfinite(more) and more > 0):
        raise AllocationError(f"--add is {more:g}; give a positive number.")
    over = known & (tasks.current > tasks.max)
    if over.any():
        names = shortened([name for name, is_over in zip(tasks.names, over, strict=True) if is_over])
        raise InfeasibleError(f"--add keeps today's spend of {names}, which is above its max; raise that.")
    least = np.where(known, np.fmax(tasks.min, tasks.current), tasks.min)
    return replace(tasks, min=least), float(tasks.current[known].sum()) + more
