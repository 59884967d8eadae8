"""Why a plan is as it is: which limits bind, what loosening them would bring, why something stays unspent."""

from collections.abc import Sequence

import numpy as np

from budget.allocation.convex.optimum import Optimum
from budget.allocation.convex.problem import LinearConstraint, Problem
from budget.allocation.convex.shadow_prices import AT_LIMIT, Duals, marginal_return
from budget.allocation.plan.plan import KEPT, LimitLine
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.numerics.quantities.amounts import stays_unspent
from budget.numerics.words import listing, shortened

BROKEN = 1e-9
"""Relative distance by which a split may miss a limit to rounding."""

STOPS = 1e-5
"""Distance of a log input from the greatest within the reach at which it is stopped by it."""

NAMED = 4
"""Tasks that a sentence names before it counts the others."""


def limit_lines(spec: PlanSpec, problem: Problem, given: np.ndarray, prices: Duals) -> tuple[LimitLine, ...]:
    """Every limit of a convex plan with its price.

    Args:
        spec: what was asked.
        problem: the solved problem.
        given: (R, V) what the models are given.
        prices: of the limits.
    """
    lines = []
    totals = [(spec.unit, problem.budget), *((each.unit, each.budget) for each in problem.further)]
    for position, (unit, total) in enumerate(totals):
        if np.isfinite(total):
            word = "budget" if position == 0 else f"budget in {unit}"
            price = float(prices.budget[position]) if not spec.objective.minimizes_spend or position else 0.0
            lines.append(LimitLine(word, unit, total, float(given[position].sum()), price))
    lines += own_lines(
        spec.unit,
        problem.names,
        problem.budget,
        given[0],
        (problem.low, problem.high),
        (prices.low, prices.high),
        problem.smallest,
        problem.reach,
    )
    for row, price in zip(problem.rows, prices.row, strict=True):
        unit = totals[row.resource][0]
        used = float(row.coefficient @ given[row.resource])
        lines.append(LimitLine(row.name, unit, row.sign * row.upper, row.sign * used, float(price)))
    return tuple(lines)


def own_lines(
    unit: str,
    names: Sequence[str],
    budget: float,
    spend: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    prices: tuple[np.ndarray, np.ndarray],
    smallest: np.ndarray,
    reach: np.ndarray | None = None,
) -> list[LimitLine]:
    """The minimum and the maximum of each model that has one, or what is within its reach.

    Args:
        unit: of the budget.
        names: (V,) of the models.
        budget: the total; a greatest spend that reaches it is none.
        spend: (V,).
        ends: (V,) least and (V,) greatest spends.
        prices: (V,) of each.
        smallest: (V,) what the smallest model takes, which is a limit worth a line only where it stops the plan.
        reach: (V,) greatest spends within the reach, likewise.
    """
    lines = []
    for model, name in enumerate(names):
        low, high = (float(end[model]) for end in ends)
        is_stated = low > smallest[model]
        if is_stated or (low > 0 and spend[model] <= low * (1 + AT_LIMIT)):
            word = "min" if is_stated else "smallest model"
            lines.append(LimitLine(f"{word} of {name}", unit, low, float(spend[model]), float(prices[0][model])))
        word = "max" if reach is None or high < reach[model] else "reach"
        if high < budget and (word == "max" or spend[model] >= high * (1 - AT_LIMIT)):
            lines.append(LimitLine(f"{word} of {name}", unit, high, float(spend[model]), float(prices[1][model])))
    return lines


def binding(
    problem: Problem,
    given: np.ndarray,
    prices: Duals,
    serves: np.ndarray,
    word: str = "budget",
    held: np.ndarray | None = None,
) -> tuple[str, ...]:
    """What stops each task's spend: ``min``, ``max``, ``reach``, a word, a further unit or a row's name, or ``kept``.

    Several are joined by ``|``.

    Args:
        problem: the solved problem.
        given: (R, V) what the models are given.
        prices: of the limits.
        serves: (T,) the model of each task.
        word: for what stops a spend that no limit of its own stops: the budget, or the target of the cheapest plan.
        held: (T,) whether a task gets no more than it has, or than its share, for want of a trustworthy curve.
    """
    spend = given[0]
    words: list[list[str]] = [[] for _ in spend]
    at_low = (spend <= problem.low * (1 + AT_LIMIT)) & (problem.low > 0)
    at_high = (spend >= problem.high * (1 - AT_LIMIT)) & (spend < problem.budget * (1 - AT_LIMIT))
    units, rows = _charged(problem, given, prices)
    for named in words:
        named.extend(units)
    for row in rows:
        for touched in np.flatnonzero(row.coefficient):
            words[touched].append(row.name)
    result = []
    for model, named in enumerate(words):
        if at_high[model]:
            result.append("max" if problem.reach is None or problem.high[model] < problem.reach[model] else "reach")
        elif at_low[model]:
            result.append("min")
        else:
            spent_out = prices.budget[0] > 0 or not named
            result.append("|".join([*([word] if spent_out else []), *named]))
    kept = np.zeros(len(serves), dtype=bool) if held is None or len(result) < len(serves) else held & at_high[serves]
    return tuple(KEPT if keeps else result[model] for model, keeps in zip(serves, kept, strict=True))


def reach_lines(curves: Curves, problem: Problem, best: Optimum) -> tuple[LimitLine, ...]:
    """The largest params and tokens within the reach, of each model whose plan stops there, with their prices.

    The price of one more parameter or token is what the value still falls with it, less what it costs at the marginal
    return of the model's spend (KKT).
    """
    ceiling, u = problem.cost.ceiling, best.u
    if ceiling is None:
        return ()
    names = curves.planned_inputs[-u.shape[1] :] if u.shape[1] < 2 else curves.planned_inputs[:2]
    value, cost = problem.by_model, problem.cost
    raw = marginal_return(value, cost, u)
    with np.errstate(divide="ignore", invalid="ignore"):
        # what the objective makes of the model's value: 1 in a sum, its weight in the largest
        weight = np.where(raw > 0, best.certificate.marginal / raw, 0.0)[:, None]
        charge = best.certificate.duals.shadow_prices(problem)
        costs = [cost, *(each.cost for each in problem.further)]
        paid = sum(each[:, None] * of.gradient(u) for each, of in zip(charge, costs, strict=True))
        prices = np.maximum(-(weight * value.gradient(u) + paid), 0.0) / np.exp(u)
    lines = []
    for model, name in enumerate(problem.names):
        for at in np.flatnonzero(u[model] >= ceiling[model] - STOPS):
            most = float(np.exp(ceiling[model, at]))
            used = float(np.exp(u[model, at]))
            lines.append(LimitLine(f"reach of {names[at]} of {name}", names[at], most, used, float(prices[model, at])))
    return tuple(lines)


def _charged(problem: Problem, given: np.ndarray, prices: Duals) -> tuple[list[str], list[LinearConstraint]]:
    """The further units and the rows that are charged more than a solver's rounding, next to all that is charged."""
    further = [price * float(amount.sum()) for price, amount in zip(prices.budget[1:], given[1:], strict=True)]
    # a row between two tasks has a right side of 0, so what counts is what it weighs
    rows = [
        price * float(np.abs(row.coefficient * given[row.resource]).max())
        for row, price in zip(problem.rows, prices.row, strict=True)
    ]
    least = AT_LIMIT * max([float(prices.budget[0] * given[0].sum()), *further, *rows])
    units = [each.unit for each, worth in zip(problem.further, further, strict=True) if worth > least]
    return units, [row for row, worth in zip(problem.rows, rows, strict=True) if worth > least]


def broken_limits(
    problem: Problem, given: np.ndarray, optional: np.ndarray, tolerance: float = BROKEN
) -> tuple[str, ...]:
    """The names of the limits that amounts break, as ``limit_lines`` calls them.

    Args:
        problem: the limits.
        given: (R, V) what the models are given.
        optional: (V,) whether a model may be given nothing; one that must not and is given nothing is ``unserved``.
        tolerance: relative distance by which a limit may be missed.
    """
    spend, over = given[0], 1 + tolerance
    names = ["budget"] if spend.sum() > problem.budget * over else []
    names += [
        f"budget in {each.unit}"
        for each, amount in zip(problem.further, given[1:], strict=True)
        if amount.sum() > each.budget * over
    ]
    reach, greatest = problem.reach, np.minimum(problem.high, problem.budget)
    for position, (name, least, most, amount, may_idle) in enumerate(
        zip(problem.names, problem.low, greatest, spend, optional, strict=True)
    ):
        if amount == 0 and not may_idle:
            names.append(f"unserved {name}")
        elif 0 < amount < least * (1 - tolerance):
            names.append(f"min of {name}")
        elif most < problem.budget and amount > most * over:
            names.append(f"{'max' if reach is None or most < reach[position] else 'reach'} of {name}")
    for row in problem.rows:
        used = row.coefficient * given[row.resource]
        if used.sum() - row.upper > tolerance * max(abs(row.upper), float(np.abs(used).max())):
            names.append(row.name)
    return tuple(names)


def beyond_reach(problem: Problem, inputs: np.ndarray) -> tuple[str, ...]:
    """The models whose sizes or tokens pass the reach, as ``broken_limits`` calls them.

    Args:
        problem: the limits.
        inputs: (T, I') the law's log inputs of each task's model, the planned ones first.
    """
    ceiling = problem.cost.ceiling
    if ceiling is None or problem.reach is None or ceiling.shape[1] < 2:  # of one input, the spend says it
        return ()
    _, first = np.unique(problem.serves, return_index=True)
    beyond = inputs[first, :2] > ceiling + STOPS
    return tuple(f"reach of {name}" for name, one in zip(problem.names, beyond, strict=True) if one.any())


def broken_words(names: Sequence[str]) -> str:
    """What a split with these broken limits does, such as ``breaks the max of c and d and leaves b unserved``.

    Args:
        names: from ``broken_limits``, and ``target of c`` where the target of c is missed.
    """
    ends: dict[str, list[str]] = {"min": [], "max": [], "reach": []}
    unserved, missed, others = [], [], []
    for name in names:
        kind, _, whom = name.partition(" of ")
        if name.startswith("unserved "):
            unserved.append(name.removeprefix("unserved "))
        elif kind == "target":
            missed.append(whom)
        elif kind in ends and not whom.startswith("limit "):
            ends[kind].append(whom)
        else:
            others.append(f"the {name}")
    own = [f"the {kind} of {shortened(whom, NAMED)}" for kind, whom in ends.items() if whom]
    doing = [f"breaks {shortened([*own, *others], NAMED)}"] if own or others else []
    doing += [f"leaves {shortened(unserved, NAMED)} unserved"] if unserved else []
    doing += [f"misses the target of {shortened(missed, NAMED)}"] if missed else []
    return listing(doing)


def unspent(spec: PlanSpec, problem: Problem, given: np.ndarray, prices: Duals) -> tuple[str, ...]:
    """Why a part of the budget is left over: one sentence, or none."""
    left = problem.budget - given[0].sum()
    if spec.objective.minimizes_spend or not np.isfinite(left) or left <= 1e-6 * problem.budget:
        return ()
    units, rows = _charged(problem, given, prices)
    stops = [*(row.name for row in rows), *(f"the budget in {unit}" for unit in units)]
    if (given[0] >= problem.high * (1 - AT_LIMIT)).all():
        far = problem.reach is not None and (problem.high >= problem.reach).any()
        why = "every task is at its max or its reach" if far else "every task is at its max"
    elif stops:
        why = f"{' and '.join(stops[:3])} stop{'s' if len(stops) == 1 else ''} the plan first"
    else:
        why = "more of it would improve no task"
    return (f"{stays_unspent(left, spec.unit)}: {why}.",)
