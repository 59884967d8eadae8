"""The matrix of negative transfer: signs, noise, Holm's correction, and what is missing."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.numerics.multiple_tests import holm
from budget.studies.groups.measured_transfer import measured_transfer
from budget.tables.candidates import candidates_from_frame
from budget.tables.cotrained import cotrained_from_candidates, cotrained_from_frame


def rows_of(alone, gain, *, noise=0.0, seeds=1, seed=0, higher=False):
    """Rows of tasks t0, t1, … with known gains (T, T), NaN where a pair is not measured."""
    random = np.random.default_rng(seed)
    sign = 1 if higher else -1
    rows = []
    for i, value in enumerate(alone):
        for j in range(len(alone)):
            if i != j and np.isnan(gain[i, j]):
                continue
            for repeat in range(seeds):
                true = value if i == j else value + sign * gain[i, j]
                rows.append((f"t{i}", "" if i == j else f"t{j}", true + noise * random.standard_normal(), repeat))
    return pd.DataFrame(rows, columns=["task", "partner", "value", "seed"])


def matrix_of(*arguments, higher=False, **options):
    rows = rows_of(*arguments, higher=higher, **options)
    return measured_transfer(cotrained_from_frame(rows, higher_is_better=higher))


def random_gain(seed, tasks=4, size=1.0):
    gain = size * np.random.default_rng(seed).standard_normal((tasks, tasks))
    np.fill_diagonal(gain, np.nan)
    return gain


@pytest.mark.parametrize("higher", [False, True])
def test_gains_are_signed_so_that_harm_is_negative(higher):
    gain = random_gain(1)
    matrix = matrix_of(np.array([5.0, 6, 7, 8]), gain, higher=higher)
    np.testing.assert_allclose(matrix.gain, gain)
    np.testing.assert_allclose(matrix.relative, gain / np.array([5.0, 6, 7, 8])[:, None])
    share = matrix.negative_transfer
    assert (share.negative, share.pairs) == ((gain < 0).sum(), 12) and np.isnan([share.low, share.high]).all()
    assert matrix.noise == "unknown" and not matrix.distinguishable.any()
    assert "no entry of the matrix can be called distinguishable from 0" in matrix.notes[0]
    assert set(matrix.table()["distinguishable"]) == {"noise unknown"}
    json.dumps(matrix.record(), allow_nan=False)


def test_known_transfer_is_recovered_with_its_sign():
    gain = np.where(random_gain(2) > 0, 1.0, -1.0)
    np.fill_diagonal(gain, np.nan)
    matrix = matrix_of(np.full(4, 10.0), gain, noise=0.1, seeds=4)
    off = np.isfinite(gain)
    assert matrix.noise == "seeds" and matrix.distinguishable[off].all()
    np.testing.assert_array_equal(np.sign(matrix.gain[off]), gain[off])
    share = matrix.negative_transfer
    assert share.low == share.high == share.share == (gain[off] < 0).mean()
    low, high = matrix.interval
    assert (low[off] < matrix.gain[off]).all() and (matrix.gain[off] < high[off]).all()


@pytest.mark.parametrize(("wild", "level"), [(1.0, 0.05), (3.0, 0.09)])
def test_without_transfer_a_claim_is_as_rare_as_the_level(wild, level):
    """Of 400 tables without any transfer at most some 5 % hold a distinguishable entry.

    Three seeds of models alone that are three times as noisy leave Welch's approximation at some 9 %.
    """
    false = []
    for seed in range(400):
        rows = rows_of(np.zeros(4), 0 * random_gain(0), noise=1.0, seeds=3, seed=seed)
        rows["value"] *= np.where(rows["partner"] == "", wild, 1.0)
        false.append(measured_transfer(cotrained_from_frame(rows)).distinguishable.any())
    assert np.mean(false) <= level + 2 * np.sqrt(level * (1 - level) / 400)


def test_the_share_s_interval_holds_the_truth():
    held = []
    for seed in range(200):
        gain = random_gain(seed, size=0.5)
        share = matrix_of(np.zeros(4), gain, noise=0.3, seeds=3, seed=seed).negative_transfer
        held.append(share.low <= (gain < 0).sum() / 12 <= share.high)
    assert np.mean(held) >= 0.95


def test_an_entry_is_the_t_test_of_its_two_means():
    """With two models that is Welch's two-sample test; where only one was repeated, its noise is taken for both."""
    from scipy.stats import ttest_ind

    rows = rows_of(np.array([1.0, 1.0]), np.array([[np.nan, 0.4], [np.nan, np.nan]]), noise=0.3, seeds=5)
    matrix = measured_transfer(cotrained_from_frame(rows))
    cells = [rows["value"][(rows["task"] == "t0") & (rows["partner"] == partner)] for partner in ("", "t1")]
    expected = ttest_ind(*cells, equal_var=False)
    assert matrix.p_value[0, 1] == pytest.approx(expected.pvalue)
    low, high = matrix.interval
    interval = expected.confidence_interval(0.95)
    assert (low[0, 1], high[0, 1]) == pytest.approx((interval.low, interval.high))
    once = measured_transfer(cotrained_from_frame(rows[(rows["partner"] != "") | (rows["seed"] == 0)]))
    spread = np.std(cells[1], ddof=1) * np.sqrt(1 + 1 / 5)
    assert (once.stderr[0, 1], once.degrees[0, 1]) == pytest.approx((spread, 4))


def test_a_stated_standard_error_is_used_as_normal():
    rows = pd.DataFrame(
        [("a", "", 1.0, 0.3), ("a", "b", 2.0, 0.4), ("b", "", 1.0, 0.3), ("b", "a", 1.5, 0.4)],
        columns=["task", "partner", "value", "stderr"],
    )
    matrix = measured_transfer(cotrained_from_frame(rows))
    np.testing.assert_allclose(matrix.stderr[0, 1], 0.5)
    assert matrix.p_value[0, 1] == pytest.approx(2 * 0.04550026389635842)
    assert matrix.interval[1][0, 1] == pytest.approx(-1 + 0.5 * 1.959963984540054)


def test_joint_draws_give_the_noise_of_the_difference():
    """Draws that move all values together leave the difference certain."""
    random = np.random.default_rng(0)
    common, own = random.standard_normal(50), 0.01 * random.standard_normal((3, 50))
    rows = [
        (model, 1, task, value + common[d] + own[k, d], d)
        for k, (model, task, value) in enumerate((("s", "a", 1.0), ("p", "a", 1.1), ("p", "b", 2.0)))
        for d in range(50)
    ]
    frame = pd.DataFrame(rows, columns=["model", "cost", "task", "value", "draw"])
    matrix = measured_transfer(cotrained_from_candidates(candidates_from_frame(frame)))
    np.testing.assert_allclose(matrix.stderr[0, 1], np.std(own[1] - own[0], ddof=1))
    assert matrix.noise == "draws" and matrix.distinguishable[0, 1] and matrix.gain[0, 1] < 0


def test_what_nobody_measured_is_named_and_stays_empty():
    gain = random_gain(3)
    gain[0, 1] = gain[2, 3] = np.nan
    rows = rows_of(np.arange(4.0), gain)
    rows = rows[~((rows["task"] == "t3") & (rows["partner"] == ""))]
    matrix = measured_transfer(cotrained_from_frame(rows))
    assert np.isnan(matrix.gain[0, 1]) and np.isnan(matrix.gain[2, 3]) and np.isnan(matrix.gain[3]).all()
    assert matrix.missing == (
        "Not measured alone: t3; nothing is said of what they gain.",
        "Not measured: t0 with t1, t2 with t3; these entries stay empty.",
    )
    assert matrix.negative_transfer.pairs == len(matrix.table()) == 7


def test_a_pair_is_compared_at_equal_cost():
    columns = ["task", "partner", "value", "cost"]
    both = [("a", "", 5.0, 0.5), ("a", "", 3.0, 1.0), ("a", "b", 2.0, 1.0)]
    assert measured_transfer(cotrained_from_frame(pd.DataFrame(both, columns=columns))).gain.size == 1
    both.append(("b", "", 1.0, 0.5))
    matrix = measured_transfer(cotrained_from_frame(pd.DataFrame([*both, ("b", "a", 1.0, 1.0)], columns=columns)))
    assert matrix.gain[0, 1] == 1.0 and np.isnan(matrix.gain[1, 0])
    assert matrix.missing == ("No model of the task alone costs what the pair costs: b with a; left out.",)


def test_ties_are_neither_harm_nor_help():
    matrix = matrix_of(np.array([1.0, 2.0]), np.array([[np.nan, 0.0], [-0.5, np.nan]]))
    share = matrix.negative_transfer
    assert (share.negative, share.zero, share.pairs, share.share) == (1, 1, 2, 0.5)


def test_one_task_has_no_pairs():
    matrix = matrix_of(np.array([1.0]), np.full((1, 1), np.nan))
    assert matrix.negative_transfer.pairs == 0 and np.isnan(matrix.negative_transfer.share) and matrix.table().empty
    json.dumps(matrix.record(), allow_nan=False)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=1, max_size=8))
def test_holm_is_the_step_down_test(values):
    p = np.array(values)
    adjusted = holm(p)
    assert (np.isnan(adjusted) == np.isnan(p)).all()
    for level in (0.01, 0.05, 0.3):
        there = np.sort(p[np.isfinite(p)])
        rejected = 0
        while rejected < len(there) and there[rejected] * (len(there) - rejected) <= level:
            rejected += 1
        assert (adjusted <= level).sum() == rejected


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e6))
def test_units_and_the_order_of_rows_change_nothing(seed, unit):
    rows = rows_of(np.array([3.0, 4, 5]), random_gain(seed, 3), noise=0.5, seeds=3, seed=seed)
    first = measured_transfer(cotrained_from_frame(rows))
    other = rows.assign(value=rows["value"] * unit).sample(frac=1, random_state=seed)
    second = measured_transfer(cotrained_from_frame(other))
    order = [second.tasks.index(name) for name in first.tasks]
    np.testing.assert_allclose(second.gain[np.ix_(order, order)], unit * first.gain, rtol=1e-9, atol=1e-12 * unit)
    np.testing.assert_allclose(second.p_value[np.ix_(order, order)], first.p_value, rtol=1e-6, atol=1e-9)
