"""Positions of each code are those of a mask for each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from budget.numerics.row_codes import distinct_pairs, row_codes, rows_of_each


@given(st.data(), st.integers(1, 9))
def test_the_positions_of_each_code_are_those_of_its_mask(data, count):
    codes = data.draw(arrays(int, st.integers(0, 40), elements=st.integers(0, count - 1)))
    found = rows_of_each(codes, count)
    assert [rows.tolist() for rows in found] == [np.flatnonzero(codes == code).tolist() for code in range(count)]


@given(data=st.data(), count=st.integers(0, 12))
def test_rows_have_one_code_where_every_column_is_equal_and_codes_come_in_order(data, count):
    numbers = st.lists(st.integers(0, 12), min_size=count, max_size=count)
    columns = [np.array(data.draw(numbers), dtype=int) for _ in range(3)]
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    places = {row: place for place, row in enumerate(dict.fromkeys(rows))}
    assert row_codes(columns).tolist() == [places[row] for row in rows]
    assert distinct_pairs(*columns[:2]).tolist() == sorted(map(list, {row[:2] for row in rows}))
