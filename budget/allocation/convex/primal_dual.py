"""Plans under further budgets and linear limits, many at once: Newton's method on the KKT conditions.

Where one budget is all, the dual has one unknown (``water_filling``). Further budgets and rows give it a price each,
and under some of them a model's spend is no function of one price any more. So primal and dual are solved together, by
a primal–dual interior point (Boyd & Vandenberghe 2004, section 11.7) with Mehrotra's predictor and corrector (1992).

**The problem**, over log inputs u, amounts x of each resource and, for the worst task, its level η:

    minimize  Σ_v f_v(u)         the sum,
              η                  the largest, with f_t(u) ≤ η for each task t,
              Σ_v x_0v           the cheapest, with f_t(u) ≤ 0 for values counted from their targets,
    subject to  cost_rv(u_v) ≤ x_rv,   low ≤ x_0 ≤ high,   least ≤ u ≤ most,   A·x ≤ b  (budgets and rows).

**The conditions.** Each inequality ``g ≤ 0`` has a slack ``s > 0`` with ``g + s = 0`` and a multiplier ``z > 0``. The
gradient of the Lagrangian is 0, and every product ``s·z`` is the same small number τ, which falls to 0 along the
central path (their equation 11.53). τ is how far from optimal the point is, product by product.

**A step** linearizes all of that. Slacks and the multipliers of a model's own ends are eliminated by hand; what is left
of each model is a block over ``(du, dx, dμ, dp)``, with the multipliers μ of its costs and p of its tasks kept in it,
since ``z/s`` would grow without bound in a matrix that eliminates them. The blocks are coupled by the few rows of A and
by η alone. So each block is inverted, for all models of all problems in one call, and a Schur complement with a row for
each coupling gives the prices' step: ``O(V)`` operations a problem, and 15 to 30 steps whatever the number of draws.

The multipliers at the end are the prices of the dual; the certificate makes a bound of them that trusts nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from budget.allocation.convex.implied_bounds import origin
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import Duals
from budget.allocation.spec.objectives import Goal
from budget.allocation.spec.scenarios import Scenarios
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial

MAX_STEPS = 80
"""Most steps; 15 to 30 are usual, more where spends end up many decades from where they start."""

CONVERGED = 1e-11
"""Remainder of the conditions, relative to the reducible objective, at which a plan is as exact as float64 makes it."""

ACCEPTED = 1e-9
"""Remainder above which the method starts again from what it found: ten thousand times what one start ends with."""

SHRUNK = 1e-4
"""Share of its start's amount below which a model's is counted anew: its own digits are that many fewer."""

MAX_RESTARTS = 3
"""Most of them; one is usual."""

SHARE_TO_EDGE = 0.995
"""Share of the way to the nearest slack or multiplier of 0 that a step may go."""

MAX_LOG_STEP = 2.0
"""Most change of a log input in one step: beyond, exponentials have turned too far from their tangents."""

FIRST_PRODUCT = 0.1
"""First sum of the products of slacks and multipliers, relative to the reducible objective; and first least slack."""

LOG_BOX = 30.0
"""Half width of the box of log inputs about the start, 13 decades: there only to keep a flat direction finite."""

LARGEST_AMOUNT = 1e12
"""Amount, counted from the start's, beyond which a limit is none: float64 would not see it beside the others."""

MAX_IDLE_STEPS = 8
"""Steps without progress after which they are cut: under repeated data full steps may jump to and fro for ever."""

MAX_STUCK_STEPS = 24
"""Steps without progress after which it is given up."""

AT_LEAST = 1e-5
"""Distance of a log input from its least within which it is put there: a model of next to no spend ends no nearer."""

SOFTNESS = 1e-13
"""What an equality may give, relative to its row, so that one that follows from others is not singular: rounding."""


@dataclass(frozen=True)
class KktPoint:
    """Where the method ended for one problem.

    Attributes:
        u: (V, I) log inputs.
        amounts: (R, V) of each resource.
        duals: prices of all limits, not negative.
        task_price: (T,) weight of each task in the largest value, or price of its target; none for the sum.
        distance: what remains of the KKT conditions, relative to the reducible objective.
        shrunk: the smallest amount of the budget's unit, counted from what the start gave.
    """

    u: np.ndarray
    amounts: np.ndarray
    duals: Duals
    task_price: np.ndarray
    distance: float
    shrunk: float

    @property
    def is_coarse(self) -> bool:
        """Whether a start from here would know more digits."""
        return self.distance > ACCEPTED or self.shrunk < SHRUNK


def solve_kkt(problems: Sequence[Problem], goal: Goal) -> list[KktPoint]:
    """Points that meet the KKT conditions of problems that differ in their values only, as far as float64 lets them.

    Args:
        problems: Q problems of any limits.
        goal: what is made small; for ``cheapest`` the values are counted from their targets.

    Returns:
        The best point of each, and how far it is from the conditions.
    """
    first = problems[0]
    u = origin(first, goal)
    if len(problems) > 1:  # a warm start: the plans of draws are close to each other, and the even split may be far
        (known,) = solve_kkt(problems[:1], goal)
        u = known.u if np.isfinite(known.u).all() else u
    found = _follow(problems, goal, np.repeat(u[None], len(problems), axis=0))
    for _ in range(MAX_RESTARTS):
        # an amount far below its start's keeps few digits there: counted from what was found, it has them all
        again = [at for at, point in enumerate(found) if point.is_coarse and np.isfinite(point.u).all()]
        if not again:
            break
        points = _follow([problems[at] for at in again], goal, np.array([found[at].u for at in again]))
        for at, point in zip(again, points, strict=True):
            found[at] = min(
                found[at], point, key=lambda each: (each.distance > ACCEPTED, each.is_coarse, each.distance)
            )
    return found


def _follow(problems: Sequence[Problem], goal: Goal, u: np.ndarray) -> list[KktPoint]:
    """Follow the central paths of Q problems from log inputs (Q, V, I)."""
    whole = stated = _Stated.of(problems, goal, u)
    best = state = _first_state(stated, u)
    distance, rows = np.full(len(problems), np.inf), np.arange(len(problems))
    cut, idle = np.ones(len(problems)), np.zeros(len(problems))
    for _ in range(MAX_STEPS):
        try:
            with np.errstate(all="ignore"):
                moved, remained = _step(stated, state, cut)
        except np.linalg.LinAlgError:  # a block met what is no longer a number; what was best so far stays
            break
        remained = np.where(np.isfinite(remained), remained, np.inf)
        better = remained < distance[rows]
        best = _put(best, rows[better], _take(state, better))
        # a step is cut while nothing falls for some time, and grows again when it does
        falls = remained < 0.9 * distance[rows]
        distance[rows] = np.minimum(distance[rows], remained)
        idle = np.where(falls, 0, idle + 1)
        cut = np.where(falls, np.minimum(1.0, 2 * cut), np.where(idle % MAX_IDLE_STEPS == 0, 0.5 * cut, cut))
        going = (distance[rows] > CONVERGED) & (idle < MAX_STUCK_STEPS) & _are_numbers(moved)
        if not going.any():
            break
        rows, state, stated, cut, idle = rows[going], _take(moved, going), stated.take(going), cut[going], idle[going]
    return [whole.point(best, at, problem, float(distance[at])) for at, problem in enumerate(problems)]


@dataclass(frozen=True)
class _Stated:
    """Q problems in numbers of order one: amounts counted from the start's, values from their reducible part there.

    Attributes:
        goal: what is made small.
        values: Q·V·k functions, of the k tasks that each model serves (for the sum one function of all of them).
        costs: R costs of V models.
        unit: (Q, R, V) amounts at the start.
        size: (Q, V, k) what values are divided by.
        floor: (Q, V, k) their offsets over that; less their mean for the largest.
        objective: (Q, V) coefficients of the spends in what is made small, 0 but for the cheapest.
        worth: (Q,) what 1 of the objective is in the problem's units.
        low: (Q, V) least spends, in units.
        high: (Q, V) greatest ones.
        least: (Q, V, I) ends of the log inputs.
        most: (Q, V, I).
        matrix: (Q, L, R, V) coefficients of budgets and rows, in units, each row of order one.
        right: (Q, L) their right sides.
        row_worth: (Q, L) what a row was multiplied by.
        line: the rows, the budgets' and then the stated ones: (position in ``matrix``, sign of its multiplier).
        equal: how many of the last in ``matrix`` are equalities.
        budgets: resources whose budgets are the first rows.
    """

    goal: Goal
    values: PlanningForm
    costs: tuple[Posynomial, ...]
    unit: np.ndarray
    size: np.ndarray
    floor: np.ndarray
    objective: np.ndarray
    worth: np.ndarray
    low: np.ndarray
    high: np.ndarray
    least: np.ndarray
    most: np.ndarray
    matrix: np.ndarray
    right: np.ndarray
    row_worth: np.ndarray
    line: tuple[tuple[int, float], ...]
    equal: int
    budgets: tuple[int, ...]

    @classmethod
    def of(cls, problems: Sequence[Problem], goal: Goal, u: np.ndarray) -> "_Stated":
        """The problems about log inputs (Q, V, I)."""
        first, (count, models, inputs) = problems[0], u.shape
        values = Scenarios.of([each.by_model if goal == "sum" else each.value for each in problems]).values
        each = len(values) // (count * models)
        costs = (first.cost, *(resource.cost for resource in first.further))
        flat = u.reshape(-1, inputs)
        alike = np.tile(np.arange(models), count)
        unit = np.stack([cost.take(alike).value(flat).reshape(count, models) for cost in costs], axis=1)
        unit = np.maximum(unit, 1e-300)
        terms = values.terms(np.repeat(flat, each, axis=0)).sum(axis=1).reshape(count, models, each)
        offset = values.offset.reshape(count, models, each)
        if goal == "sum":  # one unit for all that is added up
            worth = terms.sum(axis=(1, 2))
            size, floor = np.broadcast_to(worth[:, None, None], terms.shape), np.zeros_like(offset)
        elif goal == "largest":  # one for all that is compared
            worth = terms.mean(axis=(1, 2))
            size = np.broadcast_to(worth[:, None, None], terms.shape)
            floor = (offset - offset.mean(axis=(1, 2), keepdims=True)) / size
        else:  # each target's own gap
            worth = unit[:, 0].sum(axis=1)
            size, floor = np.maximum(-offset, 1e-300), -np.ones_like(offset)
        objective = unit[:, 0] / worth[:, None] if goal == "cheapest" else np.zeros((count, models))
        least, most = u - LOG_BOX, u + LOG_BOX
        if first.cost.domain is not None:
            least = np.maximum(least, first.cost.domain)
        if first.cost.ceiling is not None:
            most = np.minimum(most, first.cost.ceiling)
        return cls(
            goal,
            values,
            costs,
            unit,
            size,
            floor,
            objective,
            worth,
            first.low / unit[:, 0],
            np.minimum(first.high / unit[:, 0], LARGEST_AMOUNT),
            least,
            most,
            *_linear(first, unit, goal),
        )

    @property
    def epigraph(self) -> bool:
        """Whether each task has a limit of its own, of the level or of its target."""
        return self.goal != "sum"

    def take(self, pick: np.ndarray) -> "_Stated":
        """Some of the problems, by a mask (Q,)."""
        each = len(self.values) // len(pick)
        alike = np.flatnonzero(np.repeat(pick, each))
        arrays = {name: getattr(self, name)[pick] for name in _BY_PROBLEM}
        return replace(self, values=self.values.take(alike), **arrays)

    def point(self, state: "_State", at: int, problem: Problem, distance: float) -> KktPoint:
        """The q-th point in the problem's units."""
        free = np.concatenate([state.rows.price[at], state.equal[at]]) * self.worth[at] * self.row_worth[at]
        rows = np.array([max(sign * free[place], 0.0) for place, sign in self.line])
        budget = np.zeros(len(self.costs))
        budget[list(self.budgets)] = rows[: len(self.budgets)]
        if self.goal == "cheapest":
            budget[0] = 1.0
        of_row = rows[len(self.budgets) :]
        nothing = np.zeros(self.low.shape[1])
        # stationarity in the spends: what the costs charge beyond budgets and rows is what the own limits charge
        shared = Duals(budget, nothing, nothing, of_row).shadow_prices(problem)[0]
        excess = state.cost.price[at, 0] * self.worth[at] / self.unit[at, 0] - shared
        finite = np.isfinite(problem.high)
        prices = Duals(budget, np.maximum(-excess, 0.0), np.where(finite, np.maximum(excess, 0.0), 0.0), of_row)
        weight = (state.task.price[at] * self.worth[at] / self.size[at]).ravel() if self.epigraph else np.zeros(0)
        # an input that is this near to an end of its range stands there (elsewhere the gradient is 0, and moving it
        # costs the square of the move), and only there does the certificate know that it cannot go further
        u = np.where(state.least.slack[at] < AT_LEAST, self.least[at], state.u[at])
        u = np.where(state.most.slack[at] < AT_LEAST, self.most[at], u)
        shrunk = float(state.x[at, 0].min())
        return KktPoint(u, state.x[at] * self.unit[at], prices, weight, distance, shrunk)


_BY_PROBLEM = (
    "unit", "size", "floor", "objective", "worth", "low", "high", "least", "most", "matrix", "right", "row_worth",
)  # fmt: skip
"""The arrays whose first axis is the problem."""


def _linear(
    problem: Problem, unit: np.ndarray, goal: Goal
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[tuple[int, float], ...], int, tuple[int, ...]]:
    """Budgets and rows over amounts in units (Q, R, V), as ``_Stated`` has them.

    Two rows that ask for at most and at least the same are one equality: as two inequalities they leave no room for
    slacks, and their multipliers would grow together without bound.
    """
    totals = [problem.budget, *(each.budget for each in problem.further)]
    budgets = tuple(r for r, total in enumerate(totals) if np.isfinite(total) and (r or goal != "cheapest"))
    every = np.ones(len(problem.cost))
    stated = [(r, every, totals[r]) for r in budgets] + [(r.resource, r.coefficient, r.upper) for r in problem.rows]
    twin = [_opposite(stated, at) for at in range(len(stated))]
    alone = [at for at, other in enumerate(twin) if other is None]
    paired = [at for at, other in enumerate(twin) if other is not None and at < other]
    order = alone + paired
    matrix = np.zeros((len(unit), len(order), *unit.shape[1:]))
    right, worth = np.ones((len(unit), len(order))), np.ones((len(unit), len(order)))
    for at, (resource, coefficient, most) in enumerate(stated[position] for position in order):
        amounts = coefficient * unit[:, resource]
        is_budget = order[at] < len(budgets)
        worth[:, at] = 1 / (most if is_budget else np.abs(amounts).sum(axis=1))
        matrix[:, at, resource] = amounts * worth[:, at, None]
        right[:, at] = most * worth[:, at]
    line = tuple(
        (order.index(at), 1.0) if at in order else (order.index(_known(other)), -1.0) for at, other in enumerate(twin)
    )
    return matrix, right, worth, line, len(paired), budgets


def _opposite(stated: list[tuple[int, np.ndarray, float]], at: int) -> int | None:
    """The position of the row that says the same of a row's left side with its sign turned."""
    resource, coefficient, most = stated[at]
    for other, (its, factors, right) in enumerate(stated):
        if other != at and its == resource and right == -most and (factors == -coefficient).all():
            return other
    return None


def _known(position: int | None) -> int:
    assert position is not None
    return position


@dataclass(frozen=True)
class _Pair:
    """The slacks of a kind of limits and their multipliers, both positive, of one shape (Q, …)."""

    slack: np.ndarray
    price: np.ndarray

    def moved(self, step: "_Pair", length: np.ndarray) -> "_Pair":
        along = length.reshape(-1, *[1] * (self.slack.ndim - 1))
        return _Pair(self.slack + along * step.slack, self.price + along * step.price)

    def product(self) -> np.ndarray:
        """(Q,) sums of the products."""
        return (self.slack * self.price).reshape(len(self.slack), -1).sum(axis=1)

    def reach(self, step: "_Pair") -> np.ndarray:
        """(Q,) the longest steps at which nothing turns negative."""
        count = len(self.slack)
        falls = np.concatenate(
            [(-step.slack / self.slack).reshape(count, -1), (-step.price / self.price).reshape(count, -1)], axis=1
        )
        return 1 / np.maximum(falls.max(axis=1, initial=0.0), 1e-30)


@dataclass(frozen=True)
class _State:
    """A point of the path for each of Q problems: primal variables, and slacks with multipliers."""

    u: np.ndarray
    x: np.ndarray
    eta: np.ndarray
    equal: np.ndarray
    cost: _Pair
    task: _Pair
    low: _Pair
    high: _Pair
    least: _Pair
    most: _Pair
    rows: _Pair

    @property
    def pairs(self) -> list[_Pair]:
        return [self.cost, self.task, self.low, self.high, self.least, self.most, self.rows]


def _take(state: Any, pick: np.ndarray) -> Any:
    """The state, or a part of it, at some problems."""
    if isinstance(state, np.ndarray):
        return state[pick]
    return replace(state, **{each.name: _take(getattr(state, each.name), pick) for each in fields(state)})


def _put(state: Any, at: np.ndarray, other: Any) -> Any:
    """The state with that of some problems replaced."""
    if isinstance(state, np.ndarray):
        result = state.copy()
        result[at] = other
        return result
    parts = {each.name: _put(getattr(state, each.name), at, getattr(other, each.name)) for each in fields(state)}
    return replace(state, **parts)


def _are_numbers(state: _State) -> np.ndarray:
    """(Q,) whether every number of a point is one."""
    parts = [
        state.u,
        state.x,
        state.eta,
        state.equal,
        *(each for pair in state.pairs for each in (pair.slack, pair.price)),
    ]
    return np.all([np.isfinite(part).reshape(len(part), -1).all(axis=1) for part in parts], axis=0)


@dataclass(frozen=True)
class _Local:
    """Values and costs at a point, with what the step needs of their derivatives.

    Attributes:
        value: (Q, V, k) values in their units, floors included.
        value_slope: (Q, V, k, I).
        value_bend: (Q, V, k, I, I).
        cost: (Q, R, V) costs in units.
        cost_slope: (Q, R, V, I).
        cost_bend: (Q, R, V, I, I).
    """

    value: np.ndarray
    value_slope: np.ndarray
    value_bend: np.ndarray
    cost: np.ndarray
    cost_slope: np.ndarray
    cost_bend: np.ndarray

    @classmethod
    def at(cls, stated: _Stated, u: np.ndarray) -> "_Local":
        """At log inputs (Q, V, I)."""
        count, models, inputs = u.shape
        each = stated.size.shape[2]
        shape = (count, models, each)
        flat = np.repeat(u.reshape(-1, inputs), each, axis=0)
        above, value_slope, value_bend = stated.values.expansion(flat)
        size = stated.size.ravel()
        of_costs = [_cost_at(cost, u) for cost in stated.costs]
        cost, slope, curve = (np.stack([parts[n] for parts in of_costs], axis=1) for n in range(3))
        return cls(
            stated.floor + (above / size).reshape(shape),
            (value_slope / size[:, None]).reshape(*shape, inputs),
            (value_bend / size[:, None, None]).reshape(*shape, inputs, inputs),
            cost / stated.unit,
            slope / stated.unit[..., None],
            curve / stated.unit[..., None, None],
        )


def _cost_at(cost: Posynomial, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Costs (Q, V) of V models at log inputs (Q, V, I), with gradients and Hessians."""
    terms = np.exp(cost.log_coef + np.einsum("vmi,qvi->qvm", cost.exponent, u))
    slope = np.einsum("qvm,vmi->qvi", terms, cost.exponent)
    return cost.offset + terms.sum(axis=2), slope, np.einsum("qvm,vmi,vmj->qvij", terms, cost.exponent, cost.exponent)


def _first_state(stated: _Stated, u: np.ndarray) -> _State:
    """A point in the middle: slacks not below ``FIRST_PRODUCT``, multipliers that nearly balance the gradients."""
    (count, models, _), resources = u.shape, len(stated.costs)
    local, x = _Local.at(stated, u), np.ones((count, resources, models))
    each = FIRST_PRODUCT / (resources * models)
    weight = np.ones(stated.size.shape) if stated.goal == "sum" else np.full(stated.size.shape, 1 / stated.size[0].size)
    # what one relative unit of each model's spend brings: its price where the budget is all that counts
    gain = -np.einsum("qvk,qvki->qvi", weight, local.value_slope)
    slope = local.cost_slope[:, 0]
    marginal = np.maximum((gain * slope).sum(axis=2) / np.maximum((slope**2).sum(axis=2), 1e-300), 0.0)
    if stated.goal == "cheapest":  # there the price is known, and the targets' multipliers follow it
        weight = weight * (stated.objective / np.maximum(marginal, 1e-12))[:, :, None]
        marginal = stated.objective

    def pair(left: np.ndarray, price: np.ndarray | float) -> _Pair:
        slack = np.maximum(left, FIRST_PRODUCT)
        return _Pair(slack, np.maximum(np.broadcast_to(np.asarray(price, dtype=float), slack.shape), each / slack))

    none = np.zeros((count, 0))
    eta = local.value.reshape(count, -1).max(axis=1) if stated.goal == "largest" else np.zeros(count)
    lines = stated.right.shape[1] - stated.equal
    spare = (stated.right - np.einsum("qlrv,qrv->ql", stated.matrix, x))[:, :lines]
    return _State(
        np.clip(u, stated.least, stated.most),
        x,
        eta,
        np.zeros((count, stated.equal)),
        pair(x - local.cost, marginal[:, None] / resources),
        pair(eta[:, None, None] - local.value, weight) if stated.epigraph else _Pair(none, none),
        pair(1 - stated.low, 0.0),
        pair(stated.high - 1, 0.0),
        pair(u - stated.least, 0.0),
        pair(stated.most - u, 0.0),
        pair(spare, (marginal.sum(axis=1) / max(lines, 1))[:, None]),
    )


def _step(stated: _Stated, state: _State, cut: np.ndarray) -> tuple[_State, np.ndarray]:
    """One step of each problem, and what remained of its KKT conditions before the step (Q,)."""
    system = _System(stated, state)
    count = sum(pair.slack[0].size for pair in state.pairs)
    here = sum(pair.product() for pair in state.pairs)
    # predict: toward products of 0; how far that gets says how much of the centring is needed (Mehrotra)
    ahead = system.solve([np.zeros_like(pair.slack) for pair in state.pairs])
    reach = np.minimum(1.0, _reach(state, ahead))
    there = sum(pair.moved(step, reach).product() for pair, step in zip(state.pairs, ahead.pairs, strict=True))
    target = np.maximum(there / here, 0.0) ** 3 * here / count
    # correct: toward equal products, less what the predictor's own products will add
    targets = [
        target.reshape(-1, *[1] * (step.slack.ndim - 1)) - step.slack * step.price for step in ahead.pairs
    ]  # fmt: skip
    step = system.solve(targets)
    length = np.minimum(1.0, SHARE_TO_EDGE * _reach(state, step))
    turn = np.abs(step.u).reshape(len(step.u), -1).max(axis=1)
    length = np.minimum(length, MAX_LOG_STEP / np.maximum(turn, 1e-30)) * cut
    along = length[:, None, None]
    pairs = [pair.moved(each, length) for pair, each in zip(state.pairs, step.pairs, strict=True)]
    moved = _State(
        state.u + along * step.u,
        state.x + along * step.x,
        state.eta + length * step.eta,
        state.equal + length[:, None] * step.equal,
        *pairs,
    )
    return moved, np.maximum(system.remainder(), here)


def _reach(state: _State, step: _State) -> np.ndarray:
    """(Q,) the longest step at which every slack and multiplier stays positive."""
    return np.min([pair.reach(each) for pair, each in zip(state.pairs, step.pairs, strict=True)], axis=0)


class _System:
    """The linear system of one step, factorized once and solved for several targets of the products."""

    def __init__(self, stated: _Stated, state: _State) -> None:
        self.stated, self.state, self.local = stated, state, _Local.at(stated, state.u)
        local = self.local
        weight = state.task.price if stated.epigraph else np.ones(stated.size.shape)
        # gradient of the Lagrangian, without the multipliers of the models' own ends
        self.at_u = np.einsum("qvk,qvki->qvi", weight, local.value_slope)
        self.at_u = self.at_u + np.einsum("qrv,qrvi->qvi", state.cost.price, local.cost_slope)
        of_rows = np.concatenate([state.rows.price, state.equal], axis=1)
        self.at_x = np.einsum("ql,qlrv->qrv", of_rows, stated.matrix) - state.cost.price
        self.at_x[:, 0] += stated.objective
        # left sides of the limits, each to be made equal to minus its slack
        self.cost_left = local.cost - state.x
        self.task_left = local.value - state.eta[:, None, None]
        self.low_left, self.high_left = stated.low - state.x[:, 0], state.x[:, 0] - stated.high
        self.least_left, self.most_left = stated.least - state.u, state.u - stated.most
        self.rows_left = np.einsum("qlrv,qrv->ql", stated.matrix, state.x) - stated.right
        self._factorize(weight)

    def _factorize(self, weight: np.ndarray) -> None:
        stated, state, local = self.stated, self.state, self.local
        (count, models, inputs), resources = state.u.shape, len(stated.costs)
        tasks = stated.size.shape[2] if stated.epigraph else 0
        x_at, cost_at, task_at = inputs, inputs + resources, inputs + 2 * resources
        block = np.zeros((count, models, task_at + tasks, task_at + tasks))
        block[..., :inputs, :inputs] = np.einsum("qvk,qvkij->qvij", weight, local.value_bend)
        block[..., :inputs, :inputs] += np.einsum("qrv,qrvij->qvij", state.cost.price, local.cost_bend)
        for i in range(inputs):
            block[..., i, i] += state.least.price[..., i] / state.least.slack[..., i]
            block[..., i, i] += state.most.price[..., i] / state.most.slack[..., i]
        block[..., x_at, x_at] = state.low.price / state.low.slack + state.high.price / state.high.slack
        for r in range(resources):
            slope, softness = local.cost_slope[:, r], state.cost.slack[:, r] / state.cost.price[:, r]
            block[..., :inputs, cost_at + r] = block[..., cost_at + r, :inputs] = slope
            block[..., x_at + r, cost_at + r] = block[..., cost_at + r, x_at + r] = -1.0
            block[..., cost_at + r, cost_at + r] = -softness
        for k in range(tasks):
            slope, softness = local.value_slope[:, :, k], state.task.slack[..., k] / state.task.price[..., k]
            block[..., :inputs, task_at + k] = block[..., task_at + k, :inputs] = slope
            block[..., task_at + k, task_at + k] = -softness
        # what couples the models: the rows over the amounts, and the level over the tasks
        lines, level = stated.right.shape[1], stated.goal == "largest"
        self.coupling = np.zeros((count, models, task_at + tasks, lines + level))
        self.coupling[:, :, x_at:cost_at, :lines] = stated.matrix.transpose(0, 3, 2, 1)
        if level:
            self.coupling[:, :, task_at:, lines] = -1.0
        self.inverse = np.linalg.inv(block)
        self.through = self.inverse @ self.coupling
        complement = np.einsum("qvng,qvnh->qgh", self.coupling, self.through)
        slack = np.arange(lines - stated.equal)
        complement[:, slack, slack] += state.rows.slack / state.rows.price
        diagonal = np.abs(np.einsum("qgg->qg", complement))
        self.balance = 1 / np.sqrt(np.maximum(diagonal, 1e-300))
        self.complement = complement * self.balance[:, :, None] * self.balance[:, None, :]
        equal = np.arange(lines - stated.equal, lines)
        self.complement[:, equal, equal] += SOFTNESS

    def solve(self, targets: list[np.ndarray]) -> _State:
        """The step of everything toward products of slack and multiplier of these sizes."""
        stated, state = self.stated, self.state
        to_cost, to_task, to_low, to_high, to_least, to_most, to_rows = targets
        inputs, resources, level = state.u.shape[2], len(stated.costs), stated.goal == "largest"

        def end(pair: _Pair, left: np.ndarray, target: np.ndarray) -> np.ndarray:
            """What a multiplier would be after the step if what it limits did not move."""
            return (target + pair.price * left) / pair.slack + pair.price

        at_u = self.at_u - end(state.least, self.least_left, to_least) + end(state.most, self.most_left, to_most)
        at_x = self.at_x.copy()
        at_x[:, 0] += end(state.high, self.high_left, to_high) - end(state.low, self.low_left, to_low)
        at_cost = self.cost_left + to_cost / state.cost.price
        parts = [at_u, at_x.transpose(0, 2, 1), at_cost.transpose(0, 2, 1)]
        if stated.epigraph:
            parts.append(self.task_left + to_task / state.task.price)
        fixed = -np.einsum("qvnm,qvm->qvn", self.inverse, np.concatenate(parts, axis=2))
        right = self.rows_left.copy()
        right[:, : to_rows.shape[1]] += to_rows / state.rows.price
        if level:  # the multipliers of the tasks sum to 1
            right = np.concatenate([right, (1 - state.task.price.sum(axis=(1, 2)))[:, None]], axis=1)
        right = right + np.einsum("qvng,qvn->qg", self.coupling, fixed)
        prices = self.balance * np.linalg.solve(self.complement, (self.balance * right)[..., None])[..., 0]
        move = fixed - np.einsum("qvng,qg->qvn", self.through, prices)
        u_step, x_step = move[..., :inputs], move[..., inputs : inputs + resources].transpose(0, 2, 1)
        lines, slack = stated.right.shape[1], to_rows.shape[1]

        def from_price(pair: _Pair, price_step: np.ndarray, target: np.ndarray) -> _Pair:
            return _Pair(target / pair.price - pair.slack * (1 + price_step / pair.price), price_step)

        def from_slack(pair: _Pair, left: np.ndarray, moves: np.ndarray, target: np.ndarray) -> _Pair:
            slack_step = -(left + pair.slack) - moves
            return _Pair(slack_step, (target - pair.price * slack_step) / pair.slack - pair.price)

        after = inputs + 2 * resources
        return _State(
            u_step,
            x_step,
            prices[:, lines] if level else np.zeros(len(u_step)),
            prices[:, slack:lines],
            from_price(state.cost, move[..., after - resources : after].transpose(0, 2, 1), to_cost),
            from_price(state.task, move[..., after:], to_task) if stated.epigraph else state.task,
            from_slack(state.low, self.low_left, -x_step[:, 0], to_low),
            from_slack(state.high, self.high_left, x_step[:, 0], to_high),
            from_slack(state.least, self.least_left, -u_step, to_least),
            from_slack(state.most, self.most_left, u_step, to_most),
            from_price(state.rows, prices[:, :slack], to_rows),
        )

    def remainder(self) -> np.ndarray:
        """(Q,) the largest remainder of the KKT conditions but for the products."""
        state = self.state
        at_x = self.at_x.copy()
        at_x[:, 0] += state.high.price - state.low.price
        parts = [
            self.at_u - state.least.price + state.most.price,
            at_x,
            (self.cost_left + state.cost.slack) * state.cost.price,
            self.rows_left + np.pad(state.rows.slack, ((0, 0), (0, self.stated.equal))),
        ]
        if self.stated.epigraph:
            parts.append((self.task_left + state.task.slack) * state.task.price)
        if self.stated.goal == "largest":
            parts.append((1 - state.task.price.sum(axis=(1, 2)))[:, None])
        return np.max([np.abs(part).reshape(len(part), -1).max(axis=1, initial=0.0) for part in parts], axis=0)
