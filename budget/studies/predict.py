"""Values at given scales: the points table with predictions beside it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from budget.curves.fitted import Curves
from budget.errors import DataError
from budget.tables.columns import numbers, read_table
from budget.tables.files import read_csv, require_columns

ADDED = ("predicted", "low", "high")


def predict_points(
    curves: Curves, path: str | Path, *, columns: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Predict the value of every row of a points table.

    Args:
        curves: the fit.
        path: a CSV with the law's inputs, and ``task`` unless the curves have one task.
        columns: canonical column name → the file's own.

    Returns:
        Every column and row of the points, in order, with ``predicted, low, high`` (80 % interval for the mean curve)
        behind them; and a sentence for each task that could not be predicted, whose cells are empty.

    Raises:
        DataError: a column is missing or already taken, a cell is not a positive number, or a task is unknown.
    """
    points = read_csv(path, "points")
    view = read_table(path, "points", columns)
    for name in ADDED:
        if name in points.columns:
            raise DataError(f"{path}: column '{name}' is already there; rename it, since the prediction goes there.")
    require_columns(view, curves.inputs, path)
    if "task" in view.columns:
        cells = view["task"].str.strip()
        for row, name in cells.items():
            if name not in curves.tasks:
                raise DataError(
                    f"{path}, row {row}, column 'task': '{name}' is not among the fitted tasks "
                    f"({', '.join(curves.tasks[:8])}{', …' if len(curves.tasks) > 8 else ''}); correct the name."
                )
        task = np.array([curves.tasks.index(name) for name in cells])
    elif len(curves.tasks) == 1:
        task = np.zeros(len(view), dtype=int)
    else:
        raise DataError(f"{path}: column 'task' is missing, and the curves have {len(curves.tasks)} tasks; add it.")
    inputs = np.log(np.column_stack([numbers(view, name, path, above=0.0) for name in curves.inputs]))
    for name, result in zip(ADDED, curves.predict(task, inputs), strict=True):
        points[name] = result
    asked = set(np.unique(task))
    unknown = tuple(
        f"Task '{curves.tasks[i]}' has no curve ({curves.status[i]}: {curves.message[i]}); its cells are empty."
        for i in sorted(asked)
        if not curves.used[i]
    )
    return points, unknown
