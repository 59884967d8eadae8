"""A task's loss and its score, from rows of two metrics: read apart, joined row by row."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from budget.errors import DataError
from budget.numerics.quoting import shown
from budget.tables.columns import read_table
from budget.tables.files.text import require_columns
from budget.tables.runs import Runs, read_runs
from budget.tables.specialist_runs import of_specialists

SAME_SCALE = 9
"""Decimals of a scale's logarithm that two rows of equal scale have in common."""

SHOWN = 8
"""How many rows or tasks a note names one by one."""


@dataclass(frozen=True)
class Pairs:
    """M pairs of a loss and a score that were measured on one model.

    Attributes:
        task: (M,) index into the losses' tasks.
        loss: (M,) positions among the rows of the losses.
        score: (M,) positions among the rows of the scores.
        notes: the rows and tasks that have no partner, and what was assumed, one sentence each.
    """

    task: np.ndarray
    loss: np.ndarray
    score: np.ndarray
    notes: tuple[str, ...]


def read_pair(
    path: str | Path,
    loss_metric: str | None,
    score_metric: str | None,
    *,
    columns: Mapping[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    task: str | None = None,
    last_of: str | None = None,
) -> tuple[Runs, Runs]:
    """Read the rows of two metrics of one file.

    Args:
        path: the file, with a column ``metric``.
        loss_metric: the metric that the law is fitted to; lower is better.
        score_metric: the metric that is wanted; higher is better where the file does not say.
        columns: canonical column name → the file's own.
        where: conditions (column, value) that rows must meet, none of them on the metric.
        task: the task's name, for a file of one task without a ``task`` column.
        last_of: the column of which only the last row of each name counts, see ``read_runs``.

    Returns:
        The losses and the scores.

    Raises:
        DataError: one metric alone is given, both are the same, the metric is chosen twice, higher is better for the
            loss, no task has both metrics, or the file cannot be read.
    """
    if not (loss_metric and score_metric):
        given, lacking = ("--loss-metric", "--score-metric") if loss_metric else ("--score-metric", "--loss-metric")
        raise DataError(f"{given} needs {lacking} beside it: the link joins the rows of two metrics; give both.")
    if loss_metric == score_metric:
        raise DataError(f"--loss-metric and --score-metric are both {shown(loss_metric)}; a link needs two metrics.")
    theirs = (columns or {}).get("metric", "metric")
    if any(column in ("metric", theirs) for column, _ in where):
        raise DataError("--loss-metric and --score-metric choose the metric; leave out --where metric=.")
    require_columns(read_table(path, "runs", columns), ["metric"], path)
    losses, scores = (
        read_runs(
            path,
            columns=columns,
            where=(*where, ("metric", metric)),
            task=task,
            higher_is_better=better,
            last_of=last_of,
        )
        for metric, better in ((loss_metric, False), (score_metric, True))
    )
    losses, scores = of_specialists(losses), of_specialists(scores)
    if losses.higher_is_better.any():
        name = losses.tasks[int(losses.higher_is_better.argmax())]
        raise DataError(
            f"{path}: higher is better for {shown(loss_metric)} of task {shown(name)}, and a loss falls with scale; "
            "give the two metrics the other way round, or correct column 'higher_is_better'."
        )
    if not set(losses.tasks) & set(scores.tasks):
        raise DataError(
            f"{path}: no task has both metrics: {shown(loss_metric)} is there for {_some(losses.tasks)}, "
            f"{shown(score_metric)} "
            f"for {_some(scores.tasks)}; choose two that one task has."
        )
    return losses, scores


def join(losses: Runs, scores: Runs) -> Pairs:
    """Find the pairs: rows of one task and one ``run``; of equal scale where a task's rows have no run ids.

    Where a run has several rows (checkpoints), they are told apart by their scales. Several rows that even these do not
    tell apart are paired in the file's order where there are as many of both, and stay without a partner otherwise.

    Args:
        losses: rows of the loss.
        scores: rows of the score; tasks are matched by name.
    """
    names = losses.metric[0], scores.metric[0]
    pairs: list[tuple[int, int, int]] = []
    alone: tuple[list[int], list[int]] = ([], [])
    in_order: list[str] = []
    for task, name in enumerate(losses.tasks):
        if name not in scores.tasks:
            continue
        rows = losses.rows_of(task), scores.rows_of(scores.tasks.index(name))
        mine, theirs = _keyed(losses, rows[0], scores, rows[1])
        for key in dict.fromkeys((*mine, *theirs)):
            left, right = mine.get(key, []), theirs.get(key, [])
            if len(left) != len(right):
                alone[0].extend(left)
                alone[1].extend(right)
                continue
            pairs += [(task, first, second) for first, second in zip(left, right, strict=True)]
            if len(left) > 1 and name not in in_order:
                in_order.append(name)
    notes = [_lacking(losses, scores, names[1]), _lacking(scores, losses, names[0])]
    notes += [_unpaired_note(losses, alone[0], *names), _unpaired_note(scores, alone[1], *names[::-1])]
    if in_order:
        notes.append(
            f"Rows of equal scale are paired in the file's order for {_some(in_order)}; column 'run' tells them apart."
        )
    found = np.array(pairs, dtype=int).reshape(-1, 3)
    return Pairs(found[:, 0], found[:, 1], found[:, 2], tuple(note for note in notes if note))


def _keyed(
    losses: Runs, loss_rows: np.ndarray, scores: Runs, score_rows: np.ndarray
) -> tuple[dict[Hashable, list[int]], dict[Hashable, list[int]]]:
    """The rows of one task by what joins them: the run, the run at a scale, or the scale."""
    sides = ((losses, loss_rows), (scores, score_rows))
    named = all(_is_named(runs, row) for runs, rows in sides for row in rows)
    once = named and all(len(np.unique(runs.run[rows])) == len(rows) for runs, rows in sides)
    scales = [name for name in losses.scale if name in scores.scale]

    def key(runs: Runs, row: int) -> Hashable:
        run = runs.run_names[runs.run[row]] if named else ""
        logs = () if once else tuple(float(np.log(runs.scale[name][row]).round(SAME_SCALE)) for name in scales)
        return run, logs

    result: tuple[dict[Hashable, list[int]], dict[Hashable, list[int]]] = ({}, {})
    for keyed, (runs, rows) in zip(result, sides, strict=True):
        for row in rows.tolist():
            keyed.setdefault(key(runs, row), []).append(row)
    return result


def _is_named(runs: Runs, row: int) -> bool:
    """Whether the file names the row's run; a row without one was given its own number as a name."""
    return runs.run_names[runs.run[row]] != f"row {runs.row[row]}"


def _lacking(runs: Runs, other: Runs, metric: str) -> str:
    """The tasks of ``runs`` that lack the other metric."""
    names = [name for name in runs.tasks if name not in other.tasks]
    return f"No {shown(metric)} for {_some(names)}: no link there." if names else ""


def _unpaired_note(runs: Runs, rows: Sequence[int], metric: str, other: str) -> str:
    if not rows:
        return ""
    numbers = [str(row) for row in sorted(runs.row[list(rows)].tolist())]
    what, verb = ("Row", "has") if len(rows) == 1 else ("Rows", "have")
    return (
        f"{what} {_some(numbers)} of {shown(metric)} {verb} no {shown(other)} of the same run or scale: not in the "
        "link."
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
