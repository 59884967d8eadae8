"""How far a plan of runs is, on standard error: a bar on a terminal, elsewhere a line a run."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Sweep = Callable[[int, int, float, float, str], None]
"""Called with (runs done, runs in all, FLOPs done, FLOPs in all, the run's name), see `lab.collect.Progress`."""


class Pace:
    """The time left if all goes on as it did since the first call."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Take a clock, in seconds."""
        self._now = now
        self._begin: tuple[float, int, float] | None = None

    def left(self, done: int, total: int, flops_done: float, flops_total: float) -> float | None:
        """Seconds, by FLOPs where they are known, else by runs; ``None`` before anything was done and at the end."""
        if self._begin is None:
            self._begin = (self._now(), done, flops_done)
        begin, done_before, flops_before = self._begin
        if flops_total:
            gone, missing = flops_done - flops_before, flops_total - flops_done
        else:
            gone, missing = done - done_before, total - done
        return (self._now() - begin) * missing / gone if gone > 0 and done < total else None


@contextmanager
def sweep(tell: Callable[[str], None]) -> Iterator[Sweep]:
    """Show the progress of a plan; `tell` prints a line."""
    pace = Pace()

    def words(done: int, total: int, flops_done: float, flops_total: float) -> list[str]:
        left = pace.left(done, total, flops_done, flops_total)
        share = [f"{flops_done / flops_total:.0%} of {_short(flops_total)} FLOPs"] if flops_total else []
        return share if left is None else [*share, f"{duration(left)} left"]

    def line(done: int, total: int, flops_done: float, flops_total: float, run: str) -> None:
        parts = [f"{done}/{total} runs", *words(done, total, flops_done, flops_total)]
        if run:
            tell(f"{', '.join(parts)}: {run}")

    if not sys.stderr.isatty():
        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.completed}/{task.total} runs"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=None)

        def draw(done: int, total: int, flops_done: float, flops_total: float, run: str) -> None:
            told = ", ".join(words(done, total, flops_done, flops_total))
            bars.update(bar, completed=done, total=total, description=told, refresh=True)

        yield draw


def duration(seconds: float) -> str:
    """A time in the unit that suits it, such as ``40 s``, ``3 min``, ``2.5 h`` or ``3.1 days``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def _short(number: float) -> str:
    """Three digits, such as ``4.2e9``."""
    return re.sub(r"e\+0*", "e", f"{number:.3g}")
