"""Prints what splitting a budget over S-curves costs and how far it is proven, beside a split by share.

Usage: python benchmarks/envelope.py [seeds] [--write]
"""

import statistics
import time

import figures
import numpy as np

from budget.allocation.nonconvex.envelope import solve_nonconvex
from budget.allocation.nonconvex.responses import Responses


def s_curves(count: int, seed: int) -> Responses:
    """Sigmoids in the logarithm of spend, midpoints over three decades; about half of the tasks can be served."""
    random = np.random.default_rng(seed)
    middle, slope = 10 ** random.uniform(-1.5, 1.5, count), random.uniform(0.5, 4, count)
    weight, best = 10 ** random.uniform(-0.5, 0.5, count), random.uniform(0.0, 0.3, count)

    def value(task: np.ndarray, spend: np.ndarray) -> np.ndarray:
        share = 1 / (1 + (spend / middle[task]) ** -slope[task])
        return weight[task] * (1 - (1 - best[task]) * share)

    budget = 0.1 * float(middle.sum())
    return Responses(value, np.zeros(count), np.full(count, budget), budget, weight.copy())


def measure(count: int, gap: float, seed: int) -> tuple[float, float]:
    """One line for one set of tasks; CPU seconds and the proven gap."""
    responses = s_curves(count, seed)
    wall, cpu = time.perf_counter(), time.process_time()
    found = solve_nonconvex(responses, gap=gap, time_limit=60)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    of_value = (found.value - found.bound) / found.value
    equal = responses.objective(np.full(count, responses.budget / count))
    print(
        f"{count:5d} S-curves, asked {gap:.0e}: {wall:6.2f} s wall {cpu:6.2f} s CPU   value {found.value:.6g}   "
        f"bound {found.bound:.6g}   gap {found.gap:.1e} of range {of_value:.1e} of value   "
        f"served {np.count_nonzero(found.spend) / count:.0%}   equal split {equal:.6g}   {found.solver}, {found.status}"
    )
    return cpu, found.gap


def main() -> None:
    """Measure and print."""
    seeds = int(next(iter(figures.arguments()), 3))
    rows = []
    solve_nonconvex(s_curves(20, 0))  # the first call loads HiGHS
    for count, gap in ((10, 1e-3), (30, 1e-3), (300, 1e-3), (300, 1e-4), (5000, 1e-3), (5000, 1e-4)):
        found = [measure(count, gap, seed) for seed in range(seeds if count < 5000 else 1)]
        cpu, proven = (statistics.median(column) for column in zip(*found, strict=True))
        rows.append((f"{count:,}", f"{gap:.0e}", f"{proven:.1e}", f"{cpu:.2f}"))
    head = ("S-curves", "gap asked for", "proven gap, share of the range", "CPU s")
    figures.put("envelope", figures.table(head, rows))


if __name__ == "__main__":
    main()
