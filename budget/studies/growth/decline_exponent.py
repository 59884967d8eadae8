"""The law by which tasks decline as more of them share a budget: reducible loss ∝ (number of tasks)^exponent.

A task's reducible loss is the distance of its value from the floor of its curve. It is counted from what the task
reaches alone with the whole budget, so that tasks of different difficulty join without bending the line, and the line
``log factor = exponent · log k`` goes through no decline at k = 1.

K copies of one task decline exactly so: with the exponent ``a`` of a one-scale law, and with ``αβ/(βp + αq)`` of
``E + A/N^α + B/D^β`` at a cost ∝ N^p·D^q, which is ``αβ/(α + β)`` for 6ND (the frontier of Hoffmann et al. 2022,
arXiv 2203.15556). Copies that share one model decline by ``iso_loss.decline_exponent``.

The mean is weighted, and of tasks with several metrics each reducible loss is divided by the gap from unserved to best.

See docs/decisions/075-decline-from-alone-with-everything.md,
docs/decisions/089-decline-of-copies-in-one-model.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.mixture.iso_loss import decline_exponent
from budget.curves.curves import Curves
from budget.curves.planning_forms.posynomial import Posynomial
from budget.numerics.interval import interval
from budget.numerics.strict_json import json_rows, json_value
from budget.studies.growth.task_orders import mean_and_band, shown_sizes
from budget.studies.strategies.shared_subsets import SharedSubsets
from budget.studies.strategies.specialist_subsets import Splits, Subsets

FLOOR_ROUNDING = 1e-12
"""Share of its value below which a task's reducible loss is rounding, and no exponent is read off it: a difference of
two doubles (off by 1.1e-16 each) has four digits left there, less what summing terms lost."""


@dataclass(frozen=True)
class Decline:
    """Exponents of the reducible loss against the number of tasks, for the mean, the worst and each of T tasks.

    Attributes:
        names: (T + 2,) ``mean``: the weighted mean reducible loss; ``worst``: the task of the set that has lost most;
            then the tasks.
        exponent: (T + 2,) by the point fit, the mean over the orders; NaN where a task is at its floor.
        low: (T + 2,) 10 % point over the draws of the plans that the point fit makes.
        high: (T + 2,) 90 % point.
        orders_low: (T + 2,) 10 % point over the orders, by the point fit; NaN for one order.
        orders_high: (T + 2,) 90 % point.
        copies: (T + 2,) the exponent by which copies of the task alone would decline; NaN where its law or cost gives
            none, and for mean and worst.
        n_tasks: (S,) the numbers of tasks at which the line is fitted, from 1 to K.
        mean_factor: (S,) reducible loss of the set over that of its tasks alone, mean over the orders.
        worst_factor: (S,) the same of the task that has lost most.
        lost_most: the task that has lost most where all are there.
    """

    names: tuple[str, ...]
    exponent: np.ndarray
    low: np.ndarray
    high: np.ndarray
    orders_low: np.ndarray
    orders_high: np.ndarray
    copies: np.ndarray
    n_tasks: np.ndarray
    mean_factor: np.ndarray
    worst_factor: np.ndarray
    lost_most: str

    def table(self) -> pd.DataFrame:
        """One row for the mean, the worst task and each task."""
        columns = ("exponent", "low", "high", "orders_low", "orders_high", "copies")
        kind = ["set", "set", *["task"] * (len(self.names) - 2)]
        return pd.DataFrame({"of": self.names, "kind": kind} | {name: getattr(self, name) for name in columns})

    def record(self) -> dict[str, Any]:
        """The law as JSON."""
        return {
            "exponents": json_rows(self.table()),
            "n_tasks": self.n_tasks.tolist(),
            "mean_factor": json_value(self.mean_factor),
            "worst_factor": json_value(self.worst_factor),
        }


def decline(subsets: Subsets, orders: np.ndarray, sizes: Sequence[int] | None = None) -> Decline | None:
    """Fit the law along orders (O, K); ``None`` for a single task, which shares with nobody.

    Args:
        subsets: solves the sets.
        orders: task positions in joining order.
        sizes: the numbers of tasks that are looked at, rising from 1 to K; ``shown_sizes`` by default. One that is
            stands for those about it that are not (``stands_for``), so that the line is nearly that of all of them.
    """
    count, tasks = orders.shape
    if tasks < 2:
        return None
    told = np.array(shown_sizes(tasks) if sizes is None else sizes)
    curves = subsets.curves
    draws = len(curves.draws)
    alone = subsets.of(np.arange(tasks)[:, None])
    # a floor is one of the curves that plans are made on: what lies above it is theirs, too
    own = above_floor(_point(curves, alone)[:, 0], curves.form.floor(curves.parameters))
    # in each draw against that draw's own task alone, or the uncertainty of the task itself would count as decline
    own_draws = np.empty((draws, tasks))
    for task, distance in _in_draws(curves, alone):
        own_draws[:, task] = above_floor(distance[:, 0], curves.form.floor(curves.draws[:, task]))
    # reducible losses of several metrics are divided by the gap from unserved to best before they are averaged
    weight = subsets.spec.tasks.weight * subsets.spec.measure.scale
    logs, stands = np.log(told), stands_for(told)
    # the slope through the origin is Σ log k · log factor over Σ log² k of the sizes at which the task is there
    squares = np.cumsum((stands * logs**2)[::-1])[::-1]
    # sums are gathered size by size, so that no array of all sizes, orders and draws is held
    point, scenarios = np.zeros((count, tasks + 2)), np.zeros((draws, tasks + 2))
    factors = np.ones((len(told), 2))
    lost_most = 0
    joined = np.empty((count, tasks), dtype=int)
    # the first of the sizes looked at that has the task which joined there
    first = np.searchsorted(told, np.arange(1, tasks + 1))
    np.put_along_axis(joined, orders, np.tile(first, (count, 1)), axis=1)
    for at in range(1, len(told)):
        split = subsets.of(orders[:, : told[at]])
        members, x = split.members, stands[at] * logs[at]
        above = above_floor(_point(curves, split), curves.form.floor(curves.parameters[members]))
        each, whole = _factors(above, own[members], weight[members])
        factors[at] = whole.mean(axis=0)
        lost_most = int(members[0, np.argmax(each[0])])  # every order ends with the same set
        point[:, :2] += x * np.log(whole) / squares[0]
        row = np.arange(count)[:, None]
        # a task is there from its own joining on, so its line is fitted to those sizes only
        share = x / squares[joined[row, members]]
        point[row, members + 2] += share * np.log(each)
        for order, distance in _in_draws(curves, split):
            pick = members[order]
            above = above_floor(distance, curves.form.floor(curves.draws[:, pick]))
            each, whole = _factors(above, own_draws[:, pick], weight[pick])
            scenarios[:, :2] += x * np.log(whole) / squares[0] / count
            scenarios[:, pick + 2] += share[order] * np.log(each) / count
    exponent = point.mean(axis=0)
    low, high = interval(scenarios)
    band = mean_and_band(point)[1:] if count > 1 else np.full((2, tasks + 2), np.nan)
    copies = np.concatenate([[np.nan, np.nan], copies_exponent(subsets)])
    names = ("mean", "worst", *curves.tasks)
    most = curves.tasks[lost_most]
    return Decline(names, exponent, low, high, band[0], band[1], copies, told, factors[:, 0], factors[:, 1], most)


def stands_for(sizes: np.ndarray) -> np.ndarray:
    """(S,) how many numbers of tasks up to the last each of these stands for: half of each gap is the size's beside it.

    >>> stands_for(np.array([1, 2, 3, 6, 10])).tolist()
    [1.0, 1.0, 2.0, 3.5, 2.5]
    """
    gaps = np.diff(sizes, prepend=sizes[0] - 1, append=sizes[-1] + 1)
    halves: np.ndarray = (gaps[:-1] + gaps[1:]) / 2
    return halves


def copies_exponent(subsets: Subsets) -> np.ndarray:
    """(T,) the exponent at which identical copies of each task would decline; NaN where there is no such power.

    Copies in one model have that of ``decline_exponent``. Of specialists, for one term in each input and a cost of one
    term ``c ∝ Π_i x_i^{p_i}``, it is ``1/Σ_i (p_i/e_i)`` with the terms' exponents e.
    """
    nothing = np.full(len(subsets.curves.tasks), np.nan)
    if isinstance(subsets, SharedSubsets):
        flops = subsets.curves.cost
        if subsets.spec.unit != "flops" or flops is None or len(flops.kappa) > 1:
            return nothing
        form, theta = subsets.curves.form, subsets.curves.parameters.T
        alpha, beta, phi, psi = (theta[form.position(name)] for name in ("alpha", "beta", "phi", "psi"))
        return decline_exponent(alpha, beta, phi, psi, float(flops.params_exponent[0]), float(flops.tokens_exponent[0]))
    # a power only where the frontier is one: one term in each input, a cost of one term, sizes free
    if not subsets.convex or subsets.spec.params is not None:
        return nothing
    problem = subsets.problem
    value, cost = problem.value, problem.cost
    if not isinstance(value, Posynomial) or cost.log_coef.shape[1] > 1 or (cost.offset != 0).any():
        return nothing
    falls = -value.exponent
    if value.exponent.shape[1] != value.inputs or ((falls > 0).sum(axis=2) != 1).any():
        return nothing
    # at the optimum each term falls as the same power of cost: x_i ∝ c^(a/e_i), so that Σ p_i·a/e_i = 1
    return 1 / (cost.exponent[:, 0] / falls.sum(axis=1)).sum(axis=1)


def _point(curves: Curves, split: Splits) -> np.ndarray:
    """(Q, k) distances by the point curves that the splits were planned on."""
    members, inputs = split.members, split.log_inputs
    return curves.distance(members.ravel(), inputs.reshape(members.size, -1)).reshape(members.shape)


def _in_draws(curves: Curves, split: Splits) -> Iterator[tuple[int, np.ndarray]]:
    """Row of the split, and distances (B, k) of its members by the draws of these curves."""
    for row, (task, inputs) in enumerate(zip(split.members, split.log_inputs, strict=True)):
        yield row, curves.distance_draws(task, inputs)


def above_floor(distance: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Distances above their floor, NaN where no more than rounding is left."""
    above = distance - floor
    return np.where(above > FLOOR_ROUNDING * np.abs(distance), above, np.nan)


def _factors(above: np.ndarray, alone: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each member's decline (…, k), and the set's (…, 2): of the mean, and of the member that has lost most."""
    each = above / alone
    mean = (above * weight).sum(axis=-1) / (alone * weight).sum(axis=-1)
    return each, np.stack([mean, each.max(axis=-1)], axis=-1)
