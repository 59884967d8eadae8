"""The bounded robust solver on its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import lsq_linear

from budget.curves.fitting.loss import HUBER_DELTA, penalty, penalty_weight
from budget.curves.fitting.solver import INITIAL_DAMPING, minimize, solve_small


@pytest.mark.parametrize("quantile", [0.5, 0.25, 0.9])
def test_the_penalty_is_continuous_and_its_weight_is_its_slope(quantile):
    residual = np.array(
        [-3 * HUBER_DELTA, -HUBER_DELTA, -0.4 * HUBER_DELTA, 0.2 * HUBER_DELTA, HUBER_DELTA, 5 * HUBER_DELTA]
    )
    with jax.enable_x64(True):
        slope = jax.vmap(jax.grad(lambda r: penalty(r, HUBER_DELTA, quantile)))(jnp.asarray(residual))
        weight = penalty_weight(jnp.asarray(residual), HUBER_DELTA, quantile)
        np.testing.assert_allclose(weight * residual, slope, rtol=1e-12)
        step = 1e-9
        ahead, behind = (penalty(jnp.asarray(residual + way), HUBER_DELTA, quantile) for way in (step, -step))
        finite = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(finite, slope, rtol=1e-5)


def test_bounded_least_squares_agrees_with_scipy():
    random = np.random.default_rng(5)
    for _ in range(10):
        matrix, target = random.normal(size=(20, 4)), random.normal(size=20)
        lower, upper = np.array([-0.1, 0.0, -5.0, -0.2]), np.array([0.1, 0.3, 5.0, 0.2])
        expected = lsq_linear(matrix, target, (lower, upper), tol=1e-14)
        with jax.enable_x64(True):
            found = minimize(
                lambda theta, matrix=matrix, target=target: jnp.asarray(matrix) @ theta - target,
                lambda r: 0.5 * r**2,
                jnp.ones_like,
                jnp.ones(20),
                jnp.zeros(4),
                jnp.asarray(lower),
                jnp.asarray(upper),
                damping=jnp.full(2, INITIAL_DAMPING),
                most_steps=jnp.asarray(100),
            )
        np.testing.assert_allclose(found.loss, expected.cost, rtol=1e-8)
        assert float(found.slack) < 1e-6


def test_small_systems_are_solved_as_numpy_does():
    random = np.random.default_rng(2)
    with jax.enable_x64(True):
        for size in (1, 3, 5):
            root = random.normal(size=(size, size))
            matrix, target = root @ root.T + 1e-3 * np.eye(size), random.normal(size=size)
            found = solve_small(jnp.asarray(matrix), jnp.asarray(target))
            np.testing.assert_allclose(found, np.linalg.solve(matrix, target), rtol=1e-8)
        assert not np.isfinite(solve_small(jnp.zeros((2, 2)), jnp.ones(2))).any()
