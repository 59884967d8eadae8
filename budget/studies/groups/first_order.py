"""Larger groups predicted from pairs: each task's mean gain over the partners it would have."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from budget.studies.groups.measured_transfer import TransferMatrix
from budget.tables.candidates import Candidates, Measured
from budget.tables.cotrained import Cotrained

MOST_GROUPS = 8_192
"""Sets of tasks that are predicted at most (all of 13 tasks); of more tasks only the smaller sets are."""


@dataclass(frozen=True)
class Pool:
    """What groups are chosen from.

    Attributes:
        candidates: the M models; those that were measured come first.
        predicted: (M,) whether a model's values are predicted from pairs, and not measured.
        trained_on: (M,) the tasks of each model, of which it may serve only some.
        notes: what was not predicted and why, one sentence each.
    """

    candidates: Candidates
    predicted: np.ndarray
    trained_on: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def pool_of_candidates(candidates: Candidates) -> Pool:
    """The candidates as they are, all measured."""
    tasks = np.array(candidates.tasks, dtype=object)
    models = range(len(candidates.models))
    trained_on = tuple(tuple(tasks[np.sort(candidates.task[candidates.model == model])]) for model in models)
    return Pool(candidates, np.zeros(len(candidates.models), dtype=bool), trained_on)


def pool_of_pairs(measured: Cotrained, matrix: TransferMatrix, *, predict: bool = True) -> Pool:
    """The measured sets of a table of pairs and, where asked, every larger set predicted from them.

    The value of task i in a group is its value alone plus the mean of its gains over the others in the group, the
    first-order estimate of Standley et al. 2020 (arXiv 1905.07553), with which Fifty et al.
    2021 (arXiv 2109.04617) compare. A set with a pair that nobody measured is not predicted, and a
    measured set keeps its measured values.

    Args:
        measured: the table.
        matrix: its matrix, see ``measured_transfer``.
        predict: whether sets that were not measured are added.
    """
    served = [position for position, name in enumerate(measured.tasks) if name in matrix.tasks]
    models = [measured.name(model) for model in range(len(measured.sets))]
    cost, trained_on = measured.cost.tolist(), [tuple(measured.tasks[t] for t in each) for each in measured.sets]
    model, task, value = measured.model.tolist(), measured.task.tolist(), measured.value.tolist()
    notes: list[str] = []
    pair_costs = {float(measured.cost[m]) for m, each in enumerate(measured.sets) if len(each) == 2}
    if predict and len(pair_costs) > 1:
        notes.append("No larger group is predicted: pairs differ in cost, so nothing says what a group would cost.")
    elif predict and pair_costs:
        (pair_cost,) = pair_costs
        # of one cost of pairs a task has one value alone, whoever it is paired with
        alone = np.array([row[np.isfinite(row)][0] if np.isfinite(row).any() else np.nan for row in matrix.alone])
        steps = matrix.together - matrix.alone
        lacking = 0
        known = set(measured.sets)
        sizes, cut = _sizes(len(matrix.tasks))
        for group in _groups(len(matrix.tasks), sizes):
            positions = tuple(served[each] for each in group)
            if positions in known:
                continue
            inside = steps[np.ix_(group, group)]
            # a task gains nothing from itself, and is not among its partners
            np.fill_diagonal(inside, 0.0)
            predicted = alone[list(group)] + inside.sum(axis=1) / (len(group) - 1)
            # a pair that nobody measured makes the group unknown; 0 for it would be a claim
            if np.isnan(predicted).any():
                lacking += 1
                continue
            model += [len(models)] * len(group)
            task += positions
            value += predicted.tolist()
            trained_on.append(tuple(measured.tasks[t] for t in positions))
            models.append("|".join(trained_on[-1]))
            cost.append(pair_cost)
        if cut:
            notes.append(f"Groups of more than {sizes} tasks are not predicted: there are more than {MOST_GROUPS:,}.")
        if lacking:
            notes.append(f"{lacking:,} groups are not predicted, since a pair in them was not measured.")
    values = Measured("", np.array(value), np.empty((0, len(value))))
    candidates = Candidates(
        source=measured.source,
        models=tuple(models),
        tasks=matrix.tasks,
        cost=np.array(cost),
        model=np.array(model, dtype=int),
        task=np.array([served.index(each) for each in task], dtype=int),
        select=values,
        report=values,
        metric=measured.metric,
        higher_is_better=measured.higher_is_better,
    )
    return Pool(candidates, np.arange(len(models)) >= len(measured.sets), tuple(trained_on), tuple(notes))


def _sizes(tasks: int) -> tuple[int, bool]:
    """The largest size of group up to which there are at most ``MOST_GROUPS``, and whether larger ones are left out."""
    total = 0
    for size in range(2, tasks + 1):
        total += comb(tasks, size)
        if total > MOST_GROUPS:
            return size - 1, True
    return tasks, False


def _groups(tasks: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Sets of three tasks and more, up to the largest size: pairs are measured or missing."""
    for size in range(3, largest + 1):
        yield from combinations(range(tasks), size)
