"""Columns that look as if they were in another unit: FLOPs far from 6·params·tokens, sizes too small to be counts."""

from collections.abc import Mapping

import numpy as np

from budget.tables.runs import Runs

USUAL_RATIO = (0.05, 20.0)
"""Counted FLOPs are 1 to 3 times 6·params·tokens; outside of this the columns are hardly in plain units."""

LEAST: Mapping[str, float] = {"params": 1e3, "tokens": 1e3, "flops": 1e6}
"""Where even the largest number of a column is below this, it hardly is a plain count."""

_FLOPS_IN = {
    1e-3: "flops in thousands",
    1e-6: "flops in millions (mega)",
    1e-9: "flops in GFLOP (giga)",
    1e-12: "flops in TFLOP (tera)",
    1e-15: "flops in PFLOP (peta)",
    1e-18: "flops in EFLOP (exa)",
    1e-21: "flops in 1e21 (zetta)",
    1e-24: "flops in 1e24 (yotta)",
    1 / 8.64e19: "flops in PFLOP/s-days",
    1e3: "params or tokens in thousands",
    1e6: "params or tokens in millions",
    1e9: "params or tokens in billions",
    1e12: "params in thousands of millions with tokens in thousands, or tokens in trillions",
    1e15: "params in millions and tokens in billions",
    1e18: "params and tokens in billions, or params in millions and tokens in trillions",
    1e21: "params in billions and tokens in trillions",
}
"""Ratio of flops to 6·params·tokens → what explains it."""

_POWERS = {3: "thousands", 6: "millions", 9: "billions", 12: "trillions"}


def power_name(decades: int) -> str:
    """What a number is counted in that is smaller than it should be by so many decades."""
    return _POWERS.get(decades, f"a factor of 1e{decades}")


def flops_ratio(runs: Runs) -> np.ndarray | None:
    """(R,) flops over 6·params·tokens, ``None`` where the file does not hold all three."""
    if runs.flops_assumed or not {"params", "tokens", "flops"} <= set(runs.scale):
        return None
    return runs.scale["flops"] / (6 * runs.scale["params"] * runs.scale["tokens"])


def is_usual(ratio: np.ndarray) -> np.ndarray:
    """Whether flops over 6·params·tokens can be true of plain units."""
    return (ratio >= USUAL_RATIO[0]) & (ratio <= USUAL_RATIO[1])


def ratio_name(ratio: float) -> str:
    """What explains a ratio of flops to 6·params·tokens, as a question."""
    known = np.array(list(_FLOPS_IN))
    distance = np.abs(np.log10(ratio) - np.log10(known))
    if distance.min() > 0.5:
        return "are all three in plain units?"
    return f"{_FLOPS_IN[float(known[distance.argmin()])]}?"


def file_warnings(runs: Runs) -> tuple[str, ...]:
    """What makes every number of a file doubtful, one sentence each."""
    said = []
    ratio = flops_ratio(runs)
    if ratio is not None and not is_usual(np.median(ratio)):
        median = float(np.median(ratio))
        said.append(
            f"{runs.source}: flops are {median:.4g} times 6·params·tokens, where counted FLOPs are 1 to 3 times: "
            f"{ratio_name(median)} Budgets and plans would be off by as much; write all three in plain units."
        )
    for name, least in LEAST.items():  # flops last: where something is said already, they are doubtful anyway
        if name not in runs.scale or (name == "flops" and (runs.flops_assumed or said)):
            continue
        low, high = runs.scale[name].min(), runs.scale[name].max()
        if low < high < least:
            said.append(
                f"{runs.source}: {name} are {low:.4g} to {high:.4g} in all rows, too small for plain counts: another "
                f"unit (millions, billions)? Write column '{name}' as plain numbers."
            )
    return tuple(said)
