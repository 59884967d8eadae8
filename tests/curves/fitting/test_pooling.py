"""Pooling: the common distribution against brute force, and what it does to tasks with few runs."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from budget.curves.curves import Curves
from budget.curves.fitting.pooling import (
    MAX_RUNS_PER_PARAMETER,
    MIN_POOLED_DEVIATION,
    MIN_POOLED_TASKS,
    PooledPrior,
    distribution,
    no_pooling,
)
from budget.curves.fitting.solver import Prior
from budget.curves.laws.table import LAWS
from tests.searched import fit_searched

RICH, POOR = 6, 20
"""Tasks of many runs and of few in the planted file."""

MEAN, BETWEEN = 0.32, 0.04
"""Of the planted exponents."""


def paule_mandel(value: np.ndarray, variance: np.ndarray, steps: int = 100_001) -> tuple[float, float]:
    """Mean and standard deviation where the moment equation is solved by looking at a grid of between-variances."""
    between = np.linspace(0, 4 * value.var(), steps)
    weight = 1 / (variance[:, None] + between)
    mean = (weight * value[:, None]).sum(axis=0) / weight.sum(axis=0)
    moment = (weight * (value[:, None] - mean) ** 2).sum(axis=0)
    best = 0 if moment[0] <= len(value) - 1 else int(np.abs(moment - (len(value) - 1)).argmin())
    return mean[best], np.sqrt(between[best] + 1 / weight[:, best].sum())


def restricted_likelihood(value: np.ndarray, variance: np.ndarray, steps: int = 100_001) -> tuple[float, float]:
    """The same where the restricted likelihood of a normal random effect is highest on the grid."""
    between = np.linspace(0, 4 * value.var(), steps)
    total = variance[:, None] + between
    mean = (value[:, None] / total).sum(axis=0) / (1 / total).sum(axis=0)
    minus = np.log(total).sum(axis=0) + np.log((1 / total).sum(axis=0))
    minus += ((value[:, None] - mean) ** 2 / total).sum(axis=0)
    best = int(minus.argmin())
    return mean[best], np.sqrt(between[best] + 1 / (1 / total[:, best]).sum())


def measured(seed: int, tasks: int, between: float, sampling: float) -> tuple[np.ndarray, np.ndarray]:
    """Exponents measured with errors of unequal variance."""
    random = np.random.default_rng(seed)
    variance = sampling**2 * np.exp(random.normal(size=tasks))
    return random.normal(0.4, between, tasks) + np.sqrt(variance) * random.normal(size=tasks), variance


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("between", "sampling"), [(0.1, 0.02), (0.1, 0.1), (0.05, 0.2), (0.0, 0.1)])
@pytest.mark.parametrize("tasks", [4, 30])
def test_the_distribution_solves_the_moment_equation(seed, between, sampling, tasks):
    value, variance = measured(seed, tasks, between, sampling)
    np.testing.assert_allclose(distribution(value, variance), paule_mandel(value, variance), rtol=2e-4)


@pytest.mark.parametrize("seed", range(4))
def test_with_equal_errors_it_is_the_restricted_likelihood_s(seed):
    value, _ = measured(seed, 12, 0.1, 0.05)
    variance = np.full(12, 0.05**2)
    np.testing.assert_allclose(distribution(value, variance), restricted_likelihood(value, variance), rtol=2e-4)
    closed = max(value.var(ddof=1) - 0.05**2, 0.0) + max(value.var(ddof=1), 0.05**2) / 12
    np.testing.assert_allclose(distribution(value, variance), [value.mean(), np.sqrt(closed)], rtol=1e-9)


def test_tasks_that_differ_less_than_their_errors_have_one_mean_and_its_error():
    value, variance = np.array([0.30, 0.31, 0.29, 0.305]), np.array([0.1, 0.2, 0.1, 0.4]) ** 2
    mean, deviation = distribution(value, variance)
    np.testing.assert_allclose(mean, np.average(value, weights=1 / variance), rtol=1e-12)
    np.testing.assert_allclose(deviation, np.sum(1 / variance) ** -0.5, rtol=1e-12)


def test_no_number_of_equal_tasks_makes_the_distribution_a_point():
    assert distribution(np.full(50, 0.3), np.full(50, 1e-8)) == (pytest.approx(0.3), MIN_POOLED_DEVIATION)


def test_tasks_of_huge_errors_say_nothing():
    value, variance = measured(0, 10, 0.1, 0.05)
    vague = distribution(np.append(value, [40.0, -7.0]), np.append(variance, [1e12, 1e12]))
    # two more tasks are expected to bring two more units of the moment, and theirs are about 0
    assert vague[0] == pytest.approx(distribution(value, variance)[0], abs=0.01)
    assert 0.5 < vague[1] / distribution(value, variance)[1] <= 1
    mean, deviation = distribution(value, np.full(10, 1e6))
    assert mean == pytest.approx(value.mean()) and deviation == pytest.approx(np.sqrt(1e6 / 10))


NAMES, PARAMETERS = ("a", "b"), ("E", "a")


def test_draws_of_the_prior_spread_as_it_says_and_are_seeded():
    spread = np.array([[0.0, 0.05], [0.0, 0.2]])
    common = PooledPrior(np.ones(2, dtype=bool), Prior(np.full((2, 2), 0.3), np.full((2, 2), 7.0)), spread, ())
    drawn = common.draws(4000, 3, NAMES, PARAMETERS)
    assert drawn.centre.shape == drawn.precision.shape == (4000, 2, 2) and (drawn.precision == 7.0).all()
    np.testing.assert_array_equal(drawn.centre, common.draws(4000, 3, NAMES, PARAMETERS).centre)
    assert np.abs(drawn.centre - common.draws(4000, 4, NAMES, PARAMETERS).centre).max() > 0.1
    assert (drawn.centre[:, :, 0] == 0.3).all()
    np.testing.assert_allclose(drawn.centre.mean(axis=0), 0.3, atol=0.02)
    np.testing.assert_allclose(drawn.centre.std(axis=0)[:, 1], spread[:, 1], rtol=0.05)
    alone = no_pooling(LAWS["power"], common.prior).draws(3, 3, NAMES, PARAMETERS)
    assert (alone.centre == common.prior.centre).all()


def test_a_task_has_the_same_draws_of_the_prior_whatever_others_there_are():
    spread = np.array([[0.1, 0.05], [0.3, 0.2], [0.2, 0.1]])
    common = PooledPrior(np.ones(3, dtype=bool), Prior(np.zeros((3, 2)), np.ones((3, 2))), spread, ())
    part = PooledPrior(np.ones(2, dtype=bool), Prior(np.zeros((2, 2)), np.ones((2, 2))), spread[[2, 0]], ())
    whole = common.draws(50, 0, ("a", "b", "c"), PARAMETERS).centre
    np.testing.assert_array_equal(part.draws(20, 0, ("c", "a"), PARAMETERS).centre, whole[:20, [2, 0]])
    assert abs(np.corrcoef(whole.reshape(50, 6).T)[np.triu_indices(6, 1)]).max() < 0.5


@dataclass(frozen=True)
class File:
    """A file of rich and poor tasks and its three fits."""

    frame: pd.DataFrame
    truth: np.ndarray
    auto: Curves
    alone: Curves
    every: Curves


def planted(
    rich: int = RICH, poor: int = POOR, *, seed: int = 0, noise: float = 0.04
) -> tuple[pd.DataFrame, np.ndarray]:
    """Power laws whose exponents are normal over the tasks; 40 runs of each rich task and 6 of each poor one."""
    random = np.random.default_rng(seed)
    exponent = random.normal(MEAN, BETWEEN, rich + poor)
    frames = []
    for task, each in enumerate(exponent):
        x = np.geomspace(1e6, 1e9, 40 if task < rich else MAX_RUNS_PER_PARAMETER * 3)
        value = (1.0 + 2.0 * (x / 1e7) ** -each) * np.exp(noise * random.normal(size=len(x)))
        frames.append(pd.DataFrame({"task": f"{'rich' if task < rich else 'poor'}{task}", "x": x, "value": value}))
    return pd.concat(frames, ignore_index=True), exponent


@pytest.fixture(scope="module")
def file() -> File:
    frame, truth = planted()
    fits = [fit_searched(frame, "power", pool=pool, draws=60) for pool in (None, False, True)]
    return File(frame, truth, *fits)


def test_by_default_only_tasks_of_few_runs_are_pooled(file):
    few = np.array([name.startswith("poor") for name in file.auto.tasks])
    np.testing.assert_array_equal(file.auto.pooled, few)
    assert not file.alone.pooled.any() and file.every.pooled.all()


def test_the_note_names_the_pooled_tasks_and_the_way_out(file):
    (note,) = [note for note in file.auto.notes if note.startswith("Pooled")]
    assert "poor6, poor7" in note and "rich" not in note and "--no-pool" in note
    assert not any(note.startswith("Pooled") for note in file.alone.notes)
    (every,) = [note for note in file.every.notes if note.startswith("Pooled")]
    assert "rich0" in every and f"and {RICH + POOR - 8} more" in every


def test_one_run_more_than_few_is_enough_to_stand_alone(file):
    poor = file.frame["task"] == "poor6"
    more = pd.concat([file.frame, file.frame[poor].tail(1).assign(x=2e9)], ignore_index=True)
    curves = fit_searched(more, "power", draws=0)
    assert not curves.pooled[6] and curves.pooled[7:].all()


def test_tasks_of_many_runs_keep_their_fit(file):
    rich = slice(0, RICH)
    np.testing.assert_allclose(file.auto.parameters[rich], file.alone.parameters[rich], rtol=1e-9)
    np.testing.assert_allclose(file.auto.objective[rich], file.alone.objective[rich], rtol=1e-9)
    np.testing.assert_allclose(file.auto.draws[:, rich], file.alone.draws[:, rich], rtol=1e-7)


def test_without_pooling_every_task_is_fitted_as_if_it_were_alone_in_the_file(file):
    for position in (0, RICH):
        mine = file.frame["task"] == file.alone.tasks[position]
        single = fit_searched(file.frame[mine], "power", draws=0)
        assert not single.pooled.any()  # one task has no common distribution
        np.testing.assert_allclose(single.parameters[0], file.alone.parameters[position], rtol=1e-5)


def test_exponents_of_few_runs_come_nearer_to_the_mean_and_to_the_truth(file):
    poor = slice(RICH, None)
    before, after, truth = file.alone.parameters[poor, 2], file.auto.parameters[poor, 2], file.truth[poor]
    mean = _told(file.auto)[0]
    assert _rms(after - mean) < 0.5 * _rms(before - mean)
    assert _rms(after - truth) < 0.8 * _rms(before - truth)
    # each fit's own loss is lowest without a pull
    assert (file.auto.objective >= file.alone.objective * (1 - 1e-9)).all()


def test_draws_of_pooled_tasks_spread_as_prior_and_runs_together_say(file):
    poor = slice(RICH, None)
    alone, pooled = (each.draws[:, poor, 2].std(axis=0) for each in (file.alone, file.auto))
    assert np.median(pooled / alone) < 0.7
    deviation = _told(file.auto)[1]
    posterior = 1 / np.sqrt(1 / alone**2 + 1 / deviation**2)
    assert 0.8 < np.median(pooled / posterior) < 1.25


def test_draws_of_pooled_tasks_are_seeded(file):
    again, other = (fit_searched(file.frame, "power", draws=60, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(again.draws, file.auto.draws)
    assert np.abs(other.draws[:, RICH:, 2] - file.auto.draws[:, RICH:, 2]).max() > 1e-3
    np.testing.assert_array_equal(other.parameters, file.auto.parameters)


def test_a_pooled_fit_is_an_optimum_of_loss_and_pull(file):
    assert (file.auto.gradient < 1e-4).all() and (file.every.gradient < 1e-4).all()


def test_the_table_says_who_is_pooled(file):
    assert file.auto.table().set_index("task")["pooled"].to_dict() == dict(
        zip(file.auto.tasks, file.auto.pooled, strict=True)
    )


@pytest.mark.parametrize("tasks", [MIN_POOLED_TASKS - 1, MIN_POOLED_TASKS])
def test_a_common_distribution_needs_some_tasks(tasks):
    frame, _ = planted(rich=tasks - 1, poor=1)
    assert fit_searched(frame, "power", draws=0).pooled.any() == (tasks == MIN_POOLED_TASKS)


def test_only_tasks_of_one_metric_are_pooled_together(file):
    metric = np.where(file.frame["task"].isin(["poor6", "poor7"]), "bits", "nats")
    curves = fit_searched(file.frame.assign(metric=metric), "power", draws=0)
    assert curves.pooled.tolist() == [False] * (RICH + 2) + [True] * (POOR - 2)


def test_a_fixed_exponent_is_not_pulled(file):
    curves = fit_searched(file.frame, "power", fix={"a": 0.3}, draws=0)
    assert not curves.pooled.any() and (curves.parameters[:, 2] == 0.3).all()


def _rms(error: np.ndarray) -> float:
    return float(np.sqrt(np.mean(error**2)))


def _told(curves: Curves) -> tuple[float, float]:
    """Mean and standard deviation of the exponent a, as the note says."""
    (note,) = [note for note in curves.notes if note.startswith("Pooled")]
    found = re.search(r"\(a ([0-9.e-]+) ± ([0-9.e-]+)\)", note)
    assert found is not None, note
    return float(found[1]), float(found[2])
