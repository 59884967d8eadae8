"""Which texts are numbers."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.numerics.numerals import number_of


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["{!r}", "{:.17e}", "{:+.17g}", "{:.400f}"]))
def test_every_way_to_write_a_float_is_read_back(number, form):
    assert number_of(form.format(number)) == number


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "1_000", "0x10", "１２", "1,5", "1 000", "--1", "1e", ".", "1e5e", "²"]
)
def test_other_texts_are_no_numbers(text):
    assert math.isnan(number_of(text))


def test_a_number_that_is_too_large_is_infinite():
    assert number_of("1e999") == math.inf and number_of("-" + "9" * 5000) == -math.inf
    assert number_of(".5") == 0.5 and number_of("5.") == 5.0
