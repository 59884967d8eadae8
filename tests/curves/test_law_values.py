"""Every law's value: against its formula in the reader's notation, on its whole box, and its derivatives."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from budget.curves.laws.law import ABSENT
from budget.curves.laws.repeat import MOST_EXCESS
from budget.curves.laws.table import LAWS
from tests.curves.cases import SOURCES, design, law_of_case, reference_of, truths_of
from tests.oracles.laws import FORMULAS
from tests.simulate import box

EVERY_LAW = pytest.mark.parametrize("name", [name for name, law in LAWS.items() if not law.is_posterior])


def logs_over(name, reference):
    with np.errstate(divide="ignore"):
        logs = np.log(np.column_stack(list(design(name).values()))) - np.log(reference)
    return np.maximum(logs, ABSENT)


def random_theta(law, random, count):
    lower, upper = box(law, 3.0)
    upper = np.where(lower < 3.0, np.minimum(upper, 3.0), upper)
    return random.uniform(np.maximum(lower, -3.0), upper, (count, len(lower)))


def random_z(law, random, count):
    z = random.uniform(-4, 4, (count, len(law.inputs)))
    if law.reads_mixtures:
        z[::3, 3] = ABSENT
    return z


@EVERY_LAW
@pytest.mark.parametrize("seed", range(5))
def test_the_value_is_the_formula_in_the_readers_notation(name, seed):
    law, reference = law_of_case(name), reference_of(name)
    (truth,) = truths_of(name, 1, seed)
    theta = law.working(np.array(list(truth.values())), reference)
    expected = FORMULAS[name](truth, *design(name).values())
    np.testing.assert_allclose(law.value(theta, logs_over(name, reference)), expected, rtol=1e-10)


@EVERY_LAW
def test_working_inverts_natural(name):
    law, random = law_of_case(name), np.random.default_rng(3)
    theta = random_theta(law, random, 50)
    theta[:, law.where("floor", "ceiling")] = random.uniform(-1, 1, (50, len(law.where("floor", "ceiling"))))
    reference = np.exp(random.uniform(-20, 40, (50, len(law.inputs))))
    np.testing.assert_allclose(law.working(law.natural(theta, reference), reference), theta, rtol=1e-9, atol=1e-9)


@EVERY_LAW
def test_the_value_is_finite_in_every_corner_and_the_same_in_jax(name):
    law = law_of_case(name)
    lower, upper = box(law)
    corners = np.array(list(product(*zip(lower, upper, strict=True))))
    ends = [(-30.0, 30.0)] * len(law.inputs)
    if name == "shared":
        ends[2] = (0.0, np.log(1e4))
    if name == "transfer":
        ends[2:] = [(ABSENT, -30.0, 30.0)] * (len(SOURCES) - 1)
    for z in product(*ends):
        value = law.value(corners, np.array(z))
        assert np.isfinite(value).all() and (value >= 0).all(), z
        with jax.enable_x64(True):
            np.testing.assert_allclose(law.value(jnp.asarray(corners), jnp.asarray(z), jnp), value, rtol=1e-9)


def test_the_implicit_law_solves_its_equation_and_is_what_its_basis_says():
    law, random = LAWS["m4"], np.random.default_rng(6)
    theta = random.uniform([0.1, 2.0, 0.05, 0.005, -5.0], [1.0, 9.0, 6.0, 3.0, 5.0], (20_000, 5))
    theta[:2000, 2] = random.uniform(0.99, 1.01, 2000)
    z = random.uniform(-5.0, 5.0, (20_000, 1))
    log_rest, log_share = law.basis(theta, z, np)
    _, _, a, c, place = theta.T
    np.testing.assert_allclose(log_share - a * log_rest, -c * (z[:, 0] - place), rtol=1e-12, atol=1e-12)
    levels = theta[:, 0] * np.exp(log_rest) + theta[:, 1] * np.exp(log_share)
    np.testing.assert_allclose(law.value(theta, z), levels, rtol=1e-14)


@EVERY_LAW
def test_derivatives_agree_with_central_differences(name):
    law, random = law_of_case(name), np.random.default_rng(4)
    theta, z = random_theta(law, random, 60), random_z(law, random, 60)
    with jax.enable_x64(True):
        slopes = jax.jit(jax.vmap(jax.grad(lambda theta, z: law.value(theta, z, jnp))))
        slope = np.asarray(slopes(jnp.asarray(theta), jnp.asarray(z)))
    step = 1e-6
    for position in range(theta.shape[1]):
        ahead, behind = theta.copy(), theta.copy()
        ahead[:, position] += step
        behind[:, position] -= step
        finite = (law.value(ahead, z) - law.value(behind, z)) / (2 * step)
        scale = np.abs(law.value(theta, z))
        np.testing.assert_allclose(slope[:, position] / scale, finite / scale, atol=2e-7, rtol=2e-5)


def test_second_derivatives_of_the_implicit_law_are_those_of_its_solution():
    """They follow from a rule for the first ones, which must itself be differentiable."""
    law, random = LAWS["m4"], np.random.default_rng(5)
    theta, z = random_theta(law, random, 40), random_z(law, random, 40)
    with jax.enable_x64(True):
        slopes = jax.jit(jax.vmap(jax.grad(lambda theta, z: law.value(theta, z, jnp))))
        curvatures = jax.jit(jax.vmap(jax.hessian(lambda theta, z: law.value(theta, z, jnp))))
        curvature = np.asarray(curvatures(jnp.asarray(theta), jnp.asarray(z)))
        for position in range(theta.shape[1]):
            move = 1e-6 * np.eye(theta.shape[1])[position]
            finite = (slopes(theta + move, jnp.asarray(z)) - slopes(theta - move, jnp.asarray(z))) / 2e-6
            scale = 1 + np.abs(curvature[:, position])
            np.testing.assert_allclose(curvature[:, position] / scale, finite / scale, atol=2e-6)


@pytest.mark.parametrize("a", [0.05, 0.3, 1.0, 2.0, 6.0])
@pytest.mark.parametrize("c", [0.005, 0.2, 3.0])
def test_m4_solves_its_implicit_equation(a, c):
    law, z = LAWS["m4"], np.linspace(-30, 30, 201)
    theta = np.array([0.5, 3.0, a, c, 1.0])
    near_floor, near_ceiling = law.basis(theta, z[:, None], np)[::-1]  # logs of the shares s and 1 - s
    left = near_floor - a * near_ceiling
    np.testing.assert_allclose(left, -c * (z - 1.0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.exp(near_floor) + np.exp(near_ceiling), 1.0, rtol=1e-12)


MUENNIGHOFF = {
    "E": 1.86914, "A": 520.825, "alpha": 0.3526596, "B": 1487.716, "beta": 0.3526596,
    "R_D": 15.387756, "R_N": 5.309743,
}  # fmt: skip


def test_repeat_has_the_published_optimum():
    """1e22 FLOPs over 25e9 unique tokens: 9.49 epochs of them with 7.03e9 parameters (Muennighoff et al. 2023)."""
    law, flops, unique = LAWS["repeat"], 1e22, 25e9
    reference = np.array([1e9, 1e10, 1e10])
    theta = law.working(np.array([MUENNIGHOFF[name] for name in law.names]), reference)

    def loss(log_n):
        inputs = np.array([np.exp(log_n), flops / 6 / np.exp(log_n), unique])
        return float(law.value(theta, np.log(inputs / reference)))

    best = minimize_scalar(loss, bounds=(np.log(1e8), np.log(1e12)), method="bounded", options={"xatol": 1e-10})
    params = np.exp(best.x)
    np.testing.assert_allclose([params, flops / 6 / params], [7.03e9, 237.2e9], rtol=1e-3)
    np.testing.assert_allclose(flops / 6 / params / unique, 9.49, rtol=1e-3)


def test_parameters_far_beyond_what_the_data_can_use_change_nothing():
    law = LAWS["repeat"]
    theta = law.working(np.array([MUENNIGHOFF[name] for name in law.names]), np.ones(3))
    inputs = np.log([[1e9 * np.exp(extra), 1e9, 1e9] for extra in (MOST_EXCESS, 20.0, 30.0)])
    value = law.value(theta, inputs)
    np.testing.assert_allclose(value, value[0], rtol=1e-3)


def test_without_repeats_and_excess_repeat_is_chinchilla():
    both = np.log([[1e7, 1e9], [1e8, 1e10], [1e9, 3e11]])
    theta = LAWS["repeat"].working(np.array([MUENNIGHOFF[name] for name in LAWS["repeat"].names]), np.ones(3))
    plain = LAWS["chinchilla"].value(theta[:5], both)
    np.testing.assert_allclose(LAWS["repeat"].value(theta, both[:, [0, 1, 1]]), plain, rtol=1e-12)


@pytest.mark.parametrize("r", [1.0, 2.0, 4.0])
def test_shared_keeps_the_loss_where_atlas_says(r):
    """r times the tasks: r^(phi/alpha) the parameters, r^(1 + psi/beta) the tokens in all (Longpre et al. 2025)."""
    law, alpha, beta, phi, psi = LAWS["shared"], 0.453, 0.147, 0.11, -0.04
    theta = law.working(np.array([1.0, 500.0, alpha, 20.0, beta, phi, psi]), np.ones(3))
    more_params, more_tokens = r ** (phi / alpha), r ** (1 + psi / beta)
    np.testing.assert_allclose([more_params, more_tokens], [r**0.243, r**0.728], rtol=1e-3)
    if r == 2:
        np.testing.assert_allclose([more_params, more_tokens], [1.18, 1.66], rtol=5e-3)
    tasks, params, tokens = 4.0, 1e9, 8e10
    before = law.value(theta, np.log([params, tokens / tasks, tasks]))
    after = law.value(theta, np.log([params * more_params, tokens * more_tokens / (r * tasks), r * tasks]))
    np.testing.assert_allclose(after, before, rtol=1e-12)


def test_transfer_from_absent_sources_is_chinchilla_and_harm_has_a_limit():
    law = law_of_case("transfer")
    theta = np.array([0.5, -1.0, 0.3, -0.5, 0.4, 1.0, 0.7, -0.6])
    z = np.array([0.3, 0.2, ABSENT, ABSENT])
    np.testing.assert_allclose(law.value(theta, z), LAWS["chinchilla"].value(theta[:5], z[:2]), rtol=1e-12)
    harmful = np.linspace(-5, 10, 20_000)
    rest = np.ones_like(harmful)
    value = law.value(theta, np.column_stack([0.3 * rest, 0 * rest, ABSENT * rest, harmful]))
    assert np.isfinite(value).all()
    assert np.abs(np.diff(np.log(value))).max() < 0.01  # no jump where the sum goes through nothing
