"""The named law that suits a file's columns, fitted by search: what tests of the search and of plans start from.

Its draws are those of the bootstrap alone: how they drift from the law has tests of its own.
"""

from typing import Any

import pandas as pd

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.table import choose_law
from budget.studies.strategies.strategy_curves import FittedStrategies, fit_strategy_curves
from budget.tables.runs import Runs, runs_from_frame


def fit_searched(runs: Runs | pd.DataFrame, law: str | None = None, **options: Any) -> Curves:
    """``fit_curves`` by ``chinchilla`` where params and tokens are there, else by ``power``."""
    scales = (runs_from_frame(runs) if isinstance(runs, pd.DataFrame) else runs).scale
    return fit_curves(runs, law or choose_law(tuple(scales), searched=True), **{"discrepancy": False} | options)


def strategies_searched(runs: Runs, **options: Any) -> FittedStrategies:
    """``fit_strategy_curves`` by the same laws."""
    return fit_strategy_curves(
        runs, **{"law": choose_law(tuple(runs.scale), searched=True), "discrepancy": False} | options
    )
