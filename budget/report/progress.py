"""Progress bars on standard error: drawn on a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Bar = Callable[[int, int], None]
"""Called with (done, total)."""


@contextmanager
def steps() -> Iterator[Callable[[str], Bar] | None]:
    """Bars for several steps: yields step name → its bar, or ``None`` where standard error is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def start(step: str) -> Bar:
            bar = bars.add_task(step, total=None)
            return lambda done, total: bars.update(bar, completed=done, total=total)

        yield start


@contextmanager
def step(name: str) -> Iterator[Bar | None]:
    """One bar, or ``None`` where standard error is not a terminal."""
    with steps() as start:
        yield start(name) if start else None
