"""One attempt at a run: a program from its start to its end, its output passed on to a log as it comes."""

import os
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from budget.lab.runner.guard import Guard
from budget.lab.runner.ledger import Row
from budget.lab.runner.printed import LastResult, RunFailed, rows_of

_LOOK_AGAIN = 0.1
_CHUNK = 2**16
_CHUNKS_AFTER_END = 64


class Stopped(Exception):
    """The whole sweep is ending."""


def attempt(
    words: list[str],
    planned: Mapping[str, str],
    log: IO[bytes],
    timeout: float | None,
    guard: Guard,
    stop: threading.Event,
) -> tuple[Row, ...]:
    """Run a program to its end; what it started ends with it.

    Args:
        words: the program and its arguments.
        planned: its row of the plan with its name as `run`.
        log: takes the command line, what the program prints, and how it ended.
        timeout: seconds after which it is ended.
        guard: where it is started.
        stop: set when it shall be ended at once.

    Returns:
        The rows that it measured.

    Raises:
        RunFailed: it measured nothing.
        Stopped: `stop` was set.
        OSError: the log cannot be written.
    """
    _note(log, f"$ {shlex.join(words)}")
    begin = time.monotonic()
    try:
        printed = _run(words, log, timeout, guard, stop)
        rows = rows_of(printed, planned, time.monotonic() - begin)
    except RunFailed as failure:
        _note(log, f"# {failure}")
        raise
    _note(log, f"# finished after {time.monotonic() - begin:.2f} s")
    return rows


def _run(
    words: list[str], log: IO[bytes], timeout: float | None, guard: Guard, stop: threading.Event
) -> dict[str, object] | None:
    """The object that a program printed, ``None`` where there is none."""
    try:
        process = guard.start(words, log.fileno())
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise RunFailed("not started", f"'{words[0]}' cannot be started ({said})") from None
    result = LastResult()
    try:
        code = _follow(process, log, result, timeout, stop)
    finally:
        guard.end(process)
        assert process.stdout is not None
        process.stdout.close()
    if code:
        raise RunFailed("exit code", _ending(code))
    return result.end()


def _follow(
    process: subprocess.Popen[bytes], log: IO[bytes], result: LastResult, timeout: float | None, stop: threading.Event
) -> int:
    """The exit code of a program, once it is over and what it printed is passed on.

    A program that it started and that lives on may hold the pipe open; that is not waited for.
    """
    assert process.stdout is not None
    last = None if timeout is None else time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)

        def pass_on(wait: float) -> bool:
            if not (selector.get_map() and selector.select(wait)):
                return False
            chunk = os.read(process.stdout.fileno(), _CHUNK)  # type: ignore[union-attr]
            if not chunk:
                selector.unregister(process.stdout)  # type: ignore[arg-type]
                return False
            log.write(chunk)
            log.flush()
            result.feed(chunk)
            return True

        while process.poll() is None:
            if stop.is_set():
                raise Stopped
            wait = _LOOK_AGAIN if last is None else min(_LOOK_AGAIN, last - time.monotonic())
            if wait <= 0:
                raise RunFailed("timeout", f"it was ended after {timeout:g} s")
            if selector.get_map():
                pass_on(wait)
            else:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(wait)
        for _ in range(_CHUNKS_AFTER_END):
            if not pass_on(0):
                break
    return int(process.returncode)


def _ending(code: int) -> str:
    if code > 0:
        return f"it ended with exit code {code}"
    with suppress(ValueError):
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it was ended by signal {-code}"


def _note(log: IO[bytes], line: str) -> None:
    log.write(line.encode(errors="surrogateescape") + b"\n")
    log.flush()
