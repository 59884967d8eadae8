"""Reading linear limits."""

import re

import numpy as np
import pytest

from budget.errors import DataError
from budget.tables.limits import read_limits

NAMES = ("a", "b", "c")
GROUPS = ("speech", "", "speech")
UNITS = ("flops", "tokens", "money")


def read(tmp_path, text, **reading):
    path = tmp_path / "limits.csv"
    path.write_text(text, encoding="utf-8")
    return read_limits(path, NAMES, GROUPS, UNITS, **reading)


def test_rows_of_one_limit_add_up(tmp_path):
    speech, ratio, everything, band = read(
        tmp_path,
        "limit,task,group,coefficient,unit,min,max\n"
        "speech,,speech,,,,5\n"
        "ratio,a,,-2,tokens,0,\n"
        "everything,,,,money,,7.5\n"
        "ratio,b,,1,,,\n"
        "band,a,,,,1,2\n"
        "band,,speech,0.5,,1,\n",
    )
    np.testing.assert_array_equal(speech.coefficient, [1, 0, 1])
    assert (speech.name, speech.unit, speech.lower, speech.upper) == ("speech", "", -np.inf, 5.0)
    np.testing.assert_array_equal(ratio.coefficient, [-2, 1, 0])
    assert (ratio.unit, ratio.lower, ratio.upper) == ("tokens", 0.0, np.inf)
    np.testing.assert_array_equal(everything.coefficient, [1, 1, 1])
    assert (everything.unit, everything.upper) == ("money", 7.5)
    np.testing.assert_array_equal(band.coefficient, [1.5, 0, 0.5])
    assert (band.lower, band.upper) == (1.0, 2.0)


def test_only_a_name_and_an_end_are_needed(tmp_path):
    (limit,) = read(tmp_path, "limit,max\nall,3\n")
    np.testing.assert_array_equal(limit.coefficient, [1, 1, 1])
    assert limit.upper == 3 and limit.unit == ""


def test_columns_may_have_other_names_and_spaces(tmp_path):
    mapping = {"limit": "rule", "max": "cap", "weight": "importance"}
    (limit,) = read(tmp_path, "rule,task,cap\n lab , b ,4\n", columns=mapping)
    assert (limit.name, limit.upper) == ("lab", 4.0)
    np.testing.assert_array_equal(limit.coefficient, [0, 1, 0])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("task,max\na,1\n", "column 'limit' is missing"),
        ("limit,max,note\nx,1,hello\n", "column 'note' is unknown; a limits file has limit, task, group, coefficient"),
        ("limit,max\n,1\n", "row 2, column 'limit': the cell is empty; name the limit."),
        ("limit,task,max\nx,z,1\n", "row 2, column 'task': 'z' is not among the tasks (a, b, c)."),
        ("limit,group,max\nx,vision,1\n", "row 2, column 'group': 'vision' is no group of the tasks file (it has: spe"),
        ("limit,task,group,max\nx,a,speech,1\n", "row 2: both a task and a group are named; keep one of them."),
        ("limit,coefficient,max\nx,two,1\n", "row 2, column 'coefficient': 'two' where a finite number is due"),
        ("limit,coefficient,max\nx,inf,1\n", "row 2, column 'coefficient': 'inf' where a finite number is due"),
        ("limit,max\nx,nan\n", "row 2, column 'max': 'nan' where a finite number is due"),
        ("limit,min\nx,many\n", "row 2, column 'min': 'many' where a finite number is due"),
        ("limit,unit,max\nx,hours,1\n", "limit 'x' counts 'hours'; the units are flops, tokens, money."),
        ("limit,task,unit,max\nx,a,flops,1\nx,b,tokens,\n", "limit 'x' has unit flops and tokens; keep one."),
        ("limit,task\nx,a\n", "limit 'x' has neither min nor max; give one of them in one of its rows."),
        ("limit,task,max\nx,a,1\ny,a,\n", "limit 'y' has neither min nor max"),
        ("limit,min,max\nx,3,2\n", "limit 'x' has min 3 above max 2; swap or correct them."),
        ("limit,task,max\nx,a,1\nx,b,2\n", "limit 'x' has max 1 and 2; keep one."),
        ("limit,task,min\nx,a,1\nx,b,2\n", "limit 'x' has min 1 and 2; keep one."),
        ("limit,task,coefficient,max\nx,a,0,1\n", "limit 'x' has only coefficients of 0; correct or remove it."),
        ("limit,task,coefficient,max\nx,a,1,1\nx,a,-1,\n", "limit 'x' has only coefficients of 0"),
        ("limit,max\n", "limits.csv"),
        ("", "limits.csv"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, text, sentence):
    with pytest.raises(DataError, match=re.escape(sentence)) as caught:
        read(tmp_path, text)
    assert "limits.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_tasks_without_groups_have_none_to_speak_of(tmp_path):
    path = tmp_path / "limits.csv"
    path.write_text("limit,group,max\nx,speech,1\n")
    with pytest.raises(DataError, match=r"\(it has: none\)"):
        read_limits(path, NAMES, ("", "", ""), UNITS)
