"""The division with the best weighted mean, within budgets, limits and what the draws may lose.

Each block's part of the mean is convex in its spend, so lines that touch it bound it from below: the set partitioning
program on these lines proposes a division, whose budget is then split exactly under everything that is asked (further
budgets, linear limits, risk over the draws), and the lines that touch it there are added (outer approximation, Duran &
Grossmann 1986). What is asked beyond the budget and the linear limits on spends only makes a division worse, so that
the program's bound holds for all of it: a mean over the draws is bounded by what every draw could reach with the same
spends. Divisions that were split are barred, until no other can be better.

See docs/decisions/165-sharing-under-every-objective.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.certificate import certify
from budget.allocation.convex.problem import (
    LinearConstraint,
    Problem,
    Resource,
    build_problem,
    build_problems,
    planned_cost,
)
from budget.allocation.convex.shadow_prices import marginal_return
from budget.allocation.convex.solve_by_dual import solve_by_dual
from budget.allocation.convex.water_filling import water_fill
from budget.allocation.evaluate import log_inputs_of_split
from budget.allocation.risk.gain_at_risk import best_gain
from budget.allocation.risk.minimize_risk import minimize_risk
from budget.allocation.spec.scenarios import Scenarios
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import AllocationError, InfeasibleError, SolverError
from budget.studies.sharing.blocks import Blocks, counted
from budget.studies.sharing.choose_blocks import Chosen, Row, Tangents, choose_convex
from budget.studies.sharing.sharing import MOST_DIVISIONS, SAME, Sharing, parted
from budget.studies.strategies.partition import stacked

MOST_DRAWN = 5
"""Divisions that are split where each takes a program over all draws, a second each: the gap that is left is said."""

SPENDS = 16
"""Spends at which a block's value is first touched by a line."""


@dataclass(frozen=True)
class _Asked:
    """The question about the blocks.

    Attributes:
        blocks: of it.
        problem: of all blocks as models, with the further budgets and limits.
        drawn: B·K functions, draw after draw, where the draws are read; else ``None``.
        reached: (B,) what the reference reaches in every draw, where there is one.
    """

    blocks: Blocks
    problem: Problem
    drawn: Scenarios | None
    reached: np.ndarray | None

    @property
    def idle(self) -> np.ndarray:
        """(T,) the part of the mean that a task is which is given nothing; infinite where it must be served."""
        idle = self.blocks.idle
        return np.where(np.isnan(idle), np.inf, idle) * self.blocks.spec.weight

    def lines(self, block: np.ndarray, spend: np.ndarray) -> Tangents:
        """The lines that touch the values of blocks (Q,) at spends (Q,)."""
        cost = self.problem.cost.take(block)
        if self.drawn is None:
            value = self.problem.value.take(block)
            u = best_inputs(value, cost, spend)
            height, slope = value.value(u), -marginal_return(value, cost, u)
        else:
            count = len(self.drawn)
            rows = (np.arange(count)[:, None] * self.drawn.models + block).ravel()
            value, costs = self.drawn.values.take(rows), cost.take(np.tile(np.arange(len(block)), count))
            u = best_inputs(value, costs, np.tile(spend, count))
            height = value.value(u).reshape(count, -1).mean(axis=0)
            slope = -marginal_return(value, costs, u).reshape(count, -1).mean(axis=0)
        return Tangents(block, height - slope * spend, slope)

    def split(self, cover: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Spends (V,), log inputs (V, I), value and bound of the best split among some blocks.

        Raises:
            AllocationError: the limits leave none.
        """
        pick, spec = np.array(cover), self.blocks.spec
        part = _of(self.problem, pick)
        if part.low.sum() > part.budget * (1 + SAME):
            raise InfeasibleError("The least spends are above the budget.")
        if not spec.risk.reads_draws and part.is_plain:
            (spend,), (u,) = water_fill(part, np.array([part.budget]), part.low, part.high)
            return spend, u, float(part.value.value(u).sum()), certify(part, u, spend).bound
        start = solve_by_dual(part)
        if self.drawn is None:
            value = float(part.value.value(start.u).sum())
            return start.spend, start.u, value, min(start.certificate.bound, value)
        rows = [at * self.drawn.models + pick for at in range(len(self.drawn))]
        problems = [replace(part, value=self.drawn.values.take(each)) for each in rows]
        if self.reached is None or spec.reference is None:
            best = minimize_risk(problems, spec.risk, spec.level, start=start)
        else:
            best = best_gain(problems, spec.risk, spec.level, spec.reference.at_risk, self.reached, start=start)
        return best.spend, best.u, best.value, min(best.certificate.bound, best.value)


def share_by_mean(blocks: Blocks) -> Sharing:
    """The division with the best weighted mean.

    Args:
        blocks: of a question whose tasks' values are convex in their models' spends.

    Raises:
        InfeasibleError: no division keeps the limits.
    """
    asked = _asked(blocks)
    models, spec = len(blocks), blocks.spec
    known = spec.risk.tail is not None or not spec.risk.reads_draws or spec.reference is not None
    if blocks.is_one_division:
        cover, idle = tuple(range(models)), tuple(np.flatnonzero(np.isfinite(blocks.idle)).tolist())
        spend, u, value, proven = asked.split(cover)
        nothing = float(asked.idle[list(idle)].sum())
        bound = min(proven, value) + nothing if known else -np.inf
        return Sharing(cover, idle, spend, u, value + nothing, bound, 1)
    every = np.repeat(np.arange(models), SPENDS)
    first = np.minimum(np.maximum(blocks.start, spec.budget * 1e-6), blocks.most)
    grid = np.exp(np.linspace(np.log(first), np.log(blocks.most), SPENDS, axis=1))
    lines = [asked.lines(every, grid.ravel())]
    rows = [Row(row.coefficient, row.upper) for row in asked.problem.rows if row.resource == 0]
    best: Sharing | None = None
    bound, why = np.inf, ""
    barred: list[tuple[int, ...]] = []
    for _ in range(MOST_DIVISIONS if asked.drawn is None else MOST_DRAWN):
        touching = Tangents(*(np.concatenate([getattr(each, part) for each in lines]) for part in _PARTS))
        try:
            chosen = choose_convex(
                blocks.member, touching, blocks.low, blocks.high, asked.idle, spec.budget, rows, barred
            )
        except InfeasibleError:
            break
        if best is not None and chosen.bound >= best.value - SAME * abs(best.value):
            bound = min(bound, chosen.bound)
            break
        barred.append(chosen.cover)
        cover, idle = parted(chosen.cover, models)
        nothing = float(asked.idle[list(idle)].sum())
        try:
            spend, u, value, proven = asked.split(cover) if cover else _empty(blocks)
        except InfeasibleError as error:
            why = str(error)
            continue
        except SolverError as error:  # this division may be better than those that were split
            why, bound = str(error), min(bound, chosen.bound)
            continue
        bound = min(bound, proven + nothing)
        if best is None or value + nothing < best.value:
            best = Sharing(cover, idle, spend, u, value + nothing, -np.inf, 0)
        lines.append(asked.lines(np.array(cover, dtype=int), np.maximum(spend, blocks.start[list(cover)])))
        lines.append(_touched(asked, chosen, models))
    else:
        bound = min(bound, chosen.bound)
    if best is None:
        raise InfeasibleError(why or "No division of the tasks among measured models keeps the limits; loosen those.")
    return replace(best, bound=min(bound, best.value) if known else -np.inf, compared=len(barred))


_PARTS = ("block", "height", "slope")


def _touched(asked: _Asked, chosen: Chosen, models: int) -> Tangents:
    cover, _ = parted(chosen.cover, models)
    given = chosen.spend[np.array(chosen.cover) < models]
    block = np.array(cover, dtype=int)
    return asked.lines(block, np.clip(given, asked.blocks.start[block], asked.blocks.most[block]))


def _empty(blocks: Blocks) -> tuple[np.ndarray, np.ndarray, float, float]:
    return np.zeros(0), np.zeros((0, blocks.cost.inputs)), 0.0, 0.0


def _asked(blocks: Blocks) -> _Asked:
    spec, curves = blocks.spec, blocks.whole.served.curves
    apart = build_problem(curves, spec)
    rows = tuple(replace(row, coefficient=counted(row.coefficient, blocks.place)) for row in apart.rows)
    further = tuple(Resource(each.unit, _costs(blocks, each.unit), each.budget) for each in apart.further)
    problem = Problem(
        blocks.by_model, blocks.cost, spec.budget, blocks.low, np.minimum(blocks.high, spec.budget), further, rows,
        tuple(" and ".join(each.tasks) for each in blocks.served), None,
    )  # fmt: skip
    if not spec.risk.reads_draws:
        return _Asked(blocks, problem, None, None)
    draws = range(len(curves.draws))
    drawn = _drawn(blocks, draws)
    reached = None
    if spec.reference is not None:
        reference = log_inputs_of_split(spec, apart, spec.reference.split)
        reached = Scenarios.of([each.by_model for each in build_problems(curves, spec, draws)]).totals(reference)
    return _Asked(blocks, problem, drawn, reached)


def _drawn(blocks: Blocks, draws: Sequence[int]) -> Scenarios:
    """Every block's part of the mean in every draw."""
    each = [
        build_problems(served.curves, asked, draws)
        for served, asked in zip(blocks.served, blocks.questions, strict=True)
    ]
    share = blocks.share.sum(axis=1)
    if len({len(part) for part in each}) > 1:
        raise AllocationError("strategies have different numbers of draws")
    scenarios = []
    for drawn in zip(*each, strict=True):
        values: Posynomial = stacked([part.by_model for part in drawn])
        scenarios.append(values.scaled(share, np.zeros(len(share))))
    return Scenarios.of(scenarios)


def _costs(blocks: Blocks, unit: str) -> Posynomial:
    return stacked(
        [
            planned_cost(served.curves, asked, unit)
            for served, asked in zip(blocks.served, blocks.questions, strict=True)
        ]
    )


def _of(problem: Problem, pick: np.ndarray) -> Problem:
    """The problem of some of its models."""
    further = tuple(replace(each, cost=each.cost.take(pick)) for each in problem.further)
    rows: tuple[LinearConstraint, ...] = tuple(replace(row, coefficient=row.coefficient[pick]) for row in problem.rows)
    return Problem(
        problem.value.take(pick), problem.cost.take(pick), problem.budget, problem.low[pick], problem.high[pick],
        further, rows, tuple(problem.names[at] for at in pick),
    )  # fmt: skip
