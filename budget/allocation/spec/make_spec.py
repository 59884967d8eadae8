"""Stating a question about fitted curves.

See docs/decisions/142-within-reach-of-the-runs.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from budget.allocation.spec.make_reference import reference_of
from budget.allocation.spec.measures import Measure, measure_of
from budget.allocation.spec.objectives import OBJECTIVES, Objective, names_where, record_of
from budget.allocation.spec.plan_spec import SHARED, SPECIALISTS, PlanSpec, default_unit
from budget.allocation.spec.refusals import refuse, refuse_weights, refuse_words
from budget.allocation.spec.resources import Prices
from budget.allocation.spec.risks import RISKS, Risk
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.numerics.quoting import listed, meant
from budget.numerics.words import shortened
from budget.tables.checks.status import FAIL
from budget.tables.limits import Limit
from budget.tables.splits import Split
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
    reach: float = np.inf,
    reference: str | Split | None = None,
    at_risk: float | None = None,
) -> PlanSpec:
    """State a question about fitted curves, refusing what they cannot answer.

    Args:
        curves: usable curves of T tasks.
        tasks: task settings for the same tasks in the same order; those of tasks that the curves left out may stand
            among them, and then keep what they have of the budget.
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
        reach: factor on the largest params, tokens and spend measured of a task beyond which no plan of it goes, nor
            below the smallest params and tokens over it; one model of several tasks stays within that of each.
        reference: what risks that limit a loss count it from: one of ``REFERENCES``, or a split; by default today's
            split where it is stated, else that by weight.
        at_risk: what the worst share of the draws may lose against it, in the objective's unit; 0 by default.

    Raises:
        AllocationError: the question does not fit the curves or itself.
        InfeasibleError: the limits contradict the budget.
    """
    folded, taken = record_of("Objective", objective, OBJECTIVES), record_of("Risk", risk, RISKS)
    refuse_words(None if isinstance(measure, Measure) else measure, strategy)
    if not curves.form.is_of_one_model:  # a mixture may hold tasks of no weight, and refuses the rest itself
        refuse_weights(tasks)
    _refuse_at_risk(taken, at_risk)
    if level is not None and not taken.has_level:
        leveled = " and ".join(f"--risk {name}" for name in names_where(RISKS, lambda each: each.has_level))
        raise AllocationError(f"--level is for {leveled}; leave it out.")
    if not reach >= 1:
        raise AllocationError(f"--reach is {reach:g}; give a factor of at least 1, or inf to lift it.")
    unit = unit or default_unit(curves.scale_columns)
    strategy = strategy or (SHARED if curves.is_shared or curves.form.is_of_one_model else SPECIALISTS)
    unknown = [name for name in curves.tasks if name not in tasks.names]
    if unknown:
        raise AllocationError(
            f"The settings lack {listed(unknown)}, which have curves (they have: {listed(tasks.names)}); read them for "
            "the tasks of the curves."
        )
    total = _total(budget, folded)
    reserved = _reserved(curves, tasks, total) if strategy == SPECIALISTS else ()
    tasks = _frozen(tasks.select(curves.tasks), freeze)
    sized = _sizes_of_models(curves, tasks, unit, strategy, params)
    spec = PlanSpec(
        tasks,
        total - sum(spend for _, spend, _ in reserved),
        unit,
        strategy,
        measure if isinstance(measure, Measure) else measure_of(curves, tasks, measure, worst=folded.takes_largest),
        folded,
        taken,
        LEVEL if level is None else level,
        sized,
        dict(further or {}),
        tuple(limits),
        prices,
        tuple(sorted(set(sizes))),
        allow_unserved,
        at_least,
        tuple(freeze),
        reach,
        tuple(name for name, verdict in zip(curves.tasks, curves.verdict, strict=True) if verdict == FAIL),
        reserved,
    )
    refuse(curves, spec, params)
    if not taken.on_gain:
        return spec
    return replace(spec, reference=reference_of(curves, spec, reference, 0.0 if at_risk is None else at_risk))


def _refuse_at_risk(risk: Risk, at_risk: float | None) -> None:
    if at_risk is None:
        return
    if not risk.on_gain:
        limiting = " and ".join(f"--risk {name}" for name in names_where(RISKS, lambda each: each.on_gain))
        raise AllocationError(f"--at-risk is for {limiting}; leave it out.")
    if not np.isfinite(at_risk):
        raise AllocationError(f"--at-risk is {at_risk:g}; give a number in the objective's unit, such as 0.01.")


def _total(budget: float | None, objective: Objective) -> float:
    if budget is None:
        if not objective.minimizes_spend:
            raise AllocationError("A plan needs a budget: give --budget NUMBER.")
        return float("inf")
    if not np.isfinite(budget) or budget <= 0:
        raise AllocationError(f"The budget is {budget:g}; give a positive number.")
    return float(budget)


def _reserved(curves: Curves, tasks: TaskSettings, budget: float) -> tuple[tuple[str, float, str], ...]:
    """What tasks without a curve keep of a budget, their current spend or their share by weight: name, spend, status.

    Raises:
        AllocationError: they keep all of it.
    """
    if not np.isfinite(budget):
        return ()
    without = [(name, status) for name, status in curves.omitted if name in tasks.names]
    places = [tasks.names.index(name) for name, _ in without]
    weight, current = tasks.weight[places], tasks.current[places]
    stays = current > 0
    # a share by weight is one of what those leave that keep their current spend
    left = budget - current[stays].sum()
    others = tasks.weight[[tasks.names.index(name) for name in curves.tasks]].sum() + weight[~stays].sum()
    spends = np.where(stays, current, weight / others * left).tolist()
    if left <= 0:
        names = shortened([name for (name, _), kept in zip(without, stays, strict=True) if kept])
        raise AllocationError(
            f"There is no curve of {names}, whose current spend of {current[stays].sum():g} leaves nothing of the "
            f"budget of {budget:g}; correct column 'current', or leave them out with --where."
        )
    return tuple((name, spend, status) for (name, status), spend in zip(without, spends, strict=True))


def _frozen(tasks: TaskSettings, freeze: Sequence[str]) -> TaskSettings:
    low, high = tasks.min.copy(), tasks.max.copy()
    for name in freeze:
        if name not in tasks.names:
            raise AllocationError(
                f"--freeze {name}: the tasks are {', '.join(tasks.names[:8])}"
                f"{meant(name, tasks.names) or '; correct the name.'}"
            )
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
