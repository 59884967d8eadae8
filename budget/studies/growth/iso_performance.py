"""Iso-performance: the budget at which every task keeps its value while tasks are added.

Among specialists the best split gives all tasks the same marginal return. So the tasks that are there keep their
spends, and their values, exactly where the budget grows by what the added tasks are given at that same return.
For one model under the law of several tasks the factors are closed forms (``iso_loss.iso_loss``).

See docs/decisions/077-iso-performance-by-the-price.md.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.shadow_prices import marginal_return
from budget.allocation.mixture.iso_loss import iso_loss
from budget.allocation.plan.assembly import law_inputs_of
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.numerics.interval import interval
from budget.numerics.roots import rising_root
from budget.numerics.strict_json import json_rows, json_value
from budget.studies.growth.task_orders import mean_and_band
from budget.studies.strategies.specialist_subsets import Splits, Subsets

LOG_SPEND_RANGE = 46.0
"""How far from the budget an added task's spend is looked for, in its natural logarithm: 20 decades either way."""

QUANTITIES = ("budget", "params", "tokens")
"""What grows: the whole budget, the mean size of a model, and all tokens together."""


@dataclass(frozen=True)
class IsoPerformance:
    """The budgets at which the first ``today`` of K tasks keep the values that they have at the budget.

    Attributes:
        today: number of tasks whose values are kept.
        counts: (J,) numbers of tasks: ``today``, …, K.
        total: (J, 3) of ``QUANTITIES``, mean over the orders; NaN what the law does not read.
        low: (J, 3) 10 % point over the orders; NaN for one order.
        high: (J, 3) 90 % point.
        doubling: (3,) factor of each total for twice the tasks: ``2^slope`` of the line of logarithms through today.
        doubling_low: (3,) 10 % point over the draws, each with its own price, spends and values; NaN for many orders,
            or where the draws are not planned.
        doubling_high: (3,) 90 % point.
    """

    today: int
    counts: np.ndarray
    total: np.ndarray
    low: np.ndarray
    high: np.ndarray
    doubling: np.ndarray
    doubling_low: np.ndarray
    doubling_high: np.ndarray

    def table(self) -> pd.DataFrame:
        """One row for each number of tasks."""
        columns = {"n_tasks": self.counts}
        for position, name in enumerate(QUANTITIES):
            columns[name] = self.total[:, position]
            columns[f"{name}_low"], columns[f"{name}_high"] = self.low[:, position], self.high[:, position]
        return pd.DataFrame(columns)

    def record(self) -> dict[str, Any]:
        """The budgets as JSON."""
        return {
            "today": self.today,
            **{
                name: dict(zip(QUANTITIES, json_value(getattr(self, name)), strict=True))
                for name in ("doubling", "doubling_low", "doubling_high")
            },
            "rows": json_rows(self.table()),
        }


def iso_performance(
    subsets: Subsets, orders: np.ndarray, today: int = 1, *, draws: bool = True
) -> IsoPerformance | None:
    """What keeping today's values takes along orders (O, K).

    Args:
        subsets: solves the sets.
        orders: task positions in joining order.
        today: how many tasks there are.
        draws: whether every draw is planned too, which gives the interval of the factors along one order.

    Returns:
        The budgets, or ``None`` where marginal returns do not fall, so that no one price divides a budget, or where
        maxima leave some of today's budget, which then has no price.

    Raises:
        AllocationError: there are fewer tasks than today.
    """
    count, tasks = orders.shape
    if not 1 <= today <= tasks:
        raise AllocationError(
            f"Today's number of tasks is {today}, and the curves are of {tasks}; give one from 1 to {tasks}."
        )
    if not subsets.convex:
        return None
    # a share that is kept for want of a curve is one of today's budget, and says nothing of a larger one's price
    if subsets.spec.held:
        subsets = Subsets(subsets.curves, replace(subsets.spec, held=()))
    totals = _totals(subsets, orders, today)
    if np.isnan(totals[:, 0, 0]).any():
        return None
    counts = np.arange(today, tasks + 1)
    mean, low, high = (np.array(each) for each in zip(*map(mean_and_band, totals.swapaxes(0, 1)), strict=True))
    if count == 1:
        low, high = np.full_like(low, np.nan), np.full_like(high, np.nan)
    ratio = counts / today
    doubling = _doubling(ratio, mean[None])[0]
    several = count > 1 or not draws
    scenarios = np.empty((0, len(QUANTITIES))) if several else _doubling(ratio, _in_draws(subsets, orders[0], today))
    return IsoPerformance(today, counts, mean, low, high, doubling, *interval(scenarios))


def _totals(subsets: Subsets, orders: np.ndarray, today: int) -> np.ndarray:
    """``QUANTITIES`` (O, J, 3) along each order at today's price; NaN where today's budget has none."""
    count, tasks = orders.shape
    split = subsets.of(orders[:, :today])
    # KKT: today's tasks keep their spends in a larger budget exactly where the price stays (Boyd & Vandenberghe 2004,
    # section 5.5.3)
    price = _price(subsets, split)
    spend = _at_price(subsets, np.repeat(price, tasks), orders.ravel()).reshape(orders.shape)
    # today's tasks as they are: a spend at a limit is not that of the price
    spend[:, :today] = split.spend
    problem, curves = subsets.problem, subsets.curves
    u = best_inputs(problem.by_model.take(orders.ravel()), problem.cost.take(orders.ravel()), spend.ravel())
    scales = np.exp(law_inputs_of(curves, subsets.spec, u, orders.ravel())).reshape(count, tasks, -1)
    amounts = {name: scales[:, :, place] for place, name in enumerate(curves.scale_columns)} | {"budget": spend}
    nothing = np.full((count, tasks), np.nan)
    totals = np.stack([np.cumsum(amounts.get(name, nothing), axis=1) for name in QUANTITIES], axis=2)
    totals = totals[:, today - 1 :]
    # tokens and budgets add up; of sizes the mean is of interest
    totals[:, :, QUANTITIES.index("params")] /= np.arange(today, tasks + 1)
    totals[np.isnan(price)] = np.nan
    return totals


def _in_draws(subsets: Subsets, order: np.ndarray, today: int) -> np.ndarray:
    """The same (B, J, 3) along one order (K,) in every draw's scenario, planned there: its tasks stand side by side."""
    curves, asked = subsets.curves, subsets.spec
    draws, tasks, parameters = curves.draws.shape
    if draws == 0:
        return np.empty((0, tasks - today + 1, len(QUANTITIES)))
    every = np.tile(np.arange(tasks), draws)
    # every draw's tasks become tasks of their own, so that all draws are one batch of orders
    scenarios = replace(curves, draws=curves.draws[:0], noise=curves.noise[:0]).take(every)
    scenarios = replace(scenarios, parameters=curves.draws.reshape(-1, parameters))
    spec = replace(
        asked,
        tasks=asked.tasks.select(scenarios.tasks),
        measure=replace(asked.measure, scale=asked.measure.scale[every], shift=asked.measure.shift[every]),
        params=None if asked.params is None else asked.params[every],
    )
    return _totals(Subsets(scenarios, spec), order + tasks * np.arange(draws)[:, None], today)


def _doubling(ratio: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """``2^slope`` (…, 3) of log totals (…, J, 3) against log ratios (J,), through the first of them."""
    x = np.log(ratio)
    if len(x) < 2:
        return np.full((len(totals), totals.shape[-1]), np.nan)
    # the line goes through today's point, which is no estimate
    slope = np.einsum("j,...jq->...q", x, np.log(totals / totals[..., :1, :])) / (x @ x)
    return np.asarray(np.exp2(slope))


def _price(subsets: Subsets, split: Splits) -> np.ndarray:
    """(Q,) the marginal return at which splits leave their tasks, NaN where none of them could take more."""
    problem, task, spend = subsets.problem, split.members.ravel(), split.spend.ravel()
    value, cost = problem.by_model.take(task), problem.cost.take(task)
    marginal = marginal_return(value, cost, best_inputs(value, cost, spend))
    # a task at its maximum returns more than the price, one at its minimum less: the price is the largest return among
    # those that could take more
    takes_more = spend < subsets.ends[1][task] * (1 - 1e-12)
    most = np.where(takes_more, marginal, -np.inf).reshape(split.members.shape).max(axis=1)
    return np.where(np.isfinite(most), most, np.nan)


def _at_price(subsets: Subsets, price: np.ndarray, task: np.ndarray) -> np.ndarray:
    """The spends (R,) within their limits at which tasks (R,) return the prices (R,)."""
    problem, (low, high) = subsets.problem, subsets.ends
    value, cost = problem.by_model.take(task), problem.cost.take(task)

    def above(log_spend: np.ndarray) -> np.ndarray:
        marginal = marginal_return(value, cost, best_inputs(value, cost, np.exp(log_spend)))
        # a return may underflow to 0, and so may a price that is one
        return np.log(np.maximum(price, 1e-300)) - np.log(np.maximum(marginal, 1e-300))

    # in logarithms the marginal return of a power law is a line
    start = np.full(len(task), np.log(subsets.spec.budget))
    return np.clip(np.exp(rising_root(above, start - LOG_SPEND_RANGE, start + LOG_SPEND_RANGE)), low[task], high[task])


@dataclass(frozen=True)
class SharedIsoPerformance:
    """What twice the tasks cost one model at an unchanged loss, for the law of several tasks; T tasks.

    Attributes:
        names: (T,) the tasks.
        ratio: how many times more tasks.
        factor: (T, 3) of compute, of parameters and of all tokens, by the point fit: were all tasks like this one.
        low: (T, 3) 10 % point over the draws.
        high: (T, 3) 90 % point.
    """

    names: tuple[str, ...]
    ratio: float
    factor: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def table(self) -> pd.DataFrame:
        """One row a task."""
        columns: dict[str, object] = {"task": self.names, "ratio": self.ratio}
        for position, name in enumerate(("flops", "params", "tokens")):
            columns[name] = self.factor[:, position]
            columns[f"{name}_low"], columns[f"{name}_high"] = self.low[:, position], self.high[:, position]
        return pd.DataFrame(columns)

    def record(self) -> dict[str, Any]:
        """The factors as JSON."""
        return {"ratio": self.ratio, "rows": json_rows(self.table())}


def shared_iso_performance(curves: Curves, ratio: float = 2.0) -> SharedIsoPerformance:
    """Factors that keep the loss of one model when there are ``ratio`` times the tasks, at a cost ∝ N·D.

    Raises:
        AllocationError: the curves are not of law ``shared``, or the ratio is not positive.
    """
    if not curves.form.counts_tasks:
        raise AllocationError(
            f"The factors at an unchanged loss are read off phi and psi, and these curves are of law '{curves.law}'; "
            "fit models of several numbers of tasks with --law shared."
        )
    if not (np.isfinite(ratio) and ratio > 0):
        raise AllocationError(f"The ratio of tasks is {ratio:g}; give a positive number.")

    def factors(natural: np.ndarray) -> np.ndarray:
        """(…, 3) of parameters (…, P)."""
        alpha, beta, phi, psi = (
            natural[..., curves.form.position(name)].ravel().tolist() for name in ("alpha", "beta", "phi", "psi")
        )
        found = np.array([iso_loss(*each, ratio) for each in zip(alpha, beta, phi, psi, strict=True)])
        found = found.reshape(*natural.shape[:-1], 2)
        # at a cost ∝ N·D the factor of compute is the product of both
        return np.concatenate([found.prod(axis=-1, keepdims=True), found], axis=-1)

    point = factors(curves.form.natural(curves.parameters, curves.reference))
    scenarios = factors(curves.form.natural(curves.draws, curves.reference))
    return SharedIsoPerformance(curves.tasks, ratio, point, *interval(scenarios))
