import os
import subprocess
import sys

import pytest

from budget.lab.runner.ledger import Ledger
from budget.tables.files.text import read_csv
from tests import ROOT

pytest.importorskip("fcntl")

SCRIPT = """
import sys
from budget.lab.runner.ledger import DIVERGED, Failure, Ledger
from budget.tables.files.text import read_csv

ledger = Ledger(sys.argv[1], read_csv)
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    name = f"{sys.argv[2]}{number}"
    if number % 2:
        ledger.add(name, [{"task": "a", "run": name, "value": 1.0}])
    else:
        ledger.fail(Failure(name, DIVERGED, "its loss is not finite"))
"""


def test_processes_that_write_at_once_lose_no_row(tmp_path):
    out = tmp_path / "runs.csv"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(out), name], env=environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in "xy"
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    ledger = Ledger(out, read_csv)
    assert ledger.finished() == {f"{name}{number}" for name in "xy" for number in range(1, 30, 2)}
    assert ledger.diverged() == {f"{name}{number}" for name in "xy" for number in range(0, 30, 2)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs-failed.csv", "runs.csv"]
