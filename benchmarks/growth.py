"""Prints what growing sets of tasks take, and how near the law of several tasks comes to measured models.

Usage: python benchmarks/growth.py [--write]
"""

import time
from pathlib import Path

import figures
import numpy as np

from budget.curves.fitting.fit import fit_curves
from budget.studies.growth.growth import grow
from budget.studies.growth.growth_by_strategy import grow_strategies
from budget.tables.runs import Runs, read_runs
from budget.tables.tasks import TaskSettings
from tests.made import chinchilla
from tests.simulate import Truth
from tests.studies.made_sets import different, shared_models

BUDGET = 1e21

RUNS = Path(__file__).resolve().parents[1] / "data" / "runs.csv"

NUMBERS = (2, 4, 8, 12)
"""Numbers of tasks of the measured shared models."""


def main() -> None:
    """Measure and put the figures."""
    lines = [*specialists(), *strategies()]
    lines += [law_of_several_tasks(strategy) for strategy in ("generalist", "moe")]
    figures.put("growth", figures.bullets(lines))


def strategies() -> list[str]:
    """Specialists and one model: 30 tasks in 100 random orders, 100 tasks in one."""
    lines = []
    for count, order in ((30, "random"), (100, "given")):
        names = tuple(f"t{i}" for i in range(count))
        curves = {"specialists": different(count, draws=200), "generalist": shared_models(names, draws=200)}
        began = time.process_time()
        grow_strategies(curves, TaskSettings(names, target=np.full(count, 2.5)), BUDGET, order=order)
        spent = time.process_time() - began
        orders = "100 random orders" if order == "random" else "one order"
        lines.append(f"{count} tasks by two strategies, {orders}, 200 draws: {spent:.1f} s of CPU")
    return lines


def law_of_several_tasks(strategy: str) -> str:
    """Relative errors on the models that were fitted, and on those of a number of tasks that was not."""

    def runs(*numbers: int) -> Runs:
        where = [("strategy", strategy), *(("n_tasks", str(number)) for number in numbers)]
        return read_runs(RUNS, where=where)

    def error(fitted: Runs, asked: Runs) -> tuple[float, float]:
        curves = fit_curves(fitted, law="shared", draws=0)
        names = [asked.tasks[task] for task in asked.task]
        rows = np.array([name in curves.tasks for name in names])
        task = np.array([curves.tasks.index(name) for name, there in zip(names, rows, strict=True) if there])
        inputs = np.log(np.column_stack([asked.columns[name] for name in curves.scale_columns])[rows])
        off = curves.distance(task, inputs) / asked.value[rows] - 1
        return float(np.median(np.abs(off))), float(np.median(off))

    every = runs(*NUMBERS)
    parts = []
    for number in NUMBERS:
        size, _ = error(runs(*(each for each in NUMBERS if each != number)), runs(number))
        parts.append(f"{100 * size:.1f} % ({number})")
    own = 100 * error(every, every)[0]
    return (
        f"the law over the number of tasks (`shared`) on the {len(every.value)} rows of the {strategy} runs: "
        f"{own:.1f} % off (median); on models of a number of tasks that was left out {', '.join(parts)}"
    )


def specialists() -> list[str]:
    """30 and 100 tasks in 100 random orders."""
    lines = []
    for count in (30, 100):
        random = np.random.default_rng(0)
        truths = {
            f"task {i}": Truth(*random.uniform((0.5, 50, 0.2, 200, 0.2), (2.0, 400, 0.4, 900, 0.4)))
            for i in range(count)
        }
        curves = chinchilla(truths, draws=200)
        began = time.process_time()
        growth = grow(
            curves, TaskSettings(curves.tasks, target=np.full(count, 2.5)), BUDGET, order="random", orders=100
        )
        spent = time.process_time() - began
        assert growth.decline is not None  # there are several tasks
        row = growth.decline.table().iloc[0]
        lines.append(
            f"{count} tasks in 100 random orders, 200 draws: {spent:.1f} s of CPU; the mean declines with "
            f"{row['exponent']:.3f} ({row['low']:.3f} to {row['high']:.3f} over the draws, {row['orders_low']:.3f} to "
            f"{row['orders_high']:.3f} over the orders)"
        )
    return lines


if __name__ == "__main__":
    main()
