"""A question as it is asked, before there are curves to answer it or a budget to spend.

See docs/decisions/150-one-way-from-words-to-a-question.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import MEASURES
from budget.allocation.spec.objectives import OBJECTIVES, record_of
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.resources import Prices
from budget.allocation.spec.risks import MEAN_RISK, POINT, RISKS
from budget.curves.curves import Curves
from budget.curves.steady import PREDICTED
from budget.tables.limits import Limit
from budget.tables.splits import Split
from budget.tables.tasks import TaskSettings

BESIDE = frozenset({"reference", "split", "prefer_simple", "plan_on"})
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
        """The question about curves: arguments and errors as ``make_spec.plan_spec``."""
        words = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in BESIDE}
        if self.risk is None:
            words["risk"] = POINT.name
            spec = plan_spec(curves, tasks, budget, **words)
            counts = spec.objective.counts_targets and not spec.is_one_model and len(curves.draws) > 0
            return plan_spec(curves, tasks, budget, **words | {"risk": MEAN_RISK.name}) if counts else spec
        on_gain = record_of("Risk", self.risk, RISKS).on_gain
        return plan_spec(curves, tasks, budget, reference=self.reference if on_gain else None, **words)
