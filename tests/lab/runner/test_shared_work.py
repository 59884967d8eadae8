"""Several processes on one plan: each run is trained once, and those of a killed process are taken over."""

import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

from budget.errors import DataError, MeasureError
from budget.lab.runner import collect as collecting
from budget.lab.runner.collect import Outcome, collect
from budget.lab.runner.command import measure_command
from budget.lab.runner.ledger import Failure, Ledger
from budget.tables.files import claims
from budget.tables.files.claims import Claims
from budget.tables.files.text import read_csv
from budget.tables.files.write_files import write_text
from tests import ROOT
from tests.lab.processes import needs_proc, wait_for

TRAINER = """
import json, os, pathlib, sys, time
with open("ran", "a") as ran:
    ran.write(sys.argv[1] + "\\n")
time.sleep(600 if sys.argv[1] == os.environ.get("SLOW") and not pathlib.Path("fast").exists() else 0.1)
if sys.argv[1] in os.environ.get("FAILING", "").split():
    sys.exit(1)
print(json.dumps({"value": 1 / 3}))
"""
SWEEP = """
import sys, warnings
from budget.errors import MeasureError
from budget.lab.runner.command import measure_command

try:
    measure_command("plan.csv", "runs.csv", sys.argv[1], jobs=int(sys.argv[2]), retries=0)
except MeasureError as error:
    sys.exit(f"failed: {error}")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plan.csv").write_text("seed\n" + "".join(f"{seed}\n" for seed in range(16)))
    Path("train.py").write_text(textwrap.dedent(TRAINER))
    Path("sweep.py").write_text(SWEEP)
    return tmp_path


def process(jobs=2, **environment):
    command = f"{shlex.quote(sys.executable)} -S train.py {{seed}}"
    return subprocess.Popen(
        [sys.executable, "sweep.py", command, str(jobs)], stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def ran() -> list[int]:
    return sorted(map(int, Path("ran").read_text().split())) if Path("ran").exists() else []


def nothing_is_left(folder) -> bool:
    return {path.name for path in folder.iterdir()} <= {
        "plan.csv", "train.py", "sweep.py", "ran", "fast", "runs.csv", "runs-failed.csv", "runs-logs",
    }  # fmt: skip


@needs_proc
@pytest.mark.parametrize("number", [2, 4])
def test_processes_on_one_plan_train_each_run_once(folder, number):
    processes = [process() for _ in range(number)]
    for one in processes:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said
    assert ran() == list(range(16))
    frame = pd.read_csv("runs.csv")
    assert sorted(frame["seed"]) == list(range(16)) and frame["run"].is_unique
    assert nothing_is_left(folder)


@needs_proc
def test_the_runs_of_a_killed_process_are_taken_over(folder):
    first = process(SLOW="0")
    wait_for(lambda: 0 in ran())
    second = process(SLOW="0")
    wait_for(lambda: Path("runs.csv").exists() and len(pd.read_csv("runs.csv")) == 15, 60)
    assert ran() == list(range(16)) and second.poll() is None  # it waits for the one that the first one holds
    waits = second.stderr.readline()
    assert re.search(f"[12] runs? in the hands of process {first.pid} on .*; waiting for their results", waits)
    Path("fast").touch()
    first.send_signal(signal.SIGKILL)
    first.communicate()
    _, said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert ran() == sorted([0, *range(16)]) and len(pd.read_csv("runs.csv")) == 16
    assert nothing_is_left(folder)


@needs_proc
def test_a_run_that_failed_elsewhere_is_not_tried_again_by_those_who_saw_it_begin(folder):
    processes = [process(FAILING="3 5") for _ in range(2)]
    for one in processes:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 1 and "failed: 2 of 16 runs failed (0 diverged)" in said
    assert ran() == list(range(16))
    assert sorted(pd.read_csv("runs-failed.csv")["run"]) == ["seed=3", "seed=5"]
    assert measured_after_mending() == [3, 5]


def measured_after_mending() -> list[int]:
    Path("ran").unlink()
    measure_command("plan.csv", "runs.csv", f"{shlex.quote(sys.executable)} -S train.py {{seed}}")
    assert not Path("runs-failed.csv").exists()
    return ran()


def training(trained):
    def train(names):
        for name in names:
            trained.append(name)
            yield Outcome(name, ({"run": name, "value": 1.0},))

    return train


def test_what_others_end_meanwhile_is_counted_and_not_done_again(tmp_path):
    path, trained, calls = tmp_path / "runs.csv", [], []
    ledger = Ledger(path, read_csv)
    other = Ledger(path, read_csv)

    def train(names):
        for name in names:
            if name == "a":
                other.add("b", [{"run": "b", "value": 2.0}])
                other.fail(Failure("c", "timeout", "it was ended after 1 s"))
            yield from training(trained)([name])

    with pytest.raises(MeasureError, match=r"1 of 4 runs failed \(0 diverged\)"):
        collect(ledger, dict.fromkeys("abcd", 1.0), train, lambda *call: calls.append(call))
    assert trained == ["a", "d"]
    assert [(done, flops, run) for done, _, flops, _, run in calls] == [
        (0, 0, ""), (1, 1, "a"), (2, 2, "b"), (3, 3, "c"), (4, 4, "d"),
    ]  # fmt: skip


def test_an_earlier_failure_is_tried_again_and_one_of_a_void_claim_too(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "SETTLING", 0.3)
    monkeypatch.setattr(collecting, "_LOOK_AGAIN", 0.05)
    path, trained = tmp_path / "runs.csv", []
    ledger = Ledger(path, read_csv)
    ledger.fail(Failure("a", "timeout", "it was ended after 1 s"))
    (tmp_path / "runs-claims").mkdir()
    (tmp_path / "runs-claims" / "b.claim").write_text("")  # killed between making and writing it
    collect(ledger, dict.fromkeys("ab", 1.0), training(trained))
    assert trained == ["a", "b"]
    assert [path.name for path in tmp_path.iterdir()] == ["runs.csv"]


def test_a_sweep_that_is_interrupted_gives_its_claims_up(tmp_path):
    ledger = Ledger(tmp_path / "runs.csv", read_csv)

    def train(names):
        yield Outcome(next(names), ({"run": "a", "value": 1.0},))
        next(names)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(ledger, dict.fromkeys("abc", 1.0), train)
    assert [path.name for path in tmp_path.iterdir()] == ["runs.csv"]


def test_a_linked_file_of_runs_is_one_file_with_one_set_of_claims(tmp_path):
    (tmp_path / "far").mkdir()
    real = tmp_path / "far" / "runs.csv"
    (tmp_path / "link.csv").symlink_to(real)
    ledger = Ledger(tmp_path / "link.csv", read_csv)
    ledger.add("a", [{"run": "a", "value": 1.0}])
    assert (tmp_path / "link.csv").is_symlink() and real.read_text() == "run,value\na,1.0\n"
    assert ledger.failed_path == tmp_path / "far" / "runs-failed.csv"
    assert Ledger(real, read_csv).claims == ledger.claims


def test_the_plan_is_neither_the_runs_nor_the_failed_ones_nor_a_log(folder):
    command = f"{shlex.quote(sys.executable)} -S train.py {{seed}}"
    os.link("plan.csv", "hard.csv")
    Path("link.csv").symlink_to("plan.csv")
    for out in ("plan.csv", "hard.csv", "link.csv"):
        with pytest.raises(DataError, match="this is the plan"):
            measure_command("plan.csv", out, command)
    Path("runs-failed.csv").write_text("seed\n0\n")
    with pytest.raises(DataError, match=r"runs-failed\.csv: this is the plan"):
        measure_command("runs-failed.csv", "runs.csv", command)
    Path("runs-failed.csv").unlink()
    Path("seed=0.log").write_text("seed\n0\n")
    with pytest.raises(DataError, match=r"seed=0\.log: this is the plan"):
        measure_command("seed=0.log", "runs.csv", command, logs=".")
    with pytest.raises(DataError, match="no regular file"):
        measure_command("plan.csv", os.devnull, command)
    assert not Path("ran").exists()


def test_a_last_row_that_is_cut_short_is_measured_again(tmp_path):
    path, trained = tmp_path / "runs.csv", []
    path.write_text("run,value,seconds\na,1.0,2\nb,2.34")
    with pytest.warns(RuntimeWarning, match=r"runs\.csv: its last row is cut short"):
        ledger = Ledger(path, read_csv)
    assert ledger.finished() == {"a"}
    collect(ledger, dict.fromkeys("ab", 1.0), training(trained))
    assert trained == ["b"] and path.read_text() == "run,value,seconds\na,1.0,2\nb,1.0,\n"
    path.write_text("run,value,seconds\na,1.0,2\nb,2.34,")  # an editor that leaves out the last line end
    assert Ledger(path, read_csv).finished() == {"a", "b"}


NAMES = [
    "x" * 250, "x" * 251, "a/b", "a_b", "../../etc/passwd", "..", ".hidden", "A", "a", "É", "e\u0301", "\u00e9",
    "模型" * 120, "نموذج اللغة", "\u202egnol", "😀" * 100, "con:prn|nul", " - ", "tab\tnew", "-rf",
    "a-0123456789abcdef",
]  # fmt: skip


def test_runs_of_any_name_have_logs_and_claims(folder):
    plain = {" ".join(name.split()) for name in NAMES}
    frame = pd.DataFrame({"run": sorted(plain), "seed": range(len(plain))})
    write_text("plan.csv", frame.to_csv(index=False))
    command = f"{shlex.quote(sys.executable)} -S train.py {{seed}}"
    measured = measure_command("plan.csv", "runs.csv", command, jobs=3)
    assert set(measured["run"]) == plain and nothing_is_left(folder)
    logs = list(Path("runs-logs").iterdir())
    assert len({log.name.casefold() for log in logs}) == len(plain)
    found = set()
    for log in logs:
        assert len(os.fsencode(log.name)) <= 255
        first = log.read_text().splitlines()[0]
        found.add(first.removeprefix("# run ") if first.startswith("# run ") else log.stem)
    assert found == plain


def test_a_claim_is_of_the_name_and_not_of_the_file_name(tmp_path):
    with Claims(tmp_path / "claims") as mine:
        assert all(mine.take(name) for name in NAMES) and not any(mine.take(name) for name in NAMES)
        assert len(list((tmp_path / "claims").iterdir())) == len(NAMES)
    assert not (tmp_path / "claims").exists()
