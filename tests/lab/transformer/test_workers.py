import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pandas as pd
import pytest

from budget.errors import BudgetError
from budget.lab.transformer.measured_cells import Cell
from budget.lab.transformer.shape import Shape
from budget.lab.transformer.sweep import measure
from budget.lab.transformer.workers import measure_in_parallel
from tests import ROOT
from tests.lab.processes import alive, children, needs_proc, wait_for

PLAN = "task,width,layers,tokens,seed\n" + "".join(
    f"{task},8,1,{tokens},{seed}\n"
    for seed in range(8)
    for task, tokens in (("lookup_easy", 1000), ("markov_1", 1000), ("names", 40_000))
)
SCRIPT = """
import sys
from budget.lab.transformer.sweep import measure

if __name__ == "__main__":
    print("ready", flush=True)
    measure(sys.argv[1], sys.argv[2], jobs=2)
"""


def finished(out):
    """How many runs are kept: those of the CSV, and of the journal's lines that it may not hold yet."""
    journal = out.with_name(f"{out.stem}-journal.jsonl")
    runs = set(pd.read_csv(out)["run"]) if out.exists() else set()
    with suppress(FileNotFoundError):
        lines = journal.read_text().splitlines(keepends=True)
        runs |= {json.loads(line).get("run") for line in lines if line.endswith("\n")} - {None}
    return len(runs)


@needs_proc
@pytest.mark.parametrize(
    "blow", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)], ids=lambda blow: blow.name
)
def test_killed_sweep_goes_on_where_it_stopped(tmp_path, blow):
    plan, out, script = tmp_path / "plan.csv", tmp_path / "runs.csv", tmp_path / "sweep.py"
    plan.write_text(PLAN)
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(script), str(plan), str(out)], env=environment, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(lambda: finished(out) >= 3)
        workers = children(process.pid)
        assert len(workers) >= 2
        if blow == signal.SIGINT:  # a Ctrl-C reaches the whole group
            os.killpg(process.pid, blow)
        else:
            process.send_signal(blow)
        assert process.wait(timeout=30) != 0
        wait_for(lambda: not any(map(alive, workers)), 20)
    finally:
        process.kill()
        process.wait()
    assert 3 <= finished(out) < 24
    text = out.read_text() if out.exists() else ""  # always a whole table
    assert not text or len(pd.read_csv(out)) < 24
    after = measure(plan, out, jobs=1)
    assert out.read_text().startswith(text)
    assert len(after) == 24
    assert after["run"].is_unique


def test_worker_that_dies_is_reported_by_the_name_of_its_run():
    cells = [Cell(("no such task",), Shape(8, 1), 1000, seed) for seed in range(2)]
    with pytest.raises(BudgetError, match=r"run 'no such task-d8-L1-1e3-s0'.*exit code 1.*start the same command"):
        list(measure_in_parallel(cells, jobs=1))
