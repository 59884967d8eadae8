"""Files are written whole or not at all."""

import json
import os
import stat

import pandas as pd
import pytest

from budget.errors import DataError
from budget.tables.files import csv_text, json_text, read_csv, read_json, sha256, write_folder, write_text


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


def test_csv_keeps_full_precision(tmp_path):
    frame = pd.DataFrame({"a": [0.1 + 0.2, 1e300], "b": ["x,y", None]})
    write_text(tmp_path / "t.csv", csv_text(frame))
    back = read_csv(tmp_path / "t.csv")
    assert float(back["a"].iloc[0]) == 0.1 + 0.2 and float(back["a"].iloc[1]) == 1e300
    assert back["b"].tolist() == ["x,y", ""] and back.index.tolist() == [2, 3]


def test_line_ends_in_cells_stay_in_their_cells(tmp_path):
    frame = pd.DataFrame({"a": ["one\rtwo", "one\ntwo", "one\r\ntwo", "plain"], "b": list("wxyz")})
    write_text(tmp_path / "t.csv", csv_text(frame))
    assert (tmp_path / "t.csv").read_bytes().endswith(b"\nplain,z\n")
    back = read_csv(tmp_path / "t.csv")
    assert back["a"].tolist() == ["one\rtwo", "one\ntwo", "one\ntwo", "plain"] and back["b"].tolist() == list("wxyz")


def test_json_is_strict(tmp_path):
    assert json.loads(json_text({"a": [1.5]})) == {"a": [1.5]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"a": float("nan")})
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match="not a curves file"):
        read_json(tmp_path / "bad.json", "curves file")
    with pytest.raises(DataError, match="no such file"):
        read_json(tmp_path / "none.json", "curves file")


def test_sha256_is_the_standard_one(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
