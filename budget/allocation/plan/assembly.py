"""From what was solved to the plan that is read: predictions, objective, baselines, explanations, warnings.

What is solved and proven speaks of the curves that plans are made on, convex ones (``measured``); what is read speaks
of the predictions (``told_measures``), which never leave the way from the unserved value to the best one.

See docs/decisions/124-a-plan-is-assembled-once.md,
docs/decisions/132-reported-is-the-prediction.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.problem import one_model
from budget.allocation.plan.baselines import missing_splits
from budget.allocation.plan.plan import BY_HAND, BY_LEVELS, KEPT, Baseline, LimitLine, Plan, Sizes
from budget.allocation.plan.plan_warnings import UNIT_IN_DOUBT, plan_warnings
from budget.allocation.plan.worse_than_unserved import worse_than_unserved
from budget.allocation.served import is_served
from budget.allocation.spec.plan_spec import EXTRAPOLATES_BEYOND, PlanSpec
from budget.allocation.spec.resources import Prices, cost_of
from budget.curves.curves import Curves
from budget.numerics.interval import interval
from budget.numerics.words import shortened
from budget.tables.target_met import target_met

OPTIMAL = 1e-9
"""Relative difference above which a baseline counts as better than the plan."""


SAME = 1e-9
"""Distance of log inputs at which a model counts as the checkpoint."""

WORST = 1e-6
"""Distance from the worst measure within which tasks are the worst together."""

STOPPED = ("reach", "max", KEPT)
"""What stops a spend that no budget would raise."""

NOT_OPTIMAL = "The problem was not solved to optimality"
"""How the sentence begins that a plan must never earn."""


@dataclass(frozen=True)
class SolvedPlan:
    """What was solved, for V models.

    Attributes:
        log_inputs: (T, I) the law's log inputs, minus infinity for a task that is given nothing.
        amounts: (R, V) amounts of each resource, the budget's unit first.
        bound: no plan has a smaller objective, in the measure's own direction.
        marginal: (V,) fall of the objective per unit of extra spend.
        shadow_price: fall of the objective per unit of budget.
        efficient: (V,) smallest efficient spends, NaN where the first unit is the best.
        binding: (T,) what stops each task's spend.
        limits: every limit with its price.
        notes: what has to be said.
        solver: which solver answered.
        status: its own word.
    """

    log_inputs: np.ndarray
    amounts: np.ndarray
    bound: float
    marginal: np.ndarray
    shadow_price: float
    efficient: np.ndarray
    binding: tuple[str, ...]
    limits: tuple[LimitLine, ...]
    notes: tuple[str, ...]
    solver: str
    status: str


def assemble_plan(curves: Curves, spec: PlanSpec, outcome: SolvedPlan, baselines: tuple[Baseline, ...]) -> Plan:
    """The plan without what solving over the draws adds."""
    serves = spec.serves
    tasks = np.arange(len(curves.tasks))
    spend = outcome.amounts[0][serves]
    inputs = outcome.log_inputs
    predicted, low, high = _predicted(curves, spec, tasks, inputs)
    sign = spec.sign
    beyond = _beyond(curves, spec, inputs)
    measure = spec.measure
    scored = measure.link is not None
    higher = curves.higher_is_better if measure.link is None else measure.link.higher_is_better
    plan = Plan(
        spec=spec,
        metric=measure.metric if scored else "|".join(dict.fromkeys(curves.metric)),
        metrics=(measure.metric,) * len(tasks) if scored else curves.metric,
        higher_is_better=bool(higher[0]),
        directions=np.where(higher, 1.0, -1.0),
        hypothetical_tasks=curves.shared & (not spec.is_one_model),
        spend=spend,
        spend_low=np.full(len(tasks), np.nan),
        spend_high=np.full(len(tasks), np.nan),
        endless=np.zeros(len(tasks)),
        log_inputs=inputs,
        params=_input(curves, inputs, "params"),
        tokens=_input(curves, inputs, "tokens"),
        predicted=predicted,
        low=low,
        high=high,
        marginal=outcome.marginal[serves],
        binding=outcome.binding,
        extrapolation=_extrapolation(curves, spec, inputs),
        extrapolation_factors=beyond,
        status=curves.status,
        average=_average(curves, spec, spend, inputs),
        efficient=outcome.efficient[serves],
        used=_used(curves, spec, inputs),
        limits=outcome.limits,
        objective=sign * objective_value(curves, spec, inputs, outcome.amounts[0]),
        planned_objective=sign * planned_objective(curves, spec, inputs, outcome.amounts[0]),
        objective_low=np.nan,
        objective_high=np.nan,
        bound=sign * outcome.bound,
        shadow_price=outcome.shadow_price,
        solver=outcome.solver,
        solver_status=outcome.status,
        drawn=0,
        failed_draws=0,
        baselines=baselines,
        drawn_objective=np.empty(0),
        sizes=Sizes.unknown(len(tasks)),
        warnings=(),
        notes=(),
    )
    said = (*_notes(curves, plan), *_worst_task(curves, plan), *worse_than_unserved(curves, spec, inputs))
    return replace(
        plan,
        warnings=plan_warnings(curves, plan),
        notes=(*said, *outcome.notes, *_beaten(plan)),
    )


def law_inputs_of(curves: Curves, spec: PlanSpec, u: np.ndarray, task: np.ndarray | None = None) -> np.ndarray:
    """The law's log inputs (R, I') from a problem's (R, I): with the fixed params and what the tasks give put in.

    Args:
        curves: of T tasks.
        spec: what is asked.
        u: (R, I).
        task: (R,) task positions; all T in order by default.
    """
    rows = np.arange(len(u)) if task is None else task
    columns = list(u.T)
    if spec.params is not None:
        columns.insert(0, np.log(spec.params[rows]))
    columns += list(np.log(curves.given_inputs(spec.tasks)[rows]).T)
    served = is_served(u)
    return np.where(served[:, None], np.column_stack(columns), -np.inf)


def objective_value(curves: Curves, spec: PlanSpec, inputs: np.ndarray, spend: np.ndarray) -> float:
    """The question's objective of a plan as predicted, in the measure's own direction (smaller is better).

    Args:
        curves: of T tasks.
        spec: what is asked.
        inputs: (T, I) the law's log inputs, minus infinity for a task that is given nothing.
        spend: (V,) the models' spends.
    """
    return _objective(curves, spec, inputs, spend, told_measures, told_draws)


def planned_objective(curves: Curves, spec: PlanSpec, inputs: np.ndarray, spend: np.ndarray) -> float:
    """The same by the curves that plans are made on, of which the bound speaks."""
    return _objective(curves, spec, inputs, spend, measured, measured_draws)


Measures = Callable[[Curves, PlanSpec, np.ndarray, np.ndarray], np.ndarray]
"""(curves, spec, tasks (R,), log inputs (R, I)) → measures (…, R)."""


def _objective(
    curves: Curves, spec: PlanSpec, inputs: np.ndarray, spend: np.ndarray, point: Measures, drawn: Measures
) -> float:
    tasks = np.arange(len(curves.tasks))
    if spec.objective.minimizes_spend:
        return float(spend.sum())
    if not spec.risk.reads_draws:
        return float(value_of_measures(curves, spec, point(curves, spec, tasks, inputs)))
    draws = value_of_measures(curves, spec, drawn(curves, spec, tasks, inputs))
    draws = draws[np.isfinite(draws)]
    # what a risk limits against a reference is no objective: the expected value is
    return float(draws.mean()) if spec.reference is not None else spec.risk.of(draws, spec.level)


def drawn_objective(curves: Curves, spec: PlanSpec, inputs: np.ndarray) -> np.ndarray:
    """(B,) the objective of models of log inputs (T, I) in every draw, as predicted and as a reader sees it.

    What makes the spend small is the same in every draw, and has none.
    """
    if spec.objective.minimizes_spend or not len(curves.draws):
        return np.empty(0)
    measures = told_draws(curves, spec, np.arange(len(curves.tasks)), inputs)
    return np.asarray(spec.sign * value_of_measures(curves, spec, measures))


def objective_interval(plan: Plan) -> tuple[float, float]:
    """80 % interval of a plan's objective over the draws, made to hold it; NaN without draws."""
    drawn = plan.drawn_objective
    if not len(drawn):
        return np.nan, np.nan
    low, high = interval(drawn)
    return float(np.minimum(low, plan.objective)), float(np.maximum(high, plan.objective))


def value_of_measures(curves: Curves, spec: PlanSpec, measures: np.ndarray) -> np.ndarray:
    """The question's objective (…) of measures (…, T): of one plan, of its draws, or of many plans."""
    return spec.objective.value(measures, spec.objective_weight, reached(curves, spec, measures))


def measured(curves: Curves, spec: PlanSpec, tasks: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The measure of tasks (R,) at the law's log inputs (R, I), by the curves that plans are made on.

    It is that of its unserved value where a task is given nothing.
    """
    served = is_served(inputs)
    distance = curves.distance(tasks, np.where(served[:, None], inputs, 0.0))
    nothing = spec.measure.of_value(curves, tasks, spec.tasks.unserved[tasks])
    return np.where(served, spec.measure.of(tasks, distance), nothing)


def told_measures(curves: Curves, spec: PlanSpec, tasks: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The measure as predicted, (R,): what a reader is told, between the unserved value and the best one."""
    served, told = is_served(inputs), curves.told
    distance = told.within(tasks, told.distance(tasks, np.where(served[:, None], inputs, 0.0)))
    nothing = spec.measure.of_value(curves, tasks, spec.tasks.unserved[tasks])
    return np.where(served, spec.measure.of(tasks, distance), nothing)


def told_draws(curves: Curves, spec: PlanSpec, tasks: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The same under every draw: shape (B, R)."""
    served, told = is_served(inputs), curves.told
    distance = told.within(tasks, told.distance_draws(tasks, np.where(served[:, None], inputs, 0.0)))
    nothing = spec.measure.of_value(curves, tasks, spec.tasks.unserved[tasks])
    return np.where(served, spec.measure.of_draws(tasks, distance), nothing)


def measured_draws(curves: Curves, spec: PlanSpec, tasks: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The same under every draw: shape (B, R)."""
    served = is_served(inputs)
    distance = curves.distance_draws(tasks, np.where(served[:, None], inputs, 0.0))
    nothing = spec.measure.of_value(curves, tasks, spec.tasks.unserved[tasks])
    return np.where(served, spec.measure.of_draws(tasks, distance), nothing)


def reached(curves: Curves, spec: PlanSpec, measures: np.ndarray, tasks: np.ndarray | None = None) -> np.ndarray:
    """(…, R) whether measures (…, R) of tasks (R,), by default all, are at their targets; not where none is stated."""
    tasks = np.arange(len(curves.tasks)) if tasks is None else tasks
    target = spec.measure.of_value(curves, tasks, spec.tasks.target[tasks])
    return target_met(measures, target)


def _predicted(
    curves: Curves, spec: PlanSpec, tasks: np.ndarray, inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value or score (T,) with its 80 % interval; the unserved value where a task is given nothing."""
    served = is_served(inputs)
    at = np.where(served[:, None], inputs, 0.0)
    found = curves.predict(tasks, at) if spec.measure.linear else curves.predict_score(tasks, at)
    value, low, high = (np.where(served, part, spec.tasks.unserved) for part in found)
    return value, low, high


def point_values(curves: Curves, spec: PlanSpec, inputs: np.ndarray) -> np.ndarray:
    """The same without the interval; NaN where nothing is given and what the task is worth then is not stated."""
    served = is_served(inputs)
    tasks, told = np.arange(len(curves.tasks)), curves.told
    distance = told.distance(tasks, np.where(served[:, None], inputs, 0.0))
    link = spec.measure.link
    value = told.present(tasks, distance) if link is None else link.value(tasks, distance)
    return np.where(served, value, spec.tasks.unserved)


def _input(curves: Curves, inputs: np.ndarray, name: str) -> np.ndarray:
    if name in curves.scale_columns:
        return np.exp(inputs[:, curves.scale_columns.index(name)])
    return np.full(len(inputs), np.nan)


def _used(curves: Curves, spec: PlanSpec, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """What each task's model takes of every unit that the question counts: unit → (T,)."""
    units = dict.fromkeys((spec.unit, *spec.further, *(each.unit for each in spec.limits if each.unit)))
    return {unit: _taken(curves, spec, unit, spec.prices, inputs) for unit in units}


def _there(curves: Curves, spec: PlanSpec, unit: str, prices: Prices | None, planned: np.ndarray) -> np.ndarray:
    """(T,) what of it was taken already by the training of a checkpoint that is used."""
    tasks = spec.tasks
    if not spec.has_checkpoints:
        return np.zeros(len(planned))
    columns = [tasks.checkpoint] if planned.shape[1] == 1 else [tasks.checkpoint_params, tasks.checkpoint]
    known = np.isfinite(tasks.checkpoint)
    before = np.log(np.where(known[:, None], np.column_stack(columns), 1.0))
    beyond = planned - before
    # the same size, and no fewer tokens
    used = known & (np.abs(beyond[:, :-1]) < SAME).all(axis=1) & (beyond[:, -1] > -SAME)
    training = cost_of(curves, replace(tasks, served_tokens=np.full(len(known), np.nan)), unit, prices)
    return np.where(used, training.value(before), 0.0)


def _taken(curves: Curves, spec: PlanSpec, unit: str, prices: Prices | None, inputs: np.ndarray) -> np.ndarray:
    """(T,) what models of log inputs (T, I) take of a unit, 0 where nothing is trained."""
    planned = inputs[:, : min(len(curves.scale_columns), 2)]
    served = np.isfinite(planned).all(axis=1)
    tasks = one_model(spec.tasks, unit) if spec.is_one_model else spec.tasks
    cost = cost_of(curves, tasks, unit, prices)
    at = np.where(served[:, None], planned, 0.0)
    taken = np.maximum(cost.value(at) - _there(curves, spec, unit, prices, at), 0.0)
    return np.where(served, taken, 0.0)


def _trained(curves: Curves, spec: PlanSpec, unit: str, inputs: np.ndarray) -> np.ndarray:
    """(T,) all training of models of log inputs (T, I), a checkpoint's included and serving left out, in a unit."""
    planned = inputs[:, : min(len(curves.scale_columns), 2)]
    served = np.isfinite(planned).all(axis=1)
    unserved = replace(spec.tasks, served_tokens=np.full(len(planned), np.nan))
    training = cost_of(curves, unserved, unit, None)
    return np.where(served, training.value(np.where(served[:, None], planned, 0.0)), 0.0)


def _extrapolation(curves: Curves, spec: PlanSpec, inputs: np.ndarray) -> np.ndarray:
    """(T,) training over the largest measured; for money, of what it buys."""
    unit = spec.unit
    if unit not in curves.largest:
        one_scale = curves.scale_columns[0] if len(curves.scale_columns) == 1 else ""
        unit = one_scale or next(name for name in ("flops", "tokens") if name in curves.largest)
    return _trained(curves, spec, unit, inputs) / curves.largest[unit]


def _beyond(curves: Curves, spec: PlanSpec, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """How far each planned scale lies outside what was measured of its task: scale → (T,) factors.

    1 inside the measured range and for a task that is given nothing, above 1 over the largest, below 1 under the
    smallest.
    """
    unit = spec.unit
    planned = {unit: _trained(curves, spec, unit, inputs)} if unit in curves.largest else {}
    planned |= {name: np.exp(inputs[:, i]) for i, name in enumerate(curves.planned_inputs)}
    return {
        name: np.where(values > 0, values / np.clip(values, curves.smallest[name], curves.largest[name]), 1.0)
        for name, values in planned.items()
    }


def _average(curves: Curves, spec: PlanSpec, spend: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Improvement of each task's weighted measure per unit of its spend, from nothing or the smallest measured run."""
    if spec.is_one_model:
        return np.full(len(spend), np.nan)
    tasks = np.arange(len(spend))
    here = told_measures(curves, spec, tasks, inputs)
    stated = np.isfinite(spec.tasks.unserved)
    names = curves.planned_inputs
    u = np.log(np.column_stack([curves.smallest[name] for name in names]))
    least = cost_of(curves, spec.tasks, spec.unit, spec.prices).value(u)
    smallest = law_inputs_of(curves, replace(spec, params=None), u)
    start = np.where(
        stated,
        spec.measure.of_value(curves, tasks, spec.tasks.unserved),
        told_measures(curves, spec, tasks, smallest),
    )
    more = spend - np.where(stated, 0.0, least)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(more > 0, spec.weight * (start - here) / more, np.nan)


def _beaten(plan: Plan) -> tuple[str, ...]:
    """That a split without an optimizer is better, which an optimal plan never lets happen.

    One that is chosen by predictions is no optimum of the curves that plans are made on.
    """
    if plan.solver in (BY_HAND, BY_LEVELS):
        return ()
    better = [
        each.name
        for each in plan.baselines
        if each.is_feasible and plan.planned_gain_over(each) < -OPTIMAL * _size(plan, each)
    ]
    if not better:
        return ()
    return (f"{NOT_OPTIMAL}: the {' and '.join(better)} split is better; see the gap.",)


def _size(plan: Plan, other: Baseline) -> float:
    return max(abs(plan.planned_objective), abs(other.planned_objective))


def _notes(curves: Curves, plan: Plan) -> tuple[str, ...]:
    spec = plan.spec
    notes = [spec.measure.note] if spec.measure.note else []
    unseen = [name for name, shared in zip(curves.tasks, curves.shared, strict=True) if shared]
    if not spec.is_one_model and unseen:
        whose = "" if curves.shared.all() else f" for {', '.join(unseen)}"
        notes.append(
            f"Hypothetical{whose}: the runs are of shared models, so nobody measured a specialist; "
            "the split reads one training per task off a generalist's curves."
        )
    for name, factors in plan.extrapolation_factors.items():
        over, under = int(factors.argmax()), int(factors.argmin())
        if EXTRAPOLATES_BEYOND < factors[over] <= UNIT_IN_DOUBT:
            notes.append(
                f"The plan goes to {factors[over]:.3g} times the largest measured {name}{_of(curves, spec, over)}: "
                "predictions there rest on the law."
            )
        if 1 / UNIT_IN_DOUBT <= factors[under] < 1 / EXTRAPOLATES_BEYOND:
            notes.append(
                f"The plan goes down to {factors[under]:.3g} of the smallest measured {name}"
                f"{_of(curves, spec, under)}: predictions there rest on the law."
            )
    if plan.outside.any():
        names = shortened([name for name, out in zip(curves.tasks, plan.outside, strict=True) if out])
        notes.append(f"The prediction of {names} lies outside its own 80 % interval: the draws disagree with the fit.")
    units = {spec.unit, *spec.further, *(limit.unit for limit in spec.limits)}
    if np.isfinite(spec.tasks.served_tokens).any() and (
        len(curves.scale_columns) == 1 or not units & {"flops", "money"}
    ):
        notes.append("Column 'served_tokens' changes nothing: no budget here pays for inference.")
    if np.isfinite(spec.tasks.params).any() and spec.params is None:
        notes.append(
            "Column 'params' changes nothing: it fixes sizes for a budget in tokens, and this plan chooses them."
        )
    if spec.unit == "flops" and curves.cost is not None and curves.cost.assumed:
        notes.append("Costs are 6·N·D, since the file counts no FLOPs.")
    return (*notes, *missing_splits(spec))


def _worst_task(curves: Curves, plan: Plan) -> tuple[str, ...]:
    """Which task is the worst, where that is all that counts, and how much of the budget does nothing for it."""
    spec = plan.spec
    if not spec.objective.takes_largest or len(curves.tasks) == 1 or spec.risk.reads_draws:
        return ()
    measures = told_measures(curves, spec, np.arange(len(curves.tasks)), plan.log_inputs)
    return (worst_task(spec, measures, plan.spend, [each in STOPPED for each in plan.binding]),)


def worst_task(spec: PlanSpec, measures: np.ndarray, spend: np.ndarray, stopped: Sequence[bool]) -> str:
    """The sentence that names the worst task.

    Args:
        spec: the question.
        measures: (T,) as predicted.
        spend: (T,) what each task's model takes; a shared model's stands at each of its tasks.
        stopped: (T,) whether more than this cannot be spent on it.
    """
    worst = float(measures.max())
    level = np.flatnonzero(measures >= worst - WORST * max(abs(worst), 1.0))
    named = shortened([spec.tasks.names[at] for at in level], 4)
    said = f"The worst {'task is' if len(level) == 1 else 'tasks are'} {named}, predicted at {spec.sign * worst:.4g}"
    if len(level) == 1 and stopped[level[0]] and not spec.is_one_model:
        rest = 1 - float(spend[level[0]]) / spec.budget
        return f"{said} with all that it may have: the other {100 * rest:.3g} % of the budget is for the next worst."
    return f"{said}."


def _of(curves: Curves, spec: PlanSpec, task: int) -> str:
    """The task in brackets, where models differ from task to task."""
    return "" if spec.is_one_model or len(curves.tasks) == 1 else f" ({curves.tasks[task]})"
