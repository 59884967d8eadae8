"""What one process alone works on: files that are made exclusively, of processes on any machine that sees the folder.

A claim is made by O_EXCL, which network file systems honour too. It is void when its process has ended, as far as this
machine can tell, and otherwise when it was not refreshed for `LEASE` seconds by the file system's clock.

See docs/decisions/106-claims-are-leases.md.
"""

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from budget.tables.files.file_names import file_stem
from budget.tables.files.owner import Owner, owner_of, this_process
from budget.tables.files.temporary import discard, naming, sweep, temporary_in

LEASE = 600.0
"""Seconds without a sign of life after which a claim of another machine is void; there is one every tenth of it."""

SETTLING = 10.0
"""Seconds after which a claim without content is void: its process was killed between making and writing it."""

LOCK_LEASE = 60.0
"""The same for the lock of a folder, which is held for one change."""

_LOOK_AGAIN = 0.05


class Claims:
    """Names that this process works on; used in a `with` block, at whose end all are released.

    Attributes:
        folder: holds a file for each claimed name, of all processes; there only while there are claims.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder, which need not be there."""
        self.folder = folder
        self._held: dict[str, Path] = {}
        self._leaving = threading.Event()

    def __enter__(self) -> "Claims":
        """Remove claims of processes that have ended, and start to refresh those of this one."""
        self._remove_void()
        self._refreshing = threading.Thread(target=self._refresh, daemon=True)
        self._refreshing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release every name."""
        self._leaving.set()
        self._refreshing.join()
        for name in list(self._held):
            self.release(name)
        self._remove_void()  # a killed process may have kept a result and not yet released its name
        with suppress(OSError):  # others hold claims, or there never was one
            os.rmdir(self.folder)

    def take(self, name: str) -> bool:
        """Claim a name, unless another process has.

        Raises:
            DataError: the claim cannot be written.
        """
        path = self._path(name)
        with naming(path):
            if not _take(path, name, LEASE):
                return False
        self._held[name] = path
        return True

    def release(self, name: str) -> None:
        """Give a name up."""
        _release(self._held.pop(name))

    def holder(self, name: str) -> str:
        """Who holds a name, in words; empty where nobody does."""
        stated = _stated(self._path(name))
        return f"process {stated['process']} on {stated['host']}" if stated else ""

    def _path(self, name: str) -> Path:
        return self.folder / f"{file_stem(name)}.claim"

    def _remove_void(self) -> None:
        for path in list(self.folder.glob("*.claim")):
            with suppress(OSError):
                _is_void(path, LEASE)
        sweep(self.folder)

    def _refresh(self) -> None:
        while not self._leaving.wait(LEASE / 10):
            for path in list(self._held.values()):
                with suppress(OSError):
                    os.utime(path)


@contextmanager
def alone_in(folder: str | Path) -> Iterator[None]:
    """Wait until no other process is in such a block for the folder, which is there.

    Blocks of one folder must not be nested. By a lock of the system, which ends with the process; where it has none,
    as for folders of some network file systems, by a file in the folder.
    """
    lock = Path(folder) / ".budget-lock"
    with _locked(folder) as is_alone:
        try:
            if not is_alone:
                with suppress(OSError):  # nothing can be written here, so nobody needs to be kept out
                    while not _take(lock, "", LOCK_LEASE):
                        time.sleep(_LOOK_AGAIN)
            yield
        finally:
            if not is_alone:
                _release(lock)


@contextmanager
def _locked(folder: str | Path) -> Iterator[bool]:
    """Wait for the system's lock of a folder; false where it has none."""
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield False
        return
    try:
        is_locked = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            is_locked = False
        yield is_locked
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _take(path: Path, name: str, lease: float) -> bool:
    """Make a claim, unless there is one that is not void."""
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            if not _is_void(path, lease):
                return False
        except FileNotFoundError:  # the folder, which the last one to leave removes
            path.parent.mkdir(parents=True, exist_ok=True)
        else:
            break
    owner, now = this_process(), time.strftime("%Y-%m-%dT%H:%M:%S%z")
    content = {"run": name, "host": platform.node(), "process": owner.process, "owner": owner.label, "time": now}
    try:
        os.write(descriptor, json.dumps(content).encode() + b"\n")
    except BaseException:  # a Ctrl-C too
        discard(os.fspath(path))
        raise
    finally:
        os.close(descriptor)
    return True


def _release(path: Path) -> None:
    """Remove a claim, if it is still this process's."""
    stated = _stated(path)
    if stated and stated["owner"] == this_process().label:
        discard(os.fspath(path))


def _is_void(path: Path, lease: float) -> bool:
    """Whether there is no claim, or one that was void and is removed."""
    try:
        seen = path.read_bytes()
        stated = _stated(path)
        owner = owner_of(stated["owner"]) if stated else None
        if owner is None:
            is_void = _is_stale(path, SETTLING)
        elif owner.is_here:
            is_void = owner.has_ended
        else:
            is_void = _is_stale(path, lease)
        return is_void and _put_aside(path, seen)
    except FileNotFoundError:
        return True


def _put_aside(path: Path, seen: bytes) -> bool:
    """Remove the claim that was seen; false where another process has made a new one meanwhile, which stays."""
    with _locked(path.parent):
        if path.read_bytes() != seen:
            return False
        aside = temporary_in(path.parent)
        os.rename(path, aside)
        is_that = Path(aside).read_bytes() == seen
        if not is_that:  # there are no locks, and it came in between
            try:
                os.link(aside, path)
            except OSError:
                os.rename(aside, path)
        discard(aside)
        return is_that


def _is_stale(path: Path, lease: float) -> bool:
    """Whether a claim was not refreshed for that long, by the clock that dates files there."""
    probe = temporary_in(path.parent)
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        return os.stat(probe).st_mtime - os.stat(path).st_mtime > lease
    finally:
        discard(probe)


def _stated(path: Path) -> dict[str, str] | None:
    """What a claim says, ``None`` where there is none or its writing was cut short."""
    try:
        content = json.loads(path.read_bytes())
        return content if isinstance(owner_of(content["owner"]), Owner) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
