"""What a link is fitted to: joined rows of loss and score, the two ends of each score, and both as a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.curves.fitting.batch import Batch, padded_rows
from budget.curves.fitting.constraints import Constraints, reduce
from budget.curves.link.link import LINK
from budget.curves.run_names import rows_by_task
from budget.errors import DataError
from budget.tables.checks.best_values import ceiling_of_range
from budget.tables.loss_score_pairs import Pairs, join
from budget.tables.runs import Runs

CHANCE = LINK.names.index("chance")


@dataclass(frozen=True)
class Joined:
    """M rows of T tasks that have a loss and a score.

    Attributes:
        scores: the M rows of the score, with the losses' task and run indices.
        loss: (M,) the loss of each.
        row: (M,) its position among the rows of the losses.
        there: (T,) whether the task has any row of the score, joined or not.
        best: (T,) best possible score, NaN where neither stated nor told by the values' range.
        chance: (T,) stated score of guessing, NaN where it is to be fitted.
        worst: (T,) the other end of the scale, beyond which a fitted chance cannot lie; NaN where it cannot be told.
        notes: rows and tasks without partner, and what was assumed.
    """

    scores: Runs
    loss: np.ndarray
    row: np.ndarray
    there: np.ndarray
    best: np.ndarray
    chance: np.ndarray
    worst: np.ndarray
    notes: tuple[str, ...]

    @property
    def sign(self) -> np.ndarray:
        """(T,) 1 where a higher score is better, −1 where a lower one is."""
        return np.where(self.scores.higher_is_better, 1.0, -1.0)

    @property
    def span(self) -> np.ndarray:
        """(T,) from best to the stated chance, or to the other end of the scale where chance is fitted."""
        return self.sign * (self.best - np.where(np.isfinite(self.chance), self.chance, self.worst))

    @property
    def distance(self) -> np.ndarray:
        """(M,) distance of each score to its task's best."""
        task = self.scores.task
        return self.sign[task] * (self.best[task] - self.scores.value)


def join_scores(losses: Runs, scores: Runs, best: np.ndarray | None, chance: np.ndarray | None) -> Joined:
    """Join the rows and settle what each score's ends are; arguments as of ``with_link``.

    Raises:
        DataError: a stated chance is not worse than the best score.
    """
    pairs, count = join(losses, scores), len(losses.tasks)
    home = np.array([scores.tasks.index(name) if name in scores.tasks else -1 for name in losses.tasks])
    there, unknown = home >= 0, np.full(count, np.nan)
    higher = np.where(there, scores.higher_is_better[home], True)
    joined = replace(
        scores.keep(pairs.score),
        tasks=losses.tasks,
        metric=(scores.metric[0],) * count,
        higher_is_better=higher,
        task=pairs.task,
        run=losses.run[pairs.loss],
        run_names=losses.run_names,
    )
    stated = unknown if best is None else best
    at_chance = np.where(there, scores.chance[home], np.nan)
    if chance is not None:
        at_chance = np.where(np.isfinite(chance), chance, at_chance)
    ends = np.where(there[:, None], _ends(scores)[home], np.nan)
    # best and worst are the two ends of one scale; which is which, the score's direction says
    top = np.where(higher, ends[:, 1], ends[:, 0])
    reached = np.where(np.isfinite(stated), stated, top)
    for task in np.flatnonzero(np.where(higher, at_chance >= reached, at_chance <= reached)):
        raise DataError(
            f"{scores.source}: guessing scores {at_chance[task]:g} at task '{losses.tasks[task]}', not worse than the "
            f"best score {reached[task]:g}; correct column 'unserved' or 'best' of the --tasks file."
        )
    return Joined(
        scores=replace(joined, chance=at_chance),
        loss=losses.value[pairs.loss],
        row=pairs.loss,
        there=there,
        best=reached,
        chance=at_chance,
        worst=np.where(higher, ends[:, 0], ends[:, 1]),
        notes=(*pairs.notes, *_assumed(pairs, losses.tasks, np.isnan(stated) & np.isfinite(top), top, at_chance)),
    )


def make_link_batch(joined: Joined, good: Sequence[int] | np.ndarray) -> Batch:
    """The rows of the tasks ``good`` as a batch of ``LINK``: distances to best over the span, against log losses.

    Axes and names are those of ``Batch``; its rows are positions among the losses, whose weights a draw carries.
    """
    good = np.asarray(good)
    members = rows_by_task(joined.scores, good)
    width = padded_rows(max(len(member) for member in members))
    count = len(good)
    z, value, weight = np.zeros((count, width, 1)), np.ones((count, width)), np.zeros((count, width))
    rows, reference, weight_unit = np.full((count, width), -1), np.empty((count, 1)), np.empty(count)
    lower, upper = np.tile(LINK.lower, (count, 1)), np.tile(LINK.upper, (count, 1))
    pinned = np.zeros((count, len(LINK.parameters)), dtype=bool)
    for position, (task, member) in enumerate(zip(good, members, strict=True)):
        there = slice(0, len(member))
        logs = np.log(joined.loss[member])
        # log losses count from their median, so that slope and midpoint are of order one and hardly correlated
        reference[position] = np.exp(np.median(logs))
        z[position, there, 0] = logs - np.median(logs)
        value[position, there] = joined.distance[member] / joined.span[task]
        weight_unit[position] = joined.scores.weight[member].mean()
        weight[position, there] = joined.scores.weight[member] / weight_unit[position]
        rows[position, there] = joined.row[member]
        pinned[position, CHANCE] = np.isfinite(joined.chance[task])
        upper[position, CHANCE] = 1.0
        # not the worst score: noise puts single scores below guessing, and one wild row would drag chance along
        lower[position, CHANCE] = 1.0 if pinned[position, CHANCE] else np.median(value[position, there])
    names = [joined.scores.tasks[task] for task in good]
    reduced = reduce(LINK, Constraints(), lower, upper, reference, joined.span[good], names)
    return Batch(
        good, z, value, weight, rows, reference, joined.span[good], lower, upper, pinned,
        reduced.offset, reduced.expand, reduced.select, reduced.lower, reduced.upper, weight_unit,
        np.zeros(count, dtype=bool),
    )  # fmt: skip


def _ends(scores: Runs) -> np.ndarray:
    """(T, 2) the ends of the tasks' scale by the score's values: 0, and 1 or 100 by those of all tasks."""
    count = len(scores.tasks)
    negative = np.isin(np.arange(count), scores.task[scores.value < 0])
    return np.column_stack([np.where(negative, np.nan, 0.0), ceiling_of_range(scores.value, scores.task, count)])


def _tasks(number: int) -> str:
    return f"{number} task{'' if number == 1 else 's'}"


def _assumed(
    pairs: Pairs, tasks: Sequence[str], guessed: np.ndarray, best: np.ndarray, chance: np.ndarray
) -> list[str]:
    """What was taken for the ends of the scores where nobody stated them."""
    linked = np.isin(np.arange(len(tasks)), pairs.task)
    notes = [
        f"The best possible score is taken as {value:g} for {_tasks(int((guessed & linked & (best == value)).sum()))}, "
        "by the range of their values; column 'best' of a --tasks file states it."
        for value in np.unique(best[guessed & linked])
    ]
    fitted = int((linked & np.isnan(chance)).sum())
    if fitted:
        notes.append(
            f"The level of guessing is fitted for {_tasks(fitted)}, where neither column 'unserved' of a --tasks file "
            "nor column 'chance' of the runs states it."
        )
    return notes
