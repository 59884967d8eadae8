"""Prints how portfolios compare with published optima and brute force, and what large ones take.

Usage: python benchmarks/portfolio.py DATA [repeats] [--write]
       (DATA is the folder that holds standley/networks.csv)
"""

import statistics
import time
from itertools import combinations
from pathlib import Path

import figures
import numpy as np
import pandas as pd

from budget.portfolio.portfolio import Portfolio, choose
from budget.tables.candidates import Candidates, Measured, read_candidates

SETTINGS = {1: "setting1_equal_budget", 2: "setting2_large"}
LARGE = (2_000, 100)


def published(folder: Path) -> str:
    """The 18 optima of Standley et al. 2020: chosen on val, reported on test, sums over five tasks."""
    optima = pd.read_csv(folder / "optimal_by_budget.csv")
    worst, seconds = 0.0, []
    for row in optima.itertuples():
        candidates = read_candidates(
            folder / "networks.csv",
            columns={"model": "network", "value": "loss"},
            where=[("setting", SETTINGS[row.setting])],
            select="val",
            report="test",
        )
        found, took = timed(candidates, row.budget)
        total, expected = 5 * found.reported, row.recomputed_total_test_loss
        worst = max(worst, abs(total - expected))
        seconds.append(took)
        print(f"  setting {row.setting}, budget {row.budget:g}: {total:.5f} (published {expected:.5f}), {found.solver}")
    return (
        f"the {len(optima)} optima of Standley et al. 2020: worst error {worst:.0e}, median "
        f"{statistics.median(seconds):.2f} s each"
    )


def brute_force(repeats: int) -> str:
    """30 candidates, 12 tasks, some five models affordable: every set of models is tried."""
    worst, sets = 0.0, 0
    for seed in range(repeats):
        table, cost = unrelated(30, 12, seed, low=0.8, high=1.2)
        table[0] = np.nan_to_num(table[0], posinf=1.0)
        best = np.inf
        for size in range(1, 6):
            tried = np.array([*combinations(range(30), size)])
            tried = tried[cost[tried].sum(axis=1) <= 4.2]
            sets += len(tried)
            best = min(best, table[tried].min(axis=1).mean(axis=1).min(initial=np.inf))
        worst = max(worst, abs(choose(as_candidates(table, cost), 4.2).objective - best))
    return f"30 candidates × 12 tasks against brute force over {sets:,} sets: worst difference {worst:.0e}"


def large(repeats: int) -> list[str]:
    """2,000 candidates, each of 1 to 100 of 100 tasks."""
    lines = []
    for name, make in (("unrelated values", unrelated), ("related tasks", related)):
        for budget in (3.0, 10.0, 30.0):
            runs = [timed(as_candidates(*make(*LARGE, seed)), budget) for seed in range(repeats)]
            gap = statistics.median(100 * found.gap / found.objective for found, _ in runs)
            seconds = statistics.median(took for _, took in runs)
            gain = statistics.median(100 * (1 - found.objective / found.rivals[-1].objective) for found, _ in runs)
            statuses = ", ".join(sorted({found.status for found, _ in runs}))
            lines.append(
                f"{LARGE[0]:,} × {LARGE[1]}, {name}, budget {budget:g}: {seconds:.1f} s, gap {gap:.2f} %, {gain:.1f} % "
                f"below greedy, {statuses}"
            )
            print(lines[-1], flush=True)
    return lines


def unrelated(models: int, tasks: int, seed: int, low: float = 0.5, high: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Losses (M, T), infinite where a model does not serve a task, and costs (M,), all independent."""
    random = np.random.default_rng(seed)
    return _with_gaps(random.uniform(size=(models, tasks)), random), random.uniform(low, high, models)


def related(models: int, tasks: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tasks and models are points in a plane: a model is good at what is near, and better where it costs more."""
    random = np.random.default_rng(seed)
    cost = random.uniform(0.5, 1.5, models)
    away = random.uniform(size=(models, 1, 2)) - random.uniform(size=(1, tasks, 2))
    table = np.hypot(*np.moveaxis(away, 2, 0)) + 0.3 / cost[:, None] + 0.05 * random.uniform(size=(models, tasks))
    return _with_gaps(table, random), cost


def _with_gaps(table: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each model serves 1 to T of the tasks, whichever."""
    rank = random.uniform(size=table.shape).argsort(axis=1)
    return np.where(rank < random.integers(1, table.shape[1] + 1, len(table))[:, None], table, np.inf)


def as_candidates(table: np.ndarray, cost: np.ndarray) -> Candidates:
    """The candidates of a table of losses (M, T)."""
    model, task = np.nonzero(np.isfinite(table))
    measured = Measured("", table[model, task], np.empty((0, len(model))))
    names = tuple(f"model {each}" for each in range(len(cost))), tuple(f"task {each}" for each in range(table.shape[1]))
    return Candidates("made up", *names, cost, model, task, measured, measured, "loss", False)


def timed(candidates: Candidates, budget: float) -> tuple[Portfolio, float]:
    """A portfolio and the seconds it took."""
    start = time.perf_counter()
    found = choose(candidates, budget)
    return found, time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    data, *rest = figures.arguments()
    repeats = int(rest[0]) if rest else 3
    lines = [published(Path(data) / "standley"), brute_force(repeats), *large(repeats)]
    figures.put("portfolio", figures.bullets(lines))


if __name__ == "__main__":
    main()
