"""What is no finite number becomes null, wherever it stands, and everything else stays what it is."""

import json
import math

import numpy as np
import pandas as pd

from budget.numerics.json_values import json_rows, json_value


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
