"""Run many cases and print what they came to: ``python -m tests.fuzz --count 3000 --seed 1``."""

import argparse
import os
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz.cases import Outcome, outcome_of


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    asked = parser.parse_args()
    found: list[tuple[str, Outcome]] = []
    for number in range(asked.first, asked.first + asked.count):
        case = f"{asked.seed}-{number}"
        outcome = in_folder(case)
        found.append((case, outcome))
        if outcome.kind == "FAILED":
            print(f"case {case}: {' '.join(map(repr, outcome.line))[:400]}\n    {outcome.said[:600]}", flush=True)
    counts = Counter((outcome.command, outcome.kind) for _, outcome in found)
    kinds = ("done", "refused", "usage", "FAILED")
    print(f"seed {asked.seed}: {len(found)} cases")
    print(f"{'command':<10}" + "".join(f"{kind:>9}" for kind in kinds))
    for command in sorted({outcome.command for _, outcome in found}):
        print(f"{command:<10}" + "".join(f"{counts[command, kind]:>9}" for kind in kinds))
    print(f"{'all':<10}" + "".join(f"{sum(o.kind == kind for _, o in found):>9}" for kind in kinds))


def in_folder(case: str) -> Outcome:
    """One case, in a working directory of its own."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return outcome_of(case, Path(folder))
        finally:
            os.chdir(before)


if __name__ == "__main__":
    main()
