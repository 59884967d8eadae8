"""Draws of the surface law: the likelihood and the drifts against closed forms, independence, and hard inputs."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from budget.curves.laws.surface import INNER, KNOTS, LAW, SHAPE, drift_basis, shape_value
from budget.curves.predictive.eigen import eigen
from budget.curves.predictive.observations import Observations
from budget.curves.predictive.surfaces import likelihood
from budget.curves.predictive.surfaces import rows as tables
from budget.curves.predictive.surfaces import sampling as engine
from budget.curves.predictive.surfaces.sampling import sample_surfaces
from budget.curves.predictive.tempering import GROUPS, PARTICLES
from tests.devices import printed_here, printed_on

DRAWS = 60


def observed(*tasks: dict) -> Observations:
    """Tasks of params, tokens and values, each with a name; rows in the order given."""
    count, width = len(tasks), 32 if max(len(task["value"]) for task in tasks) <= 32 else 256
    logs, value, weight = np.zeros((count, width, 2)), np.ones((count, width)), np.zeros((count, width))
    stderr, run, row = np.zeros((count, width)), np.full((count, width), -1), np.full((count, width), -1)
    for at, task in enumerate(tasks):
        size = len(task["value"])
        logs[at, :size] = np.log(np.stack([task["params"], task["tokens"]], axis=1))
        value[at, :size], weight[at, :size] = task["value"], task.get("weight", 1.0)
        stderr[at, :size] = task.get("stderr", 0.0)
        run[at, :size] = task.get("run", np.arange(size))
        row[at, :size] = np.arange(size)
    ends = [np.array([task.get(name, np.nan) for task in tasks]) for name in ("least", "most")]
    return Observations(tuple(task["name"] for task in tasks), logs, value, weight, stderr, run, row, *ends)


def grid(name: str = "a", params: int = 5, tokens: int = 5, noise: float = 0.01, seed: int = 0) -> dict:
    """Runs on a grid of a Chinchilla law with noise."""
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, params), np.geomspace(1e9, 1e11, tokens)))
    value = 1.5 + 400 * n**-0.34 + 410 * d**-0.28
    return {"name": name, "params": n, "tokens": d, "value": value * np.exp(noise * _normals(len(n), seed))}


def _normals(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count)


def values(posterior, params, tokens, task: int = 0, largest: tuple[float, float] = (1e9, 1e11)) -> np.ndarray:
    z = np.log(np.array([params / largest[0], tokens / largest[1]]))
    return LAW.value(posterior.draws[:, task], z)


def wiener(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Covariance of an integrated Wiener process from 0."""
    least = np.minimum(a, b)
    return least**3 / 3 + least**2 * np.abs(a - b) / 2


@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize(
    "precision, arithmetic, close", [(jnp.float64, jnp, 1e-8), (likelihood.PRECISION, likelihood.ARITHMETIC, 1e-5)]
)
def test_the_likelihood_is_that_of_the_dense_covariance(checkpoints, precision, arithmetic, close, monkeypatch):
    """Exactly in all digits, and to the fifth in half of them, where noise is a thousandth of the value or more."""
    monkeypatch.setattr(likelihood, "PRECISION", precision)
    monkeypatch.setattr(likelihood, "ARITHMETIC", arithmetic)
    task = grid(params=KNOTS, tokens=KNOTS)
    task["weight"] = np.random.default_rng(1).uniform(0.5, 2, KNOTS**2)
    if checkpoints:
        task["run"] = np.repeat(np.arange(KNOTS), KNOTS)
    rows, _ = tables.rows_of(observed(task))
    rows = tables.Rows(*(field[0] for field in rows))
    points = np.random.default_rng(2).standard_normal((256, likelihood.COORDINATES))
    with jax.enable_x64(True):
        rows = tables.Rows(*map(jnp.asarray, rows))
        variance = rows.variance * jnp.exp(0.4 * rows.lag)
        state = likelihood.decompose(rows, variance, jnp.eye(rows.basis.shape[1]))
        found = np.asarray(likelihood.log_likelihood(likelihood.read(jnp.asarray(points), rows), rows, state))
        theta, log_s, log_sigma = map(np.asarray, likelihood.shape_of(jnp.asarray(points), rows))
    logs = np.log(np.stack([task["params"], task["tokens"]], axis=1))
    drift = sum(wiener(*np.meshgrid(at - at.min(), at - at.min())) for at in logs.T)
    deviation = np.sqrt(np.exp(0.4 * (logs.sum(1).max() - logs.sum(1))) / task["weight"])
    correlation = np.eye(len(logs))
    if checkpoints:
        steps = tables.MOST_CORRELATED * np.exp(-np.abs(np.diff(logs, axis=0)).sum(1) / tables.RUN_LENGTH)
        for i in range(len(logs)):
            for j in range(i):
                if task["run"][i] == task["run"][j]:
                    correlation[i, j] = correlation[j, i] = np.prod(steps[j:i])
    noise = correlation * deviation[:, None] * deviation
    for at in range(10):
        shape = shape_value(theta[at], logs - logs.max(axis=0))
        covariance = np.exp(2 * log_s[at]) * drift + np.exp(2 * log_sigma[at]) * noise
        expected = multivariate_normal.logpdf(np.log(task["value"]), np.log(shape), covariance)
        if precision is jnp.float64 or log_sigma[at] > np.log(1e-3):
            assert found[at] == pytest.approx(expected, rel=close, abs=1e-6)


@given(st.floats(0.1, 20.0), st.integers(0, 10_000))
def test_between_knots_the_spline_is_the_mean_of_the_process(span, seed):
    knots = np.linspace(0, span, KNOTS)[1:]
    root = tables.wiener_root(np.array([span]))[0]
    inner = root @ np.random.default_rng(seed).standard_normal(len(root))
    at = np.random.default_rng(seed + 1).uniform(0, span, 20)
    found = drift_basis(at - span, np.full(20, span))[:, :-1] @ inner

    def with_slope(a, b):  # covariance of the value at a and the slope at b
        return np.where(a <= b, a**2 / 2, b**2 / 2 + b * (a - b))

    a, b = np.meshgrid(knots, knots, indexing="ij")
    inside = np.block([[wiener(a, b), with_slope(a, b)], [with_slope(b, a), np.minimum(a, b)]])
    np.testing.assert_allclose(root @ root.T, inside, rtol=1e-9, atol=1e-9 * span**3)
    x, y = np.meshgrid(at, knots, indexing="ij")
    across = np.concatenate([wiener(x, y), with_slope(x, y)], axis=1)
    scale = np.sqrt(np.diag(inside))
    expected = (across / scale) @ np.linalg.solve(inside / np.outer(scale, scale), inner / scale)
    np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(inner).max())


def test_beyond_the_runs_a_drift_spreads_as_the_process_does():
    """One params scale: nothing is known of its drift, so its spread beyond is s·h^1.5/√3 in every draw's own s."""
    task = grid(params=1)
    posterior = sample_surfaces(observed(task), draws=2000, seed=0)
    kappa = posterior.draws[:, 0, LAW.position("kappa_N")]
    other = posterior.draws[:, 0, LAW.position("kappa_D")]
    assert posterior.draws[:, 0, LAW.position("span_N")] == pytest.approx(0)
    assert np.abs(np.corrcoef(kappa, other)[0, 1]) < 0.1
    assert np.isfinite(values(posterior, 1e11, 1e13)).all()


def test_eigenvectors_are_those_of_the_library():
    random = np.random.default_rng(0)
    rows = random.normal(size=(30, 20)) * np.geomspace(1, 1e-6, 20)
    rows[:, 7] = 0
    matrix = rows.T @ rows
    with jax.enable_x64(True):
        found, axes = map(np.asarray, eigen(jnp.asarray(matrix), jnp.eye(20)))
    np.testing.assert_allclose(np.sort(found), np.linalg.eigvalsh(matrix), atol=1e-13 * matrix.max())
    np.testing.assert_allclose(axes.T @ axes, np.eye(20), atol=1e-13)
    np.testing.assert_allclose(axes * found @ axes.T, matrix, atol=1e-13 * matrix.max())


def test_a_known_law_is_found_again():
    posterior = sample_surfaces(observed(grid(noise=0.003)), draws=200, seed=0)
    truth = 1.5 + 400 * 3e9**-0.34 + 410 * 3e11**-0.28
    found = values(posterior, 3e9, 3e11)
    assert np.median(found) == pytest.approx(truth, rel=0.02)
    assert np.quantile(found, 0.02) < truth < np.quantile(found, 0.98)
    assert LAW.value(posterior.parameters[0], np.log([3.0, 3.0])) == pytest.approx(np.median(found), rel=0.005)
    assert posterior.rhat[0] < 1.1
    assert posterior.effective[0] > 30
    assert np.std(posterior.noise) < 0.02


def test_a_task_has_the_same_answer_beside_any_others():
    first, second = grid("a"), grid("b", params=3, seed=5)
    both = sample_surfaces(observed(first, second), draws=DRAWS, seed=0)
    turned = sample_surfaces(observed(second, first), draws=DRAWS, seed=0)
    alone = sample_surfaces(observed(second), draws=DRAWS, seed=0)
    np.testing.assert_allclose(both.draws, turned.draws[:, ::-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(both.draws[:, 1], alone.draws[:, 0], rtol=1e-9, atol=1e-12)


def test_wild_rows_move_no_prediction_by_more_than_a_quarter_of_its_interval():
    clean = grid(params=15, tokens=16)
    wild = dict(clean, value=clean["value"].copy())
    picked = np.random.default_rng(3).choice(240, 5, replace=False)
    wild["value"][picked] *= [1.5, 0.6, 2.0, 0.3, 1.3]
    for name in ("a", "b"):
        before, after = (sample_surfaces(observed(dict(task, name=name)), draws=200, seed=0) for task in (clean, wild))
        for factor in (1.0, 3.0, 10.0):
            one, other = (values(each, 1e9 * factor, 1e11 * factor) for each in (before, after))
            width = np.subtract(*np.quantile(one * np.exp(before.noise[:, 0]), [0.9, 0.1]))
            assert np.abs(np.median(one) - np.median(other)) < 0.25 * width


ONE = {"params": np.array([1e7, 1e7]), "tokens": np.array([1e9, 2e9]), "value": np.array([3.0, 2.9])}
HARD = {
    "two runs": ONE,
    "one place": {"params": np.full(3, 1e7), "tokens": np.full(3, 1e9), "value": np.array([3.0, 2.9, 3.1])},
    "equal values": dict(grid(), value=np.full(25, 2.0)),
    "rising": dict(grid(), value=grid()["value"][::-1]),
    "tiny": dict(grid(), value=1e-12 * grid()["value"]),
    "huge": dict(grid(), value=1e12 * grid()["value"]),
    "thirty decades": dict(grid(), params=np.repeat(np.geomspace(1e-15, 1e15, 5), 5)),
    "best above all": dict(grid(), least=10.0),
    "unserved below all": dict(grid(), most=0.1),
    "noise stated": dict(grid(), stderr=0.5),
    "checkpoints": dict(grid(), run=np.repeat(np.arange(5), 5)),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_tasks_have_finite_draws(name):
    posterior = sample_surfaces(observed(dict(HARD[name], name=name)), draws=DRAWS, seed=0)
    for field in (posterior.parameters, posterior.draws, posterior.noise, posterior.error):
        assert np.isfinite(field).all()
    z = np.log(np.array([[1.0, 1.0], [30.0, 30.0], [1e-3, 1.0]]))
    found = LAW.value(posterior.draws[:, 0, None], z)
    assert (found > 0).all()
    assert np.isfinite(found[:, 0]).all()


def test_few_runs_give_wide_draws():
    few = sample_surfaces(observed(dict(ONE, name="few")), draws=200, seed=0)
    many = sample_surfaces(observed(grid("many")), draws=200, seed=0)
    far = np.log([1.0, 1.0])
    spread = [np.subtract(*np.quantile(np.log(LAW.value(x.draws[:, 0], far)), [0.9, 0.1])) for x in (few, many)]
    assert spread[0] > 1.5 * spread[1]


def test_no_floor_lies_below_the_stated_best():
    posterior = sample_surfaces(observed(dict(grid(), least=1.4)), draws=200, seed=0)
    assert (posterior.draws[:, 0, LAW.position("E")] >= 1.4).all()


def test_no_ceiling_lies_above_the_unserved_value():
    posterior = sample_surfaces(observed(dict(grid(), most=6.0)), draws=200, seed=0)
    assert (posterior.draws[:, 0, LAW.position("U")] <= 6.0).all()


def test_specialists_teach_a_shared_models_surface():
    """Four tasks need twice the params and thrice the tokens: few shared runs, and specialists that say the rest."""
    alone = grid("shared", noise=0.003)
    pick = np.arange(25) % 4 == 0
    value = 1.5 + 400 * (alone["params"] / 2) ** -0.34 + 410 * (alone["tokens"] / 3) ** -0.28
    together = {
        "name": "shared",
        "params": np.concatenate([alone["params"][pick], alone["params"]]),
        "tokens": np.concatenate([alone["tokens"][pick], alone["tokens"]]),
        "value": np.concatenate([value[pick] * np.exp(0.003 * _normals(pick.sum(), 8)), alone["value"]]),
    }
    few = {key: each[: pick.sum()] if key != "name" else each for key, each in together.items()}
    rows = np.zeros((1, 32), dtype=bool)
    rows[0, pick.sum() : len(together["value"])] = True
    seen = replace(observed(together), companion=rows, log_tasks=np.log([4.0]))
    joint = sample_surfaces(seen, draws=200, seed=0)
    lone = sample_surfaces(observed(few), draws=200, seed=0)
    truth = 1.5 + 400 * 2.5e9**-0.34 + 410 * (5e11 / 3) ** -0.28
    found, other = (np.log(values(each, 5e9, 5e11)) for each in (joint, lone))
    assert np.median(found) == pytest.approx(np.log(truth), abs=0.05)
    low, high = np.quantile(found, [0.1, 0.9])
    assert high - low < np.subtract(*np.quantile(other, [0.9, 0.1]))
    assert joint.draws.shape == lone.draws.shape


def test_the_noise_is_found_to_fall_with_size_as_it_does():
    """Of noise that does not fall with size the largest run has as much as any."""
    posterior = sample_surfaces(observed(grid(params=12, tokens=12, noise=0.02)), draws=200, seed=0)
    low, high = np.quantile(posterior.noise[:, 0], [0.1, 0.9])
    assert 0.7 < (high - low) / (2 * 1.28 * 0.02) < 1.4


def test_checkpoints_of_a_run_are_less_than_as_many_runs():
    task = grid(params=4, tokens=40, noise=0.0)
    order = np.lexsort((task["tokens"], task["params"]))
    task = {key: each[order] if key != "name" else each for key, each in task.items()}
    task["value"] = task["value"] * np.exp(0.02 * np.repeat(_normals(4, 1), 40) + 0.002 * _normals(160, 2))
    run = np.repeat(np.arange(4), 40)
    free = sample_surfaces(observed(dict(task, run=np.arange(160))), draws=200, seed=0)
    held = sample_surfaces(observed(dict(task, run=run)), draws=200, seed=0)
    spread = [np.subtract(*np.quantile(np.log(values(x, 1e9, 1e11)), [0.9, 0.1])) for x in (free, held)]
    assert spread[1] > spread[0]


@given(st.integers(0, 10_000))
def test_no_draw_rises_beyond_the_runs(seed):
    """Whatever its drifts, more params or tokens than were measured are never worse than the largest that were."""
    random = np.random.default_rng(seed)
    theta = np.tile([0.5, 3.0, -1.0, 0.3, -1.0, 0.3, 1.0, 3.0, 5.0, *np.zeros(2 * (INNER + 1))], (20, 1))
    theta[:, SHAPE + 2 :] = 0.2 * random.standard_normal((20, 2 * (INNER + 1)))
    z = random.uniform(-4, 6, size=(20, 2))
    assert (LAW.value(theta, np.maximum(z, 0.0)) <= LAW.value(theta, np.zeros((20, 2))) * (1 + 1e-12)).all()
    assert (LAW.value(theta, z) <= LAW.value(theta, np.minimum(z, 0.0)) * (1 + 1e-12)).all()


PROGRAM = """
import json
import jax, numpy as np
from budget.curves.predictive.surfaces.sampling import sample_surfaces
from budget.curves.predictive.tempering import GROUPS, PARTICLES
from tests.curves.predictive.test_surface_posterior import grid, observed
found = sample_surfaces(observed(*[grid(params=n, tokens=n) for n in (3, 4, 5)]), draws=30, seed=0)
print(json.dumps([jax.local_device_count(), found.draws.ravel().tolist(), found.noise.ravel().tolist()]))
"""


@pytest.mark.slow
def test_one_device_and_three_give_the_same_draws():
    """To a millionth: the likelihood's exponentials have half the digits, and are summed in another order."""
    answers = [printed_here(PROGRAM), printed_on(3, PROGRAM)]
    assert [answer[0] for answer in answers] == [1, 3]
    for other in answers[1:]:
        np.testing.assert_allclose(other[1], answers[0][1], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(other[2], answers[0][2], rtol=1e-4)


def test_every_particle_is_drawn_before_any_a_second_time_and_first_one_of_each_group():
    order = engine.chosen_particles(2 * GROUPS * PARTICLES)
    assert sorted(order[: len(order) // 2]) == list(range(GROUPS * PARTICLES))
    assert sorted(order[:GROUPS] // PARTICLES) == list(range(GROUPS))
    np.testing.assert_array_equal(order[:50], engine.chosen_particles(50))


def test_wider_rows_are_padding():
    narrow = observed(grid())
    wide = narrow.widened(40)
    assert wide.value.shape == (1, 40) and narrow.widened(8) is narrow
    assert wide.own.sum() == narrow.own.sum() and not wide.there[:, narrow.value.shape[1] :].any()
    np.testing.assert_array_equal(wide.log_inputs[:, : narrow.value.shape[1]], narrow.log_inputs)


def test_the_axes_of_two_blocks_are_those_of_the_whole_matrix():
    width = 2 * INNER
    random = np.random.default_rng(5)
    matrix = np.zeros((2 * width, 2 * width))
    for at in (0, width):
        rows = random.normal(size=(30, width))
        matrix[at : at + width, at : at + width] = rows.T @ rows
    with jax.enable_x64(True):
        values, axes = (
            np.asarray(each) for each in likelihood._eigen_by_block(jnp.asarray(matrix), jnp.eye(2 * width))
        )
    np.testing.assert_allclose(np.sort(values), np.linalg.eigvalsh(matrix), rtol=1e-9)
    np.testing.assert_allclose(axes @ np.diag(values) @ axes.T, matrix, atol=1e-9 * matrix.max())
