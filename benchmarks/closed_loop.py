"""Closes the loop: plans from small runs, trains exactly what the plans ask for, and compares predicted with measured.

Usage: python benchmarks/closed_loop.py plan data/runs.csv > data/loop_plan.csv
       budget measure data/loop_plan.csv --out data/loop_runs.csv --jobs 2
       python benchmarks/closed_loop.py report data/runs.csv data/loop_runs.csv data/closed_loop.csv [--write]

The curves see only runs below `LIMIT` FLOPs. The budget gives each task, on average, ten times that, so the plans'
models are larger than the runs behind their predictions. `report` writes one row for each plan and task, and prints
how the plans did.
"""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import figures
import numpy as np
import pandas as pd

from budget.allocation.plan.plan import Plan
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.lab.transformer.measured_cells import Cell
from budget.lab.transformer.planned_runs import read_plan
from budget.lab.transformer.shape import Shape
from budget.process_settings import prepare_to_fit
from budget.studies.strategies.strategy_curves import StrategyCurves, fit_strategy_curves
from budget.tables.runs import runs_from_frame
from budget.tables.tasks import TaskSettings

TASKS = ("lookup_medium", "medium_near_1", "lookup_hard", "lookup_noisy", "markov_2", "code", "prose", "names")
WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 2.0, 2.0)
"""Text counts more than the tables and the chain, so that a split in proportion to weight is none into equal parts."""

LIMIT = 6e10
"""FLOPs of the largest run that the curves see."""

AFTERWARDS = "matched"
"""Arm of the measuring plan that was added when the loop had been planned: its runs are not seen, and no more are the
shared models' second and third seeds, which came then, too."""

BUDGET = 10 * LIMIT * len(TASKS)
SEEDS = (0, 1, 2)
WIDTH_STEP = 4
"""Models have a width of a multiple of this."""

PLANS = {
    "uniform": ("specialists, uniform split", "uniform"),
    "proportional": ("specialists, in proportion to weight", "by weight"),
    "plan": ("specialists, the plan", "the plan"),
    "moe": ("experts", "experts"),
    "trunk": ("trunk and branches", "trunk"),
    "generalist": ("generalist", "generalist"),
}
"""Plans in the order of the tables, in words."""

PLANS_HEAD = ("plan", "predicted", "measured", "better than uniform: predicted", "measured")


@dataclass(frozen=True)
class Model:
    """A model that a plan asks for.

    Attributes:
        plan: the plan's name.
        cell: what to train, with seed 0.
        served: curves of the tasks it serves.
        predicted: of each of its tasks, with the 80 % interval for the mean of the seeds' runs, shape (3, tasks).
    """

    plan: str
    cell: Cell
    served: StrategyCurves
    predicted: np.ndarray


def models(runs_path: Path) -> list[Model]:
    """What the plans ask for: three splits among specialists, and one model for all under each shared strategy."""
    frame = pd.read_csv(runs_path)
    plan_path = runs_path.with_name("plan.csv")
    arm = pd.read_csv(plan_path)["arm"]
    later = {cell.run for cell, name in zip(read_plan(plan_path), arm, strict=True) if name == AFTERWARDS}
    frame = frame[~frame["run"].isin(later) & ((frame["strategy"] == "specialist") | (frame["seed"] == 0))]
    together = "|".join(TASKS)
    alone = (frame["strategy"] == "specialist") & frame["task"].isin(TASKS)
    seen = frame[(frame["flops"] <= LIMIT) & (alone | (frame["model_tasks"] == together))]
    strategies = fit_strategy_curves(runs_from_frame(seen), draws=200, seed=0)
    if strategies.specialists is None or len(strategies.specialists.tasks) < len(TASKS):
        raise SystemExit(f"Some specialist has no curve: {' '.join(strategies.left_out)}")
    plan = _planned(strategies.specialists, "specialists")
    wanted = {"plan": plan.spend} | {rival.name: rival.spend for rival in plan.baselines}
    found = [
        _specialist(name, strategies.specialists, task, float(wanted[name][position]))
        for name in ("uniform", "proportional", "plan")
        for position, task in enumerate(strategies.specialists.tasks)
    ]
    for served in strategies.shared:
        size = _planned(served, "shared").params[0]
        found.append(_realised(served.strategy, served, served.tasks, float(size), BUDGET))
    return found


def _weights(tasks: Sequence[str]) -> np.ndarray:
    return np.array([WEIGHTS[TASKS.index(task)] for task in tasks])


def _planned(served: StrategyCurves, strategy: str) -> Plan:
    task_settings = TaskSettings(served.tasks, weight=_weights(served.tasks))
    spec = plan_spec(served.curves, task_settings, BUDGET, unit="flops", strategy=strategy, measure="value")
    return allocate(served.curves, spec)


def _specialist(name: str, served: StrategyCurves, task: str, spend: float) -> Model:
    """The best size for a spend: a plan of one task."""
    position = served.tasks.index(task)
    alone = StrategyCurves(served.strategy, served.curves.take(np.array([position])))
    spec = plan_spec(alone.curves, TaskSettings((task,)), spend, unit="flops", strategy="specialists", measure="value")
    return _realised(name, alone, (task,), float(allocate(alone.curves, spec, draws=False).params[0]), spend)


def _realised(name: str, served: StrategyCurves, tasks: tuple[str, ...], params: float, spend: float) -> Model:
    """The model of the nearest width, trained on the tokens that the spend then pays."""
    strategy = "specialist" if len(tasks) == 1 else served.strategy
    routing = (4, 1) if strategy == "moe" else (1, 1)
    share = 0.5 if strategy == "trunk" else 0.0
    extra = 0 if strategy == "specialist" else len(tasks)
    widths = range(WIDTH_STEP, 400, WIDTH_STEP)
    width = min(widths, key=lambda d: abs(np.log((Shape(d, 1, *routing).parameters + extra * d) / params)))
    shape = Shape(width, 1, *routing)
    tokens = round(spend / shape.flops_per_token(16))
    cell = Cell(tasks, shape, tokens, 0, strategy, trunk_share=share)
    at = np.log([[shape.parameters + extra * width, cell.trained_tokens]])
    value, low, high = served.curves.predict(np.arange(len(tasks)), np.repeat(at, len(tasks), axis=0))
    return Model(name, cell, served, np.stack([value, low, high]))


def show_plan(found: list[Model]) -> None:
    """Print the plan for `budget measure`: every seed of the splits and of the best shared model, one of the others."""
    together = [model for model in found if len(model.cell.tasks) > 1]
    best = min(together, key=lambda model: _weights(model.cell.tasks) @ model.predicted[0])
    once = {model.cell.run for model in together if model is not best}
    cells = {model.cell.run: (model.plan, model.cell) for model in found}
    rows = [
        {
            "task": "|".join(cell.tasks),
            "width": cell.shape.width,
            "layers": 1,
            "tokens": cell.tokens,
            "seed": seed,
            "strategy": cell.strategy,
            "experts": cell.shape.experts,
            "trunk_share": cell.trunk_share or None,
            "plan": plan,
        }
        for plan, cell in sorted(cells.values(), key=lambda each: each[1].flops)
        for seed in (SEEDS[:1] if cell.run in once else SEEDS)
    ]
    pd.DataFrame(rows).sort_values("seed", kind="stable").to_csv(sys.stdout, index=False)


def compared(found: list[Model], measured: pd.DataFrame) -> pd.DataFrame:
    """One row for each plan and task: spend, size, predicted and measured value."""
    rows = []
    for model in found:
        cell = model.cell
        prefix = cell.run.rpartition("-s")[0]
        mine = measured[measured["run"].str.rpartition("-s")[0] == prefix]
        for position, task in enumerate(cell.tasks):
            values = mine.loc[mine["task"] == task, "value"].to_numpy()
            if len(values) == 0:
                continue
            predicted, low, high = model.predicted[:, position]
            rows.append({
                "plan": model.plan, "task": task, "flops": cell.flops, "width": cell.shape.width,
                "params": int(mine["params"].iloc[0]), "tokens": cell.trained_tokens,
                "predicted": predicted, "low": low, "high": high, "measured": values.mean(),
                "seeds": len(values), "deviation": values.std(ddof=1) if len(values) > 1 else np.nan,
                "error": predicted / values.mean() - 1,
            })  # fmt: skip
    return pd.DataFrame(rows)


def show_report(table: pd.DataFrame) -> None:
    """Print the errors of the predictions, and the plans beside each other."""
    print(f"curves from runs of at most {LIMIT:.0e} FLOPs, budget {BUDGET:.2g} FLOPs")
    alone = table["plan"].isin(["uniform", "proportional", "plan"])
    off, worst = table["error"][alone].abs(), table.loc[table["error"][alone].abs().idxmax(), "task"]
    inside = ((table["low"] <= table["measured"]) & (table["measured"] <= table["high"]))[alone].mean()
    together = table["error"][~alone].median()
    figures.put(
        "closed_loop_errors",
        figures.bullets([
            f"predictions of specialists, ten times beyond their runs: {100 * off.median():.1f} % off (median; at most "
            f"{100 * off.max():.0f} %, `{worst}`); {100 * inside:.0f} % of the measured values lie in the 80 % "
            "interval of the law alone",
            f"predictions of shared models, eighty times beyond: {100 * abs(together):.0f} % too "
            f"{'high' if together > 0 else 'low'} (median)",
        ]),
    )  # fmt: skip
    figures.put("closed_loop", figures.table(PLANS_HEAD, plan_rows(table)))
    cells = {(row.task, row.plan): f"{row.predicted:.3f} → {row.measured:.3f}" for row in table.itertuples()}
    rows = [(f"`{task}`", *(cells.get((task, plan), "") for plan in PLANS)) for task in TASKS]
    figures.put("closed_loop_tasks", figures.table(("task", *(short for _, short in PLANS.values())), rows))


def plan_rows(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """Weighted mean values of each plan, and by how much it is better than the uniform split."""
    weights = dict(zip(TASKS, np.array(WEIGHTS) / sum(WEIGHTS), strict=True))
    found = {}
    for name, rows in table.groupby("plan", sort=False):
        share = rows["task"].map(weights)
        noise = np.sqrt((share**2 * rows["deviation"] ** 2 / rows["seeds"]).sum(skipna=False))  # NaN: one seed
        found[name] = (share * rows["predicted"]).sum(), (share * rows["measured"]).sum(), noise, len(rows)
    base, lines = found["uniform"], []
    for name in (name for name in PLANS if name in found):
        predicted, value, noise, count = found[name]
        words = PLANS[name][0] + (", one seed" if np.isnan(noise) else "")
        if count < len(TASKS):
            lines.append((f"{words}, measured on {count} of {len(TASKS)} tasks so far", "", "", "", ""))
            continue
        apart = "" if np.isnan(noise) else f" ± {np.hypot(noise, base[2]):.4f}"
        gains = ("", "") if name == "uniform" else (f"{base[0] - predicted:+.4f}", f"{base[1] - value:+.4f}{apart}")
        lines.append((words, f"{predicted:.3f}", f"{value:.3f}", *gains))
    return lines


def main() -> None:
    """Plan or report."""
    warnings.simplefilter("ignore")
    prepare_to_fit()
    what, runs_path, *rest = figures.arguments()
    found = models(Path(runs_path))
    if what == "plan":
        show_plan(found)
        return
    table = compared(found, pd.read_csv(rest[0]))
    table.to_csv(rest[1], index=False)
    show_report(table)


if __name__ == "__main__":
    main()
