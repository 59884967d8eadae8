"""Contents kept by key: whatever happens to their files, a content is whole or missing."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from budget.tables import kept_files
from budget.tables.kept_files import KeptFiles
from tests import ROOT

CONTENT = bytes(range(256)) * 40
A, B, C = (name * 32 for name in (b"a", b"b", b"c"))


def written(folder, contents) -> KeptFiles:
    files = KeptFiles(folder)
    for key, content in contents.items():
        files.add(key, content)
    files.flush()
    return files


@pytest.fixture
def folder(tmp_path):
    written(tmp_path / "cache" / "fits", {A: CONTENT, B: b""})
    return tmp_path / "cache" / "fits"


def the_file(folder):
    (path,) = folder.iterdir()
    return path


def test_what_was_added_is_read_by_its_key_alone_at_once_and_by_the_next(folder):
    assert KeptFiles(folder).read([C, A, B, A]) == [None, CONTENT, b"", CONTENT]
    files = KeptFiles(folder)
    assert files.read([C]) == [None]
    files.add(C, b"c")
    assert files.read([C, A]) == [b"c", CONTENT]
    files.flush()
    assert files.read([C, A]) == [b"c", CONTENT]
    assert len(list(folder.iterdir())) == 2
    files.flush()
    assert len(list(folder.iterdir())) == 2


def test_nobody_else_can_read_them(folder):
    assert folder.stat().st_mode & 0o777 == 0o700
    assert the_file(folder).stat().st_mode & 0o777 == 0o600


SIZE = len(kept_files._FORMAT) + kept_files._HEAD.size + 2 * kept_files._ENTRY.size + len(CONTENT)


@pytest.mark.parametrize("left", [0, 1, 13, 14, 40, 57, 58, 100, SIZE - len(CONTENT), SIZE - 1])
def test_a_file_that_was_cut_off_is_missing_and_is_written_anew(folder, left):
    assert the_file(folder).stat().st_size == SIZE
    os.truncate(the_file(folder), left)
    assert KeptFiles(folder).read([A]) == [None]
    written(folder, {A: CONTENT})
    assert KeptFiles(folder).read([A]) == [CONTENT]


@pytest.mark.parametrize("place", [0, 13, 14, 18, 22, 26, 53, 60, 95, 99, 131, SIZE - len(CONTENT), -1])
def test_a_file_with_another_byte_is_missing_and_is_written_anew(folder, place):
    data = bytearray(the_file(folder).read_bytes())
    data[place] ^= 1
    the_file(folder).write_bytes(data)
    assert KeptFiles(folder).read([A]) == [None]
    written(folder, {A: CONTENT})
    assert KeptFiles(folder).read([A]) == [CONTENT]


def test_a_file_that_goes_while_it_is_looked_for_is_missing(folder):
    files = KeptFiles(folder)
    assert files.read([C]) == [None]
    the_file(folder).unlink()
    assert files.read([A]) == [None]


def test_what_is_no_file_of_ours_is_left_alone(folder):
    (folder / "notes.txt").write_text("mine")
    (folder / "a.kept").mkdir()
    (folder / "b.kept").write_text("budget kept 2\nof another version")
    files = written(folder, {C: b"c"})
    assert not files.is_full
    assert KeptFiles(folder).read([A, C]) == [CONTENT, b"c"]
    assert {"notes.txt", "a.kept", "b.kept"} <= {path.name for path in folder.iterdir()}


def test_where_no_folder_can_be_made_nothing_is_kept(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    files = written(tmp_path / "file" / "fits", {A: CONTENT})
    assert files.is_full
    files.add(A, CONTENT)
    assert files.read([A]) == [None]


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root writes everywhere")
def test_a_folder_that_is_only_read_is_read(folder):
    folder.chmod(0o500)
    try:
        files = written(folder, {C: CONTENT})
        assert files.is_full and files.read([A, C]) == [CONTENT, None]
    finally:
        folder.chmod(0o700)


def test_a_full_disk_leaves_nothing_behind_and_is_not_asked_again(folder, monkeypatch):
    asked = []

    def full(*_):
        asked.append(1)
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(kept_files.os, "replace", full)
    files = KeptFiles(folder)
    for key in (B, C):
        files.add(key, CONTENT)
        files.flush()
    assert len(asked) == 1
    assert len(list(folder.iterdir())) == 1
    assert files.read([A, C]) == [CONTENT, None]


def test_much_is_written_as_it_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_files, "A_FILE", 3 * len(CONTENT))
    files = KeptFiles(tmp_path)
    for number in range(7):
        files.add(bytes([number]) * 32, CONTENT)
    assert len(list(tmp_path.iterdir())) == 2
    assert KeptFiles(tmp_path).read([bytes([number]) * 32 for number in range(7)]) == [CONTENT] * 6 + [None]


def key_of(number: int) -> bytes:
    return number.to_bytes(32, "little")


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    past = time.time() - 10 * kept_files.DAY
    for number in range(10):
        written(tmp_path, {key_of(number): CONTENT})
        for path in tmp_path.iterdir():
            if path.stat().st_mtime > past + 100:
                os.utime(path, (past + number, past + number))
    assert KeptFiles(tmp_path).read([key_of(3)]) == [CONTENT]  # its use is noted
    files = KeptFiles(tmp_path, most_files=10)
    files.add(key_of(10), CONTENT)
    files.flush()
    left = [number for number in range(11) if KeptFiles(tmp_path).read([key_of(number)]) != [None]]
    assert left == [3, 4, 5, 6, 7, 8, 9, 10]


def test_no_more_bytes_are_kept_than_said(tmp_path):
    for number in range(40):
        files = KeptFiles(tmp_path, most_bytes=10 * len(CONTENT))
        files.add(key_of(number), CONTENT)
        files.flush()
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10 * len(CONTENT)
    assert len(list(tmp_path.iterdir())) >= 7


WRITER = """
import sys
from pathlib import Path
from budget.tables.kept_files import KeptFiles
for turn in range(100):
    files = KeptFiles(Path(sys.argv[1]), most_files=30)
    keys = [(turn % 40 + more).to_bytes(32, "little") for more in range(5)]
    assert all(each in (None, key * 300) for key, each in zip(keys, files.read(keys)))
    for key in keys:
        files.add(key, key * 300)
    files.flush()
    assert not files.is_full
"""


def test_processes_that_write_and_remove_at_once_read_whole_contents(tmp_path):
    started = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], cwd=ROOT) for _ in range(3)]
    assert [each.wait() for each in started] == [0, 0, 0]
    keys = [key_of(number) for number in range(45)]
    found = KeptFiles(tmp_path).read(keys)
    assert sum(each == key * 300 for key, each in zip(keys, found, strict=True)) >= 20
    assert all(each in (None, key * 300) for key, each in zip(keys, found, strict=True))


KILLED = """
import os, signal, sys
from pathlib import Path
from budget.tables import kept_files
kept_files.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
files = kept_files.KeptFiles(Path(sys.argv[1]))
files.add(b"a" * 32, b"a" * 10_000)
files.flush()
"""


@pytest.mark.skipif(os.name != "posix", reason="no kill -9 here")
def test_what_a_killed_process_was_writing_is_missing_and_removed_by_the_next(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    assert KeptFiles(tmp_path).read([A]) == [None]
    written(tmp_path, {A: CONTENT})
    assert the_file(tmp_path).suffix == ".kept"
    assert KeptFiles(tmp_path).read([A]) == [CONTENT]
