"""Plans of problems that are no convex program, from each task's own response to its spend.

Scores behind a link, targets, tasks that may be given nothing, a menu of sizes, checkpoints that can be trained on, and
laws that are no sum of falling powers: whatever a task's best measure at a spend is, it falls with the spend, and that
is all that ``envelope`` and ``targets`` ask for.
"""

from dataclasses import replace

import numpy as np

from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import AT_LIMIT
from budget.allocation.nonconvex.best_levels import EXACT, best_levels
from budget.allocation.nonconvex.envelope import solve_nonconvex
from budget.allocation.nonconvex.responses import Responses
from budget.allocation.nonconvex.spend_response import SpendResponse, only_in_name, spend_response
from budget.allocation.nonconvex.target_knapsack import cheapest_targets, most_targets
from budget.allocation.plan.assembly import SolvedPlan
from budget.allocation.plan.baseline_scores import baseline, compare
from budget.allocation.plan.binding_limits import own_lines
from budget.allocation.plan.plan import AS_PREDICTED, KEPT, Baseline, LimitLine
from budget.allocation.spec.objectives import MEAN, Objective
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.errors import InfeasibleError
from budget.numerics.quantities.amounts import stays_unspent
from budget.numerics.words import apart

GAP = 1e-4
"""Share of the range between worst and best at which the search for a better plan ends."""

REST_GAP = 1e-3
"""The same for what targets leave, and for how little does for them, which the draws tell no better."""

STEP = 1e-3
"""Relative step of the differences behind marginal returns."""

FAR = 1e12
"""How far above the budget or the largest measured run a spend to a level is looked for, and how far below."""

HALVINGS = 60
"""Bisections of the logarithm of a spend, or of a level: to rounding."""

COARSE = 20
"""The same where only the spends of a draw's plan are wanted."""

CLOSE = 1e-4
"""Distance of the logarithms of spends between which those to a level are known where only a draw's are wanted."""

TINY = 1e-3
"""Share of an equal part of the budget below which the smallest model's cost is no minimum to plan with."""

SAVING = 6
"""Halvings of the share of the budget that does for the targets, as far as the draws tell."""

LEVEL = 1e-9
"""Relative distance from the worst measure within which a task is at the worst level."""


def plan_nonconvex(curves: Curves, spec: PlanSpec, *, gap: float = GAP, told: bool = False) -> SolvedPlan:
    """The best split for a question that is no convex program, with its bound.

    Args:
        curves: of T tasks.
        spec: such that ``spec.is_separable``.
        gap: share of the range at which the search ends.
        told: whether spends are chosen by what a reader is told; sizes are those of the curves that plans are made on.

    Raises:
        InfeasibleError: the limits contradict the budget, or targets cannot be met.
        SolverError: a response is not a number.
    """
    response = replace(spend_response(curves, spec), told=told)
    low, high = spend_bounds(response)
    objective = spec.objective
    if objective.minimizes_spend:
        return _cheapest(response, low, high)
    if objective.counts_targets and spec.risk.reads_draws:
        return _likeliest_targets(response, low, high, gap)
    if objective.counts_targets:
        return _most_targets(response, low, high, gap)
    if objective.takes_largest:
        return _level(response, low, high, EXACT if gap <= GAP else CLOSE)
    found = solve_nonconvex(_responses(response, objective, low, high), gap=gap)
    return solved_plan_of_spends(
        response, found.spend, found.bound, found.price, found.efficient, found.solver, found.status
    )


def spend_bounds(response: SpendResponse) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest spend (T,) of a task that is served.

    Raises:
        InfeasibleError: a task that must be served can pay for no size on the menu.
    """
    tasks, budget = response.spec.tasks, response.spec.budget
    low, high = response.spec.own_limits
    reach = response.reach
    low = np.maximum(np.where(response.spec.is_held, np.minimum(low, reach), low), response.least)
    high = np.minimum(np.minimum(high, reach), budget)
    # a task that need not be served and cannot pay for a model goes without: at its maximum its response is infinite
    low = np.where(np.isfinite(response.unserved_value), np.minimum(low, high), low)
    for task in np.flatnonzero(low > high):
        takes, most = apart(float(low[task]), float(high[task]))
        what = "the cheapest of the --sizes" if response.spec.sizes else "the smallest model there is"
        raise InfeasibleError(
            f"Serving {tasks.names[task]} takes {takes} {response.spec.unit} with {what}, above the {most} that it may "
            "have; raise that, add a smaller size, or lower served_tokens."
        )
    return low, high


def _responses(response: SpendResponse, objective: Objective, low: np.ndarray, high: np.ndarray) -> Responses:
    """The terms of an objective that sums them, as each task's response to its spend."""

    def worth(task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        return response.term(task, spend, objective)

    budget = response.spec.budget
    # where the smallest model takes next to nothing, the grid need not begin there: below it the response is infinite
    tiny = (low <= response.least) & (low < TINY * budget / len(low))
    return Responses(
        worth,
        np.where(tiny, 0.0, low),
        high,
        budget,
        response.term_of(np.arange(len(low)), response.unserved_value, objective),
    )


def nonconvex_baselines(curves: Curves, spec: PlanSpec, least: float, *, drawn: bool = False) -> tuple[Baseline, ...]:
    """What a plan of this kind that spends ``least`` is compared with, in every draw, too, where ``drawn``."""
    response = spend_response(curves, spec)
    low, high = spend_bounds(response)
    limits = Problem(
        response.cost,
        response.cost,
        spec.budget,
        low,
        high,
        names=spec.tasks.names,
        reach=None if np.isinf(spec.reach) else response.reach,
    )
    beyond = response if np.isinf(spec.reach) else spend_response(curves, replace(spec, reach=np.inf))

    def score(name: str, spend: np.ndarray) -> Baseline:
        inputs = np.full((len(spend), len(curves.scale_columns)), -np.inf)
        served, kept = np.flatnonzero(spend > 0), np.flatnonzero((spend == 0) & np.isfinite(response.spent_already))
        inputs[served] = response.log_inputs(served, spend[served])
        far = np.flatnonzero(spend > response.reach * (1 + LEVEL))
        inputs[far] = beyond.log_inputs(far, spend[far])
        inputs[kept] = response.checkpoint_inputs(kept)
        return baseline(
            curves, spec, name, spend[None], inputs, limits, np.isfinite(response.unserved_value), drawn=drawn
        )

    def worth(task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        return response.term(task, spend, None if spec.objective.is_sum else MEAN)

    return compare(spec, limits, worth, score, least)


def least_spend(response: SpendResponse, level: np.ndarray, most: np.ndarray, halvings: int = HALVINGS) -> np.ndarray:
    """The least spend (T,) at which each task's measure is at its level, to rounding and never below it.

    Args:
        response: of T tasks.
        level: (T,).
        most: (T,) the largest spend that is looked at; infinity is returned where it does not suffice.
        halvings: of its logarithm, fewer where it need not be to rounding.
    """
    every = np.arange(len(level))
    with np.errstate(invalid="ignore"):
        at_once = response.unserved_value <= level
    # from the smallest model; where there is none, the least spend that is wanted may lie far below what is looked at
    low, high = np.log(most) - 4 * np.log(FAR), np.log(most)
    low = np.where(response.smallest > 0, np.minimum(np.log(np.maximum(response.smallest, 1e-300)), high), low)
    never = ~(response.value_at(every, most) <= level)
    open_ = np.flatnonzero(~(at_once | never))
    for _ in range(halvings):
        middle = 0.5 * (low[open_] + high[open_])
        enough = response.value_at(open_, np.exp(middle)) <= level[open_]
        low[open_], high[open_] = np.where(enough, low[open_], middle), np.where(enough, middle, high[open_])
    return np.where(at_once, 0.0, np.where(never, np.inf, np.exp(high)))


def needed_spends(curves: Curves, spec: PlanSpec) -> np.ndarray:
    """The least spend (T,) that meets each target, whatever the budget and maxima; infinite where none does."""
    response = spend_response(curves, spec)
    return _needed(response, spend_bounds(response)[0], _far(response))[0]


def _most_targets(response: SpendResponse, low: np.ndarray, high: np.ndarray, gap: float) -> SolvedPlan:
    """The targets of greatest weight; what they leave goes to the mean."""
    spec = response.spec
    needed, kept_back = _needed(response, low, high, HALVINGS if gap <= GAP else COARSE)
    found = most_targets(needed - kept_back, spec.tasks.weight, spec.budget - kept_back.sum(), high=high - kept_back)
    held = _replaced(found.chosen, needed, low)
    try:
        rest = solve_nonconvex(_responses(response, MEAN, held, np.maximum(high, held)), gap=max(gap, REST_GAP))
        # a target that is met must stay so, even where giving the task nothing were better for the mean
        kept = (rest.spend >= needed * (1 - AT_LIMIT)) | ~found.chosen
        spend = rest.spend if kept.all() else kept_back + found.spend
    except InfeasibleError:
        spend = kept_back + found.spend  # the targets take everything, and the others get no more than their minimum
    spend = np.where(only_in_name(spec, spend, response.least) & ~found.chosen, 0.0, spend)
    nothing = np.full(len(spend), np.nan)
    status = "proven" if found.bound <= found.value * (1 + 1e-9) else "gap"
    return solved_plan_of_spends(
        response, spend, -found.bound, 0.0, np.where(needed < np.inf, needed, nothing), "knapsack", status
    )


def _likeliest_targets(response: SpendResponse, low: np.ndarray, high: np.ndarray, gap: float) -> SolvedPlan:
    """The greatest expected weight of targets met, but for what the draws cannot tell; the rest goes to the mean.

    A task's term rises with its spend as the share of the draws in which its target is met, in steps of a draw. The
    last steps are dear: a tenth of the budget may make a target sure that is met in 97 % of the draws, and leave
    nothing to tasks whose target is out of reach. So the least budget is looked for that comes within the standard
    error of so many draws, and what is left improves the mean over all tasks.

    See docs/decisions/067-counting-targets.md.
    """
    spec = response.spec
    parts = _responses(response, spec.objective, low, high)
    best = solve_nonconvex(parts, gap=gap)
    met = -response.term(np.arange(len(low)), np.where(best.spend > 0, best.spend, high)) / spec.tasks.weight
    shares = np.where(best.spend > 0, np.clip(met, 0.0, 1.0), 0.0)
    draws = len(response.curves.draws)
    error = float(np.sqrt((spec.tasks.weight**2 * shares * (1 - shares)).sum() / draws))
    found, little, enough = best, 0.0, 1.0
    for _ in range(SAVING):
        share = 0.5 * (little + enough)
        try:
            tried = solve_nonconvex(replace(parts, budget=share * spec.budget), gap=max(gap, REST_GAP))
        except InfeasibleError:
            little = share
            continue
        if tried.value <= best.value + error:
            found, enough = tried, share
        else:
            little = share
    held = np.maximum(found.spend, low)
    try:
        rest = solve_nonconvex(_responses(response, MEAN, held, np.maximum(high, held)), gap=max(gap, REST_GAP))
        kept = rest.spend >= found.spend * (1 - AT_LIMIT)
        spend = rest.spend if kept.all() else found.spend
    except InfeasibleError:
        spend = best.spend  # nothing is left
    status = "gap" if found is not best else best.status
    return solved_plan_of_spends(response, spend, best.bound, 0.0, best.efficient, best.solver, status)


def _needed(
    response: SpendResponse, low: np.ndarray, most: np.ndarray, halvings: int = HALVINGS
) -> tuple[np.ndarray, np.ndarray]:
    """The least spend (T,) at which each target is met, and what of it is spent anyway.

    A task that cannot be given nothing takes its minimum whether its target is met or not, so that what a target costs
    is the rest. Where that is no more than one parameter takes for one token, nobody trains it: see ``only_in_name``.
    """
    least = least_spend(response, _target(response), most, halvings)
    optional = np.isfinite(response.unserved_value)
    needed = np.where(optional & (least == 0), 0.0, np.maximum(least, low))
    return needed, np.where(optional | only_in_name(response.spec, low, response.least), 0.0, low)


def _replaced(mask: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """``new`` where the mask holds and is positive, else ``old``."""
    return np.where(mask & (new > 0), new, old)


def _cheapest(response: SpendResponse, low: np.ndarray, high: np.ndarray) -> SolvedPlan:
    spec = response.spec
    most = np.minimum(high, _far(response))
    needed, kept_back = _needed(response, low, most)
    asked = spec.at_least or len(needed)
    lost = [name for name, cost in zip(spec.tasks.names, needed, strict=True) if not np.isfinite(cost)]
    if len(needed) - len(lost) < asked:
        raise InfeasibleError(
            f"The target of {', '.join(lost[:8])} lies beyond what the fitted curve reaches within its limits; set an "
            "easier target, or ask for --at-least fewer."
        )
    found = cheapest_targets(needed - kept_back, None, float(asked))
    spend = np.where(found.chosen, kept_back + found.spend, kept_back)
    if spend.sum() > spec.budget * (1 + 1e-12):
        takes, limit = apart(float(spend.sum()), spec.budget)
        raise InfeasibleError(
            f"Meeting {asked} targets takes {takes}, above the budget of {limit}; raise it, "
            "lower targets, or ask for fewer."
        )
    status = "proven" if found.bound >= found.value * (1 - 1e-9) else "gap"
    bound = found.bound + float(kept_back.sum())
    told = spec.meets_targets_alone and response.curves.told is not response.curves
    solver = AS_PREDICTED if told else "knapsack"
    return solved_plan_of_spends(response, spend, bound, 0.0, needed, solver, status)


def _level(response: SpendResponse, low: np.ndarray, high: np.ndarray, close: float) -> SolvedPlan:
    """The best worst task, then the next worst; what more brings no level of is spent no more."""
    spec = response.spec
    first = np.maximum(low, np.minimum(spec.budget / FAR / len(low), high))
    found = best_levels(response.term, first, high, spec.budget, response.idle_term, close)
    spend = np.where(found.spend > 0, np.maximum(found.spend, low), 0.0)
    nothing = np.full(len(low), np.nan)
    status = "optimal" if close == EXACT else "coarse"
    return solved_plan_of_spends(response, spend, found.bound, 0.0, nothing, "bisection", status)


def _target(response: SpendResponse) -> np.ndarray:
    return response.spec.measure.of_value(
        response.curves, np.arange(len(response.spent_already)), response.spec.tasks.target
    )


def _far(response: SpendResponse) -> np.ndarray:
    """(T,) a spend beyond any that is worth looking at."""
    largest = {
        name: values for name, values in response.curves.largest.items() if name in response.curves.scale_columns
    }
    inputs = np.log(np.column_stack([largest[name] for name in response.curves.scale_columns[: response.cost.inputs]]))
    return response.cost.value(inputs) * FAR


def solved_plan_of_spends(
    response: SpendResponse,
    spend: np.ndarray,
    bound: float,
    price: float,
    efficient: np.ndarray,
    solver: str,
    status: str,
) -> SolvedPlan:
    """The plan that gives tasks (T,) a spend each, every model the best at it."""
    spec = response.spec
    low, high = spend_bounds(response)
    served = np.flatnonzero(spend > 0)
    unserved_value = np.isfinite(response.spent_already) & (spend == 0)
    inputs = np.full((len(spend), len(response.curves.scale_columns)), -np.inf)
    inputs[served] = response.log_inputs(served, spend[served])
    kept = np.flatnonzero(unserved_value)
    inputs[kept] = response.checkpoint_inputs(kept)
    marginal = np.zeros(len(spend))
    here, beyond = response.term(served, spend[served]), response.term(served, spend[served] * (1 + STEP))
    slope = np.maximum(here - beyond, 0.0) / (spend[served] * STEP)
    if spec.objective.moves_in_steps:
        marginal[:], price = np.nan, np.nan
    elif spec.objective.takes_largest:
        # the tasks at the worst level rise together: one unit more is shared as their slopes demand
        level = (here >= here.max(initial=-np.inf) - LEVEL * np.abs(here).max(initial=0.0)) & (slope > 0)
        price = float(1 / (1 / slope[level]).sum()) if level.any() and np.isfinite(spec.budget) else 0.0
        marginal[served[level]] = price
    else:
        marginal[served] = slope
    at_low = (spend > 0) & (spend <= low * (1 + AT_LIMIT))
    at_high = (spend >= high * (1 - AT_LIMIT)) & (high < spec.budget)
    words = np.select(
        [spec.is_held & at_high, unserved_value, spend == 0, at_high & (high >= response.reach), at_high, at_low],
        [KEPT, "kept", "unserved", "reach", "max", "min"],
        spec.objective.stops_at,
    )
    lines = []
    if np.isfinite(spec.budget):
        lines.append(LimitLine("budget", spec.unit, spec.budget, float(spend.sum()), price))
    excess = marginal - price
    charges = np.where(at_low, np.maximum(-excess, 0.0), 0.0), np.where(at_high, np.maximum(excess, 0.0), 0.0)
    lines += own_lines(
        spec.unit, spec.tasks.names, spec.budget, spend, (low, high), charges, response.smallest, response.reach
    )
    return SolvedPlan(
        log_inputs=inputs,
        amounts=spend[None],
        bound=bound,
        marginal=marginal,
        shadow_price=price,
        efficient=efficient,
        binding=tuple(words.tolist()),
        limits=tuple(lines),
        notes=_notes(response, spend),
        solver=solver,
        status=status,
    )


def _notes(response: SpendResponse, spend: np.ndarray) -> tuple[str, ...]:
    spec = response.spec
    notes = []
    left = spec.budget - spend.sum()
    if not spec.objective.minimizes_spend and np.isfinite(left) and left > 1e-6 * spec.budget:
        notes.append(f"{stays_unspent(left, spec.unit)}: no task gains from more within its limits.")
    if spec.risk.reads_draws and response.value is not None and not spec.sizes:
        notes.append("The size of each model is the point fit's best at its spend; the draws decide the spends.")
    return tuple(notes)
