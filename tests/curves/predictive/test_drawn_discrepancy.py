"""The error of a law that is searched for: what its residuals say of it, and how draws drift beyond the runs."""

import copy
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from budget.curves.discrepancy import DRIFT_NUMBERS, Axes, drifting_values, log_factor
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.surface import KNOTS
from budget.curves.laws.table import LAWS
from budget.curves.predictive import drawn_discrepancy as engine
from budget.curves.records.checksum import sealed
from budget.curves.records.reading import curves_from_record
from budget.curves.records.writing import record_of
from budget.errors import DataError
from tests.made import link_of
from tests.simulate import TrueLink

SCALES = np.geomspace(1e3, 1e8, 24)


def runs(tasks=("a", "b"), bend=0.0, noise=0.003):
    """Runs of a power law, whose logarithm a slow wave of amplitude ``bend`` is added to."""
    random, frames = np.random.default_rng(1), []
    for name in tasks:
        value = (1 + 40 * SCALES**-0.4) * np.exp(noise * random.normal(size=len(SCALES)))
        wave = bend * np.sin(np.linspace(0, 9, len(SCALES)))
        frames.append(pd.DataFrame({"task": name, "x": SCALES, "value": value * np.exp(wave)}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def curves():
    return fit_curves(runs(), "power", draws=60)


def width(curves, log_x):
    _, low, high = curves.predict(np.zeros(1, dtype=int), np.array([[log_x]]))
    return float(np.log(high / low)[0])


def test_within_the_runs_draws_are_those_of_the_plain_law_and_the_point_is_everywhere(curves):
    plain = fit_curves(runs(), "power", draws=60, discrepancy=False)
    assert curves.drifts and not plain.drifts and plain.as_planned() is plain
    np.testing.assert_array_equal(curves.draws, plain.draws)
    task, inside = np.zeros(len(SCALES), dtype=int), np.log(SCALES)[:, None]
    np.testing.assert_allclose(curves.distance_draws(task, inside), plain.distance_draws(task, inside), rtol=1e-12)
    for log_x in (np.log(1e2), np.log(1e10)):
        assert width(curves, log_x) > 1.5 * width(plain, log_x)
        at = np.array([[log_x]])
        assert curves.distance(task[:1], at) == plain.distance(task[:1], at)
    widths = [width(curves, np.log(1e8) + away) for away in (0.0, 1.0, 2.0, 4.0)]
    assert widths == sorted(widths)


def test_no_draw_rises_beyond_the_runs(curves):
    """More of a scale need not be used: a drift takes back at most what the law says."""
    ahead = np.log(1e8) + np.linspace(0.0, 12.0, 30)[:, None]
    drawn = curves.distance_draws(np.zeros(len(ahead), dtype=int), ahead)
    assert (drawn <= drawn[:, :1] * (1 + 1e-12)).all()
    assert np.isclose(drawn[:, -1], drawn[:, 0]).any()  # some are flat


def test_a_law_that_is_wrong_drifts_more():
    straight, bent = (fit_curves(runs(bend=bend), "power", draws=60) for bend in (0.0, 0.05))
    assert width(bent, np.log(1e9)) > 2 * width(straight, np.log(1e9))


def test_drifts_belong_to_names_and_seeds(curves):
    alone = fit_curves(runs().query("task == 'b'"), "power", draws=60, pool=False)
    together = fit_curves(runs(), "power", draws=60, pool=False)
    np.testing.assert_allclose(alone.drift[:, 0], together.drift[:, 1], rtol=1e-9)
    assert not np.isclose(together.drift[:, 0], together.drift[:, 1]).any()
    fewer = fit_curves(runs(), "power", draws=20, pool=False)
    np.testing.assert_allclose(fewer.drift, together.drift[:20], rtol=1e-9)
    assert not np.isclose(fit_curves(runs(), "power", draws=20, seed=1).drift, fewer.drift).any()


def test_plans_read_curves_of_the_law_near_the_drifting_draws(curves):
    planned = curves.usable()
    assert planned.form.is_power_sum and not planned.drifts
    np.testing.assert_array_equal(planned.told.drift, curves.drift)
    np.testing.assert_array_equal(planned.parameters, curves.parameters)
    task = np.zeros(3, dtype=int)
    ahead = np.log(1e8) + np.array([[0.0], [1.0], [2.3]])
    drifting, plain = (np.log(each.distance_draws(task, ahead)) for each in (curves, planned))
    assert np.median(np.abs(plain - drifting)) < 0.25 * np.std(drifting[:, -1])
    assert np.corrcoef(plain[:, -1], drifting[:, -1])[0, 1] > 0.9


def test_drifting_losses_pass_through_the_link(curves):
    link = link_of({"a": TrueLink(3.0, 1.1, 0.25), "b": TrueLink(3.0, 1.1, 0.25)}, draws=60, spread=0.0)
    linked = replace(curves, link=link)
    plain = replace(linked, drift=curves.drift[:, :, :0], drift_ends=curves.drift_ends[:, :, :0])
    ends = [each.predict_score(np.zeros(1, dtype=int), np.array([[np.log(1e10)]])) for each in (linked, plain)]
    (drifting, *wide), (value, *narrow) = ends
    assert drifting == value and wide[0] < narrow[0] and wide[1] > narrow[1]


def test_values_that_may_be_negative_have_no_factor():
    frame = runs(("a",)).assign(value=lambda frame: frame["value"] - 1)
    assert not fit_curves(frame, "power", residual="raw", draws=20).drifts


def test_a_curves_file_keeps_the_drifts_and_an_older_one_has_none(curves):
    record = json.loads(json.dumps(sealed(record_of(curves))))
    again = curves_from_record(record, "c.json")
    ahead = np.full((2, 1), np.log(1e10))
    np.testing.assert_array_equal(again.predict(np.arange(2), ahead), curves.predict(np.arange(2), ahead))
    np.testing.assert_array_equal(again.usable().draws, curves.usable().draws)
    older = record_of(fit_curves(runs(), "power", draws=60, discrepancy=False))
    del older["discrepancy"]
    assert not curves_from_record(json.loads(json.dumps(older)), "c.json").drifts


@pytest.mark.parametrize(
    ("field", "edit", "words"),
    [
        ("drift_draws", lambda cells: [*cells[:-1], [[None] * DRIFT_NUMBERS]], "lacks a number of a draw"),
        ("drift_draws", lambda cells: cells[:-1], "a list of 60 × 1 × 4 numbers"),
        ("drift_ends", lambda cells: cells[::-1], "a smallest place above the largest"),
        ("planned_draws", lambda cells: [[0.0, 0.0, 99.0], *cells[1:]], "the fit's range is"),
    ],
)
def test_an_edited_drift_is_refused(curves, field, edit, words):
    record = copy.deepcopy(record_of(curves))
    record["tasks"][1][field] = edit(record["tasks"][1][field])
    with pytest.raises(DataError, match="task 'b'") as refusal:
        curves_from_record(json.loads(json.dumps(record)), "c.json")
    assert field in str(refusal.value) or words in str(refusal.value)
    assert words in str(refusal.value)


def test_no_discrepancy_asks_for_a_law_that_is_searched_for():
    plain = fit_curves(runs(), draws=5, discrepancy=False)
    assert plain.law == "power" and any("--no-discrepancy" in note for note in plain.notes)
    with pytest.raises(DataError, match="--no-discrepancy is for laws that are searched for"):
        fit_curves(runs(), "trend", draws=5, discrepancy=False)


NUMBERS = st.floats(-5, 5)


@settings(max_examples=60, deadline=None)
@given(
    law=st.sampled_from([law for law in LAWS.values() if not law.is_posterior]),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_axes_lead_back_to_the_measured_box(law, seed, data):
    """Inputs that are brought within the largest places lie there, and inputs that were there stay as they are."""
    law = law.with_sources(("s", "t"))
    axes, size = Axes.of(law), len(law.inputs)
    logs = data.draw(arrays(float, (3, size), elements=NUMBERS))
    largest = axes.along(data.draw(arrays(float, (3, size), elements=NUMBERS)))
    within = axes.brought_within(logs, largest)
    assert (axes.along(within) <= largest + 1e-9).all()
    there = (axes.along(logs) <= largest).all(axis=-1)
    np.testing.assert_array_equal(within[there], logs[there])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_factor_is_one_within_and_continuous_at_the_ends(data):
    drift = data.draw(arrays(float, (2, DRIFT_NUMBERS), elements=NUMBERS))
    ends = np.sort(data.draw(arrays(float, (2, 2), elements=NUMBERS)), axis=0)
    share = data.draw(arrays(float, 2, elements=st.floats(0, 1)))
    assert log_factor(drift, ends[0] + share * (ends[1] - ends[0]), *ends) == pytest.approx(0, abs=1e-12)
    for end, outwards in ((ends[1], 1e-9), (ends[0], -1e-9)):
        assert abs(log_factor(drift, end + outwards, *ends)) < 1e-6


def test_the_factor_is_a_slope_and_a_spread_at_each_end():
    drift = np.array([[0.1, 0.2, -0.3, 0.4]])
    above, below = (log_factor(drift, np.array([place]), np.zeros(1), np.ones(1)) for place in (5.0, -4.0))
    assert above == pytest.approx(0.1 * 4 + 0.2 * 8) and below == pytest.approx(-0.3 * 4 + 0.4 * 8)


def test_a_product_beyond_the_runs_drifts_though_neither_scale_is():
    law = LAWS["chinchilla"]
    theta = np.array([1.0, -1.0, 0.3, -1.0, 0.3])
    axes = Axes.of(law)
    ends = np.stack([axes.along(np.array([0.0, 0.0])), np.array([4.0, 4.0, 5.0])])
    drift = np.zeros((3, DRIFT_NUMBERS))
    drift[-1] = -0.1
    plain = law.value(theta, np.array([3.0, 3.0]))
    drifted = drifting_values(law, theta, np.array([3.0, 3.0]), np.zeros(2), drift, ends)
    assert drifted == pytest.approx(plain * np.exp(-0.2))


def test_a_law_that_falls_to_nothing_stays_a_number():
    law = LAWS["power"]
    theta, drift = np.array([0.0, 0.0, 3.0]), np.ones((1, DRIFT_NUMBERS))
    for away in (260.0, 1e4):
        value = drifting_values(law, theta, np.array([away]), np.zeros(1), drift, np.array([[-1.0], [1.0]]))
        assert 0 <= value <= law.value(theta, np.ones(1))


def dense(residual, slopes, logs):
    """The posterior of the rates by the covariance of R rows, what the law follows being projected out."""
    start = logs - logs.min()
    both = np.minimum(start[:, None], start)
    wiener = both**3 / 3 + both**2 * np.abs(start[:, None] - start) / 2
    free = np.linalg.svd(slopes)[0][:, slopes.shape[1] :]
    table = np.empty((len(engine.GRID),) * 2)
    for i, rate in enumerate(np.exp(engine.PRIOR_LOG_DRIFT[0] + engine.PRIOR_LOG_DRIFT[1] * engine.GRID)):
        for j, noise in enumerate(np.exp(engine.PRIOR_LOG_NOISE[0] + engine.PRIOR_LOG_NOISE[1] * engine.GRID)):
            covariance = free.T @ (rate**2 * wiener + noise**2 * np.eye(len(logs))) @ free
            left = free.T @ residual
            prior = 0.5 * (engine.GRID[i] ** 2 + engine.GRID[j] ** 2)
            square = left @ np.linalg.solve(covariance, left)
            table[i, j] = -0.5 * (np.linalg.slogdet(covariance)[1] + square) - prior
    weight = np.exp(table - table.max())
    return weight.sum(axis=1) / weight.sum()


def test_rates_are_weighed_by_their_marginal_likelihood():
    random = np.random.default_rng(3)
    logs = np.repeat(np.linspace(0, 6, KNOTS), 3)  # at its knots the basis leaves nothing out
    slopes = np.column_stack([np.ones(len(logs)), logs, np.exp(-logs)])
    residual = 0.02 * random.normal(size=len(logs))
    found = engine.rate_weights(residual, slopes, engine.drift_basis_of((logs - logs.max())[:, None]))
    np.testing.assert_allclose(found, dense(residual, slopes, logs), atol=1e-9)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_leave_the_prior(rows):
    logs = np.linspace(0.0, 4.0, rows)
    slopes = np.column_stack([np.ones(rows), logs, logs**2])
    found = engine.rate_weights(0.1 * np.ones(rows), slopes, engine.drift_basis_of((logs - logs.max())[:, None]))
    prior = np.exp(-0.5 * engine.GRID**2)
    np.testing.assert_allclose(found, prior / prior.sum(), atol=1e-6)
