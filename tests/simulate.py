"""Measured runs made from known laws, as tables and as ``Runs``: what the fit must give back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

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
