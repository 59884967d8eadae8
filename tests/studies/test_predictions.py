"""Predictions at points."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from budget.curves.link.link import Link
from budget.errors import DataError
from budget.studies.predictions import predict_points
from tests.curves.cases import planted
from tests.oracles.laws import FORMULAS
from tests.searched import fit_searched
from tests.simulate import LINKS, TRUTHS


def points(tmp_path, text):
    path = tmp_path / "points.csv"
    path.write_text(text)
    return path


def test_every_column_and_row_in_order(tmp_path, exact_curves):
    path = points(tmp_path, "id,task,N,D,note\n7,maths,1e9,2e10,x\n3,prose,1e8,1e10,\n7,maths,1e9,2e10,again\n")
    table, unknown = predict_points(exact_curves, path, columns={"params": "N", "tokens": "D"})
    assert list(table.columns) == ["id", "task", "N", "D", "note", "predicted", "low", "high"]
    assert table["id"].tolist() == ["7", "3", "7"] and unknown == ()
    expected = [TRUTHS["maths"].value(1e9, 2e10), TRUTHS["prose"].value(1e8, 1e10), TRUTHS["maths"].value(1e9, 2e10)]
    np.testing.assert_allclose(table["predicted"], expected, rtol=1e-6)
    assert (table["low"] <= table["predicted"]).all() and (table["predicted"] <= table["high"]).all()


def test_a_task_without_a_curve_has_empty_cells_and_is_named(tmp_path, exact_curves):
    parameters = exact_curves.parameters.copy()
    parameters[1] = np.nan
    draws = exact_curves.draws.copy()
    draws[:, 1] = np.nan
    curves = replace(exact_curves, parameters=parameters, draws=draws, status=("ok", "no_signal", "ok"))
    table, unknown = predict_points(curves, points(tmp_path, "task,params,tokens\ncode,1e9,1e10\nprose,1e9,1e10\n"))
    assert table["predicted"].isna().tolist() == [True, False]
    assert len(unknown) == 1 and "'code' has no curve (no_signal" in unknown[0]


def test_one_task_needs_no_task_column(tmp_path, exact_curves):
    table, _ = predict_points(exact_curves.take(np.array([0])), points(tmp_path, "params,tokens\n1e9,1e10\n"))
    np.testing.assert_allclose(table["predicted"], TRUTHS["prose"].value(1e9, 1e10), rtol=1e-6)


@pytest.fixture
def linked(exact_curves):
    """The curves with links for the first two tasks; the third has no score."""
    true = np.array([[each.slope, each.midpoint, each.chance, each.best] for each in list(LINKS.values())[:2]])
    parameters = np.vstack([true, np.full(4, np.nan)])
    number = np.full(3, 0.5)
    link = Link(
        metric="accuracy",
        higher_is_better=np.ones(3, dtype=bool),
        status=("ok", "open_chance", "no_score"),
        message=("", "no run is near it", "there is no row of the score"),
        parameters=parameters,
        draws=np.tile(parameters, (20, 1, 1)),
        noise=np.zeros((20, 3)),
        stated=np.zeros(3, dtype=bool),
        pairs=np.array([25, 25, 0]),
        error=number,
        agreement=number,
        gradient=number,
        estimator="none",
    )
    return replace(exact_curves, link=link)


def test_with_a_link_the_score_is_predicted_and_the_loss_stands_behind(tmp_path, linked):
    path = points(tmp_path, "task,params,tokens,note\nmaths,1e9,2e10,x\nprose,1e9,1e10,y\n")
    table, unknown = predict_points(linked, path)
    assert list(table.columns) == ["task", "params", "tokens", "note", "predicted", "low", "high", "loss"]
    loss = TRUTHS["prose"].value(1e9, 1e10)
    np.testing.assert_allclose(table["loss"].iloc[1], loss, rtol=1e-6)
    np.testing.assert_allclose(table["predicted"].iloc[1], LINKS["prose"].score(loss), rtol=1e-6)
    assert table[["predicted", "low", "high"]].iloc[0].isna().all() and np.isfinite(table["loss"].iloc[0])
    assert unknown == (
        "Task 'maths' has no predicted accuracy (no_score): there is no row of the score; measure the score on runs "
        "whose loss is there.",
    )


def test_a_points_file_may_not_have_the_loss_where_it_is_predicted(tmp_path, linked, exact_curves):
    path = points(tmp_path, "task,params,tokens,loss\nprose,1e9,1e10,3\n")
    with pytest.raises(DataError, match="column 'loss' is already there"):
        predict_points(linked, path)
    assert predict_points(exact_curves, path)[0]["loss"].tolist() == ["3"]


def test_a_curve_that_plans_do_not_use_predicts_nothing(tmp_path, exact_curves):
    curves = replace(exact_curves, status=("ok", "flat", "ok"))
    table, unknown = predict_points(curves, points(tmp_path, "task,params,tokens\ncode,1e9,1e10\n"))
    assert table[["predicted", "low", "high"]].isna().all(axis=None) and "'code' has no curve (flat" in unknown[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("params,tokens\n1,1\n", "column 'task' is missing, and the curves have 3 tasks"),
        ("task,params\nprose,1\n", "column 'tokens' is missing"),
        ("task,params,tokens\nlaw,1,1\n", "row 2, column 'task': 'law' is not among the fitted tasks"),
        ("task,params,tokens\nprose,1,-1\n", "row 2, column 'tokens': '-1'"),
        ("task,params,tokens,low\nprose,1,1,1\n", "column 'low' is already there"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, exact_curves, text, sentence):
    with pytest.raises(DataError, match=sentence):
        predict_points(exact_curves, points(tmp_path, text))


def test_the_interval_of_a_new_run_is_wider_and_holds_most_new_runs(tmp_path):
    """300 new runs with the noise of the measured ones: about 80 % of them, within four standard errors."""
    random = np.random.default_rng(5)
    x = np.geomspace(1e6, 1e9, 60)

    def measured(x):
        return (1.0 + 2.0 * (x / 1e7) ** -0.3) * np.exp(0.03 * random.normal(size=len(x)))

    curves = fit_searched(pd.DataFrame({"task": "t", "x": x, "value": measured(x)}), "power", draws=200)
    fresh = np.exp(random.uniform(np.log(1e6), np.log(1e9), 300))
    path = points(tmp_path, "x\n" + "\n".join(map(repr, fresh.tolist())))
    mean, new = (predict_points(curves, path, new_run=each)[0] for each in (False, True))
    np.testing.assert_array_equal(mean["predicted"], new["predicted"])
    assert ((new["high"] - new["low"]) > 1.5 * (mean["high"] - mean["low"])).all()
    value = measured(fresh)
    held = ((new["low"] <= value) & (value <= new["high"])).mean()
    assert abs(held - 0.8) < 4 * np.sqrt(0.8 * 0.2 / len(fresh))
    assert ((mean["low"] <= value) & (value <= mean["high"])).mean() < 0.6


def test_points_far_outside_the_runs_are_named_with_factor_and_row(tmp_path, exact_curves):
    largest, smallest = exact_curves.largest["params"][0], exact_curves.smallest["tokens"][1]
    text = f"task,params,tokens\nprose,{5 * largest},1e10\nprose,{20 * largest},1e10\ncode,1e8,{smallest / 7}\n"
    _, notes = predict_points(exact_curves, points(tmp_path, text + f"maths,{2.9 * largest},1e10\n"))
    assert len(notes) == 2
    assert notes[0].startswith("Task 'prose': 2 points lie up to 20 times beyond the largest measured params (row 3)")
    assert notes[1].startswith("Task 'code': 1 point lies up to 7 times below the smallest measured tokens (row 4)")


def test_a_mixture_s_point_may_have_nothing_of_a_source(tmp_path):
    runs, truths = planted("transfer", tasks=2)
    curves = fit_searched(runs, "transfer", draws=9)
    text = "task,params,t0,t1,web\nt0,1e8,1e10,0,1e10\nt0,1e8,1e10,1e-3,1e10\n"
    table, notes = predict_points(curves, points(tmp_path, text))
    np.testing.assert_allclose(table["predicted"].iloc[0], table["predicted"].iloc[1], rtol=1e-9)
    expected = FORMULAS["transfer"](truths[0], *(np.array([each]) for each in (1e8, 1e10, 0.0, 1e10)))
    np.testing.assert_allclose(table["predicted"].iloc[:1], expected, rtol=0.01)
    assert np.isfinite(table[["low", "high"]].to_numpy()).all() and not any("row 2" in note for note in notes)
    with pytest.raises(DataError, match="column 'params': '0'"):
        predict_points(curves, points(tmp_path, "task,params,t0,t1,web\nt0,0,1e10,0,1e10\n"))


def test_a_curve_that_is_worse_than_unserved_is_said(tmp_path, exact_curves):
    curves = replace(exact_curves.take(np.array([0])), unserved=np.array([4.0]))
    found, notes = predict_points(curves, points(tmp_path, "params,tokens\n1e3,1e4\n1e9,1e11\n"))
    assert found["predicted"][2] == 4.0 and found["predicted"][3] < 4.0
    assert (
        notes[0] == "Task 'prose': the curve is worse than the unserved value 4 in row 2, where that is given instead."
    )
