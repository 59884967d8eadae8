"""Puts what the project's own runs say: who wins on which set of tasks, and how the laws predict hidden runs.

Usage: python benchmarks/own_runs.py [--write]

Runs ``budget focus`` and ``budget backtest`` on ``data/`` as a user would, and reads their files and sentences.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import figures
import pandas as pd
from lab_design import SETS

ROOT = Path(__file__).resolve().parents[1]
RUNS, TASKS = "data/runs.csv", "data/tasks.csv"
SHARED = ("generalist", "trunk", "moe")
SAID = (
    "Inside the measured range, of",
    "Leaving tasks out",
    "By number of tasks",
    r"At \S+ FLOPs an equal share",
    "Alone with the whole budget",
    "The smallest efficient spend",
    "Thresholds",
    r"Over \S+ decades",
)
"""How the sentences of ``focus`` begin that are quoted, as patterns."""


def command(*words: str) -> tuple[pd.DataFrame, list[str]]:
    """The file and the sentences of a command."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.csv"
        done = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *words, "--out", str(out)],
            cwd=ROOT,
            env=os.environ | {"BUDGET_KEEP": "0"},  # nothing is said of fits that were kept on this machine
            capture_output=True,
            text=True,
            check=True,
        )
        return pd.read_csv(out), done.stderr.splitlines()


def per_set(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    """For each set of tasks, inside the measured sizes: who is best at how many budgets, and by how much."""
    inside = rows[rows["status"] == "measured range"]
    lines = []
    for names, mine in inside.groupby("tasks", sort=False):
        value = mine.pivot(index="budget", columns="strategy", values="objective")
        shared = value[[name for name in SHARED if name in value]].min(axis=1)
        gain = 100 * (shared / value["specialists"] - 1)
        best = mine.loc[mine["best"], "strategy"]
        groups = (
            100 * (value[["specialists"]].min(axis=1).clip(upper=shared) / value["groups"] - 1)
            if "groups" in value
            else pd.Series(dtype=float)
        )
        lines.append((
            _name(str(names)),
            ", ".join(f"{name} {count}" for name, count in best.value_counts().items()),
            f"{figures.span(gain.dropna(), '+.1f')} %" if gain.notna().any() else "",
            f"{figures.span(groups.dropna(), '+.1f')} %" if groups.notna().any() else "",
        ))  # fmt: skip
    return lines


def _name(names: str) -> str:
    """The set's name in the design, with its tasks where they are few."""
    each = names.split("|")
    called = next((name for name, tasks in SETS.items() if set(tasks) == set(each)), "")
    listed = ", ".join(f"`{name}`" for name in each) if len(each) <= 4 else f"{len(each)} tasks"
    return f"{called.replace('_', ' ')}: {listed}" if called else listed


def main() -> None:
    """Run both commands and put the figures."""
    rows, sentences = command("focus", RUNS, "--tasks", TASKS)
    lines = [line.removeprefix("- ") for line in sentences]
    said = [line for line in lines if any(re.match(start, line) for start in SAID)]
    missing = [start for start in SAID if not any(re.match(start, line) for line in said)]
    if missing:
        raise SystemExit(f"No sentence of focus begins with: {'; '.join(missing)}.")
    head = (
        "set of tasks",
        "best, of the budgets inside the measured sizes",
        "specialists better than the best shared model by",
        "groups better than both by",
    )
    figures.put("own_runs_sets", figures.table(head, per_set(rows)))
    figures.put("own_runs", figures.bullets(said))
    _, sentences = command("backtest", RUNS, "--law", "auto", "--law", "chinchilla", "--law", "power")
    begin = next(number for number, line in enumerate(sentences) if "hidden values" in line)
    figures.put("own_runs_backtest", figures.bullets(sentences[begin:]))


if __name__ == "__main__":
    main()
