"""Laws over any scales: the power mean's cases, and what holds for every draw of a law with drifts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from budget.curves.laws.drifting import surface_repeat
from budget.curves.laws.drifting.drifts import drifting_value
from budget.curves.laws.drifting.scales import law_over, power_mean
from budget.curves.laws.surface import INNER, KNOTS, drift_basis
from budget.curves.laws.table import LAWS, choose_law
from tests.oracles.laws import chinchilla, repeat

NUMBERS = st.lists(st.floats(-3, 3), min_size=2, max_size=3)


def theta_of(law, **given):
    """Working parameters, those of drifts being 0 but for those that are given."""
    theta = np.zeros(len(law.parameters))
    for name, value in given.items():
        theta[law.position(name)] = value
    return theta


@given(st.floats(0.1, 9.0), st.integers(0, 10**6))
def test_a_drift_is_the_spline_of_its_numbers_within_the_runs_and_goes_on_beyond(span, seed):
    """0 with slope 0 at and below the smallest scale; beyond the largest its last slope, and a term in z^1.5."""
    random = np.random.default_rng(seed)
    values, slopes, spread = random.normal(size=KNOTS - 1), random.normal(size=KNOTS - 1), random.normal()
    knots = np.linspace(-span, 0.0, KNOTS)
    spline = CubicHermiteSpline(knots, np.append(0.0, values), np.append(0.0, slopes))
    z = np.concatenate([random.uniform(-span, 0.0, 30), knots, [-span - 3.0, 0.5, 4.0]])
    found = drift_basis(z, np.full(z.shape, span)) @ np.concatenate([values, slopes, [spread]])
    beyond = [values[-1] + slopes[-1] * far + spread * far**1.5 for far in (0.5, 4.0)]
    np.testing.assert_allclose(found, [*spline(z[:-3]), 0.0, *beyond], rtol=1e-9, atol=1e-9)


def test_a_drift_over_one_scale_has_no_slope_beyond_it():
    found = drift_basis(np.array([-1.0, 0.0, 2.0]), np.zeros(3))
    np.testing.assert_allclose(found, np.append(np.zeros((3, INNER)), [[0.0], [0.0], [2.0**1.5]], axis=1))


@given(NUMBERS, st.floats(0.05, 4) | st.floats(-4, -0.05))
def test_the_power_mean_is_its_definition(logs, r):
    u, shares = np.exp(logs), np.arange(1.0, 1 + len(logs))
    shares /= shares.sum()
    found = power_mean(np.array(logs), np.log(shares), np.array(r))
    assert found == pytest.approx(np.log((shares * u**r).sum()) / r, abs=1e-9)


@given(NUMBERS)
def test_toward_no_power_it_is_the_geometric_mean_without_a_jump(logs):
    shares = np.full(len(logs), 1 / len(logs))
    at = [float(power_mean(np.array(logs), np.log(shares), np.array(r))) for r in (0.0, 0.9999e-5, 1.0001e-5)]
    assert at[0] == pytest.approx(np.mean(logs), abs=1e-12)
    assert at[1] == pytest.approx(at[2], abs=1e-8)


@given(NUMBERS, st.floats(-3, 3), st.floats(0, 1))
def test_a_larger_power_gives_a_larger_mean_between_the_least_and_the_largest(logs, r, more):
    shares = np.full(len(logs), 1 / len(logs))
    low, high = (float(power_mean(np.array(logs), np.log(shares), np.array(at))) for at in (r, r + more))
    assert min(logs) - 1e-9 <= low <= high + 1e-9 <= max(logs) + 2e-9


def test_with_power_one_and_no_drift_it_is_chinchillas_law():
    law, reference = law_over(("params", "tokens")), np.array([1e9, 1e10])
    natural = {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28}
    theta = law.working(
        theta_of(law, E=1.7, A_params=400.0, A_tokens=410.0, a_params=0.34, a_tokens=0.28, r=1.0), reference
    )
    inputs = np.array([[1e7, 3e9], [1e9, 1e10], [1e11, 1e12]])
    theta[law.position("span_params")] = theta[law.position("span_tokens")] = 3.0
    expected = chinchilla(natural, *inputs.T)
    np.testing.assert_allclose(law.value(theta, np.log(inputs / reference)), expected, rtol=1e-12)


def test_without_drifts_and_over_fitting_repeated_data_are_muennighoffs_law():
    law, reference = LAWS["surface_repeat"], np.array([1e9, 1e10, 1e10])
    natural = {"E": 1.9, "A": 520.0, "alpha": 0.35, "B": 1480.0, "beta": 0.36, "R_D": 15.0, "R_N": 5.0}
    theta = theta_of(law, k=1.0, log_F=-300.0, p=1.0, r=1.0, q=1.0)
    theta[: len(natural)] = LAWS["repeat"].working(np.array(list(natural.values())), reference)
    inputs = np.array([[1e8, 1e10, 1e10], [1e9, 1e11, 1e10], [1e10, 1e11, 1e9], [1e9, 1e9, 1e10]])
    within = np.log(inputs / reference)
    within[:, :2] -= within[:, :2].max(axis=0)  # beyond the runs a drift may not turn: there are none beyond
    expected = repeat(natural, *(reference * np.exp(within)).T)
    np.testing.assert_allclose(law.value(theta, within), expected, rtol=1e-10)


def test_over_fitting_sets_in_with_the_second_epoch_and_grows_with_params_and_epochs():
    law = LAWS["surface_repeat"]
    theta = theta_of(law, E=1.0, A=-40.0, alpha=0.3, B=-40.0, beta=0.3, k=1.0, log_F=-1.0, p=2.0, r=1.0, q=0.7)
    once, twice, often = (law.value(theta, np.array([0.0, 0.0, -np.log(epochs)])) for epochs in (1.0, 2.0, 50.0))
    assert once == pytest.approx(1.0, abs=1e-12) and once < twice < often
    assert law.value(theta, np.array([-1.0, 0.0, -np.log(50.0)])) < often


@pytest.mark.parametrize("name", ["params", "experts"])
@given(seed=st.integers(0, 10_000))
def test_beyond_the_runs_more_of_an_amount_does_no_harm_and_of_another_scale_may(name, seed):
    law, random = law_over(("params", "experts")), np.random.default_rng(seed)
    theta = random.normal(0, 0.3, len(law.parameters))
    theta[0] = 1.0
    theta[law.position("a_params")] = abs(theta[law.position("a_params")])
    for axis in ("params", "experts"):
        theta[law.position(f"end_{axis}")], theta[law.position(f"span_{axis}")] = 0.0, 4.0
    places = np.linspace(0, 5, 40)
    z = np.zeros((40, 2))
    z[:, 0 if name == "params" else 1] = places
    values = law.value(theta, z)
    if name == "params":
        assert (values <= values[0] * (1 + 1e-12)).all()
    else:
        assert (values > 0).all()


def test_a_drift_alone_gives_an_optimum_inside_the_range():
    law = law_over(("params", "vocab"))
    theta = theta_of(law, E=1.0, A_params=-1.0, A_vocab=-30.0, a_params=0.3, r=1.0, span_params=3.0, span_vocab=5.0)
    for knot in range(1, 6):
        theta[law.position(f"g_vocab{knot}")] = 0.02 * (knot - 2) ** 2 - 0.08
        theta[law.position(f"slope_vocab{knot}")] = 0.04 * (knot - 2)
    z = np.stack([np.zeros(50), np.linspace(-5, 0, 50)], axis=1)
    values = law.value(theta, z)
    assert 5 < np.argmin(values) < 40 and values[0] > values.min() < values[-1]


def test_a_law_over_the_same_scales_is_one_object_and_has_a_parameter_for_everything():
    law = law_over(("params", "vocab", "tokens"))
    assert law is LAWS["scales"].over(("params", "vocab", "tokens"))
    assert len(set(law.names)) == len(law.names)
    assert len(law.parameters) == 1 + 3 + 3 + 1 + 2 * 3 + 3 * (INNER + 1) + 3


def test_auto_follows_what_is_named_and_whether_data_repeat():
    both = ("params", "tokens", "flops")
    assert choose_law(both, searched=False) == "surface"
    assert choose_law(both, searched=False, repeated=True) == "surface_repeat"
    assert choose_law(both, searched=False, named=("params", "tokens"), repeated=True) == "surface"
    assert choose_law(both, searched=False, named=("params", "experts")) == "scales"
    assert choose_law(both, searched=False, named=("tokens", "params")) == "surface"


def test_values_within_the_runs_are_the_shape_times_the_drift():
    shape = surface_repeat.SHAPE
    law = LAWS["surface_repeat"]
    theta = theta_of(law, E=1.0, A=-1.0, alpha=0.3, B=-1.0, beta=0.3, k=1.0, log_F=-300.0, p=1.0, r=1.0, q=1.0)
    theta[law.position("c_N_D")] = 0.1
    theta[law.position("span_N")] = theta[law.position("span_D")] = 2.0
    z = np.array([-0.5, -1.0, -1.0])
    assert drifting_value(shape, theta, z) == pytest.approx(shape.value(theta, z, np) * np.exp(0.1 * 1.5 * 1.0))
