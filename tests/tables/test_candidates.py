"""Reading candidates: shapes, splits, draws, and one sentence for every mistake."""

import numpy as np
import pandas as pd
import pytest

from budget.errors import DataError
from budget.tables.candidates import candidates_from_frame, read_candidates

PLAIN = "model,cost,task,value\nm,1,a,.5\nm,1,b,.4\nn,0,b,.3\n"
SPLIT = "model,cost,task,value,split\nm,1,a,.5,val\nm,1,a,.6,test\nn,2,b,.3,test\nn,2,b,.2,val\n"
DRAWS = "model,cost,task,value,draw\nm,1,a,.5,\nm,1,a,.4,0\nm,1,a,.8,3\nn,2,a,.7,3\nn,2,a,.6,0\nn,2,a,.55,\n"


def read(tmp_path, text, **reading):
    path = tmp_path / "candidates.csv"
    path.write_text(text, encoding="utf-8")
    return read_candidates(path, **reading)


def test_pairs_stand_in_the_order_of_the_file(tmp_path):
    found = read(tmp_path, PLAIN)
    assert found.models == ("m", "n") and found.tasks == ("a", "b")
    np.testing.assert_array_equal(found.cost, [1, 0])
    np.testing.assert_array_equal(found.model, [0, 0, 1])
    np.testing.assert_array_equal(found.task, [0, 1, 1])
    np.testing.assert_array_equal(found.select.value, [0.5, 0.4, 0.3])
    np.testing.assert_array_equal(found.select.scenarios, [[0.5, 0.4, 0.3]])
    assert found.select is found.report and found.metric == "value" and not found.higher_is_better


def test_one_split_is_chosen_on_and_another_reported(tmp_path):
    found = read(tmp_path, SPLIT, select="val", report="test")
    np.testing.assert_array_equal(found.select.value, [0.5, 0.2])
    np.testing.assert_array_equal(found.report.value, [0.6, 0.3])
    assert (found.select.split, found.report.split) == ("val", "test")
    alone = read(tmp_path, SPLIT, select="test")
    assert alone.report is alone.select and alone.select.split == "test"


def test_a_split_that_is_alone_needs_no_word(tmp_path):
    assert read(tmp_path, SPLIT, where=[("split", "val")]).select.split == "val"


def test_draws_are_joint_and_the_point_value_is_kept_apart(tmp_path):
    found = read(tmp_path, DRAWS)
    np.testing.assert_array_equal(found.select.value, [0.5, 0.55])
    np.testing.assert_array_equal(found.select.draws, [[0.4, 0.6], [0.8, 0.7]])
    np.testing.assert_array_equal(found.select.scenarios, found.select.draws)


def test_without_point_values_the_mean_of_the_draws_stands_for_them(tmp_path):
    rows = [row for row in DRAWS.splitlines() if not row.endswith(",")]
    np.testing.assert_allclose(read(tmp_path, "\n".join(rows)).select.value, [0.6, 0.65])


def test_predicted_draws_may_be_reported_by_measured_values(tmp_path):
    text = "model,cost,task,value,split,draw\nm,1,a,.5,law,0\nm,1,a,.7,law,1\nm,1,a,.65,run,\n"
    found = read(tmp_path, text, select="law", report="run")
    assert found.select.draws.shape == (2, 1) and found.report.draws.shape == (0, 1)


def test_metric_and_direction(tmp_path):
    text = "model,cost,task,value,metric,higher_is_better\nm,1,a,.5,acc,1\nm,1,b,.4,acc,true\nm,1,b,9,loss,0\n"
    found = read(tmp_path, text, where=[("metric", "acc")])
    assert found.metric == "acc" and found.higher_is_better
    assert read(tmp_path, PLAIN, higher_is_better=True).higher_is_better


def test_columns_and_rows_are_chosen_as_in_other_tables(tmp_path):
    text = "net,price,job,loss,kind\nm,1,a,.5,x\nm,1,a,.6,y\n"
    mapping = {"model": "net", "cost": "price", "task": "job", "value": "loss", "weight": "of_the_tasks_file"}
    found = read(tmp_path, text, columns=mapping, where=[("kind", "y")])
    assert found.models == ("m",) and found.select.value.tolist() == [0.6]


def test_a_table_in_memory(tmp_path):
    frame = pd.DataFrame({"model": ["m", "n"], "cost": [1, 2.5], "task": ["a", "a"], "value": [0.1, 0.2]})
    np.testing.assert_array_equal(candidates_from_frame(frame).cost, [1, 2.5])
    with pytest.raises(DataError, match="row 3, column 'value': empty"):
        candidates_from_frame(frame.assign(value=[0.1, None]))


@pytest.mark.parametrize(
    ("text", "reading", "sentence"),
    [
        ("model,cost,task\nm,1,a\n", {}, "column 'value' is missing"),
        ("model,task,value\nm,a,1\n", {}, "column 'cost' is missing"),
        ("model,cost,task,value\n,1,a,.5\n", {}, "row 2, column 'model': empty"),
        ("model,cost,task,value\nm,1,,.5\n", {}, "row 2, column 'task': empty"),
        ("model,cost,task,value\nm,1,a,\n", {}, "row 2, column 'value': empty where a finite number is due"),
        ("model,cost,task,value\nm,1,a,nan\n", {}, "row 2, column 'value': 'nan'"),
        ("model,cost,task,value\nm,1,a,good\n", {}, "row 2, column 'value': 'good'"),
        ("model,cost,task,value\nm,-1,a,.5\n", {}, "row 2, column 'cost': '-1' where a number of at least 0 is due"),
        ("model,cost,task,value\nm,,a,.5\n", {}, "row 2, column 'cost': empty"),
        ("model,cost,task,value\nm,inf,a,.5\n", {}, "row 2, column 'cost': 'inf'"),
        (PLAIN.replace("m,1,b", "m,2,b"), {}, "row 3, column 'cost': 2 for model 'm', which row 2 says costs 1"),
        (PLAIN + "m,1,a,.5\n", {}, "row 5, column 'value': a second value for model 'm', task 'a'; keep one row"),
        (SPLIT + "m,1,a,.5,val\n", {"select": "val"}, "row 6.*second value for model 'm', task 'a', split 'val'"),
        (DRAWS + "m,1,a,.5,3\n", {}, "row 8.*second value for model 'm', task 'a', draw 3"),
        (SPLIT, {}, "column 'split' holds test, val; say which to choose on with --select val"),
        (SPLIT, {"report": "test"}, "say which to choose on"),
        (SPLIT, {"select": "dev"}, "no row is of the split 'dev' that --select names; there are test, val"),
        (SPLIT, {"select": "val", "report": "dev"}, "'dev' that --report names; there are test, val"),
        (PLAIN, {"select": "val"}, "--select val names a split, and there is no column 'split'"),
        (PLAIN, {"report": "val"}, "--report val names a split, and there is no column 'split'"),
        (SPLIT + "m,1,b,.5,\n", {"select": "val"}, "row 6, column 'split': empty"),
        (
            SPLIT + "k,1,b,.5,test\n",
            {"select": "val", "report": "test"},
            "row 6, column 'split': model 'k' and task 'b' stand here but have no row on split 'val'",
        ),
        (
            DRAWS + "n,2,b,.5,\n",
            {},
            "row 8, column 'draw': model 'n' and task 'b' stand here but have no row of draw 0",
        ),
        (DRAWS.replace("n,2,a,.55,\n", ""), {}, "model 'n' and task 'a' stand here but have no point value"),
        (DRAWS + "n,2,b,.5,1.5\n", {}, "row 8, column 'draw': '1.5' where a whole number is due"),
        (DRAWS + "n,2,b,.5,-1\n", {}, "row 8, column 'draw': '-1'"),
        (
            "model,cost,task,value,metric\nm,1,a,1,u\nm,1,b,2,v\n",
            {},
            "row 3, column 'metric': 'v' beside 'u'.*metric=u",
        ),
        ("model,cost,task,value,higher_is_better\nm,1,a,1,1\nm,1,b,2,0\n", {}, "row 3, column 'higher_is_better'"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, text, reading, sentence):
    with pytest.raises(DataError, match=sentence) as refused:
        read(tmp_path, text, **reading)
    assert "\n" not in str(refused.value)
