"""Checks the map of strategies: predicted from small runs, compared with held-out runs that are larger.

Usage: python benchmarks/focus_map.py [data/runs.csv] [--write]

The curves see the runs of at most `LIMIT` FLOPs a task. A cell is a set of tasks, one of its tasks, a width and a
number of tokens a task: every strategy that was measured there spent the same compute a task, but for the experts'
router and empty rows. It is decided where the best measured strategy is ahead of the next by more than two pooled
standard errors (held-out data and seeds). The prediction is the strategy whose curve is lowest at the cell's own size
and tokens.
"""

import warnings
from itertools import combinations
from pathlib import Path

import figures
import numpy as np
import pandas as pd

from budget.process_settings import prepare_to_fit
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, fit_strategy_curves
from budget.tables.runs import runs_from_frame

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 4e10
SURE = 2.0
"""Pooled standard errors by which a cell is decided."""


def seed_noise(frame: pd.DataFrame) -> pd.DataFrame:
    """Relative standard deviation between seeds, pooled over the repeated cells of each strategy and task."""
    cell = ["strategy", "model_tasks", "task", "width", "experts", "active", "tokens"]
    values = frame.groupby(cell)["value"]
    repeated = frame[values.transform("size") > 1]
    groups = repeated.groupby(cell)["value"]
    spread = pd.DataFrame(
        {"squares": (groups.std() / groups.mean()) ** 2 * (groups.size() - 1), "degrees": groups.size() - 1}
    )
    return spread.groupby(["strategy", "task"]).sum()


def relative_noise(noise: pd.DataFrame, strategy: str, task: str) -> float:
    """Of one run: from its own strategy and task, else from its strategy over all tasks."""
    mine = noise.loc[[(strategy, task)]] if (strategy, task) in noise.index else noise.xs(strategy, level="strategy")
    return float(np.sqrt(mine["squares"].sum() / mine["degrees"].sum()))


def predicted(
    fitted: FittedStrategies, strategy: str, names: tuple[str, ...], task: str, params: float, tokens: float
) -> float:
    """The curve of a strategy on a task of a set; NaN where it has none."""
    if strategy == "specialist":
        served = fitted.specialists
    else:
        served = next(
            (each for each in fitted.shared if each.strategy == strategy and set(each.tasks) == set(names)), None
        )
    if served is None or task not in served.tasks:
        return float("nan")
    position = np.array([served.tasks.index(task)])
    return float(served.curves.predict(position, np.log([[params, tokens]]))[0][0])


def cells(frame: pd.DataFrame, fitted: FittedStrategies) -> pd.DataFrame:
    """One row for each decidable cell: measured and predicted order of the strategies."""
    noise = seed_noise(frame)
    large = frame[(frame["flops"] / frame["n_tasks"] > LIMIT) & (frame["seed"] == 0)]
    each = (large["tokens"] / large["n_tasks"] / 1000).round().astype(int)
    alone = large[large["strategy"] == "specialist"].assign(each=each).set_index(["task", "width", "each"])
    rows = []
    shared = large[large["strategy"] != "specialist"].assign(each=each)
    for (names, task, width, thousand), mine in shared.groupby(["model_tasks", "task", "width", "each"]):
        if (task, width, thousand) not in alone.index:
            continue
        runs = [alone.loc[(task, width, thousand)], *(row for _, row in mine.iterrows())]
        strategies = ["specialist", *mine["strategy"]]
        value = np.array([run["value"] for run in runs])
        error = np.array([
            np.hypot(run["stderr"], relative_noise(noise, name, task) * run["value"])
            for name, run in zip(strategies, runs, strict=True)
        ])  # fmt: skip
        guess = np.array([
            predicted(fitted, name, tuple(names.split("|")), task, run["params"], run["tokens"])
            for name, run in zip(strategies, runs, strict=True)
        ])  # fmt: skip
        known = np.isfinite(guess)
        if known.sum() < 2 or not known[0]:
            continue
        strategies = [name for name, is_known in zip(strategies, known, strict=True) if is_known]
        value, error, guess = value[known], error[known], guess[known]
        first, second = np.argsort(value)[:2]
        best_shared = 1 + int(value[1:].argmin())
        rows.append({
            "set": names, "task": task, "width": width, "tokens": thousand, "winner": strategies[first],
            "predicted": strategies[int(guess.argmin())],
            "sure": (value[second] - value[first]) / np.hypot(error[first], error[second]),
            "focus": value[0] < value[best_shared], "focus_predicted": guess[0] < guess[1:].min(),
            "focus_sure": abs(value[0] - value[best_shared]) / np.hypot(error[0], error[best_shared]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def say(name: str, table: pd.DataFrame, truth: str, guess: str, sure: str) -> str:
    """The agreement on the decided cells, beside always naming the majority."""
    decided = table[table[sure] > SURE]
    if len(decided) == 0:
        return f"{name}: not testable, no cell is decided"
    agree = (decided[truth] == decided[guess]).mean()
    counts = decided[truth].value_counts()
    minority = int(counts.iloc[1:].sum())
    testable = len(decided) >= 30 and minority >= 5
    print(pd.crosstab(decided[truth], decided[guess]).to_string())
    majority = {"True": "focus"}.get(str(counts.index[0]), str(counts.index[0]))
    return (
        f"{name}: {len(decided)} of {len(table)} cells are decided, {100 * agree:.1f} % of them predicted right; "
        f"always naming `{majority}` is right in {100 * counts.iloc[0] / len(decided):.1f} % ({minority} cells are won "
        "by a minority)" + ("" if testable else "; NOT TESTABLE (30 cells and 5 won by a minority are needed)")
    )


def main() -> None:
    """Fit the small runs, print the agreement on the large ones."""
    warnings.simplefilter("ignore")
    prepare_to_fit()
    path = Path(next(iter(figures.arguments()), ROOT / "data" / "runs.csv"))
    frame = pd.read_csv(path)
    small = frame[frame["flops"] / frame["n_tasks"] <= LIMIT]
    fitted = fit_strategy_curves(runs_from_frame(small), draws=0)
    for said in fitted.left_out:
        print(said)
    table = cells(frame, fitted)
    print(
        f"{small['run'].nunique()} runs of at most {LIMIT:.0e} FLOPs a task are fitted, {len(table)} cells are larger"
    )
    print(f"strategies: {SPECIALISTS}, {', '.join(dict.fromkeys(each.strategy for each in fitted.shared))}")
    lines = [
        say("which strategy wins", table, "winner", "predicted", "sure"),
        say("focus or share", table, "focus", "focus_predicted", "focus_sure"),
    ]
    for left, right in combinations(sorted(set(table["winner"])), 2):
        both = table[table["winner"].isin([left, right]) & table["predicted"].isin([left, right])]
        if len(both):
            print(f"{left} or {right}: right in {(both['winner'] == both['predicted']).mean():.1%} of {len(both)}")
    figures.put("focus_map", figures.bullets(lines))


if __name__ == "__main__":
    main()
