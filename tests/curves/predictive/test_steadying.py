"""What steadies planned curves: the last runs, the other tasks, and nothing else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.table import LAWS
from budget.curves.predictive.observations import Observations
from budget.curves.predictive.steadying import AMONG_TASKS, APART, LINE, OWN_ERROR, tilts
from budget.curves.steady import falls, steadied

POWER = LAWS["power"]


def observed(values, x, least=np.nan):
    """Tasks (T, R) of one input (R,)."""
    count, rows = values.shape
    flat = np.ones(values.shape)
    number = np.tile(np.arange(rows), (count, 1))
    return Observations(
        tuple(f"task {at}" for at in range(count)), np.tile(np.log(x), (count, 1))[:, :, None], values, flat, 0 * flat,
        number, number, np.full(count, least), np.full(count, np.nan), ("loss",) * count,
    )  # fmt: skip


X = np.geomspace(1.0, 100.0, 12)
REFERENCE = np.full((3, 1), 100.0)


def powers(exponents, floor=0.0):
    """Falling powers that are 1 at the largest run above a floor: values (T, R), working parameters (T, P)."""
    exponents = np.asarray(exponents)
    values = floor + (X / X[-1]) ** -exponents[:, None]
    return values, np.column_stack([np.full(len(exponents), floor), np.zeros(len(exponents)), exponents])


def test_where_prediction_and_last_runs_agree_nothing_changes():
    values, theta = powers([0.2, 0.3, 0.4])
    found = tilts(POWER, theta, observed(values, X), REFERENCE, borrow=False)
    np.testing.assert_allclose(found, 0.0, atol=1e-9)


def test_the_fall_is_the_weighted_geometric_mean_of_both_everywhere():
    values, told = powers([0.2, 0.3, 0.4])
    _, predicted = powers([0.4, 0.3, 0.1])
    found = tilts(POWER, predicted, observed(values, X), REFERENCE, borrow=False)
    planned = steadied(POWER, predicted, found, np.full(3, -10.0))
    (fall, rate), (mine, my_rate), (line, line_rate) = (falls(POWER, each) for each in (planned, predicted, told))
    np.testing.assert_allclose(fall, (1 - LINE) * mine + LINE * line, atol=1e-9)
    np.testing.assert_allclose(rate, (1 - LINE) * my_rate + LINE * line_rate, atol=1e-9)


def test_above_a_stated_best_value_the_line_is_one_of_what_lies_above_it():
    values, theta = powers([0.2, 0.3, 0.4], floor=2.0)
    found = tilts(POWER, theta, observed(values, X, least=2.0), REFERENCE, borrow=False)
    np.testing.assert_allclose(found, 0.0, atol=0.01)
    unstated = tilts(POWER, theta, observed(values, X), REFERENCE, borrow=False)
    assert np.abs(unstated).max() > 0.1


def test_the_typical_task_draws_each_by_its_weight():
    values, theta = powers([0.2, 0.3, 0.4])
    found = tilts(POWER, theta, observed(values, X), REFERENCE, borrow=True)
    np.testing.assert_allclose(found[1], 0.0, atol=1e-9)
    rate = np.exp(found[:, 1]) * theta[:, 2]
    weight = OWN_ERROR**2 / (OWN_ERROR**2 + AMONG_TASKS**2)  # prediction and last runs agree
    np.testing.assert_allclose(rate, (1 - weight) * theta[:, 2] + weight * 0.3, atol=1e-9)
    assert found[0, 0] > 0 > found[2, 0]  # what falls slowly is taken to fall faster, and the other way round


def test_a_task_whose_two_estimates_disagree_is_drawn_further():
    values, told = powers([0.3, 0.3, 0.6])
    _, predicted = powers([0.3, 0.3, 0.2])
    apart = falls(POWER, told)[0] - falls(POWER, predicted)[0] - np.log(2) * (told[:, 2] - predicted[:, 2])
    error = OWN_ERROR**2 + (APART * apart[2]) ** 2
    weight = error / (error + AMONG_TASKS**2)
    own = 0.2 + LINE * (0.6 - 0.2)
    found = tilts(POWER, predicted, observed(values, X), REFERENCE, borrow=True)
    assert weight > 2 * OWN_ERROR**2 / (OWN_ERROR**2 + AMONG_TASKS**2)
    np.testing.assert_allclose(np.exp(found[2, 1]) * 0.2, own + weight * (0.3 - own), atol=1e-9)
    np.testing.assert_allclose(found[:2], 0.0, atol=1e-9)


def test_a_difference_that_all_tasks_share_draws_none_further():
    values, _ = powers([0.2, 0.3, 0.4])
    _, predicted = powers([0.4, 0.6, 0.8])
    found = tilts(POWER, predicted, observed(values, X), REFERENCE, borrow=True)
    alike = tilts(POWER, predicted, observed(powers([0.4, 0.6, 0.8])[0], X), REFERENCE, borrow=True)
    own = tilts(POWER, predicted, observed(values, X), REFERENCE, borrow=False)
    drawn = np.exp(found[:, 1] - own[:, 1])
    np.testing.assert_allclose(drawn, np.exp(alike[:, 1]), atol=0.02)


def test_only_tasks_of_one_metric_tell_each_other():
    values, theta = powers([0.2, 0.3, 0.4])
    data = replace(observed(values, X), metric=("loss", "error", "other"))
    np.testing.assert_allclose(tilts(POWER, theta, data, REFERENCE, borrow=True), 0.0, atol=1e-9)


def test_order_and_unit_of_the_values_change_nothing():
    values, theta = powers([0.2, 0.3, 0.4], floor=0.5)
    theta[:, 2] *= [1.3, 0.8, 1.1]
    before = tilts(POWER, theta, observed(values, X), REFERENCE, borrow=True)
    turned = tilts(POWER, theta[::-1], observed(values[::-1, ::-1], X[::-1]), REFERENCE, borrow=True)[::-1]
    np.testing.assert_allclose(turned, before, atol=1e-9)
    theta = POWER.in_units(theta, np.full(3, 7.0))
    np.testing.assert_allclose(tilts(POWER, theta, observed(7 * values, X), REFERENCE, borrow=True), before, atol=1e-9)


def test_rows_of_no_weight_are_not_read():
    values, theta = powers([0.2, 0.3, 0.4])
    data = observed(values, X)
    data.value[0, -2], data.weight[0, -2] = 30.0, 0.0
    np.testing.assert_allclose(tilts(POWER, theta, data, REFERENCE, borrow=False), 0.0, atol=1e-9)


@pytest.fixture(scope="module")
def curves():
    random = np.random.default_rng(5)
    frames = []
    for name, rate in (("steep", 0.5), ("flat", 0.15), ("amid", 0.3)):
        x = np.geomspace(1e6, 1e9, 14)
        value = (0.4 + (x / 1e9) ** -rate) * np.exp(0.004 * random.normal(size=14))
        frames.append(pd.DataFrame({"task": name, "x": x, "value": value}))
    return fit_curves(pd.concat(frames, ignore_index=True), draws=30)


def test_curves_keep_both_and_say_which_plans_are_made_on(curves):
    steady, predicted = curves.usable(), curves.planned_on("predicted").usable()
    np.testing.assert_array_equal(predicted.parameters, curves.planned_parameters)
    np.testing.assert_array_equal(predicted.draws, curves.planned_draws)
    assert np.abs(steady.parameters - predicted.parameters).max() > 1e-3
    np.testing.assert_array_equal(steady.planned_on("predicted").parameters, predicted.parameters)
    # what is told is the prediction either way
    at = np.arange(3), np.log(10 * curves.reference)
    np.testing.assert_array_equal(np.stack(steady.predict(*at)), np.stack(predicted.predict(*at)))
    assert any(note.startswith("Plans are made on steadied curves") for note in curves.notes)


def test_a_fit_may_plan_on_predictions(curves):
    frame = pd.DataFrame({"task": "a", "x": np.geomspace(1, 99, 9), "value": np.geomspace(3, 1, 9)})
    assert fit_curves(frame, draws=8, plan_on="predicted").plan_on == "predicted"
    assert curves.plan_on == "steady"
