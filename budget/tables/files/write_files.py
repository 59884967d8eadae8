"""Writing files: whole or not at all, by way of a temporary file beside the target that is then renamed.

A failed command leaves what was there before; what a killed one leaves is removed by the next, see `temporary`.

See docs/decisions/104-plan-folder-in-one-rename.md.
"""

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from budget.errors import DataError
from budget.tables.files.claims import alone_in
from budget.tables.files.places import Place, place_of
from budget.tables.files.temporary import discard, naming, temporary_in


def write_text(path: str | Path, text: str) -> None:
    """Write a text file as a whole or not at all.

    Links are followed, and a file that is replaced keeps its mode and, where possible, its owner. What is no regular
    file (a pipe, a device, ``/dev/stdout``) is written into.

    Raises:
        DataError: it cannot be written; what was there before is untouched.
        ReaderGoneError: it is a pipe, and whoever read it has left.
    """
    path = Path(path)
    with naming(path.parent):
        _make_folder(path.parent)
    _write({path: text})


def write_bytes(path: str | Path, content: bytes) -> None:
    """The same of a file that holds no text.

    Raises:
        DataError: it cannot be written; what was there before is untouched.
    """
    path = Path(path)
    with naming(path.parent):
        _make_folder(path.parent)
    _write({path: content})


def write_folder(folder: str | Path, files: Mapping[str, str | bytes], absent: Iterable[str] = ()) -> None:
    """Write the files of one result; other files in the folder stay.

    A folder that is not there appears with all its files in one step. In one that is, all are written beside their
    targets before the first is renamed, in the order given; the last one, which may vouch for the others, comes after
    the names that must be absent. An error undoes what was renamed; a process that is killed on the way leaves some
    files of the earlier result and some of this one, but never the last.

    Args:
        folder: made where it is missing.
        files: file name → text, or bytes.
        absent: names of files of an earlier result that must not stay beside this one.

    Raises:
        DataError: a file cannot be written; what was there before is untouched.
    """
    folder = Path(folder)
    if os.path.islink(folder):
        folder = Path(os.path.realpath(folder))
    with naming(folder):
        if not os.path.lexists(folder) and _write_new(folder, files):
            return
        _make_folder(folder)
    with alone_in(folder):
        _write({folder / name: content for name, content in files.items()}, [folder / name for name in absent])


def remove(path: str | Path) -> None:
    """Remove a file, if it is there.

    Raises:
        DataError: it cannot be removed.
    """
    with naming(Path(path)), suppress(FileNotFoundError):
        os.unlink(path)


@contextmanager
def appending(path: str | Path) -> Iterator[BinaryIO]:
    """Open a log to add bytes to, its folder made where it is missing; an `OSError` inside is one of the log.

    Raises:
        DataError: the log cannot be opened or no longer be written.
    """
    with naming(Path(path)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as stream:
            yield stream


def can_write(folder: str | Path) -> bool:
    """Whether files can be made in a folder, which is made if it is missing."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class _Change:
    """A file to replace or to remove.

    Attributes:
        path: what the user calls it.
        file: where it is, links followed.
        new: temporary file with its new content, ``None`` to remove it.
        old: temporary name of what is there, ``None`` where links do not exist or nothing needs to be undone.
        is_new: nothing is there yet.
    """

    path: Path
    file: Path
    new: str | None
    old: str | None
    is_new: bool = False


def _write(files: Mapping[Path, str | bytes], absent: Iterable[Path] = ()) -> None:
    places = [place_of(path) for path in files]
    gone = [path for path in absent if os.path.lexists(path)]
    is_alone = len(places) + len(gone) == 1
    with ExitStack() as temporaries:
        changes: list[_Change] = []
        straight: list[tuple[Place, bytes]] = []
        for place, text in zip(places, files.values(), strict=True):
            data = as_bytes(text)
            if place.file is None:
                straight.append((place, data))
                continue
            with naming(place.path):
                new = _staged(place.file, data, place.found, temporaries)
            is_new = place.found is None
            old = None if is_new or is_alone else _linked(place.file, temporaries)
            changes.append(_Change(place.path, place.file, new, old, is_new))
        for path in gone:
            changes.insert(-1, _Change(path, path, None, _linked(path, temporaries)))
        for place, data in straight:
            with naming(place.path):
                _write_into(place, data)
        _commit(changes)
    for folder in {change.file.parent for change in changes}:
        _sync(folder)


def as_bytes(content: str | bytes) -> bytes:
    """What a file of this content holds."""
    return content if isinstance(content, bytes) else content.encode(errors="replace")


def _staged(file: Path, data: bytes, like: os.stat_result | None, temporaries: ExitStack) -> str:
    """A temporary file beside the target with its new content, mode and owner."""
    _make_folder(file.parent)
    beside = temporary_in(file.parent)
    temporaries.callback(discard, beside)
    _write_file(beside, data, like)
    return beside


def _linked(file: Path, temporaries: ExitStack) -> str | None:
    """A second name of a file, from which it can be put back; ``None`` where links do not exist."""
    beside = temporary_in(file.parent)
    temporaries.callback(discard, beside)
    try:
        os.link(file, beside)
    except OSError:
        return None
    return beside


def _commit(changes: list[_Change]) -> None:
    """Make the changes in order, or none of them."""
    done: list[_Change] = []
    try:
        for change in changes:
            with naming(change.path):
                done.append(change)
                if change.new is None:
                    os.unlink(change.file)
                else:
                    os.replace(change.new, change.file)
    except BaseException:  # a Ctrl-C too
        for change in reversed(done):
            with suppress(OSError):
                if change.old is not None:
                    os.replace(change.old, change.file)
                elif change.is_new:
                    os.unlink(change.file)
        raise


def _write_new(folder: Path, files: Mapping[str, str | bytes]) -> bool:
    """Make a folder of files that appears in one step; false where somebody else made one meanwhile."""
    _make_folder(folder.parent)
    beside = temporary_in(folder.parent)
    try:
        os.mkdir(beside)
        for name, text in files.items():
            with naming(folder / name):
                _write_file(os.path.join(beside, name), as_bytes(text), None)
        _sync(Path(beside))
        try:
            os.rename(beside, folder)
        except OSError:
            if os.path.lexists(folder):
                return False
            raise
        _sync(folder.parent)
        return True
    finally:
        discard(beside)


def _write_file(path: str, data: bytes, like: os.stat_result | None) -> None:
    """Write a file that is not there yet down to the disk, with the mode and owner of the one that it replaces."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if like is None else 0o600)
    try:
        _write_all(descriptor, data)
        if like is not None:
            _keep_access(path, os.fstat(descriptor), like)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_access(path: str, made: os.stat_result, like: os.stat_result) -> None:
    mode, group = stat.S_IMODE(like.st_mode), made.st_gid
    if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
        for owner in (like.st_uid, -1):
            with suppress(OSError):
                os.chown(path, owner, like.st_gid)
                group = like.st_gid
                break
    if group != like.st_gid:  # another group gets no more than everybody
        mode &= ~0o070 | (mode & 0o007) << 3
    os.chmod(path, mode)


def _write_into(place: Place, data: bytes) -> None:
    """Write into what is no regular file, such as a pipe, a device, or a descriptor of this process."""
    descriptor = os.open(place.path, os.O_WRONLY) if place.descriptor is None else os.dup(place.descriptor)
    try:
        _write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _sync(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _make_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: this is a file; give a folder to write to.")
    folder.mkdir(parents=True, exist_ok=True)
