"""Divisions whose value moves in steps: as many targets as a budget meets, or the least spend that meets them.

What a model meets changes at a few spends only, which are found by halving. Taken there, blocks are the options of one
set partitioning program, which is the whole question.

See docs/decisions/165-sharing-under-every-objective.md.
"""

from dataclasses import replace

import numpy as np

from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import AT_LIMIT
from budget.allocation.convex.water_filling import water_fill
from budget.errors import InfeasibleError
from budget.studies.sharing.blocks import Blocks, Fold
from budget.studies.sharing.choose_blocks import Options, Row, choose_options
from budget.studies.sharing.sharing import Sharing, parted, topped_up
from budget.tables.target_met import target_met

CLOSE = 1e-10
"""Distance of the logarithms of two spends between which a step is no longer looked for."""


ROUNDING = 1e-12
"""Share of a target by which models that were found to meet it may miss it when they are read again."""


def cheapest_sharing(blocks: Blocks, rows: tuple[Row, ...] = ()) -> Sharing:
    """The division that meets every target, or as many as are asked for, with the least spend.

    Raises:
        InfeasibleError: none does within the limits.
    """
    spec, models = blocks.spec, len(blocks)
    count = (blocks.place >= 0).sum(axis=1)
    if spec.at_least is None or spec.at_least >= len(blocks.idle):
        needed = blocks.spend_to(np.arange(models), np.zeros(models), blocks.excess, blocks.most)
        known = np.flatnonzero(np.isfinite(needed))
        options = Options(known, needed[known], np.zeros(len(known)), count[known].astype(float))
        at_least = None
    else:
        options, at_least = steps(blocks, _counted_alike(blocks)), spec.at_least
        options = Options(options.block, options.spend, options.value, np.round(-options.value))
    idle = _idle(blocks, models, alike=True)
    options = Options(*(np.concatenate(pair) for pair in zip(_parts(options), _parts(idle), strict=True)))
    if at_least is None:
        options = _meeting_all(options, blocks, models)
    chosen = choose_options(
        blocks.member, options, spec.budget, rows, high=blocks.highest, at_least=at_least, by_spend=True
    )
    cover, nothing = parted(chosen.cover, models)
    spend = chosen.spend[np.array(chosen.cover) < models]
    cover, nothing, spend, u = _without_names(blocks, cover, nothing, spend)
    return Sharing(cover, nothing, spend, u, float(spend.sum()), min(chosen.bound, float(spend.sum())), 1)


def most_targets_sharing(blocks: Blocks, rows: tuple[Row, ...] = ()) -> Sharing:
    """The division that meets the targets of greatest weight; what they leave of the budget goes to the mean.

    Raises:
        InfeasibleError: none keeps the limits.
    """
    spec, models = blocks.spec, len(blocks)
    found, idle = steps(blocks, blocks.missed), _idle(blocks, models, alike=False)
    # what is left goes to all tasks that must be served, so that only then one is left out that has a model
    free = spec.allow_unserved | ~blocks.member[idle.block - models, :models].any(axis=1)
    offered = [each[free] for each in _parts(idle)]
    options = Options(*(np.concatenate(pair) for pair in zip(_parts(found), offered, strict=True)))
    chosen = choose_options(blocks.member, options, spec.budget, rows, high=blocks.highest)
    cover, nothing = parted(chosen.cover, models)
    pick, held = np.array(cover, dtype=int), chosen.spend[np.array(chosen.cover) < models]
    spend = held if rows or not len(pick) else left_to_the_mean(blocks, pick, held)
    cover, nothing, spend, u = _without_names(blocks, cover, nothing, spend)
    pick = np.array(cover, dtype=int)
    met = float(blocks.missed(blocks.measures(pick, u), pick).sum()) if len(pick) else 0.0
    met += float(idle.value[np.isin(idle.block, models + np.array(nothing, dtype=int))].sum())
    return Sharing(cover, nothing, spend, u, met, min(chosen.bound, met), 1)


def spend_for_targets(blocks: Blocks, rows: tuple[Row, ...], weight: float) -> float:
    """The least spend with which a division meets targets of so much weight.

    Raises:
        InfeasibleError: none does within the limits.
    """
    found, idle = steps(blocks, blocks.missed), _idle(blocks, len(blocks), alike=False)
    block, spend, value, _ = (np.concatenate(pair) for pair in zip(_parts(found), _parts(idle), strict=True))
    options = Options(block, spend, value, -value)
    asked = weight * (1 - CLOSE)
    chosen = choose_options(blocks.member, options, np.inf, rows, high=blocks.highest, at_least=asked, by_spend=True)
    return float(chosen.spend.sum())


def _trained(blocks: Blocks, pick: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """(V, I) log inputs of models at their spends: of those that meet the most, the best by the mean.

    With a spend that just suffices one size alone does, and a search that weighs the mean may pass it by.
    """
    eased = replace(blocks, ease=ROUNDING)
    # as the spends were found: what just suffices does so at that size alone
    searched = [(blocks.missed, blocks.nearer(blocks.missed)), (blocks.excess, None), (eased.missed_first, None)]
    ways = np.array([blocks.sized(pick, spend, fold, search)[1] for fold, search in searched])
    met = np.array([eased.missed(eased.measures(pick, u), pick) for u in ways])
    mean = np.array([blocks.mean(blocks.measures(pick, u), pick) for u in ways])
    best = np.lexsort((mean, met), axis=0)[0] if len(pick) else np.zeros(0, dtype=int)
    return np.asarray(ways[best, np.arange(len(pick))])


def _without_names(
    blocks: Blocks, cover: tuple[int, ...], nothing: tuple[int, ...], spend: np.ndarray
) -> tuple[tuple[int, ...], tuple[int, ...], np.ndarray, np.ndarray]:
    """The models, the tasks given nothing, spends and log inputs without models in name that meet no target.

    The program cannot tell what these take from nothing.
    """
    pick = np.array(cover, dtype=int)
    u = _trained(blocks, pick, spend)
    place = blocks.place[pick]
    optional = ((place < 0) | np.isfinite(blocks.idle[place])).all(axis=1)
    optional &= blocks.low[pick] <= blocks.cost.at_domain[pick] * (1 + AT_LIMIT)
    useless = ~(blocks.met(blocks.measures(pick, u), pick) & (place >= 0)).any(axis=1)
    lost = optional & useless & (spend <= blocks.start[pick] * (1 + AT_LIMIT))
    idle = sorted({*nothing, *place[lost][place[lost] >= 0].tolist()})
    return tuple(pick[~lost].tolist()), tuple(idle), spend[~lost], u[~lost]


def left_to_the_mean(blocks: Blocks, pick: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Spends (V,) of models of which each has at least what is held (V,), and what that leaves improves the mean."""
    budget, high = blocks.spec.budget, np.maximum(np.minimum(blocks.high[pick], blocks.spec.budget), held)
    if blocks.spec.sizes or held.sum() >= budget * (1 - 1e-9) or high.sum() <= budget:
        return topped_up(held, high - held, max(budget - held.sum(), 0.0))
    low = np.maximum(held, blocks.low[pick])
    part = Problem(blocks.by_model.take(pick), blocks.cost.take(pick), budget, low, high)
    (spend,), _ = water_fill(part, np.array([budget]), low, high)
    return np.maximum(spend, held)


def steps(blocks: Blocks, fold: Fold) -> Options:
    """The spends at which what blocks are worth changes, from their least ones on, and what they are worth there."""
    every, nearer = np.arange(len(blocks)), blocks.nearer(fold)
    low, most = np.log(blocks.start), np.log(blocks.most)
    at_low, at_most = (blocks.sized(every, np.exp(ends), fold, nearer)[0] for ends in (low, most))
    block, spend, value = (
        [every[np.isfinite(at_low)]],
        [np.exp(low)[np.isfinite(at_low)]],
        [at_low[np.isfinite(at_low)]],
    )
    which, left, of_left, right, of_right = every, low, at_low, most, at_most
    while True:
        open_ = of_right < of_left
        which, left, of_left, right, of_right = (each[open_] for each in (which, left, of_left, right, of_right))
        done = right - left <= CLOSE
        block.append(which[done])
        spend.append(np.exp(right[done]))
        value.append(of_right[done])
        which, left, of_left, right, of_right = (each[~done] for each in (which, left, of_left, right, of_right))
        if len(which) == 0:
            return Options(*(np.concatenate(each) for each in (block, spend, value)))
        middle = 0.5 * (left + right)
        there = np.clip(blocks.sized(which, np.exp(middle), fold, nearer)[0], of_right, of_left)
        which = np.tile(which, 2)
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
        of_left, of_right = np.concatenate([of_left, there]), np.concatenate([there, of_right])


def _parts(options: Options) -> tuple[np.ndarray, ...]:
    met = options.met if len(options.met) == len(options.block) else np.zeros(len(options.block))
    return options.block, options.spend, options.value, met


def _counted_alike(blocks: Blocks) -> Fold:
    """Less the number of targets that are met."""

    def fold(measures: np.ndarray, block: np.ndarray) -> np.ndarray:
        return -blocks.met(measures, block).sum(axis=1).astype(float)

    return fold


def _idle(blocks: Blocks, models: int, *, alike: bool) -> Options:
    """Giving a task nothing, where that is allowed; its target may be met all the same.

    Not where that is only allowed for want of a target that it meets.
    """
    allowed = np.flatnonzero(np.isfinite(blocks.idle))
    met = (target_met(blocks.idle, blocks.target_of_tasks)[allowed] & blocks.spec.allow_unserved).astype(float)
    weight = np.ones(len(allowed)) if alike else blocks.spec.objective_weight[allowed]
    return Options(models + allowed, np.zeros(len(allowed)), -met * weight, met)


def _meeting_all(options: Options, blocks: Blocks, models: int) -> Options:
    """The options that meet every target of their tasks.

    Raises:
        InfeasibleError: some task has none.
    """
    fine = (options.block < models) | (options.met > 0)
    kept = Options(options.block[fine], options.spend[fine], options.value[fine], options.met[fine])
    lost = ~blocks.member[:, kept.block].any(axis=1) if len(kept.block) else np.ones(len(blocks.idle), dtype=bool)
    if lost.any():
        named = ", ".join(np.array(blocks.spec.tasks.names)[lost][:8])
        raise InfeasibleError(f"No measured model brings {named} to its target within its limits.")
    return kept
