"""Killed at random moments: no finished run is repeated, none is lost, and the file of runs is the same in the end."""

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests import ROOT
from tests.lab.processes import children, needs_proc

RUNS = 12
KILLS = int(os.environ.get("BUDGET_KILLS", "15"))
"""How often each is killed. With time: ``BUDGET_KILLS=60 pytest tests/lab/runner/test_killed.py``."""

TRAINER = """
import os, sys, time
time.sleep(0.02)
os.write(os.open("ran", os.O_WRONLY | os.O_CREAT | os.O_APPEND), (sys.argv[1] + "\\n").encode())
print('{"value": %s.5}' % sys.argv[1])
"""
COMMAND = f"{shlex.quote(sys.executable)} -S train.py {{seed}}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plan.csv").write_text("seed\n" + "".join(f"{seed}\n" for seed in range(RUNS)))
    Path("train.py").write_text(TRAINER)


def measure() -> subprocess.Popen:
    words = [sys.executable, str(ROOT / "cli.py"), "measure", "plan.csv", "--out", "runs.csv", "--command", COMMAND]
    return subprocess.Popen(
        [*words, "--jobs", "2", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def finished() -> set[str]:
    """The runs that are kept, whatever was killed."""
    from budget.lab.runner.ledger import Ledger
    from budget.tables.files.text import read_csv

    return Ledger("runs.csv", read_csv).finished()


def trained() -> list[str]:
    return Path("ran").read_text().split() if Path("ran").exists() else []


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("victim", ["driver", "worker"])
def test_kills_lose_and_repeat_nothing(folder, victim):
    moments, kills = random.Random(0), 0
    while kills < KILLS:
        for path in (*Path().glob("runs*.csv"), *Path().glob("*.jsonl"), Path("ran")):
            path.unlink(missing_ok=True)
        while len(finished()) < RUNS and kills < KILLS:
            kept = finished()
            before = len(trained())
            process = measure()
            time.sleep(moments.uniform(0.1, 1.5))
            victims = [process.pid] if victim == "driver" else children(process.pid)
            for pid in victims:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            kills += 1
            process.communicate(timeout=60)
            assert not kept & {f"seed={seed}" for seed in trained()[before:]}, "a finished run was repeated"
            assert kept <= finished(), "a finished run was lost"
        _, said = measure().communicate(timeout=60)
        frame = pd.read_csv("runs.csv")
        assert sorted(frame["seed"]) == list(range(RUNS)), said
        assert (frame["value"] == frame["seed"] + 0.5).all()
        assert {path.name for path in Path().iterdir()} == {"plan.csv", "train.py", "ran", "runs.csv", "runs-logs"}
