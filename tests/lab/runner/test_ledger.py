import os
import subprocess
import sys
import time

import pytest

from budget.lab.runner.ledger import Failure, Ledger
from budget.tables.files.text import read_csv
from tests import ROOT
from tests.lab.processes import wait_for

pytest.importorskip("fcntl")

SCRIPT = """
import sys
from budget.lab.runner.ledger import DIVERGED, Failure, Ledger
from budget.tables.files.text import read_csv

ledger = Ledger(sys.argv[1], read_csv)
print("ready", flush=True)
sys.stdin.readline()
with ledger:
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


def journal_of(path):
    return path.with_name("runs-journal.jsonl")


def test_a_journal_that_a_killed_process_left_is_read_and_then_written_into_the_file(tmp_path):
    path = tmp_path / "runs.csv"
    killed = Ledger(path, read_csv)
    for name in "abc":
        killed.add(name, [{"run": name, "value": 1 / 3}])
    killed.fail(Failure("d", "timeout", "it was ended after 1 s"))
    with open(journal_of(path), "ab") as torn:
        torn.write(b'{"run": "e", "rows": [{"run"')
    assert read_csv(path)["run"].tolist() == ["a"]  # the others came too soon after it
    with Ledger(path, read_csv) as ledger:
        assert ledger.finished() == set("abc") and set(ledger.failures()) == {"d"}
        ledger.add("d", [{"run": "d", "value": 2}])
    assert path.read_text() == "run,value\n" + "".join(f"{name},{1 / 3!r}\n" for name in "abc") + "d,2\n"
    assert [each.name for each in tmp_path.iterdir()] == ["runs.csv"]


def test_a_row_that_is_deleted_by_hand_is_open_again_for_all(tmp_path):
    path = tmp_path / "runs.csv"
    one, other = Ledger(path, read_csv), Ledger(path, read_csv)
    one.add("a", [{"run": "a", "value": 1.0}])
    assert other.finished() == {"a"}
    path.write_text("run,value\nb,1.5\n")
    one._took = 0.0  # it may write at once
    one.add("c", [{"run": "c", "value": 2.0}])
    assert other.finished() == one.finished() == {"b", "c"}
    other.close()
    assert path.read_text() == "run,value\nb,1.5\nc,2.0\n" and not journal_of(path).exists()
    one.add("d", [{"run": "d", "value": 3.0}])
    one.close()
    assert read_csv(path)["run"].tolist() == ["b", "c", "d"]


def test_the_file_is_written_soon_though_nothing_more_ends(tmp_path, monkeypatch):
    path = tmp_path / "runs.csv"
    ledger = Ledger(path, read_csv)
    ledger.add("a", [{"run": "a", "value": 1.0}])
    ledger._took = 0.01  # so that it is left alone for half a second
    ledger.add("b", [{"run": "b", "value": 2.0}])
    wait_for(lambda: read_csv(path)["run"].tolist() == ["a", "b"])
    ledger.close()


def test_a_change_of_one_run_costs_no_reading_or_writing_of_the_others(tmp_path, monkeypatch):
    path = tmp_path / "runs.csv"
    path.write_text("run,value\n" + "".join(f"r{number},1.5\n" for number in range(20_000)))
    reads = []

    def read(path):
        reads.append(path)
        return read_csv(path)

    with Ledger(path, read) as ledger, Ledger(path, read) as other:
        ledger.add("first", [{"run": "first", "value": 1.0}])
        begin = time.process_time()
        for number in range(100):
            ledger.add(f"a{number}", [{"run": f"a{number}", "value": 1.0}])
            assert f"a{number}" in other.finished()
        assert time.process_time() - begin < 0.5 < 100 * ledger._took
    assert len(reads) == 3  # each at its beginning, and one as the other left
