"""Closes the loop on two fresh sets of eight tasks: mostly related ones, and unrelated ones.

Usage: python benchmarks/closed_loop_sets.py small > data/sets_small_plan.csv
       budget measure data/sets_small_plan.csv --out data/sets_small_runs.csv --jobs 2
       python benchmarks/closed_loop_sets.py freeze uniform weight shared plan > data/sets_frozen.csv
       python benchmarks/closed_loop_sets.py plan > data/sets_loop_plan.csv
       budget measure data/sets_loop_plan.csv --out data/sets_loop_runs.csv --jobs 2
       python benchmarks/closed_loop_sets.py report [--write]

The curves see runs of at most `LIMIT` FLOPs a task, and the budget gives each task, on average, ten times that.
``freeze`` asks the commands ``fit``, ``allocate`` and ``focus``, as a user would, and prints for each plan it is told
the models and what is predicted of them: an equal split (``uniform``), one by weight, the best with a shared model,
and what ``allocate`` makes by default (any name that begins with ``plan``, for defaults change; lines once frozen
stay). Sizes follow one rule for all plans and strategies, so that splits are compared and not the luck of a width: see
``width_of``.

See docs/decisions/140-loop-on-two-sets.md.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import figures
import numpy as np
import pandas as pd
from scipy.optimize import brentq

from budget.curves.curves import Curves
from budget.curves.records.reading import curves_from_record
from budget.lab.transformer.measured_cells import Cell
from budget.lab.transformer.planned_runs import read_plan
from budget.lab.transformer.shape import HEAD_WIDTH, Shape
from budget.numerics.interval import interval

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"

LIMIT = 1.25e10
"""FLOPs a task of the largest run that the curves see; some of `data/sets_small_runs.csv` are larger."""

TIMES = 10
"""Times `LIMIT` that the budget gives each task on average."""

TOKENS_PER_PARAMETER = 20
"""Of every planned model, as nearly as widths allow (Hoffmann et al. 2022)."""

WIDTHS = range(HEAD_WIDTH, 25 * HEAD_WIDTH, HEAD_WIDTH)
"""Of planned models: whole heads, all of one width."""

SEEDS = (0, 1, 2)

FROZEN, RUNS, REPORT = DATA / "sets_frozen.csv", DATA / "sets_loop_runs.csv", DATA / "sets_closed_loop.csv"

ALL = "all"
"""In column `task`: the weighted mean of a set's tasks."""

UNIFORM = "uniform"

GENERALIST = "generalist"


MOST_OF_THE_ERROR = 0.75
"""Share of the squared error of a set's gains from which on one task's is said."""

BEYOND = 2.0
"""How far beyond its measured spends a task's smooth line is read, as a factor."""

WORDS = {
    UNIFORM: "specialists, equal split",
    "weight": "specialists, by weight",
    "plan_before": "specialists, the plan before (commit 2d2cebb)",
    "plan": "specialists, the plan (commit 7f9ab4c)",
    "plan_now": "specialists, the plan now (commit b7ad4ae)",
    "shared": "best with shared models",
}
"""Plans in words."""

HEAD = (
    "set", "plan", "predicted", "measured", "better than the equal split: predicted (80 %)", "the command said",
    "measured", "better than by weight", "of the clairvoyant's",
)  # fmt: skip


@dataclass(frozen=True)
class TaskSet:
    """Tasks that one budget is split among.

    Attributes:
        tasks: their names; `data/NAME_tasks.csv` has their weights, whose mean is 2, so that a task of weight 2 gets
            the same share by weight as in a uniform split, and one model serves both.
        groups: tasks that a shared model may serve together, beside all of them.
    """

    tasks: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]


SETS = {
    "related": TaskSet(
        (
            "lookup_medium", "medium_near_1", "medium_near_2", "lookup_noisy", "noisy_near_1", "noisy_near_2",
            "lookup_easy", "easy_near",
        ),
        (
            ("lookup_medium", "medium_near_1", "medium_near_2"),
            ("lookup_noisy", "noisy_near_1", "noisy_near_2"),
            ("lookup_easy", "easy_near"),
        ),
    ),
    "unrelated": TaskSet(
        (
            "lookup_hard", "lookup_flat", "lookup_half", "markov_2", "markov_mild", "code", "prose", "grammar",
        ),
        (("lookup_hard", "lookup_flat", "lookup_half"), ("markov_2", "markov_mild"), ("code", "prose")),
    ),
}  # fmt: skip

ALONE = (
    *((16, tokens) for tokens in (16_000, 32_000, 64_000, 128_000, 256_000, 384_000)),
    *((32, tokens) for tokens in (32_000, 64_000, 128_000)),
    *((48, tokens) for tokens in (32_000, 64_000)),
    (64, 32_000),
)
"""Widths and tokens of the small specialists."""

TOGETHER = (
    *((16, tokens) for tokens in (16_000, 32_000, 64_000, 128_000, 256_000)),
    *((32, tokens) for tokens in (16_000, 32_000, 64_000, 128_000)),
    *((48, tokens) for tokens in (32_000, 64_000)),
    (64, 32_000),
)
"""Widths, and tokens a task, of the small shared models."""


@dataclass(frozen=True)
class Model:
    """A model that a plan of a set asks for.

    Attributes:
        plan: the plan's name.
        tasks: what it serves.
        spend: FLOPs that the plan gives it.
    """

    plan: str
    tasks: tuple[str, ...]
    spend: float

    def cell(self, seed: int = 0) -> Cell:
        """What to train for it."""
        several = len(self.tasks)
        width = width_of(self.spend, several)
        tokens = round(self.spend / Shape(width, 1).flops_per_token())
        return Cell(self.tasks, Shape(width, 1), tokens, seed, "specialist" if several == 1 else GENERALIST)


def width_of(spend: float, tasks: int) -> int:
    """The width whose tokens at a spend are nearest to `TOKENS_PER_PARAMETER`, as a ratio."""

    def off(width: int) -> float:
        shape = Shape(width, 1)
        tokens = spend / shape.flops_per_token()
        return abs(float(np.log(tokens / (TOKENS_PER_PARAMETER * params_of(shape, tasks)))))

    return min(WIDTHS, key=off)


def params_of(shape: Shape, tasks: int) -> int:
    """All trained numbers of a model of so many tasks, its task tokens among them."""
    return shape.parameters + (tasks * shape.width if tasks > 1 else 0)


def small() -> Iterator[Cell]:
    """Small runs of every task and group; three seeds of one cell of each task tell the noise."""
    for chosen in SETS.values():
        for task in chosen.tasks:
            yield from (Cell((task,), Shape(width, 1), tokens, 0) for width, tokens in ALONE)
            yield from (Cell((task,), Shape(16, 1), 32_000, seed) for seed in (1, 2))
        for tasks in (chosen.tasks, *chosen.groups):
            for width, tokens in TOGETHER:
                yield Cell(tasks, Shape(width, 1), tokens * len(tasks), 0, GENERALIST)


def planned(frozen: pd.DataFrame) -> Iterator[Cell]:
    """Every seed of every model that the frozen plans ask for, each once; splits before shared models."""
    seen: set[str] = set()
    for plans in (frozen[frozen["plan"] != "shared"], frozen):
        for seed in SEEDS:
            cells = {model.cell(seed).run: model.cell(seed) for model in models_of(plans)}
            yield from sorted((cells[run] for run in cells.keys() - seen), key=lambda cell: cell.flops)
            seen |= cells.keys()


def show_runs(cells: Iterable[Cell]) -> None:
    """Print a plan for ``budget measure``, without what `data/runs.csv` has."""
    there = {cell.run for cell in read_plan(DATA / "plan.csv")}
    rows = [
        {
            "task": "|".join(cell.tasks),
            "width": cell.shape.width,
            "layers": cell.shape.layers,
            "tokens": cell.tokens,
            "seed": cell.seed,
            "strategy": cell.strategy,
        }
        for cell in cells
        if cell.run not in there
    ]
    pd.DataFrame(rows).to_csv(sys.stdout, index=False)


def models_of(frozen: pd.DataFrame) -> list[Model]:
    """The models of frozen plans."""
    each = frozen[frozen["task"] != ALL].drop_duplicates(["set", "plan", "model_tasks"])
    return [Model(row.plan, tuple(row.model_tasks.split("|")), row.spend) for row in each.itertuples()]


class Commands:
    """The commands of ``budget`` on one set's small runs, in a folder of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        """Write the small runs of a set there."""
        self.tasks, self.folder, self.runs = SETS[name].tasks, folder, folder / "runs.csv"
        self.settings = settings_of(name)
        self.budget = TIMES * LIMIT * len(self.tasks)
        wanted = {cell.run for cell in small() if cell.flops <= LIMIT * len(cell.tasks)}
        every = pd.concat([pd.read_csv(DATA / file) for file in ("runs.csv", "sets_small_runs.csv")])
        every = every[every["run"].isin(wanted) & every["task"].isin(self.tasks)]
        every.to_csv(self.runs, index=False)

    def fitted(self, tasks: tuple[str, ...] = ()) -> Path:
        """The curves file of the specialists, or of a model of several tasks fitted beside them."""
        out = self.folder / f"{'-'.join((*tasks, 'curves'))}.json"
        where = ("strategy=specialist",) if not tasks else (f"strategy={GENERALIST}", f"model_tasks={'|'.join(tasks)}")
        if not out.exists():
            chosen = [word for each in where for word in ("--where", each)]
            self._run(tasks or self.tasks, "fit", self.runs, *chosen, "--backtest", "--out", out)
        return out

    def curves(self, tasks: tuple[str, ...] = ()) -> Curves:
        """The same, read."""
        path = self.fitted(tasks)
        return curves_from_record(json.loads(path.read_text()), str(path))

    def allocation(self) -> dict[str, Any]:
        """The default plan of specialists with the splits it compares itself with."""
        return self._json("allocate", self.fitted(), "--budget", f"{self.budget:.17g}", "--reach", "inf")

    def comparison(self) -> dict[str, Any]:
        """Specialists, the generalist and groups at the budget."""
        return self._json("focus", self.runs, "--budget", f"{self.budget:.17g}")

    def _json(self, *words: object) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._run(self.tasks, *words, "--json"))
        return found

    def _run(self, tasks: tuple[str, ...], *words: object) -> str:
        about = self.folder / "tasks.csv"
        self.settings.loc[list(tasks)].drop(columns="description").to_csv(about)
        command = [sys.executable, str(ROOT / "cli.py"), *map(str, words), "--tasks", str(about)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stderr}")
        return done.stdout


def settings_of(name: str) -> pd.DataFrame:
    """What is wanted of a set's tasks, one row a task."""
    return pd.read_csv(DATA / f"{name}_tasks.csv").set_index("task").loc[list(SETS[name].tasks)]


def models_for(plan: str, commands: Commands) -> tuple[list[Model], float]:
    """What a plan asks for, and by how much the command that made it says it is better than an equal split."""
    tasks, budget = commands.tasks, commands.budget
    if plan == UNIFORM:
        return [Model(plan, (task,), budget / len(tasks)) for task in tasks], 0.0
    if plan == "weight":
        share = commands.settings["weight"] / commands.settings["weight"].sum()
        return [Model(plan, (task,), budget * share[task]) for task in tasks], np.nan
    if plan == "shared":
        found = commands.comparison()
        objective = {row["strategy"]: row["objective"] for row in found["rows"] if row["n_tasks"] == len(tasks)}
        best = min((GENERALIST, "groups"), key=lambda strategy: objective.get(strategy, np.inf))
        said = equal_objective(commands.allocation()) - objective[best]
        if best == GENERALIST:
            return [Model(plan, tasks, budget)], said
        partition = next(each for each in found["partitions"] if set(each["tasks"]) == set(tasks))
        blocks = zip(partition["blocks"], partition["spend"], strict=True)
        return [Model(plan, tuple(block[1]), spend) for block, spend in blocks], said
    if plan.startswith("plan"):
        found = commands.allocation()
        models = [Model(plan, (row["task"],), row["spend"]) for row in found["tasks"]]
        return models, equal_objective(found) - found["objective"]
    raise SystemExit(f"'{plan}' is no plan; name some of uniform, weight, shared, and one that begins with plan.")


def equal_objective(allocation: dict[str, Any]) -> float:
    """What ``allocate`` says of the equal split."""
    return float(next(each["objective"] for each in allocation["baselines"] if each["name"] == UNIFORM))


def frozen_rows(name: str, plans: list[str]) -> list[dict[str, Any]]:
    """What each plan of a set asks for and what is predicted of it, a row a task and one for their weighted mean."""
    with tempfile.TemporaryDirectory() as folder:
        commands = Commands(name, Path(folder))
        made = {plan: models_for(plan, commands) for plan in dict.fromkeys((UNIFORM, *plans))}
        scenarios = {plan: predicted_by(models, commands) for plan, (models, _) in made.items()}
    weight = (commands.settings["weight"] / commands.settings["weight"].sum()).to_numpy()
    rows = []
    for plan in plans:
        models, said = made[plan]
        gain = scenarios[UNIFORM] - scenarios[plan]
        for number, task in enumerate(commands.tasks):
            model = next(each for each in models if task in each.tasks)
            cell = model.cell()
            rows.append({
                "set": name, "plan": plan, "task": task, "model_tasks": "|".join(model.tasks), "spend": model.spend,
                "width": cell.shape.width, "tokens": cell.trained_tokens,
                **spans(scenarios[plan][:, number], gain[:, number]), "said": np.nan,
            })  # fmt: skip
        rows.append({
            "set": name, "plan": plan, "task": ALL, "spend": sum(model.spend for model in models),
            **spans(scenarios[plan] @ weight, gain @ weight), "said": said,
        })  # fmt: skip
    return rows


def predicted_by(models: list[Model], commands: Commands) -> np.ndarray:
    """Values of the set's tasks by the point curves (row 0) and in every draw: shape (1 + draws, tasks)."""
    found: dict[str, np.ndarray] = {}
    for model in models:
        shared = len(model.tasks) > 1
        curves, cell = commands.curves(model.tasks if shared else ()), model.cell()
        place = np.array([curves.tasks.index(task) for task in model.tasks])
        size = [params_of(cell.shape, len(model.tasks)), cell.trained_tokens]
        at = np.tile(np.log(size), (len(place), 1))
        every = np.vstack([curves.distance(place, at), curves.distance_draws(place, at)])
        found |= dict(zip(model.tasks, curves.present(place, every).T, strict=True))
    return np.stack([found[task] for task in commands.tasks], axis=1)


def spans(values: np.ndarray, gains: np.ndarray) -> dict[str, float]:
    """Values and gains (1 + draws,): the point's, and the ends of the draws' 80 % intervals."""
    (low, high), (least, most) = interval(values[1:]), interval(gains[1:])
    return {
        "predicted": values[0], "low": low, "high": high, "gain": gains[0], "gain_low": least, "gain_high": most,
    }  # fmt: skip


def compared(frozen: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The frozen rows with what was measured: means over seeds, and gains over the uniform split paired by seed."""
    values: dict[tuple[str, str, str], np.ndarray] = {}
    for name, chosen in SETS.items():
        weight = settings_of(name)["weight"]
        for plan, mine in frozen[frozen["set"] == name].groupby("plan", sort=False):
            for model in models_of(mine):
                for task in model.tasks:
                    values[name, str(plan), task] = np.array(
                        [value_of(runs, model.cell(seed).run, task) for seed in SEEDS]
                    )
            each = np.stack([values[name, str(plan), task] for task in chosen.tasks])
            values[name, str(plan), ALL] = np.average(each, axis=0, weights=weight)
    rows = []
    for record in frozen.to_dict("records"):
        name, plan, task = record["set"], record["plan"], record["task"]
        mine = values[name, plan, task]
        rows.append({
            **record,
            "seeds": int(np.isfinite(mine).sum()),
            "measured": mean(mine),
            "error": record["predicted"] / mean(mine) - 1,
            **{f"gain_over_{rival}{key}": number for rival in (UNIFORM, "weight")
               for key, number in paired(values[name, rival, task] - mine).items()},
        })  # fmt: skip
    return pd.DataFrame(rows)


def value_of(runs: pd.DataFrame, run: str, task: str) -> float:
    """What a run reached on a task; NaN where it has not been trained yet."""
    found = runs.loc[(runs["run"] == run) & (runs["task"] == task), "value"]
    return float(found.iloc[0]) if len(found) else np.nan


def mean(values: np.ndarray) -> float:
    """Of those that are there; NaN where none is."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else np.nan


def paired(gains: np.ndarray) -> dict[str, float]:
    """Mean over the seeds, and two standard errors of it."""
    there = gains[np.isfinite(gains)]
    error = 2 * there.std(ddof=1) / np.sqrt(len(there)) if len(there) > 1 else np.nan
    return {"": mean(gains), "_error": float(error)}


def smooth_lines(table: pd.DataFrame) -> pd.DataFrame:
    """A line `best + a C^-b` a task through its measured specialists, and between which spends it is trusted.

    A line of three to five measured spends within a factor of a few, each counting by its seeds, smooths what seeds and
    widths do to single models; on it the best split can be told.
    """
    alone = table[(table["task"] == table["model_tasks"]) & table["measured"].notna()].drop_duplicates(
        ["set", "task", "spend"]
    )
    rows = []
    for (name, task), mine in alone.groupby(["set", "task"], sort=False):
        floor = np.nan_to_num(settings_of(str(name)).at[task, "best"])
        x, y = np.log(mine["spend"]), np.log(mine["measured"] - floor)
        trust = mine["seeds"].to_numpy(float)
        slope = min(float(np.polyfit(x, y, 1, w=np.sqrt(trust))[0]), 0.0) if len(mine) > 1 else 0.0
        rows.append({
            "set": name, "task": task, "floor": floor, "slope": slope,
            "level": float(np.average(y - slope * x, weights=trust)),
            "low": mine["spend"].min() / BEYOND, "high": mine["spend"].max() * BEYOND,
        })  # fmt: skip
    return pd.DataFrame(rows).set_index(["set", "task"])


def on_line(lines: pd.DataFrame, spend: np.ndarray) -> np.ndarray:
    """Values of tasks at spends by their lines."""
    value: np.ndarray = (lines["floor"] + np.exp(lines["level"] + lines["slope"] * np.log(spend))).to_numpy()
    return value


def clairvoyant(lines: pd.DataFrame, weight: np.ndarray, budget: float) -> np.ndarray:
    """The split of a budget that is best by the lines: equal returns to the last FLOP, within the trusted spends."""
    fall = -lines["slope"].to_numpy()
    scale = weight * fall * np.exp(lines["level"].to_numpy())

    def at(log_price: float) -> np.ndarray:
        with np.errstate(divide="ignore"):
            spend = np.exp((np.log(scale) - log_price) / (1 + fall))
        return np.clip(spend, lines["low"], lines["high"]).to_numpy()

    return at(brentq(lambda price: at(price).sum() - budget, -100.0, 10.0))


def show_report(table: pd.DataFrame) -> None:
    """Put the plans beside each other, and the errors of the predictions."""
    rows = []
    lines = smooth_lines(table)
    for name, chosen in SETS.items():
        mine = table[table["set"] == name]
        weight = settings_of(name)["weight"].to_numpy(float)
        weight /= weight.sum()
        line = lines.loc[name].loc[list(chosen.tasks)]
        equal = np.full(len(weight), TIMES * LIMIT)
        best = weight @ (on_line(line, equal) - on_line(line, clairvoyant(line, weight, equal.sum())))
        for row in mine[mine["task"] == ALL].itertuples():
            spends = mine[(mine["plan"] == row.plan) & (mine["task"] != ALL)]
            alone = (spends["task"] == spends["model_tasks"]).all()
            gain = weight @ (on_line(line, equal) - on_line(line, spends["spend"].to_numpy())) if alone else np.nan
            first = row.plan == UNIFORM
            rows.append((
                name, WORDS[row.plan], f"{row.predicted:.4f}", known(row.measured, ".4f"),
                "" if first else f"{row.gain:+.4f} ({row.gain_low:+.4f} to {row.gain_high:+.4f})",
                "" if first else known(row.said, "+.4f"),
                "" if first else plus_minus(row.gain_over_uniform, row.gain_over_uniform_error),
                "" if row.plan in (UNIFORM, "weight") else plus_minus(row.gain_over_weight, row.gain_over_weight_error),
                "" if first or not alone else known(gain / best, ".2f"),
            ))  # fmt: skip
        rows.append((name, "clairvoyant, on the smooth lines", "", "", "", "", f"{best:+.4f}", "", "1"))
    figures.put("closed_loop_sets", figures.table(HEAD, rows))
    figures.put("closed_loop_sets_errors", figures.bullets(errors(table)))


def errors(table: pd.DataFrame) -> list[str]:
    """How far off the predictions were, and what lay in their intervals."""
    each = table[(table["task"] != ALL) & table["measured"].notna()].drop_duplicates(
        ["set", "model_tasks", "task", "spend"]
    )
    said = []
    for words, mine in (
        ("specialists", each[each["task"] == each["model_tasks"]]),
        ("shared models", each[each["task"] != each["model_tasks"]]),
    ):
        if len(mine):
            inside = (mine["low"] <= mine["measured"]) & (mine["measured"] <= mine["high"])
            worst = mine.loc[mine["error"].abs().idxmax()]
            said.append(
                f"predictions of {words} ({len(mine)} values): {100 * mine['error'].abs().median():.1f} % off (median; "
                f"at most {100 * abs(worst['error']):.0f} %, `{worst['task']}`); {100 * inside.mean():.0f} % of the "
                "measured values lie in the 80 % interval"
            )
    plans = table[(table["task"] == ALL) & (table["plan"] != UNIFORM) & table["measured"].notna()]
    inside = (plans["gain_low"] <= plans["gain_over_uniform"]) & (plans["gain_over_uniform"] <= plans["gain_high"])
    ratio = [f"{row.gain / row.gain_over_uniform:.2g} ({row.set}, {WORDS[row.plan]})" for row in plans.itertuples()]
    missing = table[(table["task"] == ALL) & (table["seeds"] < len(SEEDS))]
    lacking = [f"{row.seeds} of {len(SEEDS)} seeds ({row.set}, {WORDS[row.plan]})" for row in missing.itertuples()]
    return [
        *([f"not all trained yet: {', '.join(lacking)}"] if lacking else []),
        *said,
        f"of {len(plans)} measured gains over the equal split {inside.sum()} lie in their predicted 80 % interval; "
        f"predicted over realised: {', '.join(ratio)}",
        *without_the_noisiest(table),
    ]


def without_the_noisiest(table: pd.DataFrame) -> list[str]:
    """Of sets where the seeds of one task make most of the error of the gains: that task, and what the others gain."""
    said = []
    for name, chosen in SETS.items():
        weight = settings_of(name)["weight"] / settings_of(name)["weight"].sum()
        mine = table[(table["set"] == name) & table["task"].isin(chosen.tasks) & ~table["plan"].isin([UNIFORM])]
        part = mine.assign(
            gain=mine["task"].map(weight) * mine["gain_over_uniform"],
            square=(mine["task"].map(weight) * mine["gain_over_uniform_error"]) ** 2,
        )
        square = part.groupby("task")["square"].sum()
        worst = str(square.idxmax())
        others = part[part["task"] != worst].groupby("plan", sort=False)
        gains = ", ".join(
            f"{plus_minus(rows['gain'].sum(), float(np.sqrt(rows['square'].sum())))} ({WORDS[str(plan)]})"
            for plan, rows in others
            if rows["square"].notna().all()
        )
        share = square[worst] / square.sum()
        if share >= MOST_OF_THE_ERROR:
            said.append(
                f"`{worst}` makes {100 * share:.0f} % of the squared error of the gains of the {name} tasks; what the "
                f"other seven add to the gain over the equal split, their errors taken as independent: {gains}"
            )
    return said


def known(number: float, form: str) -> str:
    """A number; nothing where there is none yet."""
    return format(number, form) if np.isfinite(number) else ""


def plus_minus(gain: float, error: float) -> str:
    """A gain with two standard errors."""
    return known(gain, "+.4f") + (f" ± {error:.4f}" if np.isfinite(error) else "")


def main() -> None:
    """Print a plan of runs, freeze plans, or report."""
    what, *names = figures.arguments()
    if what == "small":
        show_runs(sorted(small(), key=lambda cell: cell.flops))
    elif what == "freeze":
        rows = [row for name in SETS for row in frozen_rows(name, names)]
        whole = {"width": "Int64", "tokens": "Int64"}
        pd.DataFrame(rows).astype(whole).to_csv(sys.stdout, index=False, float_format="%.10g")
    elif what == "plan":
        show_runs(planned(pd.read_csv(FROZEN)))
    elif what == "report":
        table = compared(pd.read_csv(FROZEN), pd.read_csv(RUNS))
        table.to_csv(REPORT, index=False)
        show_report(table)
    else:
        raise SystemExit(f"'{what}' is none of small, freeze, plan and report.")


if __name__ == "__main__":
    main()
