"""Prints the plan of the measured runs that ship with the project: which cells, and why these.

Usage: python benchmarks/lab_design.py > data/plan.csv
       python benchmarks/lab_design.py scarce > data/scarce_plan.csv
       python benchmarks/lab_design.py routing > data/routing_plan.csv

Arms (column `arm`):
    ladder     specialists of every task over sizes and tokens: the curves
    text       the same for the two small texts, whose largest runs would repeat them too often
    matched    specialists as large as the largest shared models, token for token, to compare them cell by cell
    sets       generalists, trunks and experts on sets of 2 to 12 tasks, over sizes and tokens a task: each strategy's
               own curves and its own best size; several sets of each number of tasks, so that number and identity
               are not confounded
    routing    more experts, or two experts a token, on two sets
    scarce     specialists and generalists whose tasks have few distinct tokens, from one pass to many, so that a run
               may stop before its share is spent
    loop       one set of eight tasks below 6e10 FLOPs a run, for the closed loop: every strategy on its own grid
    seeds      second and third seeds
"""

import sys
from collections.abc import Iterator

import pandas as pd

from budget.lab.transformer.measured_cells import Cell
from budget.lab.transformer.shape import Shape

TEXT, SMALL_TEXT = ("code", "prose", "names"), ("prose", "names")
TABLES = ("lookup_easy", "lookup_medium", "lookup_hard", "lookup_noisy")
CHAINS = ("markov_1", "markov_2", "markov_3")
NEAR = ("lookup_medium", "medium_near_1", "medium_near_2", "medium_near_3")
FIRST = (*TABLES, *CHAINS, *TEXT)
LATER = ("medium_near_1", "medium_near_2", "medium_near_3", "hard_near", "easy_conflict", "grammar", "modular")

SETS = {
    "conflict": ("lookup_easy", "easy_conflict"),
    "near_pair": ("lookup_medium", "medium_near_1"),
    "far_pair": ("lookup_hard", "hard_near"),
    "texts_2": ("code", "prose"),
    "noisy_chain": ("lookup_noisy", "markov_2"),
    "tables_2": ("lookup_easy", "lookup_medium"),
    "near": NEAR,
    "tables": TABLES,
    "texts_chain": (*TEXT, "markov_2"),
    "families": ("grammar", "markov_3", "lookup_noisy", "code"),
    "near_and_text": (*NEAR, *TEXT, "markov_2"),
    "tables_and_chains": ("lookup_easy", "easy_conflict", "lookup_hard", "hard_near", "lookup_noisy", *CHAINS),
    "loop": ("lookup_medium", "medium_near_1", "lookup_hard", "lookup_noisy", "markov_2", *TEXT),
    "related_12": (*NEAR, "lookup_easy", "easy_conflict", "lookup_hard", "hard_near", "lookup_noisy", "markov_2",
                   "code", "prose"),
    "unrelated_12": (*TABLES, *CHAINS, *TEXT, "grammar", "modular"),
}  # fmt: skip
"""Sets of tasks that one model serves."""

SHARING = ("conflict", "near_pair", "noisy_chain", "near", "tables", "texts_chain", "families", "near_and_text",
           "tables_and_chains", "loop", "related_12", "unrelated_12")  # fmt: skip
"""Sets on which trunks and experts are measured, too."""

APART = ("scarce", "routing")
"""Arms with a plan of their own, for their runs lie on other curves."""

OPTIONS = {"generalist": {}, "trunk": {"trunk_share": 0.5}, "moe": {}}
EXPERTS = {"generalist": (1, 1), "trunk": (1, 1), "moe": (4, 1)}


def ladders() -> Iterator[tuple[str, Cell]]:
    """Specialists."""
    for task in FIRST:
        small = task in SMALL_TEXT
        for tokens in (32_000, 128_000, 512_000, 2_048_000):
            for width in (16, 32, 64) if tokens == 32_000 else (16, 24, 32, 48, 64, 96):
                yield "text" if small else "ladder", Cell((task,), Shape(width, 1), tokens, 0)
        for width in {"prose": (16, 32, 64), "names": ()}.get(task, (16, 32, 48, 64, 96)):
            yield "text" if small else "ladder", Cell((task,), Shape(width, 1), 4_096_000 if small else 8_192_000, 0)
        for width in (16, 32, 64) if task == "names" else ():
            yield "text", Cell((task,), Shape(width, 1), 1_024_000, 0)
    for task in LATER:
        for tokens in (32_000, 128_000, 512_000, 2_048_000):
            for width in (16, 32, 64) if tokens == 32_000 else (16, 24, 32, 48, 64):
                yield "ladder", Cell((task,), Shape(width, 1), tokens, 0)


def matched() -> Iterator[tuple[str, Cell]]:
    """Specialists with as many tokens a task as the largest shared models have."""
    for task in (*FIRST, *LATER):
        for width in (16, 32, 64):
            yield "matched", Cell((task,), Shape(width, 1), 1_024_000, 0)


def shared(
    name: str, strategy: str, width: int, each: int, seed: int = 0, routing: tuple[int, int] | None = None
) -> Cell:
    """A shared model of a set, with so many tokens a task."""
    tasks = SETS[name]
    shape = Shape(width, 1, *(routing or EXPERTS[strategy]))
    return Cell(tasks, shape, each * len(tasks), seed, strategy, **OPTIONS[strategy])


def sets() -> Iterator[tuple[str, Cell]]:
    """Shared models."""
    for name, tasks in SETS.items():
        for strategy in OPTIONS:
            if strategy != "generalist" and name not in SHARING:
                continue
            grid = [(16, 16_000), (32, 16_000)]
            grid += [(width, each) for each in (64_000, 256_000, 1_024_000) for width in (16, 32, 64)]
            if len(tasks) > 4:
                grid.remove((64, 1_024_000))
            if strategy == "generalist":
                grid += [(24, 64_000), (48, 256_000)] + ([(96, 256_000)] if name == "tables" else [])
            for width, each in grid:
                yield "sets", shared(name, strategy, width, each)
    for name in ("near", "tables"):
        for routing in ((4, 2), (8, 1)):
            for width, each in ((16, 64_000), (32, 64_000), (16, 256_000), (32, 256_000)):
                yield "routing", shared(name, "moe", width, each, routing=routing)


def scarce() -> Iterator[tuple[str, Cell]]:
    """Few distinct tokens: 1 to 64 passes over 20,480 or 131,072 of them."""
    groups = [((task,), "specialist") for task in ("lookup_medium", "lookup_hard", "lookup_noisy", *TEXT)]
    groups += [(tasks, "generalist") for tasks in (NEAR, TABLES, TEXT)]
    for tasks, strategy in groups:
        for unique, passes in ((20_480, (1, 4, 16, 64)), (131_072, (1, 4, 16))):
            for times in passes:
                for width in (16, 32):
                    yield "scarce", Cell(tasks, Shape(width, 1), unique * times * len(tasks), 0, strategy, (), unique)


def loop() -> Iterator[tuple[str, Cell]]:
    """The closed loop's small runs, in tokens of the whole run."""
    grid = [(16, tokens) for tokens in (64_000, 128_000, 256_000, 512_000, 1_024_000)]
    grid += [(24, tokens) for tokens in (128_000, 512_000)]
    grid += [(32, tokens) for tokens in (64_000, 256_000, 384_000)]
    grid += [(48, tokens) for tokens in (64_000, 128_000, 256_000)]
    for strategy in OPTIONS:
        for width, tokens in grid:
            shape = Shape(width, 1, *EXPERTS[strategy])
            yield "loop", Cell(SETS["loop"], shape, tokens, 0, strategy, **OPTIONS[strategy])


def seeds() -> Iterator[tuple[str, Cell]]:
    """Repeated cells: a tenth of all."""
    for seed in (1, 2):
        for task in (*FIRST, *LATER):
            for width, tokens in ((16, 32_000), (32, 512_000)):
                yield "seeds", Cell((task,), Shape(width, 1), tokens, seed)
        for name in SETS:
            for strategy in OPTIONS:
                if strategy == "generalist" or name in SHARING:
                    yield "seeds", shared(name, strategy, 16, 64_000, seed)
                if strategy == "generalist" or name in ("conflict", "near", "tables", "families", "loop"):
                    yield "seeds", shared(name, strategy, 32, 256_000, seed)
    for task in FIRST:
        yield "seeds", Cell((task,), Shape(64, 1), 2_048_000, 1)


def main() -> None:
    """Print the plan of an arm that stands apart, or that of all others, cheapest run first."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    if part not in ("", *APART):
        raise SystemExit(f"'{part}' has no plan of its own; name one of {', '.join(APART)}, or nothing.")
    cells: dict[str, tuple[str, Cell]] = {}
    for arm, cell in (*ladders(), *matched(), *sets(), *scarce(), *loop(), *seeds()):
        if (arm if arm in APART else "") == part:
            cells.setdefault(cell.run, (arm, cell))
    rows = [
        {
            "task": "|".join(cell.tasks),
            "width": cell.shape.width,
            "layers": cell.shape.layers,
            "tokens": cell.tokens,
            "seed": cell.seed,
            "strategy": cell.strategy,
            "unique_tokens": cell.unique_tokens,
            "experts": cell.shape.experts,
            "active": cell.shape.active,
            "trunk_share": cell.trunk_share or None,
            "arm": arm,
        }
        for arm, cell in sorted(cells.values(), key=lambda each: each[1].flops)
    ]
    pd.DataFrame(rows).astype({"unique_tokens": "Int64"}).to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
