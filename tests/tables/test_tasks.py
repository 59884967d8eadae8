"""Reading the planner's task settings."""

import numpy as np
import pytest

from budget.errors import DataError
from budget.tables.tasks import default_tasks, read_tasks

NAMES = ("a", "b", "c")


def read(tmp_path, text):
    path = tmp_path / "tasks.csv"
    path.write_text(text, encoding="utf-8")
    return read_tasks(path, NAMES)


def test_rows_come_in_the_order_of_the_curves(tmp_path):
    tasks = read(tmp_path, "task,weight,target,min,max,owner\nc,3,0.5,,9\na,1,,2,\n".replace(",owner", ""))
    assert tasks.names == NAMES
    np.testing.assert_array_equal(tasks.weight, [1, 1, 3])
    np.testing.assert_array_equal(tasks.target, [np.nan, np.nan, 0.5])
    np.testing.assert_array_equal(tasks.min, [2, np.nan, np.nan])
    np.testing.assert_array_equal(tasks.max, [np.nan, np.nan, 9])
    assert "no row for b" in tasks.notes[0]


def test_what_a_task_is_worth_that_is_given_nothing(tmp_path):
    tasks = read(tmp_path, "task,best,unserved\nb,1,0.25\na,1,\nc,,0.5\n")
    np.testing.assert_array_equal(tasks.unserved, [np.nan, 0.25, 0.5])
    np.testing.assert_array_equal(tasks.select(("c", "b")).unserved, [0.5, 0.25])
    assert np.isnan(default_tasks(NAMES).unserved).all() and tasks.notes == ()


def test_columns_without_a_use_are_named(tmp_path):
    tasks = read(tmp_path, "task,weight,owner\na,1,x\nb,1,x\nc,2,y\n")
    assert tasks.notes == ("tasks.csv: columns not used by this command: owner.",)


def test_select_and_default():
    tasks = default_tasks(NAMES).select(("c", "a"))
    assert tasks.names == ("c", "a") and (tasks.weight == 1).all() and np.isnan(tasks.target).all()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("task,weight\nz,1\n", "row 2, column 'task': 'z' is not among the measured tasks"),
        ("task,weight\na,1\na,2\n", "row 3, column 'task': 'a' stands twice"),
        ("task,weight\na,0\n", "row 2, column 'weight': '0' where a positive number"),
        ("task,weight\na,-1\n", "row 2, column 'weight': '-1'"),
        ("task,min\na,-1\n", "row 2, column 'min': '-1' where a number of at least 0 is due"),
        ("task,max\na,0\n", "row 2, column 'max': '0'"),
        ("task,min,max\na,5,2\n", "row 2: min 5 is above max 2 for task 'a'"),
        ("task,target\na,low\n", "row 2, column 'target': 'low'"),
        ("weight\n1\n", "column 'task' is missing"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, text)
