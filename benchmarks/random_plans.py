"""Plans random problems and judges each answer by an optimum that the package did not compute.

Usage: python benchmarks/random_plans.py [--count 1000] [--first 0] [--write]
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import figures

from tests.allocation.judged import BETTER, MISSES, judge
from tests.oracles.random_plans import random_problem


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args(figures.arguments())
    seeds = range(options.first, options.first + options.count)
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


if __name__ == "__main__":
    main()
