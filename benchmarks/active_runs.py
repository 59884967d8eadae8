"""Prints how well the costly runs of ScaleBench are predicted from cheap ones, chosen by what each tells of them.

Of a pool of measured runs, runs are chosen whose cost comes to 1, 5 and 10 % of the pool's; a law is fitted to these
alone and predicts runs that cost more than any of the pool (R², of all groups together, as Li 2026 counts it, no lower
than −1). Rules:

- active: a few runs far apart first; then as ``budget next --at`` chooses, by the draws of the curve that these give:
  one run after the other that lowers the variance of the target's predictions most for its cost. The draws are made
  anew by a fit at each of ``ROUNDS``. Target runs are known by their scales alone.
- random: any order, means over the seeds; cheapest: the order of costs. Either skips what it cannot afford.

Of a set that mostly repeats its runs (moe) figures are means over ``ORDERS`` orders of its rows, of which a rule takes
the first among those that are alike.

Costs are those of the authors: FLOPs, of experts params times experts, of parallel streams params.

Usage: python benchmarks/active_runs.py DATA [--only moe …] [--rules active cheapest random] [--seeds 2]
       [--choosing] [--keep FOLDER] [--write]

``--choosing`` takes the largest training runs for the target: on these the rule's constants were chosen. ``--keep``
keeps each result in a folder, so that a run that was broken off goes on.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import figures
import numpy as np
import pandas as pd
from extrapolation_cases import SCALEBENCH, Case, cases

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.errors import BudgetError
from budget.process_settings import prepare_to_fit
from budget.studies.next_runs.telling_runs import choose_runs
from budget.tables.runs import runs_from_frame

LEVELS = (0.01, 0.05, 0.1)
"""Shares of the pool's cost after which the target is predicted."""

ROUNDS = (0.003, 0.01, 0.02, 0.05, 0.1)
"""Shares at which the curve is fitted anew."""

FIRST_RUNS = 12
"""Most runs that are chosen before there is a curve."""

LEAST_RUNS = 3
"""Runs below which nothing is fitted."""

DRAWS = 400

ORDERS = 8
"""Orders of the rows of a set that mostly repeats its runs: which of several alike is had is chance."""

PUBLISHED = {
    "parallel": ((-1.0, 0.77, 0.99), 0.19, 0.99),
    "data_con": ((0.73, 0.85, 0.86), 0.12, 0.79),
    "moe": ((0.59, 0.65, 0.83), 0.26, 0.81),
    "vocab": ((0.96, 0.98, 0.98), 0.59, 0.93),
    "farseer": ((0.60, 0.88, 0.93), 0.79, 0.91),
}
"""Of each set what Li (2026) reaches: with runs chosen for 1, 5, 10 %, with 10 % at random, and with all (means over
laws). Of farseer the authors' target is kept aside, and the last tenth by FLOPs stands for it here."""

NEEDS_NO_NAMES = {"params", "tokens", "unique_tokens"}


@dataclass(frozen=True)
class Pool:
    """The runs of one group that can be had, with their costs, and those that are to be predicted."""

    runs: pd.DataFrame
    cost: np.ndarray
    target: pd.DataFrame
    scales: tuple[str, ...]

    @property
    def places(self) -> np.ndarray:
        """(n, I) logarithms of the scales, standardised."""
        logs = np.log(self.runs[list(self.scales)].to_numpy(float))
        return (logs - logs.mean(axis=0)) / np.maximum(logs.std(axis=0), 1e-9)

    @property
    def repeats(self) -> bool:
        """Whether most runs have the scales of another."""
        return bool(self.runs.duplicated(list(self.scales)).mean() > 0.5)

    def reordered(self, seed: int) -> "Pool":
        """The same with its rows in another order; as they are by seed 0."""
        if seed == 0:
            return self
        order = np.random.default_rng(seed).permutation(len(self.cost))
        return replace(self, runs=self.runs.iloc[order].reset_index(drop=True), cost=self.cost[order])

    def fitted(self, chosen: list[int]) -> Curves | None:
        """The curve of some of the runs; ``None`` where these give none."""
        if len(chosen) < LEAST_RUNS:
            return None
        named = () if set(self.scales) <= NEEDS_NO_NAMES else self.scales
        frame = self.runs.iloc[chosen].reset_index(drop=True)
        try:
            curves = fit_curves(runs_from_frame(frame, scales=named), "auto", draws=DRAWS)
        except BudgetError:
            return None
        return curves if curves.used[0] else None


def inputs_of(curves: Curves, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Task positions and log inputs of runs, as curves of one task are asked."""
    return np.zeros(len(frame), dtype=int), np.log(frame[list(curves.scale_columns)].to_numpy(float))


def cost_of(name: str, frame: pd.DataFrame) -> np.ndarray:
    """What the authors count as the cost of each run."""
    columns = {"moe": ("params", "experts"), "parallel": ("params",)}.get(name, ("params", "tokens"))
    return frame[list(columns)].to_numpy(float).prod(axis=1)


def pools(case: Case, name: str, choosing: bool) -> Iterator[Pool]:
    """One pool a group; for choosing rules the largest training runs are the target."""
    train, target = case.train, case.target
    if choosing:
        largest = {"moe": "params", "vocab": "vocab", "parallel": "streams"}.get(name)
        size = train[largest or "flops"]
        hidden = size == size.max() if largest else size.rank(method="first") > 0.85 * len(train)
        train, target = train[~hidden], train[hidden]
    for task, mine in train.groupby("task", sort=False):
        runs = mine.reset_index(drop=True)
        yield Pool(runs, cost_of(name, runs), target[target["task"] == task].reset_index(drop=True), case.scales)


def active(pool: Pool) -> dict[float, tuple[list[int], Curves | None]]:
    """Level → the chosen runs and their curve, by the variance of the target."""
    total, chosen, found = pool.cost.sum(), [], {}
    curves: Curves | None = None
    for share in sorted({*LEVELS, *ROUNDS}):
        if not chosen:
            chosen = far_apart(pool, [], share * total)
            curves = pool.fitted(chosen)
        left = share * total - pool.cost[chosen].sum()
        if chosen:
            more = telling(pool, curves, chosen, left) if curves is not None else far_apart(pool, chosen, left)
            chosen = chosen + more
            if more:
                curves = pool.fitted(chosen) or curves
        if share in LEVELS:
            found[share] = (list(chosen), curves)
    return found


def far_apart(pool: Pool, before: list[int], budget: float) -> list[int]:
    """Runs far from each other and from those before, each for an equal share of the budget where one is to be had."""
    bought = int((np.sort(pool.cost).cumsum() <= budget).sum())
    count = min(FIRST_RUNS, bought)
    if count < LEAST_RUNS and not before:
        return []
    chosen: list[int] = []
    for place in range(count):
        rest = np.setdiff1d(np.arange(len(pool.cost)), [*before, *chosen])
        fits = rest[pool.cost[rest] <= budget / (count - place) * (1 + 1e-9)]
        fits = fits if len(fits) else rest[pool.cost[rest] <= budget]
        if len(fits) == 0:
            break
        known = [*before, *chosen]
        away = ((pool.places[fits][:, None] - pool.places[known]) ** 2).sum(axis=2)
        pick = int(fits[away.min(axis=1).argmax() if known else pool.cost[fits].argmax()])
        chosen.append(pick)
        budget -= pool.cost[pick]
    return chosen


def telling(pool: Pool, curves: Curves, before: list[int], budget: float) -> list[int]:
    """Runs that lower the summed variance of the target's predictions, greedily for their cost."""
    rest = np.setdiff1d(np.arange(len(pool.cost)), before)
    possible = inputs_of(curves, pool.runs.iloc[rest])
    chosen, _ = choose_runs(curves, inputs_of(curves, pool.target), possible, pool.cost[rest], budget, len(rest))
    return rest[chosen].tolist()


def in_order(pool: Pool, order: np.ndarray) -> dict[float, tuple[list[int], Curves | None]]:
    """Level → the runs of an order that it pays for, skipping what it cannot, and their curve."""
    found = {}
    for share in LEVELS:
        chosen, left = [], share * pool.cost.sum()
        for run in order:
            if pool.cost[run] <= left:
                chosen.append(int(run))
                left -= pool.cost[run]
        found[share] = (chosen, pool.fitted(chosen))
    return found


def cheapest(pool: Pool) -> dict[float, tuple[list[int], Curves | None]]:
    """Level → the cheapest runs and their curve."""
    return in_order(pool, np.argsort(pool.cost, kind="stable"))


RULES: dict[str, Callable[[Pool, int], dict[float, tuple[list[int], Curves | None]]]] = {
    "active": lambda pool, seed: active(pool.reordered(seed)),
    "cheapest": lambda pool, seed: cheapest(pool.reordered(seed)),
    "random": lambda pool, seed: in_order(pool, np.random.default_rng(seed).permutation(len(pool.cost))),
}


def judged(groups: list[Pool], rule: str, seed: int) -> list[tuple[float, int]]:
    """R² of all groups' targets together, −1 where a group has no curve, and the number of runs, at each level."""
    found = [RULES[rule](pool, seed) for pool in groups]
    result = []
    for share in LEVELS:
        chosen, curves = zip(*(each[share] for each in found), strict=True)
        score = -1.0
        if all(each is not None for each in curves):
            guess = [each.distance(*inputs_of(each, pool.target)) for each, pool in zip(curves, groups, strict=True)]
            measured = np.concatenate([pool.target["value"] for pool in groups])
            error = ((np.concatenate(guess) - measured) ** 2).sum()
            score = max(1 - float(error / ((measured - measured.mean()) ** 2).sum()), -1.0)
        result.append((score, sum(map(len, chosen))))
    return result


def main() -> None:
    """Choose, fit, predict and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(SCALEBENCH), default=list(PUBLISHED))
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(RULES))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--choosing", action="store_true")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args(figures.arguments())
    prepare_to_fit()
    path = options.keep / "active_runs.jsonl" if options.keep else None
    kept = {}
    if path is not None and path.exists():
        kept = dict(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    rows = []
    for name in options.only:
        case = next(cases(options.data, [f"scalebench_{name}"]))
        groups = list(pools(case, name, options.choosing))
        scores: dict[str, list[list[tuple[float, int]]]] = {}
        for rule in options.rules:
            orders = ORDERS if groups[0].repeats else 1
            for seed in range(max(options.seeds, orders) if rule == "random" else orders):
                key = f"{name} {rule} {seed}{' choosing' * options.choosing}"
                start = time.process_time()
                if key not in kept:
                    kept[key] = judged(groups, rule, seed)
                    if path is not None:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        with path.open("a", encoding="utf-8") as file:
                            file.write(json.dumps((key, kept[key])) + "\n")
                print(f"{key}: {kept[key]}, {time.process_time() - start:.0f} CPU s", flush=True)
                scores.setdefault(rule, []).append(kept[key])
        rows.append(row(name, scores))
    head = (
        "R² of the costly runs, from runs for 1 / 5 / 10 % of the pool's cost",
        "chosen",
        "published",
        "cheapest",
        "random",
        "published, random 10 %",
        "published, all runs",
    )
    figures.put("active_runs", figures.table(head, rows))


def row(name: str, scores: dict[str, list[list[tuple[float, int]]]]) -> tuple[str, ...]:
    """One set's row of the table."""
    chosen, random, every = PUBLISHED[name]

    def words(values: np.ndarray) -> str:
        return " ".join("none" if value <= -1 else f"{value:.2f}" for value in values)

    mine = {
        rule: words(np.mean([[score for score, _ in each] for each in found], axis=0)) for rule, found in scores.items()
    }
    return (
        name,
        mine.get("active", ""),
        words(np.array(chosen)),
        mine.get("cheapest", ""),
        mine.get("random", ""),
        f"{random:.2f}",
        f"{every:.2f}",
    )


if __name__ == "__main__":
    main()
