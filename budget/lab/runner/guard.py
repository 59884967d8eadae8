"""Process groups that end with this process, however it ends. Run as a script, it is the process that sees to that."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

GRACE = 5.0
"""Seconds between asking a group to end (SIGTERM) and ending it (SIGKILL)."""


class Guard:
    """Starts programs, each in a process group of its own, inside a `with` block.

    A small process beside this one holds the end of a pipe: when this process is gone without having ended its
    groups, killed outright for example, the pipe closes and that process ends them.
    """

    def __enter__(self) -> "Guard":
        """Start the process beside this one."""
        self._lock = threading.Lock()
        self._beside = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, text=True,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process beside this one."""
        with suppress(OSError):
            self._beside.communicate()

    def start(self, words: list[str], stderr: int) -> subprocess.Popen[bytes]:
        """Start a program with this environment and folder, no input, and its output in a pipe.

        Raises:
            OSError: it cannot be started.
            ValueError: a word holds a null byte.
        """
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
        )
        self._say(f"+{process.pid}")
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End what is left of a program's group, the programs it started included: SIGTERM, then SIGKILL."""
        last = time.monotonic() + GRACE
        if _signal_group(process.pid, signal.SIGTERM):
            while time.monotonic() < last and (process.poll() is None or _anybody_runs(process.pid)):
                time.sleep(0.05)
            _signal_group(process.pid, signal.SIGKILL)
        process.wait()
        self._say(f"-{process.pid}")

    def _say(self, line: str) -> None:
        with self._lock, suppress(OSError):
            assert self._beside.stdin is not None
            self._beside.stdin.write(line + "\n")
            self._beside.stdin.flush()


def _signal_group(group: int, number: int) -> bool:
    """Whether there was still somebody in the group to send it to."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return False
    return True


def _anybody_runs(group: int) -> bool:
    """Whether a group has a process that has not ended: one that has may wait long for its parent to take note."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended while we looked
            state, _, of = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
            members += [state] if int(of) == group else []
    return _signal_group(group, 0) and (not members or any(state not in "ZX" for state in members))


def _keep_watch(lines: Iterable[str]) -> None:
    """Kill the groups that were named with a plus sign and not yet with a minus sign when the lines end."""
    groups: set[int] = set()
    for line in lines:
        if not line.endswith("\n"):
            break
        (groups.add if line.startswith("+") else groups.discard)(int(line[1:]))
    for group in groups:
        _signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    _keep_watch(sys.stdin)
