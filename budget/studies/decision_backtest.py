"""Would the plan have been good? The large runs are hidden, a plan is made from the others and judged on the hidden.

A curve that predicts levels well may still plan badly: what decides is how much more each task falls. So the small runs
are fitted, the budget of larger ones is split over sets of the file's tasks as a plan would, and each task's value at
its part is read off what was measured there: a smooth line through the best runs so far. As in a plan, a task whose
curve fails the backtest of the runs that are seen gets at most its share by weight. Beside the plan stand an equal
split, one by weight, and what a clairvoyant would do, who knows these lines.

See docs/decisions/146-decisions-are-backtested.md and docs/decisions/142-within-reach-of-the-runs.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.spec.measures import Measure, measure_of
from budget.curves.checks.added_findings import with_verdicts
from budget.curves.curves import Curves
from budget.curves.decided import Decided
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.table import choose_scale
from budget.errors import DataError
from budget.numerics.fill_to_budget import fill_to_budget
from budget.numerics.interval import interval
from budget.numerics.words import listing
from budget.studies.backtest_verdict import judge
from budget.studies.strategies.strategy_curves import SPECIALISTS, StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlanner
from budget.tables.checks.best_values import score_ceilings
from budget.tables.checks.status import FAIL
from budget.tables.runs import Runs
from budget.tables.tasks import TaskSettings

BEYOND = 8.0
"""Largest measured cost of a task over the largest that the fit sees, where nothing is asked for."""

LEAST_BEYOND = 2.0
"""Nearer than this a plan has nothing to decide."""

SETS = 200
"""Sets of tasks that are planned."""

FEWEST, MOST = 3, 12
"""Tasks of a set, where there are so many."""

LEAST_SPEND = 0.1
"""Least that a task is given, of its largest run that the fit sees: every task is served."""

LEAST_KEPT = 4
"""Trained models that a task needs on the fit's side: one more than a level, a slope and a floor."""

GRID = 161
"""Spends of a task at which its measured value is known."""

BANDWIDTH = 0.35
"""Of the line through measurements: standard deviation of its weights in the logarithm of the spend, at least; half the
distance of neighbours where that is more."""


@dataclass(frozen=True)
class Judged:
    """What a way to split gains over an equal split on S sets, as shares of the equal split's objective.

    Attributes:
        gain: (S,) by what was measured.
        predicted: (S,) expected over the draws, by the point without draws.
        low: (S,) 10 % point of the gain over the draws, paired; NaN without draws.
        high: (S,) 90 % point.
    """

    gain: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class DecisionBacktest:
    """Plans of S sets of tasks from small runs, judged on large ones.

    Attributes:
        law: that was fitted.
        tasks: that have both small and large runs, and a curve.
        left_out: the others, and why, one sentence each.
        held: tasks whose curve failed the backtest of the runs that were seen, so that they got at most their share.
        beyond: the largest cost over the largest that the fit saw.
        factor: a set's budget over its largest runs that the fit saw.
        prize: (S,) the clairvoyant's gain over an equal split, as a share of that one's objective.
        plan: the default plan.
        by_weight: the split by weight; the equal one itself where all weights are equal.
    """

    law: str
    tasks: tuple[str, ...]
    left_out: tuple[str, ...]
    held: tuple[str, ...]
    beyond: float
    factor: float
    prize: np.ndarray
    plan: Judged
    by_weight: Judged

    def share(self, judged: Judged) -> float:
        """What is realised of the clairvoyant's gain over all sets; NaN where even that is none."""
        prize = float(self.prize.mean())
        return float(judged.gain.mean()) / prize if prize > 0 else float("nan")

    @property
    def notes(self) -> tuple[str, ...]:
        """What else has to be said: which tasks are left out, and which may get no more than their share."""
        held = f"Of {listing(self.held)} no curve is trusted, by the runs that are seen: at most the share by weight."
        return (*self.left_out, held) if self.held else self.left_out

    @property
    def figures(self) -> Decided:
        """The figures by which it is told."""
        gain = self.plan.gain
        mean = float(gain.mean())
        held = (self.plan.low <= gain) & (gain <= self.plan.high)
        return Decided(
            tasks=float(len(self.tasks)),
            sets=float(len(self.prize)),
            beyond=self.beyond,
            factor=self.factor,
            prize=float(self.prize.mean()),
            share=self.share(self.plan),
            by_weight=self.share(self.by_weight),
            worse=float((gain < 0).mean()),
            worst=float(gain.min()),
            told=float(self.plan.predicted.mean()) / mean if mean > 0 else float("nan"),
            covered=float(held.mean()) if np.isfinite(self.plan.low).all() else float("nan"),
        )


def decide_backtest(
    runs: Runs,
    law: str = "auto",
    *,
    beyond: float = BEYOND,
    sets: int = SETS,
    tasks: TaskSettings,
    scale: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **fitting: Any,
) -> DecisionBacktest:
    """Fit the small runs, plan, and judge the plans on the large ones.

    Args:
        runs: the measurements, of one strategy.
        law: name in ``LAWS``, or ``auto``.
        beyond: how far the hidden runs go beyond the fitted ones: what costs more than a task's largest run over this
            is hidden.
        sets: how many sets of tasks are planned.
        tasks: their settings, for weights, stated best and unserved values.
        scale: the column that the one-scale laws read, see ``fit_curves``.
        seed: of the sets and of the draws.
        progress: of the fit.
        fitting: what ``fit_curves`` takes beside these.

    Raises:
        DataError: ``beyond`` is below 2, or fewer than two tasks have both small and large runs and a curve that a
            convex plan can read.
    """
    if not beyond >= LEAST_BEYOND:
        raise DataError(f"--beyond is {beyond:g}; give how far the hidden runs go, {LEAST_BEYOND:g} or more.")
    cost = "flops" if "flops" in runs.scale else choose_scale(tuple(runs.scale)) if scale is None else scale
    spent = runs.scale[cost]
    every = [runs.rows_of(task) for task in range(len(runs.tasks))]
    largest = np.array([spent[mine].max() for mine in every])
    unit = largest / beyond
    seen = spent <= unit[runs.task] * (1 + 1e-9)
    models = [len(np.unique(runs.originals[runs.run[mine[seen[mine]]]])) for mine in every]
    chosen = np.flatnonzero(np.array(models) >= LEAST_KEPT)
    few = [runs.tasks[task] for task in range(len(runs.tasks)) if task not in chosen]
    left_out = [f"Not planned, for they have too few runs {beyond:g} times below their largest: {', '.join(few)}."]
    left_out = left_out if few else []
    if len(chosen) < 2:
        raise DataError(
            f"{runs.source}: fewer than two tasks have {LEAST_KEPT} trained models {beyond:g} times below their "
            f"largest run, so no decision can be judged; give a smaller --beyond, such as "
            f"{max(beyond / 2, LEAST_BEYOND):g}."
        )
    names = [runs.tasks[task] for task in chosen]
    mine = seen & np.isin(runs.task, chosen)
    fewer = runs.select(mine, np.searchsorted(chosen, runs.task[mine]), names, names)
    stated = tasks.select(tuple(names))
    curves = fit_curves(
        fewer, law, scale=scale, seed=seed, best=stated.best, unserved=stated.unserved,
        ceiling=score_ceilings(runs, tasks.best)[chosen], progress=progress, **fitting,
    )  # fmt: skip
    lost = [name for name, used in zip(curves.tasks, curves.used, strict=True) if not used]
    left_out += [f"Law '{curves.law}' has no curve of {', '.join(lost)}."] if lost else []
    if curves.used.sum() < 2 or not curves.usable().form.is_power_sum:
        raise DataError(
            f"{runs.source}: fewer than two tasks have a curve by law '{curves.law}' that a convex plan reads, so no "
            "decision can be judged."
        )
    planned = curves.usable()
    place = np.array([runs.tasks.index(name) for name in planned.tasks])
    planned = _verified(planned, fewer, stated, fitting | {"seed": seed})
    found = _judged(runs, cost, planned, tasks.select(planned.tasks), unit[place], beyond, sets, seed)
    return replace(found, law=curves.law, left_out=tuple(left_out))


def _verified(curves: Curves, seen: Runs, tasks: TaskSettings, fitting: Mapping[str, Any]) -> Curves:
    """The curves with what a backtest of the runs that are seen says of each, as those have that are planned on.

    Whether a curve fails is told by its point fit, so that nothing is drawn.
    """
    scale = curves.scale_columns[0] if curves.form.reads_one_scale else None
    asked = {**fitting, "scale": scale, "draws": 0, "best": tasks.best, "unserved": tasks.unserved}
    found = judge(seen, curves.law, **asked)
    verdict = {name: (each.code, each.sentence) for name, each in zip(seen.tasks, found, strict=True)}
    return with_verdicts(curves, [verdict[name] for name in curves.tasks])


def _judged(
    runs: Runs,
    cost: str,
    curves: Curves,
    tasks: TaskSettings,
    unit: np.ndarray,
    beyond: float,
    sets: int,
    seed: int,
) -> DecisionBacktest:
    """Plan sets of the usable tasks and look at what was measured."""
    # what a task has today is of today's budget, which is not that of a set
    limited = replace(tasks, min=LEAST_SPEND * unit, max=beyond * unit, current=np.full(len(unit), np.nan))
    measure = measure_of(curves, tasks, None)
    log_spend = np.log(unit)[:, None] + np.linspace(np.log(LEAST_SPEND), np.log(beyond), GRID)
    measured = np.stack([_measured(runs, cost, name, line) for name, line in zip(curves.tasks, log_spend, strict=True)])
    truth = _as_measure(measure, curves, measured)
    planner = StrategyPlanner(StrategyCurves(SPECIALISTS, curves), limited, measure, unit=cost)
    random, count, factor = np.random.default_rng([seed, len(curves.tasks)]), len(curves.tasks), beyond / 2
    lines: dict[str, list[tuple[float, float, float, float]]] = {"plan": [], "by_weight": []}
    prize = []
    for _ in range(sets):
        size = int(random.integers(min(FEWEST, count), min(MOST, count) + 1))
        pick = np.sort(random.choice(count, size, replace=False))
        budget = factor * float(unit[pick].sum())
        low, high = limited.min[pick], limited.max[pick]
        weight = tasks.weight[pick] / tasks.weight[pick].sum()
        part = planner.restricted_to(pick)
        at = np.array([budget])
        (equal,) = part.split(at, fill_to_budget(np.ones((1, size)), at, low[None], high[None]), "equal")
        (weighted,) = part.split(at, fill_to_budget(weight[None] * size, at, low[None], high[None]), "by weight")
        (plan,) = part.best(at)

        def reached(spend: np.ndarray, pick: np.ndarray = pick, weight: np.ndarray = weight) -> float:
            values = [
                np.interp(np.log(each), log_spend[task], truth[task]) for task, each in zip(pick, spend, strict=True)
            ]
            return float(np.array(values) @ weight)

        base = reached(equal.spend)
        best = clairvoyant(np.exp(log_spend[pick]), truth[pick], weight, budget)
        prize.append((base - reached(best)) / abs(base))
        for name, other in (("plan", plan), ("by_weight", weighted)):
            before, after = equal.scenarios @ weight, other.scenarios @ weight
            if len(before):
                gains = (before - after) / np.abs(before)
                low_end, high_end = (float(end) for end in interval(gains))
                expected = float(gains.mean())
            else:
                first, last = float(equal.measure @ weight), float(other.measure @ weight)
                expected, low_end, high_end = (first - last) / abs(first), np.nan, np.nan
            lines[name].append(((base - reached(other.spend)) / abs(base), expected, low_end, high_end))
    found = {name: Judged(*np.array(line).T) for name, line in lines.items()}
    held = tuple(name for name, verdict in zip(curves.tasks, curves.verdict, strict=True) if verdict == FAIL)
    return DecisionBacktest(
        curves.law, curves.tasks, (), held, beyond, factor, np.array(prize), found["plan"], found["by_weight"]
    )


def _measured(runs: Runs, cost: str, task: str, log_spend: np.ndarray) -> np.ndarray:
    """(G,) a task's value at logarithms of its cost: a smooth line through the best runs so far, that only improves."""
    number = runs.tasks.index(task)
    mine = runs.task == number
    sign = -1.0 if runs.higher_is_better[number] else 1.0
    rows = best_so_far(runs.scale[cost][mine], sign * runs.value[mine])
    return sign * smooth(np.log(runs.scale[cost][mine][rows]), sign * runs.value[mine][rows], log_spend)


def _as_measure(measure: Measure, curves: Curves, values: np.ndarray) -> np.ndarray:
    """(T, G) values in the tasks' own metrics as something to make small."""
    every = np.arange(len(curves.tasks))
    return np.stack([measure.of_value(curves, every, column) for column in values.T], axis=1)


def best_so_far(cost: np.ndarray, value: np.ndarray) -> np.ndarray:
    """(F,) positions of the runs (R,) whose value no cheaper one reaches, by their cost; smaller values are better."""
    order = np.lexsort((value, cost))
    lowest = np.minimum.accumulate(np.append(np.inf, value[order]))[:-1]
    return np.asarray(order[value[order] < lowest])


def smooth(log_spend: np.ndarray, value: np.ndarray, at: np.ndarray, bandwidth: float = BANDWIDTH) -> np.ndarray:
    """A line through measurements: local straight lines, of which none rises.

    Args:
        log_spend: (R,) logarithms of costs.
        value: (R,) smaller being better.
        at: (G,) rising logarithms of costs.
        bandwidth: see ``BANDWIDTH``.

    Returns:
        (G,) values, falling.
    """
    apart = np.diff(np.sort(log_spend))
    apart = apart[apart > 0.02]
    width = max(bandwidth, 0.5 * float(np.median(apart)) if len(apart) else 0.0)
    off = log_spend - at[:, None]
    weight = np.exp(-0.5 * (off / width) ** 2) + 1e-12 / (1 + off**2)
    total = weight.sum(axis=1)
    mean_x, mean_y = (weight * off).sum(axis=1) / total, (weight * value).sum(axis=1) / total
    slope = (weight * (off - mean_x[:, None]) * (value - mean_y[:, None])).sum(axis=1)
    slope = slope / ((weight * (off - mean_x[:, None]) ** 2).sum(axis=1) + 1e-9)
    return np.minimum.accumulate(mean_y - slope * mean_x)


def clairvoyant(spend: np.ndarray, value: np.ndarray, weight: np.ndarray, budget: float) -> np.ndarray:
    """The split with the least weighted sum of known falling curves, made convex from below.

    Args:
        spend: (K, G) rising spends at which the curves are known; the first is the least that a task is given.
        value: (K, G) values there, falling.
        weight: (K,) not negative.
        budget: in all, at least the sum of the least spends.

    Returns:
        (K,) spends that add up to the budget, as far as the curves are known.
    """
    from scipy.optimize import isotonic_regression  # takes long to load

    length = np.diff(spend, axis=1)
    fall = np.maximum(-np.diff(value, axis=1) / length, 0.0)
    # slopes that do not rise, by pooling neighbours: those of the greatest convex curve below
    convex = np.stack(
        [isotonic_regression(each, weights=width, increasing=False).x for each, width in zip(fall, length, strict=True)]
    )
    order = np.argsort(-(weight[:, None] * convex).ravel(), kind="stable")
    pieces = length.ravel()[order]
    taken = np.zeros(len(order))
    taken[order] = np.clip(budget - spend[:, 0].sum() - (np.cumsum(pieces) - pieces), 0.0, pieces)
    return np.asarray(spend[:, 0] + taken.reshape(length.shape).sum(axis=1))


def decision_table(found: Sequence[DecisionBacktest]) -> pd.DataFrame:
    """One row a law: what its plans realised, see ``Decided``."""
    return pd.DataFrame([{"law": each.law, **vars(each.figures)} for each in found])
