"""Which of some possible runs to measure so that values at given points are predicted well.

A run is worth by how much its outcome lowers the variance of what the draws say of the points (V-optimal design; for
scaling laws Li 2026, arXiv 2604.22753). The draws are an ensemble: what an outcome tells of a point is in their
covariance, and after each chosen run they are conditioned on it as Gaussian variables are, whatever its outcome is.
Tasks that are measured on no common runs have independent draws, and tell nothing of each other.

See docs/decisions/158-runs-that-tell-most.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from budget.curves.curves import Curves
from budget.errors import DataError
from budget.numerics.strict_json import json_rows
from budget.studies.next_runs.rival_strategies import MIN_DRAWS
from budget.studies.next_runs.run_grid import groups_of
from budget.studies.predictions import read_points
from budget.tables.columns import numbers

ADDED = ("chosen", "error_after")

COST_POWER = 0.4
"""Power of a run's cost that its value is divided by: with the full cost cheap runs are taken that tell nothing of
costly points, without it one dear run takes all (Li 2026 takes the same power)."""

FAR = 4.0
"""Robust standard deviations at which a draw's prediction is cut: covariances must not be those of a few wild draws."""


Places = tuple[np.ndarray, np.ndarray]
"""Task positions (R,) and log inputs (R, I)."""


@dataclass(frozen=True)
class TellingRuns:
    """Chosen runs of a table of possible ones.

    Attributes:
        table: the possible runs with ``cost``, the chosen ones first.
        chosen: positions of the chosen ones in the order of choice.
        errors: (chosen + 1,) typical relative standard deviation of the points' values before and after each.
        spend: what there is.
        spent: what they cost.
        points: number of points.
    """

    table: pd.DataFrame
    chosen: tuple[int, ...]
    errors: np.ndarray
    spend: float
    spent: float
    points: int

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "spend": self.spend,
            "spent": self.spent,
            "points": self.points,
            "error": float(self.errors[0]),
            "error_after": float(self.errors[-1]),
            "runs": json_rows(self.table),
        }


def most_telling(
    wanted: np.ndarray,
    shown: np.ndarray,
    noise: np.ndarray,
    cost: np.ndarray,
    spend: float,
    count: int,
    groups: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[list[int], np.ndarray]:
    """Runs chosen one after the other by how much they lower the points' variance for their cost.

    Args:
        wanted: (B, P) deviations of what the draws say of the points from their means.
        shown: (B, C) the same of the possible runs.
        noise: (C,) variance of a run's noise.
        cost: (C,) above 0.
        spend: what there is.
        count: most runs.
        groups: numbers of the points' groups (P,) and of the runs' (C,), which tell nothing of each other; one of all
            where not given.

    Returns:
        Positions of the chosen runs, each at most once, and the points' mean variance before and after each.
    """
    far, near = groups or (np.zeros(wanted.shape[1], dtype=int), np.zeros(len(cost), dtype=int))
    kin = far[:, None] == near
    wanted, shown = wanted.copy(), shown.copy()
    left, free = spend, np.ones(len(cost), dtype=bool)
    chosen: list[int] = []
    variances = [float((wanted**2).mean())]
    while len(chosen) < count:
        total = (shown**2).mean(axis=0) + noise
        gain = (kin * (wanted.T @ shown / len(shown)) ** 2).sum(axis=0) / np.where(total > 0, total, 1.0)
        score = np.where(free & (cost <= left * (1 + 1e-12)), gain / cost**COST_POWER, 0.0)
        pick = int(score.argmax())
        if not score[pick] > 0:
            break
        chosen.append(pick)
        left -= cost[pick]
        free[pick] = False
        # the root of the conditioned covariance: a draw moves by so much of its own deviation (Whitaker & Hamill 2002)
        own = shown[:, pick].copy()
        moved = own / (total[pick] * (1 + np.sqrt(noise[pick] / total[pick])) * len(own))
        for columns, mine in ((wanted, kin[:, pick]), (shown, near == near[pick])):
            columns[:, mine] -= np.outer(moved, own @ columns[:, mine])
        variances.append(float((wanted**2).mean()))
    return chosen, np.array(variances)


def deviations(draws: np.ndarray) -> np.ndarray:
    """Draws (B, n) less their mean, wild ones pulled in."""
    middle = np.median(draws, axis=0)
    reach = FAR * 1.4826 * np.median(np.abs(draws - middle), axis=0)
    cut = middle + np.clip(draws - middle, -reach, reach)
    return cut - cut.mean(axis=0)


def choose_runs(
    curves: Curves,
    points: Places,
    possible: Places,
    cost: np.ndarray,
    spend: float,
    count: int,
) -> tuple[list[int], np.ndarray]:
    """The runs that tell most of some points, by the curves' draws.

    Args:
        curves: with B draws, as they predict.
        points: task positions (P,) and log inputs (P, I); an error of a point counts relative to the mean predicted
            value of the task's points.
        possible: of C runs that can be had.
        cost: (C,) above 0.
        spend: what there is.
        count: most runs.

    Returns:
        As ``most_telling``.
    """
    far = curves.distance_draws(*points)
    near = curves.distance_draws(*possible)
    level = np.median(far, axis=0)
    _, group = np.unique(points[0], return_inverse=True)
    typical = (np.bincount(group, level) / np.bincount(group))[group]
    if curves.residual == "raw":
        wanted, shown = deviations(far) / typical, deviations(near)
    else:  # in logarithms, where noise is: an error of the value is that of its logarithm times the value
        wanted, shown = deviations(np.log(far)) * level / typical, deviations(np.log(near))
    noise = (curves.noise**2).mean(axis=0)[possible[0]]
    of_task = np.empty(len(curves.tasks), dtype=int)
    for number, tasks in enumerate(groups_of(curves)):
        of_task[tasks] = number
    return most_telling(wanted, shown, noise, cost, spend, count, (of_task[points[0]], of_task[possible[0]]))


def telling_runs(
    curves: Curves,
    points_path: str | Path,
    runs_path: str | Path,
    spend: float,
    count: int,
    *,
    columns: Mapping[str, str] | None = None,
) -> TellingRuns:
    """Choose of a table of possible runs those that tell most of some points.

    Args:
        curves: the fit.
        points_path: a CSV of the points, see ``predict_points``.
        runs_path: a CSV of the runs, likewise; what each costs is its column ``cost`` or ``flops``, else what the law
            of cost or the one scale says.
        spend: what there is, in that unit.
        count: most runs.
        columns: canonical column name → the files' own.

    Raises:
        DataError: a file cannot be used, the curves have too few draws, a task has no curve, or the spend buys no run.
    """
    if not (np.isfinite(spend) and spend > 0):
        raise DataError(f"--spend is {spend:g}; give a positive number.")
    if len(curves.draws) < MIN_DRAWS:
        raise DataError(
            f"The curves have {len(curves.draws)} draws, and what a run would teach is read off at least {MIN_DRAWS}; "
            "fit again with --draws 200."
        )
    points = read_points(curves, points_path, columns)[2:]
    table, view, task, inputs = read_points(curves, runs_path, columns)
    asked = np.union1d(points[0], task)
    for one in asked[~curves.used[asked]]:
        why = f"{curves.status[one]}: {curves.message[one]}"
        raise DataError(f"Task '{curves.tasks[one]}' has no curve ({why}); leave its rows out.")
    for name in ADDED:
        if name in table.columns:
            raise DataError(f"{runs_path}: column '{name}' is already there; rename it, since the answer goes there.")
    cost = _costs(curves, view, runs_path)
    if not (cost <= spend).any():
        raise DataError(
            f"--spend {spend:g} buys no run: the cheapest of {runs_path} costs {cost.min():.3g}; give at least that."
        )
    chosen, variances = choose_runs(curves, points, (task, inputs), cost, spend, count)
    errors = np.sqrt(variances)
    order = np.array([*chosen, *np.setdiff1d(np.arange(len(cost)), chosen)], dtype=int)
    told = table.iloc[order].reset_index(drop=True)
    told["cost"] = cost[order]
    told["chosen"] = np.arange(len(order)) < len(chosen)
    told["error_after"] = np.append(errors[1:], np.full(len(cost) - len(chosen), np.nan))
    return TellingRuns(told, tuple(chosen), errors, spend, float(cost[chosen].sum()), len(points[0]))


def _costs(curves: Curves, view: pd.DataFrame, path: str | Path) -> np.ndarray:
    """What each run costs (C,)."""
    for name in ("cost", "flops"):
        if name in view.columns:
            return numbers(view, name, path, above=0.0)
    if curves.cost is not None and {"params", "tokens"} <= set(view.columns):
        params, tokens = (numbers(view, name, path, above=0.0) for name in ("params", "tokens"))
        return curves.cost.flops(params, tokens)
    if len(curves.scale_columns) == 1:
        return numbers(view, curves.scale_columns[0], path, above=0.0)
    raise DataError(f"{path}: nothing says what a run costs; add a column 'cost' in the unit of --spend.")
