"""Checks who leads, predicted from small runs, against held-out runs that are larger; and on sets that are left out.

Usage: python benchmarks/focus_map.py [data/runs.csv] [--write]

A cell is a set of tasks, one of its tasks, a width and a number of tokens a task: every strategy that was measured
there spent the same compute a task, but for the experts' router and empty rows. It is decided where the best measured
strategy is ahead of the next by more than two pooled standard errors (held-out data and seeds). Runs of at most a limit
of FLOPs a task are seen and name the leader of each larger cell (``sharing_effects``); beside it stand the strategy
whose best small run is lowest, and always naming specialists. Intervals are over sets, drawn again with replacement.
Then each set's shared runs are hidden, whatever their size, and its cells are named from all other sets.
"""

import warnings
from pathlib import Path

import figures
import numpy as np
import pandas as pd

from budget.numerics.interval import interval
from budget.studies.focus.sharing_effects import Served, measured_of, predict_served
from budget.tables.runs import runs_from_frame

ROOT = Path(__file__).resolve().parents[1]
LIMITS = (2.5e9, 5e9, 1e10, 2e10, 4e10, 8e10)
SURE = 2.0
"""Pooled standard errors by which a cell is decided."""
STATED = 0.8
"""Share of the draws from which a winner is named, and not "undecided"."""
DRAWS, AGAIN = 400, 1000
ALONE = "specialist"


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


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each decided cell and strategy in it, with the cell's winner."""
    noise = seed_noise(frame)
    rows = frame[frame["seed"] == 0].assign(each=lambda rows: (rows["tokens"] / rows["n_tasks"] / 1000).round())
    rows["error"] = [
        np.hypot(run.stderr, relative_noise(noise, run.strategy, run.task) * run.value) for run in rows.itertuples()
    ]
    alone = rows[rows["strategy"] == ALONE].set_index(["task", "width", "each"])
    found = []
    for (names, task, width, each), mine in rows[rows["strategy"] != ALONE].groupby(
        ["model_tasks", "task", "width", "each"]
    ):
        if (task, width, each) not in alone.index:
            continue
        cell = pd.concat([alone.loc[[(task, width, each)]].reset_index(), mine])
        first, second = np.argsort(cell["value"].to_numpy())[:2]
        ahead = cell["value"].iloc[second] - cell["value"].iloc[first]
        if ahead > SURE * np.hypot(cell["error"].iloc[first], cell["error"].iloc[second]):
            cost = (cell["flops"] / cell["n_tasks"]).to_numpy()
            found.append(
                pd.DataFrame(
                    {
                        "cell": len(found),
                        "set": names,
                        "task": task,
                        "strategy": cell["strategy"].to_numpy(),
                        "model_tasks": cell["model_tasks"].to_numpy(),
                        "least": cost.min(),
                        "tokens": np.log(1000 * each),
                        "size": np.log(np.median(cost) / (1000 * each)),
                        "winner": cell["strategy"].iloc[first],
                    }
                )
            )
    return pd.concat(found, ignore_index=True)


def named(frame: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    """One row a cell: its set, its winner, and who is named, with the share of the draws."""
    measured = measured_of(runs_from_frame(frame))
    assert measured is not None
    members = tuple(tuple(names.split("|")) for names in asked["model_tasks"])
    served = Served(
        asked["task"].to_numpy(str), asked["strategy"].to_numpy(str), members,
        asked["size"].to_numpy(float), asked["tokens"].to_numpy(float),
    )  # fmt: skip
    _, draws = predict_served(measured, served, DRAWS)
    rows = []
    for _, places in asked.reset_index(drop=True).groupby("cell").indices.items():
        mine = asked.iloc[places]
        share = np.bincount(draws[:, places].argmin(axis=1), minlength=len(places)) / len(draws)
        small = [
            frame.loc[
                (frame["task"] == task) & (frame["strategy"] == strategy) & (frame["model_tasks"] == names), "value"
            ].min()
            for task, strategy, names in zip(mine["task"], mine["strategy"], mine["model_tasks"], strict=True)
        ]
        rows.append({
            "set": mine["set"].iloc[0], "winner": mine["winner"].iloc[0],
            "named": mine["strategy"].iloc[int(share.argmax())], "share": share.max(),
            "small": mine["strategy"].iloc[int(np.nanargmin(small))] if np.isfinite(small).any() else "",
        })  # fmt: skip
    return pd.DataFrame(rows)


def right(table: pd.DataFrame, column: str = "named") -> pd.Series:
    """Whether each cell's winner is named by a rule."""
    return table["winner"] == (ALONE if column == ALONE else table[column])


def over_sets(tables: list[pd.DataFrame], column: str = "named") -> tuple[float, float, float]:
    """Share of cells named right, mean over tables, and its 80 % interval over sets."""
    sets = sorted(set().union(*(table["set"] for table in tables)))
    hits = np.array([[right(table[table["set"] == name], column).sum() for name in sets] for table in tables])
    count = np.array([[(table["set"] == name).sum() for name in sets] for table in tables])
    again = np.random.default_rng(0).integers(len(sets), size=(AGAIN, len(sets)))
    with np.errstate(invalid="ignore"):
        drawn = np.nanmean(hits[:, again].sum(axis=2) / count[:, again].sum(axis=2), axis=0)
    low, high = interval(drawn)
    return float(np.mean(hits.sum(axis=1) / count.sum(axis=1))), float(low), float(high)


def row(name: str, tables: list[pd.DataFrame]) -> tuple[str, ...]:
    """A line of the table."""
    every = pd.concat(tables)
    sure = every["share"] >= STATED
    point, low, high = over_sets(tables)
    counted = len(every) if len(tables) == 1 else ""
    small = f"{100 * over_sets(tables, 'small')[0]:.1f} %" if every["small"].ne("").any() else ""
    return (
        name, str(counted), f"{100 * point:.1f} % ({100 * low:.0f} to {100 * high:.0f})", f"{100 * sure.mean():.0f} %",
        f"{100 * right(every)[sure].mean():.1f} %", small, f"{100 * over_sets(tables, ALONE)[0]:.1f} %",
    )  # fmt: skip


def main() -> None:
    """Name the leaders from small runs, and on sets left out."""
    warnings.simplefilter("ignore")
    path = Path(next(iter(figures.arguments()), ROOT / "data" / "runs.csv"))
    frame = pd.read_csv(path)
    decided = cells(frame)
    cost = frame["flops"] / frame["n_tasks"]
    tables, rows = [], []
    for limit in LIMITS:
        tables.append(named(frame[cost <= limit], decided[decided["least"] > limit]))
        rows.append(row(f"{limit:.2g}", [tables[-1]]))
        print(rows[-1], flush=True)
    rows.append(row("mean", tables))
    left_out = [
        named(frame[(frame["model_tasks"] != names) | (frame["n_tasks"] == 1)], decided[decided["set"] == names])
        for names in dict.fromkeys(decided["set"])
    ]
    rows.append(row("sets left out, runs of all sizes", [pd.concat(left_out).assign(small="")]))
    head = (
        "fitted to runs of at most, FLOPs a task", "decided cells", "winner named right (80 % over sets)",
        f"not undecided ({100 * STATED:.0f} % of the draws)", "right among these", "best small run",
        "always specialists",
    )  # fmt: skip
    figures.put("focus_map", figures.table(head, rows))


if __name__ == "__main__":
    main()
