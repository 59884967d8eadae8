"""An output goes where its path leads, and what was there keeps its mode and its links."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from budget.errors import DataError
from budget.tables.files.places import place_of, refuse_inputs
from budget.tables.files.write_files import write_folder, write_text
from tests import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and modes of POSIX")


def written(path: Path) -> str:
    write_text(path, "new\n")
    return path.read_text()


@pytest.mark.parametrize("hops", [1, 3])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_and_its_target_is_written(tmp_path, hops, is_there):
    real = tmp_path / "far" / "real.csv"
    real.parent.mkdir()
    if is_there:
        real.write_text("old\n")
    link = tmp_path / "link0"
    link.symlink_to("far/real.csv")
    for hop in range(1, hops):
        (tmp_path / f"link{hop}").symlink_to(link.name)
        link = tmp_path / f"link{hop}"
    assert written(link) == "new\n"
    assert link.is_symlink() and not real.is_symlink() and real.read_text() == "new\n"
    assert os.listdir(real.parent) == ["real.csv"]


def test_a_loop_of_links_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(DataError, match=r"a: cannot be written \(Too many levels of symbolic links\)"):
        write_text(tmp_path / "a", "")


def test_a_pipe_is_written_into_and_stays(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "new\n" * 100_000)
    reader.join()
    assert read == ["new\n" * 100_000] and stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="devices of Linux")
def test_a_device_is_written_into_and_stays(tmp_path):
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    for path in (Path(os.devnull), link):
        before = os.stat(path)
        write_text(path, "new\n")
        after = os.stat(path)
        assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    with pytest.raises(DataError, match=r"/dev/full: cannot be written \(No space left on device\)"):
        write_text("/dev/full", "new\n")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_a_descriptor_is_written_where_it_stands(tmp_path, name):
    if not (name == "link" or Path(name).exists()):
        pytest.skip("this system has no such path")
    (tmp_path / "link").symlink_to("/dev/stdout")
    code = f"from budget.tables.files.write_files import write_text; write_text({name!r}, 'new\\n')"
    for mode in ("w", "a"):
        with open(tmp_path / "out", mode) as out:
            out.write("before\n")
            out.flush()
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run([sys.executable, "-c", code], stdout=out, check=True, cwd=tmp_path, env=environment)
            out.write("after\n")
    assert (tmp_path / "out").read_text() == "before\nnew\nafter\n" * 2
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=tmp_path, env=environment)
    assert piped.stdout == b"new\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o606])
def test_a_file_that_is_replaced_keeps_its_mode_and_owner(tmp_path, mode):
    path = tmp_path / "out.csv"
    path.write_text("old\n")
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, 12345, 54321)
    before = path.stat()
    assert written(path) == "new\n"
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_a_file_whose_group_cannot_be_kept_is_not_opened_to_another(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    path.write_text("old\n")
    path.chmod(0o664)
    real = os.fstat

    def of_another_group(descriptor):
        return os.stat_result([*real(descriptor)[:5], 99, *real(descriptor)[6:]])

    def not_allowed(path, owner, group):
        raise PermissionError

    monkeypatch.setattr(os, "fstat", of_another_group)
    monkeypatch.setattr(os, "chown", not_allowed)
    write_text(path, "new\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_write_protected_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    path.write_text("old\n")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everything
    with pytest.raises(DataError, match=r"out\.csv: this file is write-protected; make it writable"):
        write_text(path, "new\n")
    assert path.read_text() == "old\n"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything")
def test_what_a_user_may_not_write_is_refused(tmp_path):
    (tmp_path / "out.csv").write_text("old\n")
    tmp_path.chmod(0o555)
    for path in (tmp_path / "out.csv", tmp_path / "new.csv", tmp_path / "deep" / "new.csv"):
        with pytest.raises(DataError, match="is write-protected; make it writable or give another path"):
            write_text(path, "new\n")
    tmp_path.chmod(0o755)
    assert (tmp_path / "out.csv").read_text() == "old\n" and os.listdir(tmp_path) == ["out.csv"]


def test_a_folder_that_is_write_protected_is_named_before_anything_is_computed(tmp_path, monkeypatch):
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not os.path.isdir(path) and allowed(path, mode))
    (tmp_path / "old.csv").write_text("old\n")
    for path in (tmp_path / "old.csv", tmp_path / "deep" / "new.csv"):
        with pytest.raises(DataError, match=f"csv: cannot be written, for the folder {tmp_path} is write-protected"):
            place_of(path)


def test_links_within_a_folder_are_followed_and_other_files_stay(tmp_path):
    plan, far = tmp_path / "plan", tmp_path / "far.csv"
    plan.mkdir()
    far.write_text("old\n")
    (plan / "a.csv").symlink_to(far)
    (plan / "focus.csv").symlink_to(far)
    (plan / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(plan)
    write_folder(tmp_path / "link", {"a.csv": "new\n", "b.csv": "new\n"}, absent=["focus.csv", "none.csv"])
    assert sorted(os.listdir(plan)) == ["a.csv", "b.csv", "mine.txt"]
    assert (plan / "a.csv").is_symlink() and far.read_text() == "new\n" and (tmp_path / "link").is_symlink()


def test_an_input_is_no_output_by_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs.csv").write_text("task,value\n")
    Path("link.csv").symlink_to("runs.csv")
    os.link("runs.csv", "hard.csv")
    Path("folder").mkdir()
    for name in ("runs.csv", "./runs.csv", "folder/../runs.csv", str(tmp_path / "runs.csv"), "link.csv", "hard.csv"):
        with pytest.raises(DataError, match=r"is an input.*give another path"):
            refuse_inputs(name, ["none.csv", "runs.csv"])
        with pytest.raises(DataError, match=r"is an input.*give another path"):
            refuse_inputs("runs.csv", [name])
    refuse_inputs("other.csv", ["runs.csv"])
    refuse_inputs("/dev/null", ["/dev/null"])
    refuse_inputs("folder", ["folder"])
