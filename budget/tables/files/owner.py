"""Which process made a file, so that what a killed process left behind is told from what a live one still needs."""

import hashlib
import os
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path

_LABEL = re.compile(r"([0-9a-f]{12})-(\d+)-(\d+)")


@dataclass(frozen=True)
class Owner:
    """A process.

    Attributes:
        machine: digest of the host's name and of its namespace of process ids, in which a number means one process.
        process: its id.
        started: when it began, in clock ticks since the machine did, which tells it from a later process of its id;
            0 where the system does not say.
    """

    machine: str
    process: int
    started: int

    @property
    def label(self) -> str:
        """The owner as a part of a file name, read back by `owner_of`."""
        return f"{self.machine}-{self.process}-{self.started}"

    @property
    def is_here(self) -> bool:
        """Whether this machine can tell if it is alive."""
        return self.machine == _machine()

    @property
    def has_ended(self) -> bool:
        """Whether it is known to be dead: of a process of another machine nobody here can say."""
        return self.is_here and os.name == "posix" and not _runs(self.process, self.started)


def this_process() -> Owner:
    """The process that asks."""
    return Owner(_machine(), os.getpid(), _state(os.getpid())[1])


def owner_of(label: str) -> Owner | None:
    """The owner that a label names, ``None`` where it is none."""
    found = _LABEL.fullmatch(label)
    return Owner(found[1], int(found[2]), int(found[3])) if found else None


def is_older(path: str | os.PathLike[str], seconds: float) -> bool:
    """Whether a file was last changed longer ago than that, by this machine's clock."""
    return time.time() - os.stat(path, follow_symlinks=False).st_mtime > seconds


def _machine() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{platform.node()} {namespace}".encode()).hexdigest()[:12]


def _runs(process: int, started: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        pass
    state, began = _state(process)
    return state not in ("Z", "X") and (not started or not began or began == started)


def _state(process: int) -> tuple[str, int]:
    """Its state and when it began; empty and 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return "", 0
    return fields[0], int(fields[19])
