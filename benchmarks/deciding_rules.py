"""Rules of ``deciding.py``: what may be planned on, as falling curves of what is spent on each task of a pool."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from deciding_pools import GRID, Pool, best_so_far

from budget.curves.cost_law import Cost
from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.law import Law
from budget.curves.steady import PREDICTED, STEADY
from budget.studies.backtest_verdict import judge
from budget.tables.checks.status import FAIL
from budget.tables.runs import runs_from_frame

DRAWS = 200
SIZES = 41
"""Numbers of params that are tried at each spend."""

AMID = 100
"""Draws amid which the sizes are found that a prediction is best at."""

LATE = {1: 4.0, 2: 10.0}
"""Number of scales → the factor of spend over which the local slope goes; of two, through the best runs so far."""

LEAST_RUNS = 3
FLATTEST = 1e-3
"""Least local slope."""

RULES = (
    "by weight",
    "plain law",
    "tied exponents",
    "prediction, median",
    "prediction, mean",
    "nearest convex",
    "nearest convex, quarter by weight",
    "local slope",
    "√(prediction · slope)",
    "∛(law · prediction · slope)",
    "steady",
    "steady, shares kept",
    "steady, all trusted",
    "steady or by hand",
)
"""What is planned on. ``nearest convex`` is ``--plan-on predicted``; a split by weight asks no curve, and one of a
quarter by weight is ∝ plan^.75 · weight^.25. Tasks whose curve failed get at most their share by weight; in two rules
they get just that, or are trusted. The last is the default: ``steady``'s plan, or the even split or the one by weight
where that is predicted to be better."""

STEADY_PLAN, KEEPING, TRUSTING, DEFAULT = RULES[-4:]
PREDICTION = "prediction, median"
JUDGING_DRAWS = 100
"""Draws of a backtest, as the commands have them."""


@dataclass(frozen=True)
class Told:
    """What is known of a pool's T tasks before anything is decided.

    Attributes:
        rules: rule → (T, GRID) values at the pool's spends, falling; NaN for tasks that have no curve.
        draws: (B, T, GRID) predicted values there, at the sizes that the default plan has.
        failed: (T,) which tasks' curves fail the backtest of the runs that are seen.
    """

    rules: dict[str, np.ndarray]
    draws: np.ndarray
    failed: np.ndarray

    @property
    def planned(self) -> np.ndarray:
        """(T,) which tasks can be planned by every rule."""
        return np.asarray(np.all([np.isfinite(value).all(axis=1) for value in self.rules.values()], axis=0))


def told(pool: Pool) -> Told:
    """Fit a pool's runs once and say what each rule plans on."""
    runs = runs_from_frame(pool.train)
    order = np.array([pool.tasks.index(name) for name in runs.tasks])
    back = np.argsort(order)
    one = len(pool.scales) == 1
    options: dict[str, Any] = {"best": pool.best[order], **({"scale": pool.scales[0]} if one else {})}
    curves = fit_curves(runs, draws=DRAWS, **options).take(back)
    plain = fit_curves(runs, "power" if one else "chinchilla", draws=0, **options).take(back)
    least = np.maximum(np.nan_to_num(pool.best), 1e-9)[:, None]
    log_cost = np.log(pool.unit)[:, None] + pool.log_spend
    paths = _Paths(curves, log_cost)

    steady, nearest = (curves.planned_on(name).as_planned() for name in (STEADY, PREDICTED))
    path = paths.best(steady.form, steady.parameters, steady.reference)[1]
    sizes = paths.predicted(curves)
    draws = np.stack([_at(curves.form, each, curves.reference, sizes) for each in curves.draws])
    draws = np.maximum(draws, least)
    found = {
        "plain law": paths.best(plain.form, plain.parameters, plain.reference)[0],
        PREDICTION: np.median(draws, axis=0),
        "prediction, mean": draws.mean(axis=0),
        "nearest convex": paths.best(nearest.form, nearest.parameters, nearest.reference)[0],
        "steady": paths.best(steady.form, steady.parameters, steady.reference)[0],
    }
    if not one:
        tied = fit_curves(runs, "chinchilla", draws=0, tie=[("alpha", "beta")], **options).take(back)
        found["tied exponents"] = paths.best(tied.form, tied.parameters, tied.reference)[0]
    found = {name: np.maximum(np.minimum.accumulate(value, axis=1), least) for name, value in found.items()}
    law, middle = found["plain law" if one else "tied exponents"], found[PREDICTION]
    slope = np.maximum(_local(pool), least)
    found |= {
        "local slope": slope,
        "√(prediction · slope)": np.sqrt(middle * slope),
        "∛(law · prediction · slope)": np.cbrt(law * middle * slope),
        "nearest convex, quarter by weight": found["nearest convex"],
        KEEPING: found["steady"],
        TRUSTING: found["steady"],
    }
    verdicts = judge(runs, curves.law, draws=JUDGING_DRAWS, **options)
    failed = np.array([verdicts[task].code == FAIL for task in back])
    told_draws = np.stack([_at(curves.form, each, curves.reference, path) for each in curves.draws])
    return Told(found, np.minimum.accumulate(np.maximum(told_draws, least), axis=2), failed)


def _at(law: Law, theta: np.ndarray, reference: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """(T, …) values of T curves (T, P) at log inputs (T, …, I)."""
    beside = (slice(None), *[None] * (inputs.ndim - 2))
    return np.asarray(law.value(theta[beside], inputs - np.log(reference)[beside]))


class _Paths:
    """The inputs that can be had for each of a pool's spends."""

    def __init__(self, curves: Curves, log_cost: np.ndarray) -> None:
        if len(curves.scale_columns) == 1:
            self.inputs = log_cost[:, :, None, None]
            return
        assert curves.cost is not None
        low, high = (np.log(end["params"]) for end in (curves.smallest, curves.largest))
        params = np.linspace(low, high + np.log(10.0), SIZES, axis=1)[:, None]
        tokens = _tokens(curves.cost, params, log_cost[:, :, None])
        self.inputs = np.stack(np.broadcast_arrays(params, tokens), axis=-1)

    def best(self, law: Law, theta: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least value (T, G) at each spend, and the log inputs (T, G, I) there."""
        return self._least(_at(law, theta, reference, self.inputs))

    def predicted(self, curves: Curves) -> np.ndarray:
        """(T, G, I) log inputs at which the median of the draws is least."""
        if self.inputs.shape[2] == 1:
            return self.inputs[:, :, 0]
        some = np.unique(np.append(np.arange(0, GRID, 4), GRID - 1))
        found = []
        for task, inputs in enumerate(self.inputs[:, some]):
            each = np.stack([
                _at(curves.form, theta[None], curves.reference[task, None], inputs[None])[0]
                for theta in curves.draws[:AMID, task]
            ])  # fmt: skip
            sizes = np.take_along_axis(inputs, np.median(each, axis=0).argmin(axis=1)[:, None, None], axis=1)[:, 0]
            found.append(np.stack([np.interp(np.arange(GRID), some, column) for column in sizes.T], axis=1))
        return np.stack(found)

    def _least(self, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        where = value.argmin(axis=2)[:, :, None]
        inputs = np.take_along_axis(self.inputs, where[..., None], axis=2)[:, :, 0]
        return np.take_along_axis(value, where, axis=2)[:, :, 0], inputs


def _tokens(cost: Cost, params: np.ndarray, log_cost: np.ndarray) -> np.ndarray:
    """Log tokens at which models of log params cost so much, by bisection."""
    params, log_cost = np.broadcast_arrays(params, log_cost)
    low, high = np.full(params.shape, -10.0), np.full(params.shape, 80.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        more = np.log(cost.flops(np.exp(params), np.exp(middle))) < log_cost
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return low


def _local(pool: Pool) -> np.ndarray:
    """(T, GRID) straight lines in logarithms through each task's last runs."""
    lines = []
    for task, name in enumerate(pool.tasks):
        mine = pool.train[pool.train["task"] == name]
        cost, value = mine[pool.cost].to_numpy(float) / pool.unit[task], mine["value"].to_numpy(float)
        rows = best_so_far(cost, value) if len(pool.scales) == 2 else np.argsort(cost, kind="stable")
        rows = rows[np.argsort(cost[rows], kind="stable")]
        late = rows[cost[rows] >= cost[rows].max() / LATE[len(pool.scales)] * (1 - 1e-9)]
        late = late if len(late) >= LEAST_RUNS else rows[-LEAST_RUNS:]
        x, y = np.log(cost[late]), np.log(value[late])
        off = x - x.mean()
        rate = max(-float((off * y).sum() / max((off**2).sum(), 1e-12)), FLATTEST)
        lines.append(np.exp(y.mean() - rate * (pool.log_spend[task] - x.mean())))
    return np.stack(lines)
