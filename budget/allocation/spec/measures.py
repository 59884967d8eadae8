"""What a task's value is to a plan: its own metric, its progress, or its score, always as something to make small.

A measure is a record with the function that makes it from curves and task settings; nothing outside this table compares
its name. To add one, add a record to ``MEASURES`` (the commands' choices repeat the names, so that ``--help`` loads
nothing).

See docs/decisions/036-measure-is-an-affine-map.md,
docs/decisions/045-adding-values-of-one-metric.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.spec.objectives import record_of
from budget.curves.curves import Curves
from budget.curves.link.link import Link
from budget.errors import AllocationError
from budget.numerics.quoting import listed
from budget.numerics.words import shortened
from budget.tables.checks.status import LINK_STATUS
from budget.tables.runs import Runs
from budget.tables.tasks import TaskSettings

SPREAD = 10.0
"""Ratio of best scores, told by the values' range alone, from which they are taken to be in different units."""


@dataclass(frozen=True)
class Measure:
    """How T tasks' distances to their best become numbers that can be added up, smaller being better.

    Attributes:
        name: one of ``MEASURES``.
        scale: (T,) positive factor of the distance; not read for scores.
        shift: (T,) what is added; not read for scores.
        sign: 1 where the reader's number is the measure, −1 where it is the negative (higher is better).
        metric: name of what the reader sees.
        link: from distance to score, for scores only.
        note: what is to be said of its choice, "" where it was asked for.
        is_share: whether it is a share of the way from unserved to best, and no amount of a metric.
    """

    name: str
    scale: np.ndarray
    shift: np.ndarray
    sign: float
    metric: str
    link: Link | None = None
    note: str = ""
    is_share: bool = False

    @property
    def linear(self) -> bool:
        """Whether the measure is the distance up to scale and shift."""
        return self.link is None

    @property
    def higher_is_better(self) -> bool:
        """Direction of what the reader sees."""
        return self.sign < 0

    def of(self, task: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """The measure of tasks (R,) at distances (…, R)."""
        if self.link is None:
            return self.scale[task] * distance + self.shift[task]
        return self.sign * self.link.value(task, distance)

    def of_draws(self, task: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """The same for distances (B, …, R) of draws: each draw's loss goes through its own link."""
        if self.link is None:
            return self.of(task, distance)
        return self.sign * self.link.value_draws(task, distance)

    def of_value(self, curves: Curves, task: np.ndarray, value: np.ndarray) -> np.ndarray:
        """The measure of values (R,) in the file's own unit: of a target, or of an unserved value."""
        if self.link is not None:
            return self.sign * value
        return self.of(task, distance_of(curves, task, value))


def distance_of(curves: Curves, task: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Distance to best (R,) of values in the file's own unit."""
    return np.where(curves.higher_is_better[task], curves.ceiling[task] - value, value)


def measure_of(curves: Curves, tasks: TaskSettings, name: str | None, *, worst: bool = False) -> Measure:
    """The measure of a name; by default the value where all tasks have one metric, else the progress.

    Args:
        curves: usable curves of T tasks.
        tasks: task settings for them.
        name: one of ``MEASURES``, ``None`` for the default.
        worst: whether only the worst task counts. The one that ends highest would then take the whole budget, and
            tasks of lower floors nothing, so that by default progress counts where it can be told.

    Raises:
        AllocationError: the values cannot be compared, or what the measure needs is not stated.
    """
    if name is None and worst and has_one_metric([curves]):
        return _of_the_worst(curves, tasks)
    return record_of("Measure", name or default_measure([curves]), MEASURES).make(curves, tasks)


def default_measure(curves: Sequence[Curves | Runs]) -> str:
    """The name of the measure that sets of tasks have in common: value where all have one metric, else progress."""
    return "value" if has_one_metric(curves) else "progress"


def has_one_metric(curves: Sequence[Curves | Runs]) -> bool:
    """Whether all tasks of these sets have one metric of one direction; of no tasks none can differ."""
    return len(set().union(*(_kinds(each) for each in curves))) <= 1


def _kinds(curves: Curves | Runs) -> dict[tuple[str, bool], None]:
    """The metrics of the tasks, each with whether higher is better."""
    return dict.fromkeys(zip(curves.metric, curves.higher_is_better.tolist(), strict=True))


def _of_the_worst(curves: Curves, tasks: TaskSettings) -> Measure:
    """Progress where it can be told, else the value; both with what has to be said."""
    value = _value(curves, tasks)
    best = curves.present(np.arange(len(curves.tasks)), _best_distances(curves, tasks)[0])
    ends = [best, tasks.unserved]
    if all(np.ptp(np.nan_to_num(end, nan=np.inf)) == 0 for end in ends if np.isfinite(end).any()):
        return value  # tasks of one best and one unserved value: progress would order them alike
    apart = f"the tasks' best values lie between {best.min():.4g} and {best.max():.4g}"
    try:
        progress = _progress(curves, tasks)
    except AllocationError:
        note = (
            f"The worst task is told by the values themselves, and {apart}: the task that ends worst takes nearly all, "
            "easy ones nearly nothing. Fill columns 'unserved' and 'best' of the tasks file, and progress counts "
            "instead."
        )
        return replace(value, note=note)
    note = f"The worst task is told by progress from unserved to best, since {apart}; --measure value takes the values."
    return replace(progress, note=note)


def _value(curves: Curves, tasks: TaskSettings) -> Measure:
    kinds = _kinds(curves)
    if len(kinds) > 1:
        names = ", ".join(f"{metric} ({'higher' if higher else 'lower'} is better)" for metric, higher in kinds)
        raise AllocationError(
            f"The weighted mean needs one metric, and these tasks have {names}; choose one with "
            f"--where metric={next(iter(kinds))[0]}, or compare them by --measure progress, where a weight of "
            "best − unserved counts a task by its own values (plan reports one metric)."
        )
    count = len(curves.tasks)
    if not curves.higher_is_better[0]:
        return Measure("value", np.ones(count), np.zeros(count), 1.0, curves.metric[0])
    # values of one metric may be added whatever their size; ends that nobody stated may tell that they are not of one
    ceiling = curves.ceiling[~(np.isfinite(curves.best) | np.isfinite(tasks.best))]
    if len(ceiling) and ceiling.max() >= SPREAD * ceiling.min():
        raise AllocationError(
            f"The scores are in different units: best possible values from {ceiling.min():g} to {ceiling.max():g}, by "
            "their range; bring them to one, state them in column 'best' of the tasks file if they are in one, or use "
            "--measure progress, where a weight of best − unserved gives the total."
        )
    return Measure("value", np.ones(count), -curves.ceiling, -1.0, curves.metric[0])


def refuse_unstated_unserved(measured: Curves | Runs, unserved: np.ndarray) -> None:
    """Refuse to compare tasks by progress where what they reach without anything is not stated.

    Args:
        measured: the tasks' curves, or the runs that they are not fitted to yet.
        unserved: (T,) value of each task when it is given nothing, NaN where nobody says.

    Raises:
        AllocationError: names the tasks, and the column to fill.
    """
    missing = [name for name, given in zip(measured.tasks, np.isfinite(unserved), strict=True) if not given]
    if missing:
        several = "These tasks have several metrics, so they are compared by progress, which"
        why = several if len(_kinds(measured)) > 1 else "Progress"
        raise AllocationError(
            f"{why} needs the value of a task that is given nothing: fill column 'unserved' of the tasks file for "
            f"{listed(missing)}."
        )


def _best_distances(curves: Curves, tasks: TaskSettings) -> tuple[np.ndarray, np.ndarray]:
    """(T,) distances of the best values, and which are stated, for the plan or for the fit; the others are floors."""
    best = np.where(np.isfinite(tasks.best), tasks.best, curves.best)
    stated = np.isfinite(best)
    return np.where(
        stated, distance_of(curves, np.arange(len(best)), best), curves.form.floor(curves.parameters)
    ), stated


def _progress(curves: Curves, tasks: TaskSettings) -> Measure:
    """``(unserved − value)/(unserved − best)``, mirrored where higher is better; its negative is made small."""
    unserved = np.where(np.isfinite(tasks.unserved), tasks.unserved, curves.unserved)
    refuse_unstated_unserved(curves, unserved)
    every = np.arange(len(curves.tasks))
    best, stated = _best_distances(curves, tasks)
    floors = {curves.form.names[position] for position in curves.form.where("floor")}
    unknown = [
        name
        for name, bounds, known in zip(curves.tasks, curves.bounds, stated | curves.higher_is_better, strict=True)
        if floors & set(bounds) and not known
    ]
    if unknown:
        raise AllocationError(
            f"The best value of {listed(unknown)} is unknown (the fitted floor is at its bound): fill column 'best' "
            "of the tasks file."
        )
    worst = distance_of(curves, every, unserved)
    wrong = [name for name, right in zip(curves.tasks, worst > best, strict=True) if not right]
    if wrong:
        raise AllocationError(
            f"The unserved value of {listed(wrong)} is no worse than the best one; correct column 'unserved' or "
            "'best' of the tasks file."
        )
    gap = worst - best
    return Measure("progress", 1 / gap, -worst / gap, -1.0, "progress", is_share=True)


def _score(curves: Curves, tasks: TaskSettings) -> Measure:
    link = curves.link
    if link is None:
        raise AllocationError(
            "These curves have no link to a score: fit again with --loss-metric and --score-metric, or use another "
            "--measure."
        )
    lost = [
        f"{name} ({code}: {LINK_STATUS[code].advice})"
        for name, code in zip(curves.tasks, link.status, strict=True)
        if not LINK_STATUS[code].used
    ]
    if lost:
        raise AllocationError(
            f"No score can be predicted for {shortened(lost, 5)}; leave these tasks "
            "out with --where, or plan on the loss."
        )
    if np.ptp(link.higher_is_better.astype(int)):
        raise AllocationError("The scores of these tasks have different directions; choose tasks with --where.")
    nothing = np.empty(0)
    return Measure("score", nothing, nothing, -1.0 if link.higher_is_better[0] else 1.0, link.metric, link)


@dataclass(frozen=True)
class MeasureRecord:
    """One way to say what a task's value is.

    Attributes:
        name: what ``--measure`` takes and JSON holds.
        words: what it is, in a line.
        make: (usable curves of T tasks, their settings) → the measure; raises where it cannot be told.
        follows_growth: whether a growing set of tasks can be followed by it.
        needs_one_metric: whether tasks of several metrics have no sum by it.
        needs_link: whether only tasks with a link to a score can be planned by it.
        needs_unserved: whether the value of a task that is given nothing must be stated.
    """

    name: str
    words: str
    make: Callable[[Curves, TaskSettings], Measure]
    follows_growth: bool = True
    needs_one_metric: bool = False
    needs_link: bool = False
    needs_unserved: bool = False


MEASURES = {
    record.name: record
    for record in (
        MeasureRecord("value", "the task's own metric", _value, needs_one_metric=True),
        MeasureRecord(
            "progress", "share of the way from the unserved value to the best one", _progress, needs_unserved=True
        ),
        MeasureRecord(
            "score", "the score that the link predicts from the loss", _score, follows_growth=False, needs_link=True
        ),
    )
}
"""What a task's value is."""
