"""Newton's method on the optimality conditions of a plan under risk: a primal–dual interior point.

With ``cap = 1/((1 − level)·B)`` the conditional value at risk is (Rockafellar & Uryasev 2000)

    min_η η + cap·Σ_b max(X_b(u) − η, 0)  =  max {Σ_b p_b·X_b(u) : 0 ≤ p_b ≤ cap, Σ p = 1}

and ``cap = 1/B`` makes it the mean. The draws' weights p are the multipliers of ``X_b(u) ≤ η + over_b``. Every limit
has a slack that stays positive; the products of slacks and multipliers fall to 0 along the central path, and each step
predicts, then corrects (Mehrotra 1992). The matrix of a step is made of one small block for each model, which only the
draws' totals, the budgets and the rows couple: with the blocks eliminated there is a row for each of those, so a step
takes ``O(B²·V)`` operations.

See docs/decisions/059-interior-point-for-risk.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from budget.allocation.convex.best_size import within_ends
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import Duals, marginal_return
from budget.allocation.interior_point.predictor_corrector import (
    FIRST_PRODUCT,
    MAX_IDLE_STEPS,
    Pair,
    predict_and_correct,
)
from budget.allocation.interior_point.scaled_problems import scaled_rows, stated_rows
from budget.allocation.spec.scenarios import Scenarios
from budget.curves.planning_forms.posynomial import Posynomial

MAX_LOG_INPUT_STEP = 1.0
"""Most change of a log input in one step: beyond a factor of e the curves have turned too far from their tangents."""

LEAST_CURVATURE = 1e-12
"""Curvature added to each model's log inputs, in units of the reducible objective: a thousandth of the gap that ends
the search, so that it slows no step which could still gain."""

MAX_NEWTON_STEPS = 100
"""Most steps; 15 to 30 are usual."""


@dataclass(frozen=True)
class Iterate:
    """A point near the central path.

    Attributes:
        u: (V, I) log inputs.
        given: (R, V) amounts of each resource.
        weight: (B,) the draws' weights, nearly in the set above.
        prices: of the limits.
        distance: what remains of the optimality conditions, relative to the reducible objective.
    """

    u: np.ndarray
    given: np.ndarray
    weight: np.ndarray
    prices: Duals
    distance: float


class _Limits(NamedTuple):
    """The limits' slacks and multipliers, or their steps; of those that are not there, none.

    Attributes:
        cost: (R, V) no cost above its amount.
        low: (V,) least spends.
        high: (V,) greatest spends.
        rows: (L,) budgets and rows.
        least: (V, I) ends of the log inputs.
        greatest: (V, I).
        under: (B,) each draw's total is η + over − under; not of the mean, where all weights are known.
        over: (B,).
    """

    cost: Pair
    low: Pair
    high: Pair
    rows: Pair
    least: Pair
    greatest: Pair
    under: Pair
    over: Pair


NONE = Pair(np.empty(0), np.empty(0))
"""Of limits that are not there."""


@dataclass(frozen=True)
class _Step:
    """A step of everything: log inputs (V, I), amounts (R, V), η, and the limits' slacks and multipliers."""

    u: np.ndarray
    x: np.ndarray
    eta: float
    pairs: _Limits


class _Path:
    """The state of the method; amounts count from a plan's, values from its reducible mean."""

    def __init__(
        self, scenarios: Scenarios, problem: Problem, cap: float, u: np.ndarray, given: np.ndarray, tail: float
    ) -> None:
        """Put the problem into units of order one and begin inside of every limit; arguments as of ``central_path``."""
        # values count from the draws' floors, which no plan moves, in units of what a plan can move: residuals and the
        # gap are then relative to that, and one tolerance serves every file
        terms = scenarios.at(u).terms(u)
        self.size = float(terms.sum(axis=(1, 2)).mean())
        self.floor = (scenarios.floors - scenarios.floors.mean()) / self.size
        self.scenarios, self.problem, self.unit = scenarios, problem, given
        # what the tail's share of the objective may weigh a draw by, and what every draw weighs whatever it is
        self.cap, self.quantile = tail * cap, 1 - 1 / (cap * len(scenarios))
        self.even = (1 - tail) / len(scenarios)
        self.is_mean = tail == 0 or cap * len(scenarios) <= 1 + 1e-9
        self.costs = [
            Posynomial(cost.offset / amount, cost.log_coef - np.log(amount)[:, None], cost.exponent)
            for cost, amount in zip([problem.cost, *(each.cost for each in problem.further)], given, strict=True)
        ]
        stated, budgets = stated_rows(problem)
        scaled = scaled_rows(stated, [at < len(budgets) for at in range(len(stated))], given[None])
        (self.matrix,), (self.most,), (self.row_unit,) = scaled
        self.budgets = list(budgets)
        self.low, self.high = problem.low / given[0], problem.high / given[0]
        # ends of the log inputs; of one input, those of the spend say it
        self.least, self.greatest = (problem.cost.domain, problem.cost.ceiling) if u.shape[1] > 1 else (None, None)
        if u.shape[1] > 1:
            u = within_ends(problem.cost, u)
        self.best, self.idle, self.cut = np.inf, 0, 1.0
        self._begin(u, terms / self.size)

    def _begin(self, u: np.ndarray, terms: np.ndarray) -> None:
        """The first slacks and multipliers, from log inputs ``u`` (V, I) and the draws' terms (B, V, K) there."""
        draws, models, resources = len(self.scenarios), len(u), len(self.costs)
        self.u, self.x = u, np.ones((resources, models))
        each = FIRST_PRODUCT / (resources * models)
        marginal = marginal_return(self.scenarios.at(u).mixed(np.full(draws, 1 / draws)), self.costs[0], u) / self.size

        def pair(left: np.ndarray, price: np.ndarray | float = 0.0) -> Pair:
            return Pair.first(left, price, each)

        room = self.x - np.array([cost.value(u) for cost in self.costs])
        spare = self.most - np.einsum("lrv,rv->l", self.matrix, self.x)
        self.eta, self.weight = 0.0, np.full(draws, 1 / draws)
        self.limits = _Limits(
            # what the start's own marginal return says of prices, which are near the optimum's where the start is
            cost=pair(room, np.tile(marginal, (resources, 1)) / resources),
            low=pair(1 - self.low),
            high=pair(self.high - 1),
            rows=Pair(np.maximum(spare, FIRST_PRODUCT), np.full(len(spare), marginal.sum() / max(len(spare), 1))),
            least=NONE if self.least is None else pair(u - self.least),
            greatest=NONE if self.greatest is None else pair(self.greatest - u),
            # with a cap of 1/B all weights are 1/B: neither they nor η are unknowns, and the draws' rows fall away
            under=NONE,
            over=NONE,
        )
        if self.is_mean:
            return
        totals = self.floor + terms.sum(axis=(1, 2))
        # the best η is the quantile of the totals (Rockafellar & Uryasev 2000, Theorem 1)
        self.eta = float(np.quantile(totals, self.quantile))
        spread = FIRST_PRODUCT * (np.std(totals) + FIRST_PRODUCT)
        # p multiplies 0 ≤ under and cap − p multiplies 0 ≤ over, so draws above η end at the weight cap and those
        # below at 0
        extra = self.weight - self.even
        self.limits = self.limits._replace(
            under=Pair(np.maximum(self.eta - totals, 0) + spread, extra),
            over=Pair(np.maximum(totals - self.eta, 0) + spread, self.cap - extra),
        )

    def step(self) -> float:
        """Take one step; returns what remained of the optimality conditions before it."""
        system = _System(self)
        step, reach, here = predict_and_correct(self.limits, system.solve, axes=0)
        remained = max(system.remainder, float(here))
        length = min(float(reach), MAX_LOG_INPUT_STEP / max(float(np.abs(step.u).max()), 1e-30))
        length *= self._shorter(remained)
        self.u = self.u + length * step.u
        self.x = self.x + length * step.x
        self.eta += length * step.eta
        moved = [pair.moved(each, np.array(length)) for pair, each in zip(self.limits, step.pairs, strict=True)]
        self.limits = _Limits(*moved)
        if not self.is_mean:
            self.weight = self.even + self.limits.under.price
        return remained

    def _shorter(self, remained: float) -> float:
        """By which factor a step is cut: halved when what remains does not fall for some, doubled when it does."""
        falls = remained < 0.9 * self.best
        self.idle, self.best = (0 if falls else self.idle + 1), min(self.best, remained)
        if falls:
            self.cut = min(1.0, 2 * self.cut)
        elif self.idle >= MAX_IDLE_STEPS:
            self.idle, self.cut = 0, 0.5 * self.cut
        return self.cut

    def iterate(self, distance: float) -> Iterate:
        """The present point in the problem's units."""
        rows = self.limits.rows.price * self.size * self.row_unit
        budget = np.zeros(len(self.costs))
        budget[self.budgets] = rows[: len(self.budgets)]
        of_row = rows[len(self.budgets) :]
        free = Duals(budget, np.zeros(len(self.low)), np.zeros(len(self.low)), of_row)
        # what the costs charge beyond budgets and rows is what the own limits charge
        excess = self.limits.cost.price[0] * self.size / self.unit[0] - free.shadow_prices(self.problem)[0]
        prices = Duals(budget, np.maximum(-excess, 0.0), np.maximum(excess, 0.0), of_row)
        return Iterate(self.u, self.x * self.unit, self.weight, prices, distance)


class _System:
    """The linear system of one step, factorized once and solved for several targets of the products."""

    def __init__(self, path: _Path) -> None:
        """Evaluate the optimality conditions where the path is, and factorize their matrix."""
        self.path, limits = path, path.limits
        self.draws = 0 if path.is_mean else len(path.scenarios)
        local = path.scenarios.at(path.u)
        terms = local.terms(path.u) / path.size
        slopes = np.einsum("bvk,bvki->bvi", terms, local.exponent)
        self.totals = path.floor + terms.sum(axis=(1, 2))
        self.cost = np.array([cost.value(path.u) for cost in path.costs])
        self.cost_slope = np.array([cost.gradient(path.u) for cost in path.costs])
        # slopes of the Lagrangian in log inputs and amounts, the latter without the models' own limits
        self.at_u = np.tensordot(path.weight, slopes, axes=1)
        self.at_u += np.einsum("rv,rvi->vi", limits.cost.price, self.cost_slope)
        self.at_x = np.einsum("l,lrv->rv", limits.rows.price, path.matrix) - limits.cost.price
        self.at_rows = np.einsum("lrv,rv->l", path.matrix, path.x) - path.most
        self.left_least = np.empty(0) if path.least is None else path.least - path.u
        self.left_greatest = np.empty(0) if path.greatest is None else path.u - path.greatest
        self._factorize(terms, local.exponent, slopes)
        self.remainder = self._remainder()

    def _factorize(self, terms: np.ndarray, exponent: np.ndarray, slopes: np.ndarray) -> None:
        """Eliminate every model's block, then factorize what couples them.

        Args:
            terms: (B, V, K) the draws' terms.
            exponent: their exponents (B, V, K, I).
            slopes: (B, V, I) of the draws' values in log inputs.
        """
        path, (resources, models), inputs = self.path, self.path.x.shape, self.path.u.shape[1]
        limits = path.limits
        last, size = inputs + resources, inputs + 2 * resources
        # a block for each model: its log inputs, its amounts, and the multipliers of its costs
        block = np.zeros((models, size, size))
        weighted = (path.weight[:, None, None] * terms).transpose(1, 0, 2).reshape(models, -1, 1)
        exponent = exponent.transpose(1, 0, 2, 3).reshape(models, -1, inputs)
        # a posynomial's Hessian in logarithms is Σ terms·aaᵀ (Boyd & Vandenberghe 2004, §4.5): the convexity of the
        # Lagrangian is seen from the sum
        block[:, :inputs, :inputs] = (weighted * exponent).transpose(0, 2, 1) @ exponent
        bend = path.scenarios.bend(path.u)
        if bend is not None:
            block[:, :inputs, :inputs] += np.einsum("b,bvk,bvkij->vij", path.weight, terms, bend)
        for r, cost in enumerate(path.costs):
            priced = limits.cost.price[r][:, None] * cost.terms(path.u)
            block[:, :inputs, :inputs] += np.einsum("vk,vki,vkj->vij", priced, cost.exponent, cost.exponent)
            block[:, :inputs, last + r] = block[:, last + r, :inputs] = self.cost_slope[r]
            block[:, inputs + r, last + r] = block[:, last + r, inputs + r] = -1.0
            # the costs' slacks are eliminated by their products, which leaves −slack/price for the multipliers
            block[:, last + r, last + r] = -limits.cost.slack[r] / limits.cost.price[r]
        # data repeated until more bring nothing leave the values flat, and the cost does not bend along its own level:
        # without primal regularization (Friedlander & Orban 2012) that block has no inverse and the path ends there
        block[:, range(inputs), range(inputs)] += LEAST_CURVATURE
        if path.least is not None:
            for i in range(inputs):
                block[:, i, i] += limits.least.price[:, i] / limits.least.slack[:, i]
        if path.greatest is not None:
            for i in range(inputs):
                block[:, i, i] += limits.greatest.price[:, i] / limits.greatest.slack[:, i]
        # bounds touch one unknown each, so both their slacks and multipliers are eliminated: price/slack on the
        # diagonal
        block[:, inputs, inputs] = limits.low.price / limits.low.slack + limits.high.price / limits.high.slack
        coupling = np.zeros((models, self.draws + len(path.most), size))
        coupling[:, : self.draws, :inputs] = slopes[: self.draws].transpose(1, 0, 2)
        coupling[:, self.draws :, inputs:last] = path.matrix.transpose(2, 0, 1)
        # blocks have a few unknowns and, with multipliers among them, eigenvalues of both signs: no Cholesky, and one
        # batched inverse serves every right side
        self.inverse = np.linalg.inv(block)
        self.coupling, self.through = coupling, coupling @ self.inverse
        softness = limits.rows.slack / limits.rows.price
        if self.draws:
            of_draws = limits.over.slack / limits.over.price + limits.under.slack / limits.under.price
            softness = np.concatenate([of_draws, softness])
        # the Schur complement (Boyd & Vandenberghe 2004, App. C.4) over draws, budgets and rows is positive definite
        # where the Lagrangian is convex; its diagonal spans as many decades as slack/price does near the end, so it is
        # scaled to 1 before Cholesky
        complement = _over_models(self.through) @ _over_models(coupling).T + np.diag(softness)
        self.balance = 1 / np.sqrt(np.diag(complement))
        self.factor = cho_factor(complement * np.outer(self.balance, self.balance))

    def _remainder(self) -> float:
        """The largest remainder of the optimality conditions, but for the products."""
        path, limits = self.path, self.path.limits
        at_x = self.at_x.copy()
        at_x[0] += limits.high.price - limits.low.price
        at_u = self.at_u if path.least is None else self.at_u - limits.least.price
        at_u = at_u if path.greatest is None else at_u + limits.greatest.price
        parts = [
            at_u,
            self.left_least + limits.least.slack,
            self.left_greatest + limits.greatest.slack,
            at_x,
            # weighed by its price: what nobody pays for may be off
            (self.cost - path.x + limits.cost.slack) * limits.cost.price,
            self.at_rows + limits.rows.slack,
        ]
        if self.draws:
            parts.append(limits.under.price * (self.totals - path.eta - limits.over.slack + limits.under.slack))
            parts.append(np.array([1 - path.weight.sum()]))
        return max(float(np.abs(part).max(initial=0.0)) for part in parts)

    def _solved(self, right: np.ndarray) -> np.ndarray:
        return self.balance * cho_solve(self.factor, self.balance * right)

    def solve(self, targets: list[np.ndarray]) -> _Step:
        """The step of everything toward products of slack and multiplier of these sizes."""
        path, limits = self.path, self.path.limits
        inputs, last = path.u.shape[1], path.u.shape[1] + len(path.costs)
        to_cost, to_low, to_high, to_rows, to_least, to_greatest, to_under, to_over = targets
        left_low, left_high = path.low - path.x[0], path.x[0] - path.high
        at_x = self.at_x.copy()
        at_x[0] += limits.high.price_at_rest(left_high, to_high) - limits.low.price_at_rest(left_low, to_low)
        at_u = self.at_u
        if path.least is not None:
            at_u = at_u - limits.least.price_at_rest(self.left_least, to_least)
        if path.greatest is not None:
            at_u = at_u + limits.greatest.price_at_rest(self.left_greatest, to_greatest)
        at_cost = self.cost - path.x + to_cost / limits.cost.price
        rows = self.at_rows + to_rows / limits.rows.price
        if self.draws:
            of_draws = self.totals - path.eta - to_over / limits.over.price + to_under / limits.under.price
            rows = np.concatenate([of_draws, rows])
        # what the blocks alone would do, then the coupling's answer, then back into the blocks
        fixed = np.einsum("vij,vj->vi", self.inverse, np.concatenate([at_u, at_x.T, at_cost.T], axis=1))
        prices = self._solved(rows - np.einsum("vli,vi->l", self.coupling, fixed))
        eta = 0.0
        if self.draws:
            # η is one more unknown, and Σ p = 1 its equation: the answer without it, and along it, meet that
            along = self._solved(np.arange(len(rows)) < self.draws)
            over = prices[: self.draws].sum() - (1 - path.weight.sum())
            eta = float(over / along[: self.draws].sum())
            prices = prices - eta * along
        move = -fixed - np.einsum("vli,l->vi", self.through, prices)
        u, x = move[:, :inputs], move[:, inputs:last].T
        by_draw, greatest = prices[: self.draws], limits.greatest
        steps = _Limits(
            cost=limits.cost.step_of_price(move[:, last:].T, to_cost),
            low=limits.low.step_of_move(left_low, -x[0], to_low),
            high=limits.high.step_of_move(left_high, x[0], to_high),
            rows=limits.rows.step_of_price(prices[self.draws :], to_rows),
            least=NONE if path.least is None else limits.least.step_of_move(self.left_least, -u, to_least),
            greatest=NONE if path.greatest is None else greatest.step_of_move(self.left_greatest, u, to_greatest),
            under=limits.under.step_of_price(by_draw, to_under),
            over=limits.over.step_of_price(-by_draw, to_over),
        )
        return _Step(u, x, eta, steps)


def _over_models(parts: np.ndarray) -> np.ndarray:
    """Parts (V, L, M) as rows (L, V·M)."""
    return parts.transpose(1, 0, 2).reshape(parts.shape[1], -1)


def central_path(
    scenarios: Scenarios, problem: Problem, cap: float, u: np.ndarray, given: np.ndarray, tail: float = 1.0
) -> Iterator[Iterate]:
    """Points ever nearer to the plan whose mean over the worst draws is least, or its mix with the mean over all.

    Args:
        scenarios: B draws.
        problem: its costs and limits.
        cap: most weight of a draw, ``1/B`` for the mean.
        u: (V, I) log inputs of a plan to start from.
        given: (R, V) its amounts, positive.
        tail: share of the worst draws' mean in what is made small; the rest is the mean over all draws.
    """
    path = _Path(scenarios, problem, cap, u, given, tail)
    for _ in range(MAX_NEWTON_STEPS):
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                distance = path.step()
        except (np.linalg.LinAlgError, ValueError):  # the factorization met what is no longer a number
            return
        yield path.iterate(distance)
