"""Working through a plan, whoever trains: what is finished is kept, what fails is recorded, the rest goes on."""

import itertools
import math
import time
import warnings
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from budget.errors import MeasureError
from budget.lab.runner.ledger import DIVERGED, Failure, Ledger, Row, keeping
from budget.tables.files.claims import Claims

_LOOK_AGAIN = 0.5
"""Seconds between two looks at what other processes have done."""

Progress = Callable[[int, int, float, float, str], None]
"""Called with (runs done, runs in all, FLOPs done, FLOPs in all, the run's name), before the first run and after each.

The counts include the runs that were there before and those that failed; before the first run the name is empty.
FLOPs in all are 0 where they are not known of every run.
"""


@dataclass(frozen=True)
class Outcome:
    """A run that ended.

    Attributes:
        run: its name.
        rows: what it measured, a row a task; nothing where it failed.
        failure: why it measured nothing.
    """

    run: str
    rows: tuple[Row, ...] = ()
    failure: Failure | None = None


def collect(
    ledger: Ledger,
    flops: Mapping[str, float],
    train: Callable[[Iterator[str]], Generator[Outcome, None, None]],
    progress: Progress | None = None,
) -> None:
    """Train the runs that have no result yet, diverged ones excepted, and keep each as it ends.

    Several processes may do so for one file of runs: each run is claimed before it is started, those of others are
    waited for, and those of a process that was killed are taken over. A warning names each failure, and says how many
    diverged runs were skipped.

    Args:
        ledger: where results and failures are kept.
        flops: name of each run of the plan, in order, and its FLOPs; NaN where they are not known.
        train: trains runs by name and gives their outcomes in any order; it takes a name from the iterator only when
            it can start that run, and closing it ends what is in flight.
        progress: see `Progress`.

    Raises:
        MeasureError: at the end, runs of the plan are without a result; or, at once, something cannot be written.
    """
    with ledger:
        _collect(ledger, flops, train, progress)
    _refuse_missing(ledger, flops)


def _collect(
    ledger: Ledger,
    flops: Mapping[str, float],
    train: Callable[[Iterator[str]], Generator[Outcome, None, None]],
    progress: Progress | None,
) -> None:
    finished, diverged = set(ledger.finished()), ledger.diverged()
    ledger.forget(finished)
    skipped = [run for run in flops if run in diverged and run not in finished]
    if skipped:
        _warn(
            f"{_runs(len(skipped))} diverged before and not repeated; to repeat one, delete its line in "
            f"{ledger.failed_path}."
        )
    total = sum(flops.values())
    known = math.isfinite(total)
    done = sum(flops[run] for run in flops if run in finished or run in diverged)

    def tell(run: str, waiting: Collection[str]) -> None:
        nonlocal done
        if run:
            done += flops[run]
        if progress:
            progress(len(flops) - len(waiting), len(flops), done if known else 0.0, total if known else 0.0, run)

    with Claims(ledger.claims) as claims:
        work = SharedWork(ledger, claims, [run for run in flops if run not in finished and run not in diverged], tell)
        tell("", work.waiting)
        while work.waiting:
            started = work.start()
            first = next(started, None)
            if first is None:
                work.wait_for_others()
                continue
            with closing(train(itertools.chain([first], started))) as outcomes:
                for outcome in outcomes:
                    if outcome.failure:
                        ledger.fail(outcome.failure)
                        _warn(_sentence(outcome.failure, ledger))
                    else:
                        ledger.add(outcome.run, list(outcome.rows))
                    claims.release(outcome.run)
                    work.end(outcome.run)


class SharedWork:
    """The runs that are still to be done, by this process or another one.

    Attributes:
        waiting: their names, in order.
    """

    def __init__(
        self, ledger: Ledger, claims: Claims, runs: Iterable[str], tell: Callable[[str, Collection[str]], None]
    ) -> None:
        """Begin; `tell` is called with each run that ends, and those that are left."""
        self.waiting = dict.fromkeys(runs)
        self._ledger, self._claims, self._tell = ledger, claims, tell
        self._before = dict(ledger.failures())
        self._has_said = False

    def start(self) -> Iterator[str]:
        """Claim one run after the other, as they are asked for; what others have ended meanwhile is left out."""
        for run in list(self.waiting):
            if self._has_ended(run):
                self.end(run)
                continue
            with keeping():
                is_taken = self._claims.take(run)
            if not is_taken:
                continue
            if self._has_ended(run):  # between the two looks
                self._claims.release(run)
                self.end(run)
                continue
            yield run

    def end(self, run: str) -> None:
        """Take note that a run has ended."""
        del self.waiting[run]
        self._tell(run, self.waiting)

    def wait_for_others(self) -> None:
        """Pause, for all that is left is claimed by others; say so once."""
        if not self._has_said and self.waiting:
            self._has_said = True
            others = sorted({holder for run in self.waiting if (holder := self._claims.holder(run))})
            if others:
                _warn(f"{_runs(len(self.waiting))} in the hands of {' and '.join(others)}; waiting for their results.")
        time.sleep(_LOOK_AGAIN)

    def _has_ended(self, run: str) -> bool:
        """Whether another process has kept a result of a run, or a failure that was not there at the beginning."""
        failure = self._ledger.failures().get(run)
        return run in self._ledger.finished() or (failure is not None and failure != self._before.get(run))


def _refuse_missing(ledger: Ledger, flops: Mapping[str, float]) -> None:
    missing = flops.keys() - ledger.finished()
    if not missing:
        return
    diverged = missing & ledger.diverged()
    if len(diverged) < len(missing):
        remedy = "mend the cause and start the same command again, which repeats those that did not diverge"
    else:
        remedy = "to repeat one, delete its line there and start the same command again"
    raise MeasureError(
        f"{len(missing)} of {_runs(len(flops))} failed ({len(diverged)} diverged) and are listed in "
        f"{ledger.failed_path}; {remedy}."
    )


def _sentence(failure: Failure, ledger: Ledger) -> str:
    verb = DIVERGED if failure.reason == DIVERGED else f"failed ({failure.reason})"
    return f"run '{failure.run}' {verb}: {failure.detail}; see {failure.log or ledger.failed_path}."


def _runs(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"


def _warn(sentence: str) -> None:
    warnings.warn(sentence, RuntimeWarning, stacklevel=3)
