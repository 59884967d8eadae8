"""The bytes of a file, read once; decompressed and decoded by what they are, whatever the file is called.

See docs/decisions/110-files-read-by-what-they-hold.md.
"""

import hashlib
import os
import stat
import sys
import zipfile
import zlib
from bz2 import BZ2File
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from gzip import GzipFile
from importlib import import_module
from io import BytesIO
from lzma import LZMAError, LZMAFile
from pathlib import Path
from typing import IO, Any, cast

from budget.errors import DataError
from budget.numerics.quoting import listed

LARGEST = 2**31
"""Bytes that a compressed file may hold: one of more is a mistake, or meant to fill the memory."""

_hashes: dict[str, str] = {}
"""Path → SHA-256 of the bytes that this process last read there."""

_streams: dict[tuple[str, int, int], bytes] = {}
"""What pipes held: a second reader of ``<(…)`` would find nothing. Of a file nothing is kept."""

_HELD: ContextVar[Mapping[str, bytes]] = ContextVar("_HELD", default={})  # noqa: B039  # never changed in place
"""Name → what a file of this name would hold, for tables that a caller has in memory."""


@contextmanager
def held_in_memory(files: Mapping[str, bytes]) -> Iterator[None]:
    """Let names be read as if they were files that hold these bytes.

    Args:
        files: name → content. The names stand in error sentences, so they should say what a table is.
    """
    before = _HELD.set({**_HELD.get(), **files})
    try:
        yield
    finally:
        _HELD.reset(before)


def read_text(path: str | Path, what: str) -> str:
    """The text of a file: UTF-8, or UTF-16; out of gzip, zip, bz2, xz or zstd.

    Args:
        path: a file or a pipe.
        what: what it is, for the error sentence, such as ``runs CSV``.

    Raises:
        DataError: there is no such file, it cannot be read, its archive is broken, or it is no text.
    """
    return _utf8(_decompressed(_bytes(path, what), path, what), path, what).decode()


def read_content(path: str | Path, what: str) -> tuple[str, bytes]:
    """What a file is, and its bytes out of their archive.

    Args:
        path: a file or a pipe.
        what: what it is, for the error sentence.

    Returns:
        ``parquet``, ``arrow`` or ``xlsx`` with the bytes as they are; or ``text`` in UTF-8 without a mark.

    Raises:
        DataError: as ``read_text``.
    """
    data = _bytes(path, what)
    kind = _table_format(data)
    if not kind:
        data = _decompressed(data, path, what, tables=True)
        kind = _table_format(data)
    return (kind, data) if kind else ("text", _utf8(data, path, what))


def _table_format(data: bytes) -> str:
    """The binary format of a table, "" where it is none."""
    if data.startswith(b"PAR1") and data.endswith(b"PAR1"):
        return "parquet"
    if data.startswith(b"ARROW1"):
        return "arrow"
    if data.startswith(b"PK\x03\x04"):
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(BytesIO(data)) as archive:
            return "xlsx" if "xl/workbook.xml" in archive.namelist() else ""
    return ""


def _utf8(data: bytes, path: str | Path, what: str) -> bytes:
    """A text in UTF-8 without its mark."""
    if not (data[:4096].strip() or data.strip()):
        return b""
    wide = _utf16(data)
    if wide:
        try:
            data = data.decode(wide).encode()
        except UnicodeError:
            raise DataError(
                f"{path}: not readable as the UTF-16 text it says it is; save the {what} as UTF-8."
            ) from None
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8 text (byte 0x{data[error.start]:02x}); save the {what} as UTF-8."
        ) from None
    nul = data.find(b"\0")
    if nul >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise DataError(f"{path}, line {line}: a NUL character, so this is no text; give the {what} as UTF-8 text.")
    return data


def _utf16(data: bytes) -> str:
    """The UTF-16 that a text is in, by its mark or by every second byte being 0; "" where it is not."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(data) < 8 or len(data) % 2:
        return ""
    even, odd = data[0:200:2], data[1:200:2]
    if not any(odd) and all(even):
        return "utf-16-le"
    return "utf-16-be" if not any(even) and all(odd) else ""


def sha256_as_read(path: str | Path) -> str:
    """The SHA-256 of the bytes that were read at a path, which a plan records for each input."""
    if str(path) not in _hashes:
        _bytes(path, "file")
    return _hashes[str(path)]


def sha256(path: str | Path) -> str:
    """The SHA-256 of what a file holds now."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _bytes(path: str | Path, what: str) -> bytes:
    """What is in a file, as it is."""
    if str(path) in _HELD.get():
        data = _HELD.get()[str(path)]
        _hashes[str(path)] = hashlib.sha256(data).hexdigest()
        return data
    try:
        with open(path, "rb") as stream:
            found = os.fstat(stream.fileno())
            pipe = None if stat.S_ISREG(found.st_mode) else (str(path), found.st_dev, found.st_ino)
            if pipe in _streams:
                return _streams[pipe]
            data = stream.read()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give the path of the {what}.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: this is a folder; give the path of the {what} inside it.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the path of the {what}.") from None
    except ValueError as error:  # a NUL character in the name
        raise DataError(f"{path}: no file can be called so ({error}); give the path of the {what}.") from None
    if pipe is not None:
        _streams[pipe] = data
    _hashes[str(path)] = hashlib.sha256(data).hexdigest()
    return data


def _decompressed(data: bytes, path: str | Path, what: str, *, tables: bool = False) -> bytes:
    """What an archive holds; any other bytes as they are.

    Args:
        data: the bytes.
        path: the file, for the error sentence.
        what: what it is, likewise.
        tables: whether a binary table would do too, which is here told from what is none.
    """
    name, opened = next(((name, opened) for magic, name, opened in _ARCHIVES if data.startswith(magic)), ("", None))
    if opened is None:
        kind = next((kind for magic, kind in _FOREIGN if data.startswith(magic)), None)
        if kind:
            broken = " whose end is missing; write it again" if tables and kind == "a Parquet file" else ""
            raise DataError(f"{path}: this is {kind}{broken or f'; save the {what} as UTF-8 text'}.")
        return data
    try:
        with opened(BytesIO(data)) as stream:
            inside = stream.read(LARGEST + 1)
    except _Unreadable as error:
        raise DataError(f"{path}: {error}; give the {what} itself.") from None
    except _broken() as error:
        raise DataError(f"{path}: a broken {name} file ({error or 'it ends too soon'}); make it again.") from None
    if len(inside) > LARGEST:
        raise DataError(f"{path}: this {name} file holds more than {LARGEST:.2g} bytes; give the {what} itself.")
    return inside


def _broken() -> tuple[type[Exception], ...]:
    """What the libraries raise of a broken archive; the package zstandard only where it was asked."""
    package = sys.modules.get("zstandard")
    known = (EOFError, OSError, LZMAError, zlib.error, zipfile.BadZipFile, RuntimeError, ValueError)
    return known if package is None else (*known, package.ZstdError)


class _Unreadable(Exception):
    """Why an archive that is whole cannot be read."""


def _zip(stream: IO[bytes]) -> IO[bytes]:
    """The one file of a zip archive; what macOS adds beside it is no file of the user's."""
    archive = zipfile.ZipFile(stream)
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if "[Content_Types].xml" in names:
        raise _Unreadable("this is an Office document")
    names = [name for name in names if not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise _Unreadable(f"this zip file holds {len(names)} files ({listed(names)}) where one is due")
    return archive.open(names[0])


def _zstd(stream: IO[bytes]) -> IO[bytes]:
    """A zstd file, where a package that reads it is installed."""
    for module, opened in (("compression.zstd", "ZstdFile"), ("zstandard", "open")):
        try:
            found: Any = import_module(module)
        except ImportError:
            continue
        return getattr(found, opened)(stream)
    raise _Unreadable("this is a zstd file, which takes the package zstandard ('pip install zstandard', or 'unzstd')")


_ARCHIVES: tuple[tuple[bytes, str, Callable[[IO[bytes]], IO[bytes]]], ...] = (
    (b"\x1f\x8b", "gzip", lambda stream: cast(IO[bytes], GzipFile(fileobj=stream))),
    (b"PK\x03\x04", "zip", _zip),
    (b"PK\x05\x06", "zip", _zip),
    (b"BZh", "bz2", lambda stream: cast(IO[bytes], BZ2File(stream))),
    (b"\xfd7zXZ\0", "xz", lambda stream: cast(IO[bytes], LZMAFile(stream))),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd),
)
"""First bytes, name, and what opens it."""

_FOREIGN = (
    (b"PAR1", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x89HDF", "an HDF5 file"),
    (b"%PDF", "a PDF"),
    (b"\x93NUMPY", "a NumPy file"),
)
"""First bytes of what people also keep tables in."""
