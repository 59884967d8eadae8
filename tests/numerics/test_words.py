"""Numbers and lists in sentences."""

from hypothesis import given
from hypothesis import strategies as st

from budget.numerics.words import apart, exactly, named


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300))
def test_numbers_that_differ_are_written_differently(first, second):
    words = apart(first, second)
    assert (words[0] == words[1]) == (first == second)
    assert all(abs(float(word) - number) <= 5e-6 * number for word, number in zip(words, (first, second), strict=True))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_stated_number_is_given_back(number):
    assert float(exactly(number)) == number


def test_names_are_listed_and_the_last_ones_of_many_are_counted():
    assert named(["a"]) == "a"
    assert named(["a", "b"]) == "a and b"
    assert named([f"t{each}" for each in range(9)]) == "t0, t1, t2, t3, t4, t5, t6 and 2 more"
