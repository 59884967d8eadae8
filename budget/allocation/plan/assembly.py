"""From what was solved to the plan that is read: predictions, objective, baselines, explanations, warnings."""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.problem import one_model
from budget.allocation.plan.baselines import missing_splits
from budget.allocation.plan.headline import UNIT_IN_DOUBT, plan_warnings
from budget.allocation.plan.plan import MEETS, Baseline, LimitLine, Plan, Sizes
from budget.allocation.plan.worse_than_unserved import worse_than_unserved
from budget.allocation.spec.objectives import not_computed
from budget.allocation.spec.plan_spec import FAR, Question
from budget.allocation.spec.resources import Prices, cost_of
from budget.curves.curves import Curves
from budget.numerics.listing import shortened

OPTIMAL = 1e-9
"""Relative difference above which a baseline counts as better than the plan."""


SAME = 1e-9
"""Distance of log inputs at which a model counts as the checkpoint."""

NOT_OPTIMAL = "The problem was not solved to optimality"
"""How the sentence begins that a plan must never earn."""


@dataclass(frozen=True)
class Outcome:
    """What was solved, for V models.

    Attributes:
        inputs: (T, I) the law's log inputs, minus infinity for a task that is given nothing.
        given: (R, V) amounts of each resource, the budget's unit first.
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

    inputs: np.ndarray
    given: np.ndarray
    bound: float
    marginal: np.ndarray
    shadow_price: float
    efficient: np.ndarray
    binding: tuple[str, ...]
    limits: tuple[LimitLine, ...]
    notes: tuple[str, ...]
    solver: str
    status: str


def assembled(curves: Curves, question: Question, outcome: Outcome, baselines: tuple[Baseline, ...]) -> Plan:
    """The plan without what solving over the draws adds."""
    serves = question.serves
    tasks = np.arange(len(curves.tasks))
    spend = outcome.given[0][serves]
    inputs = outcome.inputs
    predicted, low, high = _predicted(curves, question, tasks, inputs)
    objective = folded(curves, question, inputs, outcome.given[0])
    sign = seen_sign(question)
    beyond = _beyond(curves, question, inputs)
    measure = question.measure
    scored = measure.link is not None
    higher = curves.higher_is_better if measure.link is None else measure.link.higher_is_better
    plan = Plan(
        question=question,
        metric=measure.metric if scored else "|".join(dict.fromkeys(curves.metric)),
        metrics=(measure.metric,) * len(tasks) if scored else curves.metric,
        higher_is_better=bool(higher[0]),
        directions=np.where(higher, 1.0, -1.0),
        hypothetical_tasks=curves.shared & (question.strategy == "specialists"),
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
        extrapolation=_extrapolation(curves, question, inputs),
        beyond=beyond,
        status=curves.status,
        average=_average(curves, question, spend, inputs),
        efficient=outcome.efficient[serves],
        used=_used(curves, question, inputs),
        limits=outcome.limits,
        objective=sign * objective,
        bound=sign * outcome.bound,
        shadow_price=outcome.shadow_price,
        solver=outcome.solver,
        solver_status=outcome.status,
        drawn=0,
        failed_draws=0,
        baselines=baselines,
        sizes=Sizes.unknown(len(tasks)),
        warnings=(),
        notes=(),
    )
    said = (*_notes(curves, plan), *worse_than_unserved(curves, question, inputs))
    return replace(
        plan,
        warnings=plan_warnings(curves, plan),
        notes=(*said, *outcome.notes, *_beaten(plan)),
    )


def law_inputs_of(curves: Curves, question: Question, u: np.ndarray, task: np.ndarray | None = None) -> np.ndarray:
    """The law's log inputs (R, I') from a problem's (R, I): with the fixed params and the unique tokens put in.

    Args:
        curves: of T tasks.
        question: what is asked.
        u: (R, I).
        task: (R,) task positions; all T in order by default.
    """
    rows = np.arange(len(u)) if task is None else task
    columns = list(u.T)
    if question.params is not None:
        columns.insert(0, np.log(question.params[rows]))
    if "unique_tokens" in curves.inputs:
        columns.append(np.log(question.tasks.unique_tokens[rows]))
    served = np.isfinite(u).all(axis=1)
    return np.where(served[:, None], np.column_stack(columns), -np.inf)


def folded(curves: Curves, question: Question, inputs: np.ndarray, spend: np.ndarray) -> float:
    """The question's objective of a plan, in the measure's own direction (smaller is better).

    Args:
        curves: of T tasks.
        question: what is asked.
        inputs: (T, I) the law's log inputs, minus infinity for a task that is given nothing.
        spend: (V,) the models' spends.
    """
    tasks = np.arange(len(curves.tasks))
    match question.objective, question.risk:
        case "cheapest", _:
            return float(spend.sum())
        case "targets", _:
            return -float(question.tasks.weight @ reached(curves, question, inputs))
        case "worst", "point":
            return float(measured(curves, question, tasks, inputs).max())
        case "mean", "point":
            return float(question.weight @ measured(curves, question, tasks, inputs))
        case "mean", _:
            pass
        case _:
            raise not_computed("objective", question.objective)
    worlds = measured_draws(curves, question, tasks, inputs) @ question.weight
    return over_worlds(worlds[np.isfinite(worlds)], question.risk, question.level)


def over_worlds(worlds: np.ndarray, risk: str, level: float) -> float:
    """The mean, the mean of the worst ``1 − level``, or the quantile of an objective's draws (B,)."""
    if risk == "mean":
        return float(worlds.mean())
    if risk == "quantile":
        return float(np.quantile(worlds, level, method="higher"))
    if risk != "cvar":
        raise not_computed("risk", risk)
    tail = (1 - level) * len(worlds)
    ordered = np.sort(worlds)[::-1]
    whole = int(np.floor(tail + 1e-12))
    rest = tail - whole
    return float((ordered[:whole].sum() + (rest * ordered[whole] if rest > 1e-12 else 0.0)) / tail)


def measured(curves: Curves, question: Question, tasks: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The measure of tasks (R,) at the law's log inputs (R, I); of its unserved value where it is given nothing."""
    served = np.isfinite(inputs).all(axis=1)
    distance = curves.distance(tasks, np.where(served[:, None], inputs, 0.0))
    nothing = question.measure.of_value(curves, tasks, question.tasks.unserved[tasks])
    return np.where(served, question.measure.of(tasks, distance), nothing)


def measured_draws(curves: Curves, question: Question, tasks: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The same under every draw: shape (B, R)."""
    served = np.isfinite(inputs).all(axis=1)
    distance = curves.distance_draws(tasks, np.where(served[:, None], inputs, 0.0))
    nothing = question.measure.of_value(curves, tasks, question.tasks.unserved[tasks])
    return np.where(served, question.measure.of_draws(tasks, distance), nothing)


def reached(curves: Curves, question: Question, inputs: np.ndarray) -> np.ndarray:
    """(T,) 1 where a task's measure is at its target, 0 where it is not."""
    tasks = np.arange(len(curves.tasks))
    target = question.measure.of_value(curves, tasks, question.tasks.target)
    worth = measured(curves, question, tasks, inputs)
    return (worth <= target + MEETS * np.maximum(np.abs(target), np.abs(worth))).astype(float)


def seen_sign(question: Question) -> float:
    """From what is made small to what the reader sees."""
    sign = question.measure.sign
    signs = {"targets": -1.0, "cheapest": 1.0, "mean": sign, "worst": sign}
    if question.objective not in signs:
        raise not_computed("objective", question.objective)
    return signs[question.objective]


def _predicted(
    curves: Curves, question: Question, tasks: np.ndarray, inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value or score (T,) with its 80 % interval; the unserved value where a task is given nothing."""
    served = np.isfinite(inputs).all(axis=1)
    at = np.where(served[:, None], inputs, 0.0)
    found = curves.predict(tasks, at) if question.measure.linear else curves.predict_score(tasks, at)
    value, low, high = (np.where(served, part, question.tasks.unserved) for part in found)
    return value, low, high


def point_values(curves: Curves, question: Question, inputs: np.ndarray) -> np.ndarray:
    """The same without the interval; NaN where nothing is given and what the task is worth then is not stated."""
    served = np.isfinite(inputs).all(axis=1)
    tasks = np.arange(len(curves.tasks))
    distance = curves.distance(tasks, np.where(served[:, None], inputs, 0.0))
    link = question.measure.link
    value = curves.present(tasks, distance) if link is None else link.value(tasks, distance)
    return np.where(served, value, question.tasks.unserved)


def _input(curves: Curves, inputs: np.ndarray, name: str) -> np.ndarray:
    if name in curves.inputs:
        return np.exp(inputs[:, curves.inputs.index(name)])
    return np.full(len(inputs), np.nan)


def _used(curves: Curves, question: Question, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """What each task's model takes of every unit that the question counts: unit → (T,)."""
    units = dict.fromkeys((question.unit, *question.further, *(each.unit for each in question.limits if each.unit)))
    return {unit: _taken(curves, question, unit, question.prices, inputs) for unit in units}


def _there(curves: Curves, question: Question, unit: str, prices: Prices | None, planned: np.ndarray) -> np.ndarray:
    """(T,) what of it was taken already by the training of a checkpoint that is used."""
    tasks = question.tasks
    if not question.has_checkpoints:
        return np.zeros(len(planned))
    columns = [tasks.checkpoint] if planned.shape[1] == 1 else [tasks.checkpoint_params, tasks.checkpoint]
    known = np.isfinite(tasks.checkpoint)
    before = np.log(np.where(known[:, None], np.column_stack(columns), 1.0))
    beyond = planned - before
    # the same size, and no fewer tokens
    used = known & (np.abs(beyond[:, :-1]) < SAME).all(axis=1) & (beyond[:, -1] > -SAME)
    training = cost_of(curves, replace(tasks, served_tokens=np.full(len(known), np.nan)), unit, prices)
    return np.where(used, training.value(before), 0.0)


def _taken(curves: Curves, question: Question, unit: str, prices: Prices | None, inputs: np.ndarray) -> np.ndarray:
    """(T,) what models of log inputs (T, I) take of a unit, 0 where nothing is trained."""
    planned = inputs[:, : min(len(curves.inputs), 2)]
    served = np.isfinite(planned).all(axis=1)
    tasks = one_model(question.tasks, unit) if question.strategy == "shared" else question.tasks
    cost = cost_of(curves, tasks, unit, prices)
    at = np.where(served[:, None], planned, 0.0)
    taken = np.maximum(cost.value(at) - _there(curves, question, unit, prices, at), 0.0)
    return np.where(served, taken, 0.0)


def _trained(curves: Curves, question: Question, unit: str, inputs: np.ndarray) -> np.ndarray:
    """(T,) all training of models of log inputs (T, I), a checkpoint's included and serving left out, in a unit."""
    planned = inputs[:, : min(len(curves.inputs), 2)]
    served = np.isfinite(planned).all(axis=1)
    unserved = replace(question.tasks, served_tokens=np.full(len(planned), np.nan))
    training = cost_of(curves, unserved, unit, None)
    return np.where(served, training.value(np.where(served[:, None], planned, 0.0)), 0.0)


def _extrapolation(curves: Curves, question: Question, inputs: np.ndarray) -> np.ndarray:
    """(T,) training over the largest measured; for money, of what it buys."""
    unit = question.unit
    if unit not in curves.largest:
        one_scale = curves.inputs[0] if len(curves.inputs) == 1 else ""
        unit = one_scale or next(name for name in ("flops", "tokens") if name in curves.largest)
    return _trained(curves, question, unit, inputs) / curves.largest[unit]


def _beyond(curves: Curves, question: Question, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """How far each planned scale lies outside what was measured of its task: scale → (T,) factors.

    1 inside the measured range and for a task that is given nothing, above 1 over the largest, below 1 under the
    smallest.
    """
    unit = question.unit
    planned = {unit: _trained(curves, question, unit, inputs)} if unit in curves.largest else {}
    planned |= {name: np.exp(inputs[:, i]) for i, name in enumerate(curves.inputs) if name != "unique_tokens"}
    return {
        name: np.where(values > 0, values / np.clip(values, curves.smallest[name], curves.largest[name]), 1.0)
        for name, values in planned.items()
    }


def _average(curves: Curves, question: Question, spend: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Improvement of each task's weighted measure per unit of its spend, from nothing or the smallest measured run."""
    if question.strategy == "shared":
        return np.full(len(spend), np.nan)
    tasks = np.arange(len(spend))
    here = measured(curves, question, tasks, inputs)
    stated = np.isfinite(question.tasks.unserved)
    names = [name for name in curves.inputs if name != "unique_tokens"]
    u = np.log(np.column_stack([curves.smallest[name] for name in names]))
    least = cost_of(curves, question.tasks, question.unit, question.prices).value(u)
    smallest = law_inputs_of(curves, replace(question, params=None), u)
    start = np.where(
        stated,
        question.measure.of_value(curves, tasks, question.tasks.unserved),
        measured(curves, question, tasks, smallest),
    )
    more = spend - np.where(stated, 0.0, least)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(more > 0, question.weight * (start - here) / more, np.nan)


def _beaten(plan: Plan) -> tuple[str, ...]:
    """That a split without an optimizer is better, which an optimal plan never lets happen."""
    better = [
        each.name
        for each in plan.baselines
        if each.is_feasible and plan.gain_over(each) < -OPTIMAL * max(abs(plan.objective), abs(each.objective))
    ]
    if not better:
        return ()
    return (f"{NOT_OPTIMAL}: the {' and '.join(better)} split is better; see the gap.",)


def _notes(curves: Curves, plan: Plan) -> tuple[str, ...]:
    question = plan.question
    notes = [question.measure.note] if question.measure.note else []
    unseen = [name for name, shared in zip(curves.tasks, curves.shared, strict=True) if shared]
    if question.strategy == "specialists" and unseen:
        whose = "" if curves.shared.all() else f" for {', '.join(unseen)}"
        notes.append(
            f"Hypothetical{whose}: the runs are of shared models, so nobody measured a specialist; "
            "the split reads one training per task off a generalist's curves."
        )
    for name, factors in plan.beyond.items():
        over, under = int(factors.argmax()), int(factors.argmin())
        if FAR < factors[over] <= UNIT_IN_DOUBT:
            notes.append(
                f"The plan goes to {factors[over]:.3g} times the largest measured {name}{_of(curves, question, over)}: "
                "predictions there rest on the law."
            )
        if 1 / UNIT_IN_DOUBT <= factors[under] < 1 / FAR:
            notes.append(
                f"The plan goes down to {factors[under]:.3g} of the smallest measured {name}"
                f"{_of(curves, question, under)}: predictions there rest on the law."
            )
    if plan.outside.any():
        names = shortened([name for name, out in zip(curves.tasks, plan.outside, strict=True) if out])
        notes.append(f"The prediction of {names} lies outside its own 80 % interval: the draws disagree with the fit.")
    units = {question.unit, *question.further, *(limit.unit for limit in question.limits)}
    if np.isfinite(question.tasks.served_tokens).any() and (len(curves.inputs) == 1 or not units & {"flops", "money"}):
        notes.append("Column 'served_tokens' changes nothing: no budget here pays for inference.")
    if np.isfinite(question.tasks.params).any() and question.params is None:
        notes.append(
            "Column 'params' changes nothing: it fixes sizes for a budget in tokens, and this plan chooses them."
        )
    if question.unit == "flops" and curves.cost is not None and curves.cost.assumed:
        notes.append("Costs are 6·N·D, since the file counts no FLOPs.")
    return (*notes, *missing_splits(question))


def _of(curves: Curves, question: Question, task: int) -> str:
    """The task in brackets, where models differ from task to task."""
    return "" if question.strategy == "shared" or len(curves.tasks) == 1 else f" ({curves.tasks[task]})"
