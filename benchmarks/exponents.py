"""How the CPU time of commands and the files that they write grow with the number of tasks.

    python benchmarks/exponents.py [SMALL] [LARGE] [--write]

Tasks of 40 runs each along one scale with a metric column; whole processes, starting Python included, so that the
exponents of cheap commands lie below 1. fit draws 20 curves a task.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import figures
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
RUNS = 40
DRAWS = "20"


def write_runs(path: Path, tasks: int) -> None:
    """A file of simulated runs: power laws with 1 % noise."""
    random = np.random.default_rng(0)
    scale = np.geomspace(1e6, 1e9, RUNS)
    floor, height, power = (random.uniform(*ends, (tasks, 1)) for ends in ((0.5, 2), (1, 5), (0.1, 0.4)))
    value = (floor + height * (scale / 1e6) ** -power) * np.exp(0.01 * random.normal(size=(tasks, RUNS)))
    frame = pd.DataFrame(
        {
            "task": np.repeat([f"task{at:05d}" for at in range(tasks)], RUNS),
            "run": np.arange(tasks * RUNS),
            "flops": np.tile(scale, tasks),
            "value": value.ravel(),
            "metric": "loss",
        }
    )
    frame.to_csv(path, index=False)


def cpu(*arguments: str) -> float:
    """CPU seconds of a command."""
    words = [sys.executable, str(ROOT / "cli.py"), *arguments]
    environment = os.environ | {"BUDGET_KEEP": "0"}  # the fits too are to be timed
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"budget {' '.join(arguments)} failed with status {status}")
    return usage.ru_utime + usage.ru_stime


def commands(
    folder: Path, tasks: int, run: Callable[..., float] = cpu, draws: str = DRAWS
) -> dict[str, tuple[float, int]]:
    """CPU seconds of each command on so many tasks, and the bytes that it writes.

    Args:
        folder: where files go.
        tasks: how many there are.
        run: runs a command with these arguments and returns its CPU seconds.
        draws: how many fit makes of each curve.
    """
    runs, curves, out = (folder / f"{tasks}.{end}" for end in ("csv", "json", "out.csv"))
    write_runs(runs, tasks)
    budget = f"{1e9 * tasks:g}"  # as much for each task, however many
    asked = {
        "check": ["check", str(runs), "--out", str(out)],
        "fit": ["fit", str(runs), "--draws", draws, "--out", str(curves)],
        "predict": ["predict", str(curves), "--at", str(runs), "--out", str(out)],
        "allocate": ["allocate", str(curves), "--budget", budget, "--out", str(out)],
        "grow": ["grow", str(curves), "--budget", budget, "--out", str(out)],
    }
    found = {}
    for name, arguments in asked.items():
        seconds = run(*arguments)
        found[name] = seconds, Path(arguments[-1]).stat().st_size
    return found


def exponent(start: float, few: float, many: float, ratio: float) -> float:
    """How an amount grows with the number of tasks, what it begins with taken off.

    Args:
        start: the amount for next to no task.
        few: for some tasks.
        many: for ``ratio`` times as many.
        ratio: above 1.
    """
    return float(np.log((many - start) / (few - start)) / np.log(ratio))


def main() -> None:
    """Measure both sizes and print."""
    given = [int(each) for each in figures.arguments()]
    small, large = given if len(given) == 2 else (300, 3000)
    with tempfile.TemporaryDirectory() as name:
        few, many = (commands(Path(name), tasks) for tasks in (small, large))
    ratio = large / small
    rows = [
        (
            f"`{name}`",
            f"{few[name][0]:.1f} s",
            f"{many[name][0]:.1f} s",
            f"{exponent(0, few[name][0], many[name][0], ratio):.2f}",
            f"{exponent(0, few[name][1], many[name][1], ratio):.2f}",
        )
        for name in few
    ]
    heads = ("CPU, whole process", f"{small:,} tasks", f"{large:,} tasks", "exponent of time", "of bytes written")
    figures.put("exponents", figures.table(heads, rows))


if __name__ == "__main__":
    main()
