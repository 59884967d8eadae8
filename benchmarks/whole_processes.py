"""Prints what commands cost from start to end, beside what they may: CPU and wall seconds, memory, bytes written.

    python benchmarks/whole_processes.py DATA [--only WORD ...] [--write]

DATA is a folder with chinchilla_digitised/runs.csv. The other files are made: tasks of 40 runs each along one scale
(``exponents.write_runs``), and a million rows of 5,000 tasks. Programs are compiled before, by a run that is not timed;
fits are made anew but where a row says that they are kept.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import figures
import numpy as np
import pandas as pd
from exponents import ROOT, write_runs

TASKS, RUNS = 5_000, 200
"""Of the file of a million rows."""


@dataclass(frozen=True)
class Job:
    """One row of the table.

    Attributes:
        words: what is measured.
        arguments: of the command; its output is the last of them where it has one.
        must: what it may take.
        kept: whether fits of the run before are found again.
    """

    words: str
    arguments: tuple[str, ...]
    must: str
    kept: bool = False


def write_million(path: Path) -> None:
    """A million named runs along one scale, with 1 % noise."""
    random = np.random.default_rng(0)
    scale = np.tile(np.geomspace(1e6, 1e12, RUNS), TASKS)
    value = (1 + 3 * (scale / 1e6) ** -0.3) * np.exp(0.01 * random.normal(size=len(scale)))
    names = np.repeat([f"task{at:05d}" for at in range(TASKS)], RUNS)
    pd.DataFrame({"task": names, "run": np.arange(len(scale)), "flops": scale, "value": value}).to_csv(
        path, index=False
    )


def jobs(data: Path, folder: Path) -> list[Job]:
    """All rows, in the order in which they are measured: what reads curves comes after what writes them."""
    chinchilla = str(data / "chinchilla_digitised" / "runs.csv")
    plan = ("plan", "data/runs.csv", "--tasks", "data/tasks.csv", "--budget", "1e14")

    def file(name: str) -> str:
        return str(folder / name)

    def of_many(tasks: int) -> tuple[str, ...]:
        return ("plan", file(f"{tasks}.csv"), "--budget", f"{1e9 * tasks:g}", "--draws", "20")

    return [
        Job("`plan data/runs.csv`, new runs", (*plan, "--out", file("own")), "7"),
        Job("the same, fits kept", (*plan, "--out", file("own")), "7", kept=True),
        Job("`check data/runs.csv`", ("check", "data/runs.csv"), ".6"),
        Job("`fit`, 234 rows", ("fit", chinchilla), "1.2"),
        Job("the same, fits kept", ("fit", chinchilla), "1.2", kept=True),
        Job("`plan`, 300 tasks", (*of_many(300), "--out", file("300")), "12"),
        Job("`plan`, 1,000 tasks", (*of_many(1000), "--out", file("1000")), "30, 1.5 GB, 20 MB"),
        Job("the same, fits kept", (*of_many(1000), "--out", file("1000")), "", kept=True),
        Job("`fit`, 1,000 × 40 × 200 draws", ("fit", file("1000.csv"), "--draws", "200", "--out", file("c/")), "20"),
        Job("`allocate` of these", ("allocate", file("c/"), "--budget", "1e12"), "1.7"),
        Job("`grow` of these", ("grow", file("c/"), "--budget", "1e12"), "8"),
        Job("`fit`, 5,000 × 40 × 100 draws", ("fit", file("5000.csv"), "--draws", "100", "--out", file("d/")), "70"),
        Job("`check`, a million rows", ("check", file("million.csv")), "3"),
    ]


def timed(arguments: tuple[str, ...], kept: bool) -> tuple[float, float, float]:
    """Wall and CPU seconds and peak gigabytes of one command."""
    start = time.perf_counter()
    environment = os.environ | {"BUDGET_KEEP": "1" if kept else "0"}
    words = [sys.executable, str(ROOT / "cli.py"), *arguments]
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"budget {' '.join(arguments)} failed: {said.strip().splitlines()[-1]}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def written(arguments: tuple[str, ...]) -> str:
    """Megabytes that a command wrote, "" where it printed its answer."""
    if "--out" not in arguments:
        return ""
    path = Path(arguments[-1])
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return f"{sum(each.stat().st_size for each in files) / 1e6:.3g} MB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="rows that hold one of these words")
    options = parser.parse_args(figures.arguments())
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for tasks in (300, 1000, 5000):
            write_runs(folder / f"{tasks}.csv", tasks)
        write_million(folder / "million.csv")
        for job in jobs(options.data, folder):
            if not any(word in job.words for word in options.only):
                continue
            timed(job.arguments, job.kept)  # compiles, and keeps the fits where they are to be found
            wall, cpu, memory = timed(job.arguments, job.kept)
            size = written(job.arguments)
            rows.append((job.words, f"{cpu:.2g} s", job.must, f"{wall:.2g} s", f"{memory:.2g} GB", size))
            print(*rows[-1], sep=" | ", flush=True)
    figures.put("whole_processes", figures.table(("whole process", "CPU", "may take", "wall", "peak", "written"), rows))


if __name__ == "__main__":
    main()
