"""Pools of ``deciding.py``: tasks whose small runs a planner sees, and how their values really fall with what is spent.

The spend of a task is counted in its own largest run that is seen, so that an even split gives every task the same
factor beyond its runs. What is measured beyond is a smooth line through the best runs so far; in simulated worlds it is
the truth. Published data are read from the folder ``DATA``, the project's own runs from ``data/``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from extrapolation_cases import OWN, one_scale

from budget.studies.decision_backtest import best_so_far, smooth

LEAST = float(np.log(0.1))
"""Logarithm of the least that a task is given, in its largest run that is seen."""

GRID = 161
"""Spends of a task at which its value is known, from the least to the most."""

BANDWIDTH = {"curve": 0.25, "own": 0.5, "gadre": 1.0}
"""Of the line through measurements: standard deviation of its weights in ln(spend), at least; half the distance of
neighbours where that is more. As wide as the best runs so far stand apart: those of few sizes fall in steps."""

LEAST_POINTS = 5
"""Of a learning curve that is seen; what is left of fewer is not a file that anybody plans by."""

WORLD_TASKS = 32
WORLD_RUNS = (12, 21)
WORLD_NOISE = 0.01
WORLD_MOST = 64.0
"""Most that a task of a simulated world is given, in its largest run that is seen."""


@dataclass(frozen=True)
class Pool:
    """T tasks of one kind.

    Attributes:
        name: unique.
        group: which row of the table it belongs to.
        scales: the columns that a law reads.
        train: runs that are seen, with the columns of ``runs.csv``.
        tasks: (T,) names.
        unit: (T,) cost of the largest run that is seen.
        log_spend: (T, GRID) logarithms of the spend over ``unit``.
        value: (T, GRID) what is reached there.
        budgets: least and most of the mean task's spend, over ``unit``.
        best: (T,) stated best values, NaN where none is.
        world: whether it is simulated.
        file: (T,) what a set's tasks have in common; "" where any tasks make a set.
    """

    name: str
    group: str
    scales: tuple[str, ...]
    train: pd.DataFrame
    tasks: tuple[str, ...]
    unit: np.ndarray
    log_spend: np.ndarray
    value: np.ndarray
    budgets: tuple[float, float]
    best: np.ndarray
    world: bool = False
    file: tuple[str, ...] = ()

    @property
    def cost(self) -> str:
        """The column that is spent."""
        return "flops" if len(self.scales) == 2 else self.scales[0]


def pools(data: Path) -> Iterator[Pool]:
    """Every pool."""
    for share, factor in ((8, 4.0), (16, 8.0), (4, 2.0)):
        yield _learning_curves(data, "IC", f"image 1/{share}, {factor:g} ×", share, (factor, factor))
    for domain, name in (("NMT", "translation"), ("BB", "BIG-Bench")):
        yield _learning_curves(data, domain, name, 8, (2.0, 8.0))
    for limit, most in ((3e10, 16.0), (6e10, 12.0)):
        for stated in (True, False):
            yield _own(limit, most, stated)
    for share in (64, 16):
        yield _gadre(data, share)
    for kind in ("power", "break", "plateau", "drift", "mixed"):
        yield _world_of_one(kind)
    for kind in ("chinchilla", "interaction", "break", "plateau", "drift", "mixed"):
        yield _world_of_two(kind)


def _measured(
    name: str,
    group: str,
    scales: tuple[str, ...],
    frame: pd.DataFrame,
    limit: pd.Series,
    budgets: tuple[float, float],
    best: dict[str, float],
    bandwidth: float,
) -> Pool:
    """A pool of measured runs, of which those up to each task's limit are seen."""
    cost = "flops" if len(scales) == 2 else scales[0]
    seen = frame[frame[cost] <= frame["task"].map(limit) * (1 + 1e-9)].reset_index(drop=True)
    tasks, unit, logs, values = [], [], [], []
    for task, mine in frame.groupby("task", sort=False):
        runs = mine[[cost, "value"]].to_numpy(float)
        rows = best_so_far(*runs.T) if len(scales) == 2 else np.arange(len(runs))
        # an even split has to stand for the same spends of all tasks: the limit, not the largest run below it
        largest = float(limit[task]) if len(scales) == 2 else float(seen.loc[seen["task"] == task, cost].max())
        at = np.linspace(max(LEAST, np.log(runs[:, 0].min() / largest)), np.log(runs[:, 0].max() / largest), GRID)
        tasks.append(str(task))
        unit.append(largest)
        logs.append(at)
        values.append(np.exp(smooth(np.log(runs[rows, 0] / largest), np.log(runs[rows, 1]), at, bandwidth)))
    stated = np.array([best.get(task, np.nan) for task in tasks])
    return Pool(
        name, group, scales, seen, tuple(tasks), np.array(unit), np.stack(logs), np.stack(values), budgets, stated
    )


def _learning_curves(data: Path, domain: str, name: str, share: int, budgets: tuple[float, float]) -> Pool:
    frame = pd.read_csv(data / "learning_curves/benchmark.csv")
    frame = frame[frame["Domain"] == domain]
    columns = {"task": frame["Task"] + " " + frame["Model"], "x": frame["Seen Examples"], "value": frame["Loss"]}
    table = pd.DataFrame(columns).assign(higher_is_better=0)
    limit = table.groupby("task")["x"].max() / share
    enough = (table["x"] <= table["task"].map(limit)).groupby(table["task"]).sum() >= LEAST_POINTS
    table = table[table["task"].map(enough)]
    return _measured(name, name.split(",")[0], ("x",), table, limit, budgets, {}, BANDWIDTH["curve"])


def _own(limit: float, most: float, stated: bool) -> Pool:
    kept = "task run params tokens flops value stderr metric strategy".split()
    frame = pd.read_csv(OWN / "runs.csv")[kept].assign(higher_is_better=0)
    frame = frame[frame["strategy"] == "specialist"].drop(columns="strategy")
    best = pd.read_csv(OWN / "tasks.csv").set_index("task")["best"].dropna().to_dict() if stated else {}
    limits = pd.Series(limit, index=frame["task"].unique())
    name = f"own {limit:.0e}".replace("+", "") + (", best stated" if stated else "")
    return _measured(name, name, ("params", "tokens"), frame, limits, (2.0, most), best, BANDWIDTH["own"])


def _gadre(data: Path, share: int) -> Pool:
    frame = pd.read_csv(data / "gadre/runs.csv").rename(columns={"model": "run"})
    frame = frame[frame["metric"] == "ce_nats_per_token"]
    frame = frame.assign(task=frame["task"] + " " + frame["train_set"])
    frame = frame[["task", "run", "params", "tokens", "flops", "metric", "value", "higher_is_better"]]
    limits = frame.groupby("task")["flops"].max() / share
    budgets = (2.0, min(16.0, share / 2))
    name = f"gadre 1/{share}"
    pool = _measured(name, name, ("params", "tokens"), frame, limits, budgets, {}, BANDWIDTH["gadre"])
    return replace(pool, file=tuple(task.split()[1] for task in pool.tasks))


def _world(name: str, scales: tuple[str, ...], frames: list[pd.DataFrame], values: list[np.ndarray]) -> Pool:
    count = len(frames)
    tasks = tuple(f"{name} {task}" for task in range(count))
    train = pd.concat([frame.assign(task=task) for task, frame in zip(tasks, frames, strict=True)], ignore_index=True)
    cost = "flops" if len(scales) == 2 else scales[0]
    unit = train.groupby("task", sort=False)[cost].max().to_numpy()
    logs = np.tile(np.linspace(LEAST, np.log(WORLD_MOST), GRID), (count, 1))
    return Pool(
        name, name, scales, train.assign(higher_is_better=0), tasks, unit, logs,
        np.minimum.accumulate(np.stack(values), axis=1), (2.0, 16.0), np.full(count, np.nan), world=True,
    )  # fmt: skip


KINDS_OF_ONE = ("power", "break", "plateau", "drift")
KINDS_OF_TWO = ("chinchilla", "interaction", "break", "plateau", "drift")


def _world_of_one(kind: str) -> Pool:
    """Tasks of one scale, 12 to 20 runs over two to three decades."""
    random = np.random.default_rng([15, 1, *kind.encode()])
    frames, values = [], []
    grid = np.linspace(LEAST, np.log(WORLD_MOST), GRID)
    for task in range(WORLD_TASKS):
        curve = one_scale(random, KINDS_OF_ONE[task % len(KINDS_OF_ONE)] if kind == "mixed" else kind)
        count = int(random.integers(*WORLD_RUNS))
        z = -np.append(random.uniform(0, 1, count - 1), 0.0) * random.uniform(np.log(100), np.log(1000))
        noise = np.exp(WORLD_NOISE * random.normal(size=count))
        frames.append(pd.DataFrame({"x": 1e9 * np.exp(z), "value": curve(z) * noise}))
        values.append(curve(grid))
    return _world(f"one scale, {kind}", ("x",), frames, values)


def _world_of_two(kind: str) -> Pool:
    """Tasks of params and tokens: the same falls of each, which add up in five ways."""
    random = np.random.default_rng([15, 2, *kind.encode()])
    frames, values = [], []
    grid = np.linspace(LEAST, np.log(WORLD_MOST), GRID)
    for task in range(WORLD_TASKS):
        curve = _surface(random, KINDS_OF_TWO[task % len(KINDS_OF_TWO)] if kind == "mixed" else kind)
        count = int(random.integers(*WORLD_RUNS))
        n, d = -random.uniform(0, 1, (2, count)) * random.uniform(np.log(30), np.log(300), 2)[:, None]
        largest = float((n + d).max())
        noise = np.exp(WORLD_NOISE * random.normal(size=count))
        inputs = {"params": 1e9 * np.exp(n), "tokens": 2e10 * np.exp(d), "flops": 1.2e20 * np.exp(n + d)}
        frames.append(pd.DataFrame({**inputs, "value": curve(n, d) * noise}))
        # the best size at each spend
        aside = np.linspace(-6, 6, 121)
        spend = (grid + largest)[:, None]
        values.append(curve(0.5 * (spend + aside), 0.5 * (spend - aside)).min(axis=1))
    return _world(f"two scales, {kind}", ("params", "tokens"), frames, values)


def _surface(random: np.random.Generator, kind: str):
    """A curve of ln(N / the largest) and ln(D / the largest)."""
    floor, heights, slopes = random.uniform(0.3, 2), random.uniform(0.1, 0.8, 2), random.uniform(0.2, 0.5, 2)
    power = np.exp(random.choice([-1, 1]) * random.uniform(0.3, 0.7)) if kind == "interaction" else 1.0
    change, place = slopes * (np.exp(random.uniform(-0.7, 0.7, 2)) - 1), random.uniform(np.log(1 / 30), 0, 2)
    above = np.exp(random.uniform(np.log(0.3), np.log(3)))
    walk = np.linspace(np.log(1e-4), np.log(1e3), 400)
    step = walk[1] - walk[0]
    rate = random.uniform(0.02, 0.06)
    steps = rate * np.sqrt(step) * random.normal(size=(2, len(walk)))
    drifts = np.cumsum(np.cumsum(steps, axis=1) * step, axis=1)
    # drifts are 0 with slope 0 amid the runs
    middle = int(np.searchsorted(walk, np.log(0.1)))
    slope = np.cumsum(steps, axis=1)[:, middle]
    drifts = drifts - drifts[:, middle, None] - slope[:, None] * (walk - walk[middle])

    def value(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        terms = []
        for axis, z in enumerate((n, d)):
            log = np.log(heights[axis]) - slopes[axis] * z
            if kind == "break":
                log = log - change[axis] * np.logaddexp(0, 3 * (z - place[axis])) / 3
            if kind == "drift":
                log = log + np.interp(z, walk, drifts[axis])
            terms.append(np.exp(log))
        rest = sum(term ** (1 / power) for term in terms) ** power
        if kind == "plateau":  # under a ceiling, where small models are near guessing
            top = above * heights.sum()
            rest = rest / (1 + rest / top)
        return floor + rest

    return value
