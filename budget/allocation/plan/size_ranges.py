"""How sure the sizes of a plan's models are: over the draws, and by how flat the value is about the best size.

See docs/decisions/056-two-ranges-of-a-size.md.
"""

from dataclasses import replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs, into_domain, last_input
from budget.allocation.convex.problem import planned_cost
from budget.allocation.plan.assembly import law_inputs_of, measured, value_of_measures
from budget.allocation.plan.plan import Plan
from budget.allocation.risk.drawn_plans import DrawnPlans
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.scenarios import scenarios_of
from budget.curves.curves import Curves
from budget.numerics.interval import interval
from budget.numerics.roots import bisect

NEAR_LOSS = 1e-3
"""A size is near the best where its value at the same spend is worse by no more than this share of the best value."""

REACH = np.log(1e4)
"""How far from the best size, in its logarithm, the ends of the near ones are looked for."""


def with_size_ranges(curves: Curves, plan: Plan, drawn: DrawnPlans) -> Plan:
    """The plan with the ranges of its models' sizes.

    Args:
        curves: of T tasks.
        plan: of the point fit.
        drawn: the best plan in every draw's scenario; what each of them trains makes the 80 % ranges.
    """
    ends: dict[str, np.ndarray] = {}
    for name in ("params", "tokens"):
        if name in curves.scale_columns and len(drawn.log_inputs):
            with np.errstate(over="ignore"):
                low, high = interval(np.exp(drawn.log_inputs[:, :, curves.scale_columns.index(name)]))
            ends |= {f"{name}_low": low, f"{name}_high": high}
    params, tokens = near_sizes(curves, plan.spec, plan.spend, plan.params)
    return replace(plan, sizes=replace(plan.sizes, params_near=params, tokens_near=tokens, **ends))


def near_sizes(curves: Curves, spec: PlanSpec, spend: np.ndarray, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest size near each task's best at its spend, (T, 2), and what either is trained on.

    NaN where a size is not chosen freely (``chooses_sizes``), and for a task that is given nothing. For one shared
    model the value is the objective.

    Args:
        curves: of T tasks.
        spec: what is asked.
        spend: (T,) of the models, 0 where a task is given nothing; a shared model's whole one in every row.
        params: (T,) their sizes.
    """
    tasks, given = np.arange(len(curves.tasks)), spend > 0
    nothing = np.full((len(tasks), 2), np.nan)
    if not chooses_sizes(curves, spec) or not given.any():
        return nothing, nothing
    shared = spec.is_one_model
    cost = planned_cost(curves, spec, spec.unit)
    served = np.zeros(1, dtype=int) if shared else np.flatnonzero(given)
    cost, log_spend = cost.take(served), np.log(spend[served])
    centre = np.log(params[served])
    if not shared:  # a plan over the draws may have another size than the best of the point fit
        centre = best_inputs(scenarios_of(curves, spec.tasks).values.take(served), cost, np.exp(log_spend))[:, 0]

    def worth(log_params: np.ndarray) -> np.ndarray:
        u = last_input(cost, log_params[:, None], log_spend)
        if not shared:
            return measured(curves, spec, served, law_inputs_of(curves, spec, u, served))
        each = measured(curves, spec, tasks, law_inputs_of(curves, spec, np.repeat(u, len(tasks), axis=0)))
        return value_of_measures(curves, spec, each[None])

    best = worth(centre)
    most = best + NEAR_LOSS * np.abs(best)
    params, tokens = nothing.copy(), nothing.copy()
    for side, sign in enumerate((-1.0, 1.0)):
        outside = centre + sign * REACH
        if np.isfinite(spec.reach):  # within it the last size that a plan may have is an end
            edge = into_domain(cost, last_input(cost, outside[:, None], log_spend), log_spend)[:, 0]
            outside = sign * np.maximum(sign * edge, sign * centre)
        beyond = worth(outside) <= most
        inside, _ = bisect(lambda size: worth(size) <= most, centre, outside)
        u = np.exp(last_input(cost, inside[:, None], log_spend))
        if np.isinf(spec.reach):  # an end that is not found is none
            u[beyond] = [0.0, np.inf] if sign < 0 else [np.inf, 0.0]
        else:
            u[beyond] = np.exp(last_input(cost, outside[:, None], log_spend))[beyond]
        rows = tasks if shared else served
        params[rows, side], tokens[rows, side] = u[:, 0], u[:, 1]
    return params, tokens[:, ::-1]


def chooses_sizes(curves: Curves, spec: PlanSpec) -> bool:
    """Whether a plan divides each spend freely between parameters and tokens.

    Not where a size is given, or on a menu, or a checkpoint's, or a further unit limits it.
    """
    further = spec.further or any(limit.unit for limit in spec.limits)
    steps = spec.is_one_model and spec.objective.moves_in_steps
    given = spec.params is not None or spec.sizes or spec.has_checkpoints
    return {"params", "tokens"} <= set(curves.scale_columns) and not (further or steps or given)
