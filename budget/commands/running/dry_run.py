"""What a command that takes long would do: read, fit, train and write how much, and about how long that takes.

See docs/decisions/151-one-door-for-all-commands.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from budget.commands.options.fitting_options import Fitting, Holdout
from budget.commands.options.reading_options import Reading
from budget.commands.running.output import echo_notes
from budget.commands.running.schemas import stamped

if TYPE_CHECKING:
    from budget.tables.runs import Runs

START = 2.5
"""CPU seconds of any command that fits: importing, reading, compiled programs from their cache."""

POSTERIOR, SEARCHED = 0.14, 0.1
"""CPU seconds of a curve with 200 draws: by a law with its own error (auto), and by one that is searched for."""

BACKTEST_ORIGINS = 3
"""How often the largest runs are hidden where nobody says (``studies.backtest.ORIGINS``)."""

JUDGED, PLAN, SET = 0.05, 0.14, 0.012
"""CPU seconds of a curve of a backtest, of a plan for each task, and of a set that a decision backtest plans."""

TRAINING_START, TRAINING_SPEED = 1.0, 3.4e10
"""Seconds of one training beside its FLOPs, and FLOP/s of one core, by the column ``seconds`` of data/runs.csv."""

DECIDED_SETS = 200
"""Sets of tasks that a decision backtest plans (``studies.decision_backtest.SETS``)."""


@dataclass(frozen=True)
class Intended:
    """What a command would do.

    Attributes:
        reads: the files.
        counts: what it would work on, by name: rows, runs, tasks, curves, draws, trainings, flops.
        does: each step, as a sentence's end.
        cpu_seconds: about how long it takes on one core; ``None`` where only the user can know.
        writes: the files or the folder; empty where it prints.
    """

    reads: tuple[str, ...]
    counts: dict[str, float]
    does: tuple[str, ...]
    cpu_seconds: float | None
    writes: tuple[str, ...]


def say_intended(ctx: click.Context, inputs: list[str]) -> None:
    """Read what a command would read, and print what it would do.

    Raises:
        DataError: an input cannot be used; the command itself would say the same.
    """
    from budget.report.measuring_progress import duration
    from budget.tables.files.text import json_text

    name = str(ctx.command.name)
    found = _measuring(ctx, inputs) if name == "measure" else _fitting(ctx, inputs)
    if ctx.params.get("as_json"):
        click.echo(json_text(stamped({"command": name, **vars(found)}, "dry-run")), nl=False)
        return
    seconds = found.cpu_seconds
    jobs = ctx.params.get("jobs", 1)
    side_by_side = f", {duration(seconds / jobs)} on {jobs} cores" if seconds and jobs > 1 else ""
    took = (
        "How long it takes is not known."
        if seconds is None
        else f"About {duration(seconds)} of CPU time{side_by_side}."
    )
    target = f"Would write {', '.join(found.writes)}." if found.writes else "Would print the result."
    for line in (f"Would read {', '.join(found.reads)}.", *(f"Would {step}." for step in found.does), took, target):
        click.echo(line)
    echo_notes("Nothing was computed or written; the same command without --dry-run does it.")


def _record(kind: type, params: dict[str, Any]) -> Any:
    return kind(**{field.name: params[field.name] for field in fields(kind)})


def _fitting(ctx: click.Context, inputs: list[str]) -> Intended:
    from budget.commands.inputs import is_of_all_strategies, read_inputs
    from budget.curves.laws.table import AUTO, LAWS, law_for

    name, params = str(ctx.command.name), ctx.params
    options = _record(Holdout if name == "backtest" else Fitting, params)
    laws = options.laws if name == "backtest" else (options.law,)
    across = name == "focus" or any(is_of_all_strategies(law) for law in laws)
    reading = _record(Reading, params)
    runs, tasks = read_inputs(inputs[0], reading, options.mixtures, scales=options.scales, of_all_strategies=across)
    named = [law_for(runs, searched=params["residual"] == "raw") if law == AUTO else law for law in laws or (AUTO,)]
    each = sum(POSTERIOR if LAWS[law].is_posterior else SEARCHED for law in named) * (1 + params["draws"]) / 201
    shard = params.get("shard")
    curves = len(runs.tasks) if shard is None else sum(shard.held(runs.tasks))
    if name == "focus":
        curves = _curves_of_strategies(runs)
    elif name == "plan" and runs.serves_both_ways and not across:
        every, _ = read_inputs(inputs[0], reading, options.mixtures, of_all_strategies=True)
        curves += _curves_of_strategies(every)
    does, seconds, decides = [], START, bool(params.get("decide"))
    if name != "backtest" or decides:
        law = " and ".join(named)
        does.append(f"fit {curves:,} curves of {len(runs.tasks):,} tasks by {law}, {params['draws']:,} draws")
        seconds += each * curves
    if params.get("judged") or (name == "backtest" and not decides):
        origins = params.get("origins") or BACKTEST_ORIGINS
        fitted = origins * len(runs.tasks) * len(named)
        does.append(f"hide the largest runs {origins} times and fit {fitted:,} curves to the others")
        seconds += JUDGED * fitted
    if decides:
        does.append(f"plan {DECIDED_SETS} sets of tasks from the small runs and judge them on the large ones")
        seconds += SET * DECIDED_SETS * len(named)
    if name == "plan":
        also = ", answer the scenarios" if params["scenarios_path"] else ""
        does.append(f"plan the budget over them{also}, grow the set of tasks and draw the report")
        seconds += PLAN * len(runs.tasks)
    counts = {"rows": len(runs.value), "runs": runs.trained_models, "tasks": len(runs.tasks), "curves": curves}
    echo_notes(*runs.notes, *tasks.notes)
    return Intended(
        tuple(inputs), {**counts, "draws": params["draws"]}, tuple(does), round(seconds, 1), _targets(params)
    )


def _curves_of_strategies(runs: Runs) -> int:
    return len({*zip(runs.strategy_index.tolist(), runs.task.tolist(), strict=True)})


def _measuring(ctx: click.Context, inputs: list[str]) -> Intended:
    params, plan = ctx.params, inputs[0]
    if params["command"] is None:
        from budget.lab.transformer.planned_runs import read_plan

        planned = {cell.run: cell.flops for cell in read_plan(plan)}
    else:
        from budget.lab.runner.command import planned_flops

        planned = planned_flops(plan, params["command"])
    done = _measured(params["out"])
    shard = params.get("shard")
    mine = {name: flops for name, flops in planned.items() if shard is None or shard.holds(name)}
    left = {name: flops for name, flops in mine.items() if name not in done}
    flops = sum(left.values())
    seconds = None
    if params["command"] is None:
        seconds = round(TRAINING_START * len(left) + flops / TRAINING_SPEED, 1)
    known = f", {flops:.4g} FLOPs" if flops == flops else ""
    does = (f"train {len(left):,} of {len(mine):,} runs{known}, {params['jobs']} at once",)
    counts = {
        "runs": float(len(mine)),
        "trainings": float(len(left)),
        **({"flops": flops} if flops == flops else {}),
    }
    return Intended((plan,), counts, does, seconds, _targets(params))


def _measured(out: str) -> set[str]:
    from budget.tables.files.text import read_csv

    return set(read_csv(out, "runs").get("run", ())) if Path(out).is_file() else set()


def _targets(params: dict[str, Any]) -> tuple[str, ...]:
    return (str(params["out"]),) if params.get("out") else ()
