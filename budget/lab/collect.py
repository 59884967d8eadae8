"""Working through a plan, whoever trains: what is finished is kept, what fails is recorded, the rest goes on."""

import math
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass

from budget.errors import MeasureError
from budget.lab.ledger import DIVERGED, Failure, Ledger, Row

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
    train: Callable[[list[str]], Generator[Outcome, None, None]],
    progress: Progress | None = None,
) -> None:
    """Train the runs that have no result yet, diverged ones excepted, and keep each as it ends.

    A warning names each failure, and says how many diverged runs were skipped.

    Args:
        ledger: where results and failures are kept.
        flops: name of each run of the plan, in order, and its FLOPs; NaN where they are not known.
        train: trains runs by name and gives their outcomes in any order; closing it ends what is in flight.
        progress: see `Progress`.

    Raises:
        MeasureError: at the end, runs of the plan are without a result; or, at once, something cannot be written.
    """
    finished, diverged = ledger.finished(), ledger.diverged()
    ledger.forget(finished)
    skipped = [run for run in flops if run in diverged - finished]
    if skipped:
        _warn(
            f"{_runs(len(skipped))} diverged before and not repeated; to repeat one, delete its line in "
            f"{ledger.failed_path}."
        )
    waiting = [run for run in flops if run not in finished | diverged]
    total = sum(flops.values())
    known = math.isfinite(total)
    done = len(flops) - len(waiting)
    flops_done = total - sum(flops[run] for run in waiting)

    def tell(run: str) -> None:
        if progress:
            progress(done, len(flops), flops_done if known else 0.0, total if known else 0.0, run)

    tell("")
    with closing(train(waiting)) as outcomes:
        for outcome in outcomes:
            if outcome.failure:
                ledger.fail(outcome.failure)
                _warn(_sentence(outcome.failure, ledger))
            else:
                ledger.add(outcome.run, list(outcome.rows))
            done, flops_done = done + 1, flops_done + flops[outcome.run]
            tell(outcome.run)
    _refuse_missing(ledger, flops)


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
