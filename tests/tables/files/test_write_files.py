"""Files are written whole or not at all."""

import os
import stat
import subprocess
import sys

import pytest

from budget.errors import DataError
from budget.tables.files.write_files import write_folder, write_text
from tests import ROOT
from tests.crashes import SCENARIOS


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.csv"
    write_text(path, "old\n")

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(DataError, match=r"result\.csv: cannot be written \(No space left on device\)"):
        write_text(path, "new\n")
    assert path.read_text() == "old\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.csv"]


def test_a_result_of_several_files_is_all_old_or_all_new(tmp_path, monkeypatch):
    write_folder(tmp_path, {"a": "old", "b": "old"})
    calls = []

    def disk_fills_up(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_fills_up)
    with pytest.raises(DataError, match="b: cannot be written"):
        write_folder(tmp_path, {"a": "new", "b": "new"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old", "b": "old"}


def test_a_written_file_has_ordinary_permissions(tmp_path):
    write_folder(tmp_path / "deep" / "folder", {"a.txt": "1", "b.txt": "2"})
    mode = stat.S_IMODE((tmp_path / "deep" / "folder" / "a.txt").stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    assert mode == 0o666 & ~umask


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(DataError, match="taken: this is a file; give a folder"):
        write_text(tmp_path / "taken" / "x.csv", "")
    with pytest.raises(DataError, match="this is a folder; give the name of a file"):
        write_text(tmp_path, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("blow", ["kill", "fail"])
def test_whatever_call_is_the_last_files_are_old_or_new(tmp_path, blow):
    done = subprocess.run(
        [sys.executable, "-m", "tests.crashes", str(tmp_path / "here"), blow], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == len(SCENARIOS)
