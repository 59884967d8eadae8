"""The coordinates of the search: they are the parameters again, and where the search ends is an optimum of the law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize as scipy_minimize

from budget.curves.fitting.charted import minimize_in_chart
from budget.curves.fitting.loss import HUBER_DELTA, penalty, penalty_weight
from budget.curves.fitting.solver import INITIAL_DAMPING, Prior, SolverState
from budget.curves.laws.table import LAWS
from tests.simulate import box

CHARTED = [name for name, law in LAWS.items() if law.chart is not None]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("name", CHARTED)
def test_back_is_the_inverse_of_into(name, plain):
    law, random = LAWS[name], np.random.default_rng(1)
    lower, upper = box(law, 3.0)
    lower, upper = np.maximum(lower, -5.0), np.minimum(upper, 5.0)
    theta = random.uniform(np.minimum(lower, upper), upper, (200, len(lower)))
    theta[:, :2] = np.sort(theta[:, :2])  # a ceiling lies above its floor
    coordinates = law.chart.into(theta, plain, np)
    np.testing.assert_allclose(law.chart.back(coordinates, plain, np), theta, rtol=1e-9, atol=1e-9)
    others = np.arange(len(lower)) != law.chart.mixing
    higher = law.chart.into(theta + 0.1, plain, np)
    assert (higher > coordinates)[:, others | plain].all()


def search(law, z, value, start, lower, upper):
    with jax.enable_x64(True):
        found = minimize_in_chart(
            law.chart,
            lambda theta: jnp.log(value) - jnp.log(law.value(theta, jnp.asarray(z), jnp)),
            lambda r: penalty(r, HUBER_DELTA, 0.5),
            lambda r: penalty_weight(r, HUBER_DELTA, 0.5),
            jnp.ones(len(value)),
            jnp.asarray(start),
            jnp.asarray(lower),
            jnp.asarray(upper),
            damping=jnp.full(2, INITIAL_DAMPING),
            most_steps=jnp.asarray(500),
            prior=Prior(jnp.zeros(len(start)), jnp.zeros(len(start))),
        )
        return SolverState(*(np.asarray(each) for each in found))


def test_a_ceiling_that_no_run_shows_is_searched_to_the_end_of_its_box():
    """A power law's runs: ceiling and place make up for each other along a curve that ends at the box."""
    law, random = LAWS["m4"], np.random.default_rng(3)
    z = np.linspace(-3, 3, 24)[:, None]
    value = (0.4 + 0.6 * np.exp(-0.5 * z[:, 0])) * np.exp(0.01 * random.normal(size=24))
    lower = np.array([0.0, value.max(), 0.05, 0.005, -60.0])
    upper = np.array([value.max(), 100 * value.max(), 6.0, 3.0, 30.0])
    start = np.array([0.3, 1.5 * value.max(), 1.0, 0.6, -2.5])
    found = search(law, z, value, start, lower, upper)
    assert found.over and found.slack < 1e-9

    def loss(theta):
        size = np.abs(np.log(value) - np.log(law.value(theta, z)))
        return np.where(size <= HUBER_DELTA, size**2 / 2, HUBER_DELTA * (size - HUBER_DELTA / 2)).sum()

    theta = found.theta
    np.testing.assert_allclose(loss(theta), found.loss, rtol=1e-10)
    bounds = list(zip(lower, upper, strict=True))
    rivals = [
        scipy_minimize(loss, each, method="Nelder-Mead", bounds=bounds, options={"maxiter": 4000, "fatol": 1e-13})
        for each in (theta, start)
    ]
    assert min(rival.fun for rival in rivals) >= found.loss * (1 - 1e-7)


def test_a_mixing_parameter_at_the_end_of_its_box_is_left_there_and_can_come_back():
    law = LAWS["m4"]
    z = np.linspace(-3, 3, 24)[:, None]
    truth = np.array([0.5, 2.0, 0.8, 0.7, 0.4])
    value = law.value(truth, z)
    lower = np.array([0.0, value.max(), 0.05, 0.005, -2.0])
    upper = np.array([value.max(), 100 * value.max(), 6.0, 3.0, 2.0])
    free = search(law, z, value, np.array([0.4, 2.5, 1.0, 0.5, 2.0]), lower, upper)
    np.testing.assert_allclose(free.theta, truth, rtol=1e-4)
    tight = np.where(np.arange(5) == 4, 0.2, upper)
    held = search(law, z, value, np.array([0.4, 2.5, 1.0, 0.5, 0.1]), lower, tight)
    assert held.theta[4] == 0.2 and held.over and held.slack < 1e-6
