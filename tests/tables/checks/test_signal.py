"""The trend tests: exact p-values where they can be counted by hand, their level under pure noise, their power."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from budget.tables.checks.quality import check, diagnose
from budget.tables.checks.signal import RANK_LEVEL, _jointly, _standard, proven_falls, trend
from budget.tables.runs import Runs, runs_from_frame
from tests.simulate import Truth

PLAIN = Truth(1.9, 350.0, 0.33, 2000.0, 0.37)
ONE_SCALE = ("tokens",)


def checkpoints(values: np.ndarray, tokens: np.ndarray, **columns: np.ndarray) -> Runs:
    """R runs of M checkpoints each: values (R, M), tokens (M,) or (R, M), further columns (R,)."""
    runs, rows = values.shape
    more = {name: np.repeat(column, rows) for name, column in columns.items()}
    return runs_from_frame(
        pd.DataFrame(
            {
                "task": "a",
                "run": np.repeat([f"r{number}" for number in range(runs)], rows),
                "tokens": np.broadcast_to(tokens, values.shape).ravel(),
                "value": values.ravel(),
                **more,
            }
        )
    )


def finished(values: np.ndarray, tokens: np.ndarray) -> Runs:
    return checkpoints(np.asarray(values, dtype=float)[:, None], np.asarray(tokens, dtype=float)[:, None])


@pytest.mark.parametrize(("count", "p"), [(3, 1 / 6), (4, 1 / 24), (5, 1 / 120), (6, 1 / 720)])
def test_runs_in_perfect_order_have_the_p_value_of_one_permutation(count, p):
    found = trend(finished(np.arange(count, 0, -1), np.geomspace(1e6, 1e9, count)), 0, np.arange(count, 0, -1.0))
    assert found.falls == pytest.approx(p, rel=1e-12)
    assert found.rises == 1.0
    assert found.best == pytest.approx(p if p > 0.01 else 1.0)


@pytest.mark.parametrize(("runs", "p"), [(5, 1 / 32), (8, 1 / 256)])
def test_seeds_that_all_fall_have_the_p_value_of_one_choice_of_signs(runs, p):
    """One scale for all means: nothing to see between the runs."""
    values = np.geomspace(4, 2, 10) * np.linspace(1, 1.01, runs)[:, None]
    found = trend(checkpoints(values, np.geomspace(1e8, 1e10, 10)), 0, values.ravel())
    assert found.falls == pytest.approx(p, rel=1e-12) and found.rises == 1.0


def test_between_runs_it_is_spearman_s_permutation_test():
    random = np.random.default_rng(3)
    values, tokens = random.uniform(2, 4, 6), random.permutation(np.geomspace(1e6, 1e9, 6))
    rho = stats.spearmanr(tokens, values).statistic
    all_rho = [stats.spearmanr(tokens, order).statistic for order in permutations(values)]
    found = trend(finished(values, tokens), 0, values)
    assert found.falls == pytest.approx(np.mean(np.array(all_rho) <= rho + 1e-9), rel=1e-12)
    assert found.rises == pytest.approx(np.mean(np.array(all_rho) >= rho - 1e-9), rel=1e-12)


def test_with_many_runs_it_is_spearman_s_test():
    random = np.random.default_rng(3)
    tokens = random.permutation(np.geomspace(1e6, 1e9, 40))
    values = 3 - 0.05 * np.log10(tokens) + 0.1 * random.normal(size=40)
    found = trend(finished(values, tokens), 0, values)
    assert found.falls == pytest.approx(stats.spearmanr(tokens, values, alternative="less").pvalue, rel=1e-6)


@pytest.mark.parametrize("noise", ["independent", "drift", "slope"])
@pytest.mark.parametrize(("runs", "rows"), [(8, 10), (20, 6)])
def test_checkpoints_of_pure_noise_pass_at_the_level(runs, rows, noise):
    """Drifting together inside a run, up or down, is no trend: 100 tasks, at 1 % (P(more than 5) < 0.1 %)."""
    random = np.random.default_rng(11)
    codes = []
    for _ in range(100):
        inside = random.normal(size=(runs, rows))
        if noise == "drift":
            inside = inside.cumsum(axis=1)
        if noise == "slope":
            inside = inside[:, :1] * np.arange(rows)
        values = np.exp(0.05 * (random.normal(size=(runs, 1)) + inside))
        tokens = np.geomspace(1e9, 3e10, rows) * 10 ** random.uniform(-0.3, 0.3, (runs, 1))
        codes.append(diagnose(checkpoints(values, tokens), 0, ONE_SCALE, 3, np.nan)[0])
    used = codes.count("ok") + codes.count("unproven_trend")
    assert used <= 5 and codes.count("wrong_direction") <= 5
    assert set(codes) <= {"ok", "unproven_trend", "wrong_direction", "no_signal"}


@given(st.integers(5, 14), st.integers(3, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_checkpoints_of_a_law_are_never_called_without_signal(runs, rows, seed, one_size):
    """Seeds of one model, or sizes that trained on fewer tokens the larger they are."""
    random = np.random.default_rng(seed)
    params = np.full(runs, 1e8) if one_size else np.geomspace(1e7, 1e10, runs)
    longest = 1e10 * (params[:, None] / 1e8) ** -0.5
    tokens = longest * np.geomspace(0.03, 1, rows)
    values = PLAIN.value(params[:, None], tokens) * np.exp(0.002 * random.normal(size=tokens.shape))
    code, sentence = diagnose(checkpoints(values, tokens, params=params), 0, ONE_SCALE, 3, np.nan)
    assert code in ("ok", "unproven_trend"), sentence
    assert runs < 8 or code == "ok"


def test_a_grid_of_two_scales_is_told_where_either_alone_ranks_it_poorly():
    """Eight runs on a grid of two sizes and four lengths, each of which brings as much as the other."""
    size, length = (axis.ravel() for axis in np.meshgrid([0.0, 1.0], [0.0, 1.0, 2.0, 3.0]))
    told = []
    for seed in range(20):
        noise = 0.03 * np.random.default_rng(seed).normal(size=8)
        value = 0.5 * np.exp(-0.5 * size) + 0.5 * np.exp(-0.3 * length) + noise
        frame = {"task": "a", "params": np.exp(size), "tokens": np.exp(length), "flops": np.exp(size + length)}
        runs = runs_from_frame(pd.DataFrame(frame | {"value": value}))
        told.append(trend(runs, 0, runs.value).falls)
    assert np.mean(np.array(told) <= 0.01) >= 0.95
    alone = np.array([stats.spearmanr(value, each).statistic for each in (size, length)])
    assert (alone > -0.87).all()


def test_the_mix_of_two_scales_is_the_best_of_all_mixes_by_a_fine_search():
    random = np.random.default_rng(2)
    scale = np.array([_standard(random.normal(size=9)) for _ in range(2)])
    value = _standard(random.normal(size=9))
    between = np.sqrt(8) * (value[random.permuted(np.tile(np.arange(9), (50, 1)), axis=1)] @ scale.T)
    alike = float(scale[0] @ scale[1])
    angles = np.linspace(0, np.pi / 2, 4001)
    mix = np.array([np.cos(angles), np.sin(angles)])
    length = np.sqrt((mix**2).sum(axis=0) + 2 * alike * mix[0] * mix[1])
    best = np.minimum((between @ mix / length).min(axis=1), 0.0)
    found = np.minimum(_jointly(scale, between), between.min(axis=1))
    np.testing.assert_allclose(found, best, atol=1e-5)


def test_four_clean_runs_are_too_few_to_prove_a_trend_and_are_used_with_a_word():
    runs = finished(np.array([3.9, 3.3, 2.9, 2.7]), np.geomspace(1e7, 1e10, 4))
    code, sentence = diagnose(runs, 0, ONE_SCALE, 3, np.nan)
    assert code == "unproven_trend"
    assert sentence == "the value falls, but 4 runs are too few to prove a trend (rank test p = 0.042)"
    (curve,) = [each for each in check(runs, ONE_SCALE, 3, np.full(1, np.nan)) if each.check == "curve"]
    assert curve.verdict == "REVIEW" and "measure more runs" in curve.advice


def test_four_runs_out_of_order_are_too_few_to_tell_not_without_trend():
    runs = finished(np.array([3.9, 2.9, 3.3, 2.7]), np.geomspace(1e7, 1e10, 4))
    code, sentence = diagnose(runs, 0, ONE_SCALE, 3, np.nan)
    assert code == "too_few_runs"
    assert sentence == "4 runs are too few to tell a trend from noise (rank test p = 0.17, 0.042 at best)"


def test_a_run_in_two_halves_does_not_stand_for_all():
    """One of six runs has two rows, and falls: that says nothing of the others."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"task": "a", "run": list("aabcdefghij"), "tokens": [1e9, *np.geomspace(2e9, 1e11, 10)]})
    runs = runs_from_frame(frame.assign(value=[3.2, 3.1, *random.permutation(np.linspace(2.5, 3.5, 9))]))
    assert diagnose(runs, 0, ONE_SCALE, 3, np.nan)[0] == "no_signal"


@pytest.mark.parametrize("rows", [1, 3])
def test_the_order_of_rows_does_not_matter(rows):
    """Random permutations and signs are those of the sorted runs, so that the p-value is the same to the last digit."""
    random = np.random.default_rng(3)
    run = np.repeat(np.arange(9), rows)
    tokens = np.repeat(10 ** random.uniform(9, 11, 9), rows) * np.tile(np.arange(1, rows + 1), 9)
    value = 2 + 30 / tokens**0.2 + 0.4 * random.normal(size=len(run))
    frame = pd.DataFrame({"task": "t", "run": run, "params": 1e8, "tokens": tokens, "value": value})
    expected = trend(runs_from_frame(frame), 0, value)
    assert 0.01 < expected.falls < 0.99
    for seed in range(4):
        turned = frame.sample(frac=1, random_state=seed)
        assert trend(runs_from_frame(turned), 0, turned["value"].to_numpy()) == expected


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_tasks_that_plainly_fall_have_the_trend_that_each_has_by_itself(seed):
    """Files of tasks with other numbers of rows, ties, several scales and runs of several rows."""
    random = np.random.default_rng(seed)
    parts = []
    for task in range(6):
        rows = int(random.choice([5, 13, 13, 20]))
        params, tokens = (10.0 ** random.uniform(6, 9, rows).round(random.integers(0, 3)) for _ in range(2))
        value = 1 + (params / 1e6) ** (-0.3 * random.integers(0, 2)) + random.normal(scale=0.1, size=rows).round(2)
        run = np.arange(rows) // random.choice([1, 1, 1, 2])
        parts.append(
            pd.DataFrame(
                {
                    "task": f"t{task}", "run": [f"{task}-{each}" for each in run], "params": params[run],
                    "tokens": tokens, "value": np.maximum(value, 0.01),
                }
            )
        )  # fmt: skip
    runs = runs_from_frame(pd.concat(parts).sample(frac=1, random_state=seed % 1000))
    values = [runs.value[runs.rows_of(task)] for task in range(6)]
    found = proven_falls(runs, range(6), values)
    for task, value in enumerate(values):
        alone = trend(runs, task, value)
        mine = runs.run[runs.rows_of(task)]
        plain = len(mine) > 12 and len(np.unique(mine)) == len(mine) and alone.falls <= RANK_LEVEL
        assert (task in found) == plain
        if plain:
            assert (found[task].falls, found[task].rises) == pytest.approx((alone.falls, alone.rises), rel=1e-9)
            assert (found[task].best, found[task].all_fall, found[task].runs) == (alone.best, False, alone.runs)
            assert found[task].unproven == alone.unproven
