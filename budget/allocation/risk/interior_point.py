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

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from budget.allocation.convex.best_size import within_ends
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import Duals, marginal_return
from budget.allocation.spec.scenarios import Scenarios
from budget.curves.planning_forms.posynomial import Posynomial

SHARE_TO_BOUNDARY = 0.995
"""Share of the way to the nearest slack or multiplier of 0 that a step may go (Mehrotra 1992)."""

MAX_LOG_INPUT_STEP = 1.0
"""Most change of a log input in one step: beyond a factor of e the curves have turned too far from their tangents."""

INITIAL_PRODUCTS = 0.1
"""First sum of the products of slacks and multipliers, relative to the reducible objective; and first least slack."""

LEAST_CURVATURE = 1e-12
"""Curvature added to each model's log inputs, in units of the reducible objective: a thousandth of the gap that ends
the search, so that it slows no step which could still gain."""

MAX_IDLE_STEPS = 8
"""Steps without progress after which they are cut: under repeated data full steps may jump to and fro for ever."""

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


@dataclass
class _Limits:
    """Limits ``left + slack = 0``, their multipliers, and the step that both take."""

    slack: np.ndarray
    price: np.ndarray
    slack_step: np.ndarray
    price_step: np.ndarray

    @classmethod
    def at(cls, slack: np.ndarray, price: np.ndarray) -> "_Limits":
        return cls(slack, price, np.zeros_like(slack), np.zeros_like(slack))

    @property
    def second_order(self) -> np.ndarray:
        """What the products gain beyond the step's tangent."""
        return self.slack_step * self.price_step

    def reach(self) -> float:
        """The longest step at which nothing turns negative."""
        falls = max(float((-self.slack_step / self.slack).max(initial=0.0)), 0.0)
        falls = max(falls, float((-self.price_step / self.price).max(initial=0.0)))
        return 1 / max(falls, 1e-30)

    def product(self, step: float = 0.0) -> float:
        """Sum of the products after a step of that length."""
        return float(((self.slack + step * self.slack_step) * (self.price + step * self.price_step)).sum())

    def follow_price(self, target: np.ndarray) -> None:
        """Set the slack's step from the multiplier's, toward products of these sizes."""
        # (slack + ds)·(price + dp) = target to first order, solved for ds
        self.slack_step = target / self.price - self.slack * (1 + self.price_step / self.price)

    def follow(self, left: np.ndarray, move: np.ndarray, target: np.ndarray) -> None:
        """Set both steps, where the left side is ``left`` and changes by ``move``."""
        # the limit itself, linearized, gives ds; the product's first order then gives dp
        self.slack_step = -(left + self.slack) - move
        self.price_step = (target - self.price * self.slack_step) / self.slack - self.price

    def move(self, step: float) -> None:
        self.slack = self.slack + step * self.slack_step
        self.price = self.price + step * self.price_step


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
        self.matrix, self.most, self.row_unit, self.budgets = _linear(problem, given)
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
        # with a cap of 1/B all weights are 1/B: neither they nor η are unknowns, and the draws' rows fall away
        each = INITIAL_PRODUCTS / (resources * models)
        # an infeasible start: slacks need not fit the limits, what is missing is made up on the way. A
        # plan at its limits would begin on the boundary, where steps are cut to nothing, so slacks are at least this
        slack = np.maximum(self.x - np.array([cost.value(u) for cost in self.costs]), INITIAL_PRODUCTS)
        marginal = marginal_return(self.scenarios.at(u).mixed(np.full(draws, 1 / draws)), self.costs[0], u) / self.size
        # what the start's own marginal return says of prices, which are near the optimum's where the start is
        price = np.maximum(np.tile(marginal, (resources, 1)) / resources, each / slack)
        self.of_cost = _Limits.at(slack, price)
        over = np.maximum(1 - self.low, INITIAL_PRODUCTS)
        under = np.maximum(self.high - 1, INITIAL_PRODUCTS)
        self.of_low, self.of_high = _Limits.at(over, each / over), _Limits.at(under, each / under)
        spare = np.maximum(self.most - np.einsum("lrv,rv->l", self.matrix, self.x), INITIAL_PRODUCTS)
        self.of_rows = _Limits.at(spare, np.full(len(spare), marginal.sum() / max(len(spare), 1)))
        self.eta, self.weight = 0.0, np.full(draws, 1 / draws)
        totals = self.floor + terms.sum(axis=(1, 2))
        if not self.is_mean:
            # the best η is the quantile of the totals (Rockafellar & Uryasev 2000, Theorem 1)
            self.eta = float(np.quantile(totals, self.quantile))
            spread = INITIAL_PRODUCTS * (np.std(totals) + INITIAL_PRODUCTS)
            # each total is η + over − under: p multiplies 0 ≤ under and cap − p multiplies 0 ≤ over, so draws above η
            # end at the weight cap and those below at 0
            extra = self.weight - self.even
            self.under = _Limits.at(np.maximum(self.eta - totals, 0) + spread, extra)
            self.over = _Limits.at(np.maximum(totals - self.eta, 0) + spread, self.cap - extra)
        room = np.empty(0) if self.least is None else np.maximum(u - self.least, INITIAL_PRODUCTS)
        self.of_least = _Limits.at(room, each / room)
        above = np.empty(0) if self.greatest is None else np.maximum(self.greatest - u, INITIAL_PRODUCTS)
        self.of_greatest = _Limits.at(above, each / above)
        self.all = [self.of_cost, self.of_low, self.of_high, self.of_rows, self.of_least, self.of_greatest]
        self.all += [] if self.is_mean else [self.under, self.over]
        self.count = sum(limits.slack.size for limits in self.all)

    def step(self) -> float:
        """Take one step; returns what remained of the optimality conditions before it."""
        # predict: a step toward products of 0, to see how far they can fall
        system = _System(self)
        system.solve([np.zeros_like(limits.slack) for limits in self.all])
        reach = min(1.0, *(limits.reach() for limits in self.all))
        here = sum(limits.product() for limits in self.all)
        there = sum(limits.product(reach) for limits in self.all)
        # then correct: aim for the share σ = (there/here)³ of the mean product (Nocedal & Wright 2006, §14.2): near the
        # boundary the path is bent and must be kept to, with room a step may go nearly all the way. The products'
        # second order, known from the prediction, is taken off; both solves share one factorization
        target = (there / here) ** 3 * here / self.count
        system.solve([target - limits.second_order for limits in self.all])
        # one length for slacks and multipliers: curves bend, so the multipliers' equation hangs on the inputs' step too
        length = min(1.0, SHARE_TO_BOUNDARY * min(limits.reach() for limits in self.all))
        length = min(length, MAX_LOG_INPUT_STEP / max(float(np.abs(system.u_step).max()), 1e-30))
        length *= self._shorter(max(system.remainder, here))
        self.u = self.u + length * system.u_step
        self.x = self.x + length * system.x_step
        self.eta += length * system.eta_step
        for limits in self.all:
            limits.move(length)
        if not self.is_mean:
            self.weight = self.even + self.under.price
        return max(system.remainder, here)

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
        rows = self.of_rows.price * self.size * self.row_unit
        budget = np.zeros(len(self.costs))
        budget[self.budgets] = rows[: len(self.budgets)]
        of_row = rows[len(self.budgets) :]
        free = Duals(budget, np.zeros(len(self.low)), np.zeros(len(self.low)), of_row)
        # what the costs charge beyond budgets and rows is what the own limits charge
        excess = self.of_cost.price[0] * self.size / self.unit[0] - free.shadow_prices(self.problem)[0]
        prices = Duals(budget, np.maximum(-excess, 0.0), np.maximum(excess, 0.0), of_row)
        return Iterate(self.u, self.x * self.unit, self.weight, prices, distance)


class _System:
    """The linear system of one step, factorized once and solved for several targets of the products."""

    def __init__(self, path: _Path) -> None:
        """Evaluate the optimality conditions where the path is, and factorize their matrix."""
        self.path = path
        self.draws = 0 if path.is_mean else len(path.scenarios)
        local = path.scenarios.at(path.u)
        terms = local.terms(path.u) / path.size
        slopes = np.einsum("bvk,bvki->bvi", terms, local.exponent)
        self.totals = path.floor + terms.sum(axis=(1, 2))
        self.cost = np.array([cost.value(path.u) for cost in path.costs])
        self.cost_slope = np.array([cost.gradient(path.u) for cost in path.costs])
        # slopes of the Lagrangian in log inputs and amounts, the latter without the models' own limits
        self.at_u = np.tensordot(path.weight, slopes, axes=1)
        self.at_u += np.einsum("rv,rvi->vi", path.of_cost.price, self.cost_slope)
        self.at_x = np.einsum("l,lrv->rv", path.of_rows.price, path.matrix) - path.of_cost.price
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
            priced = path.of_cost.price[r][:, None] * cost.terms(path.u)
            block[:, :inputs, :inputs] += np.einsum("vk,vki,vkj->vij", priced, cost.exponent, cost.exponent)
            block[:, :inputs, last + r] = block[:, last + r, :inputs] = self.cost_slope[r]
            block[:, inputs + r, last + r] = block[:, last + r, inputs + r] = -1.0
            # the costs' slacks are eliminated by their products, which leaves −slack/price for the multipliers
            block[:, last + r, last + r] = -path.of_cost.slack[r] / path.of_cost.price[r]
        # data repeated until more bring nothing leave the values flat, and the cost does not bend along its own level:
        # without primal regularization (Friedlander & Orban 2012) that block has no inverse and the path ends there
        block[:, range(inputs), range(inputs)] += LEAST_CURVATURE
        if path.least is not None:
            for i in range(inputs):
                block[:, i, i] += path.of_least.price[:, i] / path.of_least.slack[:, i]
        if path.greatest is not None:
            for i in range(inputs):
                block[:, i, i] += path.of_greatest.price[:, i] / path.of_greatest.slack[:, i]
        # bounds touch one unknown each, so both their slacks and multipliers are eliminated: price/slack on the
        # diagonal
        block[:, inputs, inputs] = path.of_low.price / path.of_low.slack + path.of_high.price / path.of_high.slack
        coupling = np.zeros((models, self.draws + len(path.most), size))
        coupling[:, : self.draws, :inputs] = slopes[: self.draws].transpose(1, 0, 2)
        coupling[:, self.draws :, inputs:last] = path.matrix.transpose(2, 0, 1)
        # blocks have a few unknowns and, with multipliers among them, eigenvalues of both signs: no Cholesky, and one
        # batched inverse serves every right side
        self.inverse = np.linalg.inv(block)
        self.coupling, self.through = coupling, coupling @ self.inverse
        softness = path.of_rows.slack / path.of_rows.price
        if self.draws:
            of_draws = path.over.slack / path.over.price + path.under.slack / path.under.price
            softness = np.concatenate([of_draws, softness])
        # the Schur complement (Boyd & Vandenberghe 2004, App. C.4) over draws, budgets and rows is positive definite
        # where the Lagrangian is convex; its diagonal spans as many decades as slack/price does near the end, so it is
        # scaled to 1 before Cholesky
        complement = _over_models(self.through) @ _over_models(coupling).T + np.diag(softness)
        self.balance = 1 / np.sqrt(np.diag(complement))
        self.factor = cho_factor(complement * np.outer(self.balance, self.balance))

    def _remainder(self) -> float:
        """The largest remainder of the optimality conditions, but for the products."""
        path = self.path
        at_x = self.at_x.copy()
        at_x[0] += path.of_high.price - path.of_low.price
        at_u = self.at_u if path.least is None else self.at_u - path.of_least.price
        at_u = at_u if path.greatest is None else at_u + path.of_greatest.price
        parts = [
            at_u,
            self.left_least + path.of_least.slack,
            self.left_greatest + path.of_greatest.slack,
            at_x,
            # weighed by its price: what nobody pays for may be off
            (self.cost - path.x + path.of_cost.slack) * path.of_cost.price,
        ]
        parts.append(self.at_rows + path.of_rows.slack)
        if self.draws:
            parts.append(path.under.price * (self.totals - path.eta - path.over.slack + path.under.slack))
            parts.append(np.array([1 - path.weight.sum()]))
        return max(float(np.abs(part).max(initial=0.0)) for part in parts)

    def _solved(self, right: np.ndarray) -> np.ndarray:
        return self.balance * cho_solve(self.factor, self.balance * right)

    def solve(self, targets: list[np.ndarray]) -> None:
        """Set the step of everything toward products of slack and multiplier of these sizes."""
        path, inputs, last = self.path, self.path.u.shape[1], self.path.u.shape[1] + len(self.path.costs)
        to_cost, to_low, to_high, to_rows, to_least, to_greatest = targets[:6]
        left_low, left_high = path.low - path.x[0], path.x[0] - path.high
        at_x = self.at_x.copy()
        at_x[0] += path.of_high.price + (to_high + path.of_high.price * left_high) / path.of_high.slack
        at_x[0] -= path.of_low.price + (to_low + path.of_low.price * left_low) / path.of_low.slack
        at_u = self.at_u
        if path.least is not None:
            of_least = path.of_least
            at_u = at_u - of_least.price - (to_least + of_least.price * self.left_least) / of_least.slack
        if path.greatest is not None:
            end = path.of_greatest
            at_u = at_u + end.price + (to_greatest + end.price * self.left_greatest) / end.slack
        at_cost = self.cost - path.x + to_cost / path.of_cost.price
        rows = self.at_rows + to_rows / path.of_rows.price
        if self.draws:
            to_under, to_over = targets[6:]
            of_draws = self.totals - path.eta - to_over / path.over.price + to_under / path.under.price
            rows = np.concatenate([of_draws, rows])
        # what the blocks alone would do, then the coupling's answer, then back into the blocks
        fixed = np.einsum("vij,vj->vi", self.inverse, np.concatenate([at_u, at_x.T, at_cost.T], axis=1))
        prices = self._solved(rows - np.einsum("vli,vi->l", self.coupling, fixed))
        self.eta_step = 0.0
        if self.draws:
            # η is one more unknown, and Σ p = 1 its equation: the answer without it, and along it, meet that
            along = self._solved(np.arange(len(rows)) < self.draws)
            over = prices[: self.draws].sum() - (1 - path.weight.sum())
            self.eta_step = float(over / along[: self.draws].sum())
            prices = prices - self.eta_step * along
        move = -fixed - np.einsum("vli,l->vi", self.through, prices)
        self.u_step, self.x_step = move[:, :inputs], move[:, inputs:last].T
        path.of_cost.price_step = move[:, last:].T
        path.of_rows.price_step = prices[self.draws :]
        path.of_cost.follow_price(to_cost)
        path.of_rows.follow_price(to_rows)
        if path.least is not None:
            path.of_least.follow(self.left_least, -self.u_step, to_least)
        if path.greatest is not None:
            path.of_greatest.follow(self.left_greatest, self.u_step, to_greatest)
        path.of_low.follow(left_low, -self.x_step[0], to_low)
        path.of_high.follow(left_high, self.x_step[0], to_high)
        if self.draws:
            path.under.price_step, path.over.price_step = prices[: self.draws], -prices[: self.draws]
            path.under.follow_price(to_under)
            path.over.follow_price(to_over)


def _over_models(parts: np.ndarray) -> np.ndarray:
    """Parts (V, L, M) as rows (L, V·M)."""
    return parts.transpose(1, 0, 2).reshape(parts.shape[1], -1)


def _linear(problem: Problem, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Budgets and rows over amounts counted from ``given``, each of order one.

    Returns:
        (L, R, V) coefficients, (L,) right sides, (L,) worth in units of the problem of a price here, and the
        resources whose budgets are the first of them.
    """
    totals = np.array([problem.budget, *(each.budget for each in problem.further)])
    budgets = np.flatnonzero(np.isfinite(totals))
    matrix = np.zeros((len(budgets) + len(problem.rows), *given.shape))
    most, worth = np.ones(len(matrix)), np.ones(len(matrix))
    for at, resource in enumerate(budgets):
        matrix[at, resource] = given[resource] / totals[resource]
        worth[at] = 1 / totals[resource]
    for at, row in enumerate(problem.rows, start=len(budgets)):
        amounts = row.coefficient * given[row.resource]
        worth[at] = 1 / np.abs(amounts).sum()
        matrix[at, row.resource] = amounts * worth[at]
        most[at] = row.upper * worth[at]
    return matrix, most, worth, budgets


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
