"""The parts of tempering against NumPy, and a whole run against a posterior in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from budget.curves.predictive import tempering


@pytest.mark.parametrize("size", [1, 2, 11])
@pytest.mark.parametrize("condition", [1.0, 1e6])
def test_root_and_inverse_are_those_of_the_matrix(size, condition):
    rng = np.random.default_rng(size)
    axes = np.linalg.qr(rng.standard_normal((size, size)))[0]
    matrix = axes * np.geomspace(1, condition, size) @ axes.T
    with jax.enable_x64(True):
        root, inverse = map(np.asarray, tempering._root_and_inverse(jnp.asarray(matrix)))
    np.testing.assert_allclose(root, np.linalg.cholesky(matrix), rtol=1e-5, atol=1e-12 * condition**0.5)
    np.testing.assert_allclose(root @ root.T, matrix, atol=1e-12 * condition)
    np.testing.assert_allclose(inverse @ np.linalg.cholesky(matrix), np.eye(size), atol=1e-5)


def test_resampling_copies_each_particle_by_its_weight():
    """Systematic resampling takes a particle ⌊M·w⌋ or ⌈M·w⌉ times, within its own group."""
    weight = np.random.default_rng(0).exponential(size=tempering.GROUPS * tempering.MEMBERS)
    with jax.enable_x64(True):
        chosen = np.asarray(tempering._resampled(jnp.asarray(weight), jnp.full((tempering.GROUPS, 1), 0.3)))
    group = np.arange(len(weight)) // tempering.MEMBERS
    np.testing.assert_array_equal(chosen // tempering.MEMBERS, group)
    share = weight / np.bincount(group, weight)[group] * tempering.MEMBERS
    count = np.bincount(chosen, minlength=len(weight))
    assert np.all((count >= np.floor(share)) & (count <= np.ceil(share)))


def test_a_state_is_begun_before_the_first_step_and_held_at_the_last():
    """Two calls come before the first step, so that one can begin what the other reads; none once the target is met.

    The target is a normal likelihood about 1, times the prior: its mean and evidence are known.
    """
    variance = 0.25

    def log_likelihood(read, state):
        # wrong where the state has not been called twice
        return jnp.where(state >= 2, -0.5 * (read - 1) ** 2 / variance, 0.0)

    def sample(key):
        return tempering.temper(
            key, 1, lambda points: points[:, 0], log_likelihood, lambda _, state: state + 1, jnp.zeros(())
        )

    with jax.enable_x64(True):
        found = jax.jit(jax.vmap(sample))(jnp.arange(40, dtype=jnp.uint64))
    steps = np.asarray(found.stages) - tempering.LAST_STAGES
    np.testing.assert_array_equal(np.asarray(found.state), steps + 1)
    evidence = -0.5 * np.log(1 + 1 / variance) - 0.5 / (1 + variance)
    assert np.mean(np.asarray(found.evidence)) == pytest.approx(evidence, abs=0.02)
    assert np.mean(np.asarray(found.points)) == pytest.approx(1 / (1 + variance), abs=0.01)
    assert np.std(np.asarray(found.points)) == pytest.approx((variance / (1 + variance)) ** 0.5, rel=0.02)
