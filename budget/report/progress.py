"""Progress on standard error of what takes more than two seconds.

On a terminal it is bars, in a notebook one line that is written again, elsewhere lines, ever rarer.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Timer
from typing import TextIO

from budget.report.measuring_progress import Pace, duration
from budget.report.verbosity import VERBOSITY

Bar = Callable[[int, int], None]
"""Called with (done, total)."""

STREAM: ContextVar[TextIO | None] = ContextVar("STREAM")
"""Where progress is shown, ``None`` for nowhere; standard error where nobody says."""

SECONDS_OF_SILENCE = 2.0
"""What takes no longer shows no progress."""


@contextmanager
def steps() -> Iterator[Callable[[str], Bar] | None]:
    """Progress of several steps: yields step name → its bar, or ``None`` where nothing is to be said.

    A step ends where the next begins. Elsewhere than on a terminal a line follows after 2, 4, 8, … seconds of a step.
    """
    asked, stream = VERBOSITY.get(), STREAM.get(sys.stderr)
    if asked.quiet or stream is None:
        yield None
    elif stream.isatty():
        with _bars(asked.color, stream) as start:
            yield start
    elif "ipykernel" in sys.modules:
        with _one_line(stream) as start:
            yield start
    else:
        yield lambda name: _line_writer(name, stream)


@contextmanager
def step(name: str) -> Iterator[Bar | None]:
    """One bar, or ``None`` where nothing is to be said."""
    with steps() as start:
        yield start(name) if start else None


@contextmanager
def _bars(color: bool | None, stream: TextIO) -> Iterator[Callable[[str], Bar]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(file=stream, no_color=True if color is False else None)
    bars = Progress(*columns, console=console, transient=True)

    def start(step: str) -> Bar:
        bar = bars.add_task(step, total=None)
        return lambda done, total: bars.update(bar, completed=done, total=total)

    late = Timer(SECONDS_OF_SILENCE, bars.start)
    late.daemon = True
    late.start()
    try:
        yield start
    finally:
        late.cancel()
        late.join()  # it may be starting them
        bars.stop()


@contextmanager
def _one_line(stream: TextIO) -> Iterator[Callable[[str], Bar]]:
    """A line that each step writes over, at most once a second, and that is gone in the end."""
    began = shown = time.monotonic()
    width = 0

    def start(step: str) -> Bar:
        pace = Pace()

        def bar(done: int, total: int) -> None:
            nonlocal shown, width
            left, now = pace.left(done, total, 0.0, 0.0), time.monotonic()
            if now < began + SECONDS_OF_SILENCE or now < shown + 1:
                return
            shown = now
            said = f"{step}: {done:,} of {total:,}" + (f", about {duration(left)} left" if left is not None else "")
            print(f"\r{said:{width}}", end="", file=stream, flush=True)
            width = len(said)

        return bar

    try:
        yield start
    finally:
        if width:
            print(f"\r{'':{width}}\r", end="", file=stream, flush=True)


def _line_writer(step: str, stream: TextIO) -> Bar:
    began, due = time.monotonic(), SECONDS_OF_SILENCE
    pace = Pace()

    def bar(done: int, total: int) -> None:
        nonlocal due
        left = pace.left(done, total, 0.0, 0.0)
        passed = time.monotonic() - began
        if passed >= due and left is not None:
            due = 2 * passed
            print(f"{step}: {done:,} of {total:,}, about {duration(left)} left", file=stream)

    return bar
