"""Prints how often the 80 % interval holds the true mean curve, on simulated runs of known laws.

Usage: python benchmarks/coverage.py [tasks]
"""

import sys

import numpy as np

from budget.curves.cache import use_compilation_cache
from budget.curves.fit import fit_curves
from budget.tables.runs import Runs

NOISE = 0.01
BEYOND = (1, 3, 10)


def simulated(tasks: int, count: int, seed: int) -> tuple[Runs, np.ndarray]:
    """Runs (tasks × count) at random scales, and the true E, A, alpha, B, beta (tasks, 5)."""
    random = np.random.default_rng(seed)
    params, tokens = 10 ** random.uniform(7, 9.5, (tasks, count)), 10 ** random.uniform(8.5, 11, (tasks, count))
    alpha, beta = random.uniform(0.2, 0.5, (2, tasks))
    at_centre = random.uniform(0.2, 1, (2, tasks))
    truth = np.stack(
        [random.uniform(0.5, 2, tasks), at_centre[0] * 1.7e8**alpha, alpha, at_centre[1] * 5e9**beta, beta], axis=1
    )
    value = law(truth, params, tokens) * np.exp(NOISE * random.normal(size=params.shape))
    rows = tasks * count
    names = tuple(f"task {number}" for number in range(tasks))
    runs = Runs(
        source="simulated",
        tasks=names,
        metric=("loss",) * tasks,
        higher_is_better=np.zeros(tasks, dtype=bool),
        task=np.repeat(np.arange(tasks), count),
        run=np.arange(rows),
        run_names=tuple(f"run {number}" for number in range(rows)),
        value=value.ravel(),
        stderr=np.full(rows, np.nan),
        weight=np.ones(rows),
        scale={
            "params": params.ravel(),
            "tokens": tokens.ravel(),
            "flops": 6 * params.ravel() * tokens.ravel(),
        },
        row=np.arange(rows),
    )
    return runs, truth


def law(truth: np.ndarray, params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """The true values at scales (tasks, …)."""
    floor, a, alpha, b, beta = (column[:, None] for column in truth.T)
    return floor + a * params**-alpha + b * tokens**-beta


def main() -> None:
    """Simulate, fit and print."""
    use_compilation_cache()
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    print(f"{tasks} tasks each, {NOISE:.0%} noise; coverage of the 80 % interval of the mean curve (Monte Carlo error)")
    for count in (12, 25, 60):
        runs, truth = simulated(tasks, count, seed=count)
        curves = fit_curves(runs)
        params, tokens = (runs.scale[name].reshape(tasks, count) for name in ("params", "tokens"))
        where = {"centre": (np.exp(np.log(params).mean(1)), np.exp(np.log(tokens).mean(1)))}
        where |= {f"{k}x beyond": (params.max(1) * k**0.5, tokens.max(1) * k**0.5) for k in BEYOND}
        for name, (n, d) in where.items():
            _, low, high = curves.predict(np.arange(tasks), np.log(np.stack([n, d], axis=1)))
            true = law(truth, n[:, None], d[:, None])[:, 0]
            hit = ((low <= true) & (true <= high))[curves.used].mean()
            error = np.sqrt(hit * (1 - hit) / curves.used.sum())
            print(f"{count:3d} runs, {name:11s} {hit:.1%} ({error:.1%})  of {curves.used.sum()} tasks")


if __name__ == "__main__":
    main()
