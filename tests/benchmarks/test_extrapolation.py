"""Extrapolation's cases: nothing that is predicted is seen, counts are as stated, scores are exact."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import extrapolation
from extrapolation_cases import BEYOND, TESTS, WORLD_TASKS, Case, cases, score, together

OWN = {
    "backtest": (17, 121),
    "loop_specialists": (8, 24),
    "loop_shared": (24, 24),
    "shared_3e10": (40, 60),
    "shared_1e10": (12, 84),
}
"""Tests on the project's own runs: curves and values."""


def of(test: str, data: Path = ROOT) -> list[Case]:
    return list(cases(data, [test]))


@pytest.mark.parametrize("test", [*OWN, "shared_backtest"])
def test_own_runs_are_as_many_as_stated_and_never_on_both_sides(test):
    found = of(test)
    assert all((case.distance > 1).all() for case in found)
    for case in found:
        seen = case.train.merge(case.target, on=["task", "run"])
        assert seen.empty, case.name
        assert set(case.tasks) <= set(case.best) | {"code", "prose", "names"}
        if (
            case.strategy
        ):  # a shared model and the specialists of its tasks, none of them larger than what is seen of it
            arm = case.train["strategy"] == case.strategy
            assert set(case.train.loc[~arm, "strategy"]) <= {"specialist"}
            assert set(case.train["task"]) == set(case.tasks)
    if test in OWN:
        assert (sum(len(case.tasks) for case in found), sum(len(case.target) for case in found)) == OWN[test]


@pytest.mark.parametrize("test", [name for name in TESTS if name.startswith("world")])
def test_worlds_are_the_same_each_time_and_reach_thirty_times_beyond(test):
    (first,), (second,) = of(test), of(test)
    pd.testing.assert_frame_equal(first.train, second.train)
    pd.testing.assert_frame_equal(first.target, second.target)
    assert len(first.tasks) == WORLD_TASKS
    np.testing.assert_allclose(first.distance.reshape(WORLD_TASKS, -1), np.tile(BEYOND, (WORLD_TASKS, 1)))
    runs = first.train.groupby("task").size()
    assert runs.between(*((40, 60) if test.endswith("many") else (12, 20))).all()
    assert (first.train["value"] > 0).all()


@pytest.fixture
def curve_file(tmp_path):
    """Two curves of forty points, the second half to be predicted."""
    x = np.arange(1.0, 41)
    curve = pd.DataFrame({"Seen Examples": x, "Loss": 1 / x, "Training": (x <= 20).astype(int)})
    frame = pd.concat([curve.assign(Domain="IC", Task=task, Model="m") for task in ("bird_5", "bird_10")])
    (tmp_path / "learning_curves").mkdir()
    frame.to_csv(tmp_path / "learning_curves/benchmark.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("points", [6, 8])
def test_thinned_curves_keep_their_ends_and_what_is_predicted(curve_file, points):
    (whole,), (thin,) = of("image", curve_file), of(f"image_{points}", curve_file)
    pd.testing.assert_frame_equal(whole.target, thin.target)
    for _, curve in thin.train.groupby("task"):
        assert len(curve) == points and curve["x"].is_monotonic_increasing
        assert (curve["x"].iloc[0], curve["x"].iloc[-1]) == (1, 20)


def made(measure: str, values: list[float], tasks: list[str]) -> Case:
    target = pd.DataFrame({"task": tasks, "x": 2.0, "value": values})
    return Case("test", "case", measure, ("x",), target.assign(x=1.0), target)


def test_each_measure_is_what_it_says():
    tasks, measured = ["a", "a", "a", "b"], np.array([1.0, 2.0, 4.0, 1.0])
    predicted = measured * [1.1, 1.1, 1.1, 1.2]
    low, high = predicted / 1.15, predicted * 1.15
    found = {each: score(made(each, list(measured), tasks), predicted, low, high) for each in ("rmsle", "relative")}
    assert found["rmsle"].error == pytest.approx((np.log(1.1) + np.log(1.2)) / 2)
    assert found["rmsle"].coverage == pytest.approx(0.5), "each curve counts as one"
    assert found["relative"].error == pytest.approx(12.5)
    assert found["relative"].coverage == pytest.approx(0.75)
    assert found["relative"].width == pytest.approx(2 * np.log(1.15))
    points = score(made("points", [0.5, 0.6], ["a", "a"]), np.array([0.52, 0.56]), np.zeros(2), np.ones(2))
    assert points.error == pytest.approx(1.0), "of a task's mean"
    explained = score(made("r2", [1.0, 2.0, 3.0], ["a"] * 3), np.array([1.0, 2.0, 2.0]), np.zeros(3), np.ones(3))
    assert explained.error == pytest.approx(0.5)


def test_what_is_not_predicted_is_counted_and_held_by_no_interval():
    nothing = np.array([np.nan, 1.1])
    found = score(made("relative", [1.0, 1.0], ["a", "b"]), nothing, nothing - 0.2, nothing + 0.2)
    assert (found.missing, found.values, found.units) == (1, 2, 1)
    assert found.error == pytest.approx(10) and found.coverage == 0.5
    other = score(made("relative", [1.0] * 2, ["a", "b"]), np.full(2, 1.0), np.full(2, 0.9), np.full(2, 1.1))
    both = together([found, other])
    assert both.error == pytest.approx(10 / 3) and both.coverage == 0.75 and both.missing == 1


def test_every_row_of_the_table_is_a_test():
    assert [row.test for row in extrapolation.ROWS] == list(TESTS)


def test_predictions_are_kept_and_made_again_only_for_other_runs(curve_file, tmp_path, monkeypatch):
    def results():
        return extrapolation.results(curve_file, ["image"], "power", keep=tmp_path / "kept")

    (first,) = results()["image"]
    assert np.isfinite(first[1].value).all() and (first[1].low <= first[1].high).all()
    monkeypatch.setattr(extrapolation, "predict", lambda case, law, *, stated: pytest.fail("it was kept"))
    (second,) = results()["image"]
    np.testing.assert_array_equal(first[1].value, second[1].value)
    path = curve_file / "learning_curves/benchmark.csv"
    path.write_text(path.read_text().replace(",0.025,", ",0.026,"))
    with pytest.raises(pytest.fail.Exception, match="it was kept"):
        results()


def test_stated_values_reach_the_fits():
    case = of("loop_specialists")[0]
    tasks = list(dict.fromkeys(case.train["task"]))
    settings = extrapolation._settings(case, tasks)
    assert settings["best"][tasks.index("lookup_noisy")] == pytest.approx(1.3117, abs=1e-3)
    assert np.isnan(settings["best"][tasks.index("code")])
    assert np.isfinite(settings["unserved"]).all()
