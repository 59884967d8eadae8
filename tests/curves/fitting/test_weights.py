"""Weights are precisions: the inverse of a row's variance, up to a factor for the whole file."""

import numpy as np
import pytest

from tests.searched import fit_searched
from tests.simulate import TRUTHS, runs_of, table


@pytest.mark.parametrize("factor", [1e-30, 1e-6, 1e6, 1e30])
def test_a_common_factor_of_all_weights_changes_nothing_but_the_objective(tmp_path, factor):
    frame = table(TRUTHS, noise=0.01).assign(weight=np.tile([0.5, 1.0, 2.0], 25))
    first = fit_searched(runs_of(frame, tmp_path), draws=8, pool=True)
    again = fit_searched(runs_of(frame.assign(weight=frame["weight"] * factor), tmp_path), draws=8, pool=True)
    np.testing.assert_allclose(again.objective, first.objective * factor, rtol=1e-9)
    np.testing.assert_allclose(again.parameters, first.parameters, rtol=1e-5)
    np.testing.assert_allclose(again.draws, first.draws, rtol=1e-4, atol=1e-6)
    assert again.status == first.status and again.outliers == first.outliers


def test_draws_spread_as_weighted_least_squares_does(tmp_path):
    """Half of the rows twenty times noisier, weighted so: the spread is that of the fit over fresh noise."""
    frame = table({"prose": TRUTHS["prose"]})
    frame = frame.loc[np.repeat(frame.index, 2)].reset_index(drop=True)
    size = np.where(np.arange(len(frame)) % 2, 0.06, 0.003)
    frame = frame.assign(run=[str(row) for row in frame.index], weight=1 / size**2)
    random, at = np.random.default_rng(3), np.log([[3e9, 1e11]])

    def fit(draws):
        noisy = frame.assign(value=frame["value"] * np.exp(size * random.normal(size=len(frame))))
        return fit_searched(runs_of(noisy, tmp_path), loss="squares", draws=draws)

    fresh = np.log([fit(0).distance(np.zeros(1, dtype=int), at)[0] for _ in range(60)])
    curves = [fit(60) for _ in range(4)]
    spread = np.mean([np.log(each.distance_draws(np.zeros(1, dtype=int), at)).std() for each in curves])
    assert 0.6 < spread / fresh.std() < 1.6
    assert not any(each.outliers[0] for each in curves)


def test_an_asymmetric_loss_has_draws_on_both_sides_of_its_curve(tmp_path):
    sides = []
    for seed in range(6):
        curves = fit_searched(runs_of(table(TRUTHS, noise=0.02, seed=seed), tmp_path), loss="asymmetric", draws=60)
        task = np.arange(3)
        at = np.log(np.tile([2e8, 5e9], (3, 1)))
        sides.append((curves.distance_draws(task, at) < curves.distance(task, at)).mean())
    assert 0.4 < np.mean(sides) < 0.6
