"""Tables and records come back from their text as they were."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.errors import DataError
from budget.tables.files.contents import sha256
from budget.tables.files.text import csv_text, json_text, read_csv, read_json


def test_csv_keeps_full_precision(tmp_path):
    frame = pd.DataFrame({"a": [0.1 + 0.2, 1e300], "b": ["x,y", None]})
    (tmp_path / "t.csv").write_text(csv_text(frame), newline="")
    back = read_csv(tmp_path / "t.csv")
    assert float(back["a"].iloc[0]) == 0.1 + 0.2 and float(back["a"].iloc[1]) == 1e300
    assert back["b"].tolist() == ["x,y", ""] and back.index.tolist() == [2, 3]


def test_line_ends_in_cells_stay_in_their_cells(tmp_path):
    frame = pd.DataFrame({"a": ["one\rtwo", "one\ntwo", "one\r\ntwo", "plain"], "b": list("wxyz")})
    (tmp_path / "t.csv").write_text(csv_text(frame), newline="")
    assert (tmp_path / "t.csv").read_bytes().endswith(b"\nplain,z\n")
    back = read_csv(tmp_path / "t.csv")
    assert back["a"].tolist() == ["one\rtwo", "one\ntwo", "one\ntwo", "plain"] and back["b"].tolist() == list("wxyz")


def test_json_is_strict(tmp_path):
    assert json.loads(json_text({"a": [1.5]})) == {"a": [1.5]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"a": float("nan")})
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match="not a curves file"):
        read_json(tmp_path / "bad.json", "curves file")
    with pytest.raises(DataError, match="no such file"):
        read_json(tmp_path / "none.json", "curves file")


def test_sha256_is_the_standard_one(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)
KEYS = st.one_of(st.text(max_size=4), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))


@given(
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(KEYS, inner, max_size=3),
        ),
        max_leaves=20,
    ),
    st.lists(st.floats(), max_size=4),
)
def test_json_is_what_the_standard_library_writes(content, numbers):
    """The library's own indentation, byte for byte; a number that is not finite is refused, wherever it stands."""
    both = {"content": content, "numbers": numbers, "float": np.float64(0.1)}
    try:
        expected = json.dumps(both, indent=1, allow_nan=False)
    except ValueError:
        with pytest.raises(ValueError):
            json_text(both)
        return
    assert json_text(both) == expected + "\n"
