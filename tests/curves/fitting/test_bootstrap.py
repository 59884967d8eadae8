"""Bootstrap noise."""

from dataclasses import replace

import numpy as np
import pytest

from budget.curves.fitting.batch import make_batch
from budget.curves.fitting.bootstrap import KERNEL_BANDWIDTH, resampler
from budget.curves.fitting.constraints import Constraints
from budget.curves.laws.table import LAWS
from tests.simulate import TRUTHS, runs_of, table


def noise_of(runs, residual, seed=0):
    """The resampler of a batch whose rows (25 a task) have the given residuals."""
    law, tasks = LAWS["chinchilla"], len(runs.tasks)
    batch = make_batch(runs, np.arange(tasks), law, law.inputs, np.full(tasks, np.nan), Constraints())
    padded = np.where(batch.there, residual[batch.rows], 0.0)
    noise = resampler(runs, batch, padded, np.full(tasks, 5), seed)
    place = np.argsort(np.where(batch.there, batch.rows, len(runs.row)), axis=1)  # as the file has its rows
    return replace(
        noise,
        **{name: np.take_along_axis(getattr(noise, name), place, axis=1) for name in ("run", "repeat", "root_weight")},
    )


def residuals(rows, seed=0):
    return 0.01 * np.random.default_rng(seed).normal(size=rows)


def test_rows_of_one_run_take_over_the_same_run(tmp_path):
    noise = noise_of(runs_of(table(TRUTHS, shared=True), tmp_path), np.tile(residuals(25), 3))
    rows, new = noise.rows(0, 50)[:, :, :25], noise.new_run(50)
    np.testing.assert_allclose(rows[:, 0], rows[:, 1])
    np.testing.assert_allclose(new[:, 0], new[:, 1])


def test_rows_of_separate_runs_do_not(tmp_path):
    rows = noise_of(runs_of(table(TRUTHS), tmp_path), np.tile(residuals(25), 3)).rows(0, 4000)
    assert abs(np.corrcoef(rows[:, 0, 0], rows[:, 1, 0])[0, 1]) < 0.06


def test_tasks_whose_residuals_are_independent_stay_so(tmp_path):
    residual = residuals(75)
    rows = noise_of(runs_of(table(TRUTHS, shared=True), tmp_path), residual).rows(0, 4000)[:, :2, :25]
    found = np.corrcoef(rows.swapaxes(0, 1).reshape(2, -1))[0, 1]
    assert abs(found - np.corrcoef(residual[:25], residual[25:50])[0, 1]) < 0.1


def test_spread_makes_up_for_fitted_parameters_and_kernel(tmp_path):
    residual = residuals(25)
    noise = noise_of(runs_of(table({"prose": TRUTHS["prose"]}), tmp_path), residual)
    scale = 1.4826 * np.median(np.sort(np.abs(residual))[5:]) * np.sqrt(20 / 25)
    kernel = KERNEL_BANDWIDTH * scale * 25**-0.2
    # the signs of a residual and of the kernel noise are independent picks, so only their means cross
    cross = 2 * residual.mean() * np.sqrt(25 / 20) * kernel * np.sqrt(2 / np.pi) * np.sign(residual).mean()
    expected = (residual**2).mean() * 25 / 20 + kernel**2 + cross
    assert abs((noise.rows(0, 20_000)[:, :, :25] ** 2).mean() / expected - 1) < 0.03
    # of a new run the kernel's share of the variance is taken out again
    shrunk = expected / (1 + (KERNEL_BANDWIDTH * 25**-0.2) ** 2)
    assert abs((noise.new_run(20_000) ** 2).mean() / shrunk - 1) < 0.03


def test_several_rows_of_a_run_in_one_task_take_over_rows_of_one_run(tmp_path):
    runs = runs_of(table({"prose": TRUTHS["prose"]}), tmp_path)
    runs = replace(runs, run=runs.run // 2)
    rows = noise_of(runs, np.repeat(residuals(13), 2)[:25]).rows(0, 20)[:, 0]
    np.testing.assert_allclose(rows[:, 0:24:2], rows[:, 1:24:2])


def test_copies_of_a_run_share_its_noise(tmp_path):
    frame = table({"prose": TRUTHS["prose"]}, noise=0.01)
    frame = frame.loc[[0, *range(25)]].drop(columns="run").reset_index(drop=True)
    residual = residuals(26)
    residual[1] = residual[0]
    noise = noise_of(runs_of(frame, tmp_path), residual)
    assert noise.count[0] == 25
    rows = noise.rows(0, 20)[:, 0]
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1])


def test_runs_of_equal_values_under_names_of_their_own_have_noise_of_their_own(tmp_path):
    """Two seeds whose values were rounded: two runs in the draws."""
    frame = table({"prose": TRUTHS["prose"]}, noise=0.01)
    frame = frame.loc[[0, *range(25)]].assign(run=[str(i) for i in range(26)]).reset_index(drop=True)
    noise = noise_of(runs_of(frame, tmp_path), residuals(26))
    assert noise.count[0] == 26
    rows = noise.rows(0, 20)[:, 0]
    assert (rows[:, 0] != rows[:, 1]).all()


@pytest.mark.parametrize("split", [1, 7, 20])
def test_draws_do_not_depend_on_how_they_are_grouped(tmp_path, split):
    noise = noise_of(runs_of(table(TRUTHS), tmp_path), residuals(75))
    parts = [noise.rows(first, min(first + split, 20)) for first in range(0, 20, split)]
    np.testing.assert_array_equal(np.concatenate(parts), noise.rows(0, 20))
