"""JSON that is read back: what the standard has, and a reason for everything else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.numerics.strict_json import parse_json

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
