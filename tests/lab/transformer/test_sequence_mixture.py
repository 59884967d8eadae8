import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from budget.lab.transformer.sequence_mixture import counts, interleaved

SHARES = st.lists(st.floats(0.01, 100), min_size=1, max_size=12).map(tuple)


@given(st.integers(0, 10_000), SHARES)
def test_counts_add_up_and_are_within_one_of_their_share(total, shares):
    numbers = counts(total, shares)
    assert numbers.sum() == total
    assert np.all(np.abs(numbers - total * np.array(shares) / sum(shares)) < 1 + 1e-9)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=12).filter(sum), st.integers(0, 5))
def test_every_stretch_holds_each_task_in_its_share(numbers, seed):
    order = interleaved(np.array(numbers), seed)
    np.testing.assert_array_equal(np.bincount(order, minlength=len(numbers)), numbers)
    total = sum(numbers)
    for task, number in enumerate(numbers):
        seen = np.cumsum(order == task)
        assert np.all(np.abs(seen - number * np.arange(1, total + 1) / total) <= len(numbers) + 1)


def test_equal_tasks_take_turns():
    order = interleaved(np.full(4, 50), 0).reshape(-1, 4)
    assert all(sorted(row) == [0, 1, 2, 3] for row in order.tolist())


def test_shares_have_any_unit():
    assert counts(12, (1, 3)).tolist() == counts(12, (0.25, 0.75)).tolist() == [3, 9]
