"""Reading splits that somebody made."""

import re

import numpy as np
import pytest

from budget.errors import DataError
from budget.tables.splits import read_split

NAMES = ("a", "b", "c")


def read(tmp_path, text, **reading):
    path = tmp_path / "split.csv"
    path.write_text(text, encoding="utf-8")
    return read_split(path, NAMES, **reading)


def test_rows_come_in_the_order_of_the_tasks(tmp_path):
    split = read(tmp_path, "task,spend,params,tokens,binding\nc,3e21,1e9,,budget\n a ,1e21,,,max\nb,0,0,0,unserved\n")
    np.testing.assert_array_equal(split.spend, [1e21, 0, 3e21])
    np.testing.assert_array_equal(split.params, [np.nan, 0, 1e9])
    np.testing.assert_array_equal(split.tokens, [np.nan, 0, np.nan])


def test_sizes_need_not_be_stated(tmp_path):
    split = read(tmp_path, "task,spend\na,1\nb,2\nc,3\n")
    np.testing.assert_array_equal(split.spend, [1, 2, 3])
    assert np.isnan(split.params).all() and np.isnan(split.tokens).all()


def test_columns_may_have_other_names(tmp_path):
    mapping = {"task": "team", "spend": "flops given", "weight": "importance"}
    split = read(tmp_path, "team,flops given\na,1\nb,2\nc,3\n", columns=mapping)
    np.testing.assert_array_equal(split.spend, [1, 2, 3])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("spend\n1\n", "column 'task' is missing"),
        ("task,share\na,1\n", "column 'spend' is missing"),
        ("task,spend\na,1\nb,1\nz,1\n", "row 4, column 'task': 'z' is not among the planned tasks; remove it."),
        ("task,spend\na,1\nb,1\nb,1\nc,1\n", "row 4, column 'task': 'b' stands twice; keep one row a task."),
        ("task,spend\na,1\n", "no row for b, c; give every task a spend (0 for nothing)."),
        ("task,spend\na,\nb,\nc,\n", "column 'spend' is empty; say what every task is given."),
        ("task,spend\na,1\nb,\nc,1\n", "row 3, column 'spend': empty where a number of at least 0 is due"),
        ("task,spend\na,1\nb,-1\nc,1\n", "row 3, column 'spend': '-1' where a number of at least 0 is due"),
        ("task,spend\na,1\nb,much\nc,1\n", "row 3, column 'spend': 'much'"),
        ("task,spend\na,1\nb,nan\nc,1\n", "row 3, column 'spend': 'nan'"),
        ("task,spend,params\na,1,-5\nb,1,\nc,1,\n", "row 2, column 'params': '-5' where a number of at least 0 is due"),
        ("task,spend,tokens\na,1,inf\nb,1,\nc,1,\n", "row 2, column 'tokens': 'inf'"),
        ("task,spend\n", "split.csv"),
        ("", "split.csv"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, text, sentence):
    with pytest.raises(DataError, match=re.escape(sentence)) as caught:
        read(tmp_path, text)
    assert "split.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file; give the path of the plan CSV"):
        read_split(tmp_path / "none.csv", NAMES)
