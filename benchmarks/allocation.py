"""Prints the figures of the convex plans: distance to closed forms, gaps, and CPU time.

Usage: python benchmarks/allocation.py [exact time] [--write]
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import figures
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the oracle lives among the tests

from budget.allocation.convex.optimum import Optimum  # noqa: E402
from budget.allocation.convex.problem import Problem, Resource  # noqa: E402
from budget.allocation.convex.shadow_prices import marginal_return  # noqa: E402
from budget.allocation.convex.solve_by_dual import solve_by_dual  # noqa: E402
from budget.allocation.convex.solve_by_program import solve_by_program  # noqa: E402
from budget.curves.planning_forms.posynomial import Posynomial  # noqa: E402
from tests.oracles import water_filling  # noqa: E402

COUNTS = (10, 100, 1_000, 10_000)
BUDGET = 1e6


def power_tasks(count: int, scale: float = 1.0, decades: float = 0.0) -> tuple[Problem, np.ndarray, np.ndarray]:
    """Random power laws of one scale, with their coefficients and exponents."""
    random = np.random.default_rng(count)
    coefficient = random.uniform(0.5, 5, count) * scale * 10 ** random.uniform(-decades, decades, count)
    exponent = random.uniform(0.1, 0.6, count)
    value = Posynomial(np.zeros(count), np.log(coefficient)[:, None], -exponent[:, None, None])
    cost = Posynomial(np.zeros(count), np.zeros((count, 1)), np.ones((count, 1, 1)))
    return Problem(value, cost, BUDGET, np.zeros(count), np.full(count, BUDGET)), coefficient, exponent


def two_scale_tasks(count: int) -> tuple[Problem, np.ndarray, np.ndarray]:
    """Random laws of params and tokens, with coefficient and exponent of the equivalent law in FLOPs."""
    random = np.random.default_rng(count)
    a, b = random.uniform(50, 800, count), random.uniform(100, 2000, count)
    alpha, beta = random.uniform(0.2, 0.5, count), random.uniform(0.2, 0.5, count)
    exponent = np.zeros((count, 2, 2))
    exponent[:, 0, 0], exponent[:, 1, 1] = -alpha, -beta
    value = Posynomial(np.zeros(count), np.log(np.column_stack([a, b])), exponent)
    cost = Posynomial(np.zeros(count), np.full((count, 1), np.log(6.0)), np.ones((count, 1, 2)))
    problem = Problem(value, cost, 1e21, np.zeros(count), np.full(count, 1e21))
    return problem, *water_filling.in_compute(a, alpha, b, beta)


def timed(job: Callable[[], Optimum], repeats: int = 3) -> tuple[Optimum, float]:
    """The result and the median CPU seconds."""
    seconds = []
    for _ in range(repeats):
        begin = time.process_time()
        result = job()
        seconds.append(time.process_time() - begin)
    return result, float(np.median(seconds))


def show_exact() -> list[str]:
    """Distance to water-filling and the proven gap, relative to the reducible objective."""
    off, gaps, shown, many = [], [], {}, {}
    cases: list[tuple[str, Callable[[int], tuple[Problem, np.ndarray, np.ndarray]]]] = [
        ("power laws", power_tasks),
        ("all times 1e-12", lambda count: power_tasks(count, 1e-12)),
        ("all times 1e12", lambda count: power_tasks(count, 1e12)),
        ("own scales over 1e±12", lambda count: power_tasks(count, decades=12)),
        ("two scales", two_scale_tasks),
    ]
    for name, make in cases:
        for count in COUNTS:
            problem, coefficient, exponent = make(count)
            _, best = water_filling.split(np.ones(count), coefficient, exponent, problem.budget)
            found, seconds = timed(lambda problem=problem: solve_by_program(problem), 3 if count < 10_000 else 1)
            reducible = float(problem.value.value(found.u).sum())
            marginal = marginal_return(problem.value, problem.cost, found.u)
            off.append(abs(reducible / best - 1))
            gaps.append((reducible - found.certificate.bound) / reducible)
            shown[name, count] = seconds
            _, many[name, count] = timed(lambda problem=problem: solve_by_dual(problem))
            print(
                f"{name}, {count:>6} tasks: {reducible / best - 1:+.1e} from water-filling, proven gap "
                f"{(reducible - found.certificate.bound) / reducible:+.1e}, marginal returns within "
                f"{np.ptp(marginal[found.spend > 1e-9 * problem.budget]) / marginal.max():.0e}, spent "
                f"{found.spend.sum() / problem.budget - 1:+.0e}, {seconds:.2f} CPU s ({found.solver}, {found.status})"
            )
    return [
        f"{COUNTS[0]} to {COUNTS[-1]:,} tasks, also scaled by 1e±12 together or each on its own: within "
        f"{max(off):.0e} of water-filling, proven to {max(gaps):.0e}",
        *(
            f"{count:,} tasks of one scale, {shown['power laws', count]:.2f} s of CPU for a plan that is shown and "
            f"{many['power laws', count]:.3f} s for one of many; of two scales, {shown['two scales', count]:.2f} and "
            f"{many['two scales', count]:.3f} s"
            for count in COUNTS[-2:]
        ),
    ]


def show_time() -> list[str]:
    """Solving again by the dual: 100 budgets at 100 tasks; the cost of further budgets and of the worst task."""
    problem, _, _ = two_scale_tasks(100)
    begin = time.process_time()
    budgets = np.geomspace(1e19, 1e23, 100)
    each = []
    for budget in budgets:
        start = time.process_time()
        asked = replace(problem, budget=float(budget), high=np.full(100, float(budget)))
        solve_by_dual(asked)
        each.append(time.process_time() - start)
    total = time.process_time() - begin
    lines = [f"100 budgets at 100 tasks: {total:.1f} s of CPU, {np.median(each) * 1e3:.0f} ms each"]
    one, seconds = timed(lambda: solve_by_program(problem, "largest"))
    lines.append(f"the worst of 100 tasks: gap {gap(problem, one, 'largest'):.0e}, {seconds:.2f} s ({one.solver})")
    tokens = Posynomial(np.zeros(100), np.zeros((100, 1)), np.tile([[[0.0, 1.0]]], (100, 1, 1)))
    scarce = replace(problem, further=(Resource("tokens", tokens, 1e11),))
    for goal in ("sum", "largest"):
        found, seconds = timed(lambda goal=goal: solve_by_program(scarce, goal))
        lines.append(
            f"{goal} over 100 tasks with a second budget in tokens: gap {gap(scarce, found, goal):.0e}, "
            f"{seconds:.2f} s ({found.solver}, {found.status})"
        )
    return lines


def gap(problem: Problem, found: Optimum, goal: str) -> float:
    """The proven gap relative to the objective."""
    values = problem.value.value(found.u)
    objective = float(values.sum() if goal == "sum" else values.max())
    return (objective - found.certificate.bound) / objective


def main() -> None:
    """Print the sections asked for; all of them are the figures."""
    shown = {"exact": show_exact, "time": show_time}
    chosen = figures.arguments() or list(shown)
    lines = [line for section in chosen for line in shown[section]()]
    if len(chosen) == len(shown):
        figures.put("allocation", figures.bullets(lines))
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
