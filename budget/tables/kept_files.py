"""Contents kept by a key of what they were made of, in a folder of bounded size, for any number of processes.

What a process adds goes into one file, or several where it is much, which appears whole by a rename and is never
changed: first an index, then the contents, each with a hash. A file, an index or a content that is cut off, damaged or
not there is a miss, and is written anew. So nothing waits for the disk, nobody holds a lock, and what a thousand
commands have kept is found by reading a thousand short indices. The files that were not used for longest go first.

See docs/decisions/171-fits-are-kept-by-task.md.
"""

import os
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from budget.tables.files.temporary import discard, temporary_in

MOST_BYTES, MOST_FILES = 1_000_000_000, 1_000
"""What a folder holds at most."""

LEFT = 0.8
"""Share of it that is left when it was too full."""

A_FILE = 16_000_000
"""Bytes from which on what was added is written, and the next file begun."""

DAY = 86_400.0
"""Seconds after which a use is noted: the order of use need not be known better."""

ENDING = ".kept"
_FORMAT = b"budget kept 1\n"
_HEAD = struct.Struct("<QI32s")
"""Behind the format: how many contents, how long the index is, and its hash."""
_ENTRY = struct.Struct("<32sQ32s")
"""Of the index: a key, how long its content is, and the hash of both."""


@dataclass(frozen=True)
class _Place:
    path: str
    first: int
    size: int
    digest: bytes


@dataclass
class KeptFiles:
    """A folder of contents by key; whatever goes wrong with it costs time and nothing else.

    Attributes:
        folder: where the files are, which only the user can read; made when something is written.
        most_bytes: how much it holds.
        most_files: how many files.
        is_full: that nothing more could be written, such as on a disk that is full or into a folder that is not ours.
    """

    folder: Path
    most_bytes: int = MOST_BYTES
    most_files: int = MOST_FILES
    is_full: bool = False
    _places: dict[bytes, _Place] | None = None
    _new: dict[bytes, bytes] = field(default_factory=dict)
    _waiting: int = 0

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What was added under each key of 32 bytes; ``None`` where it is not there, or not whole."""
        if self._places is None:
            self._places = _indexed(self.folder)
        found: dict[bytes, bytes | None] = {}
        by_file: dict[str, list[bytes]] = {}
        for key in keys:
            if key in self._new:
                found[key] = self._new[key]
            elif key in self._places:
                by_file.setdefault(self._places[key].path, []).append(key)
        for path, some in by_file.items():
            with suppress(OSError), open(path, "rb") as stream:
                if abs(time.time() - os.fstat(stream.fileno()).st_mtime) > DAY:
                    with suppress(OSError):
                        os.utime(path)
                for key in some:
                    found[key] = _content(stream, key, self._places[key])
            if any(found.get(key, b"") is None for key in some):
                discard(path)  # or what is written anew might be looked for in it again
        return [found.get(key) for key in keys]

    def add(self, key: bytes, content: bytes) -> None:
        """Keep a content under a key of 32 bytes, or leave it; it is in the folder once enough is, or at ``flush``."""
        if self.is_full:
            return
        self._new[key] = content
        self._waiting += len(content)
        if self._waiting >= A_FILE:
            self.flush()

    def flush(self) -> None:
        """Write what was added."""
        if not self._new or self.is_full:
            return
        index = b"".join(_ENTRY.pack(key, len(each), _digest(key, each)) for key, each in self._new.items())
        head = _FORMAT + _HEAD.pack(len(self._new), len(index), sha256(index).digest())
        beside = ""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = temporary_in(self.folder)
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.writelines([head, index, *self._new.values()])
            path = os.path.join(self.folder, f"{sha256(index).hexdigest()[:32]}{ENDING}")
            os.replace(beside, path)
            _trim(self.folder, self.most_bytes, self.most_files)
        except OSError:
            self.is_full = True
            if beside:
                discard(beside)
        else:
            if self._places is not None:
                self._places |= _places(path, index, len(head))
        self._new, self._waiting = {}, 0


def _digest(key: bytes, content: bytes) -> bytes:
    digest = sha256(key)
    digest.update(content)
    return digest.digest()


def _content(stream: BinaryIO, key: bytes, place: _Place) -> bytes | None:
    stream.seek(place.first)
    content = stream.read(place.size)
    return content if _digest(key, content) == place.digest else None


def _indexed(folder: Path) -> dict[bytes, _Place]:
    """Where every content stands."""
    found: dict[bytes, _Place] = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for path in sorted(entry.path for entry in entries if entry.name.endswith(ENDING)):
            with suppress(OSError), open(path, "rb") as stream:
                head = stream.read(len(_FORMAT) + _HEAD.size)
                if not head.startswith(_FORMAT) or len(head) < len(_FORMAT) + _HEAD.size:
                    continue
                count, size, digest = _HEAD.unpack(head[len(_FORMAT) :])
                index = stream.read(size) if size == count * _ENTRY.size else b""
                if sha256(index).digest() == digest:
                    found |= _places(path, index, len(head))
    return found


def _places(path: str, index: bytes, head: int) -> dict[bytes, _Place]:
    """Where the contents of a file stand, by its index, behind as many bytes of a head."""
    found, first = {}, head + len(index)
    for key, size, digest in _ENTRY.iter_unpack(index):
        found[key] = _Place(path, first, size, digest)
        first += size
    return found


def _trim(folder: Path, most_bytes: int, most_files: int) -> None:
    """Remove the files that were not used for longest, where there are too many."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(ENDING):
                with suppress(OSError):  # somebody else has just removed it
                    about = entry.stat(follow_symlinks=False)
                    found.append((about.st_mtime, about.st_size, entry.path))
    size, count = sum(each[1] for each in found), len(found)
    if size <= most_bytes and count <= most_files:
        return
    for _, of_it, path in sorted(found):
        if size <= LEFT * most_bytes and count <= LEFT * most_files:
            return
        discard(path)
        size, count = size - of_it, count - 1
