"""Stating a question about fitted curves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from budget.allocation.spec.measures import Measure, measure_of
from budget.allocation.spec.objectives import OBJECTIVES, Objective, names_where, record_of
from budget.allocation.spec.plan_spec import SHARED, SPECIALISTS, PlanSpec, default_unit
from budget.allocation.spec.refusals import refuse, refuse_weights, refuse_words
from budget.allocation.spec.resources import Prices
from budget.allocation.spec.risks import RISKS
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.tables.limits import Limit
from budget.tables.tasks import TaskSettings

LEVEL = 0.9
"""Share of the draws that are not in the tail."""


def plan_spec(
    curves: Curves,
    tasks: TaskSettings,
    budget: float | None,
    *,
    unit: str | None = None,
    strategy: str | None = None,
    params: float | None = None,
    objective: str = "mean",
    measure: str | Measure | None = None,
    risk: str = "point",
    level: float | None = None,
    further: Mapping[str, float] | None = None,
    limits: Sequence[Limit] = (),
    freeze: Sequence[str] = (),
    prices: Prices | None = None,
    sizes: Sequence[float] = (),
    allow_unserved: bool = False,
    at_least: int | None = None,
) -> PlanSpec:
    """State a question about fitted curves, refusing what they cannot answer.

    Args:
        curves: usable curves of T tasks.
        tasks: task settings for the same tasks in the same order.
        budget: the total, positive; ``None`` for the cheapest plan.
        unit: one of ``resources.UNITS``; by default what the law's inputs suggest.
        strategy: one of ``STRATEGIES``; by default ``shared`` where the runs are shared models.
        params: size of every model, for a token budget under a law of params and tokens; the tasks' own come first.
        objective: one of ``OBJECTIVES``.
        measure: one of ``MEASURES``; by default the value where all tasks have one metric, else progress. Or one that
            was made from other curves of the same tasks, which are compared with these.
        risk: one of ``RISKS``.
        level: for risks that have one, such as ``cvar``; ``LEVEL`` by default.
        further: budgets in other units.
        limits: linear limits over the T tasks.
        freeze: tasks that keep their current spend.
        prices: of compute, for money.
        sizes: sizes that models may have.
        allow_unserved: whether tasks may be given nothing, at their unserved value.
        at_least: how many targets the cheapest plan must meet.

    Raises:
        AllocationError: the question does not fit the curves or itself.
        InfeasibleError: the limits contradict the budget.
    """
    folded, at_risk = record_of("Objective", objective, OBJECTIVES), record_of("Risk", risk, RISKS)
    refuse_words(None if isinstance(measure, Measure) else measure, strategy)
    if not curves.form.is_of_one_model:  # a mixture may hold tasks of no weight, and refuses the rest itself
        refuse_weights(tasks)
    if level is not None and not at_risk.has_level:
        leveled = " and ".join(f"--risk {name}" for name in names_where(RISKS, lambda each: each.has_level))
        raise AllocationError(f"--level is for {leveled}; leave it out.")
    unit = unit or default_unit(curves.scale_columns)
    strategy = strategy or (SHARED if curves.is_shared or curves.form.is_of_one_model else SPECIALISTS)
    tasks = _frozen(tasks, freeze)
    sized = _sizes_of_models(curves, tasks, unit, strategy, params)
    spec = PlanSpec(
        tasks,
        _total(budget, folded),
        unit,
        strategy,
        measure if isinstance(measure, Measure) else measure_of(curves, tasks, measure, worst=folded.takes_largest),
        folded,
        at_risk,
        LEVEL if level is None else level,
        sized,
        dict(further or {}),
        tuple(limits),
        prices,
        tuple(sorted(set(sizes))),
        allow_unserved,
        at_least,
        tuple(freeze),
    )
    refuse(curves, spec, params)
    return spec


def _total(budget: float | None, objective: Objective) -> float:
    if budget is None:
        if not objective.minimizes_spend:
            raise AllocationError("A plan needs a budget: give --budget NUMBER.")
        return float("inf")
    if not np.isfinite(budget) or budget <= 0:
        raise AllocationError(f"The budget is {budget:g}; give a positive number.")
    return float(budget)


def _frozen(tasks: TaskSettings, freeze: Sequence[str]) -> TaskSettings:
    low, high = tasks.min.copy(), tasks.max.copy()
    for name in freeze:
        if name not in tasks.names:
            raise AllocationError(f"--freeze {name}: the tasks are {', '.join(tasks.names[:8])}; correct the name.")
        at = tasks.names.index(name)
        if not tasks.current[at] > 0:
            raise AllocationError(f"--freeze {name}: its current spend is unknown; fill column 'current'.")
        low[at] = high[at] = tasks.current[at]
    return replace(tasks, min=low, max=high)


def _sizes_of_models(
    curves: Curves, tasks: TaskSettings, unit: str, strategy: str, params: float | None
) -> np.ndarray | None:
    if len(curves.scale_columns) == 1 or unit != "tokens":
        return None
    if params is not None and not (np.isfinite(params) and params > 0):
        raise AllocationError(f"--params is {params:g}; give a positive number of parameters.")
    sized = np.where(np.isfinite(tasks.params), tasks.params, np.nan if params is None else params)
    if not np.isfinite(sized).all():
        raise AllocationError(
            "A token budget needs the size of the models: give --params N (or a column 'params' in the tasks file), or "
            "use --unit flops."
        )
    if strategy == SHARED and np.ptp(sized) > 0:
        raise AllocationError("One shared model has one size, and column 'params' names several; give --params N.")
    return sized
