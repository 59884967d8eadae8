"""A model's objective as a table over spends and sizes, for every draw, and its response to the price of the budget.

The mean under any weights of the draws is one product of matrices, and where its fall per unit of spend is a given
price is read off it. The table only places a plan, a little off the best one, which costs a second-order amount; what
the plan is worth under a draw is evaluated exactly (``Model.worth``).

See docs/decisions/153-new-runs-shown-by-predictions.md.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline

from budget.allocation.convex.best_size import best_inputs, into_domain, last_input, within_ends
from budget.allocation.convex.problem import planned_cost, reach_of_models, sized_values
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.curves.planning_forms.posynomial import Posynomial

TABULATED_SPENDS = 48
"""Tabulated spends of a model, even in their logarithm; marginal returns are nearly powers, so few are enough."""

LEAST_SPEND_SHARE = 1e-4
"""The smallest of them, as a share of an equal split."""

TABULATED_SIZES = 15
"""Tabulated sizes of a model at each spend."""

MAX_LOG_SIZE_OFFSET = 3.0
"""Half the width of the table in the logarithm of the size, about the point fit's best size: a factor of 20."""

TABLE_PRECISION = 1e-12
"""What a table may be off, relative to the size of each draw's: that much less is kept of it than it has numbers."""

ONE_THREAD = 2**18
"""Multiplications of a product of matrices up to which OpenBLAS works alone: threads of so small a product mostly wait
for each other, which takes ten times the processor time."""

LEAST_MARGINAL_RETURN = 1e-300
"""Stands for a marginal return of nothing: above the least normal double (2.2e-308), so that it has a logarithm."""


@dataclass(frozen=True)
class Model:
    """One model of the plan, which serves k tasks.

    Attributes:
        curves: of all T tasks.
        spec: what is asked.
        tasks: (k,) positions of the tasks it serves.
        cost: what it takes of the budget, one function of the plan's log inputs.
        log_spend: (S,) tabulated spends.
        line: slope and level of the log size against the log spend about which sizes are tabulated.
        offset: (Z,) tabulated log sizes, counted from the line; one for plans that do not choose the size.
        parts: (B, R) and (R, S·Z), whose product is the weighted measure of its tasks under every draw.
        least: logarithm of its least spend.
        most: logarithm of its greatest spend.
    """

    curves: Curves
    spec: PlanSpec
    tasks: np.ndarray
    cost: Posynomial
    log_spend: np.ndarray
    line: tuple[float, float]
    offset: np.ndarray
    parts: tuple[np.ndarray, np.ndarray]
    least: float
    most: float

    @cached_property
    def nodes(self) -> np.ndarray:
        """(S + 1,) log spends at which responses state the marginal return: the ends, and between each two."""
        middle = 0.5 * (self.log_spend[1:] + self.log_spend[:-1])
        return np.concatenate([self.log_spend[:1], middle, self.log_spend[-1:]])

    @cached_property
    def spline(self) -> np.ndarray:
        """(4, S − 1, S) coefficients of cubics between the spends, of values that are 1 at one spend and 0 elsewhere.

        A spline is linear in its values, so that one serves all posteriors.
        """
        return CubicSpline(self.log_spend, np.eye(len(self.log_spend))).c

    def inputs(self, log_spend: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """The plan's log inputs (M, I) at spends and sizes (M,)."""
        count = len(log_spend)
        slope, level = self.line
        sizes = (level + slope * log_spend + offset)[:, None] if self.cost.inputs == 2 else np.empty((count, 0))
        cost = self.cost.take(np.zeros(count, dtype=int))
        u = last_input(cost, sizes, log_spend)
        # a size or tokens beyond an end of the range stand at it, along equal cost: the best there is its edge
        return into_domain(cost, u, log_spend) if cost.inputs == 2 else within_ends(cost, u)

    def worth(self, draw: np.ndarray, log_spend: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """The weighted measure (M,) of its tasks under draws (M,), at spends and sizes (M,); exact."""
        u, total = self.inputs(log_spend, offset), np.zeros(len(draw))
        for task in self.tasks:
            row = np.full(len(u), task)
            inputs = law_inputs_of(self.curves, self.spec, u, row)
            distance = self.curves.form.value(
                self.curves.draws[draw, task], inputs - np.log(self.curves.reference[task])
            )
            total += self.spec.weight[task] * self.spec.measure.of(row, distance)
        return total

    def under(self, weight: np.ndarray) -> "Response":
        """Its response to a price, under weights (M, B) of the draws."""
        # all posteriors at once: the tabulated draws weighted by each
        shape = (len(weight), len(self.log_spend), len(self.offset))
        mean = _product(_product(weight, self.parts[0]), self.parts[1]).reshape(shape)
        best = mean.argmin(axis=2)
        value = np.take_along_axis(mean, best[:, :, None], axis=2)[:, :, 0]
        shift = np.zeros_like(value)
        # the best size lies between the tabulated ones: the vertex of the parabola through the best and its neighbours
        if len(self.offset) > 2:
            middle = np.clip(best, 1, len(self.offset) - 2)
            left, here, right = (
                np.take_along_axis(mean, middle[:, :, None] + step, axis=2)[:, :, 0] for step in (-1, 0, 1)
            )
            bend = left - 2 * here + right
            safe = bend > 0
            move = np.where(safe, 0.5 * (left - right) / np.where(safe, bend, 1.0), 0.0)
            inside = safe & (np.abs(move) <= 1)
            value = np.where(inside, here - 0.25 * (left - right) * move, value)
            step = self.offset[1] - self.offset[0]
            shift = np.where(inside, self.offset[middle] + move * step, self.offset[best])
        # a mean return over a cell, which stands at its middle (``nodes``): differences need no derivative of any law
        fall = (value[:, :-1] - value[:, 1:]) / np.diff(np.exp(self.log_spend))
        marginal = np.log(np.maximum(fall, LEAST_MARGINAL_RETURN))
        # of convex values marginal returns fall; what does not is rounding, or a draw without a number
        falling = np.maximum.accumulate(marginal[:, ::-1], axis=1)[:, ::-1]
        # strictly falling, so that each price has one spend; 1e-12 of a logarithm moves no spend that is shown
        steep = falling - 1e-12 * np.arange(falling.shape[1])
        # half a cell beyond the outer middles, in a straight line: returns are nearly powers
        ends = [1.5 * steep[:, [at]] - 0.5 * steep[:, [by]] for at, by in ((0, 1), (-1, -2))]
        return Response(self, value, shift, np.hstack([ends[0], steep, ends[1]]))


@dataclass(frozen=True)
class Response:
    """How M posteriors' best spend of one model answers to the price of the budget.

    Attributes:
        model: the model.
        value: (M, S) the mean value at the tabulated spends, sizes being the best.
        offset: (M, S) these sizes.
        marginal: (M, S + 1) log marginal returns at the first spend, between each two, and at the last; falling.
    """

    model: Model
    value: np.ndarray
    offset: np.ndarray
    marginal: np.ndarray

    def log_spend(self, log_price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log spends (M,) at which the marginal return is the price (M,), and their slopes; within the limits."""
        model, marginal = self.model, self.marginal
        node = model.nodes
        # marginals fall, so their number above the price is the place of the cell
        if len(marginal) > 1:
            above, row = (marginal > log_price[:, None]).sum(axis=1), np.arange(len(log_price))
        else:
            above, row = np.searchsorted(-marginal[0], -log_price), np.zeros(1, dtype=int)
        right = np.minimum(np.maximum(above, 1), len(node) - 1)
        second = marginal[row, right]
        slope = (node[right] - node[right - 1]) / (second - marginal[row, right - 1])
        # linear between nodes in both logarithms, which is exact for a power
        free = node[right] + slope * (log_price - second)
        spend = np.minimum(np.maximum(free, model.least), model.most)
        return spend, np.where(spend == free, slope, 0.0)

    @property
    def lowest(self) -> float:
        """The least tabulated log marginal return."""
        return float(self.marginal[:, -1].min())

    @property
    def highest(self) -> float:
        """The greatest."""
        return float(self.marginal[:, 0].max())

    @property
    def breaks(self) -> np.ndarray:
        """Log prices between which the log spend under the first posterior is a line: at nodes, and at its limits."""
        node, marginal = self.model.nodes, self.marginal[0]
        limits = np.array([self.model.least, self.model.most])
        right = np.clip(np.searchsorted(node, limits), 1, len(node) - 1)
        steep = (marginal[right] - marginal[right - 1]) / (node[right] - node[right - 1])
        return np.append(marginal, marginal[right] + steep * (limits - node[right]))

    def mean(self, log_spend: np.ndarray) -> np.ndarray:
        """The mean value (M,) at spends (M,), a cubic spline through the tabulated ones."""
        grid = self.model.log_spend
        place = np.clip(np.searchsorted(grid, log_spend) - 1, 0, len(grid) - 2)
        past = log_spend - grid[place]
        cubic, square, linear, constant = (self.model.spline[:, place] * self.value).sum(axis=2)
        return ((cubic * past + square) * past + linear) * past + constant

    def sizes(self, log_spend: np.ndarray) -> np.ndarray:
        """Sizes (M,), counted from the line, at spends (M,)."""
        grid = self.model.log_spend
        place = np.clip((log_spend - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1 - 1e-9)
        left = place.astype(int)
        row = np.arange(len(log_spend)) if len(self.offset) > 1 else 0
        share = place - left
        return (1 - share) * self.offset[row, left] + share * self.offset[row, left + 1]


def tabulated(curves: Curves, spec: PlanSpec) -> list[Model]:
    """The V models of a plan spec whose plan is a convex program."""
    shared = spec.is_one_model
    every = np.arange(len(curves.tasks))
    served = [every] if shared else [every[[task]] for task in every]
    cost = planned_cost(curves, spec, spec.unit)
    low, high = (np.zeros(1), np.full(1, np.inf)) if shared else spec.own_limits
    reach = reach_of_models(curves, spec, cost)
    low, high = np.minimum(low, reach), np.minimum(high, reach)
    log_budget = np.log(spec.budget)
    log_spend = np.linspace(log_budget - np.log(len(served)) + np.log(LEAST_SPEND_SHARE), log_budget, TABULATED_SPENDS)
    return [
        _model(
            curves,
            spec,
            position,
            tasks,
            cost.take(np.array([position])),
            log_spend,
            max(log_spend[0], np.log(max(low[position], LEAST_MARGINAL_RETURN))),
            min(log_budget, np.log(high[position])),
        )
        for position, tasks in enumerate(served)
    ]


def _model(
    curves: Curves,
    spec: PlanSpec,
    position: int,
    tasks: np.ndarray,
    cost: Posynomial,
    log_spend: np.ndarray,
    least: float,
    most: float,
) -> Model:
    """Tabulate one model under every draw, at all spends and sizes."""
    line, offset = _size_range(curves, spec, position, cost, log_spend) if cost.inputs == 2 else ((0.0, 0.0), _ONE)
    blank = Model(curves, spec, tasks, cost, log_spend, line, offset, (_ONE, _ONE), least, most)
    spends, sizes = (each.ravel() for each in np.meshgrid(log_spend, offset, indexing="ij"))
    u = blank.inputs(spends, sizes)
    table = np.zeros((len(curves.draws), len(u)))
    for task in tasks:
        row = np.full(len(u), task)
        distance = curves.distance_draws(row, law_inputs_of(curves, spec, u, row))
        table += spec.weight[task] * spec.measure.of(row, distance)
    return Model(curves, spec, tasks, cost, log_spend, line, offset, _parts(table), least, most)


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two matrices' product, some rows at a time (``ONE_THREAD``)."""
    step = max(ONE_THREAD // right.size, 1)
    return np.concatenate([left[at : at + step] @ right for at in range(0, len(left), step)])


def _parts(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two matrices (B, R), (R, C) whose product is a table (B, C) of smooth curves, to ``TABLE_PRECISION``.

    By elimination with full pivoting until nothing is left (adaptive cross approximation; Bebendorf 2000,
    "Approximation of boundary element matrices", Numerische Mathematik 86, 565-589).
    """
    # each row counts by its own size, or a wild draw would leave nothing of the others
    size = np.maximum(np.abs(table).max(axis=1, keepdims=True), LEAST_MARGINAL_RETURN)
    left: list[np.ndarray] = []
    right: list[np.ndarray] = []
    rest = table / size
    while True:
        row, column = divmod(int(np.abs(rest).argmax()), rest.shape[1])
        pivot = rest[row, column]
        if len(left) and not abs(pivot) > TABLE_PRECISION:
            return size * np.stack(left, axis=1), np.array(right)
        left.append(rest[:, column].copy())
        right.append(rest[row] / (pivot or 1.0))
        rest -= np.outer(left[-1], right[-1])


_ONE = np.zeros(1)


def _size_range(
    curves: Curves, spec: PlanSpec, position: int, cost: Posynomial, log_spend: np.ndarray
) -> tuple[tuple[float, float], np.ndarray]:
    """The line of the point fit's best sizes, and the sizes about it that hold most draws' best ones."""
    mine, count = np.array([position]), len(curves.draws)
    # best sizes are nearly a power of the spend, so that a narrow table about a line holds them at all spends
    ends, middle = log_spend[[0, -1]], log_spend[len(log_spend) // 2]
    point = sized_values(curves, spec).values.take(mine)
    first, last = (best_inputs(point, cost, np.exp([end]))[0, 0] for end in ends)
    slope = (last - first) / (ends[1] - ends[0])
    level = first - slope * ends[0]
    drawn = sized_values(curves, spec, range(count))
    each = drawn.values.take(position + drawn.models * np.arange(count))
    best = best_inputs(each, cost.take(np.zeros(count, dtype=int)), np.full(count, np.exp(middle)))[:, 0]
    # all but the farthest draws: a few wild ones would make the table coarse for the rest
    away = np.percentile(np.append(best - (level + slope * middle), 0.0), [2, 98])
    low, high = np.clip(away + np.array([-0.5, 0.5]), -MAX_LOG_SIZE_OFFSET, MAX_LOG_SIZE_OFFSET)
    return (slope, level), np.linspace(low, high, TABULATED_SIZES)
