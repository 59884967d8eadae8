"""Plans of problems that are no convex program, from each task's own response to its spend.

Scores behind a link, targets, tasks that may be given nothing, a menu of sizes, checkpoints that can be trained on, and
laws that are no sum of falling powers: whatever a task's best measure at a spend is, it falls with the spend, and that
is all that ``envelope`` and ``targets`` ask for.
"""

import numpy as np

from budget.allocation.convex.certificate import AT_LIMIT
from budget.allocation.convex.problem import Problem
from budget.allocation.nonconvex.envelope import solve_separable
from budget.allocation.nonconvex.responses import Responses
from budget.allocation.nonconvex.spend_response import Ways, ways_of
from budget.allocation.nonconvex.target_knapsack import cheapest_targets, most_targets
from budget.allocation.plan.assembly import Outcome
from budget.allocation.plan.baseline_scores import baseline, compare
from budget.allocation.plan.explanations import own_lines
from budget.allocation.plan.plan import Baseline, LimitLine
from budget.allocation.spec.objectives import not_computed
from budget.allocation.spec.plan_spec import Question
from budget.curves.curves import Curves
from budget.errors import InfeasibleError
from budget.numerics.words import apart

GAP = 1e-4
"""Share of the range between worst and best at which the search for a better plan ends."""

STEP = 1e-3
"""Relative step of the differences behind marginal returns."""

FAR = 1e12
"""How far above the budget or the largest measured run a spend to a level is looked for, and how far below."""

HALVINGS = 60
"""Bisections of the logarithm of a spend, or of a level: to rounding."""

COARSE = 20
"""The same where only the spends of a draw's plan are wanted."""

TINY = 1e-3
"""Share of an equal part of the budget below which the smallest model's cost is no minimum to plan with."""

LEVEL = 1e-9
"""Relative distance from the worst measure within which a task is at the worst level."""


def plan_separately(curves: Curves, question: Question, *, gap: float = GAP) -> Outcome:
    """The best split for a question that is no convex program, with its bound.

    Args:
        curves: of T tasks.
        question: such that ``question.is_separable``.
        gap: share of the range at which the search ends.

    Raises:
        InfeasibleError: the limits contradict the budget, or targets cannot be met.
        SolverError: a response is not a number.
    """
    ways = ways_of(curves, question)
    low, high = ends(ways)
    if question.objective == "targets":
        return _most_targets(ways, low, high, gap)
    if question.objective == "cheapest":
        return _cheapest(ways, low, high)
    if question.objective == "worst":
        return _level(ways, low, high, HALVINGS if gap <= GAP else COARSE)
    if question.objective != "mean":
        raise not_computed("objective", question.objective)
    weight = question.weight
    found = solve_separable(_responses(ways, weight, low, high), gap=gap)
    return outcome_of_spends(ways, found.spend, found.bound, found.price, found.efficient, found.solver, found.status)


def ends(ways: Ways) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest spend (T,) of a task that is served.

    Raises:
        InfeasibleError: a task that must be served can pay for no size on the menu.
    """
    tasks, budget = ways.question.tasks, ways.question.budget
    low = np.maximum(np.nan_to_num(tasks.min, nan=0.0), ways.least)
    high = np.minimum(np.nan_to_num(tasks.max, nan=np.inf), budget)
    # a task that need not be served and cannot pay for a model goes without: at its maximum its response is infinite
    low = np.where(np.isfinite(ways.idle), np.minimum(low, high), low)
    for task in np.flatnonzero(low > high):
        takes, most = apart(float(low[task]), float(high[task]))
        what = "the cheapest of the --sizes" if ways.question.sizes else "the smallest model there is"
        raise InfeasibleError(
            f"Serving {tasks.names[task]} takes {takes} {ways.question.unit} with {what}, above the {most} that it may "
            "have; raise that, add a smaller size, or lower served_tokens."
        )
    return low, high


def _responses(ways: Ways, weight: np.ndarray, low: np.ndarray, high: np.ndarray) -> Responses:
    def worth(task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        return weight[task] * ways.worth(task, spend)

    budget = ways.question.budget
    # where the smallest model takes next to nothing, the grid need not begin there: below it the response is infinite
    tiny = (low <= ways.least) & (low < TINY * budget / len(low))
    return Responses(worth, np.where(tiny, 0.0, low), high, budget, weight * ways.idle)


def separate_baselines(curves: Curves, question: Question) -> tuple[Baseline, ...]:
    """What a plan of this kind is compared with."""
    ways = ways_of(curves, question)
    low, high = ends(ways)
    limits = Problem(ways.cost, ways.cost, question.budget, low, high, names=question.tasks.names)

    def score(name: str, spend: np.ndarray) -> Baseline:
        inputs = np.full((len(spend), len(curves.inputs)), -np.inf)
        served, kept = np.flatnonzero(spend > 0), np.flatnonzero((spend == 0) & np.isfinite(ways.sunk))
        inputs[served] = ways.inputs(served, spend[served])
        inputs[kept] = ways.checkpoint_inputs(kept)
        return baseline(curves, question, name, spend[None], inputs, limits, np.isfinite(ways.idle))

    def worth(task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        return question.weight[task] * ways.worth(task, spend)

    return compare(question, limits, worth, score)


def least_spend(ways: Ways, level: np.ndarray, most: np.ndarray) -> np.ndarray:
    """The least spend (T,) at which each task's measure is at its level, to rounding and never below it.

    Args:
        ways: of T tasks.
        level: (T,).
        most: (T,) the largest spend that is looked at; infinity is returned where it does not suffice.
    """
    every = np.arange(len(level))
    with np.errstate(invalid="ignore"):
        at_once = ways.idle <= level
    # from the smallest model; where there is none, the least spend that is wanted may lie far below what is looked at
    low, high = np.log(most) - 4 * np.log(FAR), np.log(most)
    low = np.where(ways.smallest > 0, np.minimum(np.log(np.maximum(ways.smallest, 1e-300)), high), low)
    never = ~(ways.worth(every, most) <= level)
    open_ = np.flatnonzero(~(at_once | never))
    for _ in range(HALVINGS):
        middle = 0.5 * (low[open_] + high[open_])
        enough = ways.worth(open_, np.exp(middle)) <= level[open_]
        low[open_], high[open_] = np.where(enough, low[open_], middle), np.where(enough, middle, high[open_])
    return np.where(at_once, 0.0, np.where(never, np.inf, np.exp(high)))


def needed_spends(curves: Curves, question: Question) -> np.ndarray:
    """The least spend (T,) that meets each target, whatever the budget and maxima; infinite where none does."""
    ways = ways_of(curves, question)
    return _needed(ways, ends(ways)[0], _far(ways))[0]


def _most_targets(ways: Ways, low: np.ndarray, high: np.ndarray, gap: float) -> Outcome:
    """The targets of greatest weight; what they leave goes to the mean."""
    question = ways.question
    needed, kept_back = _needed(ways, low, high)
    found = most_targets(
        needed - kept_back, question.tasks.weight, question.budget - kept_back.sum(), high=high - kept_back
    )
    held = _replaced(found.chosen, needed, low)
    try:
        rest = solve_separable(_responses(ways, question.weight, held, np.maximum(high, held)), gap=max(gap, 1e-3))
        # a target that is met must stay so, even where giving the task nothing were better for the mean
        kept = (rest.spend >= needed * (1 - AT_LIMIT)) | ~found.chosen
        spend = rest.spend if kept.all() else kept_back + found.spend
    except InfeasibleError:
        spend = kept_back + found.spend  # the targets take everything, and the others get no more than their minimum
    nothing = np.full(len(spend), np.nan)
    status = "proven" if found.bound <= found.value * (1 + 1e-9) else "gap"
    return outcome_of_spends(
        ways, spend, -found.bound, 0.0, np.where(needed < np.inf, needed, nothing), "knapsack", status
    )


def _needed(ways: Ways, low: np.ndarray, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least spend (T,) at which each target is met, and what of it is spent anyway.

    A task that cannot be given nothing takes its minimum whether its target is met or not, so that what a target costs
    is the rest.
    """
    least = least_spend(ways, _target(ways), most)
    optional = np.isfinite(ways.idle)
    needed = np.where(optional & (least == 0), 0.0, np.maximum(least, low))
    return needed, np.where(optional, 0.0, low)


def _replaced(mask: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """``new`` where the mask holds and is positive, else ``old``."""
    return np.where(mask & (new > 0), new, old)


def _cheapest(ways: Ways, low: np.ndarray, high: np.ndarray) -> Outcome:
    question = ways.question
    most = np.minimum(high, _far(ways))
    needed, kept_back = _needed(ways, low, most)
    asked = question.at_least or len(needed)
    lost = [name for name, cost in zip(question.tasks.names, needed, strict=True) if not np.isfinite(cost)]
    if len(needed) - len(lost) < asked:
        raise InfeasibleError(
            f"The target of {', '.join(lost[:8])} lies beyond what the fitted curve reaches within its limits; set an "
            "easier target, or ask for --at-least fewer."
        )
    found = cheapest_targets(needed - kept_back, None, float(asked))
    spend = kept_back + found.spend
    if spend.sum() > question.budget * (1 + 1e-12):
        takes, limit = apart(float(spend.sum()), question.budget)
        raise InfeasibleError(
            f"Meeting {asked} targets takes {takes}, above the budget of {limit}; raise it, "
            "lower targets, or ask for fewer."
        )
    status = "proven" if found.bound >= found.value * (1 - 1e-9) else "gap"
    bound = found.bound + float(kept_back.sum())
    return outcome_of_spends(ways, spend, bound, 0.0, needed, "knapsack", status)


def _level(ways: Ways, low: np.ndarray, high: np.ndarray, halvings: int) -> Outcome:
    """The best worst task, by bisection on its level: no plan reaches a level whose least spends exceed the budget."""
    question = ways.question
    every, idle = np.arange(len(low)), ways.idle
    best = ways.worth(every, high)
    first = np.maximum(low, question.budget / FAR / len(low))
    at_first = ways.worth(every, first)
    worst = np.where(np.isnan(idle), at_first, np.fmax(idle, at_first))
    under, over = float(best.max()), float(worst.max())
    least, most = np.log(first), np.log(high)  # between which the spend to any level that is still open lies

    def total(log_spend: np.ndarray, level: float) -> tuple[float, np.ndarray]:
        spend = np.where(idle <= level, 0.0, np.clip(np.exp(log_spend), low, high))
        return float(spend.sum()), spend

    spend = total(most, under)[1]
    if spend.sum() > question.budget:
        for _ in range(halvings):
            level = 0.5 * (under + over)
            lower, upper = least.copy(), most.copy()
            for _ in range(HALVINGS):  # only until it is clear whether the budget suffices
                if total(upper, level)[0] <= question.budget or total(lower, level)[0] > question.budget:
                    break
                middle = 0.5 * (lower + upper)
                enough = ways.worth(every, np.exp(middle)) <= level
                lower, upper = np.where(enough, lower, middle), np.where(enough, middle, upper)
            cost, found = total(upper, level)
            if cost <= question.budget:
                over, least, spend = level, lower, found
            else:
                under, most = level, upper
        if spend.sum() > question.budget:
            raise InfeasibleError("No split within the limits keeps every task at a finite value; raise the budget.")
    left = question.budget - spend.sum()
    room = np.where(spend > 0, high - spend, 0.0)
    if room.sum() > 0:  # what rounding or a worst task at its maximum leaves improves the others
        spend = spend + room * min(1.0, left / room.sum())
    nothing = np.full(len(low), np.nan)
    return outcome_of_spends(
        ways, spend, under, 0.0, nothing, "bisection", "optimal" if halvings == HALVINGS else "coarse"
    )


def _target(ways: Ways) -> np.ndarray:
    return ways.question.measure.of_value(ways.curves, np.arange(len(ways.sunk)), ways.question.tasks.target)


def _far(ways: Ways) -> np.ndarray:
    """(T,) a spend beyond any that is worth looking at."""
    largest = {name: values for name, values in ways.curves.largest.items() if name in ways.curves.inputs}
    inputs = np.log(np.column_stack([largest[name] for name in ways.curves.inputs[: ways.cost.inputs]]))
    return ways.cost.value(inputs) * FAR


def outcome_of_spends(
    ways: Ways,
    spend: np.ndarray,
    bound: float,
    price: float,
    efficient: np.ndarray,
    solver: str,
    status: str,
) -> Outcome:
    """The plan that gives tasks (T,) a spend each, every model the best at it."""
    question = ways.question
    low, high = ends(ways)
    served = np.flatnonzero(spend > 0)
    idle = np.isfinite(ways.sunk) & (spend == 0)
    inputs = np.full((len(spend), len(ways.curves.inputs)), -np.inf)
    inputs[served] = ways.inputs(served, spend[served])
    kept = np.flatnonzero(idle)
    inputs[kept] = ways.checkpoint_inputs(kept)
    marginal = np.zeros(len(spend))
    here, beyond = ways.worth(served, spend[served]), ways.worth(served, spend[served] * (1 + STEP))
    slope = np.maximum(here - beyond, 0.0) / (spend[served] * STEP)
    if question.objective == "mean":
        marginal[served] = question.weight[served] * slope
    elif question.objective == "worst":
        # the tasks at the worst level rise together: one unit more is shared as their slopes demand
        level = (here >= here.max() - LEVEL * np.abs(here).max()) & (slope > 0)
        price = float(1 / (1 / slope[level]).sum()) if level.any() and np.isfinite(question.budget) else 0.0
        marginal[served[level]] = price
    else:  # counts and totals move in steps
        marginal[:], price = np.nan, np.nan
    at_low = (spend > 0) & (spend <= low * (1 + AT_LIMIT))
    at_high = (spend >= high * (1 - AT_LIMIT)) & (high < question.budget)
    word = "target" if question.objective == "cheapest" else "budget"
    words = np.select([idle, spend == 0, at_high, at_low], ["kept", "unserved", "max", "min"], word)
    lines = []
    if np.isfinite(question.budget):
        lines.append(LimitLine("budget", question.unit, question.budget, float(spend.sum()), price))
    excess = marginal - price
    charges = np.where(at_low, np.maximum(-excess, 0.0), 0.0), np.where(at_high, np.maximum(excess, 0.0), 0.0)
    lines += own_lines(question.unit, question.tasks.names, question.budget, spend, (low, high), charges, ways.smallest)
    return Outcome(
        inputs=inputs,
        given=spend[None],
        bound=bound,
        marginal=marginal,
        shadow_price=price,
        efficient=efficient,
        binding=tuple(words.tolist()),
        limits=tuple(lines),
        notes=_notes(ways, spend),
        solver=solver,
        status=status,
    )


def _notes(ways: Ways, spend: np.ndarray) -> tuple[str, ...]:
    question = ways.question
    notes = []
    left = question.budget - spend.sum()
    if question.objective != "cheapest" and np.isfinite(left) and left > 1e-6 * question.budget:
        notes.append(f"{left:.4g} {question.unit} stay unspent: no task gains from more within its limits.")
    if question.risk == "mean" and ways.value is not None:
        notes.append("The size of each model is the point fit's best at its spend; the draws decide the spends.")
    return tuple(notes)
