"""Prints how well the curves hold beyond their runs, test by test, beside what must be reached and what is published.

Usage: python benchmarks/extrapolation.py DATA [--only TEST ...] [--law LAW] [--stated]
       [--keep FOLDER] [--write]

Every case of ``extrapolation_cases.py`` is fitted as a file of its own and its larger runs are predicted, through the
functions that the commands call. ``--law`` is the law of every fit, ``auto`` by default; ``searched`` is ``chinchilla``
where there are params and tokens, ``repeat`` where data repeat, and else ``power``. ``--stated`` states the best and
unserved values of ``data/tasks.csv`` to the fits of the project's own runs. ``--keep`` writes each case's predictions
to a file in a folder as soon as they are there, and reads those that are there already: a stopped run goes on.
"""

import argparse
import json
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import figures
import numpy as np
import pandas as pd
from extrapolation_cases import TESTS, WORLDS, Case, Score, cases, score, together

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.names import AUTO
from budget.curves.link.fit import with_link
from budget.errors import BudgetError
from budget.process_settings import prepare_to_fit
from budget.tables.runs import EXTRAS, SCALES, runs_from_frame
from budget.tables.specialist_runs import specialists_beside

SEARCHED = "searched"
"""Stands for the laws that the columns ask for of those that are searched for."""

DRAWS = 200
"""Joint draws of a fit, as the commands make them."""


@dataclass(frozen=True)
class Row:
    """A row of the table: its test, what it is called, and what stands beside what was found.

    Attributes:
        test: its name in ``TESTS``.
        words: what is predicted.
        before: error and coverage of the named laws while no law's own error was in their intervals.
        must: what must be reached.
        beyond: what would be better still.
        published: what others reached on the same data.
    """

    test: str
    words: str
    before: str = "–"
    must: str = ""
    beyond: str = ""
    published: str = ""


ROWS = (
    Row(
        "image",
        "image curves, RMSLE",
        ".035, .46 (width .065)",
        "≤ .0295, .75–.88 (width ≤ .11)",
        "≤ .027 (width .07)",
        ".0411 (BNSL), .0448 (M4); on all 72: .0280",
    ),
    Row("translation", "translation curves, RMSLE", ".0118", "≤ .0105", "", ".0102 (BNSL), .0208 (M4)"),
    Row("bigbench", "BIG-Bench curves, RMSLE", ".0118", "≤ .0095, ≥ .75", "", ".0123 (M4), .0176 (BNSL)"),
    *(
        Row(f"image_{points}", f"image curves thinned to {points} points, RMSLE", must="≤ .034, ≥ .70")
        for points in (6, 8)
    ),
    *(
        Row(f"{domain}_{points}", f"{words} curves thinned to {points} points, RMSLE")
        for domain, words in (("translation", "translation"), ("bigbench", "BIG-Bench"))
        for points in (6, 8)
    ),
    Row("olmo_bpb", "OLMo ladder to 1.3B, bits a byte", "1.89 %, .77", "≤ 1.15 %, .75–.92", "1.0 %"),
    Row("olmo_accuracy", "OLMo ladder to 1.3B, accuracy of 8 tasks", ".73 points", "≤ .70 points", ".6 points"),
    Row("gadre", "Gadre, below 1e20 to above", "2.75 %, .84", "≤ 2.35 %, .75–.90", "2.0 %"),
    Row("backtest", "own specialists, largest quarter", "3.93 %, .71", "≤ 2.8 %, ≥ .75", "2.3 %"),
    Row("shared_backtest", "own shared arms, largest quarter", "–", "≤ 2.2 %, ≥ .78", "1.8 %"),
    Row("loop_specialists", "closed loop, specialists, 10 ×", "3.9 %, .54", "≤ 3.2 %, .75–.96", "2.5 %"),
    Row("loop_shared", "closed loop, shared models, 80 ×", "17 %, .21", "≤ 4.5 %, .75–.98", "3 %"),
    Row("shared_3e10", "shared arms ≤ 3e10 to ≥ 2.9e11", "refused", "≤ 4.0 %, ≥ .75", "3 %"),
    Row("shared_1e10", "shared arms ≤ 1e10 to ≥ 4e10", "refused", "≤ 6.5 %, ≥ .75", "5 %"),
    Row("chinchilla", "Chinchilla's runs, below 3e20 to above", ".76 %, .48", "≤ .50 %, ≥ .72", ".4 %"),
    Row("scalebench_farseer", "ScaleBench farseer, last tenth, R²", "below 0", "≥ .90, ≥ .70", "", ".91"),
    Row("scalebench_data_con", "ScaleBench data_con, R²", ".955", "≥ .95, ≥ .70", "", ".79"),
    Row("scalebench_moe", "ScaleBench moe, R²", "no law", "≥ .85, ≥ .70", "", ".81"),
    Row("scalebench_parallel", "ScaleBench parallel, R²", "no law", "≥ .99, ≥ .70", "", ".99"),
    Row("scalebench_vocab", "ScaleBench vocab, R²", "no law", "≥ .97, ≥ .70", "", ".93"),
    *(
        Row(f"world_{kind}_{many}", f"world {kind}, {many} runs", ".40–.85", ".75–.88")
        for kind in WORLDS
        for many in ("few", "many")
    ),
)
"""The table. Published: of the learning curves, what M4 (Alabdulmohsin et al. 2022) and BNSL (Caballero et al. 2023)
reach, and the best prior that was trained on such curves; of ScaleBench, Li (2026), mean over laws fitted to the whole
pool (of ``farseer`` on another target than here)."""

HEAD = ("before", "must", "beyond", "published", "CPU s a curve", "fitted again")

DISTANCES = ((0.0, 1.0), (1.0, 3.0), (3.0, 10.0), (10.0, np.inf))
"""Bounds of what is called near and far, in times of a task's largest run: above the first, up to the second."""


@dataclass(frozen=True)
class Predicted:
    """What a law says of a case's H targets.

    Attributes:
        value: (H,) NaN where there is no prediction.
        low: (H,) 10 % point for a new run.
        high: (H,) 90 % point.
        seconds: of CPU, compilation included.
        refusal: why there is no curve at all, "" where there is one.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seconds: float
    refusal: str = ""


def predict(case: Case, law: str, *, stated: bool = False) -> Predicted:
    """Fit a law to what a case shows and predict its target; a refusal gives no prediction."""
    start = time.process_time()
    try:
        (value, low, high), refusal = _predicted(case, _law(case, law), stated=stated), ""
    except BudgetError as error:
        value, low, high = np.full((3, len(case.target)), np.nan)
        refusal = str(error)
    return Predicted(value, low, high, time.process_time() - start, refusal)


def _law(case: Case, law: str) -> str:
    if law != SEARCHED:
        return law
    return {1: "power", 2: "chinchilla", 3: "repeat"}[len(case.scales)]


def _settings(case: Case, tasks: Iterable[str]) -> dict[str, Any]:
    """What is stated of tasks (T,), as ``fit_curves`` takes it."""
    names = list(tasks)
    return {
        name: np.array([values.get(task, np.nan) for task in names])
        for name, values in (("best", case.best), ("unserved", case.unserved))
    }


def _predicted(case: Case, law: str, *, stated: bool) -> np.ndarray:
    """Values with their interval, shape (3, H)."""
    if case.score:
        by_metric = [frame for _, frame in case.train.groupby("metric", sort=False)]
        by_metric.sort(key=lambda frame: frame["metric"].iloc[0] == case.score)
        losses, scores = (runs_from_frame(frame) for frame in by_metric)
        curves = with_link(fit_curves(losses, law, draws=DRAWS), losses, scores)
    else:
        named = case.scales if not set(case.scales) <= {*SCALES, *EXTRAS} else ()
        every = runs_from_frame(case.train, scales=named)
        mine = case.train["strategy"] == case.strategy if case.strategy else slice(None)
        runs = runs_from_frame(case.train[mine], scales=named)
        # as the command does where --where chooses a strategy: specialists of the same tasks stand beside
        beside = specialists_beside(every, runs.tasks) if case.strategy else None
        settings = _settings(case, runs.tasks) if stated else {}
        curves = fit_curves(runs, law, draws=DRAWS, beside=beside, **settings)
    return _at(curves, case.target, score=bool(case.score))


def _at(curves: Curves, target: pd.DataFrame, *, score: bool = False) -> np.ndarray:
    """What curves say of new runs (3, H); NaN for tasks that have no curve."""
    place = {name: position for position, name in enumerate(curves.tasks)}
    known = target["task"].isin(place).to_numpy()
    task = np.array([place[name] for name in target["task"][known]], dtype=int)
    inputs = np.log(target.loc[known, list(curves.scale_columns)].to_numpy(float))
    say = curves.predict_score if score else curves.predict
    found = np.full((3, len(target)), np.nan)
    found[:, known] = np.where(curves.used[task], np.stack(say(task, inputs, new_run=True)), np.nan)
    return found


def results(
    data: Path, only: Iterable[str], law: str, *, stated: bool = False, keep: Path | None = None
) -> dict[str, list[tuple[Case, Predicted]]]:
    """Test → its cases with what was predicted, from the folder where it is there already."""
    path = None if keep is None else keep / f"{law}{'-stated' if stated else ''}.jsonl"
    kept = _read(path)
    found: dict[str, list[tuple[Case, Predicted]]] = {}
    for case in cases(data, only):
        key = f"{case.name} {_digest(case)}"
        if key not in kept:
            kept[key] = predict(case, law, stated=stated)
            _write(path, key, kept[key])
        found.setdefault(case.test, []).append((case, kept[key]))
    return found


def _digest(case: Case) -> str:
    """Tells whether a case is still the same runs."""
    text = f"{case.measure} {case.scales}" + "".join(frame.to_csv() for frame in (case.train, case.target))
    return sha256(text.encode()).hexdigest()[:12]


def _read(path: Path | None) -> dict[str, Predicted]:
    if path is None or not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = {}
    for line in lines:
        value, low, high = np.array(line["predicted"], dtype=float)
        found[line["case"]] = Predicted(value, low, high, line["seconds"], line["refusal"])
    return found


def _write(path: Path | None, key: str, found: Predicted) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = [[None if np.isnan(x) else x for x in each.tolist()] for each in (found.value, found.low, found.high)]
    line = {"case": key, "predicted": numbers, "seconds": found.seconds, "refusal": found.refusal}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _words(found: Score, measure: str) -> str:
    """Error, coverage and width as the table has them."""
    if found.missing == found.values:
        return "refused"
    error = {
        "rmsle": f"{found.error:.4f}",
        "relative": f"{found.error:.2f} %",
        "points": f"{found.error:.2f} points",
        "r2": f"{found.error:.3f}",
    }[measure]
    lacking = f"; {found.missing} of {found.values} refused" if found.missing else ""
    return f"{error}, {found.coverage:.2f} (width {found.width:.3f}){lacking}"


def show(found: dict[str, list[tuple[Case, Predicted]]], law: str, *, stated: bool) -> None:
    """Put the table of tests, and that of distances."""
    lines: list[tuple[str, ...]] = []
    far: list[tuple[str, ...]] = []
    for row in ROWS:
        mine = found.get(row.test, [])
        if not mine:
            continue
        scores = together(score(case, said.value, said.low, said.high) for case, said in mine)
        curves = sum(len(case.tasks) for case, _ in mine)
        seconds = sum(said.seconds for _, said in mine) / curves
        again = _fitted_again(mine[-1][0], law, stated=stated)
        count = f"{row.words} ({curves} curves, {scores.values:,} values)"
        words = _words(scores, mine[0][0].measure)
        lines.append((count, words, row.before, row.must, row.beyond, row.published, f"{seconds:.3f}", f"{again:.3f}"))
        far.append((row.words, *_by_distance(mine)))
    short = [(count, before, words) for count, words, before, *_ in lines if before != "–"]
    figures.put("extrapolation_short", figures.table(("test", "named laws: error, coverage", f"`{law}`"), short))
    figures.put("extrapolation", figures.table(("test", f"`{law}`", *HEAD), lines))
    bounds = [f"{low:g}–{high:g} ×" if np.isfinite(high) else f"above {low:g} ×" for low, high in DISTANCES[1:]]
    figures.put("extrapolation_distance", figures.table(("test", "up to 1 ×", *bounds), far))


def _fitted_again(case: Case, law: str, *, stated: bool) -> float:
    """CPU seconds a curve once its program is compiled: of the second of two more fits."""
    predict(case, law, stated=stated)
    return predict(case, law, stated=stated).seconds / len(case.tasks)


def _by_distance(mine: list[tuple[Case, Predicted]]) -> list[str]:
    """Coverage, median relative error and number of values at each distance."""
    distance, value, guess, low, high = (
        np.concatenate(each)
        for each in zip(
            *((case.distance, case.target["value"], said.value, said.low, said.high) for case, said in mine),
            strict=True,
        )
    )
    cells = []
    for near, far in DISTANCES:
        rows = (near < distance) & (distance <= far)
        some = rows & np.isfinite(guess)
        if not some.any():
            cells.append("")
            continue
        inside = ((low <= value) & (value <= high))[rows].mean()
        off = 100 * np.median(np.abs(guess / value - 1)[some])
        cells.append(f"{inside:.2f}, {off:.1f} % ({rows.sum():,})")
    return cells


def main() -> None:
    """Predict every case and put the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=TESTS, default=[], metavar="TEST")
    parser.add_argument("--law", default=AUTO)
    parser.add_argument("--stated", action="store_true")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args(figures.arguments())
    warnings.simplefilter("ignore")
    prepare_to_fit()
    found = results(options.data, options.only, options.law, stated=options.stated, keep=options.keep)
    show(found, options.law, stated=options.stated)


if __name__ == "__main__":
    main()
