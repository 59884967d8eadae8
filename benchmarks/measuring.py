"""What keeping a finished run costs, by the number of rows that the file of runs has already.

    python benchmarks/measuring.py [--write]

Runs that take no time end one after the other; of each the claim, the journal's line and the CSVs that are written
meanwhile are counted, in CPU time of this process.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import figures
import numpy as np
import pandas as pd

from budget.lab.runner.collect import Outcome, collect
from budget.lab.runner.ledger import Ledger
from budget.tables.files.text import csv_text, read_csv

ROWS = (1_000, 10_000, 30_000, 100_000)
ENDED = 2_000
"""Runs that end while it is measured."""


def milliseconds(rows: int) -> tuple[float, float, float, float]:
    """CPU ms a run, by the median and the mean, wall ms by the median; CPU s of opening and closing the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        names = [f"code-params={size}-seed=0" for size in range(rows)]
        frame = pd.DataFrame({"task": "code", "run": names, "params": 1e6, "tokens": 2e7, "value": np.pi})
        path.write_text(csv_text(frame))
        spent = time.process_time()
        ledger = Ledger(path, read_csv)
        plan = {**dict.fromkeys(names, 1e9), **{f"new-{number}": 1e9 for number in range(ENDED)}}
        marks: list[tuple[float, float]] = []

        def train(started: Iterator[str]) -> Iterator[Outcome]:
            for name in started:
                yield Outcome(name, ({"task": "code", "run": name, "params": 1e6, "tokens": 2e7, "value": np.e},))

        collect(ledger, plan, train, lambda *told: marks.append((time.process_time(), time.perf_counter())))
        around = time.process_time() - spent - (marks[-1][0] - marks[0][0])
        cpu, clock = np.diff(marks, axis=0).T * 1e3
        return float(np.median(cpu)), float(cpu.mean()), float(np.median(clock)), around


def main() -> None:
    """Print a line for each number of rows."""
    lines = [
        "| rows in the file | CPU ms a finished run, median | mean, with the CSV | wall ms | around all, CPU s |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rows in ROWS:
        cpu, mean, clock, around = milliseconds(rows)
        lines.append(f"| {rows:,} | {cpu:.2f} | {mean:.2f} | {clock:.1f} | {around:.1f} |")
        print(lines[-1], file=sys.stderr)
    figures.put("measuring", "\n".join(lines))


if __name__ == "__main__":
    main()
