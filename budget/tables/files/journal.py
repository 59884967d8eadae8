"""A file of lines that several processes append to: each line whole and on the disk before the next one.

See docs/decisions/149-finished-runs-go-to-a-journal.md.
"""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from budget.tables.files.temporary import naming

Entry = dict[str, Any]
"""One line: an object of JSON."""

_ID = 16
"""Digits by which one journal is told from the next of the same path."""

_FIRST = len(json.dumps({"journal": "0" * _ID})) + 1
"""Length of the line that holds them."""


class Journal:
    """Entries in the order in which processes appended them; there only while somebody has something to append.

    Whoever appends or removes holds a lock (``claims.alone_in``); whoever reads needs none. A line that a killed
    process left unfinished is nobody's.
    """

    def __init__(self, path: Path) -> None:
        """Name the file, which need not be there."""
        self.path = os.fspath(path)
        self._first = b""
        self._read_to = 0
        self._seen: tuple[int, int] | None = None

    def read(self) -> tuple[bool, list[Entry]]:
        """What was appended since the last look.

        Returns:
            Whether the file of the last look is gone or another one, whose entries come from the first on; and the
            entries.

        Raises:
            DataError: it cannot be read.
        """
        with naming(Path(self.path)):
            try:
                descriptor = os.open(self.path, os.O_RDONLY)  # network file systems look anew when a file is opened
            except FileNotFoundError:
                was_there, self._first, self._read_to, self._seen = self._first != b"", b"", 0, None
                return was_there, []
            try:
                found = os.fstat(descriptor)
                if self._seen == (found.st_ino, found.st_size):
                    return False, []
                first = os.pread(descriptor, _FIRST, 0)
                new_from = self._read_to if first == self._first else 0
                new = os.pread(descriptor, max(found.st_size - new_from, 0), new_from)
            finally:
                os.close(descriptor)
        is_other = self._first not in (b"", first)
        self._first, self._read_to = first, new_from
        whole = new[: new.rfind(b"\n") + 1]  # somebody is about to write the rest, or was killed
        self._read_to += len(whole)
        self._seen = (found.st_ino, found.st_size)
        entries = []
        for line in whole.splitlines():
            with suppress(ValueError):  # it was cut short
                entries.append(json.loads(line))
        return is_other, [entry for entry in entries if isinstance(entry, dict)]

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add a line and bring it to the disk.

        Raises:
            DataError: it cannot be written; at most an unfinished line was.
        """
        line = json.dumps(entry, allow_nan=False, default=_plain).encode() + b"\n"
        with naming(Path(self.path)):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                size = os.fstat(descriptor).st_size
                if size == 0:
                    line = json.dumps({"journal": secrets.token_hex(_ID // 2)}).encode() + b"\n" + line
                elif os.pread(descriptor, 1, size - 1) != b"\n":
                    line = b"\n" + line
                left = memoryview(line)
                while left:
                    left = left[os.write(descriptor, left) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def remove(self) -> None:
        """Remove the file, if it is there.

        Raises:
            DataError: it cannot be removed.
        """
        with naming(Path(self.path)), suppress(FileNotFoundError):
            os.unlink(self.path)


def _plain(number: Any) -> Any:
    """A NumPy number as Python's."""
    return number.item()
