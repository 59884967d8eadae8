"""The project's own measured runs: fitted floors against known entropies, and the whole job."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from budget.curves.fit import fit_curves
from budget.tables.runs import read_runs

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture(scope="module")
def curves():
    return fit_curves(read_runs(DATA / "runs.csv"))


@pytest.fixture(scope="module")
def tasks(curves):
    return pd.read_csv(DATA / "tasks.csv").set_index("task").loc[list(curves.tasks)]


def test_every_task_has_a_curve_close_to_its_runs(curves):
    assert curves.used.all()
    assert (curves.error < 0.05).all()
    assert (curves.agreement >= 0.5).all()


def test_the_cost_law_describes_the_counted_flops(curves):
    assert curves.cost.max_error < 0.005 and not curves.cost.assumed


def test_fitted_floors_agree_with_known_entropies(curves, tasks):
    """Within the 80 % interval for at least 4 of 5; the others within 3 % of the entropy."""
    known = tasks["entropy"].notna().to_numpy()
    floor = curves.parameters[:, 0]
    low, high = np.percentile(curves.draws[:, :, 0], [10, 90], axis=0)
    entropy = tasks["entropy"].to_numpy()
    inside = (low <= entropy + 1e-12) & (entropy <= high)
    assert known.sum() >= 5
    assert inside[known].mean() >= 0.7
    assert (inside | (np.abs(floor - entropy) < 0.03 * entropy))[known].all()
