"""The project's own measured runs: fitted floors against known entropies, and the whole job."""

import numpy as np
import pandas as pd
import pytest

from budget.tables.runs import read_runs
from tests import ROOT
from tests.searched import fit_searched

DATA = ROOT / "data"


@pytest.fixture(scope="module")
def curves():
    return fit_searched(read_runs(DATA / "runs.csv", where=[("strategy", "specialist")]))


@pytest.fixture(scope="module")
def tasks(curves):
    return pd.read_csv(DATA / "tasks.csv").set_index("task").loc[list(curves.tasks)]


TRAPS = ("grammar", "modular")
"""Tasks whose curves are no power laws: a plateau, and a cliff."""


def test_every_task_has_a_curve_close_to_its_runs_but_the_traps(curves):
    honest = ~np.isin(curves.tasks, TRAPS)
    assert curves.used[honest].all()
    assert (curves.error[honest] < 0.05).all()
    assert (curves.agreement[honest] == 1).all()


def test_traps_are_told_by_their_status_or_their_error(curves):
    for name in TRAPS:
        place = curves.tasks.index(name)
        assert curves.status[place] != "ok" or curves.error[place] > 0.05, name


def test_the_cost_law_describes_the_counted_flops(curves):
    assert curves.cost.max_error < 0.005 and not curves.cost.assumed


def test_fitted_floors_are_close_to_known_entropies(curves, tasks):
    """Tables without noise: the interval holds the entropy. Chains bend down faster than the law near their floor, and
    so does the noisy table, whose frequent keys are all known at the end: floors too low, by at most 4 and 12 %."""
    low, high = np.percentile(curves.draws[:, :, 0], [10, 90], axis=0)
    seen = {name: (low[i], curves.parameters[i, 0], high[i]) for i, name in enumerate(curves.tasks)}
    for name, entropy in tasks["best"].dropna().items():
        least, floor, most = seen[name]
        if name in TRAPS:
            continue
        if entropy == 0:
            assert least - 1e-9 <= entropy <= most + 1e-9, name
        else:
            assert abs(floor / entropy - 1) < (0.12 if name == "lookup_noisy" else 0.04) and floor < entropy, name
    assert tasks["best"].notna().sum() == 14
