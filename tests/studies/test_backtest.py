"""Hidden runs and how well laws predict them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from budget.curves.fitting.fit import fit_curves
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
    found = backtest(runs_from_frame(table(TRUTHS)), ["chinchilla", "power"], origins=1, draws=0)
    assert found.tasks == tuple(TRUTHS) and found.laws == (NO_LAW, "chinchilla", "power") and found.size == "flops"
    assert (found.error[1] < 1e-6).all() and (found.error[0] > 0.01).all() and (found.best == 1).all()
    assert found.table()["hidden"].tolist() == [6] * 9 and found.table()["fitted"].tolist() == [19] * 9
    assert np.isnan(found.inside).all() and found.table()["widen"].isna().all()  # a point fit promises nothing
    assert "chinchilla 0" in backtest_summary(found)[0]


def test_predictions_are_those_of_a_fit_without_the_hidden_rows():
    frame = table(TRUTHS, noise=0.01)
    found = backtest(runs_from_frame(frame), ["chinchilla"], hide=0.3, origins=1, draws=25, seed=3)
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
    found = backtest(runs_from_frame(table(truths, noise=0.01, seed=1)), ["chinchilla"], origins=1, draws=100)
    assert len(found.measured) == 240
    assert 0.72 < found.summary()["coverage"][1] < 0.88  # standard error .03, more with a task's rows correlated
    assert 0.8 < found.summary()["widen"][1] < 1.25


def test_a_law_that_is_wrong_beyond_the_data_is_told():
    """A curve that ends at a plateau of which the runs that are kept show nothing."""
    runs = runs_from_frame(frame_of_one_scale(lambda x: np.maximum(8 * x**-0.1, 2.9)))
    found = backtest(runs, ["power"], hide=0.6, origins=1, draws=400, discrepancy=False)
    assert found.best.tolist() == [0] and found.error[1, 0] > 2 * found.error[0, 0]
    assert found.table()["bias"][1] == -found.table()["error"][1] and found.summary()["coverage"][1] < 0.2
    said = backtest_summary(found)
    assert said[1] == "No law predicts only better than that: do not trust their curves far out."
    assert "would have to be" in said[2]
    drifting = backtest(runs, ["power"], hide=0.6, origins=1, draws=400)
    assert drifting.summary()["coverage"][1] > 0.8 and drifting.error[1, 0] == found.error[1, 0]


def test_scores_are_judged_in_their_own_unit():
    frame = frame_of_one_scale(lambda x: 1 - 0.9 * (x / 1e3) ** -0.15).assign(higher_is_better=True)
    found = backtest(runs_from_frame(frame), ["power"], best=np.array([1.0]), origins=1, draws=0)
    assert found.error[1, 0] < 1e-6
    assert found.predicted[0, 0] == pytest.approx(frame["value"][14])  # the best score that is not hidden


def test_rows_of_one_size_stay_together():
    sizes = [1, 2, 4, 8, 16, 32, 64, 64, 64, 64]
    frame = pd.DataFrame({"task": "a", "x": sizes, "value": 1 + np.array(sizes) ** -0.5})
    found = backtest(runs_from_frame(frame), ["power"], hide=0.2, origins=1, draws=0)
    assert len(found.measured) == 4 and found.kept.tolist() == [6] and found.reach.tolist() == [2.0]
    below = backtest(runs_from_frame(frame), ["power"], below=16, draws=0)
    assert sorted(below.row) == [7, 8, 9, 10, 11] and below.reach.tolist() == [4.0]


def test_each_origin_hides_more_rows_and_predicts_them_as_a_backtest_of_that_share_does():
    runs = runs_from_frame(frame_of_one_scale(lambda x: 1 + 8 * x**-0.2))
    found = backtest(runs, ["power"], draws=0)
    assert [(found.origin == origin).sum() for origin in range(3)] == [5, 10, 15]
    assert found.kept.tolist() == [15] and found.reach[0] == pytest.approx(found.distance[found.origin == 0].max())
    for origin, share in enumerate((0.25, 0.5, 0.75)):
        alone, mine = backtest(runs, ["power"], hide=share, origins=1, draws=0), found.origin == origin
        assert found.row[mine].tolist() == alone.row.tolist()
        np.testing.assert_allclose(found.predicted[:, mine], alone.predicted, rtol=1e-12)
        np.testing.assert_allclose(found.distance[mine], alone.distance, rtol=1e-12)
    row = found.table().iloc[1]
    assert row[["hidden", "origins", "predictions"]].tolist() == [15, 3, 30]
    assert row["farthest"] == pytest.approx((1e9 / 1e3) ** (15 / 19))
    assert "15 hidden values of 1 task, 30 predictions of them from 3 origins" in backtest_summary(found)[0]


def test_an_origin_counts_as_far_as_enough_runs_stay_and_every_law_has_a_curve():
    runs = runs_from_frame(frame_of_one_scale(lambda x: 1 + 8 * x**-0.2, sizes=12))
    assert backtest(runs, ["trend"], draws=0).table()["origins"].tolist() == [2, 2]  # of twelve, three would stay
    power = frame_of_one_scale(lambda x: 1 + 8 * x**-0.2, sizes=16)
    both = backtest(runs_from_frame(power), ["power", "bnsl"], draws=0)
    alone = backtest(runs_from_frame(power), ["power"], draws=0)
    assert alone.origin.max() == 2 > both.origin.max()  # four runs stay, and bnsl has more parameters
    assert np.isfinite(both.predicted).all()


def test_errors_and_coverage_stand_apart_by_distance():
    distance = np.array([1.5, 3.0, 3.1, 50.0, 60.0])
    made = Backtest(
        tasks=("a",), size="x", laws=(NO_LAW, "power"), kept=np.array([9]), reach=np.array([60.0]),
        task=np.zeros(5, dtype=int), row=np.arange(5), measured=np.full(5, 2.0),
        predicted=2.0 * np.array([[1.5] * 5, [1.1, 1.3, 1.0, 0.8, 0.6]]),
        low=np.array([[np.nan] * 5, [1.9] * 4 + [np.nan]]),
        high=np.array([[np.nan] * 5, [3.8, 1.95, 3.8, 3.8, np.nan]]),
        status=(("",), ("ok",)), notes=(), origin=np.zeros(5, dtype=int), distance=distance, group=np.arange(5),
        noise=np.full((2, 5), 0.1),
    )  # fmt: skip
    found = made.by_distance(1, slice(0, 4))
    np.testing.assert_allclose([found["error_1_3"], found["error_3_10"], found["error_10_100"]], [0.2, 0.0, 0.2])
    assert (found["coverage_1_3"], found["coverage_3_10"], found["coverage_10_100"]) == (0.5, 1.0, 1.0)
    assert np.isnan(found["error_over_100"]) and np.isnan(made.by_distance(1)["coverage_10_100"])
    np.testing.assert_allclose(made.half_width[1, [0, 1]], [np.log(3.8 / 1.9) / 2, np.log(1.95 / 1.9) / 2])
    assert made.table()["coverage_1_3"][1] == 0.5 and made.summary()["error_3_10"][1] == 0.0


def test_checkpoints_and_seeds_are_one_group_each():
    frame = pd.DataFrame({
        "task": ["a"] * 7 + ["b"], "run": ["p", "q", "r", "s", "s", "t", "u", "u"],
        "x": [1, 2, 4, 8, 16, 16, 32, 32], "value": np.linspace(3, 2, 8),
    })  # fmt: skip
    found = backtest(runs_from_frame(frame), ["power"], below=4, draws=0)
    s, also_s, t, u = found.group
    assert s == also_s == t != u  # checkpoints of one model, and another model of its size


def test_auto_is_judged_by_the_law_it_stands_for():
    found = backtest(runs_from_frame(frame_of_one_scale(lambda x: 1 + 8 * x**-0.2)), ["auto"], origins=1, draws=0)
    assert found.laws == (NO_LAW, "trend")


def test_specialists_beside_are_hidden_where_they_are_larger_than_the_fitted_runs(monkeypatch):
    asked = []

    def watched(runs, law, **options):
        asked.append((runs, options.pop("beside")))
        return fit_curves(runs, law, **options)

    monkeypatch.setattr("budget.studies.backtest.fit_curves", watched)
    mine, others = (runs_from_frame(table(truths)) for truths in (TRUTHS, {"code": TRUTHS["code"]}))
    backtest(mine, ["power"], draws=0, beside=others)
    assert len(asked) == 3
    for runs, beside in asked:
        largest = runs.scale["flops"][runs.task == runs.tasks.index("code")].max()
        assert beside.scale["flops"].tolist() == [each for each in others.scale["flops"] if each <= largest]
    assert len(asked[0][1].value) > len(asked[2][1].value)


def test_several_origins_and_one_limit_exclude_each_other():
    with pytest.raises(DataError, match=r"--origins 2 .* leave one out"):
        backtest(runs_from_frame(table(TRUTHS)), below=1e18, origins=2)


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
        origin=np.zeros(9, dtype=int), distance=np.full(9, 2.0), group=np.arange(9), noise=np.full((2, 9), 0.1),
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
