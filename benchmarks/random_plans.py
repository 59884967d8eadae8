"""Plans random problems and judges each answer by an optimum that the package did not compute.

Usage: python benchmarks/random_plans.py [--count 1000] [--first 0] [--routes] [--write]

With --routes: how many of the convex ones the dual proves without a solver, and its time beside the program's.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import figures

from budget.allocation.convex.optimum import Optimum, is_proven, objective_at, objective_floor
from budget.allocation.convex.solve_by_dual import by_dual
from budget.allocation.convex.solve_by_program import solve_by_program
from budget.errors import AllocationError
from tests.allocation.judged import BETTER, MISSES, judge, stated_problem
from tests.oracles.random_plans import random_problem


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--routes", action="store_true", help="compare the two routes instead")
    options = parser.parse_args(figures.arguments())
    seeds = range(options.first, options.first + options.count)
    if options.routes:
        compare_routes(seeds)
        return
    verdicts = {}
    for seed in seeds:
        verdicts[seed] = verdict = judge(random_problem(seed))
        if not verdict.is_right:
            print(f"seed {seed}: {verdict}", flush=True)
    every = verdicts.values()
    kinds = Counter(random_problem(seed).objective for seed in seeds)
    rows = [
        ("false refusals", sum(each.false_refusal for each in every)),
        ("plans where none can be", sum(each.false_plan for each in every)),
        ("bounds better than a feasible plan", sum(each.beaten > BETTER for each in every)),
        (f"limits broken by more than {MISSES:g}", sum(each.broken > MISSES for each in every)),
        ("answers with something wrong", sum(not each.is_right for each in every)),
        ("largest regret beyond the stated gap", f"{max(each.regret - each.gap for each in every):.2g}"),
    ]
    print(
        f"refused: {sum(bool(each.refused) for each in every)}; largest regret {max(each.regret for each in every):.2g}"
    )
    asked = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    figures.put("random_plans", figures.table((f"{len(verdicts):,} random problems ({asked})", "found"), rows))


def compare_routes(seeds: range) -> None:
    """Solve the convex problems by both routes, those of one budget and those of further limits apart."""
    for name, plain in (("one budget and own limits", True), ("linear limits", False)):
        count = proven = same = 0
        seconds, worst = {"dual": 0.0, "program": 0.0}, {"dual": 0.0, "program": 0.0}
        for seed in seeds:
            stated = stated_problem(random_problem(seed))
            if stated is None or stated[0].is_plain != plain:
                continue
            problem, goal = stated
            began = time.process_time()
            (dual,) = by_dual([problem], goal)
            middle = time.process_time()
            try:
                program: Optimum | AllocationError = solve_by_program(problem, goal)
            except AllocationError as error:
                program = error
            seconds["program"] += time.process_time() - middle
            seconds["dual"] += middle - began
            count += 1
            if isinstance(dual, AllocationError) and isinstance(program, AllocationError):
                proven, same = proven + 1, same + 1  # both refuse it
                continue
            if isinstance(dual, Optimum) and is_proven(problem, goal, dual):
                proven += 1
            reached = {}
            for route, plan in (("dual", dual), ("program", program)):
                if isinstance(plan, Optimum):
                    reached[route] = value = objective_at(problem, goal, plan)
                    reducible = max(value - objective_floor(problem, goal), 1e-300)
                    worst[route] = max(worst[route], (value - plan.certificate.bound) / reducible)
            if len(reached) == 2:
                same += abs(reached["dual"] - reached["program"]) <= 1e-6 * max(map(abs, reached.values()))
        print(f"{name}: {count} problems, {proven} proven by the dual alone, {same} the same by both routes to 1e-6")
        for route in ("dual", "program"):
            print(f"    {route:8s} {seconds[route]:7.2f} CPU s, largest gap {worst[route]:.1e} of the reducible part")


if __name__ == "__main__":
    main()
