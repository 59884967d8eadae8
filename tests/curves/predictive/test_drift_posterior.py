"""Draws of laws over any scales: what is planted is found, and what must not matter does not."""

from dataclasses import replace

import numpy as np
import pytest

from budget.curves.laws.drifting.scales import law_over, shape_over
from budget.curves.predictive.drift_rows import by_run, product_deviation, rows_of
from budget.curves.predictive.observations import Observations

LAW = law_over(("params", "experts"))
TOP = np.log([1e9, 64.0])
FAR = np.array([np.log(4.0), np.log(2.0)])
"""Beyond the largest runs: four times their params and twice their experts."""


def truth(z):
    return 1.5 + np.exp(-0.4 - 0.3 * z[..., 0]) + np.exp(-1.5 - 0.1 * z[..., 1])


def turning(z):
    """The best number of experts is an eighth of the largest."""
    return 1.5 + np.exp(-0.4 - 0.3 * z[..., 0]) + 0.08 * (z[..., 1] + np.log(8)) ** 2


def grid(name="a", value=truth, noise=0.003, **more):
    z = np.stack([x.ravel() for x in np.meshgrid(np.linspace(-4, 0, 5), np.log([1, 2, 8, 16, 64]) - np.log(64))], 1)
    random = np.random.default_rng(3)
    return {"name": name, "z": z, "value": value(z) * np.exp(noise * random.normal(size=len(z))), **more}


def observed(*tasks):
    """Tasks as padded arrays; what is stated of a task beside its rows is its least value."""
    count, width = len(tasks), 32
    logs, value, weight = np.zeros((count, width, 2)), np.ones((count, width)), np.zeros((count, width))
    run = np.full((count, width), -1)
    for at, task in enumerate(tasks):
        size = len(task["value"])
        logs[at, :size], value[at, :size], weight[at, :size] = task["z"] + TOP, task["value"], 1.0
        run[at, :size] = task.get("run", np.arange(size))
    least = np.array([task.get("least", np.nan) for task in tasks])
    nothing = np.full(count, np.nan)
    names = tuple(task["name"] for task in tasks)
    return Observations(names, logs, value, weight, np.zeros((count, width)), run, run.copy(), least, nothing)


def sampled(*tasks, draws=100, seed=0):
    return LAW.sampler(observed(*tasks), draws=draws, seed=seed)


def shuffled(task):
    order = np.random.default_rng(1).permutation(len(task["value"]))
    return task | {"z": task["z"][order], "value": task["value"][order]}


def with_wild_row(task, factor):
    value = task["value"].copy()
    value[12] *= factor
    return task | {"value": value}


TASKS = (
    grid(),
    shuffled(grid()),
    with_wild_row(grid(), 1.3),
    grid("b", least=1.4),
    grid("c", turning),
    {key: each if key == "name" else each[:3] for key, each in grid("d").items()},
    grid("e", lambda z: np.full(len(z), 2.0), noise=0.0),
    grid("f", lambda z: 1 / truth(z)),
)


@pytest.fixture(scope="module")
def posterior():
    return sampled(*TASKS)


def at(posterior, task, z):
    return np.quantile(LAW.value(posterior.draws[:, task], np.asarray(z)), [0.1, 0.5, 0.9])


def test_the_planted_law_lies_in_the_interval_beyond_the_runs(posterior):
    low, middle, high = at(posterior, 0, FAR)
    assert low < truth(FAR) < high and high / low < 1.3
    assert middle == pytest.approx(truth(FAR), rel=0.04)


def test_the_point_curve_lies_amid_the_draws_on_and_beyond_the_runs(posterior):
    for z in ([0.0, 0.0], [-2.0, -2.0], FAR):
        low, _, high = at(posterior, 0, z)
        assert low * 0.999 < LAW.value(posterior.parameters[0], np.asarray(z)) < high * 1.001


def test_intervals_widen_with_the_distance_from_the_runs(posterior):
    widths = [np.log(at(posterior, 0, z)[2] / at(posterior, 0, z)[0]) for z in ([-2.0, -2.0], FAR, 3 * FAR)]
    assert widths == sorted(widths) and widths[2] > 2 * widths[0]


def test_the_order_of_the_rows_changes_nothing(posterior):
    np.testing.assert_allclose(posterior.draws[:, 1], posterior.draws[:, 0], rtol=1e-6, atol=1e-9)


def test_a_task_s_draws_do_not_depend_on_the_other_tasks_nor_on_their_order(posterior):
    other = sampled(TASKS[4], TASKS[0])
    np.testing.assert_allclose(other.draws[:, 1], posterior.draws[:, 0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other.draws[:, 0], posterior.draws[:, 4], rtol=1e-6, atol=1e-9)


def test_a_wild_row_moves_the_prediction_by_less_than_its_interval(posterior):
    (low, middle, high), (_, moved, _) = (at(posterior, task, FAR) for task in (0, 2))
    assert abs(moved - middle) < 0.5 * (high - low)


def test_no_floor_lies_below_the_stated_best_value(posterior):
    assert (posterior.draws[:, 3, 0] >= 1.4).all()


def test_an_optimum_inside_the_range_is_found_and_not_made_up(posterior):
    places = np.stack([np.zeros(41), np.linspace(-np.log(64), 0, 41)], axis=1)
    turning_at, falling_at = (
        np.argmin(np.median(LAW.value(posterior.draws[:, task, None], places), axis=0)) for task in (4, 0)
    )
    assert places[turning_at, 1] == pytest.approx(-np.log(8), abs=0.6)
    assert falling_at == 40


@pytest.mark.parametrize("task", [5, 6, 7], ids=["three rows", "equal values", "rising values"])
def test_hard_inputs_have_finite_draws(posterior, task):
    values = LAW.value(posterior.draws[:, task], FAR)
    assert np.isfinite(posterior.draws[:, task]).all() and np.isfinite(values).all() and (values > 0).all()
    assert np.isfinite(posterior.noise[:, task]).all()


def test_few_rows_leave_more_open_than_many(posterior):
    few, many = (np.log(at(posterior, task, FAR)[2] / at(posterior, task, FAR)[0]) for task in (5, 0))
    assert few > 1.5 * many


def test_rows_that_agree_in_everything_but_tokens_may_be_one_run():
    logs = np.zeros((1, 32, 2))
    logs[0, :6] = [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2], [2, 3]]
    tokens_last = shape_over(("experts", "tokens"))
    data = replace(observed(grid()), log_inputs=logs, run=np.where(np.arange(32) < 6, np.arange(32), -1)[None])
    rows, _, span = rows_of(by_run(data, tokens_last), tokens_last)
    assert (rows.near[0, :6] > 0).tolist() == [False, True, True, False, True, True]
    named = replace(data, run=np.where(np.arange(32) < 6, np.arange(32) // 2, -1)[None])
    rows, _, _ = rows_of(by_run(named, tokens_last), tokens_last)
    assert (rows.near[0, :6] > 0).tolist() == [False, True, False, True, False, True]
    assert product_deviation(tokens_last, span).shape == (1, 1)
