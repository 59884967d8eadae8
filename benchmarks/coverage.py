"""Prints how often the 80 % intervals hold the truth, on simulated runs of known laws.

For 12 to 60 runs a task, with and without 5 % of outliers, at the centre of the data, at their largest run, and 3 and
10 times beyond it: the interval of the mean curve against the true curve, and that of a new run against a fresh
measurement. Tasks that are left out (no signal, flat) are counted apart.

Usage: python benchmarks/coverage.py [--tasks 1000] [--draws 100] [--noise 0.01] [--law chinchilla power]
       [--runs 12 16 25 40 60] [--pool auto|on|off] [--write]
"""

import argparse

import figures
import numpy as np

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.table import LAWS
from budget.process_settings import prepare_to_fit
from budget.tables.runs import Runs

BEYOND = (1, 3, 10)
OUTLIERS = 0.05
PLACES = ("centre", "largest", "3x beyond", "10x beyond")


def simulated(law: str, tasks: int, count: int, noise: float, outliers: float, seed: int) -> tuple[Runs, np.ndarray]:
    """Runs (tasks × count) at random scales, and the true parameters (tasks, P) in the reader's units."""
    random = np.random.default_rng(seed)
    params, tokens = 10 ** random.uniform(7, 9.5, (tasks, count)), 10 ** random.uniform(8.5, 11, (tasks, count))
    scale = {"params": params, "tokens": tokens, "flops": 6 * params * tokens}
    floor, exponents, at_centre = (
        random.uniform(0.5, 2, tasks),
        random.uniform(0.2, 0.5, (2, tasks)),
        random.uniform(0.2, 1, (2, tasks)),
    )
    if law == "power":
        exponents, scale = exponents / 2, {"flops": scale["flops"]}
        centres = (6 * 1.7e8 * 5e9,)
    else:
        centres = (1.7e8, 5e9)
    columns = [floor]
    for which, centre in enumerate(centres):
        columns += [at_centre[which] * centre ** exponents[which], exponents[which]]
    truth = np.stack(columns, axis=1)
    value = true_value(law, truth, tuple(scale[name] for name in inputs_of(law))) * measured(
        random, params.shape, noise, outliers
    )
    rows, names = tasks * count, tuple(f"task {number}" for number in range(tasks))
    runs = Runs(
        source="simulated",
        tasks=names,
        metric=("loss",) * tasks,
        higher_is_better=np.zeros(tasks, dtype=bool),
        task=np.repeat(np.arange(tasks), count),
        run=np.arange(rows),
        run_names=tuple(f"run {number}" for number in range(rows)),
        value=value.ravel(),
        stderr=np.full(rows, np.nan),
        weight=np.ones(rows),
        scale={name: column.ravel() for name, column in scale.items()},
        row=np.arange(rows),
    )
    return runs, truth


def measured(random: np.random.Generator, shape: tuple[int, ...], noise: float, outliers: float) -> np.ndarray:
    """Factors by which measurements differ from the curve: log-normal noise, and now and then a wild one."""
    wild = (random.uniform(size=shape) < outliers) * random.choice([-1, 1], shape) * random.uniform(0.1, 0.5, shape)
    return np.exp(noise * random.standard_normal(shape) + wild)


def inputs_of(law: str) -> tuple[str, ...]:
    """The columns that the law reads here."""
    return ("flops",) if law == "power" else LAWS[law].inputs


def true_value(law: str, truth: np.ndarray, scales: tuple[np.ndarray, ...]) -> np.ndarray:
    """``E + Σ A·x^-a`` of parameters (tasks, P) at scales (tasks, …)."""
    total = truth[:, :1] * np.ones_like(scales[0])
    for which, scale in enumerate(scales):
        total = total + truth[:, 1 + 2 * which, None] * scale ** -truth[:, 2 + 2 * which, None]
    return total


def covered(curves: Curves, law: str, truth: np.ndarray, runs: Runs, noise: float, outliers: float) -> np.ndarray:
    """Whether each used task's interval holds the truth: (2: mean curve and new run, places, tasks)."""
    tasks, random = len(truth), np.random.default_rng(99)
    logs = [np.log(runs.scale[name]).reshape(tasks, -1) for name in inputs_of(law)]
    share = 1.0 if law == "power" else 0.5  # a factor in compute is its root in params and in tokens
    points = [[each.mean(axis=1) for each in logs]]
    points += [[each.max(axis=1) + share * np.log(factor) for each in logs] for factor in BEYOND]
    hits = np.empty((2, len(points), tasks), dtype=bool)
    for place, point in enumerate(points):
        at = np.stack(point, axis=1)
        true = true_value(law, truth, tuple(np.exp(each)[:, None] for each in point))[:, 0]
        again = true * measured(random, true.shape, noise, outliers)
        for which, (aim, new_run) in enumerate(((true, False), (again, True))):
            _, low, high = curves.predict(np.arange(tasks), at, new_run=new_run)
            hits[which, place] = (low <= aim) & (aim <= high)
    return hits[:, :, curves.used]


def main() -> None:
    """Simulate, fit and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--noise", type=float, default=0.01)
    parser.add_argument("--law", nargs="+", default=["chinchilla", "power"])
    parser.add_argument("--runs", type=int, nargs="+", default=[12, 16, 25, 40, 60])
    parser.add_argument("--pool", choices=["auto", "on", "off"], default="auto")
    options = parser.parse_args(figures.arguments())
    prepare_to_fit()
    error = np.sqrt(0.8 * 0.2 / options.tasks)
    how = f"{options.noise:.1%} noise, pooling {options.pool}, {options.draws} draws"
    print(f"{options.tasks} tasks a line, {how}; Monte Carlo error {error:.1%}")
    found: dict[tuple[int, float, str], list[float]] = {}  # over laws and places
    print(f"{'law':10s} runs outliers  left out   " + "   ".join(f"{place:>10s}" for place in PLACES))
    for law in options.law:
        for count in options.runs:
            for outliers in (0.0, OUTLIERS):
                runs, truth = simulated(law, options.tasks, count, options.noise, outliers, seed=count)
                pool = {"auto": None, "on": True, "off": False}[options.pool]
                # the law is right here, and what is judged is the bootstrap
                scale = "flops" if law == "power" else None
                curves = fit_curves(runs, law, scale=scale, draws=options.draws, pool=pool, discrepancy=False)
                hits = covered(curves, law, truth, runs, options.noise, outliers).mean(axis=2)
                for name, shares in zip(("mean", "new run"), hits, strict=True):
                    found.setdefault((count, outliers, name), []).extend(shares)
                    cells = "   ".join(f"{share:10.1%}" for share in shares)
                    left_out = int((~curves.used).sum())
                    print(f"{law:10s} {count:4d} {outliers:8.0%}  {left_out:8d}   {cells}   {name}", flush=True)
    columns = [(outliers, name) for outliers in (0.0, OUTLIERS) for name in ("mean", "new run")]
    words = {"mean": "mean curve", "new run": "a new run"}
    head = [
        words[name] + (f", {outliers:.0%} outliers".replace("%", " %") if outliers else "")
        for outliers, name in columns
    ]
    rows = [
        (count, *(f"{figures.span([100 * share for share in found[count, *which]], '.0f')} %" for which in columns))
        for count in options.runs
    ]
    laws = " and ".join(f"`{law}`" for law in options.law)
    note = (
        f"Each cell is the range over the laws {laws} at the centre of the data, the largest run, and 3 and 10 times "
        f"beyond it, of {options.tasks:,} simulated tasks each, {100 * options.noise:g} % noise (Monte Carlo error "
        f"{100 * error:.1f} points)."
    )
    figures.put("coverage", f"{figures.table(('runs a task', *head), rows)}\n\n{note}")


if __name__ == "__main__":
    main()
