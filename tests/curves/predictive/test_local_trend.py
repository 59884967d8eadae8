"""Trends of one scale: against dense Gaussians, and what may not move them."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from budget.curves.predictive import local_trend
from budget.curves.predictive.knots import INSIDE, knots
from budget.curves.predictive.local_trend import (
    CEILINGS,
    DRIFTS,
    FLOOR_SHARES,
    LEVEL_VARIANCE,
    NOISES,
    SLOPE,
    SLOPE_DEVIATION,
    WIDENING,
    borrowed_floors,
    draw_trends,
    filter_trends,
    sample_trends,
)
from budget.curves.predictive.wiener_filter import State, update
from budget.numerics.interval import interval
from tests.curves.predictive.trends import observations, power, told
from tests.devices import printed_here, printed_on

FAR = np.log([1.0, 3.0, 10.0, 100.0])


def prior_covariance(t, s, drift):
    """Of two levels of the process, counted from the first row: level, slope, and the integrated Wiener process."""
    a, b = np.minimum(t, s), np.maximum(t, s)
    return LEVEL_VARIANCE + SLOPE_DEVIATION**2 * t * s + drift**2 * (a**2 * b / 2 - a**3 / 6)


def dense(t, drift, noise):
    """Mean and covariance of what is seen at times t (R,) with noise variances (R,), about a level of 0."""
    return SLOPE * t, prior_covariance(t[:, None], t[None, :], drift) + np.diag(noise)


T = np.array([0.0, 0.4, 0.4, 1.1, 1.9, 2.0, 3.5])
Y = np.array([3.0, 2.6, 2.55, 2.2, 1.7, 1.75, 1.2])


@pytest.mark.parametrize("cell", [(0, 0, 0), (7, 3, 2), (15, 7, 5), (11, 5, 4)])
def test_the_marginal_likelihood_of_a_cell_is_that_of_a_dense_gaussian(cell):
    floor, noise, drift = FLOOR_SHARES[cell[0]], NOISES[cell[1]], DRIFTS[cell[2]]
    known, precision = np.linspace(0, 1e-3, 7), np.linspace(0.5, 2, 7)
    step = np.diff(T, prepend=0.0)
    ones = np.ones(7)
    with jax.enable_x64(True):
        found = np.asarray(
            jax.jit(local_trend._weigh)(step, Y, precision, known, ones, ones > 0, Y[0], 0.0, 3.0, len(T))
        )
    relative = (noise**2 / precision + known) * (Y / (Y - floor)) ** 2
    mean, covariance = dense(T, drift, relative)
    mean += np.log(Y[0] - floor)
    z = np.log(Y - floor)
    expected = multivariate_normal(mean, covariance).logpdf(z) - z.sum()
    assert np.isinf(CEILINGS[-1])
    np.testing.assert_allclose(found[(-1, *cell)], expected, rtol=1e-9)


def test_what_is_padded_behind_the_rows_changes_no_cell():
    ones, more = np.ones(7), np.zeros(9)
    rows = [np.diff(T, prepend=0.0), Y, ones, 0 * ones, ones, ones > 0]
    padded = [np.append(each, more.astype(each.dtype)) for each in rows]
    with jax.enable_x64(True):
        weigh = jax.jit(local_trend._weigh)
        found = [np.asarray(weigh(*each, Y[0], 0.0, 3.0, end)) for each, end in ((rows, 7), (padded, 7), (padded, 16))]
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_logarithms_are_those_of_double_precision():
    x = np.concatenate([np.geomspace(1e-307, 1e308, 100_001), np.linspace(0.5, 2, 100_001)])
    with jax.enable_x64(True):
        found, odd = (np.asarray(jax.jit(local_trend._log)(each)) for each in (x, np.array([np.inf, np.nan])))
    epsilon = np.finfo(float).eps
    np.testing.assert_allclose(found, np.log(x), rtol=2 * epsilon, atol=epsilon)
    np.testing.assert_array_equal(odd, [np.inf, np.nan])


@settings(max_examples=200)
@given(
    level=st.floats(-30, 30),
    floor=st.floats(0, 0.99),
    highest=st.one_of(st.none(), st.floats(1, 5)),
    value=st.floats(0.5, 6),
    direct=st.booleans(),
)
def test_a_row_is_seen_as_the_linear_filter_about_its_place_says(level, floor, highest, value, direct):
    value = max(value, 1.0) if direct else value  # as rows are that are seen as logarithms
    bend = 0.0 if highest is None else 1 / (1.02 * highest - floor)
    variance, information = 0.01, 0.5
    state = State(*map(np.float64, (level, -0.3, 0.2, -0.05, 0.04)))
    above = np.exp(level) / (1 + np.exp(level) * bend)
    above = value - floor if direct else np.clip(above, 0.5 * value - floor, max(2.0, 2 * value) - floor)
    left = max(1 - above * bend, 0.01)
    about, gradient = floor + above, above * left
    noise = variance * (about / gradient) ** 2
    innovation = (value - about) / gradient + np.log(above / left) - level
    spread = state.p00 + noise
    likelihood = -0.5 * (np.log(2 * np.pi * spread) + innovation**2 / spread) - np.log(gradient)
    expected = *update(state, innovation, noise / information), information * likelihood
    with jax.enable_x64(True):
        found, told_likelihood = jax.jit(local_trend._observe)(state, floor, bend, variance, value, information, direct)
    # near a bound the two may take it from either side of a rounding
    np.testing.assert_allclose([*found, told_likelihood], expected, rtol=1e-9, atol=1e-11)


def trace(draws, random=None, drift=0.2, noise=0.05, floor=0.7):
    """Log excesses over the floor at the knots, of draws of one cell: (B, K), with the knots' places from the end."""
    places = knots(np.array(T[-1]))
    at = np.concatenate([T - T[-1], places[:INSIDE]])
    order = np.argsort(at, kind="stable")
    number = np.concatenate([np.full(7, -1), np.arange(INSIDE)])[order]
    rows = [np.concatenate([each, np.full(INSIDE, fill)])[order] for each, fill in ((Y, 1.0), (np.ones(7), 0.0))]
    step, full = np.diff(at[order], prepend=at.min()), np.full(draws, 1.0)
    inner = np.zeros((INSIDE, 2, draws)) if random is None else random.normal(size=(INSIDE, 2, draws))
    ends = np.zeros(draws) if random is None else random.normal(size=draws)
    nothing = np.zeros(len(number))
    with jax.enable_x64(True):
        logs = local_trend._trace(
            step, *rows, nothing, nothing + 1, nothing == 0, Y[0], number, np.flatnonzero(number >= 0),
            floor * full, 0 * full, noise * full, drift * full, jnp.asarray(inner), ends,
        )  # fmt: skip
    return np.log(np.exp(np.asarray(logs).T) - floor), places


def conditional(places, drift=0.2, noise=0.05, floor=0.7):
    """Mean and covariance of the levels at places, counted from the end, given the rows: by one dense Gaussian."""
    relative = (noise * Y / (Y - floor)) ** 2
    at = places + T[-1]
    # beyond the last row, and between rows, the same formula holds: the process is counted from the first row
    mean, covariance = dense(T, drift, relative)
    cross = prior_covariance(at[:, None], T[None, :], drift)
    gain = np.linalg.solve(covariance, cross.T).T
    z = np.log(Y - floor) - np.log(Y[0] - floor)
    told_mean = np.log(Y[0] - floor) + SLOPE * at + gain @ (z - mean)
    return told_mean, prior_covariance(at[:, None], at[None, :], drift) - gain @ cross.T


def test_the_most_likely_curve_is_the_dense_conditional_mean():
    logs, places = trace(1)
    np.testing.assert_allclose(logs[0], conditional(places)[0], atol=1e-8)


def test_draws_spread_as_the_dense_conditional_says_within_the_runs_and_beyond(monkeypatch):
    monkeypatch.setattr(local_trend, "WIDENING", 1.0)
    logs, places = trace(40_000, np.random.default_rng(5))
    mean, covariance = conditional(places)
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(logs.mean(axis=0), mean, atol=0.03 * deviation.max())
    np.testing.assert_allclose(logs.std(axis=0), deviation, rtol=0.02)
    inside = np.cov(logs[:, :INSIDE].T)
    scale = np.outer(deviation, deviation)[:INSIDE, :INSIDE]
    np.testing.assert_allclose(inside / scale, covariance[:INSIDE, :INSIDE] / scale, atol=0.03)


def test_the_noise_of_a_new_run_is_as_large_as_that_of_the_runs():
    x = np.geomspace(1, 1e3, 120)
    found = sample_trends(observations({"x": x, "value": power(x, noise=0.05)}), draws=400, seed=0)
    assert found.noise.std() == pytest.approx(WIDENING * 0.05, rel=0.2)
    assert found.error[0] == pytest.approx(0.05, rel=0.2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("factor", [0.3, 1.5, 30.0])
def test_five_wild_rows_of_240_move_no_prediction_by_more_than_a_quarter_of_its_interval(seed, factor):
    random = np.random.default_rng(seed)
    x = np.sort(np.exp(random.uniform(0, 7, 240)))
    value = power(x, seed)
    wild = value.copy()
    wild[random.choice(240, 5, replace=False) if seed else [0, 1, 60, 200, 239]] *= factor
    found = sample_trends(
        observations({"x": x, "value": value}, {"x": x, "value": wild, "name": "0"}), draws=200, seed=0
    )
    z = np.concatenate([[-5.0, -2.0], FAR])
    (first, draws), (second, _) = (told(found, z, task) for task in (0, 1))
    low, high = interval(draws + found.noise[:, :1])
    assert (np.abs(second - first) < 0.25 * (high - low)).all()


def test_the_order_of_rows_and_the_other_tasks_change_nothing():
    x = np.geomspace(1, 200, 17)
    task = {"x": x, "value": power(x), "name": "it", "weight": np.linspace(0.5, 1.5, 17), "stderr": np.full(17, 0.01)}
    order = np.random.default_rng(1).permutation(17)
    shuffled = {name: each if name == "name" else np.asarray(each)[order] for name, each in task.items()}
    other = {"x": np.geomspace(3, 1e6, 70), "value": power(np.geomspace(3, 1e6, 70), 7)}
    alone = sample_trends(observations(task), draws=40, seed=3)
    beside = sample_trends(observations(other, shuffled), draws=40, seed=3)
    np.testing.assert_allclose(beside.draws[:, 1], alone.draws[:, 0], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(beside.noise[:, 1], alone.noise[:, 0], rtol=1e-9)
    np.testing.assert_allclose(beside.evidence[1], alone.evidence[0], rtol=1e-9)


def test_names_and_seeds_decide_the_draws_and_hardly_the_point():
    x = np.geomspace(1, 200, 30)
    tasks = [{"x": x, "value": power(x), "name": name} for name in ("a", "b")]
    found = sample_trends(observations(*tasks), draws=400, seed=0)
    again = sample_trends(observations(*tasks), draws=400, seed=1)
    assert np.abs(found.draws[:, 0] - found.draws[:, 1]).max() > 1e-3
    assert np.abs(found.draws - again.draws).max() > 1e-3
    # draws of two tasks have nothing to do with each other
    assert abs(np.corrcoef(found.draws[:, 0, -1], found.draws[:, 1, -1])[0, 1]) < 0.2
    assert abs(np.corrcoef(found.draws[:, 0, -1], found.noise[:, 0])[0, 1]) < 0.2
    spread = found.draws[:, 0].std(axis=0)
    assert (np.abs(found.parameters - again.parameters) < 0.25 * spread + 1e-12).all()


@settings(max_examples=10)
@given(scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e30]), unit=st.sampled_from([1e-20, 1.0, 1e20]))
def test_units_do_not_matter(scale, unit):
    x = np.geomspace(1, 300, 12)
    task = {"x": x, "value": power(x), "least": 0.2, "most": 2.0}
    moved = {"x": x * unit, "value": power(x) * scale, "least": 0.2 * scale, "most": 2.0 * scale}
    plain, other = (sample_trends(observations(each), draws=20, seed=0) for each in (task, moved))
    np.testing.assert_allclose(other.draws[:, 0, 1:], plain.draws[:, 0, 1:] + np.log(scale), atol=1e-6)


HARD = {
    "one run": ([1.0], [2.0]),
    "two runs": ([1.0, 10.0], [2.0, 1.5]),
    "three runs": ([1.0, 10.0, 30.0], [2.0, 1.5, 1.4]),
    "equal values": (np.geomspace(1, 100, 9), np.ones(9)),
    "rising": (np.geomspace(1, 100, 9), np.linspace(1, 2, 9)),
    "one scale": (np.ones(6), np.linspace(1, 1.1, 6)),
    "thirty decades of value": (np.geomspace(1, 1e10, 20), np.geomspace(1, 1e-30, 20)),
    "thirty decades of scale": (np.geomspace(1, 1e30, 20), 1 + np.geomspace(1, 1e-3, 20)),
    "double descent": (
        np.geomspace(1, 1e4, 60),
        1 + np.geomspace(1, 0.01, 60) + 0.5 * np.exp(-((np.arange(60) - 30) ** 2) / 20),
    ),
    "a cliff": (np.geomspace(1, 1e4, 40), np.where(np.arange(40) < 25, 3.0, 0.3)),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_inputs_give_finite_curves_near_their_runs_and_wider_ones_beyond(name):
    x, value = (np.asarray(each, dtype=float) for each in HARD[name])
    found = sample_trends(observations({"x": x, "value": value}), draws=100, seed=0)
    assert np.isfinite(found.draws).all()
    assert np.isfinite(found.noise).all()
    point, draws = told(found, FAR)
    low, high = interval(draws)
    assert (np.diff(high - low) >= -1e-3).all()
    assert abs(point[0] - np.log(value[np.argmax(x)])) < 0.5


def test_fewer_runs_are_told_to_be_less_sure():
    widths = []
    for count in (2, 3, 6, 40):
        x = np.geomspace(1, 100, count)
        # one set of six may look straighter than one of forty: means of eight sets
        tasks = [{"x": x, "value": power(x, seed)} for seed in range(8)]
        found = sample_trends(observations(*tasks), draws=200, seed=0)
        ends = [interval(told(found, FAR, task)[1]) for task in range(8)]
        widths.append(np.mean([high - low for low, high in ends], axis=0))
    assert (np.diff(np.array(widths)[:, 2]) < 0).all()
    assert widths[0][2] > 0.3


def test_rising_losses_are_told_to_rise_or_to_be_unknown():
    x, value = np.geomspace(1, 100, 12), np.geomspace(1, 2, 12)
    point, draws = told(sample_trends(observations({"x": x, "value": value}), draws=200, seed=0), FAR)
    low, high = interval(draws)
    assert high[2] > np.log(2.3)
    assert (low <= point).all() and (point <= high).all()


def test_thousands_of_rows_take_seconds_and_agree_with_fewer():
    x = np.geomspace(1, 1e4, 20_000)
    data = observations({"x": x, "value": power(x, 2)})
    start = time.monotonic()
    many = sample_trends(data, draws=200, seed=0)
    assert time.monotonic() - start < 60
    point, draws = told(many, np.append(-np.log(10.0), FAR))
    truth = np.log(0.5 + np.exp(-0.3 * (np.append(-np.log(10.0), FAR) + np.log(1e4))))
    low, high = interval(draws)
    assert (np.abs(point - truth) < np.maximum(high - low, 2e-3)).all()
    # at ten times less and at the largest run; further out the law's own error stays, however many the rows
    assert (high - low)[:2].max() < 0.01


def test_the_floor_is_never_below_a_stated_best_value_and_no_draw_above_an_unserved_one():
    x = np.geomspace(1, 20, 6)
    value = power(x, noise=0.05)
    free, bound = (
        sample_trends(observations({"x": x, "value": value, **stated}), draws=400, seed=0)
        for stated in ({}, {"least": 0.6, "most": 1.6})
    )
    far = np.log([1.0, 10.0, 1e3, 1e4])
    free_draws, bound_draws = told(free, far)[1], told(bound, far)[1]
    assert np.exp(free_draws).min() < 0.6
    assert np.exp(bound_draws).min() >= 0.6
    assert np.exp(bound_draws).max() <= 1.6 * (1 + 1e-12)


def test_an_unserved_value_is_a_prior_and_not_a_cut():
    x, value = np.geomspace(1, 3, 3), np.array([1.0, 1.02, 0.99])
    stated = sample_trends(observations({"x": x, "value": value, "most": 1.1}), draws=400, seed=0)
    draws = told(stated, np.log([1e4]))[1]
    assert stated.effective[0] < 400
    # cut draws would all stand at the bound
    assert (np.abs(draws - np.log(1.1)) < 1e-9).mean() < 0.02


def test_checkpoints_of_a_run_do_not_count_as_runs():
    x = np.geomspace(1, 100, 12)
    random = np.random.default_rng(4)
    value = power(x, 3, noise=0.03)
    runs = {"x": x, "value": value}
    # thirty checkpoints of each, near its end, that share the run's noise
    again = {
        "x": np.repeat(x, 30) * np.exp(random.uniform(-0.02, 0, 360)),
        "value": np.repeat(value, 30) * np.exp(0.002 * random.normal(size=360)),
        "run": np.repeat(np.arange(12), 30),
    }
    widths = []
    for task in (runs, again):
        found = sample_trends(observations(task), draws=400, seed=0)
        low, high = interval(told(found, FAR)[1])
        widths.append(high - low)
        assert found.noise.std() > 0.02
    assert (widths[1] > 0.7 * widths[0]).all()


def test_weights_and_stated_errors_are_honoured():
    x = np.geomspace(1, 100, 20)
    value = power(x)
    off = value.copy()
    off[-4:] *= 1.15
    light = {"x": x, "value": off, "weight": np.where(np.arange(20) < 16, 1.25 - 1e-4, 4e-4)}
    vague = {"x": x, "value": off, "stderr": np.where(np.arange(20) < 16, 0.0, 0.5)}
    plain = {"x": x[:16], "value": value[:16]}
    taken = sample_trends(observations({"x": x, "value": off}, light, vague, plain), draws=400, seed=0)
    at = np.log(x[15] / x[-1])
    points = [told(taken, np.array([at]), task)[0][0] for task in range(3)]
    expected = told(taken, np.zeros(1), 3)[0][0]
    assert abs(points[1] - expected) < 0.02
    assert abs(points[2] - expected) < 0.02
    ends = [told(taken, np.zeros(1), task)[0][0] for task in range(3)]
    assert ends[0] - ends[1] > 0.05
    assert ends[0] - ends[2] > 0.05


def test_floors_are_borrowed_from_the_other_tasks_alone_and_tables_add_up():
    x = np.geomspace(1, 100, 15)
    values = [0.9 + 0.5 * x**-0.4, 1.8 + x**-0.4, np.array([*(1 + x[:4] ** -0.4), *np.full(11, np.nan)])]
    tasks = [{"x": x[np.isfinite(v)], "value": v[np.isfinite(v)]} for v in values]
    filtered = filter_trends(observations(*tasks))
    own = filtered.floor_posterior
    np.testing.assert_allclose(np.exp(own).sum(axis=1), 1.0)
    borrowed = borrowed_floors(own.sum(axis=0), own, 3)
    np.testing.assert_allclose(borrowed[2], own[:2].mean(axis=0))
    np.testing.assert_array_equal(borrowed_floors(own[0], own[:1], 1), 0.0)
    alone, helped = (draw_trends(filtered, draws=400, seed=0, floor_prior=prior) for prior in (None, borrowed))
    far = np.log([100.0])
    spread = [np.subtract(*interval(told(each, far, 2)[1])[::-1]) for each in (alone, helped)]
    assert spread[1] < spread[0]


@settings(max_examples=25)
@given(
    rows=st.lists(st.tuples(st.floats(0, 40), st.floats(-20, 20)), min_size=1, max_size=12),
    least=st.one_of(st.none(), st.floats(0, 2)),
)
def test_whatever_the_rows_the_draws_are_finite_and_above_the_stated_best(rows, least):
    x, value = np.exp(np.array(rows).T)
    task = {"x": x, "value": value}
    floor = None if least is None else least * value.min() / 2.1
    found = sample_trends(observations(task if floor is None else {**task, "least": floor}), draws=20, seed=0)
    assert np.isfinite(found.draws).all() and np.isfinite(found.parameters).all()
    assert np.isfinite(found.evidence).all() and np.isfinite(found.error).all()
    if floor is not None:
        assert np.exp(found.draws[:, 0, 1:]).min() >= floor * (1 - 1e-9)


PROGRAM = """
import json
import jax, numpy as np
from budget.curves.predictive.local_trend import sample_trends
from tests.curves.predictive.trends import observations, power
tasks = [{"x": np.geomspace(1, 1e3, n), "value": power(np.geomspace(1, 1e3, n), n)} for n in range(3, 14)]
found = sample_trends(observations(*tasks), draws=30, seed=0)
print(json.dumps([jax.local_device_count(), found.draws.ravel().tolist(), found.noise.ravel().tolist()]))
"""


@pytest.mark.slow
def test_one_device_and_three_give_the_same_draws():
    answers = [printed_here(PROGRAM), printed_on(3, PROGRAM)]
    assert [answer[0] for answer in answers] == [1, 3]
    for other in answers[1:]:
        np.testing.assert_allclose(other[1], answers[0][1], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(other[2], answers[0][2], rtol=1e-6)
