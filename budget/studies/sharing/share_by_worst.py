"""The division whose worst task is best: the least level that some division's models reach within the budget.

The least spends at which a block's tasks all reach a level are found by lines and halving; the cheapest division at
that level is a set partitioning program. No division reaches a level at which even the cheapest one is above the
budget: the bound. What such divisions cost tells which level is looked at next.

See docs/decisions/165-sharing-under-every-objective.md.
"""

import numpy as np

from budget.allocation.nonconvex.best_levels import best_levels
from budget.errors import InfeasibleError
from budget.studies.sharing.blocks import Blocks
from budget.studies.sharing.choose_blocks import Chosen, Options, Row, choose_options
from budget.studies.sharing.sharing import Sharing, parted

CLOSE = 1e-9
"""Relative distance of the levels that some division reaches and that none reaches at which the search ends."""

LEAST = 1e-300
"""Stands for a spend of nothing, of which there is no logarithm."""

ROUNDING = 1e-12
"""Relative distance by which a sum of spends may pass the budget."""

STEPS = 80
"""Most levels between that are looked at."""

LEAN = 1e-4
"""Share of the distance between two levels by which one where their line meets the budget leans to either side."""


def share_by_worst(blocks: Blocks, rows: tuple[Row, ...] = ()) -> Sharing:
    """The division whose worst task is best, its budget split by the levels of its models: see ``best_levels``.

    Raises:
        InfeasibleError: no division keeps the limits.
    """
    models, every = len(blocks), np.arange(len(blocks))
    if blocks.is_one_division and not rows and models:
        return _split(blocks, every, tuple(np.flatnonzero(~np.isnan(blocks.idle)).tolist()), -np.inf, 0)
    at_most = blocks.sized(every, blocks.most, blocks.worst)[0]
    at_least = blocks.sized(every, blocks.start, blocks.worst)[0]
    idle = np.where(np.isnan(blocks.idle), np.inf, blocks.idle)
    best_of = np.concatenate([at_most, idle])
    under = float(np.max([best_of[held].min() for held in blocks.member]))
    if not np.isfinite(under):
        raise InfeasibleError("Some task has no measured model within the limits; loosen those.")
    over = float(np.max(np.concatenate([at_least[np.isfinite(at_least)], idle[np.isfinite(idle)], [under]])))

    # the spends that worse and better levels took, between which those of a level lie
    least_of, most_of = blocks.start, blocks.most

    def reached(level: float) -> tuple[Chosen | None, bool, np.ndarray, float]:
        """The cheapest division at a level, where the budget pays for it; whether it is proven that none does.

        What each model needs for the level (K,), infinite where none suffices. And the logarithm of the share of the
        budget that the division takes, infinite where there is none.
        """
        needed = blocks.spend_to(every, np.full(models, level), blocks.worst, most_of, least_of)
        fine = np.isfinite(needed)
        free = np.flatnonzero(idle <= level)
        block = np.concatenate([every[fine], models + free])
        spend = np.concatenate([needed[fine], np.zeros(len(free))])
        if not len(block) or not blocks.member[:, block].any(axis=1).all():
            return None, True, needed, np.inf
        try:
            options = Options(block, spend, np.zeros(len(block)))
            found = choose_options(blocks.member, options, np.inf, rows, high=blocks.highest, by_spend=True)
        except InfeasibleError:
            return None, True, needed, np.inf
        takes = float(np.log(max(found.spend.sum(), LEAST) / blocks.spec.budget))
        if found.spend.sum() <= blocks.spec.budget * (1 + ROUNDING):
            return found, False, needed, min(takes, 0.0)
        return None, found.bound > blocks.spec.budget, needed, takes

    bound, count = under, 1  # no division is better with any spends
    found, _, _, too_much = reached(under)
    left = 0.0
    if found is not None:
        over = under
    else:
        found, *_, left = reached(over)
        if found is None:
            raise InfeasibleError("No division of the tasks among measured models keeps the limits; loosen those.")
    for step in range(STEPS):
        if over - under <= CLOSE * max(abs(over), abs(under)):
            break
        part = 0.5
        if step % 3 and np.isfinite(too_much):
            part = float(np.clip(too_much / (too_much - left) + (step % 3 - 1.5) * 2 * LEAN, 0.0, 1.0))
        level = under + part * (over - under)
        if not under < level < over:
            level = 0.5 * (under + over)
        tried, refuted, needed, takes = reached(level)
        count += 1
        if tried is None:
            under, too_much = level, takes
            most_of = np.minimum(most_of, needed)
            bound = level if refuted else bound  # a program that ran out of time has proven nothing
        else:
            found, over, left = tried, level, takes
            least_of = np.where(np.isfinite(needed), np.maximum(least_of, needed), least_of)
    cover, nothing = parted(found.cover, models)
    pick, spend = np.array(cover, dtype=int), found.spend[np.array(found.cover) < models]
    if not rows and len(pick):
        return _split(blocks, pick, nothing, bound, count)
    value, u = blocks.sized(pick, spend, blocks.worst)
    worst = float(np.concatenate([value, idle[list(nothing)]]).max())
    return Sharing(cover, nothing, spend, u, worst, min(bound, worst), count)


def _split(blocks: Blocks, pick: np.ndarray, nothing: tuple[int, ...], bound: float, count: int) -> Sharing:
    """A division of the blocks picked (V,), the budget split by their levels: the worst one's, then the next one's.

    Raises:
        InfeasibleError: it breaks the limits.
    """

    def worst_of(place: np.ndarray, spend: np.ndarray) -> np.ndarray:
        return blocks.sized(pick[place], spend, blocks.worst)[0]

    high = np.minimum(blocks.most[pick], blocks.spec.budget)
    low = np.minimum(blocks.start[pick], high)
    found = best_levels(worst_of, low, high, blocks.spec.budget, np.full(len(pick), np.nan))
    _, u = blocks.sized(pick, found.spend, blocks.worst)
    worst = max(found.worst, float(blocks.idle[list(nothing)].max(initial=-np.inf)))
    proven = max(found.bound, bound) if count == 0 else bound
    return Sharing(tuple(pick.tolist()), nothing, found.spend, u, worst, min(proven, worst), max(count, 1))
