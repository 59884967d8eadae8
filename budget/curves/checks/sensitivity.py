"""How much a fit depends on its loss and on single rows: the same fit again, the shifts in standard errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.curves.fitting.loss import LOSSES, Loss
from budget.errors import FitError
from budget.tables.runs import Runs

ALL_FLAGGED = "without all flagged rows"


def sensitivity(
    runs: Runs,
    curves: Curves,
    loss: Loss,
    *,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Fit again under every loss, without each flagged row, and without all of them.

    Args:
        runs: the measurements.
        curves: their fit, with draws.
        loss: the loss it minimized.
        progress: called with (fits done, fits in all).
        options: the other arguments of ``fit_curves`` that the fit was made with.

    Returns:
        A row for each task and variant: ``task, variant``, then for each parameter its value in the file's units and
        ``…_shift``, the change in standard deviations of the draws (coefficients are compared at the reference scale).

    Raises:
        FitError: the curves have fewer than two draws.
    """
    if len(curves.draws) < 2:
        raise FitError("Shifts are counted in standard errors of the draws; ask for some with --draws 200.")
    options = options | {"draws": 0}
    variants: list[tuple[str, Runs, dict[str, Any]]] = [
        (f"loss {name}", runs, {"loss": name, "residual": loss.residual}) for name in LOSSES if name != loss.name
    ]
    flagged = [np.flatnonzero(np.isin(runs.row, rows) & (runs.task == i)) for i, rows in enumerate(curves.outliers)]
    most = max((len(rows) for rows in flagged), default=0)
    # tasks are fitted apart, so one fit leaves out a row of each of them: the first flagged rows of all, the second, …
    for place in range(most):
        out = [rows[place] for rows in flagged if len(rows) > place]
        variants.append(("without row", _without(runs, out), {"loss": loss}))
    if most > 1:
        variants.append((ALL_FLAGGED, _without(runs, np.concatenate(flagged)), {"loss": loss}))
    tables = [_rows(curves, curves, "as fitted", np.arange(len(curves.tasks)))]
    for done, (name, some, how) in enumerate(variants):
        again = fit_curves(some, curves.law, **(options | how))
        if name == "without row":
            place = done - (len(LOSSES) - 1)
            tasks = np.array([task for task, rows in enumerate(flagged) if len(rows) > place])
            names = [f"without row {runs.row[flagged[task][place]]}" for task in tasks]
            tables.append(_rows(curves, again, names, tasks))
        else:
            tasks = np.array([task for task, rows in enumerate(flagged) if name != ALL_FLAGGED or len(rows) > 1])
            tables.append(_rows(curves, again, name, tasks))
        if progress is not None:
            progress(done + 1, len(variants))
    table = pd.concat(tables, ignore_index=True)
    order = table["task"].map({name: i for i, name in enumerate(curves.tasks)})
    return table.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def _without(runs: Runs, rows: Any) -> Runs:
    return runs.keep(~np.isin(np.arange(len(runs.row)), rows))


def _rows(base: Curves, again: Curves, variant: str | list[str], tasks: np.ndarray) -> pd.DataFrame:
    """One variant's rows of the table, for some tasks: the parameters and how far they are from the base fit's."""
    law = base.form
    # without a row the reference scale moves, and with it every coefficient: both fits are compared at the base's
    natural = law.natural(again.parameters, again.reference)[tasks]
    with np.errstate(divide="ignore", invalid="ignore"):
        there = law.working(natural, base.reference[tasks])
        drawn = base.draws[:, tasks]
        spread = np.where(np.ptp(drawn, axis=0) > 0, drawn.std(axis=0, ddof=1), np.nan)  # of equal draws it is rounding
        shift = (there - base.parameters[tasks]) / spread
    columns: dict[str, Any] = {"task": [base.tasks[task] for task in tasks], "variant": variant}
    for position, name in enumerate(law.names):
        columns[name] = natural[:, position]
        columns[f"{name}_shift"] = np.where(np.isfinite(shift[:, position]), shift[:, position], np.nan)
    columns["objective"] = again.objective[tasks]
    columns["status"] = [again.status[task] for task in tasks]
    return pd.DataFrame(columns)
