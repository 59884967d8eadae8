"""What the commands share: reading files, fitting them, saying what was found. Heavy imports stay inside."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from budget.errors import DataError
from budget.numerics.quoting import escaped
from budget.options import as_number


def read_inputs(
    runs_path: str,
    columns: tuple,
    where: tuple,
    task: str | None,
    higher_is_better: bool,
    last_of: str | None,
    tasks_path: str | None,
    mixtures: str | None,
    law: str | None = None,
) -> tuple[Any, Any]:
    """The runs and the settings of their tasks; of several strategies the specialists', unless the law is of all."""
    from budget.tables.columns import column_mapping
    from budget.tables.mixtures import with_mixtures
    from budget.tables.runs import read_runs
    from budget.tables.specialist_runs import of_specialists

    mapping = column_mapping(columns)
    runs = read_runs(
        runs_path, columns=mapping, where=where, task=task, higher_is_better=higher_is_better, last_of=last_of
    )
    tasks = read_task_settings(tasks_path, runs.tasks, mapping)
    runs = runs.with_chance(tasks.unserved)
    if not is_of_all_strategies(law):
        runs = of_specialists(runs)
    if mixtures:
        runs = with_mixtures(runs, mixtures, columns=mapping)
    return runs, tasks.select(runs.tasks)


def is_of_all_strategies(law: str | None) -> bool:
    """Whether a law is fitted across strategies, as the laws of one model for several tasks are."""
    from budget.curves.laws.table import LAWS

    return law is not None and law in LAWS and LAWS[law].is_of_one_model


def read_task_settings(path: str | None, names: tuple[str, ...], columns: dict[str, str]) -> Any:
    """What the tasks file says of some tasks; weight 1 and nothing else without one."""
    from budget.tables.tasks import default_tasks, read_tasks

    return read_tasks(path, names, columns=columns) if path else default_tasks(names)


TOGETHER_NAMES = ("columns", "where", "higher_is_better", "select", "report", "tasks_path")


def read_together(
    path: str,
    columns: tuple,
    where: tuple,
    higher_is_better: bool,
    select: str | None,
    report: str | None,
    tasks_path: str | None,
) -> tuple[Any, Any]:
    """Candidates or a table of pairs, whichever the file is, and the settings of its tasks."""
    from budget.tables.candidates import read_candidates
    from budget.tables.columns import column_mapping
    from budget.tables.cotrained import has_partners, read_cotrained

    mapping = column_mapping(columns)
    if not has_partners(path, mapping):
        table: Any = read_candidates(
            path, columns=mapping, where=where, higher_is_better=higher_is_better, select=select, report=report
        )
        return table, read_task_settings(tasks_path, table.tasks, mapping)
    if select or report:
        raise DataError("--select and --report are for candidates; choose a split of pairs with --where split=NAME.")
    table = read_cotrained(path, columns=mapping, where=where, higher_is_better=higher_is_better)
    return table, read_task_settings(tasks_path, table.measured_tasks, mapping)


def read_linked(
    runs_path: str, *, loss_metric: str | None, score_metric: str | None, **reading: Any
) -> tuple[Any, Any, Any]:
    """The losses and the scores where a link is asked for, else the runs and nothing; and the task settings."""
    from budget.tables.columns import column_mapping
    from budget.tables.loss_score_pairs import read_pair

    if loss_metric is None and score_metric is None:
        runs, tasks = read_inputs(runs_path, **reading)
        return runs, None, tasks
    columns, path = column_mapping(reading["columns"]), reading["tasks_path"]
    if reading["mixtures"]:
        raise DataError("--mixtures is for a law of one metric; leave it out, or --loss-metric and --score-metric.")
    losses, scores = read_pair(
        runs_path,
        loss_metric,
        score_metric,
        columns=columns,
        where=reading["where"],
        task=reading["task"],
        last_of=reading["last_of"],
    )
    return losses, scores, read_task_settings(path, losses.tasks, columns)


def of_losses(tasks: Any, scores: Any) -> Any:
    """The task settings as the losses' fit reads them: with scores beside, best and unserved are those of the score."""
    if scores is None:
        return tasks
    from budget.tables.tasks import default_tasks

    nothing = default_tasks(tasks.names)
    return replace(tasks, best=nothing.best, unserved=nothing.unserved)


def with_scores(curves: Any, runs: Any, scores: Any, tasks: Any, device: str | None) -> Any:
    """The curves with the links to the scores, where these were asked for."""
    if scores is None:
        return curves
    from budget.curves.link.fit import with_link
    from budget.report.progress import step

    with step("link"):
        return with_link(curves, runs, scores, best=tasks.best, chance=tasks.unserved, device=device)


def findings_of(runs: Any, best: Any, law: str | None, scale: str | None, positive: bool = True) -> list:
    """The data-quality report on runs for the law that they are fitted to."""
    from budget.curves.laws.table import LAWS, choose_law, law_inputs, law_of
    from budget.tables.checks.quality import check

    name = law or choose_law(tuple(runs.scale))
    inputs = law_inputs(runs, LAWS[name], scale)
    form = law_of(name, inputs)
    return check(runs, inputs, len(form.parameters) - form.reads_mixtures, best, positive)


SAME_BEST = 1e-9
"""Relative difference within which a curve's limit is the best value stated."""

READING_NAMES = (
    "columns",
    "where",
    "task",
    "higher_is_better",
    "last_of",
    "tasks_path",
    "mixtures",
    "loss_metric",
    "score_metric",
)


def parted(chosen: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of reading and those of fitting."""
    return (
        {name: value for name, value in chosen.items() if name in READING_NAMES},
        {name: value for name, value in chosen.items() if name not in READING_NAMES},
    )


def fit_all(runs: Any, tasks: Any, path: str, fitting: dict[str, Any]) -> Any:
    """The curves of every task, with JAX set up as the command line wants it."""
    from budget.curves.fitting.fit import fit_curves
    from budget.curves.prepare import use_all_cores, use_compilation_cache
    from budget.report.progress import step
    from budget.tables.files.contents import sha256_as_read

    use_compilation_cache()
    use_all_cores()
    with step("fit") as bar:
        return fit_curves(runs, **fit_options(tasks, fitting), sha256=sha256_as_read(path), progress=bar)


def fit_strategies(runs: Any, tasks: Any, fitting: dict[str, Any], specialists: Any = None) -> Any:
    """Every strategy's curves; the specialists' may be there already."""
    from budget.curves.prepare import use_all_cores, use_compilation_cache
    from budget.report.progress import steps
    from budget.studies.strategies.strategy_curves import fit_strategy_curves

    use_compilation_cache()
    use_all_cores()
    with steps() as start:
        return fit_strategy_curves(runs, specialists=specialists, **fit_options(tasks, fitting), progress=start)


def backtest_all(runs: Any, tasks: Any, fitting: dict[str, Any], laws: tuple, hide: float, below: float | None) -> Any:
    """The laws judged on hidden runs."""
    from budget.curves.prepare import use_all_cores, use_compilation_cache
    from budget.report.progress import steps
    from budget.studies.backtest import backtest

    use_compilation_cache()
    use_all_cores()
    with steps() as start:
        return backtest(runs, laws, hide=hide, below=below, **fit_options(tasks, fitting), progress=start)


def sensitivity_of(runs: Any, tasks: Any, curves: Any, fitting: dict[str, Any]) -> Any:
    """The table of ``fit --sensitivity``."""
    from budget.curves.fitting.sensitivity import sensitivity
    from budget.report.progress import step

    options = fit_options(tasks, fitting)
    del options["law"], options["seed"]
    with step("sensitivity") as bar:
        return sensitivity(runs, curves, options.pop("loss"), progress=bar, **options)


def fit_options(tasks: Any, fitting: dict[str, Any]) -> dict[str, Any]:
    """The command line's words as arguments of ``fit_curves``."""
    from budget.curves.fitting.loss import make_loss

    options = dict(fitting)
    loss = make_loss(*(options.pop(name) for name in ("loss", "delta", "quantile", "residual")))
    pairs = options.pop("fix")
    if len({name for name, _ in pairs}) < len(pairs):
        raise DataError("--fix names one parameter twice; keep one of them.")
    fix = {name: as_number(value, f"--fix {name}", "0.34") for name, value in pairs}
    tie = [tuple(name.strip() for name in names.split("=")) for names in options.pop("tie")]
    return options | {"loss": loss, "fix": fix, "tie": tie, "best": tasks.best, "unserved": tasks.unserved}


def read_curves(path: str) -> Any:
    """Curves from a file that ``fit`` wrote."""
    from budget.curves.records.reading import curves_from_record
    from budget.tables.files.text import read_json

    return curves_from_record(read_json(path, "curves file"), path)


def asked_of(asked: dict[str, Any], tasks: Any, columns: dict[str, str]) -> dict[str, Any]:
    """The command line's words as arguments of ``ask``."""
    from budget.allocation.spec.resources import UNITS, Prices
    from budget.tables.limits import read_limits

    options = dict(asked)
    paid = [options.pop(name) for name in ("price", "peak", "mfu")]
    if any(number is not None for number in paid) and None in paid:
        raise DataError("--price, --peak and --mfu belong together: money for an hour, FLOP/s, and the share reached.")
    further = options.pop("further")
    if len(dict(further)) < len(further):
        raise DataError("--limit names one unit twice; keep one of them.")
    path, sizes = options.pop("limits_path"), options.pop("sizes")
    return options | {
        "prices": None if None in paid else Prices(*paid),
        "further": {unit: as_number(total, f"--limit {unit}", "1e12") for unit, total in further},
        "limits": read_limits(path, tasks.names, tasks.group, UNITS, columns=columns) if path else (),
        "sizes": [as_number(size.strip(), "A size of --sizes", "1e8") for size in sizes.split(",")] if sizes else (),
    }


def read_planned(
    curves_path: str, tasks_path: str | None, columns: tuple, more_tables: bool = False, scores: bool = False
) -> tuple[Any, Any, tuple[str, ...]]:
    """The curves that plans use, the settings of those tasks, and what has to be said."""
    from budget.tables.columns import column_mapping

    if columns and not (tasks_path or more_tables):
        raise DataError("--column names columns of the tasks file; give that with --tasks.")
    curves = read_curves(curves_path)
    tasks = read_task_settings(tasks_path, curves.tasks, column_mapping(columns))
    usable, notes = _planned(curves, tasks, scores)
    return usable, tasks.select(usable.tasks), (*tasks.notes, *notes)


def read_strategies(
    paths: tuple[str, ...], tasks_path: str | None, columns: tuple, name_of: Callable[[Any, str], str]
) -> tuple[dict[str, Any], Any, tuple[str, ...]]:
    """Strategy → its usable curves, one file each, the settings of the tasks of all, and what has to be said.

    ``name_of`` names a file's strategy by its curves and the file's stem, which tells strategies of one name apart.
    """
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
        usable[name], said = _planned(curves, tasks.select(curves.tasks))
        notes += said if len(paths) == 1 else [f"By {name}: {note}" for note in said]
    every = dict.fromkeys(name for curves in usable.values() for name in curves.tasks)
    return usable, tasks.select(tuple(every)), tuple(notes)


def _planned(curves: Any, tasks: Any, scores: bool = False) -> tuple[Any, tuple[str, ...]]:
    """The curves that plans use, and what has to be said of the others."""
    usable, said = curves.usable(), curves.score_note
    if scores:
        usable, said = usable.linked(), curves.unlinked
    refuse_other_best(usable, tasks.select(usable.tasks).best)
    usable, bounded = usable.bounded_by(tasks.select(usable.tasks).unserved)
    return usable, (*bounded, *curves.left_out, *said)


def refuse_other_best(curves: Any, best: Any) -> None:
    """Refuse a best value that the curves pass: it bounds a fit, and a plan could only cut what it was promised.

    Raises:
        DataError: a task's curve, far beyond its runs, is better than the value stated now.
    """
    if curves.link is not None:  # the best value is the score's, and the curves are the loss's
        return
    for name, higher, known, least, stated in zip(
        curves.tasks, curves.higher_is_better, curves.best, curves.limit, best, strict=True
    ):
        if (least - stated) * (1 if higher else -1) > SAME_BEST * abs(stated):
            fitted = f"were fitted with {known:g}" if known == known else "were fitted without one"
            raise DataError(
                f"The curve of task '{name}' goes to {least:.4g}, better than the best value {stated:g} of the tasks "
                f"file: the curves {fitted}. Fit again with --tasks, which holds them to it."
            )


def cost_note(curves: Any) -> tuple[str, ...]:
    """What FLOPs were fitted to, one sentence, where the runs count them."""
    cost = curves.cost
    if cost is None or cost.assumed:
        return ()
    return (
        f"Cost law: {cost.formula} FLOPs (root mean square error {cost.rms_error:.2%}, largest {cost.max_error:.2%}).",
    )


def emit(table: Any, json_content: str, as_json: bool, out: str | None) -> None:
    """The result as JSON or CSV, to a file or to standard output; on a terminal, as a table."""
    from budget.tables.files.text import csv_text
    from budget.tables.files.writing import write_text

    content = json_content if as_json else csv_text(table)
    if out:
        write_text(out, content)
    elif not as_json and sys.stdout.isatty():
        from budget.report.terminal import print_table

        print_table(table)
    else:
        click.echo(content, nl=False, color=True)  # a name keeps its characters, as in --out


def rows_of(table: Any) -> list[dict[str, Any]]:
    """The table's rows for JSON, a missing cell being null."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def tell(*sentences: str) -> None:
    """Say sentences on standard error, each once."""
    for sentence in dict.fromkeys(sentences):
        click.echo(escaped(sentence, keep="\n"), err=True)
