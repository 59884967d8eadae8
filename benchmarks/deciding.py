"""Prints what plans realise: how much of what a clairvoyant gains over an even split, beside what must be reached.

Usage: python benchmarks/deciding.py DATA [--only POOL ...] [--rules] [--half choose|report|all]
       [--keep FOLDER] [--write]

Of each pool of tasks (``deciding_pools.py``) the small runs are fitted once. Sets of 3 to 12 tasks with weights of 1 to
3 and a budget of 2 to 16 times their largest runs are then split by each rule (``deciding_rules.py``), within the same
limits, and judged by what was measured where the plans go. As in the commands, a task whose curve fails its backtest
gets at most its share by weight, and a split by hand that is predicted to be better is the plan. What is planned on was
chosen on one half of every pool's tasks (``--half choose``); the other one (``--half report``) is for the report.
``--rules`` prints every rule. ``--keep`` writes what is told of
each pool to a folder and reads what is there already: empty it when the product's curves change.
"""

import argparse
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import figures
import numpy as np
from deciding_pools import Pool, pools
from deciding_rules import DEFAULT, KEEPING, PREDICTION, RULES, STEADY_PLAN, TRUSTING, Told, told

from budget.process_settings import prepare_to_fit

SETS = 300
FEWEST, MOST = 3, 12
"""Tasks of a set."""

WEIGHTS = (1, 2, 3)
BEFORE = "nearest convex"
QUARTER = 0.25
SAME = 1e-9
"""Share of a limit by which rounding may pass it."""

SEED = 15
"""Of the halves and the sets."""

RIGHT = (0.05, 0.95)
"""Ends of what the intervals' coverage of a pool's sets would be, were its draws right: its few tasks are in all sets,
so that a single truth is inside the intervals of nearly all, or of few."""


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        pool: how its pools' names begin.
        before: share and sets worse than an even split of plans before, by laws that were searched.
        must: least share that must be reached.
        beyond: what would be better still.
    """

    pool: str
    before: str = "–"
    must: str = ""
    beyond: str = ""


ROWS = (
    Row("image 1/8, 4 ×", ".83, 5 %", "≥ .85", ".92"),
    Row("image 1/16, 8 ×", ".70", "≥ .85", ".92"),
    Row("image 1/4, 2 ×", ".71", "≥ .85", ".92"),
    Row("translation", ".47", "≥ .2"),
    Row("BIG-Bench", ".06", "≥ .2"),
    Row("own 3e10, best stated", ".37", "≥ .80", ".86"),
    Row("own 3e10", ".37", "≥ .53", ".65"),
    Row("own 6e10, best stated", ".65", "≥ .82", ".88"),
    Row("own 6e10", ".65", "≥ .66", ".75"),
    Row("gadre 1/64", ".56, 14 %", "≥ .60", ".7"),
    Row("gadre 1/16", ".64, 9 %", "≥ .62", ".7"),
    *(Row(f"one scale, {kind}", before, "≥ .60", ".75") for kind, before in (
        ("power", ".98"), ("break", ".68"), ("plateau", "−.98, 80 %"), ("drift", "–"), ("mixed", "–"),
    )),
    *(Row(f"two scales, {kind}", "–", "≥ .60", ".75") for kind in (
        "chinchilla", "interaction", "break", "plateau", "drift", "mixed",
    )),
)  # fmt: skip
"""The table; ``before`` is what was measured of the plans of version .32, on worlds and sets like these."""


@dataclass(frozen=True)
class Verdict:
    """What a rule's plans of S sets gained over an even split, as shares of its loss.

    Attributes:
        gain: (S,) realised.
        prize: (S,) of a clairvoyant.
        predicted: (S,) expected over the draws.
        low: (S,) 10 % point of the draws' paired gains.
        high: (S,) 90 % point.
        right: (B,) share of the sets whose interval holds the gain of draw b.
    """

    gain: np.ndarray
    prize: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    right: np.ndarray

    @property
    def share(self) -> float:
        """Of the clairvoyant's gain."""
        return float(self.gain.mean() / self.prize.mean())

    @property
    def worse(self) -> float:
        """Share of the sets that are worse than by an even split."""
        return float((self.gain < 0).mean())

    @property
    def told(self) -> float:
        """Predicted over realised gain."""
        return float(self.predicted.mean() / self.gain.mean())

    @property
    def covered(self) -> float:
        """How often the paired gain's 80 % interval holds what was realised."""
        return float(((self.low <= self.gain) & (self.gain <= self.high)).mean())


@dataclass(frozen=True)
class Fall:
    """Falling curves of T tasks made convex, as slopes (T, G − 1) between the pool's spends, and lengths there."""

    slope: np.ndarray
    length: np.ndarray


def convex(value: np.ndarray, log_spend: np.ndarray) -> Fall:
    """The greatest convex curves below falling ones (T, G): slopes that do not rise, by pooling neighbours."""
    length = np.diff(np.exp(log_spend), axis=1)
    slope = np.maximum(-np.diff(value, axis=1) / length, 0.0)
    for task, widths in enumerate(length):
        blocks: list[tuple[float, float, int]] = []
        for each, width in zip(slope[task], widths, strict=True):
            block = (float(each), float(width), 1)
            while blocks and blocks[-1][0] < block[0]:
                before = blocks.pop()
                total = before[1] + block[1]
                mean = (before[0] * before[1] + block[0] * block[1]) / total
                block = (mean, total, before[2] + block[2])
            blocks.append(block)
        slope[task] = np.concatenate([np.full(count, each) for each, _, count in blocks])
    return Fall(slope, length)


def best_split(fall: Fall, weight: np.ndarray, budget: float, least: np.ndarray) -> np.ndarray:
    """(K,) spends with the least weighted sum: the steepest pieces first, until the budget is gone."""
    order = np.argsort(-(weight[:, None] * fall.slope).ravel(), kind="stable")
    length = fall.length.ravel()[order]
    taken = np.zeros(len(order))
    taken[order] = np.clip(budget - least.sum() - (np.cumsum(length) - length), 0.0, length)
    return np.asarray(least + taken.reshape(fall.length.shape).sum(axis=1))


def plan_by(fall: Fall, weight: np.ndarray, budget: float, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """(K,) the best spends between the least (K,) and the most (K,) of each, where the least add up to no more."""
    before = np.cumsum(fall.length, axis=1) - fall.length
    length = np.clip((most - least)[:, None] - before, 0.0, fall.length)
    return best_split(Fall(fall.slope, length), weight, budget, least)


def within(share: np.ndarray, budget: float, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """(K,) spends in proportion to shares, each between its least and its most, that add up to the budget."""
    low, high = 0.0, float((most / share).max())
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.clip(share * middle, least, most).sum() < budget else (low, middle)
    return np.clip(share * high, least, most)


def values(pool: Pool, curves: np.ndarray, tasks: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """(…, K) of curves (…, T, G) at spends (K,) of some tasks."""
    start, end = pool.log_spend[tasks, 0], pool.log_spend[tasks, -1]
    place = (np.log(spend) - start) / (end - start) * (pool.log_spend.shape[1] - 1)
    below = np.clip(place.astype(int), 0, pool.log_spend.shape[1] - 2)
    part = place - below
    return np.asarray((1 - part) * curves[..., tasks, below] + part * curves[..., tasks, below + 1])


def sets(pool: Pool, planned: np.ndarray, half: str) -> Iterable[tuple[np.ndarray, np.ndarray, float]]:
    """Tasks, their weights, and the total of spends, all drawn by chance."""
    random = np.random.default_rng([SEED, *pool.group.encode()])
    chance = random.permutation(len(pool.tasks))
    chance = chance[planned[chance]]
    few = len(pool.tasks) < 2 * FEWEST
    mine = np.sort({"choose": chance[1::2], "report": chance[::2], "all": chance}["all" if few else half])
    files = np.array(pool.file)[mine] if pool.file else np.zeros(len(mine), dtype=int)
    for _ in range(SETS):
        there = mine[files == random.choice(np.unique(files))]
        count = int(random.integers(min(FEWEST, len(there)), min(MOST, len(there)) + 1))
        tasks = np.sort(random.choice(there, count, replace=False))
        low, high = np.log(pool.budgets)
        yield tasks, random.choice(WEIGHTS, count).astype(float), count * float(np.exp(random.uniform(low, high)))


def judge(pool: Pool, known: Told, half: str, rules: Iterable[str]) -> dict[str, Verdict]:
    """Plan every set by every rule, the default among them, and look at what was measured."""
    asked = {STEADY_PLAN if name == DEFAULT else name: None for name in rules}
    falls = {name: convex(np.nan_to_num(known.rules[name]), pool.log_spend) for name in asked if name in known.rules}
    truth = convex(pool.value, pool.log_spend)
    lines: dict[str, list[tuple[float, ...]]] = {name: [] for name in ("by weight", *falls, DEFAULT)}
    inside = {name: np.zeros(len(known.draws)) for name in lines}
    for tasks, weight, wanted in sets(pool, known.planned, half):
        least, most = np.exp(pool.log_spend[tasks, 0]), np.exp(pool.log_spend[tasks, -1])
        budget = min(wanted, 0.999 * float(most.sum()))
        share = weight / weight.sum()
        even = within(np.ones(len(tasks)), budget, least, most)
        weighted = within(weight, budget, least, most)
        failed, kept = known.failed[tasks], np.clip(share * budget, least, most)
        low, high = np.where(failed, kept, least), np.where(failed, kept, most)

        def gain(spend: np.ndarray, curves: np.ndarray) -> np.ndarray:
            before, after = (values(pool, curves, tasks, each) @ share for each in (even, spend))  # noqa: B023
            return np.asarray((before - after) / before)

        def split(fall: Fall, low: np.ndarray, high: np.ndarray) -> np.ndarray:
            return plan_by(Fall(fall.slope[tasks], fall.length[tasks]), weight, budget, low, high)  # noqa: B023

        prize = float(gain(split(truth, least, most), pool.value))
        plans = {"by weight": weighted}
        for name, fall in falls.items():
            if name == TRUSTING:
                plans[name] = split(fall, least, most)
            else:
                plans[name] = weighted if failed.all() else split(fall, low if name == KEEPING else least, high)
            if "quarter" in name:
                plans[name] = within(plans[name] ** (1 - QUARTER) * (share * budget) ** QUARTER, budget, least, most)
        by_hand = [each for each in (even, weighted) if np.all(each <= high * (1 + SAME))]
        told = [
            float(values(pool, known.rules[PREDICTION], tasks, each) @ share) for each in (plans[STEADY_PLAN], *by_hand)
        ]
        plans[DEFAULT] = (plans[STEADY_PLAN], *by_hand)[int(np.argmin(told))]
        for name, spend in plans.items():
            scenarios = gain(spend, known.draws)
            ends = np.quantile(scenarios, (0.1, 0.9))
            inside[name] += (ends[0] <= scenarios) & (scenarios <= ends[1])
            lines[name].append((float(gain(spend, pool.value)), prize, float(scenarios.mean()), *ends))
    return {name: Verdict(*np.array(line).T, inside[name] / len(line)) for name, line in lines.items()}


def known_of(pool: Pool, keep: Path | None) -> Told:
    """What is told of a pool, from the folder where it is there already."""
    text = pool.train.to_csv() + str((pool.log_spend.tolist(), pool.best.tolist()))
    path = None if keep is None else keep / f"{sha256(text.encode()).hexdigest()[:16]}.npz"
    if path is not None and path.exists():
        with np.load(path) as file:
            beside = ("draws", "failed")
            return Told(
                {name: file[name] for name in file.files if name not in beside}, *(file[name] for name in beside)
            )
    found = told(pool)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, draws=found.draws, failed=found.failed, **found.rules)
    return found


def _cell(found: Verdict) -> str:
    return f"{found.share:.2f} ({found.worse:.0%}, {100 * found.gain.min():.1f} %)"


def _told_cells(found: list[Verdict]) -> tuple[str, str, str]:
    low, high = np.quantile(found[0].right, RIGHT)
    told, covered = ("; ".join(f"{getattr(each, name):.2f}" for each in found) for name in ("told", "covered"))
    return told, covered, f"{low:.2f} to {high:.2f}"


def _mean_row(name: str, found: list[list[Verdict]], halves: int) -> tuple[str, ...]:
    """Means over pools of what each half realises."""
    means = [
        [np.mean([getattr(row[at], part) for row in found]) for part in ("share", "worse")] for at in range(halves)
    ]
    cells = (f"{share:.2f} ({worse:.0%})" for share, worse in means)
    return (name, "", "", "", "", *cells, *("",) * 6)


def main() -> None:
    """Judge every pool and put the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", default=[], metavar="POOL")
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--half", choices=("choose", "report", "all"))
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args(figures.arguments())
    warnings.simplefilter("ignore")
    prepare_to_fit()
    rows = {row.pool: row for row in ROWS}
    halves = (options.half,) if options.half else ("all", "choose", "report")
    lines: list[tuple[str, ...]] = []
    every: list[tuple[str, ...]] = []
    plans: dict[bool, list[list[Verdict]]] = {False: [], True: []}
    for pool in pools(options.data):
        if options.only and not any(pool.name.startswith(name) for name in options.only):
            continue
        known, row = known_of(pool, options.keep), rows[pool.name]
        found = [judge(pool, known, half, RULES if options.rules else (BEFORE, DEFAULT)) for half in halves]
        first, plan = found[0], [each[DEFAULT] for each in found]
        plans[pool.world].append(plan)
        lines.append((
            pool.name, f"{plan[0].prize.mean():.2%}", row.before, f"{first['by weight'].share:.2f}",
            _cell(first[BEFORE]), *map(_cell, plan), row.must, row.beyond,
            *_told_cells([plan[0], plan[-1]] if len(plan) > 1 else plan), str(int(known.failed[known.planned].sum())),
        ))  # fmt: skip
        if options.rules:
            every.append((pool.name, *(_cell(first[name]) if name in first else "" for name in RULES)))
        print(" | ".join(lines[-1]), flush=True)
    for world, name in ((False, "mean of the measured pools"), (True, "mean of the worlds")):
        if len(plans[world]) > 1:
            lines.append(_mean_row(name, plans[world], len(halves)))
    said = {
        "all": "default, all tasks",
        "choose": "default, half it was chosen on",
        "report": "default, half kept aside",
    }
    both = " (all; kept aside)" if len(halves) > 1 else ""
    head = (
        "pool", "prize", "before", "by weight", "`--plan-on predicted`", *(said[half] for half in halves), "must",
        "beyond", f"predicted / realised{both}", f"interval holds{both}", "were the draws right", "failed curves",
    )  # fmt: skip
    figures.put("deciding", figures.table(head, lines))
    if options.rules:
        print(f"\n{figures.table(('pool', *RULES), every)}")


if __name__ == "__main__":
    main()
