"""Progress on standard error of what takes more than two seconds: bars on a terminal, elsewhere lines, ever rarer."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from budget.report.measuring_progress import Pace, duration
from budget.report.verbosity import VERBOSITY

Bar = Callable[[int, int], None]
"""Called with (done, total)."""

SECONDS_OF_SILENCE = 2.0
"""What takes no longer shows no progress."""


@contextmanager
def steps() -> Iterator[Callable[[str], Bar] | None]:
    """Progress of several steps: yields step name → its bar, or ``None`` where nothing is to be said.

    A step ends where the next begins. Elsewhere than on a terminal a line follows after 2, 4, 8, … seconds of a step.
    """
    asked = VERBOSITY.get()
    if asked.quiet:
        yield None
    elif sys.stderr.isatty():
        with _bars(asked.color) as start:
            yield start
    else:
        yield _line_writer


@contextmanager
def step(name: str) -> Iterator[Bar | None]:
    """One bar, or ``None`` where nothing is to be said."""
    with steps() as start:
        yield start(name) if start else None


@contextmanager
def _bars(color: bool | None) -> Iterator[Callable[[str], Bar]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True, no_color=True if color is False else None)
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


def _line_writer(step: str) -> Bar:
    began, due = time.monotonic(), SECONDS_OF_SILENCE
    pace = Pace()

    def bar(done: int, total: int) -> None:
        nonlocal due
        left = pace.left(done, total, 0.0, 0.0)
        passed = time.monotonic() - began
        if passed >= due and left is not None:
            due = 2 * passed
            print(f"{step}: {done:,} of {total:,}, about {duration(left)} left", file=sys.stderr)

    return bar
