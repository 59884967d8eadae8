"""Results are told in one line, whatever they hold."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from budget.numerics.brief import LONGEST, Brief


@dataclass(frozen=True, repr=False)
class Result(Brief):
    name: str
    numbers: np.ndarray
    parts: tuple[object, ...]
    other: object = None


def test_sizes_stand_for_what_is_long():
    assert (
        repr(Result("a", np.zeros((3, 4)), (1, 2))) == "Result(name='a', numbers=<3×4 float64>, parts=<2>, other=None)"
    )


@given(
    st.text(),
    st.lists(st.text(), max_size=300),
    st.one_of(st.none(), st.floats(), st.text(), st.dictionaries(st.text(), st.text())),
)
def test_it_is_one_short_line(name, parts, other):
    text = repr(Result(name, np.zeros(len(parts)), tuple(parts), other))
    assert len(text) <= LONGEST
    assert len(text.splitlines()) == 1
