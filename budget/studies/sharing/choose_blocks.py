"""Which blocks make the tasks up at the least sum: the set partitioning program that every objective comes down to.

Each task stands in one block. A block is taken at one of its options, each with a spend and a value, or at any spend
where its value is convex in the spend: then tangents bound it from below, and the program is tight at one block
(perspective of a convex function, Günlük & Linderoth 2010). HiGHS solves it; its bound is what is called proven here.

See docs/decisions/165-sharing-under-every-objective.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from budget.errors import InfeasibleError, SolverError
from budget.numerics.linear_programs import LinearProgram, solve_program

SECONDS = 20.0
"""Most seconds of one program; what it has then counts, with the bound that it has."""

EXACT = 1e-9
"""How exactly limits are kept, and the best is proven, of sums that are shares of a budget."""

WITHIN = {"mip_feasibility_tolerance": EXACT, "primal_feasibility_tolerance": EXACT}
"""The same as HiGHS's options."""


@dataclass(frozen=True)
class Row:
    """``Σ_k coefficient_k · spend_k ≤ upper`` over blocks (K,)."""

    coefficient: np.ndarray
    upper: float


@dataclass(frozen=True)
class Tangents:
    """Lines below the values of blocks: ``value ≥ height + slope · spend``.

    Attributes:
        block: (N,) of each line.
        height: (N,) at no spend.
        slope: (N,) not positive.
    """

    block: np.ndarray
    height: np.ndarray
    slope: np.ndarray


@dataclass(frozen=True)
class Options:
    """Spends at which a block may be taken, and what it is worth there.

    Attributes:
        block: (O,) of each.
        spend: (O,).
        value: (O,) smaller being better.
        met: (O,) how many targets are met.
    """

    block: np.ndarray
    spend: np.ndarray
    value: np.ndarray
    met: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Chosen:
    """The blocks of a division.

    Attributes:
        cover: their positions, rising.
        spend: of each, as the program has it.
        bound: no division has a smaller sum.
    """

    cover: tuple[int, ...]
    spend: np.ndarray
    bound: float


def choose_options(
    member: np.ndarray,
    options: Options,
    budget: float,
    rows: Sequence[Row] = (),
    *,
    high: np.ndarray | None = None,
    at_least: float | None = None,
    by_spend: bool = False,
    barred: Sequence[tuple[int, ...]] = (),
    gap: float = EXACT,
) -> Chosen:
    """The options, one of each chosen block, with the least sum of values within a budget.

    Args:
        member: (T, K) whether a task stands in a block.
        options: of the blocks.
        budget: in all; infinite where there is none.
        rows: further limits on the blocks' spends, which may be above those of the options where these ask for it.
        high: (K,) how far above, read where there are rows.
        at_least: how many targets must be met, or how much of what ``met`` counts.
        by_spend: whether the sum of spends is made small, in place of the values.
        barred: divisions that are not asked for.
        gap: share of the sum at which the search ends.

    Raises:
        InfeasibleError: there is no such division.
    """
    count, (tasks, blocks) = len(options.block), member.shape
    if not member[:, options.block].any(axis=1).all():
        raise InfeasibleError("Some task has no measured model within the limits; loosen those.")
    unit = budget if np.isfinite(budget) else float(options.spend.max())
    unit = unit if unit > 0 else 1.0
    spend = options.spend / unit
    more = blocks if rows else 0
    part = np.zeros((blocks, count))
    part[options.block, np.arange(count)] = 1.0
    cost = np.concatenate([spend if by_spend else options.value, np.full(more, 1.0 if by_spend else 0.0)])
    limits = [(np.hstack([member.astype(float) @ part, np.zeros((tasks, more))]), 1.0, 1.0)]
    if np.isfinite(budget):
        limits.append((np.concatenate([spend, np.ones(more)])[None], -np.inf, 1.0))
    if at_least is not None:
        limits.append((np.concatenate([options.met, np.zeros(more)])[None], float(at_least), np.inf))
    if rows:
        ends = np.minimum(np.full(blocks, np.inf) if high is None else high, unit * 1e6) / unit
        limits.append((np.hstack([part * (spend - ends[options.block]), np.eye(blocks)]), -np.inf, 0.0))
        for row in rows:
            counts = np.concatenate([row.coefficient[options.block] * spend, row.coefficient])
            limits.append((counts[None], -np.inf, row.upper / unit))
    for bar in barred:
        bars = np.concatenate([np.isin(options.block, bar).astype(float), np.zeros(more)])
        limits.append((bars[None], -np.inf, len(bar) - 1.0))
    whole = np.concatenate([np.ones(count), np.zeros(more)])
    highest = np.concatenate([np.ones(count), np.full(more, np.inf)])
    x, bound = _solved(cost, limits, whole, np.zeros(count + more), highest, gap)
    taken = np.flatnonzero(x[:count] > 0.5)
    taken = taken[np.argsort(options.block[taken], kind="stable")]
    cover = options.block[taken]
    given = options.spend[taken] + (unit * x[count:][cover] if more else 0.0)
    return Chosen(tuple(cover.tolist()), given, bound * (unit if by_spend else 1.0))


def choose_convex(
    member: np.ndarray,
    tangents: Tangents,
    low: np.ndarray,
    high: np.ndarray,
    fixed: np.ndarray,
    budget: float,
    rows: Sequence[Row] = (),
    barred: Sequence[tuple[int, ...]] = (),
    gap: float = EXACT,
) -> Chosen:
    """The blocks and their spends with the least sum of convex values, each known by lines below it.

    Args:
        member: (T, K') whether a task stands in a block; the first K of them have values and spends.
        tangents: of the values.
        low: (K,) least spends, infinite where a block cannot be taken.
        high: (K,) greatest spends.
        fixed: (K' − K,) values of what takes no spend, such as a task that is given nothing; infinite where that is
            not allowed.
        budget: in all.
        rows: further limits on the spends.
        barred: divisions that are not asked for.
        gap: share of the sum at which the search ends.

    Raises:
        InfeasibleError: there is no such division.
    """
    tasks, every = member.shape
    models = len(low)
    able = np.isfinite(low)
    low, high = np.where(able, low, 0.0), np.where(able, high, 0.0)
    shift = np.abs(tangents.height).max()
    first = np.where(able, np.inf, 0.0)  # values are counted from their floors, so that they stand in no sum of digits
    np.minimum.at(first, tangents.block, tangents.height + tangents.slope * high[tangents.block])
    scale = max(float(np.ptp(tangents.height)), 1e-9 * shift, 1e-300)
    fine = np.where(np.isfinite(fixed), fixed, 0.0)
    cost = np.concatenate([first, fine, np.zeros(models), np.full(models, scale)]) / scale
    empty = np.zeros((tasks, 2 * models))
    limits = [(np.hstack([member.astype(float), empty]), 1.0, 1.0)]
    size = every + 2 * models
    spends = every + np.arange(models)
    row = np.zeros(size)
    row[spends] = 1.0
    limits.append((row[None], -np.inf, 1.0))
    ends = np.zeros((2 * models, size))
    here = np.arange(models)
    ends[here, here], ends[here, spends] = low / budget, -1.0
    ends[models + here, here], ends[models + here, spends] = -high / budget, 1.0
    limits.append((ends, -np.inf, 0.0))
    lines = np.zeros((len(tangents.block), size))
    line = np.arange(len(lines))
    lines[line, tangents.block] = (tangents.height - first[tangents.block]) / scale
    lines[line, spends[tangents.block]] = tangents.slope * budget / scale
    lines[line, every + models + tangents.block] = -1.0
    limits.append((lines, -np.inf, 0.0))
    for each in rows:
        row = np.zeros(size)
        row[spends] = each.coefficient
        limits.append((row[None], -np.inf, each.upper / budget))
    for bar in barred:
        row = np.zeros(size)
        row[list(bar)] = 1.0
        limits.append((row[None], -np.inf, len(bar) - 1.0))
    whole = np.concatenate([np.ones(every), np.zeros(2 * models)])
    highest = np.concatenate([able.astype(float), np.isfinite(fixed).astype(float), np.full(2 * models, np.inf)])
    x, bound = _solved(cost, limits, whole, np.zeros(size), highest, gap)
    cover = np.flatnonzero(x[:every] > 0.5)
    given = np.where(cover < models, budget * x[every + np.minimum(cover, models - 1)], 0.0)
    return Chosen(tuple(cover.tolist()), given, bound * scale)


def _solved(
    cost: np.ndarray,
    limits: Sequence[tuple[np.ndarray, float, float]],
    whole: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    gap: float = EXACT,
) -> tuple[np.ndarray, float]:
    matrix = sparse.csr_matrix(np.vstack([part for part, _, _ in limits]))
    ends = [np.concatenate([np.full(len(each[0]), each[at]) for each in limits]) for at in (1, 2)]
    program = LinearProgram(cost, low, high, whole.astype(bool), matrix, ends[0], ends[1])
    found = solve_program(program, options={"time_limit": SECONDS, "mip_rel_gap": gap, **WITHIN})
    if found.status == "infeasible":
        raise InfeasibleError("No division of the tasks among measured models keeps the limits; loosen those.")
    if found.x is None:
        raise SolverError(f"No division of the tasks among measured models was found: the search {found.status}.")
    return found.x, found.bound
