"""Any two or three scales at the command line: the same door as params and tokens, and one sentence where it is not."""

import json

import numpy as np
import pandas as pd
import pytest

from budget.curves.fitting.fit import fit_curves
from budget.errors import DataError
from budget.tables.runs import read_runs, runs_from_frame
from tests.commands.invoking import frame_of, refused, run

ASKED = ("--scales", "params,experts")


def experts(noise=0.004):
    params, count = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 1e9, 5), [1.0, 2, 8, 16, 64]))
    value = 1.5 + 180 * params**-0.3 + 0.4 * count**-0.15
    shake = noise * np.random.default_rng(0).normal(size=len(value))
    return pd.DataFrame({"task": "a", "params": params, "experts": count, "value": value * np.exp(shake)})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "runs.csv"
    experts().to_csv(path, index=False)
    return path


@pytest.fixture
def changed(tmp_path):
    def change(**columns):
        path = tmp_path / "changed.csv"
        experts().astype(object).assign(**columns).to_csv(path, index=False)
        return path

    return change


def test_fit_predict_and_backtest_read_the_named_scales(file, tmp_path):
    curves, points = tmp_path / "curves.json", tmp_path / "points.csv"
    fitted = run("fit", file, *ASKED, "--draws", 40, "--out", curves)
    assert fitted.exit_code == 0, fitted.stderr
    table = frame_of(fitted).iloc[0]
    assert table["law"] == "scales" and table["status"] in ("ok", "unsettled")
    assert table["reference_experts"] == pytest.approx(64)
    assert json.loads(curves.read_text())["inputs"] == ["params", "experts"]

    points.write_text("params,experts\n4e9,64\n1e9,128\n")
    predicted = frame_of(run("predict", curves, "--at", points))
    known = 1.5 + 180 * predicted["params"] ** -0.3 + 0.4 * predicted["experts"] ** -0.15
    assert ((predicted["low"] <= predicted["predicted"]) & (predicted["predicted"] <= predicted["high"])).all()
    np.testing.assert_allclose(predicted["predicted"], known, rtol=0.03)

    judged = frame_of(run("backtest", file, *ASKED, "--origins", 1, "--draws", 40)).set_index("law")
    assert list(judged.index) == ["none", "scales"] and judged.loc["scales", "error"] < judged.loc["none", "error"]

    sentence = refused("allocate", curves, "--budget", "1e12")
    assert "params and experts" in sentence and "costs is known of params and tokens alone" in sentence


def test_plans_are_refused_before_anything_is_fitted(file, tmp_path):
    for command in (("plan", file, "--out", tmp_path / "plan"), ("focus", file)):
        sentence = refused(*command, *ASKED, "--budget", "1e12")
        assert "what a run costs is known of params and tokens alone" in sentence and len(sentence) < 300


@pytest.mark.parametrize(
    ("scales", "why"),
    [
        ("params", "give two or three different columns"),
        ("params,params", "give two or three different columns"),
        ("a,b,c,d", "give two or three different columns"),
        ("params,", "give two or three different columns"),
        ("params,layers", "names column 'layers', which is not there"),
        ("params,value", "names column 'value', which says something else"),
    ],
)
def test_scales_that_are_none_are_refused(file, scales, why):
    assert why in refused("fit", file, "--scales", scales)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (0, "row 2, column 'experts': '0.0' where a positive number is due"),
        (-4, "row 2, column 'experts': '-4.0' where a positive number is due"),
        ("many", "row 2, column 'experts': 'many' where a positive number is due"),
        ("", "row 2, column 'experts'"),
    ],
)
def test_cells_that_are_no_scale_are_named_by_row(changed, cell, why):
    path = changed(experts=[cell, *experts()["experts"][1:]])
    assert why in refused("fit", path, *ASKED)


def test_a_column_of_one_value_is_refused(changed):
    sentence = refused("fit", changed(experts=8), *ASKED)
    assert "column 'experts': all rows have 8" in sentence and "leave it out of --scales" in sentence


def test_laws_of_other_columns_and_other_options_are_refused(file):
    assert "--scales is for --law auto or scales" in refused("fit", file, *ASKED, "--law", "power")
    assert "give two or three, for example --scales params,experts" in refused("fit", file, "--law", "scales")
    sentence = refused("fit", file, *ASKED, "--loss-metric", "a", "--score-metric", "b")
    assert "--scales is for a law of one metric" in sentence


def test_a_file_may_have_no_other_scale_than_the_named_ones(changed, tmp_path):
    path = tmp_path / "own.csv"
    frame = experts().rename(columns={"params": "width", "experts": "depth"})
    frame.to_csv(path, index=False)
    assert set(read_runs(path, scales=("width", "depth")).scale) == {"width", "depth"}
    assert run("check", path, "--scales", "width,depth").exit_code == 0
    assert "no column says how large a run was" in refused("check", path)


def test_in_python_scales_are_named_with_the_table_or_with_the_fit():
    runs = runs_from_frame(experts(), scales=("params", "experts"))
    assert runs.named_scales == ("params", "experts")
    with pytest.raises(DataError, match="was not read"):
        fit_curves(runs_from_frame(experts()), scales=("params", "experts"))
    with pytest.raises(DataError, match="two or three different columns"):
        fit_curves(experts(), scales=("params",))


def test_the_help_says_so():
    assert "--scales" in run("fit", "--help").stdout
