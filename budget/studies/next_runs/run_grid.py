"""Runs that could be measured next: affordable sizes of every task, on its efficient frontier and off it.

See docs/decisions/177-ratios-like-the-runs.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from budget.allocation.convex.best_size import best_inputs, last_input
from budget.allocation.spec.scenarios import scenarios_of
from budget.curves.cost_law import Cost
from budget.curves.curves import Curves
from budget.numerics.roots import rising_root
from budget.tables.tasks import TaskSettings

MAX_EXTRAPOLATION = 10.0
"""Largest factor beyond the largest measured params, tokens or scale: further out a law is not to be trusted."""

COST_SHARES = 3.0 ** -np.arange(6)
"""Costs that are looked at, as shares of the dearest affordable run."""

SIZE_MULTIPLES = (0.0625, 0.25, 1.0, 4.0, 16.0)
"""Sizes at one cost, as multiples of the best one there: a run off the frontier tells params and tokens apart."""

RATIO_REACH = 3.0
"""Factor below the fewest and above the most measured tokens a parameter within which runs are proposed."""

SIGNIFICANT_DIGITS = 3
"""Significant digits of params, tokens and scales."""

_CUT = 10.0 ** (1 - SIGNIFICANT_DIGITS)
"""Largest share of a number that is cut off with its other digits."""


@dataclass(frozen=True)
class Runs:
    """C candidates.

    Attributes:
        group: (C,) which group of tasks is measured.
        inputs: (C, I) what the law reads of the run; NaN where another strategy's law alone reads the column.
        cost: (C,) in the unit.
        unit: FLOPs, or the law's one scale where that is no FLOPs.
        columns: (I,) names of the inputs.
    """

    group: np.ndarray
    inputs: np.ndarray
    cost: np.ndarray
    unit: str
    columns: tuple[str, ...]


def groups_of(curves: Curves) -> list[np.ndarray]:
    """Positions of the tasks that one run measures: all of a group whose models are shared, else each alone."""
    found: dict[object, list[int]] = {}
    for task, (group, shared) in enumerate(zip(curves.group.tolist(), curves.shared.tolist(), strict=True)):
        found.setdefault(group if shared else (group, task), []).append(task)
    return [np.array(members) for members in found.values()]


def affordable(
    curves: Curves, tasks: TaskSettings, groups: list[np.ndarray], spend: float, reach: float = np.inf
) -> Runs:
    """A grid of runs of each group that cost at most the spend; none where it buys nothing.

    Args:
        curves: usable curves of T tasks.
        tasks: their task settings; the law of repeated data reads ``unique_tokens``.
        groups: from ``groups_of``.
        spend: what there is for new runs, in FLOPs, or in the law's one scale where that is no FLOPs.
        reach: a plan's; where it is finite, runs have tokens a parameter like the measured ones, to ``RATIO_REACH``.
    """
    two = len(curves.scale_columns) > 1
    unit = "flops" if two else curves.scale_columns[0]
    ratios = np.tile([0.0, np.inf], (len(curves.tasks), 1)) if np.isinf(reach) else _ratios_within_reach(curves)
    parts = [
        _sizes(curves, tasks, group, spend, ratios[group]) if two else _scales(curves, group, spend) for group in groups
    ]
    inputs = np.concatenate(parts)
    group = np.repeat(np.arange(len(groups)), [len(part) for part in parts])
    cost = _flops(curves, inputs) if two else inputs[:, 0]
    return Runs(group, inputs, cost, unit, curves.scale_columns)


def cheapest(curves: Curves, groups: list[np.ndarray]) -> float:
    """Cost of the cheapest run that is as large as the smallest measured ones of its group."""
    columns = [np.array([curves.smallest[name][group].max() for group in groups]) for name in curves.scale_columns[:2]]
    return float((_flops(curves, np.column_stack(columns)) if len(columns) > 1 else columns[0]).min())


def _flops(curves: Curves, inputs: np.ndarray) -> np.ndarray:
    """FLOPs (C,) of runs (C, I) by the file's cost law."""
    assert curves.cost is not None, "a law of params and tokens comes with a cost law"
    return curves.cost.flops(inputs[:, 0], inputs[:, 1])


def _ratios_within_reach(curves: Curves) -> np.ndarray:
    """(T, 2) fewest and most tokens a parameter of runs that may be proposed, no limit where none is known."""
    within = curves.ratios * [1 / RATIO_REACH, RATIO_REACH]
    return np.where(np.isnan(within), [0.0, np.inf], within)


def _scales(curves: Curves, group: np.ndarray, spend: float) -> np.ndarray:
    """Scales (C, 1) of runs under a law of one scale, from the group's smallest measured to what is trusted."""
    name = curves.scale_columns[0]
    # the smallest of the tasks' largest runs: beyond it some task of the group would be far outside
    top = min(spend, MAX_EXTRAPOLATION * curves.largest[name][group].min())
    scales = top * COST_SHARES
    scales = np.unique(_rounded(scales[scales >= curves.smallest[name][group].max() * 0.999]))
    return scales[scales <= spend][:, None]


def _sizes(curves: Curves, tasks: TaskSettings, group: np.ndarray, spend: float, ratios: np.ndarray) -> np.ndarray:
    """Params and tokens (C, 2 or 3) of runs, on the frontier of the group's summed curve and off it.

    Sizes beyond the ratios (G, 2) of the group's tasks are moved to their ends: a run there still tells params and
    tokens apart.
    """
    # a run measures all tasks of its group, so it is as large as every one's smallest, and within every one's reach
    low, high = (
        np.log([pick(of[name][group]) for name in ("params", "tokens")])
        for of, pick in ((curves.smallest, np.max), (curves.largest, np.min))
    )
    high = np.maximum(high + np.log(MAX_EXTRAPOLATION), low)
    top = min(spend, float(_flops(curves, np.exp(high)[None])[0]))
    costs = top * COST_SHARES
    value = scenarios_of(curves, tasks).values.take(group).summed
    assert curves.cost is not None, "a law of params and tokens comes with a cost law"
    cost = curves.cost  # of the training alone, whatever the model will serve
    fewest, most = ratios[:, 0].max(), ratios[:, 1].min()
    found = np.exp(low)[None]
    for each in costs:
        log_tokens = partial(_log_tokens, cost, np.log(each), high[1])
        centre = best_inputs(value, cost.posynomial(1), np.array([each]))[0, 0]
        ends = _ends_of_sizes(log_tokens, low[0], high[0], fewest, most)
        # at one cost only the shape differs
        log_n = np.unique(np.clip(centre + np.log(SIZE_MULTIPLES), *ends))
        shapes = np.column_stack([log_n, log_tokens(log_n)])
        found = np.concatenate([found, np.exp(shapes[shapes[:, 1] >= low[1]])])
    sizes = np.unique(_rounded(found), axis=0)
    # rounded down in both, a run may still cost a hair more than the cost that it was cut from
    sizes = sizes[_flops(curves, sizes) <= spend * (1 + 1e-12)]
    ratio = sizes[:, 1] / sizes[:, 0]
    sizes = sizes[(fewest <= ratio) & (ratio <= most)]
    if "unique_tokens" in curves.scale_columns:
        unique = np.full(len(sizes), tasks.unique_tokens[group].min())
        sizes = np.column_stack([sizes, np.minimum(unique, sizes[:, 1])])
    return sizes


def _log_tokens(cost: Cost, log_spend: float, most: float, log_n: np.ndarray) -> np.ndarray:
    """Log tokens (V,) that sizes leave of a cost, unless they are beyond what is trusted."""
    count = len(log_n)
    return np.minimum(last_input(cost.posynomial(count), log_n[:, None], np.full(count, log_spend))[:, 1], most)


def _ends_of_sizes(
    log_tokens: Callable[[np.ndarray], np.ndarray], low: float, high: float, fewest: float, most: float
) -> np.ndarray:
    """(2,) log params of the smallest and the largest size at one cost with tokens a parameter within two ratios."""
    # larger models have fewer tokens a parameter; the digits that are cut move a ratio by less than their share
    with np.errstate(divide="ignore"):
        log_ratio = np.log([most * (1 - _CUT), fewest / (1 - _CUT)])
    return rising_root(lambda log_n: log_n + log_ratio - log_tokens(log_n), np.full(2, low), np.full(2, high))


def _rounded(numbers: np.ndarray) -> np.ndarray:
    """Positive numbers cut to ``SIGNIFICANT_DIGITS`` significant digits, never upward."""
    unit = 10.0 ** (np.floor(np.log10(numbers)) - SIGNIFICANT_DIGITS + 1)
    # downward, so that what is proposed is affordable; a hair up first, or 300 would be cut to 299
    cut = np.floor(numbers / unit * (1 + 1e-12)) * unit
    return np.array([float(f"{each:.{SIGNIFICANT_DIGITS - 1}e}") for each in cut.flat]).reshape(cut.shape)
