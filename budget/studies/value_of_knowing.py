"""What knowing a model's curve would be worth to the split of a budget: its expected value of perfect information.

Every draw of one model's curve in turn is taken for the truth that is known before the budget is split, the others'
curves are the means over their draws; the budget is split anew, and the objective is judged under that draw beside the
split by the means of all. The mean gain over the draws bounds what any runs of that model can bring to the split
(Raiffa & Schlaifer 1961). A model whose interval is wide but whose spend would not move is worth nothing.

Sizes follow the spend as the plan chooses them. Runs that cost something, are noisy or of other sizes are weighed by
``next_runs``. See docs/decisions/085-value-of-information-of-new-runs.md.
"""

import numpy as np

from budget.studies.decision_tables import DecisionTables
from budget.studies.monotone_cubic import MonotoneCubics
from budget.studies.spend_tables import SpendTable

REACH = 30.0
"""Spends from this part to this multiple of a model's are looked at."""

POINTS = 121
"""Spends of a model at which its return is read."""

PRICES, SPREAD = 401, 8.0
"""Prices at which models are asked for their spend, and how far about the split's own."""

MOST_DRAWS = 100
"""Draws that are taken for the truth, spread evenly over those there are."""

MOST_MODELS = 60
"""Models that are looked at: those whose draws differ most at their spend."""

HALVINGS = 60


def value_of_knowing(tables: DecisionTables, weight: np.ndarray, budget: float) -> np.ndarray:
    """(V,) expected gain of the objective, a weighted mean measure, by knowing each model's curve before the split.

    NaN where no draws are, for a model that keeps its spend whatever is known, and behind the first ``MOST_MODELS``.

    Args:
        tables: of the decision's V models.
        weight: (T,) of the tasks, summing to 1.
        budget: in all.
    """
    given, models = (budget - tables.kept) * (1 - tables.kept_share), tables.models
    worth = np.full(len(models), np.nan)
    free = [at for at, each in enumerate(models) if not each.held and len(each.log_spend) > 1]
    draws = min((models[at].drawn.shape[0] for at in free), default=0)
    if len(free) < 2 or not draws:
        return worth
    there = np.unique(np.linspace(0, draws - 1, min(MOST_DRAWS, draws)).round().astype(int))
    planned = tables.split(weight, np.array([budget]))[0]
    given -= float(planned.sum() - planned[free].sum())  # what the others keep
    lines = {at: _measures(models[at], tables, weight, there) for at in free}
    lines = {at: line for at, line in lines.items() if np.isfinite(line).all()}
    logs = {at: np.log(np.clip(planned[at], *np.exp(models[at].log_spend[[0, -1]]))) for at in lines}
    means = {at: _Returns(models[at], line.mean(axis=0)[None], logs[at]) for at, line in lines.items()}
    if len(means) < 2:
        return worth
    # the price of the split by the means, about which others are looked for
    low = min(float(each.log_price.min()) for each in means.values())
    high = max(float(each.log_price.max()) for each in means.values())
    for _ in range(HALVINGS):
        price = 0.5 * (low + high)
        dear = sum(float(each.spend(np.array([price]))[0, 0]) for each in means.values()) > given
        low, high = (price, high) if dear else (low, price)
    prices = 0.5 * (low + high) + np.linspace(-np.log(SPREAD), np.log(SPREAD), PRICES)
    spends = {at: each.spend(prices)[0] for at, each in means.items()}
    values = {at: each.value(np.log(spends[at])[None])[0] for at, each in means.items()}
    spent, reached, middle = sum(spends.values()), sum(values.values()), PRICES // 2
    spread = {at: float(line.std(axis=0).max()) for at, line in lines.items()}
    for at in sorted(means, key=lambda each: -spread[each])[:MOST_MODELS]:
        mine = _Returns(models[at], lines[at], logs[at])
        drawn = mine.spend(prices)
        over = spent - spends[at] + drawn - given  # (B, L), falling with the price
        right = np.clip((over > 0).sum(axis=1), 1, PRICES - 1)
        rows = np.arange(len(over))
        before, after = over[rows, right - 1], over[rows, right]
        falls = before > after  # by nothing where the price moves no spend: then either end will do
        part = np.clip(np.divide(before, before - after, out=np.zeros(len(over)), where=falls), 0.0, 1.0)
        others = reached - values[at]

        def between(line: np.ndarray, right: np.ndarray = right, part: np.ndarray = part) -> np.ndarray:
            return line[..., right - 1] + part * (line[..., right] - line[..., right - 1])

        own = np.log(drawn[rows, right - 1] + part * (drawn[rows, right] - drawn[rows, right - 1]))
        anew = mine.value(own[:, None])[:, 0] + between(others)
        as_split = mine.value(np.full((len(rows), 1), np.log(spends[at][middle])))[:, 0] + others[middle]
        worth[at] = float(np.maximum(as_split - anew, 0.0).mean())
    return worth


def _measures(model: SpendTable, tables: DecisionTables, weight: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """(B, K) a model's part of the objective in draws, at its knots."""
    tasks = list(model.tasks)
    return np.asarray((tables.factor[tasks] * model.drawn[draws] + tables.shift[tasks]) @ weight[tasks])


class _Returns:
    """Curves (B,) of one model: what each is worth at a spend, and its spend at a price."""

    def __init__(self, model: SpendTable, line: np.ndarray, log_spend: float) -> None:
        knots = np.broadcast_to(model.log_spend, line.shape)
        self.cubics = MonotoneCubics.through(knots, line)
        ends = np.clip(log_spend + np.array([-1.0, 1.0]) * np.log(REACH), model.log_spend[0], model.log_spend[-1])
        grid = np.linspace(ends[0], ends[1], POINTS)
        values = self.cubics.at(np.broadcast_to(grid, (len(line), POINTS)))
        fall = -np.diff(values, axis=1) / np.diff(np.exp(grid))
        # a return that rises again is passed over: the split is then no worse than it could be told
        self.log_price = np.log(np.minimum.accumulate(np.maximum(fall, np.finfo(float).tiny), axis=1))
        self.middle = 0.5 * (grid[1:] + grid[:-1])

    def spend(self, log_price: np.ndarray) -> np.ndarray:
        """(B, L) what each curve takes at logarithms of prices (L,)."""
        return np.exp(np.array([np.interp(-log_price, -mine, self.middle) for mine in self.log_price]))

    def value(self, log_spend: np.ndarray) -> np.ndarray:
        """(B, Q) their parts of the objective at log spends (B, Q)."""
        return self.cubics.at(log_spend)
