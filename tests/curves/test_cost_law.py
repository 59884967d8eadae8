"""The cost law."""

import numpy as np
import pytest

from budget.curves.cost_law import fit_cost
from tests.simulate import HOFFMANN, runs_of, table


def frame_with(flops):
    frame = table({"task": HOFFMANN})
    return frame.assign(flops=flops(frame["params"], frame["tokens"]))


@pytest.mark.parametrize(
    ("flops", "terms", "error"),
    [
        (lambda n, d: 6 * n * d, 1, 1e-9),
        (lambda n, d: 7.3 * n * d, 1, 1e-9),
        (lambda n, d: 4 * n**1.1 * d**0.95, 1, 1e-9),
        (lambda n, d: 6 * n * d + 9e3 * n**0.6 * d, 2, 1e-4),
    ],
)
def test_planted_costs_are_recovered(tmp_path, flops, terms, error):
    frame = frame_with(flops)
    cost = fit_cost(runs_of(frame, tmp_path))
    assert len(cost.kappa) == terms and cost.max_error < error and not cost.assumed
    np.testing.assert_allclose(
        cost.flops(frame["params"].to_numpy(), frame["tokens"].to_numpy()), frame["flops"], rtol=1.1 * error
    )
    u = np.log(frame[["params", "tokens"]].to_numpy())
    np.testing.assert_allclose(cost.posynomial(len(u)).value(u), frame["flops"], rtol=1.1 * error)


def test_no_flops_means_six_n_d_and_says_so(tmp_path):
    runs = runs_of(table({"task": HOFFMANN}).drop(columns="flops"), tmp_path)
    cost = fit_cost(runs)
    assert cost.assumed and cost.formula == "6·N·D"
    assert any("6·params·tokens is taken" in note for note in runs.notes)


def test_large_integers_do_not_overflow(tmp_path):
    frame = table({"task": HOFFMANN}).drop(columns="flops")
    frame = frame.assign(params=(frame["params"] * 1e6).astype("int64"), tokens=(frame["tokens"] * 1e5).astype("int64"))
    runs = runs_of(frame, tmp_path)
    np.testing.assert_allclose(runs.scale["flops"], 6.0 * frame["params"].astype(float) * frame["tokens"].astype(float))


def test_without_both_scales_there_is_no_cost_law(tmp_path):
    assert fit_cost(runs_of(table({"task": HOFFMANN}).drop(columns="params"), tmp_path)) is None
