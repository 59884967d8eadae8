"""Numbers in sentences."""

from hypothesis import given
from hypothesis import strategies as st

from budget.numerics.words import apart, exactly


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300))
def test_numbers_that_differ_are_written_differently(first, second):
    words = apart(first, second)
    assert (words[0] == words[1]) == (first == second)
    assert all(abs(float(word) - number) <= 5e-6 * number for word, number in zip(words, (first, second), strict=True))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_stated_number_is_given_back(number):
    assert float(exactly(number)) == number
