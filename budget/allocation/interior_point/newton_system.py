"""The linear system of a step of many problems: a block for each model, and few rows that couple the blocks.

The KKT conditions are linearized. Slacks and the multipliers of a model's own ends are eliminated by hand; what is left
of each model is a block over ``(du, dx, dμ, dp)``, with the multipliers μ of its costs and p of its tasks kept in it,
since ``z/s`` would grow without bound in a matrix that eliminates them. The blocks are coupled by the few rows of A and
by η alone. So each block is inverted, for all models of all problems in one call, and a Schur complement with a row for
each coupling gives the prices' step: ``O(V)`` operations a problem.
"""

from dataclasses import dataclass

import numpy as np

from budget.allocation.interior_point.path_points import PathPoints
from budget.allocation.interior_point.predictor_corrector import FIRST_PRODUCT, Pair
from budget.allocation.interior_point.scaled_problems import ScaledProblems
from budget.curves.planning_forms.posynomial import Posynomial

SOFTNESS = 1e-13
"""What an equality may give, relative to its row, so that one that follows from others is not singular: rounding."""


@dataclass(frozen=True)
class LocalModel:
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
    def at(cls, problems: ScaledProblems, u: np.ndarray) -> "LocalModel":
        """At log inputs (Q, V, I)."""
        count, models, inputs = u.shape
        each = problems.size.shape[2]
        shape = (count, models, each)
        flat = np.repeat(u.reshape(-1, inputs), each, axis=0)
        above, value_slope, value_bend = problems.values.expansion(flat)
        size = problems.size.ravel()
        of_costs = [_cost_at(cost, u) for cost in problems.costs]
        cost, slope, curve = (np.stack([parts[n] for parts in of_costs], axis=1) for n in range(3))
        return cls(
            problems.floor + (above / size).reshape(shape),
            (value_slope / size[:, None]).reshape(*shape, inputs),
            (value_bend / size[:, None, None]).reshape(*shape, inputs, inputs),
            cost / problems.unit,
            slope / problems.unit[..., None],
            curve / problems.unit[..., None, None],
        )


def _cost_at(cost: Posynomial, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Costs (Q, V) of V models at log inputs (Q, V, I), with gradients and Hessians."""
    terms = np.exp(cost.log_coef + np.einsum("vmi,qvi->qvm", cost.exponent, u))
    slope = np.einsum("qvm,vmi->qvi", terms, cost.exponent)
    return cost.offset + terms.sum(axis=2), slope, np.einsum("qvm,vmi,vmj->qvij", terms, cost.exponent, cost.exponent)


def first_points(problems: ScaledProblems, u: np.ndarray) -> PathPoints:
    """A point in the middle: slacks not below ``FIRST_PRODUCT``, multipliers that nearly balance the gradients."""
    (count, models, _), resources = u.shape, len(problems.costs)
    local, x = LocalModel.at(problems, u), np.ones((count, resources, models))
    each = FIRST_PRODUCT / (resources * models)
    weight = (
        np.ones(problems.size.shape)
        if problems.goal == "sum"
        else np.full(problems.size.shape, 1 / problems.size[0].size)
    )
    # what one relative unit of each model's spend brings: its price where the budget is all that counts
    gain = -np.einsum("qvk,qvki->qvi", weight, local.value_slope)
    slope = local.cost_slope[:, 0]
    marginal = np.maximum((gain * slope).sum(axis=2) / np.maximum((slope**2).sum(axis=2), 1e-300), 0.0)
    if problems.goal == "cheapest":  # there the price is known, and the targets' multipliers follow it
        weight = weight * (problems.objective / np.maximum(marginal, 1e-12))[:, :, None]
        marginal = problems.objective

    def pair(left: np.ndarray, price: np.ndarray | float) -> Pair:
        return Pair.first(left, price, each)

    none = np.zeros((count, 0))
    eta = local.value.reshape(count, -1).max(axis=1) if problems.goal == "largest" else np.zeros(count)
    lines = problems.right.shape[1] - problems.equal
    spare = (problems.right - np.einsum("qlrv,qrv->ql", problems.matrix, x))[:, :lines]
    return PathPoints(
        np.clip(u, problems.least, problems.most),
        x,
        eta,
        np.zeros((count, problems.equal)),
        pair(x - local.cost, marginal[:, None] / resources),
        pair(eta[:, None, None] - local.value, weight) if problems.epigraph else Pair(none, none),
        pair(1 - problems.low, 0.0),
        pair(problems.high - 1, 0.0),
        pair(u - problems.least, 0.0),
        pair(problems.most - u, 0.0),
        pair(spare, (marginal.sum(axis=1) / max(lines, 1))[:, None]),
    )


class NewtonSystem:
    """The linear system of one step, factorized once and solved for several targets of the products."""

    def __init__(self, problems: ScaledProblems, state: PathPoints) -> None:
        """Evaluate the KKT conditions where the paths are, and factorize their matrix."""
        self.problems, self.state, self.local = problems, state, LocalModel.at(problems, state.u)
        local = self.local
        weight = state.task.price if problems.epigraph else np.ones(problems.size.shape)
        # gradient of the Lagrangian, without the multipliers of the models' own ends
        self.at_u = np.einsum("qvk,qvki->qvi", weight, local.value_slope)
        self.at_u = self.at_u + np.einsum("qrv,qrvi->qvi", state.cost.price, local.cost_slope)
        of_rows = np.concatenate([state.rows.price, state.equal], axis=1)
        self.at_x = np.einsum("ql,qlrv->qrv", of_rows, problems.matrix) - state.cost.price
        self.at_x[:, 0] += problems.objective
        # left sides of the limits, each to be made equal to minus its slack
        self.cost_left = local.cost - state.x
        self.task_left = local.value - state.eta[:, None, None]
        self.low_left, self.high_left = problems.low - state.x[:, 0], state.x[:, 0] - problems.high
        self.least_left, self.most_left = problems.least - state.u, state.u - problems.most
        self.rows_left = np.einsum("qlrv,qrv->ql", problems.matrix, state.x) - problems.right
        self._factorize(weight)

    def _factorize(self, weight: np.ndarray) -> None:
        problems, state, local = self.problems, self.state, self.local
        (count, models, inputs), resources = state.u.shape, len(problems.costs)
        tasks = problems.size.shape[2] if problems.epigraph else 0
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
        lines, level = problems.right.shape[1], problems.goal == "largest"
        self.coupling = np.zeros((count, models, task_at + tasks, lines + level))
        self.coupling[:, :, x_at:cost_at, :lines] = problems.matrix.transpose(0, 3, 2, 1)
        if level:
            self.coupling[:, :, task_at:, lines] = -1.0
        self.inverse = np.linalg.inv(block)
        self.through = self.inverse @ self.coupling
        complement = np.einsum("qvng,qvnh->qgh", self.coupling, self.through)
        slack = np.arange(lines - problems.equal)
        complement[:, slack, slack] += state.rows.slack / state.rows.price
        diagonal = np.abs(np.einsum("qgg->qg", complement))
        self.balance = 1 / np.sqrt(np.maximum(diagonal, 1e-300))
        self.complement = complement * self.balance[:, :, None] * self.balance[:, None, :]
        equal = np.arange(lines - problems.equal, lines)
        self.complement[:, equal, equal] += SOFTNESS

    def solve(self, targets: list[np.ndarray]) -> PathPoints:
        """The step of everything toward products of slack and multiplier of these sizes."""
        problems, state = self.problems, self.state
        to_cost, to_task, to_low, to_high, to_least, to_most, to_rows = targets
        inputs, resources, level = state.u.shape[2], len(problems.costs), problems.goal == "largest"

        at_u = (
            self.at_u
            - state.least.price_at_rest(self.least_left, to_least)
            + state.most.price_at_rest(self.most_left, to_most)
        )
        at_x = self.at_x.copy()
        at_x[:, 0] += state.high.price_at_rest(self.high_left, to_high) - state.low.price_at_rest(self.low_left, to_low)
        at_cost = self.cost_left + to_cost / state.cost.price
        parts = [at_u, at_x.transpose(0, 2, 1), at_cost.transpose(0, 2, 1)]
        if problems.epigraph:
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
        lines, slack = problems.right.shape[1], to_rows.shape[1]

        after = inputs + 2 * resources
        return PathPoints(
            u_step,
            x_step,
            prices[:, lines] if level else np.zeros(len(u_step)),
            prices[:, slack:lines],
            state.cost.step_of_price(move[..., after - resources : after].transpose(0, 2, 1), to_cost),
            state.task.step_of_price(move[..., after:], to_task) if problems.epigraph else state.task,
            state.low.step_of_move(self.low_left, -x_step[:, 0], to_low),
            state.high.step_of_move(self.high_left, x_step[:, 0], to_high),
            state.least.step_of_move(self.least_left, -u_step, to_least),
            state.most.step_of_move(self.most_left, u_step, to_most),
            state.rows.step_of_price(prices[:, :slack], to_rows),
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
            self.rows_left + np.pad(state.rows.slack, ((0, 0), (0, self.problems.equal))),
        ]
        if self.problems.epigraph:
            parts.append((self.task_left + state.task.slack) * state.task.price)
        if self.problems.goal == "largest":
            parts.append((1 - state.task.price.sum(axis=(1, 2)))[:, None])
        return np.max([np.abs(part).reshape(len(part), -1).max(axis=1, initial=0.0) for part in parts], axis=0)
