"""Prints what a chosen size loses: how far the value of the model that is trained lies above the best of its compute.

Usage: python benchmarks/sizing.py DATA [--write]

Of runs over params and tokens only those below a part of all compute are seen. Sizes are then chosen for .3, 1, 3 and 8
times the largest compute that was seen, and judged by what all runs say: the additive law fitted by Huber's loss
(Hoffmann et al. 2022), and within the measured params, tokens and ratios by a cubic surface in the logarithms. See
docs/decisions/173-sizes-where-the-draws-agree.md.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import figures
import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.process_settings import prepare_to_fit

CUTS = (4, 16, 64, 256)
MULTIPLES = (0.3, 1.0, 3.0, 8.0)
REACH = 10.0
FEWEST = 12
LOSSES = ("loss_openlm", "loss_c4_val", "loss_paloma_c4_en", "loss_paloma_falcon-refinedweb")

Value = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Logarithms of params and of tokens → logarithms of values."""


def sources(data: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name of a source, and a table of params, tokens and value of one of its curves."""
    names = {"N": "params", "D": "tokens", "loss": "value"}
    yield "Chinchilla", pd.read_csv(data / "chinchilla_digitised" / "runs.csv").rename(columns=names)
    yield "farseer", pd.read_csv(data / "scalebench" / "farseer_scaling_law.train.csv").rename(columns=names)
    gadre = pd.read_csv(data / "gadre" / "runs.csv")
    for _, rows in gadre[gadre["task"].isin(LOSSES)].groupby(["train_set", "task"]):
        yield "gadre", rows


def additive(n: np.ndarray, d: np.ndarray, y: np.ndarray) -> Value:
    """``E + A/N^α + B/D^β`` by Huber's loss on logarithms, the best of eight starts."""

    def curve(p: np.ndarray, n: np.ndarray, d: np.ndarray) -> np.ndarray:
        return np.logaddexp(np.logaddexp(p[1] - p[2] * n, p[3] - p[4] * d), p[0])

    found = [
        least_squares(
            lambda p: curve(p, n, d) - y,
            [np.log(floor) + y.min(), y.mean() - 1 + alpha * n.mean(), alpha, y.mean() - 1 + beta * d.mean(), beta],
            loss="huber",
            f_scale=1e-3,
        )
        for floor in (0.5, 0.9)
        for alpha in (0.2, 0.4)
        for beta in (0.2, 0.4)
    ]
    best = min(found, key=lambda each: each.cost).x
    return lambda n, d: curve(best, n, d)


def cubic(n: np.ndarray, d: np.ndarray, y: np.ndarray) -> Value:
    """A polynomial of the third degree, by least squares."""

    def features(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        a, b = (n - middle[0]) / spread[0], (d - middle[1]) / spread[1]
        return np.column_stack([a**i * b**j for i in range(4) for j in range(4 - i)])

    middle, spread = (n.mean(), d.mean()), (n.std(), d.std())
    found = np.linalg.lstsq(features(n, d), y, rcond=None)[0]
    return lambda n, d: features(n, d) @ found


def chosen(curves: Curves, log_n: np.ndarray, log_d: np.ndarray) -> dict[str, int]:
    """Which of some models of one compute is chosen: by the curve that plans read, and by the prediction."""
    z, task = np.column_stack([log_n, log_d]), np.zeros(len(log_n), dtype=int)
    return {name: int(each.distance(task, z).argmin()) for name, each in (("plan", curves), ("told", curves.told))}


def lost(table: pd.DataFrame, cut: float) -> Iterator[tuple[str, float, str, float]]:
    """Judge, multiple of the compute seen, how the size was chosen, and what it loses in percent."""
    table = table[["params", "tokens", "value"]].astype(float)
    n, d, y = np.log(table.to_numpy().T)
    seen = table[n + d <= (n + d).max() - np.log(cut) + 1e-9]
    if len(seen) < FEWEST:
        return
    curves = fit_curves(seen.assign(task="one"), draws=200, seed=0).usable()
    low, high = np.log(seen[["params", "tokens"]].min()), np.log(seen[["params", "tokens"]].max())
    room, top = np.log(REACH), float(np.log(seen["params"] * seen["tokens"]).max())
    judges = {"additive": additive(n, d, y), "cubic": cubic(n, d, y)}
    for multiple in MULTIPLES:
        product = top + np.log(multiple)
        ends = max(product - high["tokens"], low["params"]) - room, min(high["params"], product - low["tokens"]) + room
        sizes = np.linspace(*ends, 400)
        for judge, value in judges.items():
            inside = np.ones(len(sizes), dtype=bool)
            if judge == "cubic":
                inside = (
                    (sizes >= n.min())
                    & (sizes <= n.max())
                    & (product - sizes >= d.min())
                    & (product - sizes <= d.max())
                )
            if inside.sum() < FEWEST:
                continue
            at = sizes[inside]
            truth = value(at, product - at)
            for how, place in chosen(curves, at, product - at).items():
                yield judge, multiple, how, 100 * float(truth[place] - truth.min())


def main() -> None:
    """Fit, choose, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    prepare_to_fit()
    found: dict[tuple[str, str, str], dict[float, list[float]]] = {}
    for source, table in sources(options.data):
        for cut in CUTS:
            for judge, multiple, how, loss in lost(table, cut):
                found.setdefault((source, judge, how), {}).setdefault(multiple, []).append(loss)
    rows = [
        (source, judge, how, *(f"{np.mean(each[m]):.2f}" if m in each else "" for m in MULTIPLES))
        for (source, judge, how), each in found.items()
    ]
    heads = ("runs", "judged by", "size by", *(f"{m:g} ×" for m in MULTIPLES))
    figures.put("sizing", figures.table(heads, rows))


if __name__ == "__main__":
    main()
