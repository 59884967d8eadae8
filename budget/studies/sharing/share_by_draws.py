"""The division with the least sum of what is no convex function of a spend: expected targets, sizes from a menu.

Every block's value falls with its spend, so that between two spends none is better than at the greater and none costs
less than the smaller: blocks taken at such pairs are the options of a set partitioning program that bounds all
divisions, and proposes one, whose budget is then split by the concave envelopes of its blocks (``solve_nonconvex``).
Where the objective is a mean, lines below the convex hulls of these options stand for them. Over the draws a free size
is the point fit's best, with which a value may rise for a moment: there the bound holds of the tabulated spends.

See docs/decisions/165-sharing-under-every-objective.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.nonconvex.envelope import solve_nonconvex
from budget.allocation.nonconvex.lower_hull import lower_hull, tidy
from budget.allocation.nonconvex.responses import Responses
from budget.errors import InfeasibleError
from budget.studies.sharing.blocks import Blocks
from budget.studies.sharing.choose_blocks import Options, Row, Tangents, choose_convex, choose_options
from budget.studies.sharing.share_by_targets import left_to_the_mean
from budget.studies.sharing.sharing import Sharing, parted
from budget.tables.target_met import target_met

SPENDS = 160
"""Spends of each block at which it is tabulated, and between which it is bounded."""

WIDEST = 1e-4
"""Share of the budget from which they begin where no least spend is larger."""

DIVISIONS = 4
"""Divisions whose budget is split; the first few are within the program's own coarseness of the best."""

COARSE = 1e-4
"""Share of the sum to which a division is proposed, of a table that is coarser."""

THINNED = 3
"""Of so many edges of a hull one is a line of the program: they hardly differ, and each is a row of it."""

TINY = 1e-3
"""Share of an equal part of the budget below which the smallest model's cost is no minimum to plan with."""

GAP = 1e-3
"""Share of the range at which the split of a division ends."""

SAVING = 6
"""Halvings of the share of the budget that does for the targets, as far as the draws tell."""


def share_by_draws(blocks: Blocks, rows: tuple[Row, ...] = ()) -> Sharing:
    """The division with the least sum of terms, on average over the draws where these are read.

    Where targets are counted, the least part of the budget that comes within the draws' own error of the most is kept
    for them, and what is left improves the mean (docs/decisions/067-counting-targets.md).

    Raises:
        InfeasibleError: no division keeps the limits.
    """
    spec, models = blocks.spec, len(blocks)
    first = np.minimum(np.maximum(blocks.start, WIDEST * spec.budget), blocks.most)
    grid = np.exp(np.linspace(np.log(first), np.log(blocks.most), SPENDS, axis=1))
    grid = np.hstack([np.minimum(blocks.start, first)[:, None], grid])
    values = np.array([_terms(blocks, np.full(grid.shape[1], at), grid[at]) for at in range(models)])
    if not spec.sizes:  # the size that the point fit prefers may not be the draws' own
        values = np.minimum.accumulate(values, axis=1)
    table = _Table(blocks, np.log(grid), values)
    hopeful = np.hstack([values[:, 1:], values[:, -1:]])
    block = np.repeat(np.arange(models), grid.shape[1])
    allowed = np.flatnonzero(np.isfinite(blocks.idle))
    idle = _idle_terms(blocks)
    fine = np.isfinite(hopeful).ravel()
    options = Options(
        np.concatenate([block[fine], models + allowed]),
        np.concatenate([grid.ravel()[fine], np.zeros(len(allowed))]),
        np.concatenate([hopeful.ravel()[fine], idle[allowed]]),
    )
    high = np.concatenate([blocks.high, np.zeros(len(idle))])
    nearly_convex = spec.objective.is_linear and not rows
    hulls = _hulls(options, models) if nearly_convex and fine.any() else None
    fixed = np.where(np.isfinite(blocks.idle), idle, np.inf)
    best: Sharing | None = None
    barred: list[tuple[int, ...]] = []
    bound = np.inf
    for _ in range(DIVISIONS):
        try:
            if hulls is not None:
                lines, low = hulls
                chosen = choose_convex(
                    blocks.member, lines, low, blocks.most, fixed, spec.budget, barred=barred, gap=COARSE
                )
            else:
                chosen = choose_options(blocks.member, options, spec.budget, rows, high=high, barred=barred, gap=COARSE)
        except InfeasibleError:
            break
        if not barred:
            bound = chosen.bound  # of all divisions; that of the others is no smaller
        if best is not None and chosen.bound >= best.value:
            break
        barred.append(chosen.cover)
        cover, nothing = parted(chosen.cover, models)
        pick, rest = np.array(cover, dtype=int), float(idle[list(nothing)].sum())
        try:
            exact = len(pick) > 0 and not rows
            spend = _split(table, pick, spec.budget) if exact else chosen.spend[np.array(chosen.cover) < models]
        except InfeasibleError:
            continue
        value = float(_terms(blocks, pick, spend).sum()) + rest
        if best is None or value < best.value:
            best = Sharing(cover, nothing, spend, best_models(blocks, pick, spend)[1], value, -np.inf, 0)
    if best is None:
        raise InfeasibleError("No division of the tasks among measured models keeps the limits; loosen those.")
    best = replace(best, bound=min(bound, best.value), compared=len(barred))
    if rows or not best.cover or not spec.objective.counts_targets:
        return best
    pick = np.array(best.cover, dtype=int)
    spend = left_to_the_mean(blocks, pick, _enough(table, pick, best.spend))
    value = float(_terms(blocks, pick, spend).sum() + idle[list(best.idle)].sum())
    return replace(best, spend=spend, u=best_models(blocks, pick, spend)[1], value=value, bound=min(best.bound, value))


def _hulls(options: Options, models: int) -> tuple[Tangents, np.ndarray]:
    """The edges of the convex hulls of models' options, and their least spends (K,), infinite where there is none.

    On a menu a mean is convex but for where the size changes. With one budget the hulls together are then below the
    options by no more than one model's departure (Shapley & Folkman), and have a whole number for each model alone.
    """
    some = options.block < models
    hull = lower_hull(tidy(np.unique(options.block[some], return_inverse=True)[1], options.spend[some],
                           options.value[some]))  # fmt: skip
    named = np.unique(options.block[some])
    low = np.full(models, np.inf)
    low[named] = hull.spend[hull.first]
    edge = np.flatnonzero(np.diff(hull.task) == 0)[::THINNED]  # a bound with fewer lines is one, too
    slope = (hull.value[edge + 1] - hull.value[edge]) / (hull.spend[edge + 1] - hull.spend[edge])
    last = np.append(np.diff(hull.task) != 0, True)
    of = np.concatenate([edge, np.flatnonzero(last)])  # no model is better than with its greatest spend
    slopes = np.concatenate([slope, np.zeros(int(last.sum()))])
    return Tangents(named[hull.task[of]], hull.value[of] - slopes * hull.spend[of], slopes), low


@dataclass(frozen=True)
class _Table:
    """What K blocks add to the objective, at G spends each.

    Attributes:
        blocks: K of them.
        log_spend: (K, G) rising.
        value: (K, G) falling; infinite where a spend pays for no model.
    """

    blocks: Blocks
    log_spend: np.ndarray
    value: np.ndarray

    def at(self, block: np.ndarray, spend: np.ndarray) -> np.ndarray:
        """(Q,) what blocks (Q,) add at spends (Q,), straight between two of the table's."""
        found = np.empty(len(block))
        for one in np.unique(block):
            rows = block == one
            fine = np.isfinite(self.value[one])
            logs, values = self.log_spend[one][fine], self.value[one][fine]
            there = np.log(spend[rows])
            found[rows] = np.where(there < logs[0] - 1e-9, np.inf, np.interp(there, logs, values))
        return found

    def responses(self, pick: np.ndarray, budget: float) -> Responses:
        """The models of a division, as ``solve_nonconvex`` takes them."""
        blocks, whole = self.blocks, self.blocks.spec.budget
        low = np.maximum(blocks.low[pick], blocks.cost.at_domain[pick])
        low = np.where(low < TINY * whole / len(pick), 0.0, low)

        def value(at: np.ndarray, spend: np.ndarray) -> np.ndarray:
            return self.at(pick[at], spend)

        first = np.minimum(WIDEST * budget, blocks.most[pick] / 2)
        return Responses(value, low, np.minimum(blocks.high[pick], whole), budget, np.full(len(pick), np.nan), first)


def _split(table: _Table, pick: np.ndarray, budget: float) -> np.ndarray:
    """The spends (V,) of a division's models."""
    return solve_nonconvex(table.responses(pick, budget), gap=GAP).spend


def _enough(table: _Table, pick: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """Spends (V,) of the least total that are as good as these, as far as the draws tell."""
    blocks = table.blocks
    terms, best = best_models(blocks, pick, spend)[0], float(table.at(pick, spend).sum())
    weight = blocks.weight[pick]
    met = np.clip(-terms / np.where(weight > 0, weight, 1.0), 0.0, 1.0)
    error = float(np.sqrt((weight**2 * met * (1 - met)).sum() / len(blocks.whole.served.curves.draws)))
    found, little, enough = spend, 0.0, 1.0
    for _ in range(SAVING):
        share = 0.5 * (little + enough)
        try:
            tried = _split(table, pick, share * blocks.spec.budget)
        except InfeasibleError:
            little = share
            continue
        if float(table.at(pick, tried).sum()) <= best + error:
            found, enough = tried, share
        else:
            little = share
    return found


def _terms(blocks: Blocks, block: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """(Q,) what blocks (Q,) add to the objective at spends (Q,); infinite where a spend pays for no model."""
    return best_models(blocks, block, spend)[0].sum(axis=1)


def best_models(blocks: Blocks, block: np.ndarray, spend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Q, M) what each task of blocks (Q,) adds at spends (Q,), infinite where these pay for no model; log inputs.

    Over the draws a size of the menu is the best by what is asked, and of those that are equally good the one of the
    best mean, so that more spend is never worse; a free size is the point fit's best at its spend.
    """
    spec = blocks.spec
    if not spec.risk.reads_draws:
        value, u = blocks.sized(block, spend, blocks.missed_first if spec.objective.counts_targets else blocks.mean)
        if spec.objective.counts_targets:
            value = np.where(np.isfinite(value), blocks.missed(blocks.measures(block, u), block), np.inf)
        return np.where(np.arange(blocks.place.shape[1]) == 0, value[:, None], 0.0), u
    found, inputs = np.full((len(block), blocks.place.shape[1]), np.inf), np.zeros((len(block), blocks.cost.inputs))
    least = np.full((2, len(block)), np.inf)
    menus: list[tuple[float, ...]] = [(size,) for size in spec.sizes]
    for sizes in menus or [()]:
        some = replace(blocks, spec=replace(spec, sizes=sizes))
        pays, u = some.sized(block, spend, some.mean)
        each, mean = _in_draws(some, block, u)
        each[~np.isfinite(pays)] = np.inf
        total = each.sum(axis=1)
        better = (total < least[0]) | ((total == least[0]) & (mean < least[1]))
        least[:, better] = total[better], mean[better]
        found[better], inputs[better] = each[better], u[better]
    return found, inputs


def _in_draws(blocks: Blocks, block: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Q, M) what each task of blocks (Q,) adds on average over the draws, 0 beyond them; (Q,) the mean's part."""
    spec = blocks.spec
    found, mean = np.zeros((len(block), blocks.place.shape[1])), np.zeros(len(block))
    for one in np.unique(block):
        rows = np.flatnonzero(block == one)
        planner, tasks = blocks.planners[one], len(blocks.served[one].tasks)
        curves, every = planner.served.curves, np.tile(np.arange(tasks), len(rows))
        distance = curves.distance_draws(every, blocks.law_inputs(int(one), u[rows]))
        measures = planner.measure.of_draws(every, distance)
        weight, target, share = (
            np.tile(part[one, :tasks], len(rows)) for part in (blocks.weight, blocks.target, blocks.share)
        )
        terms = spec.objective.terms(measures, weight, target_met(measures, target)).mean(axis=0)
        found[rows[:, None], np.arange(tasks)] = terms.reshape(len(rows), tasks)
        mean[rows] = (measures.mean(axis=0) * share).reshape(len(rows), tasks).sum(axis=1)
    return found, mean


def _idle_terms(blocks: Blocks) -> np.ndarray:
    """(T,) what a task adds that is given nothing."""
    spec = blocks.spec
    met = target_met(blocks.idle, blocks.target_of_tasks)
    return spec.objective.terms(np.nan_to_num(blocks.idle), spec.objective_weight, met)
