"""Checkpoints among finished runs: rows of one training at several tokens, which lie above the finished runs' curve.

See docs/decisions/029-checkpoints-are-asked-about.md.
"""

import numpy as np

from budget.tables.runs import Runs

SHARE = 0.2
"""Share of a task's rows that must be of runs with several rows at different scales."""

LEAST_ROWS = 5
"""Rows of a series without run names that look like checkpoints."""

EVEN = 0.02
"""Relative difference between the steps of evenly spaced tokens."""

FALLING = 0.8
"""Share of the steps of such a series in which the value gets better."""


def checkpoints(runs: Runs, task: int) -> list[tuple[str, str]]:
    """The finding that many rows of a task are checkpoints of few runs.

    Where runs have names, rows of one run at different scales are. Where they have none, series of rows are that follow
    each other in the file with equal params, evenly spaced tokens and values that get better in order: grids of runs
    that were trained one by one mostly space their tokens by factors.
    """
    rows = runs.rows_of(task)
    series = _named(runs, rows) if runs.named else _unnamed(runs, rows)
    if sum(len(each) for each in series) < SHARE * len(rows) or not series:
        return []
    sizes = sorted({len(each) for each in series})
    many = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    last = "only the last of a run lies on the curve of finished runs"
    if not runs.named:
        what = "1 series" if len(series) == 1 else f"{len(series)} series"
        return [
            (
                "checkpoints",
                f"{what} of {many} rows with equal params, evenly spaced tokens and values in order: checkpoints of "
                f"{'one run' if len(series) == 1 else 'as many runs'}? {last[0].upper()}{last[1:]}",
            )
        ]
    trained = len(np.unique(runs.run[rows]))
    whose = f"each of {trained} runs has" if len(series) == trained else f"{len(series)} of {trained} runs have"
    scale = next((name for name in ("tokens", "flops", "x", "params") if name in runs.scale), "scales")
    return [("checkpoints", f"{whose} {many} rows at different {scale}: checkpoints; {last}")]


def _named(runs: Runs, rows: np.ndarray) -> list[np.ndarray]:
    """The rows of each run that has several scales."""
    order = np.argsort(runs.run[rows], kind="stable")
    starts = np.flatnonzero(np.diff(runs.run[rows[order]])) + 1
    if len(starts) + 1 == len(rows):
        return []
    scales = np.column_stack([scale[rows] for scale in runs.scale.values()])
    parts = np.split(order, starts)
    return [rows[part] for part in parts if len(part) > 1 and (scales[part[1:]] != scales[part[0]]).any()]


def _unnamed(runs: Runs, rows: np.ndarray) -> list[np.ndarray]:
    """Series of rows that look like checkpoints of one run."""
    if not {"params", "tokens"} <= set(runs.scale):
        return []
    params, tokens = runs.scale["params"][rows], runs.scale["tokens"][rows]
    starts = np.flatnonzero((np.diff(params) != 0) | (np.diff(tokens) <= 0)) + 1
    return [part for part in np.split(rows, starts) if len(part) >= LEAST_ROWS and _in_order(runs, part)]


def _in_order(runs: Runs, rows: np.ndarray) -> bool:
    """Whether tokens are evenly spaced and values get better."""
    steps = np.diff(runs.scale["tokens"][rows])
    better = np.diff(runs.value[rows]) * (1 if runs.higher_is_better[runs.task[rows[0]]] else -1)
    return bool(np.ptp(steps) <= EVEN * steps.mean() and (better > 0).mean() >= FALLING)
