"""Hidden runs and how well laws predict them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from budget.errors import DataError
from budget.report.sentences.backtest_sentences import backtest_summary
from budget.studies.backtest import NO_LAW, Backtest, backtest
from budget.tables.runs import runs_from_frame
from tests.searched import fit_searched
from tests.simulate import TRUTHS, Truth, table


def frame_of_one_scale(value, sizes=20):
    x = np.geomspace(1e3, 1e9, sizes)
    return pd.DataFrame({"task": "only", "x": x, "value": value(x)})


def test_exact_runs_are_predicted_exactly_and_nothing_improving_is_not():
    found = backtest(runs_from_frame(table(TRUTHS)), ["chinchilla", "power"], draws=0)
    assert found.tasks == tuple(TRUTHS) and found.laws == (NO_LAW, "chinchilla", "power") and found.size == "flops"
    assert (found.error[1] < 1e-6).all() and (found.error[0] > 0.01).all() and (found.best == 1).all()
    assert found.table()["hidden"].tolist() == [6] * 9 and found.table()["fitted"].tolist() == [19] * 9
    assert np.isnan(found.inside).all() and found.table()["widen"].isna().all()  # a point fit promises nothing
    assert "chinchilla 0" in backtest_summary(found)[0]


def test_predictions_are_those_of_a_fit_without_the_hidden_rows():
    frame = table(TRUTHS, noise=0.01)
    found = backtest(runs_from_frame(frame), ["chinchilla"], hide=0.3, draws=25, seed=3)
    hidden = frame.index[frame.groupby("task")["flops"].rank(ascending=False, method="max") <= 8]
    assert sorted(found.row) == sorted(hidden + 2)
    curves = fit_searched(runs_from_frame(frame.drop(hidden)), draws=25, seed=3)
    rows = frame.loc[found.row - 2]
    place = np.array([curves.tasks.index(name) for name in rows["task"]])
    natural = curves.form.natural(curves.parameters, curves.reference)[place].T
    expected = Truth(*natural).value(rows["params"].to_numpy(), rows["tokens"].to_numpy())
    np.testing.assert_allclose(found.predicted[1], expected, rtol=1e-6)
    shown = found.table().set_index(["task", "law"])
    for task in TRUTHS:
        mine = (rows["task"] == task).to_numpy()
        off = expected[mine] / rows["value"].to_numpy()[mine] - 1
        inside = (found.low[1] <= found.measured)[mine] & (found.measured <= found.high[1])[mine]
        cell = shown.loc[(task, "chinchilla")]
        np.testing.assert_allclose(
            cell[["error", "bias", "worst", "coverage"]].astype(float),
            [np.median(abs(off)), np.median(off), abs(off).max(), inside.mean()], rtol=1e-4, atol=1e-7,
        )  # fmt: skip
        kept = frame.drop(hidden).query("task == @task")
        assert cell["reach"] == pytest.approx(rows["flops"][mine].max() / kept["flops"].max())


@pytest.mark.slow
def test_intervals_hold_what_they_promise_where_the_law_is_right():
    random = np.random.default_rng(0)
    truths = {
        f"t{i}": Truth(*random.uniform(*np.array([(1, 100, 0.25, 200, 0.25), (2, 500, 0.4, 900, 0.4)])))
        for i in range(40)
    }
    found = backtest(runs_from_frame(table(truths, noise=0.01, seed=1)), ["chinchilla"], draws=100)
    assert len(found.measured) == 240
    assert 0.72 < found.summary()["coverage"][1] < 0.88  # standard error .03, more with a task's rows correlated
    assert 0.8 < found.summary()["widen"][1] < 1.25


def test_a_law_that_is_wrong_beyond_the_data_is_told():
    """A curve that ends at a plateau of which the runs that are kept show nothing."""
    runs = runs_from_frame(frame_of_one_scale(lambda x: np.maximum(8 * x**-0.1, 2.9)))
    found = backtest(runs, ["power"], hide=0.6, draws=400)
    assert found.best.tolist() == [0] and found.error[1, 0] > 2 * found.error[0, 0]
    assert found.table()["bias"][1] == -found.table()["error"][1] and found.summary()["coverage"][1] < 0.2
    said = backtest_summary(found)
    assert said[1] == "No law predicts only better than that: do not trust their curves far out."
    assert "would have to be" in said[2]


def test_scores_are_judged_in_their_own_unit():
    frame = frame_of_one_scale(lambda x: 1 - 0.9 * (x / 1e3) ** -0.15).assign(higher_is_better=True)
    found = backtest(runs_from_frame(frame), ["power"], best=np.array([1.0]), draws=0)
    assert found.error[1, 0] < 1e-6
    assert found.predicted[0, 0] == pytest.approx(frame["value"][14])  # the best score that is not hidden


def test_rows_of_one_size_stay_together():
    sizes = [1, 2, 4, 8, 16, 32, 64, 64, 64, 64]
    frame = pd.DataFrame({"task": "a", "x": sizes, "value": 1 + np.array(sizes) ** -0.5})
    found = backtest(runs_from_frame(frame), ["power"], hide=0.2, draws=0)
    assert len(found.measured) == 4 and found.kept.tolist() == [6] and found.reach.tolist() == [2.0]
    below = backtest(runs_from_frame(frame), ["power"], below=16, draws=0)
    assert sorted(below.row) == [7, 8, 9, 10, 11] and below.reach.tolist() == [4.0]


def test_tasks_on_one_side_are_named():
    frame = pd.concat([table(TRUTHS), pd.DataFrame([{"task": "new", "run": "n", "params": 1e8, "tokens": 1e9,
                                                     "flops": 6e17, "metric": "nats", "value": 3.0}])])  # fmt: skip
    found = backtest(runs_from_frame(frame), ["chinchilla"], draws=0)
    assert found.tasks == tuple(TRUTHS) and "Not judged" in found.notes[0] and "new" in found.notes[0]


def test_a_task_without_a_curve_is_named_and_has_empty_cells():
    frame = pd.concat([table(TRUTHS), table({"short": TRUTHS["code"]}).iloc[[0, 6, 12, 24]]])
    found = backtest(runs_from_frame(frame), ["chinchilla"], draws=0)
    row = found.table().set_index(["task", "law"]).loc[("short", "chinchilla")]
    assert np.isnan(row["error"]) and row["status"] == "too_few_runs" and not row["best"]
    assert "no curve of short" in found.notes[-1]


def test_what_intervals_lack_is_the_conformal_quantile():
    deviation = np.arange(1.0, 10.0)
    made = Backtest(
        tasks=("a",), size="x", laws=(NO_LAW, "power"), kept=np.array([9]), reach=np.array([2.0]),
        task=np.zeros(9, dtype=int), row=np.arange(9), measured=10 + deviation,
        predicted=np.full((2, 9), 10.0), low=np.array([[np.nan] * 9, [9.5] * 9]),
        high=np.array([[np.nan] * 9, [12.0] * 9]), status=(("",), ("ok",)), notes=(),
    )  # fmt: skip
    assert made.widening(1) == 4.0  # the 8th of nine deviations over the upper half of width 2
    assert np.isnan(made.widening(0)) and np.isnan(made.widening(1, slice(0, 3)))
    lower = replace(made, measured=10 - deviation)
    assert lower.widening(1) == 16.0 and lower.summary()["coverage"][1] == 0.0


@pytest.mark.parametrize("hide", [0, 1, -0.2, 1.5])
def test_the_share_lies_between_0_and_1(hide):
    with pytest.raises(DataError, match="between 0 and 1"):
        backtest(runs_from_frame(table(TRUTHS)), hide=hide)


def test_nothing_to_hide():
    with pytest.raises(DataError, match="no task has rows on both sides at --holdout-above 1"):
        backtest(runs_from_frame(table(TRUTHS)), below=1.0)
    one_size = pd.DataFrame({"task": "a", "x": 1.0, "value": [1.0, 1.1]})
    with pytest.raises(DataError, match="among runs of one size"):
        backtest(runs_from_frame(one_size))


@pytest.mark.slow
def test_by_default_every_law_of_one_task_is_judged():
    found = backtest(runs_from_frame(frame_of_one_scale(lambda x: 1 + 8 * x**-0.2)), draws=0)
    assert found.laws == (NO_LAW, "power", "m4", "bnsl", "trend") and found.best.tolist() != [0]
