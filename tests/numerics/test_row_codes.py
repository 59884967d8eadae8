"""Positions of each code are those of a mask for each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from budget.numerics.row_codes import rows_of_each


@given(st.data(), st.integers(1, 9))
def test_the_positions_of_each_code_are_those_of_its_mask(data, count):
    codes = data.draw(arrays(int, st.integers(0, 40), elements=st.integers(0, count - 1)))
    found = rows_of_each(codes, count)
    assert [rows.tolist() for rows in found] == [np.flatnonzero(codes == code).tolist() for code in range(count)]
