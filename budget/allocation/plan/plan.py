"""A plan: what each task is given, what it is predicted to reach, and how far the plan can be from the best.

See docs/decisions/052-beyond-the-runs-is-said.md,
docs/decisions/053-a-shared-model-has-one-spend.md.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.plan.gains import Gain, paired_gain
from budget.allocation.spec.plan_spec import PlanSpec
from budget.numerics.brief import Brief
from budget.numerics.interval import outside
from budget.numerics.strict_json import json_rows, json_value
from budget.tables.checks.status import OUTSIDE
from budget.tables.target_met import met_or_none, met_or_unstated, target_met

AS_PREDICTED = "halving"
"""What answered where targets are met by predictions, with models of the sizes that these choose."""

AT_PREDICTIONS = "targets moved to predictions"
"""What answered where they are met by predictions, on convex curves that the targets were moved on."""

BY_HAND = "by hand"
"""What answered where a split by hand is the plan."""

BY_LEVELS = "by predictions"
"""What answered where spends are chosen by the levels that are predicted."""

KEPT = "kept"
"""What stops the spend of a task without a trustworthy curve: it keeps what it has, or its share by weight."""


@dataclass(frozen=True)
class Baseline:
    """A plan to compare with.

    Attributes:
        name: what it is, see ``baselines``; its spends are what the name says, whatever the limits.
        objective: the same objective as the plan's; NaN where a task has no value (``unscored``).
        total: what it spends in all.
        spend: (T,) spends.
        predicted: (T,) predicted values.
        breaks: the limits it breaks, as ``LimitLine`` calls them, ``unserved c`` for a task that must be served, and
            ``target of c`` for the cheapest plan.
        unscored: the tasks that it gives nothing, or too little for any model, and whose unserved value is not stated.
        planned_objective: the objective by the curves that the plan was made on.
        drawn_objective: (B,) the objective in every draw, as predicted; empty where draws were not asked for.
        log_inputs: (T, I) the law's log inputs of its models; empty where they are not kept.
        amounts: (R, V) amounts of each resource, the budget's unit first; likewise.
    """

    name: str
    objective: float
    total: float
    spend: np.ndarray
    predicted: np.ndarray
    breaks: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()
    planned_objective: float = float("nan")
    drawn_objective: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    log_inputs: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    amounts: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), repr=False)

    @property
    def is_feasible(self) -> bool:
        """Whether the plan could have been this one: every limit is kept, and every task has a value."""
        return not self.breaks and not self.unscored

    def record(self, regret: float, gain: Gain | None = None) -> dict[str, Any]:
        """The baseline as JSON, beside how much better the plan is, also over the draws."""
        return {
            "name": self.name,
            "objective": json_value(self.objective),
            "regret": json_value(regret),
            "spent": self.total,
            "breaks": list(self.breaks),
            "unscored": list(self.unscored),
            "spend": self.spend.tolist(),
            "predicted": json_value(self.predicted),
            "gain": None if gain is None else gain.record(),
        }


@dataclass(frozen=True)
class Sizes:
    """How sure the sizes of T tasks' models are; NaN where nothing is known. One shared model's stand in every row.

    Attributes:
        params_low: (T,) low end of the 80 % range of the best plan's parameters over the draws.
        params_high: (T,) high end.
        tokens_low: (T,) low end of that of its tokens.
        tokens_high: (T,) high end.
        params_near: (T, 2) the smallest and the largest size whose value at the same spend is within .1 % of the best.
        tokens_near: (T, 2) the fewest and the most tokens of such a size.
    """

    params_low: np.ndarray
    params_high: np.ndarray
    tokens_low: np.ndarray
    tokens_high: np.ndarray
    params_near: np.ndarray
    tokens_near: np.ndarray

    @classmethod
    def unknown(cls, tasks: int) -> "Sizes":
        """Nothing is known."""
        nothing, pairs = np.full(tasks, np.nan), np.full((tasks, 2), np.nan)
        return cls(nothing, nothing, nothing, nothing, pairs, pairs)


@dataclass(frozen=True)
class LimitLine:
    """What one limit does to the plan.

    Attributes:
        name: such as ``budget``, ``min of speech``, ``max of limit 'vision'``.
        unit: in which it is counted.
        bound: its right side.
        used: what the plan takes of it.
        price: improvement of the objective per unit by which it is loosened; NaN where the objective moves in steps.
            Where several limits bind in one place it is one of the prices between the two one-sided ones.
    """

    name: str
    unit: str
    bound: float
    used: float
    price: float

    @property
    def per_percent(self) -> float:
        """Improvement of the objective for loosening the limit by 1 %."""
        return self.price * abs(self.bound) / 100

    def record(self) -> dict[str, Any]:
        """The limit as JSON."""
        return {
            "limit": self.name,
            "unit": self.unit,
            "bound": self.bound,
            "used": self.used,
            "price": json_value(self.price),
            "per_percent": json_value(self.per_percent),
        }


@dataclass(frozen=True, repr=False)
class Plan(Brief):
    """The answer to a question; arrays have shape (T,) over ``spec.tasks.names``.

    Attributes:
        spec: what was asked.
        metric: what ``predicted`` is of: the tasks' common metric, the score, or the metrics joined by ``|``.
        metrics: (T,) the metric of each task.
        higher_is_better: direction of ``metric``; where there are several, of the first task's.
        directions: (T,) 1 where a larger predicted value is better, −1 where a smaller one is.
        hypothetical_tasks: (T,) whether the plan trains a specialist where only a generalist was measured.
        spend: what each task is given, in the question's unit. One shared model's spend stands in every row.
        spend_low: 10 % point of the best plan's spend over the draws.
        spend_high: 90 % point.
        endless: share of the draws in which no finite spend meets the task's target.
        log_inputs: (T, I) the law's log inputs of the task's model, minus infinity where it is given nothing.
        params: parameters of the task's model, NaN where the law does not read them.
        tokens: tokens of its training, NaN likewise.
        predicted: value by the point fit.
        low: lower end of its 80 % interval.
        high: upper end.
        marginal: improvement of the objective per unit of extra spend on the task; NaN where it moves in steps.
        binding: what stops the spend: ``budget``, ``min`` or ``max``.
        extrapolation: the model's training over the largest measured one, in the budget's unit (for money, in FLOPs or
            what the law reads): without what serving it takes, and with what its checkpoint has had.
        extrapolation_factors: scale → (T,) planned scale over the task's nearest measured one: 1 inside the range.
        status: status code of the task's curve.
        average: improvement of the task's weighted value per unit of all its spend, from nothing (where the unserved
            value is stated) or from the smallest measured run.
        efficient: smallest efficient spend: below it, no price of the budget makes the task worth serving; NaN for
            plans of falling powers, where the first unit is the best.
        used: further unit → (T,) what the plan takes of it.
        limits: every limit that could bind, with its price.
        objective: of the question, as predicted and as the reader sees it.
        planned_objective: the same by the curves that the plan was made on, of which the bound speaks.
        objective_low: lower end of its 80 % interval over the draws, which holds it; NaN where no draws were planned.
        objective_high: upper end.
        bound: no plan of the stated problem has a better planned objective than this.
        shadow_price: improvement of the objective per unit of extra budget; NaN where it moves in steps.
        solver: which solver answered.
        solver_status: its own word.
        drawn: draws that were planned again, failed ones included.
        failed_draws: draws whose plan could not be solved and is in no range.
        baselines: plans at the same budget.
        drawn_objective: (B,) the objective in every draw, as predicted; empty where draws were not asked for.
        sizes: how sure params and tokens are.
        warnings: what is said first, the gravest first: what may make the plan worthless.
        notes: further sentences for the reader.
    """

    spec: PlanSpec
    metric: str
    metrics: tuple[str, ...]
    higher_is_better: bool
    directions: np.ndarray
    hypothetical_tasks: np.ndarray
    spend: np.ndarray
    spend_low: np.ndarray
    spend_high: np.ndarray
    endless: np.ndarray
    log_inputs: np.ndarray
    params: np.ndarray
    tokens: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    marginal: np.ndarray
    binding: tuple[str, ...]
    extrapolation: np.ndarray
    extrapolation_factors: dict[str, np.ndarray]
    status: tuple[str, ...]
    average: np.ndarray
    efficient: np.ndarray
    used: dict[str, np.ndarray]
    limits: tuple[LimitLine, ...]
    objective: float
    planned_objective: float
    objective_low: float
    objective_high: float
    bound: float
    shadow_price: float
    solver: str
    solver_status: str
    drawn: int
    failed_draws: int
    baselines: tuple[Baseline, ...]
    drawn_objective: np.ndarray
    sizes: Sizes
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def hypothetical(self) -> bool:
        """Whether the plan trains any specialist that nobody measured."""
        return bool(self.hypothetical_tasks.any())

    @property
    def larger_is_better(self) -> bool:
        """Direction of the objective, which may be none of a metric."""
        return self.spec.sign < 0

    @property
    def gap(self) -> float:
        """How much better than this plan any plan could be on the curves it was made on; never negative."""
        return max(0.0, (self.bound - self.planned_objective) * (1 if self.larger_is_better else -1))

    @property
    def is_planned_as_told(self) -> bool:
        """Whether the curves that the plan was made on say of it what is predicted."""
        return bool(np.isclose(self.objective, self.planned_objective, rtol=1e-9, atol=0.0))

    @property
    def served(self) -> np.ndarray:
        """(T,) whether the plan gives the task anything."""
        return self.spend > 0

    @property
    def target_met(self) -> np.ndarray:
        """(T,) 1 where the predicted value reaches the target, 0 where not, NaN where none is stated."""
        target = self.spec.tasks.target
        return met_or_unstated(target_met(self.predicted, target, self.directions > 0), target)

    @property
    def breadth(self) -> float:
        """Number of tasks at their target, NaN where none is stated."""
        return float(np.nansum(self.target_met)) if np.isfinite(self.target_met).any() else float("nan")

    @property
    def targets_asked(self) -> int:
        """How many targets the cheapest plan must meet."""
        return len(self.spend) if self.spec.at_least is None else self.spec.at_least

    @property
    def misses_targets(self) -> bool:
        """Whether the cheapest plan, as predicted, meets fewer targets than by the curves that it was made on."""
        return self.spec.objective.minimizes_spend and self.breadth < self.targets_asked

    @property
    def depth(self) -> float:
        """Weighted mean of the predicted values of the tasks that are served, NaN where they have several metrics."""
        if len(set(self.metrics)) > 1 or not self.served.any():
            return float("nan")
        return float(np.average(self.predicted[self.served], weights=self.spec.weight[self.served]))

    @property
    def total(self) -> float:
        """What is used of the budget."""
        return float(self.spend[0] if self.spec.is_one_model else self.spend.sum())

    @property
    def unspent(self) -> float:
        """What is left of the budget."""
        return self.spec.budget - self.total

    def shares(self, spend: np.ndarray) -> np.ndarray:
        """What part of the budget each spend (T,) is; of the total, where the cheapest plan has no budget."""
        budget = self.spec.whole_budget
        return spend / (budget if np.isfinite(budget) else self.total)

    @property
    def input_ranges(self) -> dict[str, tuple[float, float]]:
        """80 % range over the draws of what one shared model's plan chooses: ``params`` and ``tokens``."""
        if not self.spec.is_one_model:
            return {}
        sizes = self.sizes
        ends = {"tokens": (float(sizes.tokens_low[0]), float(sizes.tokens_high[0]))}
        if self.spec.params is None:
            ends = {"params": (float(sizes.params_low[0]), float(sizes.params_high[0])), **ends}
        return {name: pair for name, pair in ends.items() if not np.isnan(pair[0])}

    @property
    def outside(self) -> np.ndarray:
        """(T,) whether the predicted value lies outside its own interval: the draws do not agree with the point fit."""
        return outside(self.predicted, self.low, self.high)

    def gain_over(self, baseline: "Baseline | Plan") -> float:
        """How much better the plan's objective is than a baseline's, in the objective's unit."""
        return -self.gain_of(baseline.objective)

    def planned_gain_over(self, baseline: Baseline) -> float:
        """The same by the curves that the plan was made on, which decide what is optimal."""
        return (self.planned_objective - baseline.planned_objective) * (1 if self.larger_is_better else -1)

    def gain_in_draws(self, other: "Baseline | Plan") -> Gain | None:
        """The same over the draws, in each of which both are predicted; ``None`` without draws."""
        return paired_gain(self.drawn_objective, other.drawn_objective, 1.0 if self.larger_is_better else -1.0)

    def gain_of(self, objective: float) -> float:
        """How much better an objective is than the plan's, in its unit."""
        return (objective - self.objective) * (1 if self.larger_is_better else -1)

    def task_gains(self, baseline: Baseline) -> np.ndarray:
        """(T,) how much better each task's predicted value is than a baseline's, in its metric's unit."""
        return (self.predicted - baseline.predicted) * self.directions

    def table(self) -> pd.DataFrame:
        """``allocation.csv``: one row a task, those without a curve last, of which only the spend is known."""
        kept = [
            {"task": name, "strategy": self.spec.strategy, "spend": spend, "spend_low": spend, "spend_high": spend,
             "binding": KEPT, "status": status}
            for name, spend, status in self.spec.reserved
        ]  # fmt: skip
        planned = self._planned_rows()
        return pd.concat([planned, pd.DataFrame(kept, columns=planned.columns)], ignore_index=True) if kept else planned

    def _planned_rows(self) -> pd.DataFrame:
        """The rows of the tasks that have curves."""
        return pd.DataFrame(
            {
                "task": self.spec.tasks.names,
                "strategy": self.spec.strategy,
                "spend": self.spend,
                "spend_low": self.spend_low,
                "spend_high": self.spend_high,
                "params": self.params,
                "tokens": self.tokens,
                "predicted": self.predicted,
                "low": self.low,
                "high": self.high,
                "marginal": self.marginal,
                "binding": self.binding,
                "extrapolation": self.extrapolation,
                "status": [
                    "; ".join(
                        [code, *(["hypothetical"] if unseen else []), *([OUTSIDE] if out and code != OUTSIDE else [])]
                    )
                    for code, unseen, out in zip(self.status, self.hypothetical_tasks, self.outside, strict=True)
                ],
                "params_low": self.sizes.params_low,
                "params_high": self.sizes.params_high,
                "tokens_low": self.sizes.tokens_low,
                "tokens_high": self.sizes.tokens_high,
            }
        )

    def record(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "warnings": list(self.warnings),
            "strategy": self.spec.strategy,
            "hypothetical": self.hypothetical,
            "budget": json_value(self.spec.whole_budget),
            "unit": self.spec.unit,
            "spent": self.total + sum(spend for _, spend, _ in self.spec.reserved),
            "reach": json_value(self.spec.reach),
            "held": [name for name in self.spec.tasks.names if name in self.spec.held],
            "without_curve": [name for name, _, _ in self.spec.reserved],
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "goal": self.spec.objective.name,
            "measure": self.spec.measure.name,
            "risk": self.spec.risk.name,
            **({"level": self.spec.level} if self.spec.risk.has_level else {}),
            **({} if self.spec.reference is None else self.spec.reference.record()),
            "larger_is_better": self.larger_is_better,
            "objective": self.objective,
            "planned_objective": self.planned_objective,
            "bound": self.bound,
            "gap": self.gap,
            "shadow_price": json_value(self.shadow_price),
            "shadow_price_per_percent": self._shadow_price_per_percent,
            "solver": self.solver,
            "status": self.solver_status,
            "breadth": json_value(self.breadth),
            "depth": json_value(self.depth),
            "draws": self.drawn,
            "failed_draws": self.failed_draws,
            "inputs_over_draws": json_value(self.input_ranges),
            "baselines": [
                baseline.record(self.gain_over(baseline), self.gain_in_draws(baseline)) for baseline in self.baselines
            ],
            "limits": [line.record() for line in self.limits],
            "tasks": [row | more for row, more in zip(json_rows(self.table()), self._more(), strict=True)],
            "notes": list(self.notes),
        }

    @property
    def _shadow_price_per_percent(self) -> float | None:
        """What 1 % of the budget is worth, nothing where there is no budget."""
        budget = self.spec.budget
        return json_value(self.shadow_price * budget / 100) if np.isfinite(budget) else None

    def _more(self) -> list[dict[str, Any]]:
        """What JSON says of each task beyond the table's columns."""
        said = [
            {
                "no_finite_spend": float(self.endless[task]),
                "average": json_value(self.average[task]),
                "efficient": json_value(self.efficient[task]),
                "target_met": met,
                "near_best": {
                    "params": json_value(self.sizes.params_near[task]),
                    "tokens": json_value(self.sizes.tokens_near[task]),
                },
                "used": {unit: json_value(amounts[task]) for unit, amounts in self.used.items()},
            }
            for task, met in enumerate(met_or_none(self.target_met))
        ]
        return [*said, *(dict.fromkeys(said[0]) for _ in self.spec.reserved)]
