"""What must not change a fit: order, units, seeds, devices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.curves.fitting.batch import Batch
from budget.errors import FitError
from tests.devices import printed_here, printed_on
from tests.searched import fit_searched
from tests.simulate import HOFFMANN, TRUTHS, table


@pytest.fixture(scope="module")
def plain():
    frame = table({"task": HOFFMANN}, noise=0.02)
    return frame, fit_searched(frame, draws=0)


def same_fit(frame, again, plain, factors=(1.0, 1.0, 1.0)):
    """Objective and predictions at the runs are the same, values and inputs being in other units."""
    _, first = plain
    np.testing.assert_allclose(again.objective, first.objective, rtol=1e-6)
    points = np.log(frame[["params", "tokens"]].to_numpy())
    task = np.zeros(len(points), dtype=int)
    expected = first.distance(task, points - np.log(factors[:2]))
    np.testing.assert_allclose(again.distance(task, points) / factors[2], expected, rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(powers=st.lists(st.sampled_from([-30, -6, -1, 0, 6, 30]), min_size=3, max_size=3), order=st.integers(0, 99))
def test_units_and_order_do_not_matter(plain, powers, order):
    frame, _ = plain
    factors = 10.0 ** np.array(powers)
    other = frame.drop(columns="flops").sample(frac=1, random_state=order)
    for name, factor in zip(("params", "tokens", "value"), factors, strict=True):
        other[name] = other[name] * factor
    same_fit(other, fit_searched(other, draws=0), plain, factors)


@pytest.mark.parametrize("loss", ["lad", "squares"])
def test_raw_residuals_do_not_depend_on_the_unit_of_the_value(plain, loss):
    frame, _ = plain
    first, second = (
        fit_searched(frame.assign(value=frame["value"] * factor), loss=loss, residual="raw", draws=0)
        for factor in (1.0, 1e30)
    )
    np.testing.assert_allclose(first.objective, second.objective, rtol=1e-6)


def test_the_seed_moves_draws_only(plain):
    frame, first = plain
    others = [fit_searched(frame, draws=3, seed=seed) for seed in (1, 2)]
    for other in others:
        np.testing.assert_array_equal(other.parameters, first.parameters)
    assert np.abs(others[0].draws - others[1].draws).max() > 1e-6


def test_other_tasks_in_the_file_do_not_change_a_fit(plain):
    _, first = plain
    three = fit_searched(table({"task": HOFFMANN, "a": TRUTHS["code"], "b": TRUTHS["maths"]}, noise=0.02), draws=0)
    np.testing.assert_allclose(three.objective[0], first.objective[0], rtol=1e-9)


def test_tasks_of_few_rows_are_fitted_in_a_narrower_program_to_the_same_curves(monkeypatch):
    truths = {name: HOFFMANN for name in ("long", "a", "b")}
    frame = table(truths, noise=0.02)
    few = frame.groupby("task", sort=False).cumcount() < 14
    frame = frame[few | (frame["task"] == "long")]
    found = fit_searched(frame, draws=4)
    monkeypatch.setattr(Batch, "narrow", property(lambda batch: np.zeros(len(batch), dtype=bool)))
    wide = fit_searched(frame, draws=4)
    np.testing.assert_allclose(found.objective, wide.objective, rtol=1e-9)
    np.testing.assert_allclose(found.draws, wide.draws, rtol=1e-5)


def test_a_device_that_is_not_there_gets_one_sentence(plain):
    frame, _ = plain
    with pytest.raises(FitError, match="--device tpu: JAX sees no such device here, only") as caught:
        fit_searched(frame, device="tpu", draws=0)
    assert "\n" not in str(caught.value)


PROGRAM = """
import json, sys
import numpy as np
from tests.searched import fit_searched
from tests.curves.cases import planted
from tests.simulate import TRUTHS, table
import jax
frame = table(TRUTHS, noise=0.02)
curves = fit_searched(frame, "power", draws=40)
task = np.repeat(np.arange(3), 25)
points = np.log(frame[["flops"]].to_numpy())
joint = fit_searched(planted("shared", 2, noise=0.01)[0], "shared", draws=3)
print(json.dumps({
    "devices": jax.local_device_count(),
    "objective": [*curves.objective, *joint.objective],
    "predicted": [*curves.distance(task, points), *curves.distance_draws(task, points).ravel()],
}))
"""


@pytest.mark.slow
def test_one_device_and_three_give_the_same_fit():
    answers = [printed_here(PROGRAM), printed_on(3, PROGRAM)]
    assert [answer["devices"] for answer in answers] == [1, 3]
    for other in answers[1:]:
        for name in ("objective", "predicted"):
            np.testing.assert_allclose(other[name], answers[0][name], rtol=1e-6, err_msg=name)
