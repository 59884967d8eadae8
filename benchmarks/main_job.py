"""Prints what the main job costs: start-up, a cold plan, one of new runs, the same again; wall, CPU, peak memory.

Usage: python benchmarks/main_job.py [repeats] [--write]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import figures

ROOT = Path(__file__).resolve().parents[1]
BUDGET = Path(sys.executable).with_name("budget")
PLAN = ["plan", "data/runs.csv", "--tasks", "data/tasks.csv", "--budget", "1e14"]


def timed(arguments: list[str], cache: str, keep: str = "1") -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak gigabytes of one run of the command; ``keep`` is ``BUDGET_KEEP``."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [BUDGET, *arguments],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": cache, "BUDGET_KEEP": keep},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"budget {' '.join(arguments)} failed with status {status}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def row(name: str, runs: list[tuple[float, float, float]]) -> tuple[str, str, str, str]:
    """One row: medians."""
    wall, cpu, memory = (statistics.median(column) for column in zip(*runs, strict=True))
    return name, f"{wall:.2g} s", f"{cpu:.2g} s", f"{memory:.2f} GB"


def main() -> None:
    """Measure and print."""
    repeats = int(next(iter(figures.arguments()), 3))
    with tempfile.TemporaryDirectory() as folder:
        caches = [str(Path(folder) / str(number)) for number in range(repeats)]
        plan = [*PLAN, "--out", str(Path(folder) / "plan")]
        timed(["--help"], caches[0])
        rows = [
            row("`budget --help`", [timed(["--help"], cache) for cache in caches * 3]),
            row("`budget plan` as above, nothing kept", [timed(plan, cache) for cache in caches]),
            row("compiled programs kept, and no fits: new runs", [timed(plan, cache, keep="0") for cache in caches]),
            row("fits kept too: the same, or another budget", [timed(plan, cache) for cache in caches]),
        ]
    figures.put("main_job", figures.table(("two CPU cores, median", "wall", "CPU", "peak memory"), rows))


if __name__ == "__main__":
    main()
