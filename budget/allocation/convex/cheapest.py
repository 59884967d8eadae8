"""The cheapest plan that meets every target: each model's least spend to its own.

Where one training serves one task and one budget is all that is counted, the targets bind one by one:

    minimize Σ_v c_v   subject to   w_v(c_v) ≤ target_v,   low ≤ c ≤ high

falls apart into the roots ``w_v(c_v) = target_v``. The multiplier of a target is ``1/(−w_v'(c_v))``, what an easier
target would save, and 0 where a minimum asks for more than the target does; they prove the plan (``cheapest_bound``).
"""

from dataclasses import replace

import numpy as np

from budget.allocation.convex.minimax import spend_to_level
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.water_filling import Batch
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import InfeasibleError
from budget.numerics.words import apart

LARGEST_SPEND = 1e200
"""A spend from which none is looked for: its square would overflow float64, which ends at 1.8e308."""

SAME_SPEND = 1e-12
"""Relative distance by which what targets need may pass a limit: rounding of a limit read in decimals is no excess."""


def least_spends(problem: Problem) -> np.ndarray:
    """The least spend (T,) that brings each task alone to its target, whatever the limits; infinite where none does.

    Values are counted from their targets, so a floor of 0 or more is out of reach, and so is what takes a spend that is
    no number: a floor a rounding below the target.
    """
    return _spends_to_targets(problem.value, problem.cost.take(problem.serves))


def least_spends_each(batch: Batch) -> np.ndarray:
    """The same (Q, V) for Q problems of one task a model."""
    return _spends_to_targets(batch.value, batch.cost).reshape(batch.low.shape)


def _spends_to_targets(value: PlanningForm, cost: Posynomial) -> np.ndarray:
    spend = np.full(len(value), np.inf)
    pick = np.flatnonzero(value.least < 0)
    value, cost = value.take(pick), cost.take(pick)
    with np.errstate(over="ignore"):
        near = np.maximum(_own_scale(value, cost, one_model=False), 1e-300)
    there = np.flatnonzero(near < LARGEST_SPEND)
    pick = pick[there]
    if len(pick):
        spend[pick] = spend_to_level(value.take(there), cost.take(there), np.zeros(len(pick)), near[there])
    return spend


def own_scale_spend(problem: Problem) -> np.ndarray:
    """A spend (V,) to start from where there is no budget: what log inputs at the curves' own scale cost."""
    one_model = len(problem.cost) < len(problem.value)
    return _own_scale(problem.value, problem.cost.take(problem.serves), one_model=one_model)[: len(problem.cost)]


def _own_scale(value: PlanningForm, cost: Posynomial, *, one_model: bool) -> np.ndarray:
    """What (T,) each task's model costs where the slowest of its terms is as large as the gap from floor to target."""
    if len(value) == 0:
        return np.zeros(0)
    local = value.tangent(np.zeros((len(value), value.inputs)))
    exponent = local.exponent.sum(axis=2)
    scale = ((np.log(-local.offset / exponent.shape[1])[:, None] - local.log_coef) / exponent).max(axis=1)
    if one_model:
        scale = np.full_like(scale, scale.max())  # for all targets
    return cost.value(np.repeat(scale[:, None], cost.inputs, axis=1))


def refuse_unreachable(problem: Problem, least: np.ndarray) -> None:
    """Refuse targets that no spend reaches, ``least`` (T,) being infinite there.

    Raises:
        InfeasibleError: names their tasks.
    """
    lost = np.flatnonzero(np.isinf(least))
    if len(lost):
        listed = ", ".join(_task_names(problem)[task] for task in lost[:8])
        within = "" if problem.reach is None else " within the reach"
        lift = "" if problem.reach is None else ", raise --reach"
        raise InfeasibleError(
            f"The target of {listed} lies beyond what the fitted curve reaches with any spend{within}; set a target "
            f"above its floor (see 'budget fit'){lift}, or ask for --at-least fewer."
        )


def refuse_too_dear(problem: Problem, spend: np.ndarray) -> None:
    """Refuse spends (V,) to the targets that pass a maximum or the budget.

    Raises:
        InfeasibleError: says by how much.
    """
    over = np.flatnonzero(spend > problem.high * (1 + SAME_SPEND))
    if len(over):
        first = over[0]
        is_reach = problem.reach is not None and problem.high[first] >= problem.reach[first]
        own = "its reach" if is_reach else "its max"
        what = own if problem.high[first] < problem.budget else "the budget"
        takes, limit = apart(float(spend[first]), float(problem.high[first]))
        raise InfeasibleError(
            f"The target of {_task_names(problem)[first]} takes {takes}, above {what} of "
            f"{limit}; raise that, or set an easier target."
        )
    if spend.sum() > problem.budget * (1 + SAME_SPEND):
        takes, limit = apart(float(spend.sum()), problem.budget)
        raise InfeasibleError(
            f"Meeting every target takes {takes}, above the budget of {limit}; raise it, lower "
            "targets, or ask for --at-least fewer."
        )


def without_limits(problem: Problem) -> Problem:
    """The problem of the same targets with none of the limits but what the smallest models take."""
    models = len(problem.cost)
    return replace(problem, budget=np.inf, high=np.full(models, np.inf), further=(), rows=())


def _task_names(problem: Problem) -> tuple[str, ...]:
    count = len(problem.value)
    return problem.names if len(problem.names) == count else tuple(f"task {task + 1}" for task in range(count))
