"""What each model of a decision returns at every spend, in a few numbers: enough to split another budget at once.

A split is settled by one price: every model that is at no limit of its own returns the same for one more unit of spend
(``water_filling``). So a table of each model's marginal return over its spend is all that another budget, other weights
or fewer tasks need. What is left of a sum of falling powers after its size is chosen best is nearly a power of the
spend, whose marginal return is a straight line in logarithms: few knots hold it, more of them only where a size reaches
its end. The value that a task is predicted to reach, and its interval, stand at the same knots.

See docs/decisions/152-page-solves-by-tables.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.problem import Problem, build_problem, reach_of_models
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.plan_spec import PlanSpec, is_nonconvex
from budget.curves.curves import Curves
from budget.numerics.interval import interval
from budget.numerics.strict_json import json_value
from budget.studies.monotone_cubic import MonotoneCubics

WIDEST = 5.0
"""Budgets from this part to this multiple of the plan's are split by the tables."""

LEAST_SHARE = 1e-5
"""Share of the smallest such budget from which on a model's spend is tabled."""

TODAY, SHARE = "today", "share"
"""What a task keeps whose curve is not trusted."""

POINTS = 257
"""Spends of a model among which knots are chosen."""

COARSE = 32
"""Spends from one knot to the next at first."""

TOLERANCE = 3e-5
"""Largest error of a marginal return between two knots, relative: a share is then off by no more."""

SHOWN = 1e-4
"""Largest error of a value between two knots, relative: what four digits show."""

STEP = 1e-4
"""Relative step of the difference that tells a marginal return: exact to its square."""

NARROW = 1e-9
"""Logarithm of a range of spends that is none: its table has one knot."""

BATCH = 100
"""Tasks of one batch, which bounds the memory."""


@dataclass(frozen=True)
class SpendTable:
    """One model over its spend, at K knots.

    Attributes:
        tasks: positions of the M tasks that it serves.
        strategy: how it serves them.
        log_spend: (K,) knots, rising.
        log_marginal: (K, M) logarithm of how much each task's measure falls for one more unit of the model's spend.
        predicted: (K, M) what each task is predicted to reach.
        low: (K, M) lower end of its 80 % interval, NaN without draws.
        high: (K, M) upper end.
        drawn: (B, K, M) the same in every draw.
        least: least spend.
        most: greatest spend, infinite where there is none.
        held: ``TODAY`` or ``SHARE`` where no curve is trusted, so that it keeps what it has today or its share by
            weight; else "".
    """

    tasks: tuple[int, ...]
    strategy: str
    log_spend: np.ndarray
    log_marginal: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    drawn: np.ndarray
    least: float
    most: float
    held: str = ""

    def spend_for(self, place: int, target: float, higher: bool) -> float:
        """The least spend in the table with which a task is predicted to reach a target; infinite where none does.

        Args:
            place: of the task among the model's.
            target: the value to reach.
            higher: whether more is better.
        """
        from scipy.optimize import brentq  # takes long to load

        short = self.predicted[:, place] - target if not higher else target - self.predicted[:, place]
        reached = np.flatnonzero(short <= 0)
        if not len(reached):
            return float("inf")
        first = int(reached[0])
        if first == 0:
            return float(np.exp(self.log_spend[0]))
        between = MonotoneCubics.through(self.log_spend[None], short[None])
        ends = self.log_spend[first - 1], self.log_spend[first]
        return float(np.exp(brentq(lambda at: between.at(np.array([[at]]))[0, 0], *ends, xtol=1e-12)))

    def record(self) -> dict[str, Any]:
        """The table as JSON, with the digits that are read off it."""
        return {
            "tasks": list(self.tasks),
            "strategy": self.strategy,
            "x": _digits(self.log_spend, 7),
            "m": [_digits(each, 7) for each in self.log_marginal.T],
            "p": [_digits(each, 6) for each in self.predicted.T],
            "low": [_digits(each, 4) for each in self.low.T],
            "high": [_digits(each, 4) for each in self.high.T],
            "least": self.least,
            "most": json_value(self.most),
            "held": self.held,
        }


def is_tabled(curves: Curves, spec: PlanSpec) -> bool:
    """Whether a plan's split follows from one price: a mean, limited by the budget and each task's own ends alone."""
    plain = not (spec.further or spec.limits or spec.risk.reads_draws or spec.reference)
    return plain and spec.objective.is_linear and not is_nonconvex(curves, spec)


def spend_tables(curves: Curves, spec: PlanSpec, budget: float, strategy: str = "") -> tuple[SpendTable, ...]:
    """The tables of one strategy's models.

    Args:
        curves: usable curves of the question's T tasks.
        spec: what is asked; ``is_tabled``.
        budget: the plan's, in all.
        strategy: its name.

    Returns:
        One table a task, or one for all where one model serves them.
    """
    curves, _ = curves.bounded_by(spec.tasks.unserved)
    problem = build_problem(curves, spec)
    reach = reach_of_models(curves, spec, problem.cost)
    least = np.zeros(1) if spec.is_one_model else np.nan_to_num(spec.tasks.min)
    most = np.full(1, np.inf) if spec.is_one_model else np.where(np.isfinite(spec.tasks.max), spec.tasks.max, np.inf)
    low, high = np.maximum(np.minimum(least, reach), problem.smallest), np.minimum(most, reach)
    held = _held(spec)
    today = np.array([each == TODAY for each in held])
    if today.any():
        low[today] = high[today] = np.clip(spec.tasks.current, low, high)[today]
    if spec.is_one_model:
        parts = [np.arange(len(curves.tasks))]
    else:
        parts = [np.arange(len(curves.tasks))[at : at + BATCH] for at in range(0, len(curves.tasks), BATCH)]
    tables: list[SpendTable] = []
    for tasks in parts:
        models = np.zeros(1, dtype=int) if spec.is_one_model else tasks
        ends = np.clip([LEAST_SHARE / WIDEST * budget, WIDEST * budget], low[models, None], high[models, None])
        spends = np.exp(np.linspace(np.log(ends[:, 0]), np.log(ends[:, 1]), POINTS))  # (G, V)
        marginal, inputs = _along(curves, spec, problem, models, tasks, spends)
        rows = np.tile(tasks, POINTS)
        predicted = curves.told.present(rows, curves.told.distance(rows, inputs)).reshape(POINTS, -1)
        returns = np.log(np.maximum(marginal, np.finfo(float).tiny))
        logs = np.log(spends)
        picked = _knots(logs, returns, predicted)  # (G, V)
        shown = picked if len(models) == len(tasks) else np.repeat(picked, len(tasks), axis=1)
        # intervals are read off all draws at the knots alone, of all tasks in one call
        there = inputs.reshape(POINTS, len(tasks), -1)[shown]
        rows = np.broadcast_to(tasks, shown.shape)[shown]
        scenarios = curves.told.present(rows, curves.told.distance_draws(rows, there))
        below, above = np.full(shown.shape, np.nan), np.full(shown.shape, np.nan)
        below[shown], above[shown] = interval(scenarios)
        drawn = np.full((len(scenarios), *shown.shape), np.nan)
        drawn[:, shown] = scenarios
        for at, model in enumerate(models.tolist()):
            mine = slice(None) if spec.is_one_model else slice(at, at + 1)
            pick = picked[:, at]
            tables.append(
                SpendTable(
                    tuple(tasks[mine].tolist()),
                    strategy,
                    logs[pick, at],
                    returns[pick, mine],
                    predicted[pick, mine],
                    below[pick, mine],
                    above[pick, mine],
                    drawn[:, pick, mine],
                    float(low[model]),
                    float(high[model]),
                    "" if spec.is_one_model else held[model],
                )
            )
    return tuple(tables)


def _held(spec: PlanSpec) -> tuple[str, ...]:
    """What each task keeps whose curve is not trusted, "" for the others."""
    held = spec.is_held & (not spec.is_one_model)
    today = held & (spec.tasks.current > 0) & (not held.all())
    return tuple(TODAY if now else SHARE if kept else "" for now, kept in zip(today, held, strict=True))


def _along(
    curves: Curves, spec: PlanSpec, problem: Problem, models: np.ndarray, tasks: np.ndarray, spends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Marginal returns (G, T') and the law's inputs (G·T', I) along the best sizes of V' models at spends (G, V')."""
    points = len(spends)
    rows, row_tasks = np.tile(models, points), np.tile(tasks, points)
    by_model, cost = problem.by_model.take(rows), problem.cost.take(rows)
    serve = (np.arange(points)[:, None] * len(models) + spec.serves[tasks] - models[0]).ravel()

    def inputs(spend: np.ndarray) -> np.ndarray:
        return best_inputs(by_model, cost, spend.ravel())[serve]

    # the differences stay inside the ends: beyond them no model is sized
    below, above = (np.clip(spends * np.exp(step), spends[0], spends[-1]) for step in (-STEP, STEP))
    weight = spec.objective_weight[row_tasks]
    value = problem.value.take(row_tasks)
    fall = (value.value(inputs(below)) - value.value(inputs(above))) / weight
    width = np.broadcast_to((above - below), (points, len(models))).ravel()[serve]
    with np.errstate(divide="ignore", invalid="ignore"):
        marginal = np.where(width > 0, fall / width, 0.0).reshape(points, -1)
    return marginal, law_inputs_of(curves, spec, inputs(spends), row_tasks)


def _knots(logs: np.ndarray, returns: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Which of the log spends (G, V) of V models are knots: boolean, of that shape.

    Between them lines follow the log returns (G, M), and monotone cubics the values (G, M), of a model's own task or of
    all tasks that one model serves.
    """
    points, models = logs.shape
    wide = logs[-1] - logs[0] >= NARROW
    picked = np.zeros((points, models), dtype=bool)
    picked[0] = True
    picked[::COARSE, wide] = True
    left = np.flatnonzero(wide)
    while len(left):
        mine = np.arange(returns.shape[1]) if models == 1 else left
        off = _off(logs[:, left], returns[:, mine], predicted[:, mine], picked[:, left])
        place, model = np.nonzero(off > 1)
        rows = np.where(picked[:, left], np.arange(points)[:, None], 0)
        before = np.maximum.accumulate(rows, axis=0)[place, model]
        rows = np.where(picked[:, left], np.arange(points)[:, None], points - 1)
        # a place at a knot is of the stretch behind it; behind the last there is none
        after = np.minimum.accumulate(rows[::-1], axis=0)[::-1][np.minimum(place + 1, points - 1), model]
        split = after - before > 1
        picked[((before + after) // 2)[split], left[model[split]]] = True
        left = left[np.unique(model[split])]
    return picked


def _off(logs: np.ndarray, returns: np.ndarray, predicted: np.ndarray, picked: np.ndarray) -> np.ndarray:
    """(G, V) how far lines and cubics between the knots are off, over what is allowed; the most of a model's tasks."""
    tasks, models = returns.shape[1], logs.shape[1]
    logs, picked = (np.repeat(each, tasks // models, axis=1).T for each in (logs, picked))  # (M, G)
    count = picked.sum(axis=1)
    knots = np.argsort(~picked, axis=1, kind="stable")[:, : count.max()]
    x, line, value = (np.take_along_axis(each, knots, axis=1) for each in (logs, returns.T, predicted.T))
    at = np.minimum(np.cumsum(picked, axis=1) - 1, count[:, None] - 2)
    x_before, x_after, y_before, y_after = (
        np.take_along_axis(each, there, axis=1) for each in (x, line) for there in (at, at + 1)
    )
    between = y_before + (y_after - y_before) / (x_after - x_before) * (logs - x_before)
    off = np.abs(between - returns.T) / TOLERANCE
    error = np.abs(MonotoneCubics.through(x, value, count).at(logs, at) - predicted.T)
    off = np.maximum(off, error / (SHOWN * np.abs(predicted.T) + np.finfo(float).tiny)).T
    return off.max(axis=1, keepdims=True) if models == 1 else off


def _digits(numbers: np.ndarray, significant: int) -> list[float | None]:
    return [None if not np.isfinite(each) else float(f"{each:.{significant}g}") for each in numbers.tolist()]
