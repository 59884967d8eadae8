"""Prints the figures of the fit: objectives, time, memory, devices, and what an independent optimizer finds.

Every timed fit is a fresh process; CPU seconds are counted after the imports, wall seconds of a cold start with them.

Usage: python benchmarks/fitting.py DATA [file gadre curves thousand devices scipy] [--write]
       The last section takes some minutes on two cores. Each section has its block: fitting_file, fitting_gadre, …
       DATA is a folder with chinchilla_digitised/runs.csv, gadre/runs.csv and
       learning_curves/benchmark.csv (see README for their sources).
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import figures
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]  # the oracle lives among the tests, the simulation beside this

from coverage import simulated  # noqa: E402

from budget.curves.curves import Curves  # noqa: E402
from budget.curves.fitting.fit import fit_curves  # noqa: E402
from budget.process_settings import prepare_to_fit  # noqa: E402
from budget.studies.backtest import backtest  # noqa: E402
from budget.tables.runs import Runs, runs_from_frame  # noqa: E402
from tests.oracles.robust_fit import best_loss  # noqa: E402

SECTIONS = ("file", "gadre", "curves", "thousand", "devices", "scipy")
ONE_SCALE = ("power", "m4", "bnsl")
BEST_KNOWN = 8.40093149e-4
STARTS = 500


def digitised(data: Path) -> pd.DataFrame:
    """The 234 runs read off the Chinchilla paper's figure."""
    frame = pd.read_csv(data / "chinchilla_digitised" / "runs.csv")
    return frame.rename(columns={"N": "params", "D": "tokens", "C": "flops", "loss": "value"}).assign(task="text")


def gadre(data: Path) -> pd.DataFrame:
    """101 models in 3 corpora, each measured on 54 tasks: 162 curves."""
    frame = pd.read_csv(data / "gadre" / "runs.csv")
    return frame.assign(task=frame["train_set"] + " " + frame["task"])


def learning_curves(data: Path) -> pd.DataFrame:
    """43 one-variable learning curves of up to 565 rows (Alabdulmohsin et al. 2022)."""
    frame = pd.read_csv(data / "learning_curves" / "benchmark.csv")
    frame = frame.assign(task=frame["Domain"] + "|" + frame["Task"] + "|" + frame["Model"])
    return frame.rename(columns={"Seen Examples": "x", "Loss": "value"})[["task", "x", "value"]]


def timed(job: str, data: Path, devices: int | None = None, cache: str | None = None) -> dict:
    """Run one job of this script in a fresh process."""
    environment = dict(os.environ)
    if devices:
        environment["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
    if cache:
        environment["XDG_CACHE_HOME"] = cache
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, str(data), "job", job], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout) | {"total": time.perf_counter() - begin}


def run_job(job: str, data: Path) -> None:
    """What a fresh process does: fit, and print the figures as JSON."""
    prepare_to_fit()
    if job in ONE_SCALE:
        runs = runs_from_frame(learning_curves(data))
        wall, cpu = time.perf_counter(), time.process_time()
        found = backtest(runs, [job], origins=1)
        print(
            json.dumps(
                {
                    "wall": time.perf_counter() - wall,
                    "cpu": time.process_time() - cpu,
                    "curves": len(found.tasks),
                    "error": float(np.nanmedian(found.error[1])),
                    "coverage": float(np.nanmean(found.inside[1])),
                }
            )
        )
        return
    draws = {"point": 0, "bootstrap": 4000, "gadre": 200, "thousand": 100, "devices": 20}[job]
    if job == "thousand":
        runs = simulated("chinchilla", 1000, 40, 0.01, 0.0, seed=1)[0]
    else:
        runs = runs_from_frame(gadre(data) if job in ("gadre", "devices") else digitised(data))
    wall, cpu = time.perf_counter(), time.process_time()
    curves = fit_curves(runs, draws=draws)
    figures = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "objective": curves.objective[curves.used].tolist(),
        "curves": len(curves.tasks),
    }
    if job == "devices":
        figures["low"], figures["high"] = _predictions(curves)
    print(json.dumps(figures))


def _predictions(curves: Curves) -> tuple[list[float], list[float]]:
    """Ends of the intervals at the largest measured scale of each used task."""
    used = np.flatnonzero(curves.used)
    _, low, high = curves.predict(
        used, np.log(np.column_stack([curves.largest[n][used] for n in curves.scale_columns]))
    )
    return low.tolist(), high.tolist()


def show_file(data: Path) -> None:
    """The digitised file: objective under every order and unit, time."""
    frame = digitised(data)
    variants = [frame] + [frame.sample(frac=1, random_state=seed) for seed in range(5)]
    for factor in (1e-6, 1e6):
        variants += [
            frame.assign(**{name: frame[name] * factor for name in names})
            for names in (["params", "flops"], ["tokens", "flops"], ["value"])
        ]
    worst = max(float(fit_curves(each, draws=0).objective[0]) for each in variants)
    lines = [
        f"234 digitised runs, {len(variants)} orders and units: worst objective {worst:.6e} "
        f"(best known: {BEST_KNOWN:.6e})"
    ]
    for job in ("point", "bootstrap"):
        timed(job, data)
        runs = [timed(job, data) for _ in range(3)]
        cpu, wall = (float(np.median([each[name] for each in runs])) for name in ("cpu", "wall"))
        what = "4,000 draws" if job == "bootstrap" else "point fit"
        lines.append(f"{what} of them, fresh process, warm cache, after imports: {wall:.1f} s, {cpu:.1f} s of CPU")
    figures.put("fitting_file", figures.bullets(lines))


def show_cold(job: str, data: Path) -> None:
    """One large fit from an empty compilation cache."""
    runs = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as cache:
            runs.append(timed(job, data, cache=cache))
    total, cpu, memory = (float(np.median([each[name] for each in runs])) for name in ("total", "cpu", "gigabytes"))
    rows, draws = {"gadre": (34, 200), "thousand": (40, 100)}[job]
    line = (
        f"{runs[0]['curves']:,} curves of {rows} rows, {draws} draws each, cold start with imports: {total:.1f} s, "
        f"{cpu:.1f} s of CPU, {memory:.2f} GB"
    )
    if job == "gadre":
        figures.put("fitting_gadre", figures.bullets([line]))
    else:
        figures.put("fitting_thousand", figures.bullets([line]))


def show_curves(data: Path) -> None:
    """What ``backtest`` takes for each learning curve by each law of one scale, programs compiled before."""
    rows = []
    for law in ONE_SCALE:
        first = timed(law, data)
        runs = [timed(law, data) for _ in range(3)]
        cpu, wall = (float(np.median([each[name] for each in runs])) for name in ("cpu", "wall"))
        count = first["curves"]
        rows.append(
            (
                f"`{law}`",
                f"{cpu / count:.2f} s",
                f"{first['cpu']:.1f} s",
                f"{runs[0]['error']:.4f}",
                f"{runs[0]['coverage']:.0%}",
            )
        )
        print(f"{law}: {wall:.1f} s wall in all")
    head = (
        f"{count} learning curves, a quarter hidden",
        "CPU a curve",
        "CPU of the first time",
        "median error",
        "coverage",
    )
    figures.put("fitting_curves", figures.table(head, rows))


def show_devices(data: Path) -> None:
    """The same fit on 1, 2 and 8 host devices."""
    found = {count: timed("devices", data, devices=count) for count in (1, 2, 8)}
    lines = []
    for count in (2, 8):
        changes = [
            float(np.nanmax(np.abs(np.array(found[count][name]) / np.array(found[1][name]) - 1)))
            for name in ("objective", "low", "high")
        ]
        lines.append(
            f"{count} devices against 1: objectives differ by at most {changes[0]:.0e}, ends of intervals by "
            f"{max(changes[1:]):.0e}"
        )
    figures.put("fitting_devices", figures.bullets(lines))


def show_scipy(data: Path) -> None:
    """SciPy's best of 500 starts on each loss and on 50 simulated tasks, against the fit."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # threads only slow its short products down
    frame = gadre(data)
    frame = frame[frame["metric"] == "ce_nats_per_token"]
    simulation = [simulated("chinchilla", 50, 40, 0.01, share, seed=7)[0] for share in (0.0, 0.05)]
    lines = []
    for name, runs in (
        ("gadre losses", runs_from_frame(frame)),
        ("simulated tasks", simulation[0]),
        ("simulated tasks with outliers", simulation[1]),
    ):
        ours = fit_curves(runs, draws=0).objective
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            theirs = np.array(list(pool.map(_rival, _columns(runs))))
        excess = ours / theirs - 1
        lines.append(
            f"{len(ours)} {name}: SciPy's best of {STARTS} starts is better by more than 1e-6 in "
            f"{int((excess > 1e-6).sum())}; ours over theirs between 1 - {max(0.0, -excess.min()):.0e} and 1 + "
            f"{max(0.0, excess.max()):.0e}"
        )
        print(lines[-1], flush=True)
    figures.put("fitting_scipy", figures.bullets(lines))


def _columns(runs: Runs) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    masks = [runs.task == task for task in range(len(runs.tasks))]
    return [(runs.scale["params"][mine], runs.scale["tokens"][mine], runs.value[mine]) for mine in masks]


def _rival(columns: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    return best_loss(*columns, starts=STARTS)


def main() -> None:
    """Print the sections asked for."""
    first, *words = figures.arguments()
    data = Path(first)
    if words[:1] == ["job"]:
        run_job(words[1], data)
        return
    for section in words or SECTIONS:
        if section == "file":
            show_file(data)
        elif section == "curves":
            show_curves(data)
        elif section == "devices":
            show_devices(data)
        elif section == "scipy":
            show_scipy(data)
        else:
            show_cold(section, data)


if __name__ == "__main__":
    main()
