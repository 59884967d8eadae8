"""The command line: parse, call the package, write or echo. Heavy imports stay inside the commands."""

import warnings
from pathlib import Path
from typing import Any

import click

from budget.commands import (
    TOGETHER_NAMES,
    asked_of,
    backtest_all,
    cost_note,
    emit,
    findings_of,
    fit_all,
    fit_strategies,
    is_of_all_strategies,
    of_losses,
    parted,
    read_curves,
    read_inputs,
    read_linked,
    read_planned,
    read_strategies,
    read_task_settings,
    read_together,
    rows_of,
    sensitivity_of,
    tell,
    with_scores,
)
from budget.errors import DataError
from budget.options import (
    AIMING,
    CHOOSING,
    COLUMN,
    DRAWING,
    ESTIMATING,
    FITTING,
    HIDING,
    HIGHER,
    JOINING,
    JSON,
    LIMITING,
    LINKING,
    ORDER,
    OUT,
    PLANNED,
    PRICING,
    READING,
    RUNNING,
    SEED,
    SIZE,
    SPENDING,
    STRATEGY,
    WHERE,
    Commands,
    Number,
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
    from budget.tables.checks.quality import check_table
    from budget.tables.files.text import json_text

    runs, tasks = read_inputs(runs_path, **reading, law=law)
    findings = findings_of(runs, tasks.best, law, scale)
    tell(*runs.notes, *tasks.notes)
    emit(check_table(findings), json_text([vars(finding) for finding in findings]), as_json, out)


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
    from budget.curves.records.checksum import sealed
    from budget.curves.records.writing import record_of
    from budget.tables.files.text import json_text
    from budget.tables.files.writing import write_text

    reading, fitting = parted(chosen)
    runs, scores, tasks = read_linked(runs_path, law=fitting["law"], **reading)
    curves = with_scores(
        fit_all(runs, of_losses(tasks, scores), runs_path, fitting), runs, scores, tasks, fitting["device"]
    )
    curves.usable()
    tell(*curves.warnings, *tasks.notes, *curves.notes, *cost_note(curves), *curves.left_out, *curves.unlinked)
    content = json_text(sealed(record_of(curves)))
    if sensitivity:
        table = sensitivity_of(runs, of_losses(tasks, scores), curves, fitting)
    if out:
        write_text(out, content)
    if sensitivity:
        emit(table, json_text(rows_of(table)), as_json, None)
    else:
        emit(curves.table(), content, as_json, None)


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
    from budget.tables.files.text import json_text

    table, notes = predict_points(read_curves(curves_path), at, columns=column_mapping(columns), new_run=new_run)
    tell(*notes)
    emit(table, json_text(rows_of(table)), as_json, out)


@main.command(epilog="Example: budget backtest runs.csv --law chinchilla --law power --out backtest.csv")
@click.argument("runs_path", metavar="RUNS")
@options(HIDING, READING, ESTIMATING, DRAWING, JSON, OUT)
def backtest(
    runs_path: str, laws: tuple, hide: float, below: float | None, as_json: bool, out: str | None, **chosen: Any
) -> None:
    """Hide each task's largest runs, fit laws to the others, and say how well they predict the hidden ones.

    Law 'none' predicts that nothing improves on the best run that is not hidden.
    """
    from budget.report.sentences.backtest import backtest_summary
    from budget.tables.files.text import json_text

    reading, fitting = parted(chosen)
    across = set(laws) & {"shared", "transfer"}
    runs, tasks = read_inputs(runs_path, **reading, law=min(across) if across else None)
    found = backtest_all(runs, tasks, fitting, laws, hide, below)
    tell(*runs.notes, *tasks.notes, *found.notes)
    emit(found.table(), json_text(found.record()), as_json, out)
    tell(*backtest_summary(found))


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
    from budget.allocation.plan.plan import Plan
    from budget.allocation.spec.make_spec import plan_spec
    from budget.report.progress import step
    from budget.report.sentences.plan import plan_summary
    from budget.tables.columns import column_mapping
    from budget.tables.files.text import json_text
    from budget.tables.splits import read_split

    if asked["budget"] is None and asked["objective"] != "cheapest":
        raise click.UsageError("Missing option '--budget'.")
    mapping = column_mapping(columns)
    curves, tasks, notes = read_planned(
        curves_path, tasks_path, columns, bool(split_path or asked["limits_path"]), asked["measure"] == "score"
    )
    split = read_split(split_path, curves.tasks, columns=mapping) if split_path else None
    spec = plan_spec(curves, tasks, asked.pop("budget"), **asked_of(asked, tasks, mapping))
    if curves.form.is_of_one_model:
        from budget.allocation.mixture.plan_mixture import plan_mixture

        if split is not None:
            raise DataError(f"--evaluate scores a split among specialists, and law '{curves.law}' plans one model.")
        with step("plan") as bar:
            plan: Plan = plan_mixture(curves, spec, progress=bar)
    else:
        from budget.allocation.evaluate import evaluate
        from budget.allocation.solve import allocate as solve

        with step("plan") as bar:
            plan = solve(curves, spec, progress=bar, draws=split is None)
        if split is not None:
            plan = evaluate(curves, spec, split, plan)
    tell(*plan.warnings, *notes, *plan.notes)
    emit(plan.table(), json_text(plan.record()), as_json, out)
    tell(plan_summary(plan))


@main.command(epilog="Example: budget grow specialists.json generalist.json --budget 1e21 --out growth.csv")
@click.argument("paths", nargs=-1, required=True, metavar="CURVES...")
@click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets and limits of the tasks.")
@click.option("--measure", type=click.Choice(["value", "progress"]), help="What counts of a task, see allocate.")
@options(SPENDING, JOINING, COLUMN, JSON, OUT)
def grow(
    paths: tuple[str, ...],
    tasks_path: str | None,
    orders: int | None,
    seed: int | None,
    columns: tuple,
    as_json: bool,
    out: str | None,
    **asked: Any,
) -> None:
    """Show what happens to every task as the set grows from 1 to K tasks at one budget, by every strategy.

    CURVES are one file for each strategy: at most one of specialists, and any of law shared, which plan one model for
    the k tasks there are. A shared strategy has the name in the runs' column strategy, or else that of its file. Every
    row of a shared model has the spend of the whole model. Tasks that some file lacks are left out and named.

    It ends with the best strategy by the number of tasks, the law of the decline, the most tasks that keep their
    targets, why tasks lose (dilution, interference less transfer), and what more tasks cost at unchanged values. With
    --order random the rows are means over the orders, and column basis says so.
    """
    from budget.report.progress import step
    from budget.report.sentences.growth import growth_summary, strategies_summary
    from budget.studies.growth.growth import grow as by_specialists
    from budget.studies.growth.growth_by_strategy import grow_strategies, strategy_name
    from budget.tables.files.text import json_text

    chosen: dict[str, Any] = {
        name: number for name, number in (("orders", orders), ("seed", seed)) if number is not None
    }
    if chosen and asked["order"] != "random":
        raise click.UsageError(f"--{min(chosen)} belongs to --order random; give that too, or leave it out.")
    strategies, tasks, notes = read_strategies(paths, tasks_path, columns, strategy_name)
    only = next(iter(strategies.values()))
    found: Any
    with step("growth") as bar:
        if len(strategies) == 1 and not only.form.counts_tasks:
            one = by_specialists(only, tasks.select(only.tasks), **asked, **chosen, progress=bar)
            result, found, said = (one.table(), one.record()), one, growth_summary(one)
        else:
            several = grow_strategies(strategies, tasks, **asked, **chosen, progress=bar)
            result, found, said = (several.table(), several.record()), several, strategies_summary(several)
    tell(*found.warnings, *notes, *found.notes)
    emit(result[0], json_text(result[1]), as_json, out)
    tell(*said)


@main.command(epilog="Example: budget focus runs.csv --budget 1e20 --budget 1e22 --out focus.csv")
@click.argument("runs_path", metavar="RUNS")
@click.option(
    "--budget", "budgets", type=Number(), multiple=True, metavar="NUMBER",
    help="A total to compare at. Repeatable; by default 13 over six decades from the smallest models on.",
)  # fmt: skip
@click.option("--unit", type=click.Choice(["flops", "tokens", "x"]), help="By default what the law trades.")
@SIZE
@click.option("--measure", type=click.Choice(["value", "progress"]), help="What counts of a task, see allocate.")
@click.option(
    "--assume", type=click.Choice(["atlas"]),
    help="Add a generalist that was not measured, from published constants; it is marked as assumed.",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True,
    help="Processes that compare sets of tasks at once; for many sets, or laws that are searched.",
)  # fmt: skip
@options(READING, FITTING, ESTIMATING, DRAWING, JSON, OUT)
def focus(
    runs_path: str,
    budgets: tuple,
    unit: str | None,
    params: float | None,
    measure: str | None,
    assume: str | None,
    jobs: int,
    as_json: bool,
    out: str | None,
    **chosen: Any,
) -> None:
    """Compare specialists with every shared strategy that the runs hold, at equal total budget.

    RUNS says by its columns strategy and model_tasks (or by rows that share a run) which tasks each model serves.
    """
    from budget.report.progress import step
    from budget.report.sentences.breadth import breadth_sentences
    from budget.report.sentences.focus import assumptions, focus_summary
    from budget.report.sentences.focus_answer import focus_answer
    from budget.studies.checks.breadth import breadth_of
    from budget.studies.focus.focus import focus as study
    from budget.studies.strategies.assumed import with_assumed
    from budget.tables.files.text import json_text

    reading, fitting = parted(chosen)
    runs, tasks = read_inputs(runs_path, **reading, law="shared")
    arms = fit_strategies(runs, tasks, fitting)
    if assume:
        arms = with_assumed(arms, assume)
    with step("compare") as bar:
        asked: dict[str, Any] = {"unit": unit, "params": params, "measure": measure, "jobs": jobs}
        found = study(arms, tasks, list(budgets) or None, **asked, progress=bar)
        checks = breadth_of(arms, found, tasks, params=params, seed=fitting["seed"])
    tell(*arms.warnings, *runs.notes, *tasks.notes, *arms.notes, *assumptions(found))
    record = (
        {"warnings": list(arms.warnings)}
        | found.record()
        | {"breadth_checks": None if checks is None else checks.record()}
    )
    emit(found.table(), json_text(record), as_json, out)
    details = (*focus_summary(found), *(breadth_sentences(checks, found.unit) if checks else ()))
    tell(" ".join(focus_answer(found)), "In detail:", *(f"- {said}" for said in details))


@main.command(name="next", epilog="Example: budget next curves.json --spend 1e20 --budget 1e23 --out next.csv")
@click.argument("curves_paths", metavar="CURVES...", nargs=-1, required=True)
@click.option("--spend", type=Number(), required=True, metavar="NUMBER", help="FLOPs there are for new runs.")
@click.option("--tasks", "tasks_path", metavar="CSV", help="Weights and limits of the tasks.")
@options(PLANNED, SEED, COLUMN, JSON, OUT)
def next_(
    curves_paths: tuple,
    spend: float,
    tasks_path: str | None,
    budget: float | None,
    objective: str,
    columns: tuple,
    as_json: bool,
    out: str | None,
    **asked: Any,
) -> None:
    """Rank the runs to measure next by what each is expected to bring to the plan of a budget.

    Of several CURVES, one file for each strategy, it also weighs which strategy wins, and runs of all are candidates.
    """
    from budget.report.progress import step
    from budget.report.sentences.next_runs import next_summary
    from budget.studies.next_runs.next_runs import next_runs
    from budget.studies.next_runs.rival_strategies import strategy_of
    from budget.tables.files.text import json_text

    curves, tasks, notes = read_strategies(curves_paths, tasks_path, columns, strategy_of)
    with step("next") as bar:
        found = next_runs(curves, tasks, budget, spend, progress=bar, **asked)
    tell(*found.warnings, *notes, *found.notes)
    emit(found.table(), json_text(found.record()), as_json, out)
    tell(next_summary(found))


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
    from budget.portfolio.portfolio import choose
    from budget.report.sentences.portfolio import portfolio_summary
    from budget.tables.candidates import COLUMNS, read_candidates
    from budget.tables.columns import column_mapping
    from budget.tables.files.text import json_text

    mapping = column_mapping(columns)
    if not tasks_path and set(mapping) - set(COLUMNS):
        raise DataError(
            f"--column {min(set(mapping) - set(COLUMNS))}=… names a column of the tasks file; give that with --tasks."
        )
    candidates = read_candidates(
        candidates_path, columns=mapping, where=where, higher_is_better=higher_is_better, select=select, report=report
    )
    tasks = read_task_settings(tasks_path, candidates.tasks, mapping)
    found = choose(candidates, budget, tasks=tasks, **choosing)
    tell(*tasks.notes, *found.notes)
    emit(found.table(), json_text(found.record()), as_json, out)
    tell(portfolio_summary(found))


@main.command(epilog="Example: budget groups pairs.csv --budget 2 --budget 3 --out groups.csv")
@click.argument("table_path", metavar="TABLE")
@click.option(
    "--budget", "budgets", type=Number(), multiple=True, metavar="NUMBER",
    help="What the models may cost together. Repeatable; without it the matrix alone is printed.",
)  # fmt: skip
@options(COLUMN, WHERE, HIGHER)
@click.option("--select", metavar="SPLIT", help="The split of candidates to choose on.")
@click.option("--report", metavar="SPLIT", help="The split of candidates to report.")
@click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets and unserved values of the tasks.")
@click.option("--measured-only", is_flag=True, help="From a table of pairs, predict no larger groups.")
@options(CHOOSING, JSON, OUT)
def groups(table_path: str, budgets: tuple, as_json: bool, out: str | None, **chosen: Any) -> None:
    """Say which tasks help or harm each other, and choose which to train together at each budget.

    TABLE has candidates (model, cost, task, value), or pairs (task, value and partner or model_tasks; seed, stderr and
    cost where there are any). Of a curves file of law transfer the coefficients are printed.
    """
    from budget.report.sentences.groups import groups_summary, matrix_text, transfer_summary
    from budget.tables.files.text import json_text

    if table_path.endswith(".json"):
        from budget.studies.groups.law_transfer import law_transfer

        curves = read_curves(table_path)
        transfer = law_transfer(curves)
        tell(*curves.left_out)
        emit(transfer.table(), json_text(transfer.record()), as_json, out)
        tell(transfer_summary(transfer))
        return
    from budget.studies.groups.groups import group_tasks

    table, tasks = read_together(table_path, **{name: chosen.pop(name) for name in TOGETHER_NAMES})
    found = group_tasks(table, budgets, tasks=tasks, predict=not chosen.pop("measured_only"), **chosen)
    tell(*tasks.notes, *found.notes, *found.matrix.notes)
    emit(found.table() if budgets else found.matrix.table(), json_text(found.record()), as_json, out)
    tell(matrix_text(found.matrix), *groups_summary(found))


@main.command(
    epilog="Example: budget measure plan.csv --out runs.csv --jobs 2 "
    '--command "python train.py --task {task} --params {params} --tokens {tokens} --seed {seed}"'
)
@click.argument("plan_path", metavar="PLAN")
@click.option(
    "--out",
    required=True,
    metavar="CSV",
    help="The runs file; finished rows in it are kept and not trained again.",
)
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True,
    help="Runs at once; without --command worker processes, one core each.",
)  # fmt: skip
@options(RUNNING, JSON)
def measure(plan_path: str, out: str, jobs: int, command: str | None, as_json: bool, **running: Any) -> None:
    """Train the runs of a plan and append rows for each; stop and start again at will, or in several processes at once.

    Without --command it trains the small transformers of this package. Failed runs are listed beside OUT, in a file
    whose name ends with -failed.csv; the same command repeats them, but for those whose value was no finite number.
    """
    from budget.report.measuring_progress import sweep
    from budget.tables.files.text import json_text

    chosen = {name: value for name, value in running.items() if value is not None}
    if chosen and command is None:
        raise click.UsageError(f"--{min(chosen)} belongs to --command; give that too, or leave it out.")
    warnings.showwarning = lambda message, *_: tell(f"Warning: {message}")
    with sweep(tell) as progress:
        if command is None:
            from budget.lab.transformer.sweep import measure as train

            runs = train(plan_path, out, jobs=jobs, progress=progress)
        else:
            from budget.lab.runner.command import measure_command

            runs = measure_command(plan_path, out, command, jobs=jobs, progress=progress, **chosen)
    if as_json:
        click.echo(json_text({"out": out, "rows": len(runs)}), nl=False)
    else:
        tell(f"{out} holds {len(runs)} rows.")


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
    from budget.report.page.report_files import FOCUS, SPECIALISTS, report_files
    from budget.report.progress import steps
    from budget.report.sentences.plan import plan_summary
    from budget.studies.plan import make_plan
    from budget.tables.files.contents import sha256_as_read
    from budget.tables.files.text import json_text
    from budget.tables.files.writing import write_folder

    reading, fitting = parted(chosen)
    runs, scores, tasks = read_linked(runs_path, law=fitting["law"], **reading)
    findings = findings_of(
        runs, of_losses(tasks, scores).best, fitting["law"], fitting["scale"], fitting["residual"] == "log"
    )
    curves = with_scores(
        fit_all(runs, of_losses(tasks, scores), runs_path, fitting), runs, scores, tasks, fitting["device"]
    )
    compared = None
    if runs.serves_both_ways and scores is None and not is_of_all_strategies(fitting["law"]):
        unlinked = {name: given for name, given in reading.items() if name not in ("loss_metric", "score_metric")}
        everything, task_settings = read_inputs(runs_path, **unlinked, law="shared")
        compared = fit_strategies(everything, task_settings, fitting, curves), task_settings
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
            compared=compared,
            inputs={
                role: {"name": Path(path).name, "sha256": sha256_as_read(path)}
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
    write_folder(out, files, absent={SPECIALISTS, FOCUS} - set(files))
    tell(*study.plan.warnings, *study.notes)
    if as_json:
        click.echo(json_text(study.record()), nl=False)
    else:
        tell(plan_summary(study.plan), f"Wrote {', '.join(sorted(files))} to {out}.")


if __name__ == "__main__":
    main()
