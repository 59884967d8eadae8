"""Observations of one scale, as tests write them down."""

import numpy as np

from budget.curves.fitting.batch import padded_rows
from budget.curves.predictive.knots import height, knots
from budget.curves.predictive.observations import Observations, Posterior


def observations(*tasks: dict[str, object]) -> Observations:
    """Tasks given as ``x`` (R,) and ``value`` (R,), and where they are not ordinary ``weight``, ``stderr``, ``run``,
    ``least``, ``most`` and ``name``."""
    width = padded_rows(max(len(np.atleast_1d(task["x"])) for task in tasks))

    def padded(name: str, otherwise, fill: float) -> np.ndarray:
        rows = []
        for task in tasks:
            row = np.asarray(task.get(name, otherwise(len(task["x"]))), dtype=float)
            rows.append(np.pad(row, (0, width - len(row)), constant_values=fill))
        return np.stack(rows)

    def stated(name: str) -> np.ndarray:
        return np.array([task.get(name, np.nan) for task in tasks], dtype=float)

    return Observations(
        names=tuple(str(task.get("name", number)) for number, task in enumerate(tasks)),
        log_inputs=np.log(padded("x", np.ones, 1.0))[:, :, None],
        value=padded("value", np.ones, 1.0),
        weight=padded("weight", np.ones, 0.0),
        stderr=padded("stderr", np.zeros, 0.0),
        run=padded("run", np.arange, -1).astype(int),
        row=padded("row", np.arange, -1).astype(int),
        least=stated("least"),
        most=stated("most"),
    )


def told(posterior: Posterior, z: np.ndarray, task: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log values at ``z`` (Z,) over the largest measured scale: of the point curve (Z,), and of the draws (B, Z)."""
    curves = np.concatenate([posterior.parameters[None, task], posterior.draws[:, task]])
    logs = height(knots(curves[:, 0])[:, None, :], curves[:, None, 1:], z)
    return logs[0], logs[1:]


def power(x: np.ndarray, seed: int = 0, noise: float = 0.01) -> np.ndarray:
    """Values of ``.5 + x^-.3`` with some noise."""
    return (0.5 + np.asarray(x) ** -0.3) * np.exp(noise * np.random.default_rng(seed).normal(size=len(x)))
