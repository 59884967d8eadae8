"""The command line: parse, call the package, write or echo. Heavy imports stay inside the commands."""

import sys
import warnings
from pathlib import Path
from typing import Any

import click

from budget.errors import DataError
from budget.options import (
    AIMING,
    CHOOSING,
    COLUMN,
    DRAWING,
    ESTIMATING,
    FITTING,
    HIGHER,
    JSON,
    LIMITING,
    LINKING,
    ORDER,
    OUT,
    PRICING,
    READING,
    SIZE,
    SPENDING,
    STRATEGY,
    WHERE,
    Commands,
    Number,
    as_number,
    options,
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="budget")
def main() -> None:
    """Plan a fixed compute or data budget over many tasks, from measured runs.

    The main job: budget plan runs.csv --budget 1e21 --out plan
    """


@main.command(epilog="Example: budget check runs.csv --where train_set=rpj")
@click.argument("runs_path", metavar="RUNS")
@options(READING, FITTING, JSON, OUT)
def check(runs_path: str, law: str | None, scale: str | None, as_json: bool, out: str | None, **reading: Any) -> None:
    """Report whether the runs can carry curves: PASS, REVIEW or FAIL for each task."""
    from budget.tables.files import json_text
    from budget.tables.quality import check_table

    runs, tasks = _read(runs_path, **reading)
    findings = _check(runs, tasks.best, law, scale)
    _tell(*runs.notes, *tasks.notes)
    _emit(check_table(findings), json_text([vars(finding) for finding in findings]), as_json, out)


@main.command(epilog="Example: budget fit runs.csv --out curves.json")
@click.argument("runs_path", metavar="RUNS")
@options(READING, FITTING, ESTIMATING, LINKING, DRAWING)
@click.option(
    "--sensitivity", is_flag=True,
    help="Print instead how every parameter shifts under the other losses and without each flagged row.",
)  # fmt: skip
@JSON
@click.option("--out", metavar="FILE", help="Write the curves file here, beside the printed table.")
def fit(runs_path: str, sensitivity: bool, as_json: bool, out: str | None, **chosen: Any) -> None:
    """Fit a law to every task at once; --out writes the curves file that the other commands read."""
    from budget.curves.records import record_of
    from budget.tables.files import json_text, write_text

    reading, fitting = _parted(chosen)
    runs, scores, tasks = _read_linked(runs_path, **reading)
    curves = _linked(_fit(runs, tasks, runs_path, fitting), runs, scores, tasks, fitting["device"])
    curves.usable()
    _tell(*tasks.notes, *curves.notes, *_cost_note(curves), *curves.left_out, *curves.unlinked)
    content = json_text(record_of(curves))
    if sensitivity:
        table = _sensitivity(runs, tasks, curves, fitting)
    if out:
        write_text(out, content)
    if sensitivity:
        _emit(table, json_text(_records(table)), as_json, None)
    else:
        _emit(curves.table(), content, as_json, None)


@main.command(epilog="Example: budget predict curves.json --at points.csv --out predicted.csv")
@click.argument("curves_path", metavar="CURVES")
@click.option("--at", required=True, metavar="CSV", help="Points: task and the scales the law reads.")
@click.option("--new-run", is_flag=True, help="Interval for the value of one new run, not for the mean curve.")
@options(COLUMN, JSON, OUT)
def predict(curves_path: str, at: str, new_run: bool, columns: tuple, as_json: bool, out: str | None) -> None:
    """Predict values at given scales: the points with predicted, low and high (80 % interval) beside them.

    For curves that were fitted with --score-metric these are the score's, and the predicted loss follows.
    """
    from budget.studies.predict import predict_points
    from budget.tables.columns import column_mapping
    from budget.tables.files import json_text

    table, notes = predict_points(_curves(curves_path), at, columns=column_mapping(columns), new_run=new_run)
    _tell(*notes)
    _emit(table, json_text(_records(table)), as_json, out)


@main.command(epilog="Example: budget allocate curves.json --budget 1e21 --out allocation.csv")
@click.argument("curves_path", metavar="CURVES")
@click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets, limits and prices of the tasks.")
@click.option("--budget", type=Number(), metavar="NUMBER", help="The total to spend, in the unit.")
@click.option("--unit", type=click.Choice(["flops", "tokens", "x", "money"]), help="By default what the law trades.")
@options(SIZE, STRATEGY, AIMING, LIMITING, PRICING)
@click.option("--evaluate", "split_path", metavar="CSV", help="Score this split (task, spend) instead of planning one.")
@options(COLUMN, JSON, OUT)
def allocate(
    curves_path: str,
    tasks_path: str | None,
    split_path: str | None,
    columns: tuple,
    as_json: bool,
    out: str | None,
    **asked: Any,
) -> None:
    """Find the plan with the best objective at a budget, with a proven bound."""
    from budget.allocation.ask import ask
    from budget.allocation.question import ONE_MODEL
    from budget.allocation.result import Plan
    from budget.report.progress import step
    from budget.report.words import plan_summary
    from budget.tables.columns import column_mapping
    from budget.tables.files import json_text
    from budget.tables.plans import read_split

    if asked["budget"] is None and asked["objective"] != "cheapest":
        raise click.UsageError("Missing option '--budget'.")
    mapping = column_mapping(columns)
    curves, tasks, notes = _planned(
        curves_path, tasks_path, columns, bool(split_path or asked["limits_path"]), asked["measure"] == "score"
    )
    split = read_split(split_path, curves.tasks, columns=mapping) if split_path else None
    question = ask(curves, tasks, asked.pop("budget"), **_asked(asked, tasks, mapping))
    if curves.law in ONE_MODEL:
        from budget.allocation.mixture.shared import plan_mixture

        if split is not None:
            raise DataError(f"--evaluate scores a split among specialists, and law '{curves.law}' plans one model.")
        with step("plan") as bar:
            plan: Plan = plan_mixture(curves, question, progress=bar)
    else:
        from budget.allocation.evaluate import evaluate
        from budget.allocation.solve import allocate as solve

        with step("plan") as bar:
            plan = solve(curves, question, progress=bar, draws=split is None)
        if split is not None:
            plan = evaluate(curves, question, split, plan)
    _tell(*notes, *plan.notes)
    _emit(plan.table(), json_text(plan.record()), as_json, out)
    _tell(plan_summary(plan))


@main.command(epilog="Example: budget grow curves.json --budget 1e21 --out growth.csv")
@click.argument("curves_path", metavar="CURVES")
@click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets and limits of the tasks.")
@options(SPENDING, ORDER, COLUMN, JSON, OUT)
def grow(
    curves_path: str,
    tasks_path: str | None,
    budget: float,
    unit: str | None,
    params: float | None,
    order: str,
    columns: tuple,
    as_json: bool,
    out: str | None,
) -> None:
    """Show what happens to every task as the set grows from 1 to K tasks at one budget."""
    from budget.report.progress import step
    from budget.studies.growth import grow as study
    from budget.tables.files import json_text

    curves, tasks, notes = _planned(curves_path, tasks_path, columns)
    with step("growth") as bar:
        growth = study(curves, tasks, budget, unit=unit, params=params, order=order, progress=bar)
    _tell(*notes, *growth.plans[-1].notes)
    _emit(growth.table(), json_text(growth.record()), as_json, out)


@main.command(epilog="Example: budget portfolio candidates.csv --budget 3 --select val --report test")
@click.argument("candidates_path", metavar="CANDIDATES")
@click.option(
    "--budget", type=Number(), required=True, metavar="NUMBER", help="What the built models may cost together."
)
@options(COLUMN, WHERE, HIGHER)
@click.option("--select", metavar="SPLIT", help="The split to choose on, where the file has a column split.")
@click.option("--report", metavar="SPLIT", help="The split to report; by default the one that is chosen on.")
@click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets and unserved values of the tasks.")
@options(CHOOSING, JSON, OUT)
def portfolio(
    candidates_path: str,
    budget: float,
    columns: tuple,
    where: tuple,
    higher_is_better: bool,
    select: str | None,
    report: str | None,
    tasks_path: str | None,
    as_json: bool,
    out: str | None,
    **choosing: Any,
) -> None:
    """Choose which models to build, and which of them serves each task, with a proven bound."""
    from budget.allocation.portfolio.portfolio import choose
    from budget.report.portfolio import portfolio_summary
    from budget.tables.candidates import COLUMNS, read_candidates
    from budget.tables.columns import column_mapping
    from budget.tables.files import json_text

    mapping = column_mapping(columns)
    if not tasks_path and set(mapping) - set(COLUMNS):
        raise DataError(
            f"--column {min(set(mapping) - set(COLUMNS))}=… names a column of the tasks file; give that with --tasks."
        )
    candidates = read_candidates(
        candidates_path, columns=mapping, where=where, higher_is_better=higher_is_better, select=select, report=report
    )
    tasks = _wishes(tasks_path, candidates.tasks, mapping)
    found = choose(candidates, budget, tasks=tasks, **choosing)
    _tell(*tasks.notes, *found.notes)
    _emit(found.table(), json_text(found.record()), as_json, out)
    _tell(portfolio_summary(found))


@main.command(epilog="Example: budget measure plan.csv --out runs.csv --jobs 2")
@click.argument("plan_path", metavar="PLAN")
@click.option(
    "--out",
    required=True,
    metavar="CSV",
    help="The runs file; finished rows in it are kept and not trained again.",
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Worker processes, one core each.")
@JSON
def measure(plan_path: str, out: str, jobs: int, as_json: bool) -> None:
    """Train the runs of a plan and append one row for each; stop and start again at will."""
    from budget.lab.sweep import measure as sweep
    from budget.tables.files import json_text

    def tell(done: int, total: int, flops_done: float, flops_total: float, run: str) -> None:
        _tell(f"{done}/{total} runs, {flops_done / flops_total:.0%} of {flops_total:.3g} FLOPs: {run}")

    warnings.showwarning = lambda message, *_: _tell(f"Warning: {message}")
    runs = sweep(plan_path, out, jobs=jobs, progress=tell)
    if as_json:
        click.echo(json_text({"out": out, "rows": len(runs)}), nl=False)
    else:
        _tell(f"{out} holds {len(runs)} rows.")


@main.command(epilog="Example: budget plan runs.csv --budget 1e21 --out plan")
@click.argument("runs_path", metavar="RUNS")
@click.option("--out", required=True, metavar="DIR", help="Folder for report.html, report.md, the CSVs and plan.json.")
@options(SPENDING, STRATEGY, ORDER, READING, FITTING, ESTIMATING, LINKING, DRAWING, JSON)
def plan(
    runs_path: str,
    out: str,
    budget: float,
    unit: str | None,
    params: float | None,
    strategy: str | None,
    order: str,
    as_json: bool,
    **chosen: Any,
) -> None:
    """From measured runs to the planning report: check, fit, allocate and grow in one go."""
    from budget.report.files import SPECIALISTS, report_files
    from budget.report.progress import steps
    from budget.report.words import plan_summary
    from budget.studies.plan import make_plan
    from budget.tables.files import json_text, sha256, write_folder

    reading, fitting = _parted(chosen)
    runs, scores, tasks = _read_linked(runs_path, **reading)
    findings = _check(runs, tasks.best, fitting["law"], fitting["scale"], fitting["residual"] == "log")
    curves = _linked(_fit(runs, tasks, runs_path, fitting), runs, scores, tasks, fitting["device"])
    with steps() as watch:
        study = make_plan(
            runs,
            findings,
            curves,
            tasks,
            budget,
            unit=unit,
            strategy=strategy,
            params=params,
            order=order,
            inputs={
                role: {"name": Path(path).name, "sha256": sha256(path)}
                for role, path in (
                    ("runs", runs_path),
                    ("tasks", reading["tasks_path"]),
                    ("mixtures", reading["mixtures"]),
                )
                if path
            },
            progress=watch,
        )
    files = report_files(study)
    write_folder(out, files, absent={SPECIALISTS} - set(files))
    _tell(*study.notes)
    if as_json:
        click.echo(json_text(study.record()), nl=False)
    else:
        _tell(plan_summary(study.plan), f"Wrote {', '.join(sorted(files))} to {out}.")


def _read(
    runs_path: str,
    columns: tuple,
    where: tuple,
    task: str | None,
    higher_is_better: bool,
    tasks_path: str | None,
    mixtures: str | None,
) -> tuple[Any, Any]:
    from budget.tables.columns import column_mapping
    from budget.tables.mixtures import with_mixtures
    from budget.tables.runs import read_runs

    mapping = column_mapping(columns)
    runs = read_runs(runs_path, columns=mapping, where=where, task=task, higher_is_better=higher_is_better)
    if mixtures:
        runs = with_mixtures(runs, mixtures, columns=mapping)
    tasks = _wishes(tasks_path, runs.tasks, mapping)
    return runs.with_chance(tasks.unserved), tasks


def _wishes(path: str | None, names: tuple[str, ...], columns: dict[str, str]) -> Any:
    from budget.tables.tasks import default_tasks, read_tasks

    return read_tasks(path, names, columns=columns) if path else default_tasks(names)


def _read_linked(
    runs_path: str, *, loss_metric: str | None, score_metric: str | None, **reading: Any
) -> tuple[Any, Any, Any]:
    """The losses and the scores where a link is asked for, else the runs and nothing; and the wishes."""
    from budget.tables.columns import column_mapping
    from budget.tables.pairs import read_pair

    if loss_metric is None and score_metric is None:
        runs, tasks = _read(runs_path, **reading)
        return runs, None, tasks
    columns, path = column_mapping(reading["columns"]), reading["tasks_path"]
    if reading["mixtures"]:
        raise DataError("--mixtures is for a law of one metric; leave it out, or --loss-metric and --score-metric.")
    losses, scores = read_pair(
        runs_path, loss_metric, score_metric, columns=columns, where=reading["where"], task=reading["task"]
    )
    return losses, scores, _wishes(path, losses.tasks, columns)


def _linked(curves: Any, runs: Any, scores: Any, tasks: Any, device: str | None) -> Any:
    if scores is None:
        return curves
    from budget.curves.link_fit import with_link
    from budget.report.progress import step

    with step("link"):
        return with_link(curves, runs, scores, best=tasks.best, chance=tasks.unserved, device=device)


def _check(runs: Any, best: Any, law: str | None, scale: str | None, positive: bool = True) -> list:
    from budget.curves.laws import LAWS, choose_law, law_inputs, law_of
    from budget.tables.quality import check

    name = law or choose_law(tuple(runs.scale))
    inputs = law_inputs(runs, LAWS[name], scale)
    form = law_of(name, inputs)
    return check(runs, inputs, len(form.parameters) - bool(len(form.transfers)), best, positive)


READING_NAMES = (
    "columns",
    "where",
    "task",
    "higher_is_better",
    "tasks_path",
    "mixtures",
    "loss_metric",
    "score_metric",
)


def _parted(chosen: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of reading and those of fitting."""
    return (
        {name: value for name, value in chosen.items() if name in READING_NAMES},
        {name: value for name, value in chosen.items() if name not in READING_NAMES},
    )


def _fit(runs: Any, tasks: Any, path: str, fitting: dict[str, Any]) -> Any:
    from budget.curves.fit import fit_curves
    from budget.curves.prepare import use_all_cores, use_compilation_cache
    from budget.report.progress import step
    from budget.tables.files import sha256

    use_compilation_cache()
    use_all_cores()
    with step("fit") as bar:
        return fit_curves(runs, **_fit_options(tasks, fitting), sha256=sha256(path), progress=bar)


def _sensitivity(runs: Any, tasks: Any, curves: Any, fitting: dict[str, Any]) -> Any:
    from budget.curves.sensitivity import sensitivity
    from budget.report.progress import step

    options = _fit_options(tasks, fitting)
    del options["law"], options["seed"]
    with step("sensitivity") as bar:
        return sensitivity(runs, curves, options.pop("loss"), progress=bar, **options)


def _fit_options(tasks: Any, fitting: dict[str, Any]) -> dict[str, Any]:
    """The command line's words as arguments of ``fit_curves``."""
    from budget.curves.loss import make_loss

    options = dict(fitting)
    loss = make_loss(*(options.pop(name) for name in ("loss", "delta", "quantile", "residual")))
    pairs = options.pop("fix")
    if len({name for name, _ in pairs}) < len(pairs):
        raise DataError("--fix names one parameter twice; keep one of them.")
    fix = {name: as_number(value, f"--fix {name}", "0.34") for name, value in pairs}
    tie = [tuple(name.strip() for name in names.split("=")) for names in options.pop("tie")]
    return options | {"loss": loss, "fix": fix, "tie": tie, "best": tasks.best}


def _curves(path: str) -> Any:
    from budget.curves.records import curves_from_record
    from budget.tables.files import read_json

    return curves_from_record(read_json(path, "curves file"), path)


def _asked(asked: dict[str, Any], tasks: Any, columns: dict[str, str]) -> dict[str, Any]:
    """The command line's words as arguments of ``ask``."""
    from budget.allocation.resources import UNITS, Prices
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


def _planned(
    curves_path: str, tasks_path: str | None, columns: tuple, more_tables: bool = False, scores: bool = False
) -> tuple[Any, Any, tuple[str, ...]]:
    """The curves that plans use, the wishes for those tasks, and what has to be said."""
    from budget.tables.columns import column_mapping

    if columns and not (tasks_path or more_tables):
        raise DataError("--column names columns of the tasks file; give that with --tasks.")
    curves = _curves(curves_path)
    tasks = _wishes(tasks_path, curves.tasks, column_mapping(columns))
    usable = curves.usable()
    said = curves.score_note
    if scores:
        usable, said = usable.linked(), curves.unlinked
    other = [
        name
        for name, higher, ceiling, best in zip(
            curves.tasks, curves.higher_is_better, curves.ceiling, tasks.best, strict=True
        )
        if higher and best == best and best != ceiling
    ]
    kept = (f"The curves of {', '.join(other)} keep the best value they were fitted with.",) if other else ()
    return usable, tasks.select(usable.tasks), (*tasks.notes, *kept, *curves.left_out, *said)


def _cost_note(curves: Any) -> tuple[str, ...]:
    cost = curves.cost
    if cost is None or cost.assumed:
        return ()
    return (
        f"Cost law: {cost.formula} FLOPs (root mean square error {cost.rms_error:.2%}, largest {cost.max_error:.2%}).",
    )


def _emit(table: Any, json_content: str, as_json: bool, out: str | None) -> None:
    """The result as JSON or CSV, to a file or to standard output; on a terminal, as a table."""
    from budget.tables.files import csv_text, write_text

    content = json_content if as_json else csv_text(table)
    if out:
        write_text(out, content)
    elif not as_json and sys.stdout.isatty():
        from budget.report.terminal import print_table

        print_table(table)
    else:
        click.echo(content, nl=False)


def _records(table: Any) -> list[dict[str, Any]]:
    """The table's rows for JSON, a missing cell being null."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _tell(*sentences: str) -> None:
    for sentence in dict.fromkeys(sentences):
        click.echo(sentence, err=True)


if __name__ == "__main__":
    main()
