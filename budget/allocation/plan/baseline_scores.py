"""Baselines with their values: every split evaluated by the curves at exactly the spends that its name says."""

from collections.abc import Callable

import numpy as np

from budget.allocation.convex.best_size import best_inputs, split_inputs
from budget.allocation.convex.problem import Problem
from budget.allocation.plan.assembly import (
    drawn_objective,
    law_inputs_of,
    measured,
    objective_value,
    planned_objective,
    point_values,
    reached,
    told_measures,
)
from budget.allocation.plan.baselines import (
    CURRENT,
    CURRENT_SCALED,
    GREEDY,
    RULE_OF_THUMB,
    TO_TARGETS,
    WITHIN,
    directions_by_hand,
    greedy_split,
    rule_of_thumb,
    stated_splits,
)
from budget.allocation.plan.binding_limits import beyond_reach, broken_limits
from budget.allocation.plan.plan import Baseline
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.numerics.fill_to_budget import fill_to_budget

EQUAL = 1e-9
"""Relative distance of spends within which two splits are one."""

DOUBLINGS, HALVINGS = 60, 40
"""Steps in which the least total of a split by hand is enclosed, and then halved in logarithm: to rounding."""


LEAST_PART = 1e-6
"""Part of the budget below which no split within limits of several tasks is looked for."""


def baseline(
    curves: Curves,
    spec: PlanSpec,
    name: str,
    given: np.ndarray,
    inputs: np.ndarray,
    problem: Problem,
    optional: np.ndarray,
    *,
    drawn: bool = False,
) -> Baseline:
    """A split with its value, and the limits that it breaks.

    Args:
        curves: of T tasks.
        spec: what is asked.
        name: what the split is.
        given: (R, V) amounts of each resource, the budget's unit first.
        inputs: (T, I) the law's log inputs, minus infinity where a task has no model.
        problem: its limits.
        optional: (V,) whether a model may be given nothing.
        drawn: whether its objective in every draw is wanted.
    """
    spend = given[0]
    predicted = point_values(curves, spec, inputs)
    unscored = tuple(task for task, value in zip(curves.tasks, predicted, strict=True) if np.isnan(value))
    objective, planned = (
        np.nan if unscored else spec.sign * of(curves, spec, inputs, spend)
        for of in (objective_value, planned_objective)
    )
    broken = broken_limits(problem, given, optional)
    broken += tuple(name for name in beyond_reach(problem, inputs) if name not in broken)
    if spec.objective.minimizes_spend:
        broken += missed_targets(curves, spec, inputs)
    in_draws = drawn_objective(curves, spec, inputs) if drawn and not unscored else np.empty(0)
    return Baseline(
        name, objective, float(spend.sum()), spend[spec.serves], predicted, broken, unscored, planned, in_draws,
        inputs, given,
    )  # fmt: skip


def compare(
    spec: PlanSpec,
    problem: Problem,
    worth: Callable[[np.ndarray, np.ndarray], np.ndarray],
    score: Callable[[str, np.ndarray], Baseline],
    least: float,
) -> tuple[Baseline, ...]:
    """Every split by hand as it is; beside one that breaks a limit, what of it the limits allow; and the greedy one.

    Where the spend is what is made small, a split of the whole budget is no rival: see ``_to_targets``.

    Args:
        spec: what is asked.
        problem: its budget and limits.
        worth: (positions (R,), spends (R,)) → weighted values (R,), smaller being better.
        score: (name, spends (V,)) → the baseline.
        least: what the plan spends, about which a cheapest plan's rivals are looked for.
    """
    if spec.objective.minimizes_spend:
        return _to_targets(spec, problem, score, least)
    stated = stated_splits(spec, len(problem.low))
    fills = np.isfinite(problem.budget) and problem.low.sum() <= problem.budget and not spec.is_one_model
    found: list[Baseline] = []
    for name, spend in stated.items():
        found.append(score(name, spend))
        last = name != CURRENT or CURRENT_SCALED not in stated
        if fills and last and found[-1].breaks and (spend > 0).all():
            plain = CURRENT if name == CURRENT_SCALED else name
            clipped = _within(score, plain + WITHIN, spend, problem)
            if not clipped.breaks and not any(_same(clipped, other) for other in found):
                found.append(clipped)
    if fills and len(problem.low) > 1:
        found.append(score(GREEDY, greedy_split(problem, worth)))
    return tuple(found)


def _within(score: Callable[[str, np.ndarray], Baseline], name: str, spend: np.ndarray, problem: Problem) -> Baseline:
    """The largest part of a split that keeps every limit: of its own ones by clipping, of all tasks' by less in all.

    Where not even the least spends keep them, the clipped split with what it breaks.
    """

    def at(total: float) -> Baseline:
        return score(name, fill_to_budget(spend, total, problem.low, problem.high))

    found = at(problem.budget)
    together = len(problem.further) + len(problem.rows)
    if not found.breaks or not together:
        return found
    kept, over = max(float(problem.low.sum()), LEAST_PART * problem.budget), problem.budget
    within = at(kept)
    if within.breaks:
        return found
    for _ in range(HALVINGS):
        middle = float(np.sqrt(kept * over))
        tried = at(middle)
        if tried.breaks:
            over = middle
        else:
            kept, within = middle, tried
    return within


def _to_targets(
    spec: PlanSpec, problem: Problem, score: Callable[[str, np.ndarray], Baseline], least: float
) -> tuple[Baseline, ...]:
    """What a cheapest plan is compared with: today's split, and each split by hand as small as its targets allow.

    A split by hand that spends the whole budget would be dearer by whatever budget was typed. Of one that meets the
    targets at no total within the limits nothing is said.
    """
    models = len(problem.low)
    stated = stated_splits(spec, models)
    found = [score(CURRENT, stated[CURRENT])] if CURRENT in stated else []
    for name, share in directions_by_hand(spec, models).items():
        smallest = float((problem.low / share).max())
        largest = min(problem.budget, float((problem.high / share).min()))

        def at(total: float, name: str = name, share: np.ndarray = share) -> Baseline:
            return score(name + TO_TARGETS, total * share)

        split = _smallest(at, max(smallest, least / 2), largest)
        if split is not None and not any(_same(split, other) for other in found):
            found.append(split)
    return tuple(found)


def _smallest(at: Callable[[float], Baseline], start: float, largest: float) -> Baseline | None:
    """The split of the least total from ``start`` to ``largest`` that breaks no limit, ``None`` where there is none.

    Doubled until the targets are met, so that no larger total is looked at: there the limits break.
    """
    under, over = 0.0, min(start, largest)
    found = at(over) if start <= largest * (1 + EQUAL) else None
    for _ in range(DOUBLINGS):
        if found is None or found.is_feasible or over >= largest:
            break
        under, over = over, min(2 * over, largest)
        found = at(over)
    if found is None or not found.is_feasible or under == 0:
        return found if found is not None and found.is_feasible else None
    for _ in range(HALVINGS):
        middle = float(np.sqrt(under * over))
        tried = at(middle)
        if tried.is_feasible:
            over, found = middle, tried
        else:
            under = middle
    return found


def convex_baselines(
    curves: Curves, spec: PlanSpec, problem: Problem, least: float, *, drawn: bool = False
) -> tuple[Baseline, ...]:
    """What a convex plan is compared with, each model of the best inputs at its spend, and ``drawn`` where asked.

    Args:
        curves: of T tasks.
        spec: what is asked.
        problem: its program.
        least: what the plan spends.
        drawn: whether the objective in every draw is wanted.
    """
    mandatory = np.zeros(len(problem.cost), dtype=bool)

    def worth(tasks: np.ndarray, spend: np.ndarray) -> np.ndarray:
        value, cost = problem.by_model.take(tasks), problem.cost.take(tasks)
        return value.value(best_inputs(value, cost, spend))

    def scored(name: str, spend: np.ndarray, u: np.ndarray) -> Baseline:
        some = np.flatnonzero(spend > 0)
        further = np.zeros((len(problem.further), len(spend)))
        for amount, each in zip(further, problem.further, strict=True):
            amount[some] = each.cost.take(some).value(u[some])
        inputs = law_inputs_of(curves, spec, u[spec.serves])
        return baseline(curves, spec, name, np.vstack([spend, further]), inputs, problem, mandatory, drawn=drawn)

    def score(name: str, spend: np.ndarray) -> Baseline:
        u = np.full((len(spend), problem.cost.inputs), -np.inf)
        some = np.flatnonzero(spend > 0)
        u[some] = split_inputs(problem.by_model.take(some), problem.cost.take(some), spend[some])
        return scored(name, spend, u)

    found = compare(spec, problem, worth, score, least)
    only = len(problem.low) == 1 and not (spec.sizes or problem.further or spec.objective.minimizes_spend)
    if (spec.is_one_model or only) and problem.cost.inputs == 2 and np.isfinite(problem.budget):
        # as much as the plan may spend within its maximum and its reach
        whole = np.minimum(problem.budget, problem.high) if only else np.full(1, problem.budget)
        found += (scored(RULE_OF_THUMB, whole, rule_of_thumb(problem.cost, float(whole[0]))),)
    return found


def missed_targets(curves: Curves, spec: PlanSpec, inputs: np.ndarray) -> tuple[str, ...]:
    """The targets that models of log inputs (T, I) miss, where fewer are met than the cheapest plan must meet."""
    of = measured if spec.risk.reads_draws else told_measures
    met = reached(curves, spec, of(curves, spec, np.arange(len(curves.tasks)), inputs))
    if met.sum() >= (spec.at_least or len(met)):
        return ()
    return tuple(f"target of {name}" for name, one in zip(curves.tasks, met, strict=True) if not one)


def _same(first: Baseline, second: Baseline) -> bool:
    return bool(np.allclose(first.spend, second.spend, rtol=EQUAL, atol=0.0))
