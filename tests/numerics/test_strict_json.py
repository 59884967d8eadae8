"""JSON that is made and read back: what the standard has, and a reason or null for everything else."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.numerics.strict_json import json_rows, json_value, parse_json

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
)


@settings(deadline=None)
@given(VALUES)
def test_what_is_written_is_read_back(value):
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
        ("[1e999]", "'1e999' is too large a number"),
        ("[" + "9" * 5000 + "]", "is too large a number"),
        ("[" + "9" * 350 + "]", "is too large a number"),
        ('{"a": 1, "a": 2}', "the name 'a' stands twice"),
        ('{\n"a" 1}', "expecting ':' delimiter in line 2, column 5"),
        ("", "expecting value in line 1, column 1"),
    ],
)
def test_a_reason_is_given_in_a_phrase(text, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        parse_json(text)
    assert len(str(caught.value)) < 150


def test_every_kind_of_content_can_be_written_and_read_back():
    content = {
        "none": None,
        3: "text",
        "flag": np.bool_(True),
        "whole": np.int64(2**53 + 1),
        "number": np.float64(0.1),
        "ends": (math.nan, math.inf, -math.inf, 1.0),
        "array": np.array([[1.0, np.nan], [np.inf, -0.5]]),
        "words": np.array(["a", "b"]),
        "nested": [{"deep": (np.array([np.nan]),)}],
    }
    cleaned = json_value(content)
    assert cleaned == {
        "none": None,
        "3": "text",
        "flag": True,
        "whole": 2**53 + 1,
        "number": 0.1,
        "ends": [None, None, None, 1.0],
        "array": [[1.0, None], [None, -0.5]],
        "words": ["a", "b"],
        "nested": [{"deep": [[None]]}],
    }
    assert json.loads(json.dumps(cleaned, allow_nan=False)) == cleaned


def test_rows_have_null_for_missing_cells_and_keep_their_types():
    table = pd.DataFrame(
        {
            "task": ["a", None],
            "spend": [1.5, np.inf],
            "count": [1, 2],
            "served": [True, False],
            "met": pd.array([None, True], dtype="boolean"),
        }
    )
    rows = json_rows(table)
    assert rows == [
        {"task": "a", "spend": 1.5, "count": 1, "served": True, "met": None},
        {"task": None, "spend": None, "count": 2, "served": False, "met": True},
    ]
    assert [type(cell) for cell in rows[1].values()] == [type(None), type(None), int, bool, bool]


@given(st.lists(st.floats(), max_size=6), st.sampled_from([np.float64, np.float32]))
def test_an_array_is_written_as_its_numbers_one_by_one(numbers, kind):
    with np.errstate(over="ignore"):
        array = np.array(numbers).astype(kind)
    assert json_value({"a": array})["a"] == [json_value(each) for each in array.tolist()]
    assert json_value(array[:, None] if len(array) else array) == [[each] for each in json_value(array)]
    assert json_value(np.array(3)) == 3 and json_value(np.array(np.nan)) is None
    assert json_value(np.array([True, False])) == [True, False]
