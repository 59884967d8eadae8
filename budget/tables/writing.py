"""Writing files: the only module that changes the disk.

Every write goes beside the target and is then renamed, so that a failed command leaves what was there before.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from budget.errors import DataError


def write_text(path: str | Path, text: str) -> None:
    """Write a text file as a whole or not at all.

    Raises:
        DataError: the folder cannot be written.
    """
    path = Path(path)
    write_folder(path.parent, {path.name: text})


def write_folder(folder: str | Path, files: Mapping[str, str], absent: Iterable[str] = ()) -> None:
    """Write the text files of one result: all are written beside their targets before the first is renamed.

    Args:
        folder: made where it is missing.
        files: file name → text.
        absent: names of files of an earlier result that must not stay beside this one.

    Raises:
        DataError: the folder cannot be written; what was there before is untouched.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: this is a file; give a folder to write to.")
    for name in files:
        if (folder / name).is_dir():
            raise DataError(f"{folder / name}: this is a folder; give the name of a file to write.")
    staged: dict[Path, str] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            descriptor, beside = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
            staged[folder / name] = beside
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(beside, 0o666 & ~_umask())
        for path, beside in staged.items():
            os.replace(beside, path)
        for name in absent:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{(folder / name) if staged else folder}: cannot be written ({error.strerror}).") from None
    finally:
        for beside in staged.values():
            Path(beside).unlink(missing_ok=True)


@contextmanager
def appending(path: str | Path) -> Iterator[BinaryIO]:
    """Open a log to add bytes to, its folder made where it is missing; an `OSError` inside is one of the log.

    Raises:
        DataError: the log cannot be opened or no longer be written.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as stream:
            yield stream
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from None


@contextmanager
def alone_in(folder: str | Path) -> Iterator[None]:
    """Wait until no other process is in such a block for the folder, which is there; where locks exist, that is.

    Blocks of one folder must not be nested.
    """
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def can_write(folder: str | Path) -> bool:
    """Whether files can be made in a folder, which is made if it is missing."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
