"""How often the average of many tasks lies within the interval that a few of them tell (``grow --beyond``).

Usage: python benchmarks/beyond_tasks.py [--write]

Tasks are drawn at random from a pool, so that they are exchangeable, and the best plan for many of them, by the curves
themselves, is the truth: of simulated curves ten times as many as are given, of the project's own specialists all.
Curves have no draws here, since they are the truth. Beside it stands the plain Bayesian bootstrap.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import figures
import numpy as np

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.studies.growth import population
from budget.studies.growth.beyond_tasks import beyond_tasks
from budget.studies.strategies.specialist_subsets import Subsets
from budget.tables.runs import read_runs
from tests.studies.made_sets import different, subsets_of

GIVEN = (5, 8, 12)
WORLDS = 300
BUDGETS = (1e20, 1e12)
"""Of simulated curves, and of the project's own."""


def truth_and_interval(subsets: Subsets, mine: np.ndarray) -> tuple[float, float, float]:
    """The truth for all tasks, and the interval told by some of them (T,)."""
    every = np.arange(len(subsets.curves.tasks))
    truth = float(subsets.objective(subsets.of(every[None]))[0])
    curves, spec = subsets.about(mine)
    found = beyond_tasks(Subsets(curves, spec), (len(every),), int(mine.sum()))
    return truth, float(found.low[-1]), float(found.high[-1])


def simulated(world: int, given: int) -> tuple[Subsets, np.ndarray]:
    """Ten times as many curves as are given, which differ in level, floor and exponents."""
    return subsets_of(different(10 * given, seed=1000 * given + world), BUDGETS[0]), np.arange(given)


def covered(name: str, pool: Curves | None) -> list[tuple[str, ...]]:
    """Rows of the table: coverage with each number of tasks."""
    rows = []
    for given in GIVEN:
        cells = []
        for less in (population.CONCENTRATION_LESS, 0):
            population.CONCENTRATION_LESS = less
            random, inside, width = np.random.default_rng(given), [], []
            for world in range(WORLDS):
                if pool is None:
                    subsets, mine = simulated(world, given)
                else:
                    subsets = subsets_of(pool, BUDGETS[1])
                    mine = random.permutation(len(pool.tasks))[:given]
                truth, low, high = truth_and_interval(subsets, mine)
                inside.append(low <= truth <= high)
                width.append((high - low) / truth)
            cells += [f"{np.mean(inside):.0%}", f"{np.median(width):.0%}"]
        population.CONCENTRATION_LESS = 4
        many = 10 * given if pool is None else len(pool.tasks)
        rows.append((name, str(given), str(many), *cells))
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure and put the table."""
    warnings.simplefilter("ignore")
    runs = Path(__file__).resolve().parents[1] / "data" / "runs.csv"
    pool = fit_curves(read_runs(runs, where=[("strategy", "specialist")]), draws=40).usable()
    assert pool.prediction is not None
    told, pool = (replace(each, draws=each.draws[:0], noise=each.noise[:0]) for each in (pool.prediction, pool))
    pool = replace(pool, prediction=told)
    rows = [*covered("simulated", None), *covered("own specialists", pool)]
    head = ("pool", "tasks given", "of", "interval of 80 % holds", "its width", "plain bootstrap holds", "its width")
    figures.put("beyond_tasks", figures.table(head, rows))


if __name__ == "__main__":
    main()
