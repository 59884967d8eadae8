"""Predictions at points."""

from dataclasses import replace

import numpy as np
import pytest

from budget.errors import DataError
from budget.studies.predict import predict_points
from tests.simulate import TRUTHS


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
