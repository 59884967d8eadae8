"""Bootstrap weights."""

import numpy as np

from budget.curves.resample import row_weights
from tests.simulate import TRUTHS, runs_of, table


def test_rows_of_one_run_share_their_weight(tmp_path):
    runs = runs_of(table(TRUTHS, shared=True), tmp_path)
    weights = row_weights(runs, 5, 50, 0)
    by_task = weights.reshape(50, 3, 25)
    np.testing.assert_array_equal(by_task[:, 0], by_task[:, 1])
    np.testing.assert_allclose(by_task.mean(axis=2), 1.0)


def test_rows_of_separate_runs_do_not(tmp_path):
    by_task = row_weights(runs_of(table(TRUTHS), tmp_path), 5, 4000, 0).reshape(4000, 3, 25)
    assert abs(np.corrcoef(by_task[:, 0, 0], by_task[:, 1, 0])[0, 1]) < 0.06


def test_variance_makes_up_for_fitted_parameters(tmp_path):
    weights = row_weights(runs_of(table({"prose": TRUTHS["prose"]}), tmp_path), 5, 20_000, 0)
    # gamma weights over their mean are n times a Dirichlet variable: variance (n - 1)/(n - P + 1)
    assert abs(weights.var() / (24 / 21) - 1) < 0.01
