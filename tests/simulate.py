"""Measured runs made from known laws, as tables and as ``Runs``: what the fit must give back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from budget.curves.laws.law import Law
from budget.tables.runs import Runs, read_runs


@dataclass(frozen=True)
class Truth:
    """``E + A/N^alpha + B/D^beta`` of one task."""

    E: float
    A: float
    alpha: float
    B: float
    beta: float

    def value(self, params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        return self.E + self.A / params**self.alpha + self.B / tokens**self.beta


HOFFMANN = Truth(1.69, 406.4, 0.34, 410.7, 0.28)
TRUTHS = {
    "prose": HOFFMANN,
    "code": Truth(0.9, 120.0, 0.30, 900.0, 0.36),
    "maths": Truth(1.2, 60.0, 0.22, 300.0, 0.26),
}


def grid(sizes: int = 5, counts: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Params crossed with token counts."""
    params, tokens = np.meshgrid(np.geomspace(1e7, 3e9, sizes), np.geomspace(3e8, 1e11, counts))
    return params.ravel(), tokens.ravel()


def table(truths: dict[str, Truth], *, noise: float = 0.0, seed: int = 0, shared: bool = False) -> pd.DataFrame:
    """A runs table: every task on the same grid; ``shared`` gives the rows of one cell one run id."""
    params, tokens = grid()
    random = np.random.default_rng(seed)
    frames = []
    for name, truth in truths.items():
        value = truth.value(params, tokens) * np.exp(noise * random.normal(size=len(params)))
        run = [f"{'' if shared else name + '-'}{position}" for position in range(len(params))]
        frames.append(
            pd.DataFrame(
                {
                    "task": name,
                    "run": run,
                    "params": params,
                    "tokens": tokens,
                    "flops": 6 * params * tokens,
                    "metric": "nats",
                    "value": value,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def runs_of(frame: pd.DataFrame, folder: Path, **reading: object) -> Runs:
    """Write a table and read it as runs."""
    path = folder / "runs.csv"
    frame.to_csv(path, index=False)
    return read_runs(path, **reading)  # type: ignore[arg-type]


@dataclass(frozen=True)
class TrueLink:
    """The logistic sigmoid of a loss, shifted and scaled so that a loss of 0 is the best score."""

    slope: float
    centre: float
    chance: float
    best: float = 1.0

    def score(self, loss: np.ndarray) -> np.ndarray:
        anchor = expit(-self.slope * self.centre)
        share = (expit(self.slope * (loss - self.centre)) - anchor) / (1 - anchor)
        return self.best - (self.best - self.chance) * share

    @property
    def midpoint(self) -> float:
        return float(np.logaddexp(np.log(2), self.slope * self.centre) / self.slope)


LINKS = {"prose": TrueLink(3.0, 2.6, 0.25), "code": TrueLink(6.0, 1.3, 0.1), "maths": TrueLink(4.0, 2.2, 0.5)}


def scored(
    losses: pd.DataFrame, links: dict[str, TrueLink] = LINKS, *, noise: float = 0.0, seed: int = 0
) -> pd.DataFrame:
    """A runs table and, below it, the accuracy of every row of the tasks that have a link."""
    random = np.random.default_rng(seed)
    scores = losses[losses["task"].isin(links)].copy()
    for name, link in links.items():
        mine = scores["task"] == name
        scores.loc[mine, "value"] = link.score(scores.loc[mine, "value"]) + noise * random.normal(size=mine.sum())
    scores["metric"] = "accuracy"
    return pd.concat([losses.assign(higher_is_better=0), scores.assign(higher_is_better=1)], ignore_index=True)


def box(law: Law, reach: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    """A law's box where values are at most 10 and inputs within ``reach`` of their reference, in logarithms."""
    lower, upper = law.lower, law.upper
    for position, p in enumerate(law.parameters):
        if p.kind == "floor":
            lower[position], upper[position] = 0.0, 10.0
        elif p.kind == "ceiling":
            lower[position], upper[position] = 10.0, 1000.0
        elif p.kind == "place":
            lower[position] = np.nan_to_num(p.low, nan=-reach)
            upper[position] = np.nan_to_num(p.high, nan=reach)
    return lower, upper
