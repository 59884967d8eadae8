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
    assert (curves.agreement == 1).all()


def test_the_cost_law_describes_the_counted_flops(curves):
    assert curves.cost.max_error < 0.005 and not curves.cost.assumed


def test_fitted_floors_are_close_to_known_entropies(curves, tasks):
    """Lookups: the interval holds the entropy. Chains bend down faster than the law near their floor: within 4 %."""
    low, high = np.percentile(curves.draws[:, :, 0], [10, 90], axis=0)
    seen = {name: (low[i], curves.parameters[i, 0], high[i]) for i, name in enumerate(curves.tasks)}
    for name, entropy in tasks["entropy"].dropna().items():
        least, floor, most = seen[name]
        if name.startswith("lookup"):
            assert least - 1e-9 <= entropy <= most + 1e-9, name
        else:
            assert abs(floor / entropy - 1) < 0.04 and floor < entropy, name
    assert tasks["entropy"].notna().sum() == 7
