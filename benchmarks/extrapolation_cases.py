"""Cases of ``extrapolation.py``: runs that a fit may see, and larger ones that it has to predict.

Each ``Case`` is what one file would be: its tasks can be fitted together. Tables have the columns of ``runs.csv``. The
published data are read from the folder ``DATA`` and the project's own runs from ``data/``; simulated worlds are made
from fixed seeds, with truths that are known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from closed_loop import AFTERWARDS, LIMIT, TASKS
from numpy.typing import ArrayLike

from budget.lab.transformer.planned_runs import read_plan
from budget.studies.backtest import HIDDEN_SHARE, largest_kept

OWN = Path(__file__).resolve().parents[1] / "data"
"""The project's own runs."""

Measure = Literal["rmsle", "relative", "points", "r2"]
"""What is said of the predictions ŷ of measured y: each curve's root mean square of ln ŷ − ln y; each value's |ŷ/y − 1|
in percent; how far each task's mean ŷ is off its mean y, in points of a score (single accuracies are so noisy that even
measured losses predict them to no better than .8 points); or each task's 1 − Σ(ŷ − y)²/Σ(y − ȳ)². Their mean counts."""

SCORED = ("hellaswag", "arc_easy", "arc_challenge", "csqa", "openbookqa", "piqa", "socialiqa", "mmlu")
"""The tasks whose accuracies Bhagia et al. (2024) predict."""

THINNED = (6, 8)
"""Points that a thinned curve has left."""


@dataclass(frozen=True)
class Case:
    """Some tasks of one source: the runs that are seen, and those to be predicted.

    Attributes:
        test: the row of the table that the case belongs to.
        name: the case's own name, unique.
        measure: how errors are counted.
        scales: the columns that say how large a run was, in the order of a law's inputs.
        train: runs that are seen; columns ``task, value, higher_is_better`` and ``scales``, and where they are known
            ``run, metric, flops, strategy, n_tasks, stderr``.
        target: what has to be predicted, with the same columns.
        strategy: of the shared models that the target is of; ``train`` then holds their tasks' specialists too.
        score: metric in ``train`` that is predicted from the others through a link, "" where none is.
        best: stated best values by task.
        unserved: stated values of a task that is given nothing.
    """

    test: str
    name: str
    measure: Measure
    scales: tuple[str, ...]
    train: pd.DataFrame
    target: pd.DataFrame
    strategy: str = ""
    score: str = ""
    best: Mapping[str, float] = field(default_factory=dict)
    unserved: Mapping[str, float] = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that are predicted, in the order of the target."""
        return tuple(dict.fromkeys(self.target["task"]))

    @property
    def distance(self) -> np.ndarray:
        """(H,) by how much each target is larger than its task's largest seen run; FLOPs where there are any."""
        size = "flops" if "flops" in self.train else self.scales[0]
        seen = self.train if not self.strategy else self.train[self.train["strategy"] == self.strategy]
        largest = seen.groupby("task")[size].max()
        return np.asarray(self.target[size] / self.target["task"].map(largest), dtype=float)


@dataclass(frozen=True)
class Score:
    """How well a case, or several of one test, was predicted.

    Attributes:
        error: in the case's measure.
        coverage: share of the measured values inside the 80 % interval for a new run (of curves: its mean over them).
        width: mean of ln high − ln low, of points: of high − low; weighted as ``coverage``.
        units: how many tasks or values the error is a mean over.
        weight: what the coverage counts for: the number of values, of curves: of curves.
        values: how many values were to be predicted.
        missing: for how many of them there is no prediction: in no error, and held by no interval.
    """

    error: float
    coverage: float
    width: float
    units: int
    weight: float
    values: int
    missing: int


def score(case: Case, predicted: np.ndarray, low: np.ndarray, high: np.ndarray) -> Score:
    """Judge predictions (H,), NaN where there is none, and their intervals for a new run by the target's H values."""
    measured = case.target["value"].to_numpy(float)
    found = np.isfinite(predicted)
    task = case.target["task"].to_numpy()
    y, guess = measured[found], predicted[found]
    by_task = [task[found] == name for name in dict.fromkeys(task[found])]
    if case.measure == "rmsle":
        errors = [float(np.sqrt(((np.log(guess) - np.log(y))[mine] ** 2).mean())) for mine in by_task]
    elif case.measure == "r2":
        errors = [
            1 - float(np.sum((guess - y)[mine] ** 2) / np.sum((y[mine] - y[mine].mean()) ** 2)) for mine in by_task
        ]
    elif case.measure == "points":
        errors = [100 * abs(float((guess - y)[mine].mean())) for mine in by_task]
    else:
        errors = list(100 * np.abs(guess / y - 1))
    inside = (low <= measured) & (measured <= high)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = high - low if case.measure == "points" else np.log(high) - np.log(low)
    # a curve counts as one, however many points of it there are to predict
    weight = 1 / pd.Series(task).groupby(task).transform("size").to_numpy(float)
    weight = weight if case.measure == "rmsle" else np.ones(len(task))
    return Score(
        error=_mean(errors, np.ones(len(errors))),
        coverage=_mean(inside, weight),
        width=_mean(width[found], weight[found]),
        units=len(errors),
        weight=float(weight.sum()),
        values=len(measured),
        missing=int((~found).sum()),
    )


def together(scores: Iterable[Score]) -> Score:
    """The scores of several cases of one test as one."""
    every = list(scores)
    units, weight, values, missing = (
        np.array([getattr(each, name) for each in every]) for name in ("units", "weight", "values", "missing")
    )
    return Score(
        error=_mean([each.error for each in every], units),
        coverage=_mean([each.coverage for each in every], weight),
        width=_mean([each.width for each in every], weight * (missing < values)),
        units=int(units.sum()),
        weight=float(weight.sum()),
        values=int(values.sum()),
        missing=int(missing.sum()),
    )


def _mean(values: ArrayLike, weights: np.ndarray) -> float:
    """The weighted mean of what counts at all; NaN where nothing does."""
    some = weights > 0
    return float(np.average(np.asarray(values, dtype=float)[some], weights=weights[some])) if some.any() else np.nan


def cases(data: Path, only: Iterable[str] = ()) -> Iterator[Case]:
    """Every case of the tests named, of all tests where none is named."""
    wanted = set(only)
    unknown = wanted - set(TESTS)
    if unknown:
        raise SystemExit(f"There is no test {', '.join(sorted(unknown))}; choose of {', '.join(TESTS)}.")
    for name, make in TESTS.items():
        if not wanted or name in wanted:
            yield from make(data)


def _learning_curves(data: Path, domain: str, points: int | None = None) -> Iterator[Case]:
    """Curves of one variable, whose second half is predicted (Alabdulmohsin et al. 2022); a case for each data set."""
    frame = pd.read_csv(data / "learning_curves/benchmark.csv")
    frame = frame[frame["Domain"] == domain]
    columns = {
        "task": frame["Task"] + " " + frame["Model"],
        "x": frame["Seen Examples"],
        "value": frame["Loss"],
        "higher_is_better": 0,
    }
    seen = frame["Training"] == 1
    table = pd.DataFrame(columns)
    test = {"IC": "image", "NMT": "translation", "BB": "bigbench"}[domain] + (f"_{points}" if points else "")
    groups = frame["Task"].str.rpartition("_")[0] if domain == "IC" else frame["Domain"]
    for group, mine in table.groupby(groups, sort=False):
        train = mine[seen[mine.index]]
        if points:
            train = pd.concat([_thinned(each, points) for _, each in train.groupby("task", sort=False)])
        yield Case(test, f"{test} {group}", "rmsle", ("x",), _numbered(train), _numbered(mine[~seen[mine.index]]))


def _thinned(curve: pd.DataFrame, points: int) -> pd.DataFrame:
    """About so many points of a curve, evenly spaced in ln x, its first and last among them."""
    if len(curve) <= points:
        return curve
    curve = curve.sort_values("x")
    at = np.log(curve["x"].to_numpy())
    wanted = np.linspace(at[0], at[-1], points)
    free = list(range(len(at)))
    chosen = []
    for place in (0, points - 1, *range(1, points - 1)):  # the ends first, then each the nearest that is left
        nearest = min(free, key=lambda row: abs(at[row] - wanted[place]))
        free.remove(nearest)
        chosen.append(nearest)
    return curve.iloc[sorted(chosen)]


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.reset_index(drop=True)


def _olmo(data: Path) -> pd.DataFrame:
    frame = pd.read_csv(data / "olmo_ladder/runs.csv").rename(columns={"model": "run"})
    kept = ["task", "run", "params", "tokens", "flops", "metric", "value", "higher_is_better", "size"]
    return frame.loc[frame["role"] == "ladder", kept]


def _olmo_losses(data: Path) -> Iterator[Case]:
    frame = _olmo(data)
    yield _without_largest(frame[frame["metric"] == "bpb"], "olmo_bpb", "relative")


def _olmo_scores(data: Path) -> Iterator[Case]:
    frame = _olmo(data)
    frame = frame[frame["metric"].isin(["bpb", "acc_rc"]) & frame["task"].isin(SCORED)]
    yield _without_largest(frame, "olmo_accuracy", "points", score="acc_rc")


def _without_largest(frame: pd.DataFrame, test: str, measure: Measure, score: str = "") -> Case:
    large = frame["size"] == "1B"
    target = frame[large & (frame["metric"] == score)] if score else frame[large]
    train = frame[~large]
    return Case(test, test, measure, ("params", "tokens"), _numbered(train), _numbered(target), score=score)


def _gadre(data: Path) -> Iterator[Case]:
    """Losses of models below 1e20 FLOPs and above, a case for each corpus (Gadre et al. 2024)."""
    frame = pd.read_csv(data / "gadre/runs.csv").rename(columns={"model": "run"})
    frame = frame[frame["metric"] == "ce_nats_per_token"]
    kept = ["task", "run", "params", "tokens", "flops", "metric", "value", "higher_is_better"]
    for corpus, mine in frame.groupby("train_set", sort=False):
        yield _below(mine[kept], 1e20, "gadre", f"gadre {corpus}")


def _chinchilla(data: Path) -> Iterator[Case]:
    frame = pd.read_csv(data / "chinchilla_digitised/runs.csv")
    frame = frame.rename(columns={"C": "flops", "N": "params", "D": "tokens", "loss": "value"})
    yield _below(frame.assign(task="chinchilla", higher_is_better=0), 3e20, "chinchilla", "chinchilla")


def _below(frame: pd.DataFrame, limit: float, test: str, name: str) -> Case:
    small = frame["flops"] < limit
    return Case(test, name, "relative", ("params", "tokens"), _numbered(frame[small]), _numbered(frame[~small]))


def _own() -> pd.DataFrame:
    kept = "task run params tokens flops value stderr metric strategy n_tasks model_tasks seed".split()
    return pd.read_csv(OWN / "runs.csv")[kept].assign(higher_is_better=0)


def _stated(tasks: Iterable[str]) -> dict[str, dict[str, float]]:
    """What ``tasks.csv`` states of some tasks."""
    frame = pd.read_csv(OWN / "tasks.csv").set_index("task").loc[list(tasks)]
    said = {name: frame[name].dropna() for name in ("best", "unserved")}
    return {name: {str(task): float(value) for task, value in each.items()} for name, each in said.items()}


def _own_case(test: str, name: str, train: pd.DataFrame, target: pd.DataFrame, strategy: str = "") -> Case:
    train, target = (_numbered(each.drop(columns=["model_tasks", "seed"], errors="ignore")) for each in (train, target))
    stated = _stated(dict.fromkeys(target["task"]))
    return Case(
        test,
        name,
        "relative",
        ("params", "tokens"),
        train,
        target,
        strategy,
        best=stated["best"],
        unserved=stated["unserved"],
    )


def _backtest(data: Path) -> Iterator[Case]:
    """Specialists, of which ``budget backtest`` hides the largest quarter."""
    frame = _own()
    frame = frame[frame["strategy"] == "specialist"]
    hidden = frame["flops"] > frame.groupby("task")["flops"].transform(
        lambda size: largest_kept(size.array, HIDDEN_SHARE)
    )
    yield _own_case("backtest", "backtest", frame[~hidden], frame[hidden])


def _shared_arms(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame, pd.DataFrame]]:
    """Each strategy and set of tasks: its first seeds' rows, and those of its tasks' specialists."""
    alone = frame[frame["strategy"] == "specialist"]
    first = frame[(frame["strategy"] != "specialist") & (frame["seed"] == 0)]
    for keys, mine in first.groupby(["strategy", "model_tasks"], sort=False):
        strategy, tasks = (str(key) for key in keys)
        yield strategy, tasks, mine, alone[alone["task"].isin(tasks.split("|"))]


def _shared_backtest(data: Path) -> Iterator[Case]:
    """The largest quarter of each shared arm, its tasks' specialists being as small as the runs that are seen."""
    for strategy, tasks, mine, alone in _shared_arms(_own()):
        limit = largest_kept(mine.drop_duplicates("run")["flops"].to_numpy(), HIDDEN_SHARE)
        train = pd.concat([alone[alone["flops"] <= limit], mine[mine["flops"] <= limit]])
        name = f"shared_backtest {strategy} {tasks}"
        yield _own_case("shared_backtest", name, train, mine[mine["flops"] > limit], strategy)


def _shared_beyond(test: str, limit: float, above: float, least: int) -> Callable[[Path], Iterator[Case]]:
    """Shared arms with so many runs up to a limit, the closed loop's apart, predicted from another size on."""

    def make(data: Path) -> Iterator[Case]:
        for strategy, tasks, mine, alone in _shared_arms(_own()):
            small = mine[mine["flops"] <= limit]
            if set(tasks.split("|")) == set(TASKS) or small["run"].nunique() < least:
                continue
            train = pd.concat([alone[alone["flops"] <= limit], small])
            yield _own_case(test, f"{test} {strategy} {tasks}", train, mine[mine["flops"] >= above], strategy)

    return make


def _loop_runs() -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the closed loop's curves saw, and the means over seeds that were measured afterwards."""
    frame = _own()
    arm = pd.read_csv(OWN / "plan.csv")["arm"]
    later = {cell.run for cell, name in zip(read_plan(OWN / "plan.csv"), arm, strict=True) if name == AFTERWARDS}
    alone = (frame["strategy"] == "specialist") & frame["task"].isin(TASKS)
    shared = (frame["model_tasks"] == "|".join(TASKS)) & (frame["seed"] == 0)
    seen = frame[(frame["flops"] <= LIMIT) & (alone | shared) & ~frame["run"].isin(later)]
    measured = pd.read_csv(OWN / "closed_loop.csv").assign(higher_is_better=0)
    measured["strategy"] = measured["plan"].where(measured["plan"].isin(frame["strategy"]), "specialist")
    measured["n_tasks"] = np.where(measured["strategy"] == "specialist", 1, len(TASKS))
    kept = ["task", "params", "tokens", "flops", "strategy", "n_tasks", "higher_is_better"]
    return seen, measured[kept].assign(value=measured["measured"], metric="nats_per_token", run=measured["plan"])


def _loop_specialists(data: Path) -> Iterator[Case]:
    seen, measured = _loop_runs()
    train, target = (each[each["strategy"] == "specialist"] for each in (seen, measured))
    yield _own_case("loop_specialists", "loop_specialists", train, target)


def _loop_shared(data: Path) -> Iterator[Case]:
    seen, measured = _loop_runs()
    for strategy in ("trunk", "generalist", "moe"):
        train = seen[seen["strategy"].isin(["specialist", strategy])]
        target = measured[measured["strategy"] == strategy]
        yield _own_case("loop_shared", f"loop_shared {strategy}", train, target, strategy)


@dataclass(frozen=True)
class _Source:
    """A table of ScaleBench (Li 2026): its columns' names here, the scales, and the task that a group is."""

    file: str
    columns: Mapping[str, str]
    scales: tuple[str, ...]


SCALEBENCH = {
    "farseer": _Source("farseer", {"N": "params", "D": "tokens", "loss": "value"}, ("params", "tokens")),
    "data_con": _Source("data_constrained", {"loss": "value"}, ("params", "tokens", "unique_tokens")),
    "moe": _Source(
        "moe",
        {"num_experts": "experts", "dense_parameter_count": "params", "loss_validation": "value"},
        ("params", "experts"),
    ),
    "parallel": _Source(
        "parallel", {"num_params": "params", "parallel_size": "streams", "loss": "value"}, ("params", "streams")
    ),
    "vocab": _Source(
        "vocab",
        {
            "non_vocab_parameters": "params",
            "vocab_size": "vocab",
            "num_characters": "tokens",
            "unigram_normalized_loss": "value",
        },
        ("params", "vocab", "tokens"),
    ),
}
"""The tables that a case is made of; the tokens of ``vocab`` are characters."""


def _scalebench(name: str) -> Callable[[Path], Iterator[Case]]:
    def make(data: Path) -> Iterator[Case]:
        source = SCALEBENCH[name]

        def read(part: str) -> pd.DataFrame:
            frame = pd.read_csv(data / f"scalebench/{source.file}_scaling_law.{part}.csv")
            frame = frame.rename(columns={"group": "task", **source.columns}).assign(higher_is_better=0)
            # compute is what the authors count as cost, and the order in which runs are hidden
            return frame.assign(flops=6 * frame["params"] * frame["tokens"]) if "tokens" in frame else frame

        train = read("train")
        if name == "farseer":  # its target is kept aside: the last tenth by FLOPs stands for it
            order = train["flops"].rank(method="first")
            hidden = order > len(train) - len(train) // 10
            train, target = train[~hidden], train[hidden]
        else:
            target = read("test")
        if name == "vocab":  # a loss less that of the unigrams is negative, but never below -ln(vocabulary)
            shift = np.log(train["vocab"].max())
            train, target = (each.assign(value=each["value"] + shift) for each in (train, target))
        yield Case(f"scalebench_{name}", f"scalebench_{name}", "r2", source.scales, _numbered(train), _numbered(target))

    return make


BEYOND = (1.0, 3.0, 10.0, 30.0)
"""Where simulated worlds are predicted, in times of their largest run."""

WORLD_TASKS = 100
WORLD_NOISE = 0.01
"""Standard deviation of ln(value) between runs of one size, as text and tables have it in ``data/``."""


def one_scale(random: np.random.Generator, kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """A curve of z = ln(x / the largest measured x): ``power``, ``break``, ``plateau`` or ``drift``."""
    floor, height, slope = random.uniform(0.3, 2), random.uniform(0.3, 2), random.uniform(0.1, 0.4)
    if kind == "break":  # its slope halves, doubles or less, between a thirtieth of the largest run and that run
        change, place = slope * (np.exp(random.uniform(-0.7, 0.7)) - 1), random.uniform(np.log(1 / 30), 0)
        return lambda z: floor + height * np.exp(-slope * z - change * np.logaddexp(0, 3 * (z - place)) / 3)
    if kind == "plateau":  # near guessing at the small sizes, half way down where the large ones are
        middle = random.uniform(np.log(0.03), np.log(3))
        return lambda z: floor + height / (1 + np.exp(2 * slope * (z - middle)))
    if kind == "drift":  # its logarithmic slope is a random walk over ln x
        grid = np.linspace(np.log(1e-4), np.log(100), 400)
        step = grid[1] - grid[0]
        drift = random.uniform(0.02, 0.08)
        slopes = -slope + drift * np.sqrt(step) * np.cumsum(random.normal(size=len(grid)))
        curve = np.concatenate([[0.0], np.cumsum(slopes[:-1] * step)])
        curve -= np.interp(0.0, grid, curve)
        return lambda z: floor + height * np.exp(np.interp(z, grid, curve))
    return lambda z: floor + height * np.exp(-slope * z)


def two_scales(random: np.random.Generator, kind: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A curve of ln(N / the largest) and ln(D / the largest): ``chinchilla``, or with an ``interaction``."""
    floor, heights, slopes = random.uniform(0.3, 2), random.uniform(0.1, 0.8, 2), random.uniform(0.2, 0.5, 2)
    power = np.exp(random.choice([-1, 1]) * random.uniform(0.3, 0.7)) if kind == "interaction" else 1.0

    def value(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        terms = [height * np.exp(-slope * z) for height, slope, z in zip(heights, slopes, (n, d), strict=True)]
        return floor + sum(term ** (1 / power) for term in terms) ** power

    return value


def _world(kind: str, many: bool, seed: int) -> Callable[[Path], Iterator[Case]]:
    """A hundred tasks of one known law, with 12 to 20 runs or 40 to 60 over two to three decades."""

    def make(data: Path) -> Iterator[Case]:
        test = f"world_{kind}_{'many' if many else 'few'}"
        random = np.random.default_rng([14, seed, many])
        frames: dict[str, list[pd.DataFrame]] = {"train": [], "target": []}
        for task in range(WORLD_TASKS):
            count = int(random.integers(40, 61) if many else random.integers(12, 21))
            for part, frame in _simulated(random, kind, count).items():
                frames[part].append(frame.assign(task=f"{kind}-{task}", higher_is_better=0))
        train, target = (_numbered(pd.concat(frames[part])) for part in ("train", "target"))
        scales = ("params", "tokens") if "params" in train else ("x",)
        yield Case(test, test, "relative", scales, train, target)

    return make


def _simulated(random: np.random.Generator, kind: str, count: int) -> dict[str, pd.DataFrame]:
    """Runs of one task, and new ones at ``BEYOND``: where there are two scales, each is larger by the root of it."""
    beyond = np.log(BEYOND)
    if kind in ("chinchilla", "interaction"):
        spans = random.uniform(np.log(30), np.log(300), 2)
        value = two_scales(random, kind)
        n, d = -random.uniform(0, 1, (2, count)) * spans[:, None]
        most = int(np.argmax(n + d))
        inputs = {"train": (n, d), "target": (n[most] + beyond / 2, d[most] + beyond / 2)}
        columns = {
            part: {"params": 1e9 * np.exp(n), "tokens": 2e10 * np.exp(d), "flops": 1.2e20 * np.exp(n + d)}
            for part, (n, d) in inputs.items()
        }
        values = {part: value(*each) for part, each in inputs.items()}
    else:
        span, curve = random.uniform(np.log(100), np.log(1000)), one_scale(random, kind)
        z = {"train": -np.append(random.uniform(0, 1, count - 1), 0.0) * span, "target": beyond}
        columns = {part: {"x": 1e9 * np.exp(each)} for part, each in z.items()}
        values = {part: curve(each) for part, each in z.items()}
    return {
        part: pd.DataFrame({**columns[part], "value": each * np.exp(WORLD_NOISE * random.normal(size=len(each)))})
        for part, each in values.items()
    }


WORLDS = ("power", "chinchilla", "interaction", "break", "plateau", "drift")

TESTS: dict[str, Callable[[Path], Iterator[Case]]] = {
    "image": partial(_learning_curves, domain="IC"),
    "translation": partial(_learning_curves, domain="NMT"),
    "bigbench": partial(_learning_curves, domain="BB"),
    **{
        f"{test}_{points}": partial(_learning_curves, domain=domain, points=points)
        for test, domain in (("image", "IC"), ("translation", "NMT"), ("bigbench", "BB"))
        for points in THINNED
    },
    "olmo_bpb": _olmo_losses,
    "olmo_accuracy": _olmo_scores,
    "gadre": _gadre,
    "backtest": _backtest,
    "shared_backtest": _shared_backtest,
    "loop_specialists": _loop_specialists,
    "loop_shared": _loop_shared,
    "shared_3e10": _shared_beyond("shared_3e10", 3e10, 2.9e11, least=5),
    "shared_1e10": _shared_beyond("shared_1e10", 1e10, 4e10, least=4),
    "chinchilla": _chinchilla,
    **{f"scalebench_{name}": _scalebench(name) for name in SCALEBENCH},
    **{
        f"world_{kind}_{'many' if many else 'few'}": _world(kind, many, seed)
        for seed, kind in enumerate(WORLDS)
        for many in (False, True)
    },
}
"""Test → what makes its cases of the folder ``DATA``."""
