"""Standard output and error of a command: where one is closed, full, or read by nobody any more.

See docs/decisions/107-exit-code-141.md.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from budget.errors import DataError, ReaderGoneError


class _Output(io.FileIO):
    """Standard output, which keeps why it could not be written."""

    failure: OSError | None = None

    def write(self, data: object) -> int:
        """Write bytes."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            self.failure = error
            raise


class _Error(io.FileIO):
    """Standard error, on which nothing can fail: where it is full or closed the results are still kept."""

    def write(self, data: object) -> int:
        """Write bytes, as far as they can be."""
        with suppress(OSError):
            return super().write(data)  # type: ignore[arg-type]
        return len(data)  # type: ignore[arg-type]


@contextmanager
def watched_streams() -> Iterator[None]:
    """Put streams that are watched in the place of the process's own.

    In the place of a closed one Python has `None`, on which printing does nothing, so that a result would be lost
    without a word. Its descriptor is taken, lest a file that is opened next gets the number of standard output.
    """
    before = sys.stdout, sys.stderr
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(_Output, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(_Error, sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _stream(kind: type[io.FileIO], of: TextIO | None) -> TextIO:
    descriptor = os.open(os.devnull, os.O_RDONLY) if of is None else of.fileno()
    return io.TextIOWrapper(
        io.BufferedWriter(kind(descriptor, "w", closefd=False)), encoding=of.encoding if of else "utf-8",
        errors=of.errors if of else "replace", line_buffering=True,
    )  # fmt: skip


@contextmanager
def writing_output() -> Iterator[None]:
    """Say that standard output cannot be written; an `OSError` of anything else stays what it is.

    Raises:
        ReaderGoneError: whoever read it has left.
        DataError: it is full or closed.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError:
        failure = getattr(getattr(getattr(sys.stdout, "buffer", None), "raw", None), "failure", None)
        if failure is None:
            raise
        _drop(sys.stdout)
        if isinstance(failure, BrokenPipeError):
            raise ReaderGoneError("standard output: nobody reads it any more.") from None
        reason = "it is closed" if failure.errno == errno.EBADF else failure.strerror
        raise DataError(f"standard output: cannot be written ({reason}); send it to a file that can be.") from None


def _drop(stream: TextIO) -> None:
    """Let what a stream still holds, and whatever follows, go nowhere: it would fail again when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
