"""Prints what a plan under risk takes and how near to optimal it is proven.

Usage: python benchmarks/risk.py [tasks] [draws] [repeats] [--write]

The gap and the gain are relative to the reducible part of the objective; each search starts from the first draw's plan.
Curves are drawn at random; floors, coefficients and exponents vary from draw to draw as those of fits to a few
dozen runs do. On a busy machine OPENBLAS_NUM_THREADS=1 is faster: the threads of small products wait for each other.
"""

import statistics
import time
from collections.abc import Callable

import figures
import numpy as np

from budget.allocation.convex.problem import LinearConstraint, Problem, Resource
from budget.allocation.convex.solve_by_dual import solve_by_dual
from budget.allocation.risk.minimize_risk import minimize_risk
from budget.allocation.spec.risks import RISKS
from budget.allocation.spec.scenarios import Scenarios
from budget.curves.planning_forms.posynomial import Posynomial

LEVEL = 0.9
"""Of the tail and of the quantile."""


def power(tasks: int, draws: int, random: np.random.Generator) -> list[Problem]:
    """``E + A·x^-a``."""
    coefficient, exponent = np.log(random.uniform(0.5, 5, tasks)), random.uniform(0.1, 0.6, tasks)
    floor = random.uniform(0.5, 2, tasks)
    cost = Posynomial(np.zeros(tasks), np.zeros((tasks, 1)), np.ones((tasks, 1, 1)))
    problems = []
    for _ in range(draws):
        level, size, slope = random.normal(size=(3, tasks)) * np.array([[0.05], [0.2], [0.15]])
        value = Posynomial(floor + level, (coefficient + size)[:, None], -(exponent * np.exp(slope))[:, None, None])
        problems.append(Problem(value, cost, 100.0 * tasks, np.zeros(tasks), np.full(tasks, 100.0 * tasks)))
    return problems


def chinchilla(tasks: int, draws: int, random: np.random.Generator) -> list[Problem]:
    """``E + A/N^α + B/D^β`` at a cost of ``6·N·D``; coefficients follow their exponents as in fits to 1e9 and 1e10."""
    coefficient, exponent = random.normal(6, 0.5, (2, tasks)), random.uniform(0.25, 0.45, (2, tasks))
    floor = random.uniform(0.5, 2, tasks)
    cost = Posynomial(np.zeros(tasks), np.full((tasks, 1), np.log(6.0)), np.ones((tasks, 1, 2)))
    problems = []
    for _ in range(draws):
        slopes = exponent * np.exp(0.05 * random.normal(size=(2, tasks)))
        logs = coefficient + np.log([[1e9], [1e10]]) * (slopes - exponent) + 0.1 * random.normal(size=(2, tasks))
        exponents = np.zeros((tasks, 2, 2))
        exponents[:, 0, 0], exponents[:, 1, 1] = -slopes
        value = Posynomial(floor + 0.05 * random.normal(size=tasks), logs.T, exponents)
        problems.append(Problem(value, cost, 1e20 * tasks, np.zeros(tasks), np.full(tasks, 1e20 * tasks)))
    return problems


def limited(problems: list[Problem]) -> list[Problem]:
    """The same with a budget of tokens and a group's maximum and minimum, all of which bind."""
    first = problems[0]
    tasks = len(first.cost)
    tokens = Posynomial(np.zeros(tasks), np.zeros((tasks, 1)), np.tile([[[0.0, 1.0]]], (tasks, 1, 1)))
    few, more = (np.arange(tasks) < tasks // 4).astype(float), (np.arange(tasks) >= tasks // 2).astype(float)
    further = (Resource("tokens", tokens, 5e9 * tasks),)
    rows = (
        LinearConstraint("max of limit 'few'", 0, few, 0.1 * first.budget),
        LinearConstraint("min of limit 'more'", 0, -more, -0.8 * first.budget),
    )
    return [
        Problem(each.value, each.cost, each.budget, each.low, each.high, further, rows, each.names) for each in problems
    ]


def show(name: str, problems: list[Problem], risk: str, repeats: int) -> tuple[str, ...]:
    """One row: medians of the times, and what was proven."""
    start = solve_by_dual(problems[0])
    minimize_risk(problems, RISKS[risk], LEVEL, start=start)
    cpu, wall = [], []
    for _ in range(repeats):
        began = time.process_time(), time.perf_counter()
        found = minimize_risk(problems, RISKS[risk], LEVEL, start=start)
        cpu.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
    scenarios = Scenarios.of([problem.by_model for problem in problems])
    reducible = found.value - RISKS[risk].of(scenarios.floors, LEVEL)
    gap = (found.value - found.certificate.bound) / reducible
    mean = minimize_risk(problems, RISKS["mean"], LEVEL, start=start)
    gain = (RISKS[risk].of(scenarios.totals(mean.u), LEVEL) - found.value) / reducible
    seconds = statistics.median(cpu)
    print(f"{name}, {risk}: CPU {seconds:.3f} s, wall {statistics.median(wall):.3f} s", flush=True)
    return name, risk, f"{seconds:.2f}", str(found.steps), f"{gap:.0e}", f"{gain:.0e}"


def main() -> None:
    """Every law and risk."""
    given = figures.arguments()
    tasks, draws, repeats = (int(text) for text in (*given, *("100", "200", "3")[len(given) :]))
    print(f"{tasks} tasks × {draws} draws, level {LEVEL:g}, median of {repeats}")
    laws: dict[str, Callable[[int, int, np.random.Generator], list[Problem]]] = {
        "power": power,
        "chinchilla": chinchilla,
        "chinchilla, limits": lambda *size: limited(chinchilla(*size)),
    }
    rows = [
        show(name, make(tasks, draws, np.random.default_rng(0)), risk, repeats)
        for name, make in laws.items()
        for risk in ("mean", "cvar", "quantile")
    ]
    head = (f"{tasks} tasks × {draws} draws", "risk", "CPU s", "steps", "proven gap", "gain over the mean's plan")
    figures.put("risk", figures.table(head, rows))


if __name__ == "__main__":
    main()
