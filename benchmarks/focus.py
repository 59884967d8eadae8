"""Prints what a comparison of strategies takes, without and with the fit of its curves.

Usage: python benchmarks/focus.py [TASKS [BUDGETS [DRAWS [REPEATS]]]] [--write]

Simulated runs with 1 % noise: every task alone, and a generalist, a trunk and experts (moe) on several sets of tasks,
the widest of all tasks. Sharing costs capacity and helps through transfer, each set and strategy to its own degree. The
fit is one in a fresh process: it compiles, unless the compilation cache holds the shapes.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import figures
import numpy as np
import pandas as pd

from budget.process_settings import prepare_to_fit
from budget.studies.focus.focus import Focus, focus
from budget.studies.strategies.strategy_curves import fit_strategy_curves
from budget.tables.runs import Runs, runs_from_frame
from budget.tables.tasks import TaskSettings

SHARES = (1 / 15, 1 / 6, 1 / 3, 1.0)
"""Sizes of the sets, as shares of all tasks; several sets of the smaller sizes."""

UNSERVED = 6.0
"""Value of a task that is given nothing: at small budgets, better than a small share of them."""

STRATEGIES = {"generalist": 6.0, "trunk": 6.5, "moe": 4.0}
"""Shared strategies and FLOPs a parameter and token."""


def simulated(tasks: int, noise: float = 0.01, seed: int = 0) -> Runs:
    """The runs of all strategies on a grid of 5 sizes and 5 numbers of tokens."""
    random = np.random.default_rng(seed)
    params, tokens = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 3e9, 5), np.geomspace(3e8, 1e11, 5)))
    names = [f"task {number}" for number in range(tasks)]
    floor, capacity, data = (
        random.uniform(0.8, 2, tasks),
        random.uniform(100, 500, tasks),
        random.uniform(200, 900, tasks),
    )
    alpha, beta = random.uniform(0.28, 0.38, tasks), random.uniform(0.26, 0.36, tasks)
    frames = []

    def add(strategy: str, chosen: list[int], kappa: float, crowd: float, helped: float) -> None:
        """Models of K tasks: capacity term times K^crowd, each task's data worth ``helped`` times its own."""
        count = len(chosen)
        for task in chosen:
            own = data[task] * (count / helped) ** beta[task] / tokens ** beta[task]
            value = floor[task] + capacity[task] * count**crowd / params ** alpha[task] + own
            frames.append(
                pd.DataFrame(
                    {
                        "task": names[task],
                        "run": [f"{strategy} {chosen} {cell}" for cell in range(len(params))],
                        "strategy": strategy,
                        "params": params,
                        "tokens": tokens,
                        "flops": kappa * params * tokens,
                        "value": value * np.exp(noise * random.normal(size=len(params))),
                    }
                )
            )

    for task in range(tasks):
        add("specialist", [task], 6.0, 0.0, 1.0)
    for chosen in sets(tasks):
        for strategy, kappa in STRATEGIES.items():
            add(strategy, chosen, kappa, random.uniform(0, 0.15), len(chosen) ** random.uniform(0.5, 1.1))
    return runs_from_frame(pd.concat(frames))


def sets(tasks: int) -> list[list[int]]:
    """Neighbouring tasks: two sets of each size, one of all."""
    sizes = dict.fromkeys(min(max(2, round(share * tasks)), tasks) for share in SHARES)
    return [list(range(start, start + size)) for size in sizes for start in dict.fromkeys((0, tasks - size))]


def timed(call: Callable[[], Any], repeats: int) -> tuple[Any, float, float]:
    """What a call gives, and medians of its wall and CPU seconds."""
    wall, cpu = [], []
    for _ in range(repeats):
        began = time.perf_counter(), time.process_time()
        found = call()
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
    return found, statistics.median(wall), statistics.median(cpu)


def show(name: str, wall: float, cpu: float) -> None:
    """One line."""
    print(f"{name:34s} wall {wall:7.2f} s   CPU {cpu:7.2f} s")


def main() -> None:
    """Fit and compare."""
    chosen = figures.arguments()
    given = [*chosen, *("30", "20", "200", "3")[len(chosen) :]]
    tasks, count, draws, repeats = (int(text) for text in given)
    prepare_to_fit()
    runs = simulated(tasks)
    strategies, *fit = timed(lambda: fit_strategy_curves(runs, draws=draws), 1)
    task_settings, budgets = (
        TaskSettings(runs.tasks, unserved=np.full(tasks, UNSERVED)),
        np.geomspace(1e18, 1e24, count),
    )
    found: Focus
    found, *whole = timed(lambda: focus(strategies, task_settings, budgets), repeats)
    curves = len(strategies.specialists.tasks if strategies.specialists else ()) + sum(
        len(each.tasks) for each in strategies.shared
    )
    print(
        f"{tasks} tasks, {len(found.sets)} sets × {len(STRATEGIES)} shared strategies, {curves} curves from "
        f"{len(runs.value)} rows, {count} budgets, {draws} draws"
    )
    for said in strategies.left_out:
        print(said)
    show("fit of all strategies", *fit)
    show(f"focus, median of {repeats}", *whole)
    wins = [cell.best_strategy.strategy for cell in found.comparisons]
    print(
        f"{len(wins)} cases, won by "
        + ", ".join(f"{name} {wins.count(name)}" for name in sorted(set(wins)))
        + f"; {len(found.crossovers)} crossovers"
    )
    figures.put(
        "focus",
        figures.bullets([
            f"{tasks} tasks, {count} budgets, {len(found.sets) * len(STRATEGIES) + 1} strategies and sets, {draws} "
            f"draws: {whole[0]:.0f} s, and {fit[0] + whole[0]:.0f} s with the fit of {curves} curves",
        ]),
    )  # fmt: skip


if __name__ == "__main__":
    main()
