"""Reading what several commands read: runs, settings of their tasks, candidates, curves. Heavy imports stay inside."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from budget.commands.options.option_types import written_condition
from budget.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from budget.commands.options.fitting_options import Fitting
    from budget.commands.options.option_types import Words
    from budget.commands.options.reading_options import Linking, Reading, Selecting
    from budget.curves.curves import Curves
    from budget.tables.candidates import Candidates
    from budget.tables.checks.quality import Finding
    from budget.tables.cotrained import Cotrained
    from budget.tables.runs import Runs
    from budget.tables.tasks import TaskSettings


def read_inputs(
    runs_path: str,
    reading: Reading,
    mixtures: str | None = None,
    *,
    scales: Sequence[str] = (),
    of_all_strategies: bool = False,
) -> tuple[Runs, TaskSettings]:
    """The runs, and the settings of their tasks.

    Args:
        runs_path: the file of runs.
        reading: how it is read.
        mixtures: the file of what each run was trained on.
        scales: columns that are scales though they have other names.
        of_all_strategies: whether runs of every strategy are wanted, and not only the specialists' where there are any.

    Raises:
        DataError: a file cannot be used.
    """
    from budget.tables.columns import column_mapping
    from budget.tables.mixtures import with_mixtures
    from budget.tables.specialist_runs import of_specialists

    mapping = column_mapping(reading.columns)
    runs = _runs_as_asked(runs_path, reading, reading.where, scales)
    by_task = {"task", mapping.get("task", "task")} & {column.rstrip("!<>=~") for column, _ in reading.where}
    tasks = read_task_settings(reading.tasks_path, runs.tasks, mapping, chosen=bool(by_task))
    runs = runs.with_chance(tasks.unserved)
    if not of_all_strategies:
        runs = of_specialists(runs)
    if mixtures:
        runs = with_mixtures(runs, mixtures, columns=mapping)
    return runs, tasks.select(runs.tasks)


SERVED_BY = ("strategy", "model_tasks", "n_tasks")
"""Columns that say how a run served its tasks."""


def read_beside(runs_path: str, reading: Reading, runs: Runs) -> Runs | None:
    """The specialists of the same tasks, where ``--where`` has chosen the runs of another strategy from the file.

    Args:
        runs_path: the file of runs.
        reading: how it is read.
        runs: those that were chosen.

    Raises:
        DataError: the file cannot be used.
    """
    from budget.tables.specialist_runs import specialists_beside
    from budget.tables.strategy_runs import SPECIALIST

    others = tuple(pair for pair in reading.where if pair[0].rstrip("!<>=~") not in SERVED_BY)
    shared = [arm for arm in runs.strategy_runs if arm.strategy not in SPECIALIST]
    if len(others) == len(reading.where) or not shared:
        return None
    return specialists_beside(_runs_as_asked(runs_path, reading, others), runs.tasks)


def _runs_as_asked(runs_path: str, reading: Reading, where: Words, scales: Sequence[str] = ()) -> Runs:
    """The runs of a file, read as the options say, with a filter."""
    from budget.tables.columns import column_mapping
    from budget.tables.runs import read_runs

    if reading.save:
        _save(runs_path, reading)
    return read_runs(
        runs_path,
        columns=column_mapping(reading.columns),
        where=where,
        task=reading.task,
        higher_is_better=reading.higher_is_better,
        last_of=reading.last_of,
        wide=reading.wide,
        every=reading.every,
        scales=scales,
    )


def _save(runs_path: str, reading: Reading) -> None:
    """Keep how a file is read, its guessed columns too."""
    from budget.commands.running.output import echo_notes
    from budget.commands.running.project import save_reading
    from budget.tables.columns import column_mapping
    from budget.tables.reading.runs_table import guess_of

    mapping = column_mapping(reading.columns)
    guess = guess_of(runs_path, mapping, reading.where, task=reading.task, wide=reading.wide, every=reading.every)
    tasks = reading.tasks_path
    options = {
        "column": [f"{canonical}={theirs}" for canonical, theirs in {**mapping, **guess.columns}.items()],
        "where": [written_condition(*pair) for pair in reading.where],
        "task": reading.task or guess.task,
        "wide": reading.wide,
        "last-of": reading.last_of or guess.last_of,
        "every": reading.every,
        "higher-is-better": reading.higher_is_better or guess.higher_is_better,
        "tasks": os.path.relpath(tasks, Path(runs_path).parent) if tasks else None,
    }
    echo_notes(save_reading(runs_path, options))


def is_of_all_strategies(law: str) -> bool:
    """Whether a law is fitted across strategies, as the laws of one model for several tasks are."""
    from budget.curves.laws.table import LAWS

    return law in LAWS and LAWS[law].is_of_one_model


def read_task_settings(
    path: str | None, names: tuple[str, ...], columns: Mapping[str, str], chosen: bool = False
) -> TaskSettings:
    """What the tasks file says of some tasks, see ``read_tasks``; weight 1 and nothing else without one."""
    from budget.tables.tasks import default_tasks, read_tasks

    return read_tasks(path, names, columns=columns, chosen=chosen) if path else default_tasks(names)


def read_candidates_or_cotrained(path: str, selecting: Selecting) -> tuple[Candidates | Cotrained, TaskSettings]:
    """Candidates or a table of pairs, whichever the file is, and the settings of its tasks.

    Raises:
        DataError: the file cannot be used, or a split of pairs is asked for.
    """
    from budget.tables.columns import column_mapping
    from budget.tables.cotrained import has_partners, read_cotrained

    mapping = column_mapping(selecting.columns)
    if not has_partners(path, mapping):
        return read_selected_candidates(path, selecting)
    if selecting.select or selecting.report:
        raise DataError("--select and --report are for candidates; choose a split of pairs with --where split=NAME.")
    table = read_cotrained(path, columns=mapping, where=selecting.where, higher_is_better=selecting.higher_is_better)
    return table, read_task_settings(selecting.tasks_path, table.measured_tasks, mapping)


def read_selected_candidates(path: str, selecting: Selecting) -> tuple[Candidates, TaskSettings]:
    """Candidates of the splits asked for, and the settings of their tasks.

    Raises:
        DataError: a file cannot be used.
    """
    from budget.tables.candidates import read_candidates
    from budget.tables.columns import column_mapping

    mapping = column_mapping(selecting.columns)
    candidates = read_candidates(
        path,
        columns=mapping,
        where=selecting.where,
        higher_is_better=selecting.higher_is_better,
        select=selecting.select,
        report=selecting.report,
    )
    return candidates, read_task_settings(selecting.tasks_path, candidates.tasks, mapping)


def read_linked(
    runs_path: str, reading: Reading, linking: Linking, fitting: Fitting
) -> tuple[Runs, Runs | None, TaskSettings]:
    """The losses and the scores where a link is asked for, else the runs and nothing; and the task settings.

    Raises:
        DataError: a file cannot be used, or mixtures are given with two metrics.
    """
    from budget.tables.columns import column_mapping
    from budget.tables.loss_score_pairs import read_pair

    if linking.loss_metric is None and linking.score_metric is None:
        across = is_of_all_strategies(fitting.law)
        runs, tasks = read_inputs(runs_path, reading, fitting.mixtures, scales=fitting.scales, of_all_strategies=across)
        return runs, None, tasks
    if fitting.scales:
        raise DataError("--scales is for a law of one metric; leave it out, or --loss-metric and --score-metric.")
    if fitting.mixtures:
        raise DataError("--mixtures is for a law of one metric; leave it out, or --loss-metric and --score-metric.")
    mapping = column_mapping(reading.columns)
    losses, scores = read_pair(
        runs_path,
        linking.loss_metric,
        linking.score_metric,
        columns=mapping,
        where=reading.where,
        task=reading.task,
        last_of=reading.last_of,
    )
    return losses, scores, read_task_settings(reading.tasks_path, losses.tasks, mapping)


def settings_of_losses(tasks: TaskSettings, scores: Runs | None) -> TaskSettings:
    """The task settings as the losses' fit reads them: where there are scores, best and unserved values are theirs."""
    if scores is None:
        return tasks
    from budget.tables.tasks import default_tasks

    unstated = default_tasks(tasks.names)
    return replace(tasks, best=unstated.best, unserved=unstated.unserved)


def find_doubts(runs: Runs, best: np.ndarray, law: str, scale: str | None, positive: bool = True) -> list[Finding]:
    """The data-quality report on runs for the law that they are fitted to.

    Args:
        runs: of T tasks.
        best: (T,) best values, NaN where none is stated.
        law: the law, or ``auto``.
        scale: what a law of one scale reads.
        positive: whether values must be above 0.
    """
    from budget.curves.laws.table import AUTO, LAWS, law_for, law_inputs, law_of
    from budget.tables.checks.quality import check

    name = law_for(runs, searched=not positive) if law == AUTO else law
    inputs = law_inputs(runs, LAWS[name], scale)
    form = law_of(name, inputs)
    if form.is_posterior:
        return check(runs, inputs, 1, best, positive, identified=False)
    return check(runs, inputs, len(form.parameters) - form.reads_mixtures, best, positive)


def refuse_named_scales(scales: Sequence[str]) -> None:
    """Refuse to plan over scales whose cost nobody states.

    Raises:
        DataError: there are any.
    """
    if scales:
        raise DataError(
            f"Curves over {' and '.join(scales)} (--scales) can be predicted and backtested and not planned: what a "
            "run costs is known of params and tokens alone; plan with curves that were fitted without --scales."
        )


def refuse_unplanned(curves: Curves) -> None:
    """Refuse curves over scales whose cost nobody states, which a file may hold.

    Raises:
        DataError: they are such.
    """
    if curves.form.reads_named_scales:
        refuse_named_scales(curves.scale_columns)


def read_usable_curves(
    curves_path: str,
    tasks_path: str | None,
    columns: Words,
    *,
    more_tables: bool = False,
    scores: bool = False,
    plan_on: str | None = None,
    only: Sequence[str] = (),
) -> tuple[Curves, TaskSettings, tuple[str, ...]]:
    """The curves that plans use, the settings of those tasks and then of tasks without a curve, and notes on these.

    Args:
        curves_path: the curves file.
        tasks_path: the tasks file, where there is one.
        columns: ``--column``.
        more_tables: whether other tables are read whose columns these may name.
        scores: whether only tasks with a link count.
        plan_on: what plans are made on; as the file says where it is not given.
        only: the tasks that are meant; all where there are none.

    Raises:
        AllocationError: one that is meant is no task.
        DataError: a file cannot be used, or the columns are of none.
    """
    from budget.allocation.answer import only_of, settings_of, usable_curves
    from budget.curves.records.curves_files import read_curves
    from budget.tables.columns import column_mapping

    if columns and not (tasks_path or more_tables):
        raise DataError("--column names columns of the tasks file; give that with --tasks.")
    curves = read_curves(curves_path)
    refuse_unplanned(curves)
    tasks = read_task_settings(tasks_path, curves.tasks, column_mapping(columns))
    curves, tasks = only_of(curves, tasks, only)
    usable, notes = usable_curves(curves, tasks, plan_on, scores)
    return usable, settings_of(usable, tasks, scores), (*tasks.notes, *notes)


def read_strategies(
    paths: Sequence[str],
    tasks_path: str | None,
    columns: Words,
    name_of: Callable[[Curves, str], str],
    plan_on: str | None = None,
) -> tuple[dict[str, Curves], TaskSettings, tuple[str, ...]]:
    """Strategy → its usable curves, one file each, the settings of the tasks of all, and notes.

    Args:
        paths: the curves files.
        tasks_path: the tasks file, where there is one.
        columns: ``--column``.
        name_of: names a file's strategy by its curves and the file's stem, which tells strategies of one name apart.
        plan_on: what plans are made on; as each file says where it is not given.

    Raises:
        DataError: a file cannot be used or is given twice.
    """
    from budget.allocation.answer import usable_curves
    from budget.curves.records.curves_files import read_curves
    from budget.tables.columns import column_mapping

    if columns and not tasks_path:
        raise DataError("--column names columns of the tasks file; give that with --tasks.")
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise DataError(f"{twice} is given twice; give one curves file for each strategy.")
    read = {path: read_curves(path) for path in paths}
    measured = tuple(dict.fromkeys(name for curves in read.values() for name in curves.tasks))
    tasks = read_task_settings(tasks_path, measured, column_mapping(columns))
    stems = [Path(path).stem for path in paths]
    files = stems if len(set(stems)) == len(stems) else list(paths)
    words = [name_of(curves, stem) for curves, stem in zip(read.values(), stems, strict=True)]
    usable, notes = {}, list(tasks.notes)
    for word, file, curves in zip(words, files, read.values(), strict=True):
        name = word if words.count(word) == 1 else f"{word} ({file})"
        refuse_unplanned(curves)
        usable[name], more = usable_curves(curves, tasks.select(curves.tasks), plan_on)
        notes += more if len(paths) == 1 else [f"By {name}: {note}" for note in more]
    every = dict.fromkeys(name for curves in usable.values() for name in curves.tasks)
    return usable, tasks.select(tuple(every)), tuple(notes)
