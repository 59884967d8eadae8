"""Water-filling: the best splits of many budgets at once, by their dual.

**The problem.** Q budgets are each shared by V models. Model v's least value at a spend, ``w_v(c) = min {value_v(u) :
cost_v(u) ≤ c}`` (``best_size``), is convex and falls with the spend, being a partial minimum of a convex function, so

    minimize Σ_v w_v(c_v)   subject to   Σ_v c_v ≤ B,   low ≤ c ≤ high

is convex. With the price ``λ`` of the budget, the KKT conditions (Boyd & Vandenberghe 2004, section 5.5.3) are those of
the water-filling problem (their example 5.2): every model that is at no limit of its own has the same marginal return

    −w_v'(c_v) = λ,     a model at its least spend a smaller one,     a model at its greatest spend a greater one,

so that the whole split follows from one number, and the dual problem is one equation, ``Σ_v c_v(λ) = B``, whose left
side falls with λ.

**The step.** Solving ``−w_v'(c) = λ`` exactly for every trial price would take a root of its own. But the marginal
return of a power ``A·c^-a`` is again a power, ``a·A·c^-(a+1)``: its logarithm is linear in the logarithm of the spend,
with slope ``−(a + 1)``. What a law leaves after its inputs are chosen best is nearly a power, so ``log(−w_v')`` is
replaced by its tangent in ``log c``, whose solution is written down: ``c_v(λ) = c_v·exp((log λ − m_v)/s_v)`` for the
log marginal return ``m_v`` and its slope ``s_v``. One bracketed root then finds the price at which these spends,
clipped to their limits, use the budget up. This is Newton's method on the KKT conditions in logarithms: exact in one
step for powers, and for what is nearly one the error is squared in each step (or multiplied by some thousandth, by
which the slope's finite difference is off), so 3 to 6 steps reach the last digits. Minima and maxima need no guess of
who is at a limit: the clipping inside the root decides that anew for each price.

Nothing is taken on trust: ``certificate`` bounds what any split could reach, and ``solve_by_dual`` asks a solver where
the two are not close.

See docs/decisions/050-solvers-split-is-polished.md, docs/decisions/176-no-smaller-than-the-runs-allow.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import marginal_return
from budget.allocation.spec.scenarios import Scenarios
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.numerics.fill_to_budget import fill_to_budget
from budget.numerics.roots import rising_root

MAX_STEPS = 30
"""Most steps of a batch; sums of falling powers take 3 to 6."""

MAX_POLISH_STEPS = 12
"""Most steps that polish one split: powers take 2 or 3; marginal returns that vanish with repeats take more."""

STEP_TOLERANCE = 1e-8
"""Largest last step of a spend's logarithm: the value, flat about its least, is then exact to the step's square."""

SLOPE_STEP = 1e-3
"""Relative step of the finite difference behind the slope: it errs by as much, which costs no more than a step."""

LEAST_STEEP = -0.5
"""Slope at which a flatter one is held: a convex power has −1 at most, and what is flatter would leap."""

BATCH_MODELS = 20_000
"""Models of one batch; more at once are no faster, and take memory."""

AT_CORNER = 1e-9
"""Distance of a log spend from that of a corner within which a model stands there."""

LEAST_SHARE = 1e-30
"""Share of a budget below which no spend falls, though it bring nothing: logarithms need something to hold on to.

It is far below the ``1e-16`` of a budget that float64 could tell apart in the sum of the spends.
"""


@dataclass(frozen=True)
class Batch:
    """Q budgets, each shared by V models of its own.

    Attributes:
        value: Q·V functions, those that share a budget side by side.
        cost: Q·V costs, in the same order.
        budget: (Q,) totals, in the budget's unit like all spends.
        low: (Q, V) least spends.
        high: (Q, V) greatest spends, at most the budget where that is finite.
    """

    value: PlanningForm
    cost: Posynomial
    budget: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> "Batch":
        """The batch of Q problems of one budget that differ in their values only, such as draws."""
        first, count = problems[0], len(problems)
        alike = np.tile(np.arange(len(first.cost)), count)
        low, high = (np.tile(limit, (count, 1)) for limit in (first.low, first.high))
        return cls(
            Scenarios.of([problem.by_model for problem in problems]).values,
            first.cost.take(alike),
            np.full(count, first.budget),
            low,
            high,
        )

    def take(self, pick: np.ndarray) -> "Batch":
        """The budgets at the positions ``pick``."""
        models = (pick[:, None] * self.low.shape[1] + np.arange(self.low.shape[1])).ravel()
        value, cost = self.value.take(models), self.cost.take(models)
        return Batch(value, cost, self.budget[pick], self.low[pick], self.high[pick])

    def best_inputs(self, spend: np.ndarray, near: np.ndarray | None = None) -> np.ndarray:
        """Log inputs (Q·V, I) of every model at its spend (Q, V), which are not far from ``near`` (Q·V, I)."""
        return best_inputs(self.value, self.cost, spend.ravel(), near)


def water_fill(
    problem: Problem, budgets: np.ndarray, low: np.ndarray, high: np.ndarray, members: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The splits of several budgets among the models of one problem with the least sum of values.

    Args:
        problem: with one budget and no further limits; its own total and ends are not read.
        budgets: (Q,) totals.
        low: (V,) stated least spends; with those of the smallest models they are below every budget together. Or
            (Q, V') of each budget's own members.
        high: (V,) greatest spends, infinite where there is none; or (Q, V').
        members: (Q, V') positions of the models that share each budget; by default all V of them share each.

    Returns:
        Spends (Q, V'), and the models' log inputs (Q, V', I).
    """
    if members is None:
        members = np.tile(np.arange(len(problem.cost)), (len(budgets), 1))
    batch = Batch(
        problem.by_model.take(members.ravel()),
        problem.cost.take(members.ravel()),
        budgets,
        np.maximum(low if low.ndim == 2 else low[members], problem.smallest[members]),
        np.minimum(high if high.ndim == 2 else high[members], budgets[:, None]),
    )
    spend, u = water_fill_batch(batch)
    return spend, u.reshape(*spend.shape, -1)


def water_fill_batch(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """The split (Q, V) of each budget with the least sum of values, and the models' log inputs (Q·V, I)."""
    spend, near = fill_to_budget(np.ones(batch.low.shape), batch.budget, batch.low, batch.high), None
    for _ in range(MAX_STEPS):
        moved, near = newton_step(batch, spend, near)
        step = np.abs(np.log(moved / spend)).max()
        spend = moved
        if step <= STEP_TOLERANCE:
            break
    return spend, batch.best_inputs(spend, near)


def polish(problem: Problem, spend: np.ndarray, steps: int = MAX_POLISH_STEPS) -> np.ndarray:
    """Improve the split of one budget to the last digits, from any split, such as a solver's.

    Unlike ``water_fill`` it never makes a split worse, whatever the curves: a step that brings nothing is not taken.

    Args:
        problem: the stated problem, without further resources and rows.
        spend: (V,) positive, within the limits, summing to the budget unless every model is at its maximum.
        steps: most steps.

    Returns:
        (V,) a split that is not worse, of the same sum.
    """
    if len(spend) == 1 or problem.high.sum() <= problem.budget:
        return spend
    batch = Batch.of([problem])

    def reducible(spend: np.ndarray) -> float:
        return float(batch.value.terms(batch.best_inputs(spend)).sum())

    best, reached = spend, reducible(spend)
    for _ in range(steps):
        (moved,), _ = newton_step(batch, best[None])
        new = reducible(moved)
        if not new < reached:  # also where it is no number
            break
        best, reached = moved, new
    return best


def corner_spends(cost: Posynomial, spend: np.ndarray) -> np.ndarray:
    """(2, Q, V) what models take that have one input at its least and the other at its greatest, 0 where none has.

    There the marginal return falls at once, so that a price may lie between what the last and the next unit return.
    """
    domain, ceiling = cost.domain, cost.ceiling
    if domain is None or ceiling is None or cost.inputs == 1:
        return np.zeros((2, *spend.shape))
    ends = (np.column_stack([domain[:, 0], ceiling[:, 1]]), np.column_stack([ceiling[:, 0], domain[:, 1]]))
    there = [np.isfinite(each).all(axis=1) for each in ends]
    found = [
        np.where(some, cost.value(np.where(some[:, None], each, 0.0)), 0.0)
        for some, each in zip(there, ends, strict=True)
    ]
    return np.stack(found).reshape(2, *spend.shape)


def newton_step(batch: Batch, spend: np.ndarray, near: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """One step of splits toward a common price of each budget.

    Args:
        batch: Q budgets of V models.
        spend: (Q, V) positive, within the limits, using the budgets up as far as these let them.
        near: (Q·V, I) log inputs not far from the best ones at these, where some are known.

    Returns:
        (Q, V) spends within the limits that sum to each budget as far as these let them, and log inputs (Q·V, I) near
        the best ones there.
    """
    value, cost, budgets, most = batch.value, batch.cost, batch.budget, batch.high

    def log_marginal(u: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(marginal_return(value, cost, u), 1e-300)).reshape(spend.shape)

    # the tangent of the log marginal return in the log spend: its height, and its slope by a forward difference
    u = batch.best_inputs(spend, near)
    further = batch.best_inputs(spend * (1 + SLOPE_STEP), near=u)
    here = log_marginal(u)
    slope = np.minimum((log_marginal(further) - here) / np.log1p(SLOPE_STEP), LEAST_STEEP)
    log_spend, log_budget = np.log(spend), np.log(budgets)[:, None]
    low = np.minimum(np.maximum(batch.low, LEAST_SHARE * budgets[:, None]), most)
    corners = corner_spends(cost, spend)
    stands = (np.abs(corners - spend) <= AT_CORNER * spend).any(axis=0)
    if stands.any():  # there a model returns more for the last of its spend than for more of it
        before = log_marginal(batch.best_inputs(spend * (1 - SLOPE_STEP), near=u))
    # a step ends at the corner that it comes to
    least = np.where(corners < spend * (1 - AT_CORNER), corners, 0.0).max(axis=0)
    greatest = np.where(corners > spend * (1 + AT_CORNER), corners, np.inf).min(axis=0)

    def implied(cheapness: np.ndarray) -> np.ndarray:
        """The spends ``spend · exp((log price − here)/slope)``; the price falls as the cheapness (Q,) rises."""
        move = -(cheapness[:, None] + here) / slope
        if stands.any():
            less = -(cheapness[:, None] + before) / slope
            move = np.where(stands, np.maximum(move, 0.0) + np.minimum(less, 0.0), move)
        found = np.clip(np.exp(np.minimum(log_spend + move, log_budget)), least, greatest)
        return np.clip(found, low, most)

    def over(cheapness: np.ndarray) -> np.ndarray:
        return np.log(implied(cheapness).sum(axis=1) / budgets)

    # the bracket: the spends use the budget up, so at the highest return of all none of them would rise, and at the
    # lowest none would fall; the price lies between the two
    found = implied(rising_root(over, -here.max(axis=1), -here.min(axis=1)))
    moved = fill_to_budget(found, budgets, low, most)
    # the inputs' tangent in the log spend: what they will be to the square of the step
    return moved, u + (further - u) / np.log1p(SLOPE_STEP) * np.log(moved / spend).reshape(-1, 1)
