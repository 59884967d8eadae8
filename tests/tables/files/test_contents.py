"""Files are read by what they hold, once, and hashed as they were read."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import threading
import zipfile

import pytest

from budget.errors import DataError
from budget.tables.files.contents import read_text, sha256, sha256_as_read
from budget.tables.files.text import read_csv, read_json

TEXT = "task,x,value\na,1,2.5\na,2,2.25\n"


def zipped(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


ARCHIVES = {
    "plain": TEXT.encode(),
    "gzip": gzip.compress(TEXT.encode()),
    "zip": zipped(runs=TEXT),
    "bz2": bz2.compress(TEXT.encode()),
    "xz": lzma.compress(TEXT.encode()),
    "utf8 mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "utf16 little": TEXT.encode("utf-16"),
    "utf16 big": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "utf16 in gzip": gzip.compress(TEXT.encode("utf-16")),
}


@pytest.mark.parametrize("name", ["runs.csv", "runs.csv.gz", "runs.zip", "runs.bz2", "runs.zst", "runs"])
@pytest.mark.parametrize("kind", ARCHIVES)
def test_the_content_and_not_the_name_decides_how_a_file_is_read(tmp_path, kind, name):
    path = tmp_path / name
    path.write_bytes(ARCHIVES[kind])
    assert read_text(path, "runs") == TEXT
    assert read_csv(path)["value"].tolist() == ["2.5", "2.25"]
    assert sha256_as_read(path) == hashlib.sha256(ARCHIVES[kind]).hexdigest()


def test_json_may_be_compressed_too(tmp_path):
    (tmp_path / "c.json").write_bytes(gzip.compress(b'{"a": [1]}'))
    assert read_json(tmp_path / "c.json", "curves file") == {"a": [1]}


def test_a_pipe_is_read_once_and_hashed_as_it_was_read():
    read, write = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(write, TEXT.encode()), os.close(write)))
    writer.start()
    path = f"/dev/fd/{read}"
    try:
        assert read_csv(path)["x"].tolist() == read_csv(path)["x"].tolist() == ["1", "2"]
        assert sha256_as_read(path) == hashlib.sha256(TEXT.encode()).hexdigest()
    finally:
        writer.join()
        os.close(read)


def test_the_hash_is_of_the_bytes_that_were_read_not_of_later_ones(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(TEXT)
    read_csv(path)
    path.write_text(TEXT.replace("2.5", "3.5"))
    assert sha256_as_read(path) == hashlib.sha256(TEXT.encode()).hexdigest() != sha256(path)
    assert read_csv(path)["value"].tolist() == ["3.5", "2.25"]
    assert sha256_as_read(path) == sha256(path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (ARCHIVES["gzip"][:-9], "a broken gzip file"),
        (b"\x1f\x8b" + b"x" * 40, "a broken gzip file"),
        (ARCHIVES["zip"][:-9], "a broken zip file"),
        (ARCHIVES["xz"][:-9], "a broken xz file"),
        (ARCHIVES["bz2"][:-9], "a broken bz2 file"),
        (zipped(a=TEXT, b=TEXT), r"holds 2 files \(a, b\) where one is due"),
        (zipped(**{"[Content_Types].xml": "", "word/document.xml": ""}), "this is an Office document"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 40, "zstd file"),
        (b"PAR1" + b"x" * 40, "this is a Parquet file"),
        ("task,x,value\na,1,2\nä,1,2\n".encode("latin-1"), "line 3: not UTF-8 text .byte 0xe4."),
        (b"task,x,value\na\0,1,2\n", "line 2: a NUL character"),
        (b"\xff\xfet\0a", "not readable as the UTF-16 text"),
        (b"", "the file is empty"),
        (b" \n \n", "the file is empty"),
        (gzip.compress(b""), "the file is empty"),
    ],
    ids=range(15),  # archives hold the time, and every process must collect the same names
)
def test_what_is_no_text_is_refused_in_a_sentence(tmp_path, data, said):
    (tmp_path / "runs.csv").write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        read_csv(tmp_path / "runs.csv", "runs")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("x" * 5000, "cannot be read .File name too long."),
        ("a\0b", r"a\\x00b: no file can be called so"),
        ("no/such/runs.csv", "no/such/runs.csv: no such file"),
        ("/", "this is a folder"),
    ],
)
def test_names_of_no_file_are_refused_in_a_sentence(path, said):
    for read in (lambda: read_csv(path), lambda: read_json(path, "curves file")):
        with pytest.raises(DataError, match=said) as caught:
            read()
        assert len(str(caught.value)) <= 300 and str(caught.value).isprintable()


def test_deep_or_huge_json_is_refused_in_a_sentence(tmp_path):
    for number, (text, said) in enumerate(
        [("[" * 100_000, "nested too deeply"), ("9" * 5000, "too large a number"), ('{"a": NaN}', "NaN is no JSON")]
    ):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        with pytest.raises(DataError, match=f"not a curves file .*{said}"):
            read_json(path, "curves file")
