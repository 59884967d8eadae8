"""Names and numbers in sentences."""

from hypothesis import given
from hypothesis import strategies as st

from budget.numerics.words import apart, exactly, listing, shortened


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300))
def test_numbers_that_differ_are_written_differently(first, second):
    words = apart(first, second)
    assert (words[0] == words[1]) == (first == second)
    assert all(abs(float(word) - number) <= 5e-6 * number for word, number in zip(words, (first, second), strict=True))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_stated_number_is_given_back(number):
    assert float(exactly(number)) == number


def test_names_are_listed_as_in_a_sentence():
    assert [listing(list("abc")[:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_what_does_not_fit_is_counted():
    assert shortened(["a", "b"], 2) == "a and b"
    assert shortened([f"t{i}" for i in range(18)], 4) == "t0, t1, t2, t3 and 14 more"
