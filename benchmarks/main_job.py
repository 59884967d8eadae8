"""Prints what the main job costs: start-up, a cold plan, a warm plan; wall time, CPU time, peak memory.

Usage: python benchmarks/main_job.py [repeats]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUDGET = Path(sys.executable).with_name("budget")
PLAN = ["plan", "data/runs.csv", "--tasks", "data/tasks.csv", "--budget", "1e14"]


def timed(arguments: list[str], cache: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak gigabytes of one run of the command."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [BUDGET, *arguments],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": cache},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"budget {' '.join(arguments)} failed with status {status}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def show(name: str, runs: list[tuple[float, float, float]]) -> None:
    """One line: medians."""
    wall, cpu, memory = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"{name:36s} wall {wall:6.2f} s   CPU {cpu:6.2f} s   peak {memory:5.2f} GB   (median of {len(runs)})")


def main() -> None:
    """Measure and print."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        caches = [str(Path(folder) / str(number)) for number in range(repeats)]
        plan = [*PLAN, "--out", str(Path(folder) / "plan")]
        timed(["--help"], caches[0])
        show("budget --help", [timed(["--help"], cache) for cache in caches * 3])
        show("budget plan, empty compilation cache", [timed(plan, cache) for cache in caches])
        show("budget plan, second time", [timed(plan, cache) for cache in caches])


if __name__ == "__main__":
    main()
