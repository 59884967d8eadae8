"""Prints what growing sets of tasks take: 30 and 100 tasks in 100 random orders, with 200 draws.

Usage: python benchmarks/growth.py
"""

import time

import numpy as np

from budget.studies.growth import grow
from budget.tables.tasks import Tasks
from tests.made import chinchilla
from tests.simulate import Truth

BUDGET = 1e21


def main() -> None:
    """Print the figures."""
    for count in (30, 100):
        random = np.random.default_rng(0)
        truths = {
            f"task {i}": Truth(*random.uniform((0.5, 50, 0.2, 200, 0.2), (2.0, 400, 0.4, 900, 0.4)))
            for i in range(count)
        }
        curves = chinchilla(truths, draws=200)
        began = time.perf_counter()
        growth = grow(curves, Tasks(curves.tasks, target=np.full(count, 2.5)), BUDGET, order="random", orders=100)
        spent = time.perf_counter() - began
        assert growth.decline is not None  # there are several tasks
        row = growth.decline.table().iloc[0]
        print(
            f"{count} tasks, 100 orders, 200 draws: {spent:.1f} s; the mean declines with {row['exponent']:.3f}, "
            f"{row['low']:.3f} to {row['high']:.3f} over the draws, "
            f"{row['orders_low']:.3f} to {row['orders_high']:.3f} over the orders"
        )


if __name__ == "__main__":
    main()
