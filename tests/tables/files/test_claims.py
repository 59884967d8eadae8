"""A claim belongs to one process; it is void when that has ended or, of another machine, gives no sign of life."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from budget.errors import DataError
from budget.tables.files import claims, owner
from budget.tables.files.claims import Claims
from budget.tables.files.owner import Owner, this_process
from budget.tables.files.write_files import write_text
from tests import ROOT

fcntl = pytest.importorskip("fcntl")


def claim_of(folder: Path, process: Owner, name: str = "a") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.claim"
    path.write_text(json.dumps({"run": name, "host": "far", "process": process.process, "owner": process.label}))
    return path


def ended_process() -> Owner:
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    child.wait()
    return Owner(this_process().machine, child.pid, 1)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "claims"


def test_a_claim_is_exclusive_until_it_is_released(folder):
    with Claims(folder) as mine, Claims(folder) as theirs:
        assert mine.take("a") and not theirs.take("a") and theirs.take("b")
        stated = json.loads((folder / "a.claim").read_text())
        assert stated["run"] == "a" and stated["process"] == os.getpid() and stated["time"][:2] == "20"
        assert mine.holder("b").startswith(f"process {os.getpid()} on ")
        mine.release("a")
        assert theirs.take("a") and mine.holder("c") == ""
    assert not folder.exists()


def test_a_claim_of_a_process_that_has_ended_is_void(folder):
    claim_of(folder, ended_process())
    with Claims(folder) as mine:
        assert list(folder.iterdir()) == []  # whoever begins removes what the dead left
        claim_of(folder, ended_process())
        assert mine.take("a")


def test_what_the_dead_left_meanwhile_is_removed_at_the_end(folder):
    with Claims(folder) as mine:
        assert mine.take("b")
        claim_of(folder, ended_process())
        (folder / f".budget-{ended_process().label}-0123abcd.tmp").write_text("")
    assert not folder.exists()


def test_a_process_of_the_same_number_that_began_later_is_another(folder):
    if not this_process().started:
        pytest.skip("this system does not say when a process began")
    claim_of(folder, Owner(this_process().machine, os.getpid(), this_process().started - 1))
    with Claims(folder) as mine:
        assert mine.take("a")


def test_a_zombie_has_ended():
    if not Path("/proc/self/stat").exists():
        pytest.skip("zombies are told through /proc")
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert Owner(this_process().machine, child.pid, 0).has_ended
    child.wait()


def test_a_claim_of_another_machine_is_void_only_without_a_sign_of_life(folder):
    path = claim_of(folder, Owner("0" * 12, 1, 1))
    with Claims(folder) as mine:
        assert not mine.take("a") and mine.holder("a") == "process 1 on far"
        os.utime(path, (time.time() - claims.LEASE / 2,) * 2)
        assert not mine.take("a")
        os.utime(path, (time.time() - claims.LEASE * 1.1,) * 2)
        assert mine.take("a")


def test_a_claim_without_content_is_void_after_a_moment(folder):
    folder.mkdir()
    path = folder / "a.claim"
    path.write_text('{"run": "a", "ow')
    with Claims(folder) as mine:
        assert not mine.take("a")
        os.utime(path, (time.time() - claims.SETTLING * 1.1,) * 2)
        assert mine.take("a")


def test_claims_give_signs_of_life(folder, monkeypatch):
    monkeypatch.setattr(claims, "LEASE", 0.2)
    with Claims(folder) as mine:
        mine.take("a")
        os.utime(folder / "a.claim", (0, 0))
        end = time.monotonic() + 10
        while (folder / "a.claim").stat().st_mtime == 0:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_of_all_who_see_a_void_claim_one_takes_it(folder):
    for _ in range(10):
        claim_of(folder, ended_process())
        start, taken = threading.Barrier(8), []

        def take(start=start, taken=taken):
            mine = Claims(folder)
            start.wait()
            taken.append(mine.take("a"))

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(taken) == [False] * 7 + [True]
        (folder / "a.claim").unlink()


def test_a_claim_that_was_taken_over_is_not_released(folder):
    with Claims(folder) as mine:
        mine.take("a")
        claim_of(folder, Owner("0" * 12, 1, 1))
        mine.release("a")
        assert (folder / "a.claim").exists()


def test_a_claim_that_cannot_be_written_is_named_and_not_left(folder, monkeypatch):
    def full(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Claims(folder) as mine:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(DataError, match=r"a\.claim: cannot be written \(No space left on device\)"):
                mine.take("a")
        assert mine.take("a")


COUNT = """
import sys
from pathlib import Path
from budget.tables.files import claims
if sys.argv[2] == "no locks":
    import fcntl, errno
    def none(descriptor, how):
        raise OSError(errno.EBADF, "Bad file descriptor")
    fcntl.flock = none
claims._LOOK_AGAIN = 0.001
path = Path(sys.argv[1], "count")
for _ in range(50):
    with claims.alone_in(sys.argv[1]):
        path.write_text(str(int(path.read_text()) + 1))
"""


@pytest.mark.parametrize("kind", ["locks", "no locks"])
def test_a_folder_is_changed_by_one_process_at_a_time(tmp_path, kind):
    (tmp_path / "count").write_text("0")
    (tmp_path / ".budget-lock").write_text(claim_of(tmp_path / "other", ended_process()).read_text())
    if kind == "locks":
        (tmp_path / ".budget-lock").unlink()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    counting = [subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path), kind], env=environment) for _ in range(3)]
    assert [one.wait(timeout=60) for one in counting] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "150"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["count", "other"]


def test_what_a_killed_writer_left_is_removed_and_what_a_live_one_needs_stays(tmp_path):
    dead, live, far = ended_process(), this_process(), Owner("0" * 12, 1, 1)
    names = {
        kind: f".budget-{one.label}-0123abcd.tmp" for kind, one in {"dead": dead, "live": live, "far": far}.items()
    }
    for name in names.values():
        (tmp_path / name).write_text("")
    (tmp_path / f".budget-{dead.label}-89abcdef.tmp").mkdir()
    (tmp_path / f".budget-{dead.label}-89abcdef.tmp" / "report.md").write_text("")
    (tmp_path / ".budget-mine").write_text("")
    write_text(tmp_path / "out.csv", "")
    assert {path.name for path in tmp_path.iterdir()} == {names["live"], names["far"], ".budget-mine", "out.csv"}
    os.utime(tmp_path / names["far"], (0, 0))
    write_text(tmp_path / "out.csv", "")
    assert not (tmp_path / names["far"]).exists()


WRITE = """
import sys
from budget.tables.files.write_files import write_text
for _ in range(100):
    write_text("out", sys.argv[1] * 9999)
"""


def test_writers_to_one_file_leave_a_whole_one(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, name], cwd=tmp_path, env=environment) for name in "xyz"]
    while any(one.poll() is None for one in writers):
        if (tmp_path / "out").exists():
            assert len(set((tmp_path / "out").read_text())) == 1
    assert [one.returncode for one in writers] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and (tmp_path / "out").stat().st_size == 9999


def test_who_may_not_be_asked_about_is_alive(monkeypatch):
    def not_allowed(process, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", not_allowed)
    assert not this_process().has_ended
    monkeypatch.setattr(owner, "_state", lambda process: ("", 0))
    assert not this_process().has_ended
