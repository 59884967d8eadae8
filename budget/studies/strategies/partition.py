"""Some tasks share a model: the best partition of a set into measured sets and specialists under one budget.

A block is a shared model that was measured on fewer tasks than the set, or one task's specialist. For every choice of
blocks in which each task stands once, the best split of the budget is a convex problem with one price, and all of them
are solved in one batch (``water_fill``). Where they are too many, those that cannot be the best are left out by a bound
(``promising_covers``). Choosing among many partitions by one fit favours those that look too good; the draws judge the
chosen one as they judge every other plan.

See docs/decisions/082-bound-over-groupings.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from budget.allocation.convex.certificate import certify
from budget.allocation.convex.problem import Problem, build_problem
from budget.allocation.convex.water_filling import water_fill
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.plan_spec import PlanSpec, is_nonconvex
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.studies.strategies.assumed import MARK
from budget.studies.strategies.promising_covers import promising_covers
from budget.studies.strategies.strategy_curves import FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner, joined

GROUPS = "groups"
"""The best partition; at least one of its models serves several tasks, and none serves all."""

MOST_PARTITIONS = 1_000
"""Partitions whose budgets are split; where there are more, a bound says which of them can be the best."""

MAX_BATCH_MODELS = 4_000
"""Models that are solved in one batch: few enough that a step's arrays stay in a core's cache."""

SAME = 1e-9
"""Relative difference of two objectives up to which neither is better."""

LOG_NEGLIGIBLE = 700.0
"""Makes a term e^700 times smaller than another one: nothing, and still a number."""


@dataclass(frozen=True)
class Partition:
    """The best partition of a set at one budget, by the point fit.

    Attributes:
        tasks: the set.
        budget: in all.
        blocks: strategy and tasks of each of its models.
        spend: of each model.
        objective: weighted mean measure, smaller being better.
        bound: no partition into measured blocks, and no split of the budget among them, has a smaller one.
        second: objective of the best other partition whose budget was split; infinite where there is none.
        compared: partitions whose budget was split.
        complete: whether every other one is proven to be no better.
    """

    tasks: tuple[str, ...]
    budget: float
    blocks: tuple[tuple[str, tuple[str, ...]], ...]
    spend: tuple[float, ...]
    objective: float
    bound: float
    second: float
    compared: int
    complete: bool


def partitions(
    whole: StrategyPlanner, blocks: Sequence[StrategyCurves], budgets: np.ndarray, *, shared: bool = True
) -> list[tuple[StrategyPlan, Partition]]:
    """The best partition of a set at each budget (Q,); nothing where no blocks make the set up.

    Args:
        whole: a planner of the whole set, for its tasks, task settings, measure and unit.
        blocks: strategies on subsets of it, or on all of it.
        budgets: totals, each above what the least spends of single tasks take together.
        shared: whether at least one model must serve several tasks.
    """
    tasks = whole.served.tasks
    # one more than are compared, which tells whether these are all
    covers = exact_covers([block.tasks for block in blocks], tasks, MOST_PARTITIONS + 1)
    spec = whole.spec(float(budgets[0]))
    if not covers or is_nonconvex(whole.served.curves, spec) or not whole.served.curves.form.is_power_sum:
        return []
    planners = [whole.of(block) for block in blocks]
    questions = [planner.spec(float(budgets[0])) for planner in planners]
    # one problem of all blocks: a cover is a choice of its models, so that covers of one size are one batch
    problem = _problem(whole, planners, questions, float(budgets[-1]))
    problems = [_at_budget(problem, replace(spec, budget=budget), planners) for budget in budgets.tolist()]

    def shares(cover: tuple[int, ...]) -> bool:
        return not shared or any(blocks[block].one_model for block in cover)

    others = np.full(len(budgets), np.inf)
    if len(covers) > MOST_PARTITIONS:
        covers, others = _promising(problems, [block.tasks for block in blocks], tasks, shares)
    covers = [cover for cover in covers if shares(cover)]
    if not covers:
        return []
    objective = np.empty((len(covers), len(budgets)))
    solved: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for size in {len(cover) for cover in covers}:
        rows = np.array([row for row, cover in enumerate(covers) if len(cover) == size])
        # parts of about equal size; a cover is never divided
        for some in np.array_split(rows, -(-rows.size * len(budgets) * size // MAX_BATCH_MODELS)):
            spends, inputs, objective[some] = _split(problems, np.array([covers[row] for row in some]))
            solved |= dict(zip(some.tolist(), zip(spends, inputs, strict=True), strict=True))
    chosen = [int(column.argmin()) for column in objective.T]
    parts: list[list[StrategyPlan]] = [[] for _ in budgets]
    for block, planner in enumerate(planners):
        at_budget = [at for at, best in enumerate(chosen) if block in covers[best]]
        if not at_budget:
            continue
        mine = [(best := chosen[at], at, covers[best].index(block)) for at in at_budget]
        given, inner = (np.array([solved[best][kind][at, place] for best, at, place in mine]) for kind in (0, 1))
        count, curves = len(planner.served.tasks), planner.served.curves
        log_inputs = [law_inputs_of(curves, questions[block], np.repeat(u[None], count, axis=0)) for u in inner]
        spends = np.repeat(given[:, None], count, axis=1)
        judged = planner.judge_all("", budgets[at_budget], spends, np.array(log_inputs))
        for at, plan in zip(at_budget, judged, strict=True):
            parts[at].append(plan)
    found = []
    for at, (best, budget) in enumerate(zip(chosen, budgets.tolist(), strict=True)):
        cover = np.array(covers[best])
        spend, u = (each[at] for each in solved[best])
        value, cost, limits = problem.value.take(cover), problem.cost.take(cover), problems[at]
        split = Problem(value, cost, budget, limits.low[cover], np.minimum(limits.high[cover], budget))
        # the chosen cover is certified by itself, from its multipliers (weak duality, Boyd & Vandenberghe 2004, section
        # 5.2)
        least = float(objective[best, at])
        complete = bool(others[at] >= least * (1 - SAME) if least > 0 else others[at] >= least * (1 + SAME))
        partition = Partition(
            tasks,
            budget,
            tuple((blocks[block].strategy, blocks[block].tasks) for block in cover),
            tuple(spend.tolist()),
            least,
            min(certify(split, u, spend).bound, float(others[at]), least),
            float(np.delete(objective[:, at], best).min(initial=np.inf)),
            len(covers),
            complete,
        )
        found.append((joined(GROUPS, tasks, parts[at]), partition))
    return found


def _promising(
    problems: Sequence[Problem],
    blocks: Sequence[tuple[str, ...]],
    tasks: tuple[str, ...],
    shares: Callable[[tuple[int, ...]], bool],
) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """The partitions that can be the best one at some budget, and what no other one is better than (Q,) at each."""
    covers: list[tuple[int, ...]] = []
    others = np.empty(len(problems))
    for at, problem in enumerate(problems):

        def split(cover: tuple[int, ...], problem: Problem = problem) -> tuple[np.ndarray, float]:
            spend, _, objective = _split([problem], np.array([cover]))
            return spend[0, 0], float(objective[0, 0])

        found = promising_covers(problem, blocks, tasks, problem.budget, split, shares, MOST_PARTITIONS)
        covers += found.covers
        others[at] = found.bound
    return list(dict.fromkeys(covers)), others


def blocks_of(strategies: FittedStrategies, names: tuple[str, ...]) -> list[StrategyCurves]:
    """What a partition of a set can be made of: shared models of fewer of its tasks, and its specialists."""
    parts = [served for served in strategies.shared if set(served.tasks) < set(names) and MARK not in served.strategy]
    alone = strategies.specialists
    if alone is not None:
        singles = [place for place, name in enumerate(alone.tasks) if name in names]
        parts += [replace(alone, curves=alone.curves.take(np.array([place]))) for place in singles]
    return parts


def about_groups(tasks: tuple[str, ...], blocks: Sequence[StrategyCurves], found: Sequence[Partition]) -> list[str]:
    """What has to be said of a set's partitions, one sentence each."""
    if not found and any(block.one_model for block in blocks):
        return [
            f"Groups on {', '.join(tasks)} are left out: its measured subsets and specialists do not make it up, or "
            "their law is no sum of powers."
        ]
    if found and not found[0].complete:
        short = (found[0].objective - found[0].bound) / abs(found[0].objective)
        return [
            f"Groups on {', '.join(tasks)} are the best of {found[0].compared:,} partitions compared; no other can be "
            f"better by more than {short:.2g} of the objective."
        ]
    return []


def exact_covers(blocks: Sequence[tuple[str, ...]], tasks: tuple[str, ...], most: int) -> list[tuple[int, ...]]:
    """Choices of blocks that hold each task once, at most so many; the largest blocks come first."""
    bit = {name: 1 << place for place, name in enumerate(tasks)}
    held = [sum(bit[name] for name in set(block)) for block in blocks]
    largest_first = sorted(range(len(blocks)), key=lambda block: -len(blocks[block]))
    # the first task without a block must be in the next one, so that each cover is met once (Algorithm X of Knuth 2000)
    of_task = {each: [(block, held[block]) for block in largest_first if held[block] & each] for each in bit.values()}
    found: list[tuple[int, ...]] = []

    def extend(rest: int, chosen: tuple[int, ...]) -> None:
        """Add to ``found`` every completion of the chosen blocks that holds the rest, a set of bits, once."""
        if not rest:
            found.append(chosen)
            return
        for block, mine in of_task[rest & -rest]:
            if len(found) >= most:
                return
            if mine & rest == mine:
                extend(rest ^ mine, (*chosen, block))

    extend(sum(bit.values()), ())
    return found


def _problem(
    whole: StrategyPlanner, planners: list[StrategyPlanner], questions: list[PlanSpec], budget: float
) -> Problem:
    """All blocks as models of one problem, weighted as the whole set is."""
    parts = [build_problem(planner.served.curves, asked) for planner, asked in zip(planners, questions, strict=True)]
    # each block's value is a mean over its own tasks; their share of all weight makes the sum the whole set's mean
    share = np.array([planner.task_settings.weight.sum() for planner in planners]) / whole.task_settings.weight.sum()
    # a task is given what its model takes: its limits are the model's
    low = [np.nan_to_num(planner.task_settings.min).max() for planner in planners]
    high = [
        np.where(np.isnan(planner.task_settings.max), np.inf, planner.task_settings.max).min() for planner in planners
    ]
    reach = np.array([np.inf if part.reach is None else part.reach[0] for part in parts])
    cost = stacked([part.cost for part in parts])
    return Problem(
        stacked([part.by_model for part in parts]).scaled(share, np.zeros(len(parts))),
        cost,
        budget,
        np.maximum(low, cost.at_domain),
        np.minimum(high, reach),
        reach=reach,
    )


def _at_budget(problem: Problem, spec: PlanSpec, planners: list[StrategyPlanner]) -> Problem:
    """The problem at a budget: a specialist whose curve failed keeps to its share of it, whoever shares a model."""
    if not spec.is_held.any():
        return replace(problem, budget=spec.budget)
    assert problem.reach is not None
    names, ends = spec.tasks.names, spec.own_limits
    place = [-1 if planner.served.one_model else names.index(planner.served.tasks[0]) for planner in planners]
    held = np.array([at >= 0 and bool(spec.is_held[at]) for at in place])
    low, high = (np.minimum(end[place], problem.reach) for end in ends)
    return replace(
        problem,
        budget=spec.budget,
        low=np.where(held, np.maximum(low, np.minimum(problem.smallest, high)), problem.low),
        high=np.where(held, high, problem.high),
    )


def _split(problems: Sequence[Problem], members: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spends (C, Q, V), inputs (C, Q, V, I) and objectives (C, Q) of covers (C, V) at every budget's problem (Q)."""
    problem, budgets = problems[0], np.array([each.budget for each in problems])
    rows, which = np.repeat(members, len(budgets), axis=0), np.tile(np.arange(len(budgets)), len(members))
    low, high = (np.array([getattr(each, end) for each in problems])[which[:, None], rows] for end in ("low", "high"))
    spend, u = water_fill(problem, budgets[which], low, high, rows)
    value = problem.value.take(rows.ravel()).value(u.reshape(rows.size, -1))
    each = len(members), len(budgets), members.shape[1]
    return spend.reshape(each), u.reshape(*each, -1), value.reshape(each).sum(axis=2)


def stacked(functions: Sequence[PlanningForm]) -> Posynomial:
    """All functions in one, those with fewer terms filled up with terms of nothing."""
    sums = [each for each in functions if isinstance(each, Posynomial)]
    assert len(sums) == len(functions), "laws that are no sums of powers have no partition"
    most = max(each.log_coef.shape[1] for each in sums)

    def filled(each: Posynomial) -> Posynomial:
        # copies of the first term, made negligible: their exponents are sound, which arbitrary ones need not be
        first = np.zeros(most - each.log_coef.shape[1], dtype=int)
        log_coef = np.concatenate([each.log_coef[:, first] - LOG_NEGLIGIBLE, each.log_coef], axis=1)
        domain = np.full((len(each), each.inputs), -np.inf) if each.domain is None else each.domain
        ceiling = np.full((len(each), each.inputs), np.inf) if each.ceiling is None else each.ceiling
        exponent = np.concatenate([each.exponent[:, first], each.exponent], axis=1)
        return Posynomial(each.offset, log_coef, exponent, domain, ceiling)

    wide = [filled(each) for each in sums]
    return Posynomial(*(np.concatenate([getattr(each, field.name) for each in wide]) for field in fields(Posynomial)))
