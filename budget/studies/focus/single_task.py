"""Each task alone with the whole budget: what it reaches, whether any plan for several tasks gives it as much.

The single-target case: if only one task counts, a specialist with everything is compared with the best that any plan
which serves all tasks of a set gives this task, over all sets that hold it. Beside it stand the spends that decide
whether a task is worth serving: the least that meets its target, and its smallest efficient spend, below which no price
of the budget makes serving it better than leaving it out.

See docs/decisions/094-alone-against-every-plan.md,
docs/decisions/154-told-of-curves-that-pass.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from budget.allocation.convex.problem import build_problem
from budget.allocation.nonconvex.best_subsets import tangent_points
from budget.allocation.nonconvex.grid import first_grid
from budget.allocation.nonconvex.responses import Responses
from budget.allocation.nonconvex.smallest_efficient_spend import tangents
from budget.allocation.nonconvex.spend_response import spend_response
from budget.allocation.spec.plan_spec import is_nonconvex
from budget.numerics.interval import interval
from budget.numerics.strict_json import json_value
from budget.studies.focus.thresholds import THRESHOLD_ROUNDING
from budget.studies.growth.targets_kept import required_spends
from budget.studies.strategies.comparison import Comparison
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner
from budget.tables.checks.status import PASS


@dataclass(frozen=True)
class SingleTask:
    """One task with the whole budget, at Q budgets.

    Attributes:
        task: its name.
        budgets: (Q,) rising.
        value: (Q,) what it reaches alone, in its own metric; NaN where its minimum exceeds the budget.
        low: (Q,) lower end of its 80 % interval.
        high: (Q,) upper end.
        beyond: (Q,) the largest factor by which the model's scales lie outside the measured ones.
        shared: (Q,) the best value that a plan for all tasks of some set gives it; NaN where there is none.
        strategy: (Q,) whose plan that is.
        among: (Q,) the set it is for.
        ahead: (Q,) whether alone is better by the point fit.
        share: (Q,) share of the draws in which alone is better than every such plan.
        target: stated; NaN where none is.
        met: (Q,) whether it is met alone.
        met_shared: (Q,) whether any such plan meets it.
        required: least spend that meets the target; infinite where none does, NaN without one.
        efficient: smallest efficient spend; infinite where none is, NaN where the unserved value is unknown.
        unproven: the curves behind it that passed no backtest: the task's own, and those by shared models that a
            backtest doubts; such as ``code by generalist``.
    """

    task: str
    budgets: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    beyond: np.ndarray
    shared: np.ndarray
    strategy: tuple[str, ...]
    among: tuple[tuple[str, ...], ...]
    ahead: np.ndarray
    share: np.ndarray
    target: float
    met: np.ndarray
    met_shared: np.ndarray
    required: float
    efficient: float
    unproven: tuple[str, ...] = ()

    @property
    def only_alone(self) -> np.ndarray:
        """(Q,) whether the target is met alone and by no plan for several tasks."""
        return self.met & ~self.met_shared

    @property
    def reason(self) -> str:
        """Why there is no smallest efficient spend; "" where there is one."""
        if np.isnan(self.efficient):
            return "the value of the task when it is given nothing is unknown: fill column 'unserved' of the tasks file"
        return "no spend within its limits improves on giving it nothing" if np.isinf(self.efficient) else ""

    def record(self) -> dict[str, Any]:
        """The task as JSON."""
        more = {"only_alone": self.only_alone, "efficient_missing": self.reason}
        return {str(name): each for name, each in json_value(vars(self) | more).items()}


@dataclass(frozen=True)
class _Single:
    """Specialists of some tasks, alone with each budget."""

    planner: StrategyPlanner
    plans: list[StrategyPlan]
    required: np.ndarray
    efficient: np.ndarray
    allowed: np.ndarray


def single_task(
    planners: Mapping[tuple[str, ...], Sequence[StrategyPlanner]],
    comparisons: Sequence[Comparison],
    budgets: np.ndarray,
) -> tuple[SingleTask, ...]:
    """Each task of the sets that have specialists.

    Args:
        planners: the strategies of each set, specialists first where there are any.
        comparisons: the plans for all sets, at some of the budgets.
        budgets: (Q,) rising.
    """
    singles: dict[str, tuple[_Single, int]] = {}
    # the largest sets first: a task's specialist is the same in every set, and is planned once
    for names in sorted(planners, key=len, reverse=True):
        first = planners[names][0]
        new = [place for place, name in enumerate(names) if name not in singles]
        if new and not first.served.one_model:
            single = _single(first, np.array(new), budgets)
            singles |= {names[place]: (single, at) for at, place in enumerate(new)}
    order = [name for names in planners for name in names if name in singles]
    return tuple(_task(name, *singles[name], planners, comparisons, budgets) for name in dict.fromkeys(order))


def _single(first: StrategyPlanner, pick: np.ndarray, budgets: np.ndarray) -> _Single:
    """Plan specialists of the tasks at places ``pick`` of a set, alone with each budget, and look up their spends."""
    served = replace(first.served, curves=first.served.curves.take(pick))
    limited = first.of(served)
    low = np.nan_to_num(limited.task_settings.min, nan=0.0)
    high = np.where(np.isfinite(limited.task_settings.max), limited.task_settings.max, np.inf)
    nothing = np.full(len(pick), np.nan)
    # limits are taken into the spends below; a task alone has no split for them to bind
    planner = replace(limited, task_settings=replace(limited.task_settings, min=nothing, max=nothing))
    plans = planner.split(budgets, np.minimum(budgets[:, None], high), "alone")
    allowed = low <= budgets[:, None] * (1 + THRESHOLD_ROUNDING)
    return _Single(planner, plans, *_spends(planner, budgets, low, high), allowed)


def _spends(
    planner: StrategyPlanner, budgets: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(T,) each: the least spends that meet the targets, and the smallest efficient ones."""
    curves, top = planner.served.curves, float(budgets[-1])
    spec, every = planner.spec(top), np.arange(len(curves.tasks))
    near = float(np.median(budgets)) / len(every)
    idle = planner.measure.of_value(curves, every, spec.tasks.unserved)
    if is_nonconvex(curves, spec):
        worth, efficient = spend_response(curves, spec).value_at, np.full(len(every), np.nan)
        known = np.flatnonzero(np.isfinite(idle) & (low <= top))
        if len(known):
            responses = Responses(
                lambda task, spend: worth(known[task], spend),
                low[known],
                np.minimum(high, top)[known],
                top,
                idle[known],
            )
            efficient[known] = tangents(responses, first_grid(responses))
    else:
        problem = build_problem(curves, spec)
        weighted = spec.weight * idle
        efficient = tangent_points(problem.value, problem.cost, weighted, low, high, np.full(len(every), near))
    return required_spends(curves, spec, low, high, near), efficient


def _task(
    name: str,
    single: _Single,
    at: int,
    planners: Mapping[tuple[str, ...], Sequence[StrategyPlanner]],
    comparisons: Sequence[Comparison],
    budgets: np.ndarray,
) -> SingleTask:
    """Compare one task alone with every plan for several tasks that holds it."""
    planner, curves = single.planner, single.planner.served.curves
    place = np.array([at])
    value = np.where(single.allowed[:, at], [plan.predicted[at] for plan in single.plans], np.nan)
    count = len(budgets)
    shared, strategy = np.full(count, np.nan), [""] * count
    among: list[tuple[str, ...]] = [()] * count
    ahead, share = np.zeros(count, dtype=bool), np.full(count, np.nan)
    ends = np.full((2, count), np.nan)
    for q, (budget, plan) in enumerate(zip(budgets, single.plans, strict=True)):
        mine, in_draws = _distance(planner, plan, at)
        low, high = interval(in_draws)
        # distances turn round where higher is better
        ends[:, q] = np.sort([curves.present(place, np.array([end]))[0] for end in (low, high)])
        # in each draw against the best plan there, which need not be the point fit's: alone must beat them all
        best, best_drawn = np.inf, np.full(len(in_draws), np.inf)
        for comparison in comparisons:
            if comparison.budget != budget or name not in comparison.tasks:
                continue
            for rival in comparison.serving_all:
                point, drawn = _distance(planners[comparison.tasks][0], rival, comparison.tasks.index(name))
                best_drawn = np.minimum(best_drawn, drawn)
                if point < best:
                    best, strategy[q], among[q] = point, rival.strategy, comparison.tasks
        if np.isfinite(best) and single.allowed[q, at]:
            shared[q] = curves.present(place, np.array([best]))[0]
            ahead[q] = mine < best - THRESHOLD_ROUNDING * abs(best)
            if len(in_draws):
                share[q] = (in_draws < best_drawn - THRESHOLD_ROUNDING * np.abs(best_drawn)).mean()
    ends[:, ~single.allowed[:, at]] = np.nan
    one = planner.of(replace(planner.served, curves=curves.take(place)))
    met, met_shared = (np.array([bool(one.met(each[None])[0]) for each in values]) for values in (value, shared))
    return SingleTask(
        name,
        budgets,
        value,
        ends[0],
        ends[1],
        np.array([planner.factors(plan.log_inputs)[at] for plan in single.plans]),
        shared,
        tuple(strategy),
        tuple(among),
        ahead,
        share,
        float(planner.task_settings.target[at]),
        met,
        met_shared,
        float(single.required[at]),
        float(single.efficient[at]),
        # the case is the specialist's: shared models that nobody judged leave it standing, doubtful ones do not
        unproven((each for names, mine in planners.items() if name in names for each in mine), (name,), (PASS, "")),
    )


def unproven(
    planners: Iterable[StrategyPlanner], names: Sequence[str], shared: Sequence[str] = (PASS,)
) -> tuple[str, ...]:
    """The curves of some tasks that passed no backtest, such as ``code by generalist``.

    Args:
        planners: the strategies whose curves are asked about.
        names: of the tasks.
        shared: verdicts with which a shared model's curve counts as passed.
    """
    return tuple(
        curve
        for curve, verdict, one_model in _verdicts(planners, names)
        if verdict not in (shared if one_model else (PASS,))
    )


def unjudged(planners: Iterable[StrategyPlanner], names: Sequence[str]) -> tuple[str, ...]:
    """The curves of some tasks that were not backtested, named as by ``unproven``, all of which these are among."""
    return tuple(curve for curve, verdict, _ in _verdicts(planners, names) if not verdict)


def _verdicts(planners: Iterable[StrategyPlanner], names: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Each curve of some tasks once, such as ``code by generalist``, its verdict, and whether its model is shared."""
    found = {}
    for planner in planners:
        served = planner.served
        for task, verdict in zip(served.tasks, served.curves.verdict, strict=True):
            if task in names:
                found[f"{task} by {served.strategy}"] = (str(verdict), served.one_model)
    return [(curve, *each) for curve, each in found.items()]


def _distance(planner: StrategyPlanner, plan: StrategyPlan, task: int) -> tuple[float, np.ndarray]:
    """A task's distance to best by the point fit, and in draws (B,)."""
    scale, shift = planner.measure.scale[task], planner.measure.shift[task]
    return float((plan.measure[task] - shift) / scale), (plan.scenarios[:, task] - shift) / scale
